-- Keys that are to be deleted, by whose they were: they go before the tokens that end their grant.
create index cleanup_keys on cleanup (client_key, account_id) where kind = 'keys';
