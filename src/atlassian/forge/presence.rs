//! Asks Atlassian whether an installation of the Forge app is still there. No call of Forge says that it is gone:
//! `preUninstall` is sent once, and may get lost.

use http::StatusCode;

use crate::model::{ForgeInstallation, SystemToken};
use crate::outbound::{Outbound, SIZE_LIMIT, encode};

use super::ForgeApp;

/// Asks about installations of one app.
#[derive(Debug, Clone)]
pub struct Presence {
    app: ForgeApp,
    http: Outbound,
}

/// What Atlassian's API says of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// It is there.
    There,
    /// It is not (404).
    NotThere,
    /// The system token is not valid (401): the installation is gone, or the token has run out.
    TokenRefused,
    /// The answer, or its absence, says nothing about the installation.
    Nothing,
}

impl Presence {
    /// Asks about installations of this app.
    #[must_use]
    pub fn new(app: ForgeApp, http: Outbound) -> Self {
        Self { app, http }
    }

    /// Asks with a system token of the installation. The call takes no points of Jira's quota: it is not a call of
    /// Jira.
    pub async fn ask(&self, installation: &ForgeInstallation, token: &SystemToken) -> Says {
        let id = installation.id.as_str();
        let id = id.rsplit_once('/').map_or(id, |(_, uuid)| uuid);
        let ForgeApp {
            id: app, api_url, ..
        } = &self.app;
        let environment = &installation.environment;
        let url = format!(
            "{api_url}/forge/installation/v1/{app}/{environment}/installation/{}",
            encode(id)
        );
        let request = self.http.client().get(url);
        let request = request.bearer_auth(token.token.expose());
        let answer = self.http.send(request, SIZE_LIMIT).await;
        match &answer {
            Ok(answer) => {
                tracing::debug!(installation = %installation.id, status = %answer.status, "Atlassian was asked about an installation")
            }
            Err(error) => {
                tracing::info!(installation = %installation.id, %error, "Atlassian does not say whether an installation is there")
            }
        }
        match answer {
            Ok(answer) => judge(answer.status),
            Err(_) => Says::Nothing,
        }
    }
}

/// The body is not read: Atlassian does not publish its shape, and the status is enough.
fn judge(status: StatusCode) -> Says {
    match status {
        StatusCode::NOT_FOUND => Says::NotThere,
        StatusCode::UNAUTHORIZED => Says::TokenRefused,
        status if status.is_success() => Says::There,
        _ => Says::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_401_and_404_speak_against_an_installation() {
        for status in (100..600).filter_map(|code| StatusCode::from_u16(code).ok()) {
            let speaks = !matches!(judge(status), Says::There | Says::Nothing);
            assert_eq!(speaks, matches!(status.as_u16(), 401 | 404), "{status}");
        }
    }
}
