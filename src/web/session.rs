//! Sessions of the top-level pages: tower-sessions, kept in the database.
//!
//! A session holds one thing, the ids of the attempts that this browser began last. There may be a few,
//! of different people or sites, so that one which somebody planted does not end an honest one. Its
//! cookie is `__Host-latchkey`: no other host can set it, scripts cannot read it, and it goes along when
//! the service sends the person back (`Lax`), but not with another site's forms. The database knows only
//! the hash of its value.

use async_trait::async_trait;
use time::OffsetDateTime;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::Duration;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{self, SessionStore};
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use crate::app::App;
use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::model::AttemptId;
use crate::secret::fingerprint;
use crate::store::{END_REMEMBERED_FOR, Store};

const COOKIE: &str = "__Host-latchkey";
const ATTEMPTS: &str = "attempts";
/// How many attempts a session carries. The oldest makes room.
const CARRIED: usize = 8;
/// How long a session lasts after its last attempt began, in seconds. Attempts end long before; until
/// then their pages say what became of them.
const SESSION_LIFE: Seconds = END_REMEMBERED_FOR;

/// The layer that reads and sets the cookie.
pub fn layer(app: &App) -> SessionManagerLayer<Sessions> {
    let sessions = Sessions {
        store: app.parts.store.clone(),
        clock: app.parts.clock.clone(),
    };
    SessionManagerLayer::new(sessions)
        .with_name(COOKIE)
        .with_secure(true)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(Duration::seconds(SESSION_LIFE)))
}

/// Adds an attempt to what this browser began, under a new session id: somebody else may know the one it
/// came with.
pub async fn begun(session: &Session, attempt: &AttemptId) -> Result<(), Error> {
    let mut ids: Vec<String> = attempts(session)
        .await?
        .into_iter()
        .map(|id| id.0)
        .collect();
    ids.push(attempt.0.clone());
    let too_many = ids.len().saturating_sub(CARRIED);
    ids.drain(..too_many);
    // Not `flush`: it deletes the row, but what is inserted next goes by the same id again.
    session.clear().await;
    session.cycle_id().await.map_err(failed)?;
    session.insert(ATTEMPTS, ids).await.map_err(failed)
}

/// The attempts that this browser began, the newest last.
pub async fn attempts(session: &Session) -> Result<Vec<AttemptId>, Error> {
    let ids = session.get::<Vec<String>>(ATTEMPTS).await;
    let ids = ids.map_err(failed)?.unwrap_or_default();
    Ok(ids.into_iter().map(AttemptId).collect())
}

fn failed(error: tower_sessions::session::Error) -> Error {
    Error::Unavailable(sqlx::Error::Io(std::io::Error::other(error.to_string())))
}

/// The sessions' table as tower-sessions wants to see it.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    clock: Clock,
}

impl Sessions {
    /// A record has an end of its own, but by the system's clock, and sessions go by ours.
    fn expires_at(&self) -> Seconds {
        self.clock.now() + SESSION_LIFE
    }
}

fn key(id: &Id) -> String {
    fingerprint(&id.to_string())
}

fn data(record: &Record) -> session_store::Result<String> {
    serde_json::to_string(&record.data)
        .map_err(|error| session_store::Error::Encode(error.to_string()))
}

fn backend(error: Error) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let expires_at = self.expires_at();
        let data = data(record)?;
        while !self
            .store
            .create_session(&key(&record.id), &data, expires_at)
            .await
            .map_err(backend)?
        {
            record.id = Id::default();
        }
        Ok(())
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        self.store
            .save_session(&key(&record.id), &data(record)?, self.expires_at())
            .await
            .map_err(backend)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let row = self
            .store
            .load_session(&key(id), self.clock.now())
            .await
            .map_err(backend)?;
        let Some((data, expires_at)) = row else {
            return Ok(None);
        };
        let decode = |error: String| session_store::Error::Decode(error);
        Ok(Some(Record {
            id: *id,
            data: serde_json::from_str(&data).map_err(|error| decode(error.to_string()))?,
            expiry_date: OffsetDateTime::from_unix_timestamp(expires_at)
                .map_err(|error| decode(error.to_string()))?,
        }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.store.delete_session(&key(id)).await.map_err(backend)
    }
}
