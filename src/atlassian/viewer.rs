//! The person whom a verified token names, whichever door it came through.

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
