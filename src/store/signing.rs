//! Signing keys, and whether what they have signed still stands.

use sqlx::FromRow;

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{AccountId, ApiKey, ClientKey, Tenant};
use crate::secret::Secret;
use crate::vault::{Broken, Place};

use super::rows::ClaimedRow;
use super::{Pool, Store, sql};

/// Where a signing key stands. It is nobody's but the deployment's.
pub(super) fn signing_key_place(kid: &str) -> Place<'_> {
    Place {
        column: "signing_key.sealed",
        tenant: "",
        row: kid,
        generation: 0,
        bound: &[],
    }
}

/// A signing key as it is kept.
pub struct KeptSigningKey {
    /// Its place in their order, from 1.
    pub number: i64,
    /// The id it is known by.
    pub kid: String,
    /// The private key as text, unless that does not open.
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

impl Store {
    /// All signing keys, in their order.
    pub async fn signing_keys(&self) -> Result<Vec<KeptSigningKey>, Error> {
        let before_the_first = 0_i64;
        let rows = on!(self, pool => sqlx::query_as::<_, SigningKeyRow>(sql::SIGNING_KEYS)
            .bind(before_the_first)
            .fetch_all(pool)
            .await)?;
        let keys = rows.into_iter().map(|row| KeptSigningKey {
            private: self
                .vault
                .open_beyond_tenant(signing_key_place(&row.kid), &row.sealed),
            number: row.number,
            kid: row.kid,
            signs_from: row.signs_from,
            life: row.life,
        });
        Ok(keys.collect())
    }

    /// Keeps a new signing key, unless there is one of this number.
    pub async fn add_signing_key(
        &self,
        number: i64,
        kid: &str,
        private: &Secret,
        signs_from: Seconds,
        life: Seconds,
    ) -> Result<(), Error> {
        let text = self
            .vault
            .seal_beyond_tenant(signing_key_place(kid), private);
        on!(self, pool => sqlx::query(sql::SIGNING_KEY_ADD)
            .bind(number)
            .bind(kid)
            .bind(&text)
            .bind(signs_from)
            .bind(life)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// From here on a signing key may sign what lives for so many seconds.
    pub async fn signing_key_lives(&self, kid: &str, life: Seconds) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::SIGNING_KEY_LIFE)
            .bind(kid)
            .bind(life)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Forgets a signing key.
    pub async fn forget_signing_key(&self, kid: &str) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::SIGNING_KEY_FORGET)
            .bind(kid)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Whether a key of this link and generation is still honoured: the link stands, its tenant has the
    /// app, nobody has to reconnect, and the generation is the newest, the one before, or one that Jira
    /// may still hold. A row that lies behind what was counted beside it, as one that was put back, is no
    /// link, and neither is one whose credential does not open beside its columns.
    pub async fn honours(
        &self,
        link: &str,
        client_key: &str,
        account: &str,
        subject: &str,
        generation: i64,
    ) -> Result<bool, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, ClaimedRow>(sql::LINK_HONOURED)
            .bind(link)
            .bind(client_key)
            .bind(account)
            .bind(subject)
            .bind(generation)
            .fetch_optional(pool)
            .await)?;
        let Some(ClaimedRow { link, reached }) = row else {
            return Ok(false);
        };
        let client_key = ClientKey(link.client_key.clone());
        let Some(Ok(tenant)) = self.find_tenant(&client_key).await? else {
            return Ok(false);
        };
        Ok(self
            .open_credential(&tenant.key, &link, reached.unwrap_or(0))
            .is_ok())
    }

    /// The newest key of a person's link and its generation; none while there is no link or no key, or
    /// where they do not open.
    pub async fn api_key(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<Option<(ApiKey, i64)>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, ClaimedRow>(sql::LINK_WITH_REACH)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(tenant.installation)
            .fetch_optional(pool)
            .await)?;
        let Some(ClaimedRow { link, reached }) = row else {
            return Ok(None);
        };
        let credential = self.open_credential(&tenant.key, &link, reached.unwrap_or(0));
        let key = credential.ok().and_then(|credential| credential.api_key);
        Ok(key.map(|key| (key, link.generation)))
    }
}
