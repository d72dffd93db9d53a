//! What the verbs work with.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::atlassian::jira::Jira;
use crate::clock::Clock;
use crate::keys::Keys;
use crate::meters::Meters;
use crate::random::Random;
use crate::service::Service;
use crate::store::Store;

/// The parts that linking, renewing and cleaning up share. A clone is the same parts.
#[derive(Clone)]
pub struct Parts {
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// What is kept.
    pub store: Store,
    /// Calls to tenants' Jira.
    pub jira: Arc<Jira>,
    /// Calls to the service.
    pub service: Arc<Service>,
    /// Keys that are made here.
    pub keys: Arc<Keys>,
    /// Counts and measures.
    pub meters: Meters,
    /// Wakes the worker that renews before its time.
    pub wake: Arc<Notify>,
    /// Wakes the worker that cleans up before its time.
    pub wake_cleanup: Arc<Notify>,
}
