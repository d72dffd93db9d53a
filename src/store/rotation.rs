//! Changes the sealing keys while servers run: the first key reseals the values of the others.
//!
//! The sealing keys directly seal each tenant's key, the signing keys, tokens to be revoked, and messages that wait; the
//! tenants' keys seal everything else, which stays as it is. A value is replaced only if it is still the one that was
//! read, so a server's concurrent write is never undone. The rotation can stop at any moment and be run
//! again.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sqlx::FromRow;

use crate::error::Error;
use crate::vault::{Place, Vault, tenant_key_place};

use super::Database;
use super::OpenError;
use super::cleanup::revocation_place;
use super::connections::{Connections, readable_rows};
use super::outbox::message_place;
use super::schema::Schema;
use super::signing::signing_key_place;
use super::statement::{Statement, statements};
use super::transaction::Finish;

statements! {
    WRAPPED_COUNT = "select (select count(*) from tenant where data_key is not null) \
        + (select count(*) from cleanup where revocation is not null) \
        + (select count(*) from webhook) + (select count(*) from signing_key)";
    TENANT_KEYS_PAGE = "select client_key as id, client_key, data_key as sealed from tenant \
        where data_key is not null and client_key > $1 order by client_key limit $2";
    REVOCATIONS_PAGE = "select id, client_key, revocation as sealed from cleanup \
        where revocation is not null and id > $1 order by id limit $2";
    WEBHOOKS_PAGE = "select id, client_key, sealed from webhook where id > $1 order by id limit $2";
    SIGNING_KEYS_PAGE = "select kid as id, '' as client_key, sealed from signing_key \
        where kid > $1 order by kid limit $2";
    /// Never waits for a row, so that it cannot block a server: the next pass finds the row again.
    TENANT_KEY_REWRAP = each("update tenant set data_key = $3 where client_key = $1 and data_key = $2",
        "update tenant set data_key = $3 where data_key = $2 and client_key in \
        (select client_key from tenant where client_key = $1 for update skip locked)");
    REVOCATION_REWRAP = each("update cleanup set revocation = $3 where id = $1 and revocation = $2",
        "update cleanup set revocation = $3 where revocation = $2 and id in \
        (select id from cleanup where id = $1 for update skip locked)");
    WEBHOOK_REWRAP = each("update webhook set sealed = $3 where id = $1 and sealed = $2",
        "update webhook set sealed = $3 where sealed = $2 and id in \
        (select id from webhook where id = $1 for update skip locked)");
    /// There are few, and no server changes one.
    SIGNING_KEY_REWRAP = "update signing_key set sealed = $3 where kid = $1 and sealed = $2";
}

/// Rows of one transaction: few enough that a server's write need not wait long.
const BATCH: i64 = 100;
/// The pause between two batches, so that on SQLite a server can write.
const BREATH: Duration = Duration::from_millis(20);
/// How many passes are made before giving up because servers still seal with another key.
const PASSES: u32 = 10;

/// The progress of a rotation.
#[derive(Debug, Clone, Copy)]
pub struct RotationProgress {
    /// The pass, from 1. More than one is needed if servers write in the meantime.
    pub pass: u32,
    /// Values looked at in this pass.
    pub seen: u64,
    /// Values at the start of this pass.
    pub total: u64,
    /// Values resealed so far, in all passes.
    pub rewrapped: u64,
}

/// The result of a rotation.
#[derive(Debug)]
pub struct Rotation {
    /// Values that were resealed.
    pub rewrapped: u64,
    /// Whether it was stopped before it finished; then the fields below are empty.
    pub stopped: bool,
    /// What each sealing key still opens, beginning with the one that seals.
    pub keys: Vec<KeyUse>,
    /// How many values do not open with the key that they name, by that key; the log names each. The key is
    /// missing for values that cannot be parsed.
    pub broken: BTreeMap<Option<String>, u64>,
}

/// The use of one sealing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// The key's id.
    pub kid: String,
    /// Values that name it.
    pub named: u64,
    /// Values that it opens, found by trying.
    pub opens: u64,
}

impl Rotation {
    /// Whether every key but the first can be removed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.stopped
            && self.broken.is_empty()
            && self
                .keys
                .iter()
                .skip(1)
                .all(|key| key.named == 0 && key.opens == 0)
    }
}

