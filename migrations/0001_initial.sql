-- Portable between SQLite and PostgreSQL: text, bigint and boolean only. Times are unix seconds;
-- what is called sealed is ciphertext in base64 (src/vault.rs).

-- One Jira site with the app installed, or one where it was: its row stays, so that calls that come late
-- change nothing.
create table tenant (
    client_key text not null primary key,
    -- Counts the installations after an uninstall.
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
    -- Properties are written as the person.
    acts_as_user boolean not null,
    -- Links of an uninstalled tenant are still to be ended; then its key is destroyed.
    draining boolean not null,
    -- Until then Jira has asked us to stay away from this tenant, or from this method there; and why.
    wait_until bigint not null,
    put_wait_until bigint not null default 0,
    delete_wait_until bigint not null default 0,
    get_wait_until bigint not null default 0,
    wait_reason text,
    -- The highest generation of the links that an uninstall has ended: who was linked is forgotten with the
    -- tenant's key, and new links count on from here.
    generations bigint not null default 0,
    -- When the call was signed that installed or uninstalled the app as it is now, and the one that
    -- switched it on or off.
    signed_at bigint not null default 0,
    switched_at bigint not null default 0,
    -- When the site was last asked for its cloud id; null once it is known.
    site_asked_at bigint default 0,
    updated_at bigint not null
);
create index tenant_site_asked on tenant (site_asked_at) where site_asked_at is not null;
create index tenant_base_url on tenant (base_url);
-- The worker looks every second whether there is a tenant to be forgotten.
create index tenant_draining on tenant (client_key) where draining;

-- Atlassian's id of a site, the same for both doors, and the tenant that has the site's links. By it a site moves
-- from Connect to Forge, and a new installation of the Forge app takes over from the one before.
create table site (
    cloud_id text not null primary key,
    client_key text not null unique,
    -- Sealed with the tenant's key, so that nobody can give a site the links of another. Null once that key has been
    -- destroyed: then only the name is left, under which the site goes on if the app comes back.
    sealed text
);

-- Installations of the Forge app that have called.
create table forge_installation (
    installation text not null primary key,
    cloud_id text not null,
    environment text not null,
    -- waiting: its site is not known yet; current: it speaks for its tenant; past: another has taken over, or it
    -- is gone; refused: its site is not one that this server serves.
    standing text not null,
    -- The tenant for which it speaks or has spoken.
    client_key text,
    -- Since when it is current.
    since bigint not null default 0,
    called_at bigint not null,
    -- Sealed: that it speaks for this tenant, which calls go to this site.
    sealed text,
    -- Sealed: what calls to the tenant's Jira carry, and when it runs out.
    system_token text,
    system_token_ends_at bigint not null default 0,
    -- One that ends after this takes its place: its end, or sooner if the clock that it was taken from was ahead.
    system_token_yields_after bigint not null default 0,
    -- When Atlassian is asked whether it is still there. Each call puts that off.
    ask_at bigint not null,
    -- Since when Atlassian says that it is not there. Null: it has not said so, or the installation has called since.
    missing_since bigint
);
create unique index forge_installation_current on forge_installation (client_key) where standing = 'current';
create index forge_installation_ask on forge_installation (standing, ask_at);

-- When Forge last called on its schedule, about any installation, and since when it has done so without a gap. One
-- that is silent while no other is heard may be there: it is this server that hears nothing.
create table forge_heard (
    id bigint not null primary key,
    since bigint not null,
    heard_at bigint not null
);
insert into forge_heard (id, since, heard_at) values (1, 0, 0);

-- How often each tenant's row has been sealed, kept beside the row and never going back: an older row
-- that is put back into `tenant` does not open, and neither does one of a tenant that was uninstalled.
create table tenant_revision (
    client_key text not null primary key,
    revision bigint not null
);

-- Tokens of lifecycle calls that were taken, each with the body it came with, until they expire.
create table lifecycle_token (
    token_hash text not null primary key,
    body_hash text not null,
    expires_at bigint not null
);
create index lifecycle_token_expires on lifecycle_token (expires_at);

-- Atlassian's public keys of lifecycle tokens that were seen, for when its key server does not answer.
create table install_key (
    kid text not null primary key,
    -- Sealed, so that nobody puts a key of their own there, and bound to the time.
    sealed text not null,
    -- When the key server last gave it. It is asked again after a day.
    seen_at bigint not null
);
create index install_key_seen on install_key (seen_at);

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

-- People's attempts to link. A person has one at a time, the newest.
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
    -- Whether the person wants another account at the service than the one they are logged in to there.
    another boolean not null default false,
    unique (client_key, account_id)
);
create index attempt_expires on attempt (expires_at);

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
create index attempt_end_account on attempt_end (client_key, account_id);

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

-- Tickets with which a page of Forge opens a tab. The ticket is not stored, only its hash.
create table ticket (
    ticket_hash text not null primary key,
    client_key text not null,
    installation bigint not null,
    account_id text not null,
    issue text,
    another boolean not null,
    -- Sealed: that all of this belongs together.
    sealed text not null,
    expires_at bigint not null
);
create index ticket_expires on ticket (expires_at);
create index ticket_account on ticket (client_key, account_id);

