//! Every statement, written once for SQLite and PostgreSQL.
//!
//! Rules that keep them portable: `$1` parameters, no functions that only one database has, `true` and
//! `false` for booleans, times as bound numbers. A claim is one statement; PostgreSQL adds
//! `for update skip locked` where replicas would otherwise wait for one another, and that is the only
//! difference ([`ALL`] holds both forms).

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* pub(super) const $name: &str = $sql;)*

        /// Name and text of each, so that a test can prepare them all on both databases.
        pub const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

/// Takes links for a replica: $1 now, $2 end of the lease, $3 the claim, $4 the replica, $5 how many, $6
/// the tenant, $7 whether it is for the one probe.
macro_rules! claim {
    () => {
        "update link set due_at = $2, claims = claims + 1, claim = $3, claimed_by = $4 \
        where id in (select l.id from link l where l.id in "
    };
}

/// Candidates among all that are due, for a turn ([`super::TURN`]). Of the first in order most are due if
/// any are, but those that are under way stand there too. There are more than a turn is for, since another
/// replica may just be taking some. Plain numbers: where they are parameters, PostgreSQL takes them to be
/// a tenth of all there are, and plans for that.
macro_rules! due {
    () => {
        "(select id from (select id, first_end from (select id, first_end, due_at \
        from link where client_key = $6 and state <> 'reconnect' \
        order by first_end limit 32) as head where due_at <= $1 \
        union select id, first_end from (select id, first_end from link \
        where client_key = $6 and state <> 'reconnect' \
        and due_at <= $1 order by due_at limit 8) as oldest) as candidate \
        order by first_end limit 16) \
        and ($7 or not exists (select 1 from gate g where g.name = 'service' and g.opens_at > $1))"
    };
}

/// Candidates among those that have a key which Jira lacks: for them the service is not needed.
macro_rules! unpublished {
    () => {
        "(select id from link where client_key = $6 and state <> 'reconnect' \
        and (published_generation < generation or put_again > 0) and due_at <= $1 order by due_at limit 16) \
        and $7"
    };
}

macro_rules! claim_in_order {
    () => {
        " and l.due_at <= $1 and l.state <> 'reconnect' and l.installation = (select t.installation \
        from tenant t where t.client_key = $6 and t.installed and t.enabled and t.wait_until <= $1 \
        and t.put_wait_until <= $1) \
        and not exists (select 1 from gate g where g.name = 'jira' and g.opens_at > $1) \
        order by l.first_end limit $5"
    };
}

/// What a claim answers.
macro_rules! claimed {
    () => {
        " returning *, (select g.generation from link_generation g where g.client_key = link.client_key \
        and g.account_id = link.account_id) as reached"
    };
}

