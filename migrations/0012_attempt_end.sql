-- How attempts ended, for as long as somebody may look at one of their pages again.
create table attempt_end (
    id text not null primary key,
    client_key text not null,
    installation bigint not null,
    account_id text not null,
    issue text,
    how text not null,
    -- What the attempt was known by, to recognise a callback or a proof that comes again.
    state_hash text,
    handle_hash text,
    handle_expires_at bigint,
    expires_at bigint not null
);
create index attempt_end_expires on attempt_end (expires_at);
