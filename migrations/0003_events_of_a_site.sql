-- A site's admins see its links, the newest first.
create index link_newest on link (client_key, created_at, id);

-- What the admins of a site have decided about who may connect there. They can only allow less than the vendor does.
create table site_rule (
    client_key text not null primary key,
    -- May portal customers connect, where the vendor lets them.
    customers boolean not null,
    -- Names or ids of groups, one a line: only their members may connect. Empty: everybody may.
    group_list text not null,
    changed_at bigint not null
);

-- What happened at a site, for its admins: written with what it tells of, and kept for some months.
create table site_event (
    -- Grows within a second, so that what one process wrote is in its order.
    id text not null primary key,
    client_key text not null,
    at bigint not null,
    kind text not null,
    -- Whom it is about. Null where it is about nobody, and once the account was closed.
    account_id text,
    -- Who brought it about, and which admin if it was one.
    by_whom text not null,
    by_account_id text,
    -- More about it: a reason, or what was decided.
    detail text
);
create index site_event_newest on site_event (client_key, at, id);
create index site_event_account on site_event (client_key, account_id, at);
create index site_event_by_account on site_event (client_key, by_account_id);
create index site_event_at on site_event (at);
