//! Installations of the Forge app that have fallen silent, and whether Forge calls this server at all.
//!
//! Every call of an installation is written down (`store/forge.rs`), and puts off the time at which Atlassian is
//! asked whether the installation is still there. What was found out counts only if the installation has not called
//! meanwhile, so each write here names the call that was the last one when the question was asked.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{ClientKey, ForgeInstallationId, Tenant};

use super::Store;
use super::connections::readable_rows;
use super::lifecycle::uninstall;
use super::statement::statements;
use super::tenant;
use super::transaction::Finish;

statements! {
    SILENT = "select installation, client_key, called_at, ask_at, missing_since from forge_installation \
        where standing = 'current' and ask_at <= $1 order by ask_at limit $2";
    /// One replica asks.
    SILENT_ASKED = "update forge_installation set ask_at = $3 where installation = $1 and ask_at = $2";
    SILENT_AGAIN = "update forge_installation set ask_at = $3, missing_since = $4 where installation = $1 \
        and called_at = $2";
    /// It may come back, whatever was said about it: then its site is known anew.
    SILENT_LOST = "update forge_installation set standing = 'waiting', sealed = null, system_token = null, \
        system_token_ends_at = 0, system_token_yields_after = 0, missing_since = null \
        where installation = $1 and called_at = $2 and client_key = $3 and standing = 'current'";
    /// One is asked about some time after it has called, so the index of that finds them, too.
    CALLED_LATELY = "select client_key from forge_installation where ask_at >= $1 and called_at >= $1 \
        and standing = 'current' order by ask_at desc limit $2";
    TICK_HEARD = "update forge_heard set since = case when heard_at between $3 and $1 then since else $1 end, \
        heard_at = $1 where id = 1 and not heard_at between $2 and $1";
    HEARD = "select since, heard_at from forge_heard where id = 1";
}

/// How often a tick is written down, in seconds.
const TICKS_EACH: Seconds = 60;
/// Each installation is called every hour. If nobody was called for so long, in seconds, then this server was away,
/// could not be reached, or Forge did not call.
pub const GAP: Seconds = 2 * 3600;

/// An installation that has not called for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent {
    /// Its ARI.
    pub id: ForgeInstallationId,
    /// The tenant for which it speaks.
    pub client_key: ClientKey,
    /// When it called last.
    pub called_at: Seconds,
    /// Since when Atlassian says that it is not there.
    pub missing_since: Option<Seconds>,
}

/// When Forge has called on its schedule, about any installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks {
    /// The first call after the last gap of more than [`GAP`].
    pub since: Seconds,
    /// The last call.
    pub last: Seconds,
}

#[derive(sqlx::FromRow)]
struct SilentRow {
    installation: String,
    client_key: Option<String>,
    called_at: i64,
    ask_at: i64,
    missing_since: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct HeardRow {
    since: i64,
    heard_at: i64,
}

readable_rows!(SilentRow, HeardRow);

impl Store {
    /// Forge has called on its schedule.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions here.
    pub async fn tick_heard(&self, now: Seconds) -> Result<(), Error> {
        let heard = TICK_HEARD.bind(now).bind(now - TICKS_EACH).bind(now - GAP);
        self.connections.execute(heard).await?;
        Ok(())
    }

    /// When Forge has called on its schedule.
    pub async fn ticks(&self) -> Result<Ticks, Error> {
        let row: HeardRow = self.connections.one(&HEARD).await?;
        Ok(Ticks {
            since: row.since,
            last: row.heard_at,
        })
    }

    /// Takes some silent installations about which Atlassian is to be asked now, at most `most`. No other replica
    /// asks about them before `again_at`.
    pub async fn take_silent(
        &self,
        now: Seconds,
        again_at: Seconds,
        most: i64,
    ) -> Result<Vec<Silent>, Error> {
        let rows: Vec<SilentRow> = self.connections.all(SILENT.bind(now).bind(most)).await?;
        let mut taken = Vec::new();
        for row in rows {
            let take = SILENT_ASKED
                .bind(row.installation.clone())
                .bind(row.ask_at)
                .bind(again_at);
            if self.connections.execute(take).await? == 0 {
                continue;
            }
            taken.push(Silent {
                id: ForgeInstallationId(row.installation),
                client_key: ClientKey(row.client_key.unwrap_or_default()),
                called_at: row.called_at,
                missing_since: row.missing_since,
            });
        }
        Ok(taken)
    }

    /// Notes what was found out about a silent installation, unless it has called meanwhile.
    pub async fn note_silent(
        &self,
        silent: &Silent,
        missing_since: Option<Seconds>,
        again_at: Seconds,
    ) -> Result<(), Error> {
        let again = SILENT_AGAIN
            .bind(silent.id.as_str())
            .bind(silent.called_at)
            .bind(again_at)
            .bind(missing_since);
        self.connections.execute(again).await?;
        Ok(())
    }

    /// Tenants whose installations have called since then, the latest first, at most `most`.
    pub async fn called_lately(&self, since: Seconds, most: i64) -> Result<Vec<ClientKey>, Error> {
        let lately = CALLED_LATELY.bind(since).bind(most);
        let keys: Vec<String> = self.connections.all(lately).await?;
        Ok(keys.into_iter().map(ClientKey).collect())
    }

    /// The installation is gone, and with it the app at the tenant: [`Store::drain`] ends its links. False if it
    /// has called meanwhile.
    pub async fn lose(
        &self,
        tenant: &Tenant,
        silent: &Silent,
        now: Seconds,
    ) -> Result<bool, Error> {
        let client_key = tenant.client_key.as_str();
        let lost = self
            .connections
            .transaction(async |tx| {
                let row = tenant::lock(tx, client_key, now).await?;
                if !row.is_still(tenant) {
                    return Ok(Finish::RollBack(false));
                }
                let lost = SILENT_LOST
                    .bind(silent.id.as_str())
                    .bind(silent.called_at)
                    .bind(client_key);
                if tx.execute(lost).await? == 0 {
                    return Ok(Finish::RollBack(false));
                }
                uninstall(tx, client_key, row.signed_at).await?;
                Ok(Finish::Commit(true))
            })
            .await?;
        if lost {
            self.end_attempts_of_uninstalled(client_key, now).await?;
        }
        Ok(lost)
    }
}
