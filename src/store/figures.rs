//! Figures about everything that is kept: for `/metrics`, the summary of a minute and `latchkey doctor`.
//!
//! Each is counted by an index that holds just the rows it is about (`migrations/0007_figures.sql`), and
//! none reads the table of links. Only the number of live links takes a pass over an index of all of
//! them, and what is due takes one over what is due: see [`Figures::rows`].

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::ParkReason;
use crate::random::Random;

use super::{Pool, Store, sql};

/// A renewal that is due for longer than this is past due, in seconds.
pub const PAST_DUE_AFTER: Seconds = 60;

/// What can stand on the list of revocations and deletions: entries of these kinds, and those that are
/// held while another link uses the account.
pub const CLEANUP_KINDS: [&str; 4] = ["revoke", "keys", "delete_property", "held"];

/// The figures of one moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Links by state: `live`, `aside` and `reconnect`.
    pub links: Vec<(String, i64)>,
    /// Links that are not renewed: state, reason, how many.
    pub resting: Vec<(String, String, i64)>,
    /// Live links whose time has come. Those of tenants that have the app switched off do not count here
    /// and below: nothing is to be done for them.
    pub due: i64,
    /// Live links whose time came more than [`PAST_DUE_AFTER`] ago.
    pub past_due: i64,
    /// Live links whose renewal has failed and is tried again.
    pub failing: i64,
    /// Live links whose key in Jira has run out.
    pub run_out: i64,
    /// When the first of the keys runs out that have not.
    pub earliest_expiry: Option<Seconds>,
    /// Token requests whose outcome is not recorded.
    pub unsettled: i64,
    /// Revocations and deletions still to be done, and not held.
    pub cleanup: i64,
    /// What is on the list of revocations and deletions: `revoke`, `keys`, `delete_property`, and `held` while
    /// another link uses the account.
    pub cleanup_entries: Vec<(String, i64)>,
    /// Installed tenants: `enabled`, `disabled`.
    pub tenants: Vec<(&'static str, i64)>,
    /// Tenants whose Jira is left alone for a while, and why.
    pub parked: Vec<(ParkReason, i64)>,
}

impl Figures {
    /// Links of all states.
    #[must_use]
    pub fn all_links(&self) -> i64 {
        self.links.iter().map(|(_, count)| count).sum()
    }

    /// Links of one state.
    #[must_use]
    pub fn links_in(&self, state: &str) -> i64 {
        let found = self.links.iter().find(|(known, _)| known == state);
        found.map_or(0, |(_, count)| *count)
    }

    /// About how many rows of an index were counted for these figures: what they cost.
    #[must_use]
    pub fn rows(&self) -> i64 {
        let entries: i64 = self.cleanup_entries.iter().map(|(_, count)| count).sum();
        self.all_links() + self.due + self.failing + self.run_out + entries
    }
}

impl Store {
    /// The figures of this moment, counted.
    pub async fn figures(&self, now: Seconds) -> Result<Figures, Error> {
        let mut figures = on!(self, pool => {
            let (due, past_due): (i64, i64) = sqlx::query_as(sql::LINKS_DUE)
                .bind(now)
                .bind(now - PAST_DUE_AFTER)
                .fetch_one(pool)
                .await?;
            let live: i64 = sqlx::query_scalar(sql::LINKS_LIVE).fetch_one(pool).await?;
            Figures {
                links: vec![("live".to_owned(), live)],
                resting: sqlx::query_as(sql::LINKS_RESTING).fetch_all(pool).await?,
                due,
                past_due,
                failing: sqlx::query_scalar(sql::LINKS_FAILING).fetch_one(pool).await?,
                run_out: sqlx::query_scalar(sql::KEYS_RUN_OUT).bind(now).fetch_one(pool).await?,
                earliest_expiry: sqlx::query_scalar(sql::EARLIEST_EXPIRY)
                    .bind(now)
                    .fetch_optional(pool)
                    .await?,
                unsettled: sqlx::query_scalar(sql::LINKS_UNSETTLED).fetch_one(pool).await?,
                cleanup: sqlx::query_scalar(sql::CLEANUP_LEFT).fetch_one(pool).await?,
                cleanup_entries: sqlx::query_as(sql::CLEANUP_BY_KIND).fetch_all(pool).await?,
                tenants: Vec::new(),
                parked: Vec::new(),
            }
        });
        let tenants: Vec<(bool, i64)> = on!(self, pool => sqlx::query_as(sql::TENANTS_BY_STATE)
            .fetch_all(pool)
            .await)?;
        figures.tenants = [("enabled", true), ("disabled", false)]
            .map(|(name, enabled)| {
                let found = tenants.iter().find(|(known, _)| *known == enabled);
                (name, found.map_or(0, |(_, count)| *count))
            })
            .into();
        let parked: Vec<(String, i64)> = on!(self, pool => sqlx::query_as(sql::TENANTS_PARKED)
            .bind(now)
            .fetch_all(pool)
            .await)?;
        figures.parked = parked
            .into_iter()
            .map(|(reason, count)| (ParkReason::parse(&reason).unwrap_or_default(), count))
            .collect();
        if self.gate("jira").await?.opens_at > now {
            let all = figures.tenants.iter().map(|(_, count)| count).sum();
            figures.parked.push((ParkReason::GlobalQuota, all));
        }
        for state in ["aside", "reconnect"] {
            let of_this = figures.resting.iter().filter(|(known, ..)| known == state);
            let count = of_this.map(|(_, _, count)| count).sum();
            figures.links.push((state.to_owned(), count));
        }
        Ok(figures)
    }

    /// How long the keys of some links live, in seconds; at most `most` of them, from anywhere in the
    /// table. Links whose first key is not in Jira yet have none.
    pub async fn lives_of_some_keys(
        &self,
        random: &Random,
        most: i64,
    ) -> Result<Vec<Seconds>, Error> {
        // Ids are random, so from a random one on is as good as anywhere.
        let somewhere = random.id();
        let mut lives = Vec::new();
        for statement in [sql::SOME_KEYS_FROM, sql::SOME_KEYS_BELOW] {
            let left = most - i64::try_from(lives.len()).unwrap_or(most);
            let rows: Vec<(Seconds, Seconds)> = on!(self, pool => sqlx::query_as(statement)
                .bind(&somewhere)
                .bind(left)
                .fetch_all(pool)
                .await)?;
            let with_key = rows
                .into_iter()
                .filter(|(at, expires_at)| *at > 0 && expires_at > at);
            lives.extend(with_key.map(|(at, expires_at)| expires_at - at));
        }
        Ok(lives)
    }
}
