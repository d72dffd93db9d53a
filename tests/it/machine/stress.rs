//! What is wrong with the database for a moment.

use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::database::Database;
use crate::disk::{self, Trouble};
use crate::ice::Ice;
use crate::postgres::Postgres;

use super::step::Stress;

/// How long a database that is frozen answers nothing.
const FROZEN: Duration = Duration::from_millis(40);

/// Where the database can be put into trouble.
pub enum Ground {
    /// The folder of the file.
    Disk(PathBuf),
    /// The way that the processes take to the server. The machine itself takes another.
    Server { ice: Ice, own: String },
}

/// When the disk is full: a table of its own says so, because triggers cannot be made while others write.
const ON_FULL: &str = "create schema disk; create table disk.full_now (yes boolean); \
    create function disk.write() returns trigger language plpgsql as $$ begin \
    if exists (select from disk.full_now) then \
    raise exception 'No space left on device' using errcode = 'disk_full'; end if; return null; end $$; \
    do $$ declare name text; begin \
    for name in select tablename from pg_tables where schemaname = current_schema() loop \
    execute format('create trigger disk before insert or update or delete on %I \
    for each statement execute function disk.write()', name); end loop; end $$";

impl Ground {
    /// Once the tables are there.
    pub fn prepare(&self, sims: &Runtime, operator: &mut Database) {
        if let Self::Server { .. } = self {
            sims.block_on(operator.run(ON_FULL));
        }
    }

    pub fn begin(&self, stress: Stress, sims: &Runtime, operator: &mut Database) {
        match (self, stress) {
            (Self::Disk(folder), Stress::Full) => disk::trouble(folder, Some(Trouble::Full)),
            (Self::Disk(folder), Stress::ReadOnly) => {
                disk::trouble(folder, Some(Trouble::ReadOnly));
            }
            (Self::Disk(folder), Stress::Frozen) => {
                let until = Instant::now() + FROZEN;
                disk::trouble(folder, Some(Trouble::Frozen(until)));
            }
            (Self::Server { .. }, Stress::Full) => {
                sims.block_on(operator.run("insert into disk.full_now values (true)"));
            }
            (Self::Server { ice, own }, Stress::ReadOnly) => {
                sims.block_on(Postgres::read_only(own, true));
                ice.cut();
            }
            (Self::Server { ice, .. }, Stress::Frozen) => {
                ice.freeze();
                let ice = ice.clone();
                sims.spawn(async move {
                    tokio::time::sleep(FROZEN).await;
                    ice.cut();
                });
            }
        }
    }

    pub fn end(&self, stress: Stress, sims: &Runtime, operator: &mut Database) {
        match (self, stress) {
            (Self::Disk(folder), _) => disk::trouble(folder, None),
            (Self::Server { .. }, Stress::Full) => {
                sims.block_on(operator.run("delete from disk.full_now"));
            }
            (Self::Server { own, .. }, Stress::ReadOnly) => {
                sims.block_on(Postgres::read_only(own, false));
            }
            (Self::Server { ice, .. }, Stress::Frozen) => ice.cut(),
        }
    }
}
