-- Tokens of lifecycle calls that were taken, each with the body it came with, until none is taken any more.
create table lifecycle_token (
    token_hash text not null primary key,
    body_hash text not null,
    expires_at bigint not null
);
create index lifecycle_token_expires on lifecycle_token (expires_at);

-- When the call was signed that has installed or uninstalled the app as it is now, and the one that has
-- switched it on or off.
alter table tenant add column signed_at bigint not null default 0;
alter table tenant add column switched_at bigint not null default 0;