-- Links between a person at a tenant and an account at the service. A link is its own renewal job.
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
    -- How many late writes by others may have replaced the newest key in Jira since it was put there. If not 0,
    -- it has to be put again.
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
    -- What the person has consented to at the service: since when, and until when, however often it is renewed.
    consented_at bigint,
    consent_ends_at bigint,
    -- What runs out first: the key that Jira holds, or the refresh token if nobody uses it.
    first_end bigint not null default 0,
    -- When Jira said of the link's person, in its own words about this person, that they are gone, and nothing
    -- has shown them since. Only when Jira says so again, a minute later, the link is closed.
    gone_since bigint,
    -- When Jira last said that the link's person is there. It is asked once a day.
    seen_at bigint not null default 0,
    -- What the last try met that brought no key into Jira; null once a key is there.
    trouble text,
    -- How often the service has refused this link since its key ran out, and since when. A success forgets it.
    refusals bigint not null default 0,
    refused_since bigint,
    -- How many bytes the property would have, where that is more than Jira takes.
    property_size bigint,
    unique (client_key, account_id)
);
create index link_due on link (due_at);
create index link_claimed on link (claimed_by) where claim is not null;
create index link_subject on link (subject);
create index link_account on link (account_id);
-- A site's admins see its links, the newest first.
create index link_newest on link (client_key, created_at, id);
-- A claim takes a tenant's links by what runs out first, or by how long they have been due; while the service
-- must not be asked, only those with a key that Jira lacks.
create index link_deadline on link (client_key, first_end) where state <> 'reconnect';
create index link_turn on link (client_key, due_at) where state <> 'reconnect';
create index link_unpublished on link (client_key, due_at)
    where state <> 'reconnect' and (published_generation < generation or put_again > 0);
-- Figures about all links are counted by index (src/store/figures.rs).
create index link_expiry on link (published_expires_at) where state = 'live';
create index link_resting on link (state, reason) where state <> 'live';
create index link_failing on link (failures) where state = 'live' and failures > 0;
create index link_intent on link (intent_at) where intent_at is not null;

-- The generation that each person's link has reached, kept beside the link and never going back: an older row
-- that is put back into `link` is behind it and does not open, and neither does one that was deleted.
create table link_generation (
    client_key text not null,
    account_id text not null,
    generation bigint not null,
    primary key (client_key, account_id)
);

-- What is left to do after something ended: tokens to revoke, keys and properties to delete.
create table cleanup (
    id text not null primary key,
    kind text not null,
    client_key text not null,
    installation bigint not null,
    account_id text not null,
    -- While another link uses this account at the service, the row waits: some services end every
    -- grant of an account when one refresh token is revoked.
    held_for_subject text,
    -- While this account in Jira has a link at any site, the row waits: its tokens are of an unknown account at
    -- the service, and may share a grant with that link.
    held_for_account text,
    -- Sealed beyond the tenant, whose key may be destroyed before this is done.
    revocation text,
    due_at bigint not null,
    failures bigint not null,
    -- After that it is given up.
    expires_at bigint not null
);
create index cleanup_due on cleanup (due_at);
create index cleanup_held on cleanup (held_for_subject) where held_for_subject is not null;
create index cleanup_held_for_account on cleanup (held_for_account) where held_for_account is not null;
create index cleanup_turn on cleanup (client_key, due_at)
    where held_for_subject is null and held_for_account is null;
-- By whose they were, for the report of accounts and for erasing.
create index cleanup_account on cleanup (client_key, account_id);
-- Keys to delete, by whose they were: they go before the tokens that end their grant.
create index cleanup_keys on cleanup (client_key, account_id) where kind = 'keys';

-- When each tenant's accounts are reported to Atlassian, which says whose data has to be erased or read again
-- (docs/data.md). A row comes with the installation and goes with it.
create table account_report (
    client_key text not null primary key,
    -- When the worker looks at it again. A claim moves it forward by the lease.
    due_at bigint not null,
    -- Who reports this tenant's accounts now.
    claim text,
    -- The cycle under way: when it began, the last account that it has reported, and how many. Null, empty and 0
    -- between two cycles.
    began_at bigint,
    reached text not null default '',
    accounts bigint not null default 0,
    -- The last cycle that was completed: when, and how many accounts it reported.
    reported_at bigint,
    reported bigint not null default 0,
    -- How often in a row reporting has failed, and what the last try met.
    failures bigint not null default 0,
    trouble text,
    trouble_at bigint
);
create index account_report_due on account_report (due_at);
create index account_report_trouble on account_report (trouble) where trouble is not null;

-- The keys that sign what is minted here. They belong to no tenant.
create table signing_key (
    -- Counts from 1: of two replicas that make the next one at the same moment, one does.
    number bigint not null primary key,
    kid text not null unique,
    -- Sealed by a sealing key: the private key.
    sealed text not null,
    -- Published before that, and until the last key that it signed has run out.
    signs_from bigint not null,
    -- The longest life, in seconds, of a key that it signs.
    life bigint not null
);

-- Gates that all replicas share, closed until a moment. `service`: no token request before it. `jira`: no write
-- to any Jira.
create table gate (
    name text not null primary key,
    opens_at bigint not null,
    -- Token requests in a row that failed because of the service. At five it opens for single probes only,
    -- until one succeeds. The fifth has to be of another tenant.
    failures bigint not null,
    -- When the first of them failed.
    failing_since bigint not null,
    -- Probes in a row that failed.
    probes bigint not null,
    -- Counts the changes, so that none is lost.
    version bigint not null
);
insert into gate (name, opens_at, failures, failing_since, probes, version) values ('service', 0, 0, 0, 0, 0);
insert into gate (name, opens_at, failures, failing_since, probes, version) values ('jira', 0, 0, 0, 0, 0);

-- Tenants whose token requests fail, until one succeeds.
create table failing_tenant (
    client_key text not null primary key,
    -- What its last link met that had not failed before: failed, refused or wait.
    met text not null,
    met_at bigint not null,
    -- How many links failed that had not failed before. From five on, the tenant's links rest.
    links bigint not null,
    rests bigint not null,
    opens_at bigint not null
);
create index failing_tenant_met on failing_tenant (met_at);

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
