-- Portable between SQLite and PostgreSQL: text, bigint and boolean only. Times are unix seconds;
-- what is called sealed is ciphertext in base64 (src/vault.rs).

-- One Jira site with the app installed.
create table tenant (
    client_key text not null primary key,
    installation bigint not null,
    base_url text not null,
    -- Origins, separated by spaces.
    display_urls text not null,
    oauth_client_id text,
    -- The tenant's own key, wrapped by a sealing key. Null once it has been destroyed.
    data_key text,
    -- Sealed.
    shared_secret text not null,
    installed boolean not null,
    enabled boolean not null,
    acts_as_user boolean not null,
    -- Uninstalled links of it are still to be ended; then its key is destroyed.
    draining boolean not null,
    -- Until then Jira has asked us to stay away from this tenant.
    wait_until bigint not null,
    updated_at bigint not null
);

-- What Jira said about people who tried to link.
create table person (
    client_key text not null,
    account_id text not null,
    kind text not null,
    active boolean not null,
    display_name text not null,
    checked_at bigint not null,
    primary key (client_key, account_id)
);

-- A person has one try at linking at a time, the newest.
create table attempt (
    id text not null primary key,
    client_key text not null,
    installation bigint not null,
    account_id text not null,
    issue text,
    phase text not null,
    state_hash text,
    handle_hash text,
    handle_expires_at bigint,
    -- Sealed: what the phase has to keep.
    kept text,
    created_at bigint not null,
    expires_at bigint not null,
    unique (client_key, account_id)
);
create index attempt_expires on attempt (expires_at);

-- Sessions of the top-level pages. The cookie's value is not stored, only its hash.
create table session (
    id_hash text not null primary key,
    data text not null,
    expires_at bigint not null
);
create index session_expires on session (expires_at);

-- Context tokens that have begun an attempt.
create table spent_token (
    token_hash text not null primary key,
    expires_at bigint not null
);
create index spent_token_expires on spent_token (expires_at);

-- A link is its own renewal job.
create table link (
    id text not null primary key,
    client_key text not null,
    installation bigint not null,
    account_id text not null,
    subject text not null,
    display_name text not null,
    state text not null,
    reason text,
    generation bigint not null,
    -- Sealed, bound to the generation.
    credential text not null,
    -- When the key of this generation runs out; null while it is still to be minted.
    key_expires_at bigint,
    -- What Jira has confirmed to hold.
    published_generation bigint not null,
    published_expires_at bigint not null,
    published_at bigint not null,
    -- Counts how often somebody else's late write may have come to stand in Jira since the newest key
    -- was put there; not 0 means that it has to be put again.
    put_again bigint not null,
    -- When the worker looks at it again. A claim moves it forward by the lease.
    due_at bigint not null,
    -- Failures in a row, for the backoff.
    failures bigint not null,
    -- Claims in a row that ended without an outcome.
    claims bigint not null,
    -- Who holds the lease: the claim and the replica.
    claim text,
    claimed_by text,
    -- Set before a token request leaves, cleared with its outcome.
    intent_at bigint,
    -- An earlier token request has an outcome that nobody knows.
    unsettled boolean not null,
    created_at bigint not null,
    unique (client_key, account_id)
);
create index link_due on link (due_at);
create index link_claimed on link (claimed_by) where claim is not null;
create index link_subject on link (subject);

-- What is left to do after something ended: tokens to revoke, properties to delete.
create table cleanup (
    id text not null primary key,
    kind text not null,
    client_key text not null,
    installation bigint not null,
    account_id text not null,
    -- While another link uses this account at the service, the row waits: some services end every
    -- grant of an account when one refresh token is revoked.
    held_for_subject text,
    -- Sealed beyond the tenant, whose key may be destroyed before this is done.
    revocation text,
    due_at bigint not null,
    failures bigint not null,
    -- After that there is nothing left to end.
    expires_at bigint not null
);
create index cleanup_due on cleanup (due_at);
create index cleanup_held on cleanup (held_for_subject) where held_for_subject is not null;
