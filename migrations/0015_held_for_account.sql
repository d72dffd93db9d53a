-- Tokens of an account at the service that nobody knows wait while this account in Jira has a link, at
-- whichever site: they may share a grant with it.
alter table cleanup add column held_for_account text;
create index cleanup_held_for_account on cleanup (held_for_account) where held_for_account is not null;
create index link_account on link (account_id);
-- Without those that wait.
drop index cleanup_turn;
create index cleanup_turn on cleanup (client_key, due_at)
    where held_for_subject is null and held_for_account is null;
