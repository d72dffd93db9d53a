//! The accounts that are reported to Atlassian, tenant by tenant, and what is erased when one was closed.
//!
//! A report names every account id that any table holds for the tenant. A table that gets a column with account
//! ids is added to [`ACCOUNTS_AFTER`], [`ACCOUNTS_COUNT`] and [`Store::erase_account`]: the stories of reporting
//! search every column of every table.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{AccountId, Actor, ClientKey, Tenant, words};

use super::connections::{Connections, readable_rows};
use super::schema::Schema;
use super::statement::statements;
use super::transaction::{Finish, Transaction};
use super::{Database, Inspection, OpenError, Store};

/// How long a cycle of reports is, in seconds, unless Atlassian says otherwise: a week.
pub const CYCLE: Seconds = 7 * 24 * 3600;

/// How many tenants one statement reads.
const AT_ONCE: i64 = 1000;

statements! {
    /// With the installation. An upgrade changes nothing.
    REPORT_BEGIN = "insert into account_report (client_key, due_at) values ($1, $2) \
        on conflict (client_key) do nothing";
    REPORT_END = "delete from account_report where client_key = $1";
    REPORTS_DUE = "select client_key from account_report where due_at <= $1 order by due_at limit $2";
    /// Of two replicas, the second finds the row no longer due.
    REPORT_CLAIM = "update account_report set claim = $3, due_at = $4, began_at = coalesce(began_at, $2) \
        where client_key = $1 and due_at <= $2 returning began_at, reached, failures";
    REPORT_GOES_ON = "update account_report set reached = $3, accounts = accounts + $4, due_at = $5, failures = 0, \
        trouble = null, trouble_at = null where client_key = $1 and claim = $2";
    REPORT_COMPLETE = "update account_report set claim = null, reported_at = $3, reported = accounts, \
        began_at = null, reached = '', accounts = 0, failures = 0, trouble = null, trouble_at = null, due_at = $4 \
        where client_key = $1 and claim = $2";
    REPORT_PUT_OFF = "update account_report set claim = null, due_at = $3, failures = failures + 1, trouble = $4, \
        trouble_at = $5 where client_key = $1 and claim = $2";
    REPORTS_NOW = "update account_report set due_at = $1 where due_at > $1 and claim is null";
    /// Each part reads an index in its order, so a tenant with many people costs no more.
    ACCOUNTS_AFTER = "select candidate.account_id, p.checked_at from ( \
        select account_id from (select account_id from link where client_key = $1 and account_id > $2 \
            order by account_id limit $3) candidate \
        union select account_id from (select account_id from link_generation where client_key = $1 \
            and account_id > $2 order by account_id limit $3) candidate \
        union select account_id from (select account_id from person where client_key = $1 and account_id > $2 \
            order by account_id limit $3) candidate \
        union select account_id from (select account_id from attempt where client_key = $1 and account_id > $2 \
            order by account_id limit $3) candidate \
        union select account_id from (select distinct account_id from attempt_end where client_key = $1 \
            and account_id > $2 order by account_id limit $3) candidate \
        union select account_id from (select distinct account_id from ticket where client_key = $1 and account_id > $2 \
            order by account_id limit $3) candidate \
        union select account_id from (select distinct account_id from cleanup where client_key = $1 \
            and account_id > $2 and account_id not like 'erased:%' order by account_id limit $3) candidate \
        union select account_id from (select distinct account_id from webhook where client_key = $1 \
            and account_id > $2 order by account_id limit $3) candidate \
        union select account_id from (select distinct account_id from site_event where client_key = $1 \
            and account_id > $2 order by account_id limit $3) candidate \
        union select account_id from (select distinct by_account_id as account_id from site_event \
            where client_key = $1 and by_account_id > $2 order by by_account_id limit $3) candidate \
        ) candidate left join person p on p.client_key = $1 and p.account_id = candidate.account_id \
        order by candidate.account_id limit $3";
    ACCOUNTS_COUNT = "select count(*) from ( \
        select account_id from link where client_key = $1 \
        union select account_id from link_generation where client_key = $1 \
        union select account_id from person where client_key = $1 \
        union select account_id from attempt where client_key = $1 \
        union select account_id from attempt_end where client_key = $1 \
        union select account_id from ticket where client_key = $1 \
        union select account_id from cleanup where client_key = $1 and account_id not like 'erased:%' \
        union select account_id from webhook where client_key = $1 and account_id is not null \
        union select account_id from site_event where client_key = $1 and account_id is not null \
        union select by_account_id from site_event where client_key = $1 and by_account_id is not null) candidate";
    /// A new link of somebody who was erased by mistake counts on, as after an uninstall. It locks the tenant.
    GENERATIONS_KEEP = "update tenant set generations = coalesce((select max(g.generation) from link_generation g \
        where g.client_key = $1 and g.account_id = $2 and g.generation > tenant.generations), generations) \
        where client_key = $1";
    /// The link has ended by now, unless it was made again at this moment.
    GENERATION_ERASE = "delete from link_generation where client_key = $1 and account_id = $2 and not exists \
        (select 1 from link where link.client_key = $1 and link.account_id = $2)";
    PERSON_ERASE = "delete from person where client_key = $1 and account_id = $2";
    ATTEMPT_ENDS_ERASE = "delete from attempt_end where client_key = $1 and account_id = $2";
    TICKETS_ERASE = "delete from ticket where client_key = $1 and account_id = $2";
    /// What happened stays, and nobody can tell whom it was about or who did it.
    SITE_EVENTS_ERASE = "update site_event set account_id = null where client_key = $1 and account_id = $2";
    SITE_EVENTS_ERASE_BY = "update site_event set by_account_id = null where client_key = $1 and by_account_id = $2";
    /// Tokens are still to be revoked, and for that nobody has to know whose they were. Only the deletion of the
    /// property needs the account: its entry goes when that is done.
    CLEANUP_ERASE = "update cleanup set account_id = $3, \
        held_for_account = case when held_for_account is null then null else $3 end \
        where client_key = $1 and account_id = $2 and kind <> 'delete_property'";
    /// Counted from an index of those that are in trouble.
    REPORTS_IN_TROUBLE = "select trouble, count(*) from account_report where trouble is not null group by trouble";
    REPORTS_SOME = "select r.client_key, t.base_url, f.installation as forge_installation, r.due_at, r.claim, \
        r.began_at, r.accounts, r.reported_at, r.reported, r.trouble, r.trouble_at \
        from account_report r join tenant t on t.client_key = r.client_key \
        left join forge_installation f on f.client_key = r.client_key and f.standing = 'current' \
        where r.client_key > $1 and t.installed order by r.client_key limit $2";
}

