//! Figures about everything in the database: for `/metrics`, the summary of each minute and `latchkey
//! doctor`.
//!
//! Each figure is counted from an index that contains only the rows it needs; none scans the table of links.
//! Only the number of live links scans an index of all of them, and the due figures scan the due links of each
//! tenant: see [`Figures::rows`].

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{LinkState, ParkReason, StateName};
use crate::random::Random;

use super::Store;
use super::accounts::ReportTrouble;
use super::cleanup::CleanupKind;
use super::connections::{Connections, readable_rows};
use super::gate::{Gate, GateRow};
use super::outbox::OutboxFigures;
use super::statement::statements;

/// A renewal that has been due for so many seconds is past due.
pub const PAST_DUE_AFTER: Seconds = 60;

statements! {
    LINKS_LIVE = "select count(*) from link where state = 'live'";
    LINKS_RESTING = "select state, coalesce(reason, ''), count(*) from link where state <> 'live' \
        group by state, reason";
    /// All that are due and those past due, tenant by tenant in an index alone, less those that were set aside.
    LINKS_DUE = "select d.due - a.due, d.past_due - a.past_due from \
        (select count(*) as due, count(case when l.due_at <= $2 then 1 end) as past_due \
            from tenant t cross join link l where l.client_key = t.client_key and t.installed and t.enabled \
            and l.state <> 'reconnect' and l.due_at <= $1) as d, \
        (select count(*) as due, count(case when l.due_at <= $2 then 1 end) as past_due \
            from link l cross join tenant t where t.client_key = l.client_key and t.installed and t.enabled \
            and l.state <> 'live' and l.state = 'aside' and l.due_at <= $1) as a";
    LINKS_FAILING = "select count(*) from link where state = 'live' and failures > 0 \
        and exists (select 1 from tenant t \
        where t.client_key = link.client_key and t.installed and t.enabled)";
    /// Those of earlier claims, and those of the claims that are held, which may not have sent theirs yet.
    LINKS_UNSETTLED = "select (select count(*) from link where unsettled) \
        + (select count(*) from link where claim is not null and intent_at is not null and not unsettled)";
    EARLIEST_EXPIRY = "select l.published_expires_at from link l join tenant t on t.client_key = l.client_key \
        where l.state = 'live' and l.published_expires_at > $1 and t.installed and t.enabled \
        order by l.published_expires_at limit 1";
    KEYS_RUN_OUT = "select count(*) from link where state = 'live' \
        and published_expires_at > 0 and published_expires_at <= $1 and exists (select 1 from tenant t \
        where t.client_key = link.client_key and t.installed and t.enabled)";
    SOME_KEYS_FROM = "select published_at, published_expires_at from link where id >= $1 order by id limit $2";
    SOME_KEYS_BELOW = "select published_at, published_expires_at from link where id < $1 order by id limit $2";
    CLEANUP_LEFT = "select count(*) from cleanup where (held_for_subject is null \
        or not exists (select 1 from link where link.subject = cleanup.held_for_subject)) \
        and (held_for_account is null \
        or not exists (select 1 from link where link.account_id = cleanup.held_for_account))";
    CLEANUP_BY_KIND = "select case when held_for_subject is null and held_for_account is null then kind else 'held' end as what, count(*) \
        from cleanup group by what";
    TENANTS_BY_STATE = "select enabled, count(*) from tenant where installed group by enabled";
    TENANTS_BY_DOOR = "select count(*) as all_doors, count(f.installation) as by_forge, \
        count(case when f.installation is null and t.site_asked_at is not null then 1 end) as unknown_site, \
        count(case when f.system_token_ends_at <= $1 and f.missing_since is null then 1 end) as without_token, \
        count(f.missing_since) as missing from tenant t \
        left join forge_installation f on f.client_key = t.client_key and f.standing = 'current' \
        where t.installed";
    TENANTS_PARKED = "select coalesce(wait_reason, ''), count(*) from tenant \
        where installed and (wait_until > $1 or put_wait_until > $1) group by wait_reason";
}

