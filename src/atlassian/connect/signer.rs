//! The app's own tokens, for calls to tenants' Jira.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::qsh::qsh;
use crate::clock::{Clock, Seconds};
use crate::model::{AccountId, ConnectDoor, Tenant};
use crate::secret::Secret;

/// How long the tokens that this app signs live; Atlassian's live as long.
const APP_JWT_LIFE: Seconds = 180;

/// Signs calls to tenants' Jira.
#[derive(Debug, Clone)]
pub struct Signer {
    app_key: String,
    clock: Clock,
}

/// A token could not be signed, which only a bug can cause.
#[derive(Debug, thiserror::Error)]
#[error("a token cannot be signed")]
pub struct CannotSign;

impl Signer {
    /// Signs as the app with this key.
    #[must_use]
    pub fn new(app_key: String, clock: Clock) -> Self {
        Self { app_key, clock }
    }

    /// The app JWT for one request. `path` and `query` are the request's; a tenant's base URL has no path.
    pub fn app_jwt(
        &self,
        tenant: &Tenant,
        door: &ConnectDoor,
        method: &str,
        path: &str,
        query: Option<&str>,
    ) -> Result<Secret, CannotSign> {
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: &'a str,
            aud: &'a str,
            iat: Seconds,
            exp: Seconds,
            qsh: String,
        }
        let now = self.clock.now();
        let claims = Claims {
            iss: &self.app_key,
            aud: tenant.client_key.as_str(),
            iat: now,
            exp: now + APP_JWT_LIFE,
            qsh: qsh(method, "", path, query),
        };
        sign(door, &claims)
    }

    /// The assertion for acting as a person (RFC 7523, Atlassian's "User impersonation for Connect
    /// apps"). None when the tenant was installed without an OAuth client id.
    pub fn impersonation(
        &self,
        tenant: &Tenant,
        door: &ConnectDoor,
        account: &AccountId,
        audience: &str,
    ) -> Option<Result<Secret, CannotSign>> {
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: String,
            sub: String,
            tnt: &'a str,
            aud: &'a str,
            iat: Seconds,
            exp: Seconds,
        }
        let client_id = door.oauth_client_id.as_ref()?;
        let now = self.clock.now();
        let claims = Claims {
            iss: format!("urn:atlassian:connect:clientid:{client_id}"),
            sub: format!("urn:atlassian:connect:useraccountid:{account}"),
            tnt: &tenant.base_url,
            aud: audience,
            iat: now,
            exp: now + 60,
        };
        Some(sign(door, &claims))
    }
}

fn sign(door: &ConnectDoor, claims: &impl Serialize) -> Result<Secret, CannotSign> {
    let key = EncodingKey::from_secret(door.shared_secret.expose().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key)
        .map(Secret::new)
        .map_err(|_| CannotSign)
}
