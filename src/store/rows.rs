//! The rows of the tables, with their columns.

use sqlx::FromRow;

use crate::model::{
    AccountId, AsideReason, ClientKey, Consent, Identity, Link, LinkId, LinkState, Published,
    Tenant, Trouble,
};

use super::connections::readable_rows;

readable_rows!(
    TenantRow,
    PersonRow,
    AttemptRow,
    AttemptEndRow,
    LinkRow,
    ClaimedRow,
    CleanupRow,
);

#[derive(FromRow)]
pub(super) struct TenantRow {
    pub(super) client_key: String,
    pub(super) installation: i64,
    pub(super) base_url: String,
    pub(super) display_urls: String,
    pub(super) oauth_client_id: Option<String>,
    pub(super) data_key: Option<String>,
    pub(super) shared_secret: String,
    pub(super) installed: bool,
    pub(super) enabled: bool,
    pub(super) acts_as_user: bool,
    pub(super) wait_until: i64,
    pub(super) wait_reason: Option<String>,
    pub(super) put_wait_until: i64,
    pub(super) delete_wait_until: i64,
    pub(super) get_wait_until: i64,
    /// The gate of all tenants, if the statement reads it.
    #[sqlx(default)]
    pub(super) jira_opens_at: i64,
    /// From `tenant_revision`, if the statement reads it: without it the secret does not open.
    #[sqlx(default)]
    pub(super) revision: Option<i64>,
    /// The installation of the Forge app that speaks for it, if there is one and the statement reads it.
    #[sqlx(flatten)]
    pub(super) forge: ForgeColumns,
    /// When the call that installed or uninstalled the app was signed.
    pub(super) signed_at: i64,
    /// When the call that enabled or disabled it was signed.
    pub(super) switched_at: i64,
}

impl TenantRow {
    /// Whether the app is installed there as it was when the tenant was read. It may have been uninstalled since, or
    /// installed again.
    pub(super) fn is_still(&self, tenant: &Tenant) -> bool {
        self.installed && self.installation == tenant.installation
    }
}

/// Columns of `forge_installation`. All are missing where no installation speaks for the tenant.
#[derive(FromRow, Default)]
#[sqlx(default)]
pub(super) struct ForgeColumns {
    pub(super) forge_installation: Option<String>,
    pub(super) forge_environment: Option<String>,
    pub(super) forge_cloud_id: Option<String>,
    pub(super) forge_since: Option<i64>,
    pub(super) forge_sealed: Option<String>,
    pub(super) forge_system_token: Option<String>,
    pub(super) forge_system_token_ends_at: Option<i64>,
}

#[derive(FromRow)]
pub(super) struct PersonRow {
    pub(super) kind: String,
    pub(super) active: bool,
    pub(super) display_name: String,
    pub(super) checked_at: i64,
}

#[derive(Clone, FromRow)]
pub(super) struct AttemptRow {
    pub(super) id: String,
    pub(super) client_key: String,
    pub(super) installation: i64,
    pub(super) account_id: String,
    pub(super) issue: Option<String>,
    pub(super) phase: String,
    pub(super) state_hash: Option<String>,
    pub(super) handle_hash: Option<String>,
    pub(super) handle_expires_at: Option<i64>,
    pub(super) kept: Option<String>,
    pub(super) expires_at: i64,
    pub(super) another: bool,
    pub(super) left_at: Option<i64>,
}

#[derive(FromRow)]
pub(super) struct AttemptEndRow {
    pub(super) client_key: String,
    pub(super) installation: i64,
    pub(super) account_id: String,
    pub(super) issue: Option<String>,
    pub(super) how: String,
    pub(super) state_hash: Option<String>,
    pub(super) handle_hash: Option<String>,
    pub(super) handle_expires_at: Option<i64>,
    pub(super) expires_at: i64,
}

#[derive(FromRow)]
pub(super) struct LinkRow {
    pub(super) id: String,
    pub(super) client_key: String,
    pub(super) installation: i64,
    pub(super) account_id: String,
    pub(super) subject: String,
    pub(super) display_name: String,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) generation: i64,
    pub(super) credential: String,
    pub(super) published_generation: i64,
    pub(super) published_expires_at: i64,
    pub(super) published_at: i64,
    pub(super) failures: i64,
    pub(super) claims: i64,
    pub(super) claim: Option<String>,
    pub(super) intent_at: Option<i64>,
    pub(super) unsettled: bool,
    pub(super) put_again: i64,
    pub(super) consented_at: Option<i64>,
    pub(super) consent_ends_at: Option<i64>,
    pub(super) first_end: i64,
    pub(super) seen_at: i64,
    pub(super) trouble: Option<String>,
    pub(super) refusals: i64,
    pub(super) refused_since: Option<i64>,
    pub(super) property_size: Option<i64>,
    pub(super) handle: Option<String>,
    pub(super) handle_generation: Option<i64>,
    pub(super) late_write_until: Option<i64>,
}

#[derive(FromRow)]
pub(super) struct ClaimedRow {
    #[sqlx(flatten)]
    pub(super) link: LinkRow,
    /// From `link_generation`.
    pub(super) reached: Option<i64>,
}

impl LinkRow {
    /// The link to show when its credential does not open: its row's columns about the account are not
    /// trusted.
    pub(super) fn unreadable_link(&self) -> Link {
        let link = self.link();
        Link {
            identity: Identity::unreadable(),
            state: match link.state {
                LinkState::Reconnect(why) => LinkState::Reconnect(why),
                LinkState::Live | LinkState::Aside(_) => LinkState::Aside(AsideReason::Sealed),
            },
            ..link
        }
    }

    /// The fingerprint of the handle that stands in Jira, if nothing can have replaced it there: each generation was
    /// recorded, the last one together with this handle, and no late write has been seen since.
    ///
    /// The column is in clear: an edited one keeps an old handle in Jira until the next look at the person.
    pub(super) fn standing_handle(&self) -> Option<String> {
        let settled = self.generation == self.published_generation && self.put_again == 0;
        let together = self.handle_generation == Some(self.published_generation);
        self.handle.clone().filter(|_| settled && together)
    }

    pub(super) fn link(&self) -> Link {
        Link {
            id: LinkId(self.id.clone()),
            client_key: ClientKey(self.client_key.clone()),
            installation: self.installation,
            account_id: AccountId(self.account_id.clone()),
            identity: Identity {
                subject: self.subject.clone(),
                display_name: self.display_name.clone(),
            },
            state: LinkState::read(&self.state, self.reason.as_deref()),
            generation: self.generation,
            published: (self.published_generation > 0).then_some(Published {
                generation: self.published_generation,
                expires_at: self.published_expires_at,
                at: self.published_at,
            }),
            consent: Consent {
                since: self.consented_at,
                ends_at: self.consent_ends_at,
            },
            trouble: self.trouble.as_deref().and_then(Trouble::parse),
            property_size: self.property_size,
        }
    }
}

#[derive(FromRow)]
pub(super) struct CleanupRow {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) client_key: String,
    pub(super) installation: i64,
    pub(super) account_id: String,
    pub(super) revocation: Option<String>,
    pub(super) failures: i64,
    pub(super) expires_at: i64,
}