#[derive(sqlx::FromRow)]
struct DoorsRow {
    all_doors: i64,
    by_forge: i64,
    unknown_site: i64,
    without_token: i64,
    missing: i64,
}

readable_rows!(DoorsRow);

/// The figures of one moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Links by state.
    pub links: Vec<(StateName, i64)>,
    /// Links that are not renewed, by state and reason.
    pub resting: Vec<(LinkState, i64)>,
    /// Live links that are due. Here and below, links of tenants with the app disabled do not count: they are
    /// not renewed.
    pub due: i64,
    /// Live links that have been due for more than [`PAST_DUE_AFTER`].
    pub past_due: i64,
    /// Live links whose renewal failed and is retried.
    pub failing: i64,
    /// Live links whose key in Jira has expired.
    pub run_out: i64,
    /// When the next key expires.
    pub earliest_expiry: Option<Seconds>,
    /// Token requests whose outcome is not recorded.
    pub unsettled: i64,
    /// Revocations and deletions to do, without those that are held.
    pub cleanup: i64,
    /// The cleanup entries by kind, without those that are held.
    pub cleanup_entries: Vec<(CleanupKind, i64)>,
    /// Cleanup entries that are held while another link uses the account.
    pub cleanup_held: i64,
    /// Installed tenants with the app enabled.
    pub tenants_enabled: i64,
    /// Installed tenants with the app disabled.
    pub tenants_disabled: i64,
    /// Installed tenants that come through Connect: they are still to move to Forge.
    pub tenants_by_connect: i64,
    /// Those of them whose cloud id is not known yet.
    pub tenants_unknown: i64,
    /// Installed tenants that come through Forge.
    pub tenants_by_forge: i64,
    /// Those of them for which there is no system token that works.
    pub tenants_without_token: i64,
    /// Those of them whose installation Atlassian does not find.
    pub tenants_missing: i64,
    /// Tenants whose Jira is not called for a while, by reason.
    pub parked: Vec<(ParkReason, i64)>,
    /// Tenants whose accounts are not reported to Atlassian for now, by reason.
    pub unreported: Vec<(ReportTrouble, i64)>,
    /// Messages to the vendor's receiver.
    pub outbox: OutboxFigures,
}

impl Figures {
    /// Links of all states.
    #[must_use]
    pub fn all_links(&self) -> i64 {
        self.links.iter().map(|(_, count)| count).sum()
    }

    /// Links of one state.
    #[must_use]
    pub fn links_in(&self, state: StateName) -> i64 {
        let found = self.links.iter().find(|(name, _)| *name == state);
        found.map_or(0, |(_, count)| *count)
    }

    /// About how many index rows were counted for these figures, which is their cost.
    #[must_use]
    pub fn rows(&self) -> i64 {
        let entries: i64 = self.cleanup_entries.iter().map(|(_, count)| count).sum();
        let messages = self.outbox.waiting + self.outbox.given_up;
        self.all_links()
            + self.due
            + self.failing
            + self.run_out
            + entries
            + self.cleanup_held
            + messages
    }

    fn add_resting(&mut self, state: LinkState, count: i64) {
        match self.resting.iter_mut().find(|(name, _)| *name == state) {
            Some((_, sum)) => *sum += count,
            None => self.resting.push((state, count)),
        }
    }
}

impl Connections {
    /// Counts the figures of this moment.
    pub(super) async fn figures(&self, now: Seconds) -> Result<Figures, Error> {
        let due = LINKS_DUE.bind(now).bind(now - PAST_DUE_AFTER);
        let (due, past_due) = self.one(due).await?;
        let mut figures = Figures {
            due,
            past_due,
            failing: self.one(&LINKS_FAILING).await?,
            run_out: self.one(KEYS_RUN_OUT.bind(now)).await?,
            earliest_expiry: self.optional(EARLIEST_EXPIRY.bind(now)).await?,
            unsettled: self.one(&LINKS_UNSETTLED).await?,
            cleanup: self.one(&CLEANUP_LEFT).await?,
            unreported: self.reports_in_trouble().await?,
            outbox: self.outbox(now).await?,
            ..Figures::default()
        };
        self.count_links(&mut figures).await?;
        self.count_cleanup(&mut figures).await?;
        self.count_tenants(&mut figures, now).await?;
        Ok(figures)
    }

