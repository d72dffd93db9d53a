//! The person whom a verified token names, whichever door it came through, and one whom Jira lets administer it.

use crate::model::{AccountId, Tenant};

/// A person in Jira. Only the verifiers of the two doors make one.
#[derive(Clone)]
pub struct Viewer {
    tenant: Tenant,
    account: AccountId,
}

impl Viewer {
    pub(super) fn new(tenant: Tenant, account: AccountId) -> Self {
        Self { tenant, account }
    }

    /// Their tenant.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Their account.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }
}

/// A person of whom Jira has just said that they may administer their site. Only the call that asks it makes one, and
/// it is asked for each request: somebody who loses the right has lost it at the next click.
#[derive(Clone)]
pub struct Admin(Viewer);

impl Admin {
    pub(super) fn new(viewer: Viewer) -> Self {
        Self(viewer)
    }

    /// Their tenant, and the only one whose links and events they see.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        self.0.tenant()
    }

    /// Their account.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        self.0.account()
    }
}