statements! {
    PING = "select 1";

    // Tenants.

    TENANT_STUB = "insert into tenant (client_key, installation, base_url, display_urls, shared_secret, installed, \
        enabled, acts_as_user, draining, wait_until, updated_at) \
        values ($1, 0, '', '', '', false, false, false, false, 0, $2) on conflict (client_key) do nothing";
    /// An update first, because it locks the row on both databases.
    TENANT_LOCK = "update tenant set updated_at = $2 where client_key = $1 returning *";
    /// An upgrade enables nothing that an admin has switched off.
    TENANT_INSTALL = "update tenant set installation = $2, base_url = $3, display_urls = $4, \
        oauth_client_id = $5, data_key = $6, shared_secret = $7, signed_at = $8, installed = true, \
        enabled = (enabled or not installed), \
        switched_at = case when installed then switched_at else $8 end, \
        acts_as_user = false, wait_until = 0, put_wait_until = 0, delete_wait_until = 0, \
        get_wait_until = 0 where client_key = $1";
    /// With the gate of all tenants: this is read right before a call.
    TENANT_BY_KEY = "select t.*, g.opens_at as jira_opens_at, (select r.revision from tenant_revision r \
        where r.client_key = t.client_key) as revision from tenant t cross join gate g \
        where t.client_key = $1 and g.name = 'jira'";
    TENANT_UNINSTALL = "update tenant set draining = (draining or installed), installed = false, \
        enabled = false, signed_at = $2 where client_key = $1";
    TENANT_ENABLE = "update tenant set enabled = $2, switched_at = $3 where client_key = $1";
    /// Whatever was sealed before opens no more. After the tenant is locked, so that two never count the
    /// same.
    REVISION_NEXT = "insert into tenant_revision (client_key, revision) values ($1, 1) \
        on conflict (client_key) do update set revision = tenant_revision.revision + 1 returning revision";
    TENANT_SITES = "select client_key, base_url from tenant where installed and client_key > $1 \
        order by client_key limit $2";
    /// The first body that comes with a token is the one that it is for.
    LIFECYCLE_NOTE = "insert into lifecycle_token (token_hash, body_hash, expires_at) values ($1, $2, $3) \
        on conflict (token_hash) do nothing";
    LIFECYCLE_BODY = "select body_hash from lifecycle_token where token_hash = $1";
    LIFECYCLE_EXPIRED = "delete from lifecycle_token where token_hash in \
        (select token_hash from lifecycle_token where expires_at <= $1 limit $2)";
    TENANT_ACTS_AS_USER = "update tenant set acts_as_user = $2 where client_key = $1";
    TENANT_WAIT = "update tenant set wait_until = $2, wait_reason = $3 where client_key = $1 and wait_until < $2";
    TENANT_WAIT_PUT = "update tenant set put_wait_until = $2, wait_reason = $3 where client_key = $1 and put_wait_until < $2";
    TENANT_WAIT_DELETE = "update tenant set delete_wait_until = $2, wait_reason = $3 where client_key = $1 and delete_wait_until < $2";
    TENANT_WAIT_GET = "update tenant set get_wait_until = $2, wait_reason = $3 where client_key = $1 and get_wait_until < $2";
    TENANTS_DRAINING = "select * from tenant where draining limit 20";
    /// Destroying the key is what forgets an uninstalled tenant.
    TENANT_DRAINED = "update tenant set draining = false, \
        data_key = case when installed then data_key else null end, \
        shared_secret = case when installed then shared_secret else '' end, \
        generations = (select coalesce(max(g.generation), tenant.generations) from link_generation g \
        where g.client_key = tenant.client_key) \
        where client_key = $1 and draining and not exists (select 1 from link \
        where link.client_key = tenant.client_key \
        and (link.installation < tenant.installation or not tenant.installed))";
    TENANT_PEOPLE_DELETE = "delete from person where client_key = $1 and exists \
        (select 1 from tenant where tenant.client_key = person.client_key and not tenant.installed)";

    // People.

    PERSON = "select * from person where client_key = $1 and account_id = $2";
    PERSON_REMEMBER = "insert into person (client_key, account_id, kind, active, display_name, checked_at) \
        values ($1, $2, $3, $4, $5, $6) on conflict (client_key, account_id) do update set \
        kind = excluded.kind, active = excluded.active, display_name = excluded.display_name, \
        checked_at = excluded.checked_at";

    // Attempts.

    /// None where the person has one: it was begun by somebody else in this moment.
    ATTEMPT_BEGIN = "insert into attempt (id, client_key, installation, account_id, issue, phase, kept, \
        created_at, expires_at, another) values ($1, $2, $3, $4, $5, 'begun', $6, $7, $8, $9) \
        on conflict (client_key, account_id) do nothing";
    ATTEMPT_TAKE_OF_PERSON = "delete from attempt where client_key = $1 and account_id = $2 returning *";
    ATTEMPT_BY_ID = "select * from attempt where id = $1";
    ATTEMPT_OF_PERSON = "select * from attempt where client_key = $1 and account_id = $2";
    ATTEMPTS_OF_TENANT = "select * from attempt where client_key = $1";
    /// What was redeemed holds tokens, which must be revoked; the others leave nothing behind.
    ATTEMPTS_EXPIRED_REDEEMED = "select * from attempt where expires_at <= $1 and phase = 'redeemed' \
        order by expires_at limit $2";
    ATTEMPTS_EXPIRED = "delete from attempt where id in \
        (select id from attempt where expires_at <= $1 and phase <> 'redeemed' limit $2)";
    /// Every step of every attempt. Each sealing gives another text, so whoever comes second finds no row.
    ATTEMPT_STEP = "update attempt set phase = $4, state_hash = $5, handle_hash = $6, handle_expires_at = $7, \
        kept = $8 where id = $1 and kept = $2 and expires_at > $3";
    ATTEMPT_DELETE = "delete from attempt where id = $1 returning *";
    ATTEMPT_CONFIRM = "delete from attempt where id = $1 and kept = $2 and expires_at > $3 \
        and phase = 'redeemed' and client_key = $4 and account_id = $5 and installation = $6 returning *";
    ATTEMPT_END_ADD = "insert into attempt_end (id, client_key, installation, account_id, issue, how, state_hash, \
        handle_hash, handle_expires_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
        on conflict (id) do nothing";
    ATTEMPT_END_BY_ID = "select * from attempt_end where id = $1 and expires_at > $2";
    ATTEMPT_ENDS_EXPIRED = "delete from attempt_end where id in \
        (select id from attempt_end where expires_at <= $1 limit $2)";

    // Sessions and spent tokens.

    SESSION_CREATE = "insert into session (id_hash, data, expires_at) values ($1, $2, $3) \
        on conflict (id_hash) do nothing";
    SESSION_SAVE = "insert into session (id_hash, data, expires_at) values ($1, $2, $3) \
        on conflict (id_hash) do update set data = excluded.data, expires_at = excluded.expires_at";
    SESSION_LOAD = "select data, expires_at from session where id_hash = $1 and expires_at > $2";
    SESSION_DELETE = "delete from session where id_hash = $1";
    SESSIONS_EXPIRED = "delete from session where id_hash in \
        (select id_hash from session where expires_at <= $1 limit $2)";
    TOKEN_SPEND = "insert into spent_token (token_hash, expires_at) values ($1, $2) \
        on conflict (token_hash) do nothing";
    TOKENS_EXPIRED = "delete from spent_token where token_hash in \
        (select token_hash from spent_token where expires_at <= $1 limit $2)";

    // Links.

    // The columns subject, display_name, installation and id stand in clear, and a link's credential is
    // sealed beside them. Whatever gives something away or shows a name opens it first. The others only
    // count or find rows by them, and say why it does no harm where somebody has changed one.

    LINK_OF_PERSON_ANY = "select * from link where client_key = $1 and account_id = $2";
    /// A hint on a page: names of people at Jira, by subjects that are not opened. A subject that was changed
    /// leaves a name out, or shows the name of a colleague who uses another account; nothing is decided by it.
    OTHERS_LINKED = "select p.display_name from link l join person p on p.client_key = l.client_key \
        and p.account_id = l.account_id where l.subject = $1 and l.client_key = $2 and l.account_id <> $3 \
        and l.installation = $4 and l.state <> 'reconnect' limit 3";
    LINK_PUT = "insert into link (id, client_key, installation, account_id, subject, display_name, state, \
        generation, credential, key_expires_at, published_generation, published_expires_at, published_at, \
        put_again, due_at, failures, claims, claim, claimed_by, unsettled, created_at, consented_at, \
        consent_ends_at, first_end) \
        values ($1, $2, $3, $4, $5, $6, 'live', $7, $8, $9, 0, 0, 0, 0, $10, 0, 1, $11, $12, false, $13, $14, \
        $15, 0) \
        on conflict (client_key, account_id) do update set id = excluded.id, \
        installation = excluded.installation, subject = excluded.subject, \
        display_name = excluded.display_name, state = excluded.state, reason = null, \
        generation = excluded.generation, credential = excluded.credential, \
        key_expires_at = excluded.key_expires_at, published_generation = 0, published_expires_at = 0, \
        published_at = 0, put_again = 0, due_at = excluded.due_at, failures = 0, claims = 1, claim = excluded.claim, \
        claimed_by = excluded.claimed_by, intent_at = null, unsettled = false, \
        consented_at = excluded.consented_at, consent_ends_at = excluded.consent_ends_at, first_end = 0, \
        gone_since = null";
    LINK_DELETE = "delete from link where client_key = $1 and account_id = $2 returning *";
    LINK_DELETE_BY_ID = "delete from link where id = $1 returning *";
    /// Only of tenants that were uninstalled. A link whose number was changed does not open, and ends
    /// without its tokens being revoked, as if it had been deleted.
    LINKS_OF_OLD_INSTALLATION = "select * from link where client_key = $1 and (installation < $2 or $3) limit 100";
    /// For the next link, or past the end of one. Before the link in every transaction, so that two of
    /// them never wait for one another.
    GENERATION_NEXT = "insert into link_generation (client_key, account_id, generation) \
        values ($1, $2, 1 + coalesce((select t.generations from tenant t where t.client_key = $1), 0)) \
        on conflict (client_key, account_id) do update set generation = link_generation.generation + 1 \
        returning generation";
    GENERATION_REACHED = "insert into link_generation (client_key, account_id, generation) \
        values ($1, $2, $3) on conflict (client_key, account_id) do update \
        set generation = excluded.generation where link_generation.generation < excluded.generation";
    /// With the tenant's key: nothing that it sealed opens again.
    GENERATIONS_DELETE = "delete from link_generation where client_key = $1 and exists (select 1 from tenant \
        where tenant.client_key = link_generation.client_key and tenant.data_key is null)";
    /// By tenant and account, which nobody can be linked without. Who changes or adds a row keeps a property
    /// from being deleted, or has one deleted; nothing is given away.
    LINK_EXISTS = "select count(*) from link where client_key = $1 and account_id = $2";
    /// The newest generation is put again. Whoever holds the row goes on holding it.
    LINK_PUT_AGAIN = "update link set put_again = put_again + 1, \
        due_at = case when claim is null then $3 else due_at end \
        where client_key = $1 and account_id = $2";
    LINK_RENEW_NOW = "update link set due_at = case when claim is null then $4 else due_at end, failures = 0 \
        where client_key = $1 and account_id = $2 and installation = $3 and state in ('live', 'aside')";

    /// How many links use an account at the service, and how many of them are this person's, at
    /// whichever site. It decides when tokens are revoked, not whether, and nothing is sent but to the
    /// service: whoever changes a subject here could as well delete the link, or the entry of the list.
    SUBJECT_IN_USE = "select count(*), count(case when account_id = $2 then 1 end) from link \
        where subject = $1";

    // Renewal. The lease is `due_at`: while it lies ahead, nobody else takes the row.

    // Tenants take turns, so a claim is about one tenant. It takes what is due by its first end: that of
    // the key that Jira holds, or of the refresh token if nobody uses it. So that it costs the same however many links there are, it looks at the first in that
    // order and at those that have been due for longest.

    /// Links come first whose tenant's key comes first; each process goes round by itself.
    TENANTS_DUE = "select t.client_key from tenant t where t.client_key > $2 and t.installed and t.enabled \
        and t.wait_until <= $1 and t.put_wait_until <= $1 \
        and (select l.id from link l where l.client_key = t.client_key and l.state <> 'reconnect' \
        and l.due_at <= $1 order by l.due_at limit 1) is not null order by t.client_key limit $3";
    TENANTS_UNPUBLISHED = "select t.client_key from tenant t where t.client_key > $2 and t.installed and t.enabled \
        and t.wait_until <= $1 and t.put_wait_until <= $1 \
        and (select l.id from link l where l.client_key = t.client_key and l.state <> 'reconnect' \
        and (l.published_generation < l.generation or l.put_again > 0) \
        and l.due_at <= $1 order by l.due_at limit 1) is not null order by t.client_key limit $3";
    CLAIM_SQLITE = concat!(claim!(), due!(), claim_in_order!(), ")", claimed!());
    CLAIM_POSTGRES = concat!(claim!(), due!(), claim_in_order!(), " for update of l skip locked)", claimed!());
    CLAIM_UNPUBLISHED_SQLITE = concat!(claim!(), unpublished!(), claim_in_order!(), ")", claimed!());
    CLAIM_UNPUBLISHED_POSTGRES =
        concat!(claim!(), unpublished!(), claim_in_order!(), " for update of l skip locked)", claimed!());
    LINK_STANDS = "select count(*) from link l join tenant t on t.client_key = l.client_key \
        where l.id = $1 and l.generation = $2 and t.installed and t.installation = l.installation";
    /// The refusal counts only if the row is still what was sent: the second reading before a person is
    /// asked to reconnect.
    RECONNECT = "update link set state = 'reconnect', reason = $4, claim = null, claimed_by = null, \
        claims = 0, intent_at = null where id = $1 and generation = $2 and claim = $3";
    SET_ASIDE = "update link set state = 'aside', reason = $4, due_at = $5, failures = failures + 1, \
        claim = null, claimed_by = null, claims = 0 where id = $1 and generation = $2 and claim = $3";
    /// The first word of it counts, unless it is of a clock that was ahead.
    GONE_SAID = "update link set gone_since = case when gone_since <= $4 then gone_since else $4 end \
        where id = $1 and generation = $2 and claim = $3 returning gone_since";
    GONE_NOT = "update link set gone_since = null where client_key = $1 and account_id = $2 \
        and gone_since is not null";
    OWNERS = "select distinct claimed_by from link where claim is not null and claimed_by <> $1";
    RELEASE_OWNER = "update link set due_at = $2, claim = null, claimed_by = null \
        where claimed_by = $1 and claim is not null";

    /// A lock that ends with its connection: the sign of life of a replica.
    LIFE_TAKE_POSTGRES = "select pg_try_advisory_lock($1)";
    LIFE_PROBE_POSTGRES = "select pg_try_advisory_xact_lock($1)";

    // What all replicas keep to together.

    GATE = "select opens_at, failures, probes, version from gate where name = $1";
    GATE_CHANGE = "update gate set opens_at = $3, failures = $4, probes = $5, version = version + 1 \
        where name = $1 and version = $2";
    /// Changes nothing, and is written all the same.
    GATE_TOUCH = "update gate set version = version where name = $1";
    /// The first of an hour has all points before it.
    QUOTA_TAKE = "insert into quota (hour, taken, renewal) values ($1, $2, $3) on conflict (hour) do update \
        set taken = quota.taken + excluded.taken, renewal = quota.renewal + excluded.renewal \
        where quota.taken + excluded.taken <= $4 and quota.renewal + excluded.renewal <= $5";
    QUOTA_TAKEN = "select taken, renewal from quota where hour = $1";
    QUOTAS_PAST = "delete from quota where hour < $1";
    PACE_RESERVE = "update pace set next_at = $2 + case when next_at > $1 then next_at else $1 end \
        where name = 'service' and next_at <= $3 returning next_at";
    /// A process that falls asleep in a transaction keeps its rows from all others, until this.
    ASLEEP_POSTGRES = "select set_config('idle_in_transaction_session_timeout', '10s', false)";
    /// `on` in a session that was told so, and on a server that follows another.
    READ_ONLY_POSTGRES = "select current_setting('transaction_read_only')";
    TIME_POSTGRES = "select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)";

    // What is left to do after something ended.

    CLEANUP_ADD = "insert into cleanup (id, kind, client_key, installation, account_id, held_for_subject, \
        revocation, due_at, failures, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)";
    TENANTS_TO_CLEAN = "select t.client_key from tenant t where t.client_key > $2 \
        and (select c.id from cleanup c where c.client_key = t.client_key and c.held_for_subject is null \
        and c.held_for_account is null and c.due_at <= $1 order by c.due_at limit 1) is not null order by t.client_key limit $3";
    CLEANUP_CLAIM_SQLITE = "update cleanup set due_at = $2 where id in (select id from cleanup \
        where client_key = $4 and due_at <= $1 and held_for_subject is null and held_for_account is null \
        order by due_at limit $3) returning *";
    CLEANUP_CLAIM_POSTGRES = "update cleanup set due_at = $2 where id in (select id from cleanup \
        where client_key = $4 and due_at <= $1 and held_for_subject is null and held_for_account is null \
        order by due_at limit $3 for update skip locked) returning *";
    CLEANUP_CLAIM_ONE = "update cleanup set due_at = $2 where id = $3 and due_at <= $1 \
        and held_for_subject is null and held_for_account is null returning *";
    /// What must wait while a link uses the account: see `Wait`. Somebody may have linked since it was put
    /// on the list.
    CLEANUP_HOLD = "update cleanup set held_for_subject = $2 where id = $1 \
        and (select 1 from link where subject = $2 and ($3 or account_id = $4) limit 1) is not null";
    /// What is of an account that nobody knows waits while its person has a link, at whichever site.
    CLEANUP_HOLD_FOR_ACCOUNT = "update cleanup set held_for_account = $2 where id = $1 \
        and (select 1 from link where account_id = $2 limit 1) is not null";
    ACCOUNT_LINKED = "select count(*) from link where account_id = $1";
    CLEANUP_KEYS = "select id from cleanup where client_key = $1 and account_id = $2 and kind = 'keys' limit 100";
    CLEANUP_DONE = "delete from cleanup where id = $1";
    CLEANUP_LATER = "update cleanup set due_at = $2, failures = failures + 1, expires_at = $3 where id = $1";
    /// What was held begins anew, however long it waited: a full time to be tried in.
    /// Not `not exists`: PostgreSQL may join that with all links there are, every second.
    CLEANUP_LET_GO = "update cleanup set held_for_subject = null, due_at = $1, expires_at = $2 \
        where held_for_subject is not null \
        and (select 1 from link where link.subject = cleanup.held_for_subject limit 1) is null";
    CLEANUP_LET_GO_OF_ACCOUNT = "update cleanup set held_for_account = null, due_at = $1, expires_at = $2 \
        where held_for_account is not null \
        and (select 1 from link where link.account_id = cleanup.held_for_account limit 1) is null";
    CLEANUP_LEFT = "select count(*) from cleanup where (held_for_subject is null \
        or not exists (select 1 from link where link.subject = cleanup.held_for_subject)) \
        and (held_for_account is null \
        or not exists (select 1 from link where link.account_id = cleanup.held_for_account))";

    // What the sealing keys seal themselves, page by page, to be sealed by another.

    MIGRATIONS_APPLIED = "select version, checksum from _sqlx_migrations where success order by version";
    WRAPPED_COUNT = "select (select count(*) from tenant where data_key is not null) \
        + (select count(*) from cleanup where revocation is not null) \
        + (select count(*) from signing_key)";
    TENANT_KEYS_PAGE = "select client_key as id, client_key, data_key as sealed from tenant \
        where data_key is not null and client_key > $1 order by client_key limit $2";
    REVOCATIONS_PAGE = "select id, client_key, revocation as sealed from cleanup \
        where revocation is not null and id > $1 order by id limit $2";
    TENANT_KEY_REWRAP_SQLITE = "update tenant set data_key = $3 where client_key = $1 and data_key = $2";
    /// Never waits for a row, so that it cannot stand in anybody's way: the next pass finds it.
    TENANT_KEY_REWRAP_POSTGRES = "update tenant set data_key = $3 where data_key = $2 and client_key in \
        (select client_key from tenant where client_key = $1 for update skip locked)";
    REVOCATION_REWRAP_SQLITE = "update cleanup set revocation = $3 where id = $1 and revocation = $2";
    REVOCATION_REWRAP_POSTGRES = "update cleanup set revocation = $3 where revocation = $2 and id in \
        (select id from cleanup where id = $1 for update skip locked)";

    // Figures.

    // Only the index of the rows that are asked for is read: none of these reads the table of links.

    LINKS_LIVE = "select count(*) from link where state = 'live'";
    LINKS_RESTING = "select state, coalesce(reason, ''), count(*) from link where state <> 'live' \
        group by state, reason";
    LINKS_DUE = "select count(*), count(case when due_at <= $2 then 1 end) from link \
        where due_at <= $1 and state = 'live' and exists (select 1 from tenant t \
        where t.client_key = link.client_key and t.installed and t.enabled)";
    LINKS_FAILING = "select count(*) from link where state = 'live' and failures > 0 \
        and exists (select 1 from tenant t \
        where t.client_key = link.client_key and t.installed and t.enabled)";
    LINKS_UNSETTLED = "select count(*) from link where intent_at is not null";
    EARLIEST_EXPIRY = "select l.published_expires_at from link l join tenant t on t.client_key = l.client_key \
        where l.state = 'live' and l.published_expires_at > $1 and t.installed and t.enabled \
        order by l.published_expires_at limit 1";
    KEYS_RUN_OUT = "select count(*) from link where state = 'live' \
        and published_expires_at > 0 and published_expires_at <= $1 and exists (select 1 from tenant t \
        where t.client_key = link.client_key and t.installed and t.enabled)";
    SOME_KEYS_FROM = "select published_at, published_expires_at from link where id >= $1 order by id limit $2";
    SOME_KEYS_BELOW = "select published_at, published_expires_at from link where id < $1 order by id limit $2";
    CLEANUP_BY_KIND = "select case when held_for_subject is null and held_for_account is null then kind else 'held' end as what, count(*) \
        from cleanup group by what";
    TENANTS_BY_STATE = "select enabled, count(*) from tenant where installed group by enabled";
    TENANTS_PARKED = "select coalesce(wait_reason, ''), count(*) from tenant \
        where installed and (wait_until > $1 or put_wait_until > $1) group by wait_reason";

    // What is asked beside a server.

    MIGRATIONS_DONE = "select version, checksum, success from _sqlx_migrations";
    TENANTS_SOME = "select t.*, (select r.revision from tenant_revision r \
        where r.client_key = t.client_key) as revision from tenant t where t.installed limit $1";

    // What a version before has sealed, to be sealed anew once.

    DONE_ONCE = "select count(*) from done_once where what = $1";
    DONE_ONCE_NOTE = "insert into done_once (what, done_at) values ($1, $2) on conflict (what) do nothing";
    /// Until its connection ends.
    TURN_TAKE_POSTGRES = "select pg_advisory_lock($1)";
    TENANT_KEYS_FROM = "select client_key, data_key from tenant where data_key is not null and client_key > $1 \
        order by client_key limit $2";
    TENANT_RESEAL = "update tenant set shared_secret = $2 where client_key = $1";
    LINKS_FROM = "select l.*, (select g.generation from link_generation g where g.client_key = l.client_key \
        and g.account_id = l.account_id) as reached from link l where l.id > $1 order by l.id limit $2";
    LINK_RESEAL = "update link set credential = $3 where id = $1 and credential = $2";
    ATTEMPTS_OF_BEFORE = "select id, client_key, installation, account_id, kept from attempt \
        where phase = 'proved' and kept is not null";
    ATTEMPTS_DELETE = "delete from attempt";
    SESSIONS_DELETE = "delete from session";

    // Keys that are signed here.

    SIGNING_KEYS = "select number, kid, sealed, signs_from, life from signing_key where number > $1 order by number";
    /// The number decides which of two replicas makes the next.
    SIGNING_KEY_ADD = "insert into signing_key (number, kid, sealed, signs_from, life) \
        values ($1, $2, $3, $4, $5) on conflict (number) do nothing";
    SIGNING_KEY_LIFE = "update signing_key set life = $2 where kid = $1 and life < $2";
    SIGNING_KEY_FORGET = "delete from signing_key where kid = $1";
    SIGNING_KEYS_PAGE = "select kid as id, '' as client_key, sealed from signing_key \
        where kid > $1 order by kid limit $2";
    SIGNING_KEY_REWRAP = "update signing_key set sealed = $3 where kid = $1 and sealed = $2";
    /// Whether its credential opens beside these columns is looked at afterwards.
    LINK_HONOURED = "select l.*, (select g.generation from link_generation g \
        where g.client_key = l.client_key and g.account_id = l.account_id) as reached from link l join tenant t on t.client_key = l.client_key \
        where l.id = $1 and l.client_key = $2 and l.account_id = $3 and l.subject = $4 \
        and $5 <= l.generation and ($5 >= l.generation - 1 or $5 >= l.published_generation) \
        and l.state <> 'reconnect' and t.installed and t.installation = l.installation \
        and not exists (select 1 from link_generation g where g.client_key = l.client_key \
        and g.account_id = l.account_id and g.generation > l.generation)";
    LINK_WITH_REACH = "select l.*, (select g.generation from link_generation g \
        where g.client_key = l.client_key and g.account_id = l.account_id) as reached from link l \
        where l.client_key = $1 and l.account_id = $2 and l.installation = $3";
}

