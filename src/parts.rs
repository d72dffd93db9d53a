//! The parts that the verbs use.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::atlassian::jira::Jira;
use crate::clock::Clock;
use crate::keys::Keys;
use crate::meters::Meters;
use crate::random::Random;
use crate::service::Service;
use crate::store::Store;

/// The parts that linking, renewing and cleaning up share. Clones share the same parts.
#[derive(Clone)]
pub struct Parts {
    /// The time.
    pub clock: Clock,
    /// Random numbers.
    pub random: Random,
    /// The database.
    pub store: Store,
    /// Calls to tenants' Jira.
    pub jira: Arc<Jira>,
    /// Calls to the service.
    pub service: Arc<Service>,
    /// Keys that Latchkey signs.
    pub keys: Arc<Keys>,
    /// Metrics of this process.
    pub meters: Meters,
    /// Wakes the worker that renews, before its next tick.
    pub wake: Arc<Notify>,
    /// Wakes the worker that cleans up, before its next tick.
    pub wake_cleanup: Arc<Notify>,
}
