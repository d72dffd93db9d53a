//! `latchkey accounts report`: how reporting accounts to Atlassian stands at each tenant, and on request a cycle now.

use std::fmt;
use std::time::Duration;

use crate::app::{App, Outside};
use crate::clock::{Seconds, rfc3339};
use crate::config::Config;
use crate::events::Events;
use crate::operate::doctor::Mark;
use crate::reporting;
use crate::sites::Sites;
use crate::store::{
    Figures, Inspection, OpenError, ReportState, ReportTrouble, Schema, report_all_beside,
};
use crate::vault::Vault;
use crate::worker::Cleaning;

/// How often it is looked whether a server is done, and for how long nothing may change until it counts as stuck.
const LOOK: Duration = Duration::from_secs(1);
const STUCK_AFTER: u32 = 300;

impl ReportTrouble {
    /// What is in the way, and what to do.
    #[must_use]
    pub fn for_operator(self) -> &'static str {
        match self {
            Self::Disabled => {
                "the app is disabled there; the report is made within a day after an admin enables it"
            }
            Self::Waits => {
                "Jira or Atlassian asked to wait, or Jira's points are used up; it goes on by itself"
            }
            Self::NoAnswer => {
                "Atlassian does not answer, or fails; it is tried again within an hour"
            }
            Self::NoSystemToken => {
                "Forge has sent no system token that still works; it is looked again every hour"
            }
            Self::Refused => {
                "Atlassian refuses the report, which is tried again every day; the log has its status. By Connect: was \
                 the app uninstalled? By Forge it is not confirmed that Atlassian takes a report with the system token: \
                 ask Atlassian how this app is to report, and erase what is asked for by hand (docs/data.md)"
            }
            Self::NotUnderstood => {
                "Atlassian's answer cannot be understood; it is tried again every day. Please report this as a bug"
            }
            Self::NotServed => {
                "the tenant is not served: its host is not in LATCHKEY_SITE_HOSTS, or a sealing key is missing"
            }
        }
    }

    /// Whether an operator should look at it.
    fn mark(self) -> Mark {
        match self {
            Self::Disabled | Self::Waits => Mark::Well,
            _ => Mark::Look,
        }
    }
}

/// What `latchkey doctor` says about reporting: a mark and words for each reason.
#[must_use]
pub fn findings(figures: &Figures) -> Vec<(Mark, String)> {
    if figures.unreported.is_empty() {
        let words = "are reported to Atlassian when they are due".to_owned();
        return vec![(Mark::Well, words)];
    }
    let unreported = figures.unreported.iter();
    unreported
        .map(|(why, count)| {
            let advice = why.for_operator();
            (
                why.mark(),
                format!("of {count} tenants are not reported for now: {advice}"),
            )
        })
        .collect()
}

/// One line of the list.
struct Line<'a>(&'a ReportState);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0;
        let door = if state.by_forge { "Forge" } else { "Connect" };
        write!(
            f,
            "{} ({}), by {door}: {} accounts stored; ",
            state.base_url, state.client_key, state.stored
        )?;
        match state.last {
            Some((at, accounts)) => write!(f, "last reported {} ({accounts})", rfc3339(at))?,
            None => write!(f, "not reported yet")?,
        }
        if let Some((since, accounts)) = state.under_way {
            let since = rfc3339(since);
            write!(f, "; in a cycle since {since}, {accounts} so far")?;
        }
        write!(f, "; due {}", rfc3339(state.due_at))?;
        if let Some((why, at)) = state.trouble {
            let (at, advice) = (rfc3339(at), why.for_operator());
            write!(f, "; {} {at}: {advice}", why.as_str())?;
        }
        Ok(())
    }
}

/// Lists every tenant, line by line. True if no report is in trouble that an operator should look at.
///
/// # Errors
/// When the database cannot be read, in words.
pub async fn list(
    config: &Config,
    outside: &Outside,
    say: &mut (dyn FnMut(String) + Send),
) -> Result<bool, String> {
    let states = states(config, outside).await?;
    for state in &states {
        say(Line(state).to_string());
    }
    let troubles = states.iter().filter_map(|state| state.trouble);
    let to_look_at = troubles.filter(|(why, _)| why.mark() != Mark::Well);
    let to_look_at = to_look_at.count();
    say(format!(
        "{} tenants, {to_look_at} of them in trouble",
        states.len()
    ));
    Ok(to_look_at == 0)
}