/// Report for the operator: a line for each key and for each problem.
impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "encrypted again: {}", values(self.rewrapped))?;
        if self.stopped {
            return write!(f, "\nstopped before the end: run it again to go on");
        }
        let Some((first, others)) = self.keys.split_first() else {
            return Ok(());
        };
        let KeyUse {
            kid: first, opens, ..
        } = first;
        write!(f, "\n{first} seals, and opens {}", values(*opens))?;
        for KeyUse { kid, named, opens } in others {
            match (named, opens, self.broken.get(&Some(kid.clone()))) {
                (0, 0, _) => write!(
                    f,
                    "\n{kid} opens nothing any more: it can be taken out of LATCHKEY_SEALING_KEYS"
                )?,
                (0, opens, _) => write!(
                    f,
                    "\n{kid} opens {} that do not name it: it is the same key as another, under \
                     another name",
                    values(*opens)
                )?,
                (_, 0, Some(broken)) => write!(
                    f,
                    "\n{kid} opens nothing, and is named by {} that do not open: keep it until they \
                     are repaired",
                    values(*broken)
                )?,
                (_, opens, _) => write!(
                    f,
                    "\n{kid} still opens {}: a server seals with it. Put {first} in front of \
                     LATCHKEY_SEALING_KEYS on every server, restart them, and run this again",
                    values(*opens)
                )?,
            }
        }
        for (kid, count) in &self.broken {
            let values = values(*count);
            match kid {
                Some(kid) => write!(
                    f,
                    "\n{values} of {kid} did not open and stayed as they were: the log names each"
                )?,
                None => write!(
                    f,
                    "\n{values} cannot be read at all and stayed as they were: the log names each"
                )?,
            }
        }
        Ok(())
    }
}

fn values(count: u64) -> String {
    match count {
        1 => "1 value".to_owned(),
        count => format!("{count} values"),
    }
}

/// What the sealing keys seal directly.
#[derive(Clone, Copy)]
enum Column {
    TenantKey,
    Revocation,
    Webhook,
    SigningKey,
}

#[derive(FromRow)]
struct Wrapped {
    id: String,
    client_key: String,
    sealed: String,
}

readable_rows!(Wrapped);

impl Column {
    const ALL: [Self; 4] = [
        Self::TenantKey,
        Self::Revocation,
        Self::Webhook,
        Self::SigningKey,
    ];

    fn page(self) -> &'static Statement {
        match self {
            Self::TenantKey => &TENANT_KEYS_PAGE,
            Self::Revocation => &REVOCATIONS_PAGE,
            Self::Webhook => &WEBHOOKS_PAGE,
            Self::SigningKey => &SIGNING_KEYS_PAGE,
        }
    }

    fn rewrap(self) -> &'static Statement {
        match self {
            Self::TenantKey => &TENANT_KEY_REWRAP,
            Self::Revocation => &REVOCATION_REWRAP,
            Self::Webhook => &WEBHOOK_REWRAP,
            Self::SigningKey => &SIGNING_KEY_REWRAP,
        }
    }

    fn place(self, row: &Wrapped) -> Place<'_> {
        match self {
            Self::TenantKey => tenant_key_place(&row.client_key),
            Self::Revocation => revocation_place(&row.client_key, &row.id),
            Self::Webhook => message_place(&row.client_key, &row.id),
            Self::SigningKey => signing_key_place(&row.id),
        }
    }
}

/// Changes the sealing keys of a database beside the servers that use it.
pub struct Rotator {
    connections: Connections,
    vault: Vault,
}

