//! Applies lifecycle calls to a tenant: installed, uninstalled, enabled or disabled.
//!
//! Calls may arrive late. A call that was signed strictly before the one that set the present state changes
//! nothing. Times are whole seconds, so a call of the same second is applied. There are two states, each with
//! its own time, because a call about one says nothing about the other:
//!
//! | state | is set by | what is then late |
//! |---|---|---|
//! | installed with these addresses and this secret, or uninstalled | `installed`, `uninstalled` | an old secret, an uninstall before a reinstallation, an installation before an uninstall |
//! | enabled or disabled | `enabled`, `disabled`, and `installed` where the app was not installed | an old switch, or one of an earlier installation |
//!
//! So an upgrade that was signed before an admin disabled the app is applied, and one that was signed after
//! it enables nothing.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{ClientKey, Ending, Heard, Installation, LifecycleCall, Tenant};
use crate::secret::same;

use super::Store;
use super::accounts;
use super::attempt::attempts_of_tenant;
use super::forge;
use super::rows::TenantRow;
use super::sealer::Sealer;
use super::statement::statements;
use super::tenant::{self, SecretPlace};
use super::transaction::{Finish, Transaction};

statements! {
    /// An upgrade does not enable an app that an admin has disabled.
    TENANT_INSTALL = "update tenant set installation = $2, base_url = $3, display_urls = $4, \
        oauth_client_id = $5, data_key = $6, shared_secret = $7, signed_at = $8, installed = true, \
        enabled = (enabled or not installed), \
        switched_at = case when installed then switched_at else $8 end, \
        site_asked_at = case when installed then site_asked_at else 0 end, \
        acts_as_user = false, wait_until = 0, put_wait_until = 0, delete_wait_until = 0, \
        get_wait_until = 0 where client_key = $1";
    TENANT_UNINSTALL = "update tenant set draining = (draining or installed), installed = false, \
        enabled = false, signed_at = $2 where client_key = $1";
    TENANT_ENABLE = "update tenant set enabled = $2, switched_at = $3 where client_key = $1";
    /// Values that were sealed under an earlier revision never open again. Runs after the tenant is locked,
    /// so that two calls never count the same.
    REVISION_NEXT = "insert into tenant_revision (client_key, revision) values ($1, 1) \
        on conflict (client_key) do update set revision = tenant_revision.revision + 1 returning revision";
    /// A token is bound to the first body that comes with it.
    LIFECYCLE_NOTE = "insert into lifecycle_token (token_hash, body_hash, expires_at) values ($1, $2, $3) \
        on conflict (token_hash) do nothing";
    LIFECYCLE_BODY = "select body_hash from lifecycle_token where token_hash = $1";
}

/// Stores a call's token with its body. If the call is to be ignored, returns why, and then nothing may be
/// written. The tenant's row is locked, and `since` is the time of the state that the call would change.
async fn note_call(
    tx: &mut Transaction<'_>,
    call: &LifecycleCall,
    since: Seconds,
) -> Result<Option<Heard>, Error> {
    let note = LIFECYCLE_NOTE
        .bind(&call.token_hash)
        .bind(&call.body_hash)
        .bind(call.expires_at);
    let noted = tx.execute(note).await?;
    if noted == 0 {
        let body: String = tx.one(LIFECYCLE_BODY.bind(&call.token_hash)).await?;
        return Ok(Some(again(&body, call)));
    }
    if call.signed_at < since {
        return Ok(Some(Heard::Late));
    }
    Ok(None)
}

fn again(body_hash: &str, call: &LifecycleCall) -> Heard {
    if body_hash == call.body_hash {
        Heard::Again
    } else {
        Heard::OtherBody
    }
}

/// The next revision of a tenant's row, after which no value sealed in it before opens again. The row is
/// locked.
pub(super) async fn next_revision(
    tx: &mut Transaction<'_>,
    client_key: &str,
) -> Result<i64, Error> {
    Ok(tx.one(REVISION_NEXT.bind(client_key)).await?)
}

/// Marks the tenant whose row is locked as uninstalled.
pub(super) async fn uninstall(
    tx: &mut Transaction<'_>,
    client_key: &str,
    signed_at: Seconds,
) -> Result<(), Error> {
    next_revision(tx, client_key).await?;
    let uninstall = TENANT_UNINSTALL.bind(client_key).bind(signed_at);
    tx.execute(uninstall).await?;
    accounts::end(tx, client_key).await?;
    Ok(())
}