/// Why the accounts of a tenant are not reported for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportTrouble {
    /// An admin has disabled the app there.
    Disabled,
    /// Jira or Atlassian asked to wait, or Jira's points are used up.
    Waits,
    /// No answer, or one that says that the server failed.
    NoAnswer,
    /// Forge has sent no system token that still works.
    NoSystemToken,
    /// The report was refused.
    Refused,
    /// The answer cannot be understood.
    NotUnderstood,
    /// The tenant's keys do not open, or its host is not allowed.
    NotServed,
}

words!(ReportTrouble {
    Disabled = "disabled",
    Waits = "waits",
    NoAnswer = "no_answer",
    NoSystemToken = "no_system_token",
    Refused = "refused",
    NotUnderstood = "not_understood",
    NotServed = "not_served",
});

/// An account that is stored for a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// The account.
    pub account: AccountId,
    /// When its person was last read from Jira. None if nothing but the account id is stored.
    pub read_at: Option<Seconds>,
}

/// A tenant's cycle of reports that this process goes on with.
#[derive(Debug)]
pub struct ReportClaim {
    /// The tenant.
    pub client_key: ClientKey,
    /// When the cycle began.
    pub began_at: Seconds,
    /// The last account that it has reported; empty at its beginning.
    pub reached: String,
    /// Failures in a row.
    pub failures: i64,
    token: String,
}

/// How reporting stands at a tenant, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportState {
    /// The tenant.
    pub client_key: ClientKey,
    /// Its site.
    pub base_url: String,
    /// Whether it comes through Forge.
    pub by_forge: bool,
    /// How many accounts are stored for it.
    pub stored: i64,
    /// The cycle under way: since when, and how many accounts it has reported.
    pub under_way: Option<(Seconds, i64)>,
    /// Whether a process is reporting at this moment.
    pub claimed: bool,
    /// The last completed cycle: when it ended, and how many accounts it reported.
    pub last: Option<(Seconds, i64)>,
    /// When reporting begins or goes on.
    pub due_at: Seconds,
    /// What the last try met, and when.
    pub trouble: Option<(ReportTrouble, Seconds)>,
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    account_id: String,
    checked_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    began_at: i64,
    reached: String,
    failures: i64,
}