/// Before a statement, to be told how it would be carried out.
pub(super) const EXPLAIN_SQLITE: &str = "explain query plan";
pub(super) const EXPLAIN_POSTGRES: &str = "explain (costs off) execute";
pub(super) const PLAN_POSTGRES: &str =
    "set enable_seqscan = off; set plan_cache_mode = force_generic_plan";

/// Name and text of every statement; of those about many rows, for two.
pub(super) fn everything() -> impl Iterator<Item = (&'static str, String)> {
    let single = ALL
        .iter()
        .map(|(name, statement)| (*name, (*statement).to_owned()));
    let many = ALL_MANY.iter().map(|(name, many)| (*name, many.text(2)));
    single.chain(many)
}

/// A statement about some rows at once, each with values of its own. Both databases call the columns of
/// `values` `column1`, `column2` and so on.
pub struct Many {
    head: &'static str,
    /// The types of one row's values.
    types: &'static [&'static str],
    tail: &'static str,
}

impl Many {
    /// The statement about `rows` rows. Their values are its parameters, row by row.
    #[must_use]
    pub fn text(&self, rows: usize) -> String {
        let mut text = format!("{} from (values ", self.head);
        for row in 0..rows {
            text.push_str(if row == 0 { "(" } else { ", (" });
            for (at, kind) in self.types.iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                let number = row * self.types.len() + at + 1;
                text.push_str(&format!("{comma}cast(${number} as {kind})"));
            }
            text.push(')');
        }
        text.push_str(") as v ");
        text.push_str(self.tail);
        text
    }
}

