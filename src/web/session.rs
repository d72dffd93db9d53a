//! Sessions of the top-level pages: tower-sessions, kept in the database.
//!
//! The cookie is `__Host-latchkey`: no other host can set it, scripts cannot read it, and browsers send it
//! when the service sends the person back (`Lax`), but not with another site's forms. The database holds only
//! the hash of its value.

use async_trait::async_trait;
use time::OffsetDateTime;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::Duration;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{self, SessionStore};
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::app::App;
use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::secret::fingerprint;
use crate::store::{END_REMEMBERED_FOR, Store};

const COOKIE: &str = "__Host-latchkey";
/// How long a session lasts after its last attempt began, in seconds. Attempts end long before; for the rest of
/// the time their pages say how they ended.
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

/// The table of sessions, as a store of tower-sessions.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    clock: Clock,
}

impl Sessions {
    /// The record has an end too, but by the system's clock; this one goes by the clock that is passed in.
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