#[derive(sqlx::FromRow)]
struct StateRow {
    client_key: String,
    base_url: String,
    forge_installation: Option<String>,
    due_at: i64,
    claim: Option<String>,
    began_at: Option<i64>,
    accounts: i64,
    reported_at: Option<i64>,
    reported: i64,
    trouble: Option<String>,
    trouble_at: Option<i64>,
}

readable_rows!(KnownRow, ClaimRow, StateRow);

/// From now on the accounts of a tenant are reported, for the first time at `due_at`.
pub(super) async fn begin(
    tx: &mut Transaction<'_>,
    client_key: &str,
    due_at: Seconds,
) -> Result<(), Error> {
    tx.execute(REPORT_BEGIN.bind(client_key).bind(due_at))
        .await?;
    Ok(())
}

/// The app is gone from the tenant, and cannot report any more.
pub(super) async fn end(tx: &mut Transaction<'_>, client_key: &str) -> Result<(), Error> {
    tx.execute(REPORT_END.bind(client_key)).await?;
    Ok(())
}

impl Store {
    /// Tenants whose accounts are to be reported now, at most `most`.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions here.
    pub async fn reports_due(&self, now: Seconds, most: i64) -> Result<Vec<ClientKey>, Error> {
        let due = REPORTS_DUE.bind(now).bind(most);
        let keys: Vec<String> = self.connections.all(due).await?;
        Ok(keys.into_iter().map(ClientKey).collect())
    }

    /// Claims a tenant's cycle until `lease_until`, where the last one stopped. None if it is not due: another
    /// process has it.
    pub async fn claim_report(
        &self,
        client_key: &ClientKey,
        now: Seconds,
        lease_until: Seconds,
    ) -> Result<Option<ReportClaim>, Error> {
        let token = self.sealer.random.id();
        let claim = REPORT_CLAIM
            .bind(client_key.as_str())
            .bind(now)
            .bind(&token)
            .bind(lease_until);
        let row: Option<ClaimRow> = self.connections.optional(claim).await?;
        Ok(row.map(|row| ReportClaim {
            client_key: client_key.clone(),
            began_at: row.began_at,
            reached: row.reached,
            failures: row.failures,
            token,
        }))
    }

    /// The next accounts of a tenant after `reached`, at most `most`, in the order of a cycle.
    pub async fn accounts_after(
        &self,
        tenant: &Tenant,
        reached: &str,
        most: i64,
    ) -> Result<Vec<KnownAccount>, Error> {
        let next = ACCOUNTS_AFTER
            .bind(tenant.client_key.as_str())
            .bind(reached)
            .bind(most);
        let rows: Vec<KnownRow> = self.connections.all(next).await?;
        let known = rows.into_iter().map(|row| KnownAccount {
            account: AccountId(row.account_id),
            read_at: row.checked_at,
        });
        Ok(known.collect())
    }

    /// So many more accounts are reported, up to `reached`. False if the claim is over.
    pub async fn report_goes_on(
        &self,
        claim: &mut ReportClaim,
        reached: &AccountId,
        accounts: i64,
        lease_until: Seconds,
    ) -> Result<bool, Error> {
        let goes_on = REPORT_GOES_ON
            .bind(claim.client_key.as_str())
            .bind(&claim.token)
            .bind(reached.as_str())
            .bind(accounts)
            .bind(lease_until);
        let goes_on = self.connections.execute(goes_on).await? > 0;
        reached.as_str().clone_into(&mut claim.reached);
        claim.failures = 0;
        Ok(goes_on)
    }

    /// Every account of the tenant is reported. The next cycle begins at `due_at`.
    pub async fn report_complete(
        &self,
        claim: &ReportClaim,
        now: Seconds,
        due_at: Seconds,
    ) -> Result<(), Error> {
        let complete = REPORT_COMPLETE
            .bind(claim.client_key.as_str())
            .bind(&claim.token)
            .bind(now)
            .bind(due_at);
        self.connections.execute(complete).await?;
        Ok(())
    }

    /// The cycle goes on at `due_at`, where it is now.
    pub async fn report_put_off(
        &self,
        claim: &ReportClaim,
        due_at: Seconds,
        trouble: ReportTrouble,
        now: Seconds,
    ) -> Result<(), Error> {
        let put_off = REPORT_PUT_OFF
            .bind(claim.client_key.as_str())
            .bind(&claim.token)
            .bind(due_at)
            .bind(trouble.as_str())
            .bind(now);
        self.connections.execute(put_off).await?;
        Ok(())
    }