    async fn count_links(&self, figures: &mut Figures) -> Result<(), Error> {
        let resting: Vec<(String, String, i64)> = self.all(&LINKS_RESTING).await?;
        for (state, reason, count) in resting {
            figures.add_resting(LinkState::read(&state, Some(&reason)), count);
        }
        let live = self.one(&LINKS_LIVE).await?;
        let resting = |state| {
            let in_state = figures.resting.iter().filter(|(s, _)| s.name() == state);
            (state, in_state.map(|(_, count)| count).sum())
        };
        figures.links = vec![
            (StateName::Live, live),
            resting(StateName::Aside),
            resting(StateName::Reconnect),
        ];
        Ok(())
    }

    async fn count_cleanup(&self, figures: &mut Figures) -> Result<(), Error> {
        let by_kind: Vec<(String, i64)> = self.all(&CLEANUP_BY_KIND).await?;
        for (kind, count) in by_kind {
            match CleanupKind::parse(&kind) {
                Some(kind) => figures.cleanup_entries.push((kind, count)),
                None => figures.cleanup_held += count,
            }
        }
        Ok(())
    }

    async fn count_tenants(&self, figures: &mut Figures, now: Seconds) -> Result<(), Error> {
        let by_state: Vec<(bool, i64)> = self.all(&TENANTS_BY_STATE).await?;
        for (enabled, count) in by_state {
            match enabled {
                true => figures.tenants_enabled = count,
                false => figures.tenants_disabled = count,
            }
        }
        let by_door: DoorsRow = self.one(TENANTS_BY_DOOR.bind(now)).await?;
        figures.tenants_by_forge = by_door.by_forge;
        figures.tenants_by_connect = by_door.all_doors - by_door.by_forge;
        figures.tenants_unknown = by_door.unknown_site;
        figures.tenants_without_token = by_door.without_token;
        figures.tenants_missing = by_door.missing;
        let parked: Vec<(String, i64)> = self.all(TENANTS_PARKED.bind(now)).await?;
        figures.parked = parked
            .into_iter()
            .map(|(reason, count)| (ParkReason::parse(&reason).unwrap_or_default(), count))
            .collect();
        let gate: GateRow = self.gate(Gate::Jira).await?;
        if gate.opens_at > now {
            let all = figures.tenants_enabled + figures.tenants_disabled;
            figures.parked.push((ParkReason::GlobalQuota, all));
        }
        Ok(())
    }

    /// The lives of some links' keys, in seconds: at most `most`, from a random part of the table. Links
    /// whose first key is not in Jira yet have none.
    pub(super) async fn lives_of_some_keys(
        &self,
        random: &Random,
        most: i64,
    ) -> Result<Vec<Seconds>, Error> {
        // Ids are random, so a random id is a random place.
        let somewhere = random.id();
        let mut lives = Vec::new();
        for statement in [&SOME_KEYS_FROM, &SOME_KEYS_BELOW] {
            let left = most - i64::try_from(lives.len()).unwrap_or(most);
            let some = statement.bind(&somewhere).bind(left);
            let rows: Vec<(Seconds, Seconds)> = self.all(some).await?;
            let with_key = rows
                .into_iter()
                .filter(|(at, expires_at)| *at > 0 && expires_at > at);
            lives.extend(with_key.map(|(at, expires_at)| expires_at - at));
        }
        Ok(lives)
    }
}

impl Store {
    /// Counts the figures of this moment.
    pub async fn figures(&self, now: Seconds) -> Result<Figures, Error> {
        self.connections.figures(now).await
    }

    /// The lives of some links' keys, in seconds: at most `most`, from a random part of the table. Links
    /// whose first key is not in Jira yet have none.
    pub async fn lives_of_some_keys(
        &self,
        random: &Random,
        most: i64,
    ) -> Result<Vec<Seconds>, Error> {
        self.connections.lives_of_some_keys(random, most).await
    }
}
