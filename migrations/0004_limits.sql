-- What all replicas keep to together: src/budget.rs.

-- Closed until a moment. `service`: no token request before it. `jira`: no write to any Jira.
create table gate (
    name text not null primary key,
    opens_at bigint not null,
    -- Token requests in a row that the service was not well for. From five on it opens for single
    -- probes only, until one goes well.
    failures bigint not null,
    -- Probes in a row that did not go well.
    probes bigint not null,
    -- Counts the changes, so that none is lost.
    version bigint not null
);
insert into gate (name, opens_at, failures, probes, version) values ('service', 0, 0, 0, 0);
insert into gate (name, opens_at, failures, probes, version) values ('jira', 0, 0, 0, 0);

-- Points of Jira's quota that processes have taken in an hour (unix time / 3600), over all tenants.
create table quota (
    hour bigint not null primary key,
    taken bigint not null,
    -- Those of them that are for renewals.
    renewal bigint not null
);

-- When the next token request may leave, in unix milliseconds, where their rate is limited.
create table pace (
    name text not null primary key,
    next_at bigint not null
);
insert into pace (name, next_at) values ('service', 0);

-- Until then Jira has asked us to stay away from this method at this tenant.
alter table tenant add column put_wait_until bigint not null default 0;
alter table tenant add column delete_wait_until bigint not null default 0;
alter table tenant add column get_wait_until bigint not null default 0;

-- A claim takes a tenant's links by the end of the key that Jira holds, or by how long they have been
-- due; while the service is to be left alone, only those whose key is there and not in Jira.
create index link_deadline on link (client_key, published_expires_at) where state <> 'reconnect';
create index link_turn on link (client_key, due_at) where state <> 'reconnect';
create index link_unpublished on link (client_key, due_at)
    where state <> 'reconnect' and (published_generation < generation or put_again > 0);
create index cleanup_turn on cleanup (client_key, due_at) where held_for_subject is null;
