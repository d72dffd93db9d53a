//! Sessions of the top-level pages, and used tokens.

use crate::clock::Seconds;
use crate::error::Error;
use crate::secret::Secret;
use crate::vault::Place;

use super::Store;
use super::sealer::Sealer;
use super::statement::statements;

statements! {
    SESSION_CREATE = "insert into session (id_hash, data, expires_at) values ($1, $2, $3) \
        on conflict (id_hash) do nothing";
    SESSION_SAVE = "insert into session (id_hash, data, expires_at) values ($1, $2, $3) \
        on conflict (id_hash) do update set data = excluded.data, expires_at = excluded.expires_at";
    SESSION_LOAD = "select data, expires_at from session where id_hash = $1 and expires_at > $2";
    SESSION_DELETE = "delete from session where id_hash = $1";
    TOKEN_SPEND = "insert into spent_token (token_hash, expires_at) values ($1, $2) \
        on conflict (token_hash) do nothing";
}

/// A session says which attempts a browser began. It is one of the two witnesses of linking, so a writer of
/// the database must not be able to forge one.
fn in_session<T>(id_hash: &str, expires_at: Seconds, then: impl FnOnce(Place<'_>) -> T) -> T {
    let expires_at = expires_at.to_string();
    then(Place {
        column: "session.data",
        tenant: "",
        row: id_hash,
        generation: 0,
        bound: &[&expires_at],
    })
}

impl Sealer {
    fn seal_session(&self, id_hash: &str, data: &str, expires_at: Seconds) -> String {
        in_session(id_hash, expires_at, |place| {
            self.vault.seal_beyond_tenant(place, &Secret::new(data))
        })
    }
}

impl Store {
    /// Creates a session. False if the id is taken.
    pub async fn create_session(
        &self,
        id_hash: &str,
        data: &str,
        expires_at: Seconds,
    ) -> Result<bool, Error> {
        let sealed = self.sealer.seal_session(id_hash, data, expires_at);
        let create = SESSION_CREATE.bind(id_hash).bind(sealed).bind(expires_at);
        Ok(self.connections.execute(create).await? == 1)
    }

    /// Writes a session.
    pub async fn save_session(
        &self,
        id_hash: &str,
        data: &str,
        expires_at: Seconds,
    ) -> Result<(), Error> {
        let sealed = self.sealer.seal_session(id_hash, data, expires_at);
        let save = SESSION_SAVE.bind(id_hash).bind(sealed).bind(expires_at);
        self.connections.execute(save).await?;
        Ok(())
    }

    /// Reads a session that has not expired: data and expiry. None if it was edited.
    pub async fn load_session(
        &self,
        id_hash: &str,
        now: Seconds,
    ) -> Result<Option<(String, Seconds)>, Error> {
        let load = SESSION_LOAD.bind(id_hash).bind(now);
        let row: Option<(String, i64)> = self.connections.optional(load).await?;
        Ok(row.and_then(|(sealed, expires_at)| {
            let opened = in_session(id_hash, expires_at, |place| {
                self.sealer.vault.open_beyond_tenant(place, &sealed)
            });
            opened
                .ok()
                .map(|data| (data.expose().to_owned(), expires_at))
        }))
    }

    /// Ends a session.
    pub async fn delete_session(&self, id_hash: &str) -> Result<(), Error> {
        self.connections
            .execute(SESSION_DELETE.bind(id_hash))
            .await?;
        Ok(())
    }

    /// Records that a context token has begun an attempt. False if it had before.
    pub async fn spend_token(&self, token_hash: &str, expires_at: Seconds) -> Result<bool, Error> {
        let spend = TOKEN_SPEND.bind(token_hash).bind(expires_at);
        Ok(self.connections.execute(spend).await? == 1)
    }
}
