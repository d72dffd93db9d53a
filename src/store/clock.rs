//! The clock of the database server.

use crate::clock::{Clock, Millis};
use crate::error::Error;

use super::connections::{Connections, Pool, optional};
use super::statement::statements;

statements! {
    TIME = postgres("select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)");
}

impl Connections {
    /// How far the database server's clock is ahead of this one. None on SQLite, which has no clock of
    /// its own.
    pub(super) async fn clock_ahead_of(&self, clock: &Clock) -> Result<Option<Millis>, Error> {
        let Pool::Postgres(pool) = &self.pool else {
            return Ok(None);
        };
        let mut connection = pool.acquire().await?;
        let before = clock.millis();
        let there: Option<Millis> = optional(&mut *connection, (&TIME).into()).await?;
        let after = clock.millis();
        // The server read its clock between our two readings.
        Ok(there.map(|there| there - (before + (after - before) / 2)))
    }
}
