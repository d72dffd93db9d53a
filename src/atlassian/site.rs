//! What a site says of itself, to everybody.

use serde::Deserialize;

use crate::error::Error;
use crate::model::CloudId;
use crate::outbound::{Outbound, SIZE_LIMIT};

/// The cloud id of the site at this address (Atlassian support, "Retrieve my Atlassian site's Cloud ID").
///
/// # Errors
/// [`Error::JiraUnreachable`] if it names none.
pub(super) async fn cloud_id(http: &Outbound, base_url: &str) -> Result<CloudId, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct TenantInfo {
        cloud_id: String,
    }
    let away = |why: String| Error::JiraUnreachable(why);
    let url = format!("{base_url}/_edge/tenant_info");
    let answer = http.get(&url, SIZE_LIMIT).await;
    let answer = answer.map_err(|error| away(error.to_string()))?;
    let info = answer
        .status
        .is_success()
        .then(|| answer.json::<TenantInfo>());
    info.flatten()
        .and_then(|info| CloudId::parse(&info.cloud_id))
        .ok_or_else(|| away(format!("the site names no cloud id ({})", answer.status)))
}