impl Rotator {
    /// Opens the database. It is not migrated, and on SQLite no lock is taken: only what is safe beside a
    /// server may be done.
    ///
    /// # Errors
    /// When the database cannot be opened, or its tables are not those of this version.
    pub async fn open(database: &Database, vault: Vault) -> Result<Self, OpenError> {
        let connections = match Connections::to_write_beside(database).await {
            Ok(connections) => connections,
            Err(error) => return Err(database.cannot_be_opened(error)),
        };
        match connections.schema().await? {
            Schema::Current => Ok(Self { connections, vault }),
            Schema::Behind(_) | Schema::Unfinished => Err(OpenError::Older),
            // It may have encrypted what this version does not know of.
            Schema::Wider | Schema::Ahead => Err(OpenError::Newer),
            Schema::Unknown(version) => {
                Err(sqlx::migrate::MigrateError::VersionMismatch(version).into())
            }
        }
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// Reseals with the first sealing key all values of the others, then checks every value.
    ///
    /// Between batches it checks `stop` and reports to `progress`.
    ///
    /// # Errors
    /// When the store is unavailable; what was resealed until then stays resealed.
    pub async fn rotate_keys(
        &self,
        stop: impl Fn() -> bool,
        mut progress: impl FnMut(RotationProgress),
    ) -> Result<Rotation, Error> {
        let mut rotation = Rotation {
            rewrapped: 0,
            stopped: false,
            keys: Vec::new(),
            broken: BTreeMap::new(),
        };
        for pass in 1..=PASSES {
            let found = self.pass(pass, &mut rotation, &stop, &mut progress).await?;
            if rotation.stopped {
                return Ok(rotation);
            }
            if found == 0 {
                break;
            }
        }
        self.count_uses(&mut rotation, stop).await?;
        Ok(rotation)
    }

    /// Goes through all values once. Returns how many another key had sealed.
    async fn pass(
        &self,
        pass: u32,
        rotation: &mut Rotation,
        stop: &impl Fn() -> bool,
        progress: &mut impl FnMut(RotationProgress),
    ) -> Result<u64, Error> {
        let total: i64 = self.connections.one(&WRAPPED_COUNT).await?;
        let mut now = RotationProgress {
            pass,
            seen: 0,
            total: total.unsigned_abs(),
            rewrapped: rotation.rewrapped,
        };
        let mut found = 0;
        for column in Column::ALL {
            let mut after = String::new();
            while let Some((page, last)) = self.page(column, &after).await? {
                after = last;
                progress(now);
                if stop() {
                    rotation.stopped = true;
                    return Ok(found);
                }
                let (others, rewrapped) = self.rewrap(column, &page).await?;
                found += others;
                now.seen += page.len() as u64;
                now.rewrapped += rewrapped;
                rotation.rewrapped += rewrapped;
                if others > 0 {
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
        progress(now);
        Ok(found)
    }

    /// The rows after `after`, and the last of their ids.
    async fn page(
        &self,
        column: Column,
        after: &str,
    ) -> Result<Option<(Vec<Wrapped>, String)>, Error> {
        let page = column.page().bind(after).bind(BATCH);
        let rows: Vec<Wrapped> = self.connections.all(page).await?;
        let last = rows.last().map(|row| row.id.clone());
        Ok(last.map(|last| (rows, last)))
    }

    /// How many of these another key had sealed, and how many of them the first key seals now. The rest were
    /// changed by a server in between.
    async fn rewrap(&self, column: Column, page: &[Wrapped]) -> Result<(u64, u64), Error> {
        let others: Vec<(&Wrapped, String)> = page
            .iter()
            .filter_map(|row| {
                // A value that does not open is left for the final count.
                let rewrapped = self.vault.rewrap(column.place(row), &row.sealed).ok()??;
                Some((row, rewrapped))
            })
            .collect();
        if others.is_empty() {
            return Ok((0, 0));
        }
        let rewrapped = self
            .connections
            .transaction(async |tx| {
                let mut rewrapped = 0;
                for (row, sealed) in &others {
                    let rewrap = column.rewrap().bind(&row.id).bind(&row.sealed).bind(sealed);
                    rewrapped += tx.execute(rewrap).await?;
                }
                Ok(Finish::Commit(rewrapped))
            })
            .await?;
        Ok((others.len() as u64, rewrapped))
    }

    async fn count_uses(
        &self,
        rotation: &mut Rotation,
        stop: impl Fn() -> bool,
    ) -> Result<(), Error> {
        rotation.keys = self
            .vault
            .kids()
            .into_iter()
            .map(|kid| KeyUse {
                kid,
                named: 0,
                opens: 0,
            })
            .collect();
        for column in Column::ALL {
            let mut after = String::new();
            while let Some((page, last)) = self.page(column, &after).await? {
                after = last;
                if stop() {
                    rotation.stopped = true;
                    return Ok(());
                }
                for row in page {
                    let tried = self.vault.try_each(column.place(&row), &row.sealed);
                    let mut opened = false;
                    for (key, opens) in rotation.keys.iter_mut().zip(tried.opens) {
                        let named = tried.named.as_ref() == Some(&key.kid);
                        key.named += u64::from(named);
                        key.opens += u64::from(opens);
                        opened |= named && opens;
                    }
                    if !opened {
                        *rotation.broken.entry(tried.named).or_default() += 1;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(keys: &[(&str, u64, u64)], broken: &[(Option<&str>, u64)]) -> (bool, String) {
        let rotation = Rotation {
            rewrapped: 7,
            stopped: false,
            keys: keys
                .iter()
                .map(|(kid, named, opens)| KeyUse {
                    kid: (*kid).to_owned(),
                    named: *named,
                    opens: *opens,
                })
                .collect(),
            broken: broken
                .iter()
                .map(|(kid, count)| (kid.map(str::to_owned), *count))
                .collect(),
        };
        (rotation.is_complete(), rotation.to_string())
    }

    #[test]
    fn a_key_can_go_only_when_nothing_names_or_needs_it() {
        let (complete, text) = said(&[("k2", 7, 7), ("k1", 0, 0)], &[]);
        assert!(complete);
        assert!(text.contains("k1 opens nothing any more: it can be taken out"));
        for (keys, broken, reason) in [
            (
                [("k2", 7, 7), ("k1", 1, 1)],
                None,
                "still opens 1 value: a server",
            ),
            ([("k2", 7, 7), ("k1", 0, 7)], None, "the same key"),
            (
                [("k2", 7, 7), ("k1", 2, 0)],
                Some((Some("k1"), 2)),
                "keep it",
            ),
            (
                [("k2", 7, 7), ("k1", 0, 0)],
                Some((Some("k0"), 3)),
                "3 values of k0 did not open",
            ),
            (
                [("k2", 7, 7), ("k1", 0, 0)],
                Some((None, 1)),
                "1 value cannot be read",
            ),
        ] {
            let broken: Vec<_> = broken.into_iter().collect();
            let (complete, text) = said(&keys, &broken);
            assert!(!complete, "{text}");
            assert!(text.contains(reason), "{text}");
        }
    }
}