async fn states(config: &Config, outside: &Outside) -> Result<Vec<ReportState>, String> {
    let events = Events::new(&prometheus::Registry::new(), outside.clock.clone());
    let vault = Vault::new(config.sealing_keys.clone(), outside.random.clone(), events);
    let sites = Sites {
        hosts: config.site_hosts.clone(),
        loopback_http: config.allow_loopback_http,
    };
    let store = Inspection::open(&config.database, vault, sites).await;
    let store = store.map_err(|error| error.to_string())?;
    let states = match store.schema().await {
        Ok(Schema::Current) => store.report_states().await,
        Ok(_) => {
            store.close().await;
            return Err(OpenError::Older.to_string());
        }
        Err(error) => Err(error),
    };
    store.close().await;
    states.map_err(|error| error.to_string())
}

/// Reports the accounts of all tenants now: in this process, or where an SQLite file belongs to a server, in that one.
/// Returns when every cycle is through or has met trouble.
///
/// # Errors
/// When the database cannot be used, or the server does not report, in words.
pub async fn report_now(config: &Config, outside: &Outside) -> Result<(), String> {
    let now = outside.clock.now();
    report_all_beside(&config.database, now)
        .await
        .map_err(|error| error.to_string())?;
    match App::new(config.clone(), outside.clone()).await {
        Ok(app) => {
            let done = report_here(&app).await;
            app.parts.store.close().await;
            done.map_err(|error| error.to_string())?;
        }
        Err(OpenError::InUse) => {
            tracing::info!("a server has the database: it makes the reports within half a minute");
        }
        Err(error) => return Err(error.to_string()),
    }
    until_done(config, outside, now).await
}

async fn report_here(app: &App) -> Result<(), crate::error::Error> {
    while reporting::run_due(&app.parts).await? > 0 {}
    // What was erased has tokens to revoke. A server would do it, but there may be none.
    let mut cleaning = Cleaning::default();
    while cleaning.tidy(&app.parts).await? {}
    Ok(())
}

/// Waits for what other processes have begun.
async fn until_done(config: &Config, outside: &Outside, since: Seconds) -> Result<(), String> {
    let (mut before, mut unchanged) = (Vec::new(), 0);
    while unchanged < STUCK_AFTER {
        let states = states(config, outside).await?;
        let is_done = |state: &ReportState| !state.claimed && state.due_at > since;
        if states.iter().all(is_done) {
            return Ok(());
        }
        unchanged = if states == before { unchanged + 1 } else { 0 };
        before = states;
        tokio::time::sleep(LOOK).await;
    }
    Err("the process that has the database makes no report: is it a server?".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ClientKey;

    fn state() -> ReportState {
        ReportState {
            client_key: ClientKey("ck-1".to_owned()),
            base_url: "https://acme.atlassian.net".to_owned(),
            by_forge: false,
            stored: 12,
            under_way: None,
            claimed: false,
            last: None,
            due_at: 1_795_838_400,
            trouble: None,
        }
    }

    #[test]
    fn a_line_says_how_reporting_stands() {
        assert_eq!(
            Line(&state()).to_string(),
            "https://acme.atlassian.net (ck-1), by Connect: 12 accounts stored; not reported yet; \
             due 2026-11-28T04:00:00Z"
        );
        let refused = ReportState {
            by_forge: true,
            under_way: Some((1_795_838_300, 90)),
            last: Some((1_795_838_000, 7)),
            trouble: Some((ReportTrouble::Refused, 1_795_838_400)),
            ..state()
        };
        let said = Line(&refused).to_string();
        let start = "https://acme.atlassian.net (ck-1), by Forge: 12 accounts stored; \
             last reported 2026-11-28T03:53:20Z (7); in a cycle since 2026-11-28T03:58:20Z, 90 so far; \
             due 2026-11-28T04:00:00Z; refused 2026-11-28T04:00:00Z: Atlassian refuses the report";
        assert!(said.starts_with(start), "{said}");
    }
}
