//! How much Latchkey may ask of Jira and of the service, as the operator set it.

/// How much may be asked of Jira.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JiraLimits {
    /// Points an hour over all sites.
    pub quota: i64,
    /// How many of these points renewals may use.
    pub renewal: i64,
    /// Writes a second to one site.
    pub burst: u32,
}

impl JiraLimits {
    /// The limits where renewals may use `share` per cent of the quota.
    #[must_use]
    pub fn new(quota: i64, share: i64, burst: u32) -> Self {
        Self {
            quota,
            // A quota too small to share goes to renewals: without them no link survives.
            renewal: (quota * share / 100).max(1),
            burst,
        }
    }
}

/// How much may be asked of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Renewals under way at once in this process.
    pub concurrency: usize,
    /// Token requests a second over all replicas.
    pub rate: Option<u32>,
}
