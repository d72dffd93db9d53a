-- Whether the person wants another account at the service than the one they are logged in to there.
alter table attempt add column another boolean not null default false;