impl Sealer {
    /// Writes an installation into the locked row. Returns whether the shared secret is the same as before.
    pub(super) async fn write_installation(
        &self,
        tx: &mut Transaction<'_>,
        row: &TenantRow,
        revision: i64,
        installation: &Installation,
        signed_at: Seconds,
    ) -> Result<bool, Error> {
        let client_key = row.client_key.as_str();
        let wrapped = row.data_key.as_deref();
        let old_key = wrapped.and_then(|key| self.vault.open_tenant_key(client_key, key).ok());
        // No value of an app that was uninstalled opens again, and no attempt continues.
        let same_secret = old_key
            .as_ref()
            .filter(|_| row.installed)
            .is_some_and(|key| {
                SecretPlace::of(row, revision - 1)
                    .with(|place| self.vault.open(key, place, &row.shared_secret))
                    .is_ok_and(|old| same(old.expose(), installation.shared_secret.expose()))
            });
        let (key, wrapped) = match (old_key, row.data_key.clone()) {
            (Some(key), Some(wrapped)) => (key, wrapped),
            _ => self.vault.new_tenant_key(client_key),
        };
        let display_urls = installation.display_urls.join(" ");
        let place = SecretPlace {
            client_key,
            revision,
            installation: row.installation + i64::from(!row.installed),
            base_url: &installation.base_url,
            display_urls: &display_urls,
            oauth_client_id: installation.oauth_client_id.as_deref(),
        };
        let shared_secret =
            place.with(|place| self.vault.seal(&key, place, &installation.shared_secret));
        let install = TENANT_INSTALL
            .bind(client_key)
            .bind(place.installation)
            .bind(place.base_url)
            .bind(place.display_urls)
            .bind(place.oauth_client_id)
            .bind(wrapped)
            .bind(shared_secret)
            .bind(signed_at);
        tx.execute(install).await?;
        // What is read of people from now on is up to date for a cycle.
        accounts::begin(tx, client_key, signed_at + accounts::CYCLE).await?;
        Ok(same_secret)
    }
}

impl Store {
    /// The outcome of a lifecycle call that came before. None if its token is new.
    pub async fn heard_before(&self, call: &LifecycleCall) -> Result<Option<Heard>, Error> {
        let body = LIFECYCLE_BODY.bind(&call.token_hash);
        let body: Option<String> = self.connections.optional(body).await?;
        Ok(body.map(|body| again(&body, call)))
    }

    /// Applies an `installed` callback.
    ///
    /// A tenant that returns after an uninstall gets a new installation number and is enabled. A new shared
    /// secret ends every attempt in progress, because the old secret verified the people who began them.
    pub async fn install(
        &self,
        installation: &Installation,
        call: &LifecycleCall,
        now: Seconds,
    ) -> Result<Heard, Error> {
        let client_key = installation.client_key.as_str();
        let (heard, ended) = self
            .connections
            .transaction(async |tx| {
                let row = tenant::lock_or_add(tx, client_key, now).await?;
                if let Some(heard) = note_call(tx, call, row.signed_at).await? {
                    return Ok(Finish::RollBack((heard, Vec::new())));
                }
                if forge::has_moved(tx, client_key).await? {
                    return Ok(Finish::Commit((Heard::Moved, Vec::new())));
                }
                let revision = next_revision(tx, client_key).await?;
                let same_secret = self
                    .sealer
                    .write_installation(tx, &row, revision, installation, call.signed_at)
                    .await?;
                if same_secret {
                    return Ok(Finish::Commit((Heard::Done, Vec::new())));
                }
                let ended = attempts_of_tenant(tx, client_key).await?;
                Ok(Finish::Commit((Heard::Done, ended)))
            })
            .await?;
        self.end_attempts(ended, Some(Ending::Uninstalled), now)
            .await?;
        Ok(heard)
    }

    /// Marks a tenant as uninstalled. From the commit on, no token of it is accepted, none of its rows opens,
    /// and no job touches it; [`Store::drain`] ends its links.
    ///
    /// The uninstall of an unknown tenant is stored too: its installation may arrive late.
    pub async fn uninstall(
        &self,
        client_key: &ClientKey,
        call: &LifecycleCall,
        now: Seconds,
    ) -> Result<Heard, Error> {
        let client_key = client_key.as_str();
        let heard = self
            .connections
            .transaction(async |tx| {
                let row = tenant::lock_or_add(tx, client_key, now).await?;
                if let Some(heard) = note_call(tx, call, row.signed_at).await? {
                    return Ok(Finish::RollBack(heard));
                }
                if forge::has_moved(tx, client_key).await? {
                    return Ok(Finish::Commit(Heard::Moved));
                }
                uninstall(tx, client_key, call.signed_at).await?;
                Ok(Finish::Commit(Heard::Done))
            })
            .await?;
        if heard == Heard::Done {
            self.end_attempts_of_uninstalled(client_key, now).await?;
        }
        Ok(heard)
    }

    /// Enables or disables a tenant.
    pub async fn enable(
        &self,
        tenant: &Tenant,
        enabled: bool,
        call: &LifecycleCall,
        now: Seconds,
    ) -> Result<Heard, Error> {
        let client_key = tenant.client_key.as_str();
        self.connections
            .transaction(async |tx| {
                let row = tenant::lock(tx, client_key, now).await?;
                if let Some(heard) = note_call(tx, call, row.switched_at).await? {
                    return Ok(Finish::RollBack(heard));
                }
                if forge::has_moved(tx, client_key).await? {
                    return Ok(Finish::Commit(Heard::Moved));
                }
                if !row.is_still(tenant) {
                    // Uninstalled at this moment.
                    return Ok(Finish::RollBack(Heard::Late));
                }
                let enable = TENANT_ENABLE
                    .bind(client_key)
                    .bind(enabled)
                    .bind(call.signed_at);
                tx.execute(enable).await?;
                Ok(Finish::Commit(Heard::Done))
            })
            .await
    }
}
