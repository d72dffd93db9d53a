-- What the person has consented to at the service: since when, and until when, whatever is renewed.
alter table link add column consented_at bigint;
alter table link add column consent_ends_at bigint;

-- A claim takes a tenant's links by what runs out first: the key that Jira holds, or the refresh token
-- if nobody uses it.
alter table link add column first_end bigint not null default 0;
update link set first_end = published_expires_at;
drop index link_deadline;
create index link_deadline on link (client_key, first_end) where state <> 'reconnect';
