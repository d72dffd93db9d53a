//! The public keys of Atlassian's lifecycle tokens that were seen, so that a restart or an absent key server
//! costs none of them.
//!
//! A public key is no secret. It is sealed all the same, so that whoever can write into the database cannot put
//! a key of their own there and sign installations with it. The time of the last look is bound to it: nobody can
//! make a withdrawn key younger. Rotating the sealing keys leaves these rows out. One that is sealed with a key
//! that is no longer there counts as missing, and the key is fetched again.

use sqlx::FromRow;

use crate::clock::Seconds;
use crate::error::Error;
use crate::secret::Secret;
use crate::vault::Place;

use super::Store;
use super::connections::readable_rows;
use super::statement::statements;

/// How many keys are kept. Atlassian uses a handful.
pub const KEPT_INSTALL_KEYS: i64 = 64;

statements! {
    INSTALL_KEYS = "select kid, sealed, seen_at from install_key where kid > $1 order by kid limit $2";
    /// Of two replicas, the one that has looked last is right.
    INSTALL_KEY_KEEP = "insert into install_key (kid, sealed, seen_at) values ($1, $2, $3) \
        on conflict (kid) do update set sealed = excluded.sealed, seen_at = excluded.seen_at \
        where install_key.seen_at <= excluded.seen_at";
    INSTALL_KEY_FORGET = "delete from install_key where kid = $1";
    INSTALL_KEYS_BEYOND = "select kid, sealed, seen_at from install_key where seen_at > $1 \
        order by seen_at desc limit 100 offset $2";
}

/// The place of a key. It belongs to no tenant.
fn place(kid: &str, seen_at: Seconds) -> Place<'_> {
    Place {
        column: "install_key.sealed",
        tenant: "",
        row: kid,
        generation: seen_at,
        bound: &[],
    }
}

/// A key as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptInstallKey {
    /// Its id.
    pub kid: String,
    /// The key as Atlassian gave it.
    pub pem: String,
    /// When Atlassian last gave it.
    pub seen_at: Seconds,
}

#[derive(FromRow)]
struct InstallKeyRow {
    kid: String,
    sealed: String,
    seen_at: i64,
}

readable_rows!(InstallKeyRow);

impl Store {
    /// All keys, as far as they open.
    pub async fn install_keys(&self) -> Result<Vec<KeptInstallKey>, Error> {
        let all = INSTALL_KEYS.bind("").bind(KEPT_INSTALL_KEYS);
        let rows: Vec<InstallKeyRow> = self.connections.all(all).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| self.opened(row))
            .collect())
    }

    fn opened(&self, row: InstallKeyRow) -> Option<KeptInstallKey> {
        let place = place(&row.kid, row.seen_at);
        let opened = self.sealer.vault.open_if_named(place, &row.sealed)?;
        Some(KeptInstallKey {
            pem: opened.ok()?.expose().to_owned(),
            kid: row.kid,
            seen_at: row.seen_at,
        })
    }

    /// Keeps a key that Atlassian has given now. The ones that were not seen for longest make room.
    pub async fn keep_install_key(&self, key: &KeptInstallKey) -> Result<(), Error> {
        let pem = Secret::new(key.pem.clone());
        let place = place(&key.kid, key.seen_at);
        let sealed = self.sealer.vault.seal_beyond_tenant(place, &pem);
        let keep = INSTALL_KEY_KEEP.bind(&key.kid).bind(sealed);
        self.connections.execute(keep.bind(key.seen_at)).await?;
        let beyond = INSTALL_KEYS_BEYOND.bind(0_i64).bind(KEPT_INSTALL_KEYS);
        let beyond: Vec<InstallKeyRow> = self.connections.all(beyond).await?;
        for row in beyond {
            self.forget_install_key(&row.kid).await?;
        }
        Ok(())
    }

    /// Forgets a key that Atlassian has withdrawn.
    pub async fn forget_install_key(&self, kid: &str) -> Result<(), Error> {
        self.connections
            .execute(INSTALL_KEY_FORGET.bind(kid))
            .await?;
        Ok(())
    }
}