macro_rules! statements_about_many {
    ($($(#[$doc:meta])* $name:ident = $head:expr, [$($kind:ident)*], $tail:expr;)*) => {
        $($(#[$doc])* pub(super) const $name: &Many = &Many {
            head: $head,
            types: &[$(stringify!($kind)),*],
            tail: $tail,
        };)*

        /// Name and form of each, for the same test.
        pub const ALL_MANY: &[(&str, &Many)] = &[$((stringify!($name), $name)),*];
    };
}

// The steps of a renewal, written in groups (`batch.rs`). Each says whose rows it found.
statements_about_many! {
    /// Link, now, end of the lease, generation, claim, whether it is the one probe. Only while the lease
    /// holds: whoever slept through it finds no row and must not send. And only while the service may be
    /// asked, or as that probe.
    INTENT = "update link set intent_at = v.column2, due_at = v.column3, \
        unsettled = (unsettled or intent_at is not null)",
        [text bigint bigint bigint text boolean],
        "where link.id = v.column1 and link.generation = v.column4 and link.claim = v.column5 \
        and link.due_at > v.column2 and exists \
        (select 1 from tenant t where t.client_key = link.client_key and t.installed \
        and t.installation = link.installation) and (v.column6 or not exists \
        (select 1 from gate g where g.name = 'service' and g.opens_at > v.column2)) returning id";
    /// Tenant, account, generation. Before the link in every transaction, as all that count.
    GENERATIONS_REACHED = "insert into link_generation (client_key, account_id, generation) \
        select distinct v.column1, v.column2, v.column3",
        [text text bigint],
        "where true on conflict (client_key, account_id) do update \
        set generation = excluded.generation where link_generation.generation < excluded.generation \
        returning account_id";
    /// Link, generation that was claimed, credential, its generation, end of its key, of the consent, of
    /// the refresh token if it is not used. Not bound to the claim: what the service has given is kept,
    /// however late it comes.
    COMMIT = "update link set credential = v.column3, generation = v.column4, \
        key_expires_at = v.column5, consent_ends_at = v.column6, \
        first_end = case when v.column7 < published_expires_at then v.column7 else published_expires_at end, \
        intent_at = null, unsettled = false",
        [text bigint text bigint bigint bigint bigint],
        "where link.id = v.column1 and link.generation = v.column2 and exists \
        (select 1 from tenant t where t.client_key = link.client_key and t.installed \
        and t.installation = link.installation) returning id";
    /// Link, generation, credential or null to leave it, end of the key, now, next time, `put_again` as
    /// it was claimed, end of the refresh token if it is not used. What was asked to be put again since is
    /// still to be put.
    RECORD_PUBLISHED = "update link set state = 'live', reason = null, \
        credential = coalesce(v.column3, credential), published_generation = generation, \
        published_expires_at = v.column4, published_at = v.column5, \
        first_end = case when v.column8 < v.column4 then v.column8 else v.column4 end, \
        due_at = case when put_again = v.column7 then v.column6 else v.column5 end, \
        put_again = case when put_again = v.column7 then 0 else put_again end, \
        failures = 0, claims = 0, claim = null, claimed_by = null, gone_since = null",
        [text bigint text bigint bigint bigint bigint bigint],
        "where link.id = v.column1 and link.generation = v.column2 returning id";
    /// Link, generation, claim, next time, failures to add, whether nothing is open any more.
    PUT_OFF = "update link set due_at = v.column4, failures = failures + v.column5, claims = 0, \
        claim = null, claimed_by = null, \
        intent_at = case when v.column6 then null else intent_at end",
        [text bigint text bigint bigint boolean],
        "where link.id = v.column1 and link.generation = v.column2 and link.claim = v.column3 \
        returning id";
}
