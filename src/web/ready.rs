//! `/readyz`: whether this process does its work, which is to write to the database and to turn both loops.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::{Instant, timeout};

use crate::app::App;
use crate::error::Error;
use crate::parts::Round;

/// How long the database may take to write.
const PATIENCE: Duration = Duration::from_secs(2);
/// Both loops turn every second. A turn of the one that renews may wait for several calls to the database.
const RENEWALS_LATELY: Duration = Duration::from_secs(60);
/// A turn of the other may wait for several calls to the service, each up to its time limit: a service that is
/// away makes no process unready.
const CLEANUP_LATELY: Duration = Duration::from_secs(300);

/// Why a process is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unready {
    /// The database does not write, for this reason.
    Database(&'static str),
    /// This loop has not turned, or not lately.
    Stands(Round),
    /// It was asked to stop.
    Leaving,
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(why) => write!(f, "The database cannot be written: {why}."),
            Self::Leaving => f.write_str("The process stops."),
            Self::Stands(Round::Renewals) => f.write_str(
                "The loop that renews keys has not completed a turn in the last minute.",
            ),
            Self::Stands(Round::Cleanup) => f.write_str(
                "The loop that revokes and deletes has not completed a turn in the last five minutes.",
            ),
        }
    }
}

pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<StatusCode, Error> {
    let unready = look(&app).await;
    if app
        .said_unready
        .changes(unready.as_ref().map(ToString::to_string))
    {
        match &unready {
            Some(why) => tracing::warn!("not ready: {why}"),
            None => tracing::info!("ready again"),
        }
    }
    match unready {
        None => Ok(StatusCode::OK),
        Some(why) => Err(Error::NotReady(why.to_string())),
    }
}

async fn look(app: &App) -> Option<Unready> {
    if app.is_leaving() {
        return Some(Unready::Leaving);
    }
    match timeout(PATIENCE, app.parts.store.writes()).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return Some(Unready::Database(why)),
        Err(_) => return Some(Unready::Database("it does not answer in time")),
    }
    let now = Instant::now();
    let rounds = [
        (Round::Renewals, RENEWALS_LATELY),
        (Round::Cleanup, CLEANUP_LATELY),
    ];
    let standing = rounds
        .into_iter()
        .find(|(round, lately)| app.parts.rounds.stands(*round, now, *lately));
    standing.map(|(round, _)| Unready::Stands(round))
}
