//! Signing keys, and whether an API key that they signed is still valid.

use sqlx::FromRow;

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{AccountId, ApiKey, ClientKey, Tenant};
use crate::secret::Secret;
use crate::vault::{Broken, Place, SealingKey, Vault};

use super::Store;
use super::connections::{Connections, readable_rows};
use super::rows::ClaimedRow;
use super::statement::statements;

statements! {
    SIGNING_KEYS = "select number, kid, sealed, signs_from, life from signing_key where number > $1 order by number";
    /// The number is unique: of two replicas that make the next key, one succeeds.
    SIGNING_KEY_ADD = "insert into signing_key (number, kid, sealed, signs_from, life) \
        values ($1, $2, $3, $4, $5) on conflict (number) do nothing";
    SIGNING_KEY_LIFE = "update signing_key set life = $2 where kid = $1 and life < $2";
    SIGNING_KEY_FORGET = "delete from signing_key where kid = $1";
    /// Whether its credential opens beside these columns is checked afterwards.
    LINK_HONOURED = "select {link as l}, (select g.generation from link_generation g \
        where g.client_key = l.client_key and g.account_id = l.account_id) as reached from link l join tenant t on t.client_key = l.client_key \
        where l.id = $1 and l.client_key = $2 and l.account_id = $3 and l.subject = $4 \
        and $5 <= l.generation and ($5 >= l.generation - 1 or $5 >= l.published_generation) \
        and l.state <> 'reconnect' and t.installed and t.enabled and t.installation = l.installation \
        and not exists (select 1 from link_generation g where g.client_key = l.client_key \
        and g.account_id = l.account_id and g.generation > l.generation)";
}

/// The place of a signing key. It belongs to no tenant.
pub(super) fn signing_key_place(kid: &str) -> Place<'_> {
    Place {
        column: "signing_key.sealed",
        tenant: "",
        row: kid,
        generation: 0,
        bound: &[],
    }
}

/// A signing key as stored.
pub struct KeptSigningKey {
    /// Its number, from 1, in order of creation.
    pub number: i64,
    /// Its id.
    pub kid: String,
    /// The private key as text, unless it does not open.
    pub private: Result<Secret, Broken>,
    /// When it begins to sign.
    pub signs_from: Seconds,
    /// The longest life of a key that it signs, in seconds.
    pub life: Seconds,
}

#[derive(FromRow)]
struct SigningKeyRow {
    number: i64,
    kid: String,
    sealed: String,
    signs_from: i64,
    life: i64,
}

readable_rows!(SigningKeyRow);

impl Connections {
    async fn signing_key_rows(&self) -> Result<Vec<SigningKeyRow>, Error> {
        let before_the_first = 0_i64;
        Ok(self.all(SIGNING_KEYS.bind(before_the_first)).await?)
    }

    /// Whether these sealing keys open all signing keys that the present ones open.
    pub(super) async fn signing_keys_open_with(
        &self,
        vault: &Vault,
        keys: &[SealingKey],
    ) -> Result<bool, Error> {
        let rows = self.signing_key_rows().await?;
        let mut rows = rows.iter();
        Ok(rows.all(|row| vault.opens_with(keys, signing_key_place(&row.kid), &row.sealed)))
    }

    /// All signing keys, in their order.
    pub(super) async fn signing_keys(&self, vault: &Vault) -> Result<Vec<KeptSigningKey>, Error> {
        let rows = self.signing_key_rows().await?;
        let keys = rows.into_iter().map(|row| KeptSigningKey {
            private: vault.open_beyond_tenant(signing_key_place(&row.kid), &row.sealed),
            number: row.number,
            kid: row.kid,
            signs_from: row.signs_from,
            life: row.life,
        });
        Ok(keys.collect())
    }
}

impl Store {
    /// All signing keys, in their order.
    pub async fn signing_keys(&self) -> Result<Vec<KeptSigningKey>, Error> {
        self.connections.signing_keys(&self.sealer.vault).await
    }

    /// Stores a new signing key, unless one with this number exists.
    pub async fn add_signing_key(
        &self,
        number: i64,
        kid: &str,
        private: &Secret,
        signs_from: Seconds,
        life: Seconds,
    ) -> Result<(), Error> {
        let vault = &self.sealer.vault;
        let sealed = vault.seal_beyond_tenant(signing_key_place(kid), private);
        let add = SIGNING_KEY_ADD
            .bind(number)
            .bind(kid)
            .bind(sealed)
            .bind(signs_from)
            .bind(life);
        self.connections.execute(add).await?;
        Ok(())
    }

    /// Allows a signing key to sign keys that live for this many seconds.
    pub async fn signing_key_lives(&self, kid: &str, life: Seconds) -> Result<(), Error> {
        self.connections
            .execute(SIGNING_KEY_LIFE.bind(kid).bind(life))
            .await?;
        Ok(())
    }

    /// Deletes a signing key.
    pub async fn forget_signing_key(&self, kid: &str) -> Result<(), Error> {
        self.connections
            .execute(SIGNING_KEY_FORGET.bind(kid))
            .await?;
        Ok(())
    }

    /// Whether a key of this link and generation is still valid: the link exists, its tenant has the app and has
    /// not disabled it, its person need not reconnect, and the generation is the newest, the one before, or one that Jira may
    /// still hold. A row that is behind its separately counted generation (a restored one) does not count,
    /// nor does one whose credential does not open beside its columns.
    pub async fn honours(
        &self,
        link: &str,
        client_key: &str,
        account: &str,
        subject: &str,
        generation: i64,
    ) -> Result<bool, Error> {
        let honoured = LINK_HONOURED
            .bind(link)
            .bind(client_key)
            .bind(account)
            .bind(subject)
            .bind(generation);
        let row: Option<ClaimedRow> = self.connections.optional(honoured).await?;
        let Some(ClaimedRow { link, reached }) = row else {
            return Ok(false);
        };
        let client_key = ClientKey(link.client_key.clone());
        let Some(Ok(tenant)) = self.find_tenant(&client_key).await? else {
            return Ok(false);
        };
        Ok(self
            .sealer
            .open_credential(&tenant.key, &link, reached.unwrap_or(0))
            .is_ok())
    }

    /// The newest key of a person's link, with its generation. None if there is no link or no key, or if they
    /// do not open.
    pub async fn api_key(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<Option<(ApiKey, i64)>, Error> {
        let row = self.link_row_with_reach(tenant, account).await?;
        let Some(ClaimedRow { link, reached }) = row else {
            return Ok(None);
        };
        let credential = self
            .sealer
            .open_credential(&tenant.key, &link, reached.unwrap_or(0));
        let key = credential.ok().and_then(|credential| credential.api_key);
        Ok(key.map(|key| (key, link.generation)))
    }
}