    /// Makes every tenant's cycle due.
    pub async fn report_all_now(&self, now: Seconds) -> Result<(), Error> {
        self.connections.execute(REPORTS_NOW.bind(now)).await?;
        Ok(())
    }

    /// Erases all that is stored of a closed account at a tenant. Its link and attempt end; tokens are listed to be
    /// revoked without the account's name, and its property in Jira to be deleted.
    pub async fn erase_account(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        now: Seconds,
    ) -> Result<(), Error> {
        self.unlink(tenant, account, None, &Actor::Atlassian, now, now)
            .await?;
        let nobody = format!("erased:{}", self.sealer.random.id());
        let (client_key, account) = (tenant.client_key.as_str(), account.as_str());
        self.connections
            .transaction(async |tx| {
                for statement in [
                    &GENERATIONS_KEEP,
                    &GENERATION_ERASE,
                    &PERSON_ERASE,
                    &ATTEMPT_ENDS_ERASE,
                    &TICKETS_ERASE,
                    &SITE_EVENTS_ERASE,
                    &SITE_EVENTS_ERASE_BY,
                ] {
                    tx.execute(statement.bind(client_key).bind(account)).await?;
                }
                let cleanup = CLEANUP_ERASE.bind(client_key).bind(account);
                tx.execute(cleanup.bind(&nobody)).await?;
                self.sealer.strip_messages(tx, client_key, account).await?;
                Ok(Finish::Commit(()))
            })
            .await
    }

    /// Forgets what Jira said about a person, which is out of date.
    pub async fn forget_person(&self, tenant: &Tenant, account: &AccountId) -> Result<(), Error> {
        let forget = PERSON_ERASE
            .bind(tenant.client_key.as_str())
            .bind(account.as_str());
        self.connections.execute(forget).await?;
        Ok(())
    }
}

impl Inspection {
    /// How reporting stands at each installed tenant.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn report_states(&self) -> Result<Vec<ReportState>, Error> {
        self.connections.report_states().await
    }
}

impl Connections {
    /// How many tenants are in each trouble.
    pub(super) async fn reports_in_trouble(&self) -> Result<Vec<(ReportTrouble, i64)>, Error> {
        let counts: Vec<(String, i64)> = self.all(&REPORTS_IN_TROUBLE).await?;
        let known = counts
            .into_iter()
            .filter_map(|(word, count)| Some((ReportTrouble::parse(&word)?, count)));
        Ok(known.collect())
    }

    async fn report_states(&self) -> Result<Vec<ReportState>, Error> {
        let mut states: Vec<ReportState> = Vec::new();
        loop {
            let after = states.last().map_or("", |state| state.client_key.as_str());
            let page = REPORTS_SOME.bind(after.to_owned()).bind(AT_ONCE);
            let page: Vec<StateRow> = self.all(page).await?;
            if page.is_empty() {
                return Ok(states);
            }
            for row in page {
                let stored = self.one(ACCOUNTS_COUNT.bind(&row.client_key)).await?;
                states.push(row.state(stored));
            }
        }
    }
}

impl StateRow {
    fn state(self, stored: i64) -> ReportState {
        let trouble = self.trouble.as_deref().and_then(ReportTrouble::parse);
        ReportState {
            client_key: ClientKey(self.client_key),
            base_url: self.base_url,
            by_forge: self.forge_installation.is_some(),
            stored,
            under_way: self.began_at.map(|at| (at, self.accounts)),
            claimed: self.claim.is_some(),
            last: self.reported_at.map(|at| (at, self.reported)),
            due_at: self.due_at,
            trouble: trouble.zip(self.trouble_at),
        }
    }
}

/// Makes every tenant's cycle due, beside a server that then begins them.
///
/// # Errors
/// When the database cannot be opened, or its tables are not those of this version.
pub async fn report_all_beside(database: &Database, now: Seconds) -> Result<(), OpenError> {
    let connections = match Connections::to_write_beside(database).await {
        Ok(connections) => connections,
        Err(error) => return Err(database.cannot_be_opened(error)),
    };
    let schema = connections.schema().await;
    let marked = match schema {
        Ok(Schema::Current) => connections
            .execute(REPORTS_NOW.bind(now))
            .await
            .map(|_| ())
            .map_err(OpenError::from),
        Ok(_) => Err(OpenError::Older),
        Err(error) => Err(error.into()),
    };
    connections.close().await;
    marked
}
