-- How often each tenant's row has been sealed, kept beside the row and never going back: an older row
-- that is put back into `tenant` does not open, and neither does one of a tenant that was uninstalled.
create table tenant_revision (
    client_key text not null primary key,
    revision bigint not null
);

-- What is done once to rows that an earlier version wrote, after the migrations (src/store/reseal.rs).
create table done_once (
    what text not null primary key,
    done_at bigint not null
);
