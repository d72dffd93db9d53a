-- How often the linking page of an attempt was shown, and when the browser said that the one shown last was closed.
-- Both are only for the panel in the issue, and decide nothing.
alter table attempt add column shown bigint not null default 0;
alter table attempt add column left_at bigint;
