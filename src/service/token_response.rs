//! Reads a token endpoint's answer as leniently as is safe.
//!
//! The refresh token in an answer may be the only one left, so a strange field must never cause the answer to
//! be rejected. Only `access_token` is required, and `expires_in` may be a number, a text or nonsense.

use std::time::Duration;

use oauth2::basic::BasicTokenType;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Seconds;
use crate::lenient;

/// One year. Longer lives are cut, so that adding times cannot overflow.
const LONGEST: Seconds = 366 * 24 * 3600;
/// Ten years, the same limit for refresh tokens.
const LONGEST_OF_REFRESH: Seconds = 10 * LONGEST;

/// A token answer: RFC 6749 section 5.1, and OpenID Connect's ID token.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct TokenAnswer {
    #[serde(deserialize_with = "whole")]
    access_token: AccessToken,
    #[serde(default, deserialize_with = "non_empty")]
    refresh_token: Option<RefreshToken>,
    #[serde(default)]
    expires_in: Value,
    /// GitHub and Microsoft.
    /// <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens>
    #[serde(default)]
    refresh_token_expires_in: Value,
    /// Keycloak, where 0 means never.
    /// <https://www.keycloak.org/docs-api/latest/javadocs/org/keycloak/representations/AccessTokenResponse.html>
    #[serde(default)]
    refresh_expires_in: Value,
    /// Intuit.
    /// <https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0>
    #[serde(default)]
    x_refresh_token_expires_in: Value,
    #[serde(default, deserialize_with = "text_or_nothing")]
    id_token: IdTokenText,
    /// What the answer says of the type, in any form.
    #[serde(default, rename = "token_type")]
    said_type: Value,
    /// Every known service means a bearer token, however it spells the type.
    #[serde(skip, default = "bearer")]
    token_type: BasicTokenType,
}

/// The ID token as it came; never printed.
#[derive(Clone, Default, Deserialize, Serialize)]
pub struct IdTokenText(pub Option<String>);

impl std::fmt::Debug for IdTokenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdTokenText(…)")
    }
}

fn bearer() -> BasicTokenType {
    BasicTokenType::Bearer
}

fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<AccessToken, D::Error> {
    let text = String::deserialize(deserializer)?;
    match lenient::is_token(&text) {
        true => Ok(AccessToken::new(text)),
        false => Err(serde::de::Error::custom("not a whole token")),
    }
}

/// An empty refresh token, or one that is not a text, counts as none: it must not replace a good one.
fn non_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<RefreshToken>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if lenient::is_token(&text) => Some(RefreshToken::new(text)),
        _ => None,
    })
}

fn text_or_nothing<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<IdTokenText, D::Error> {
    Ok(IdTokenText(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    }))
}

impl TokenAnswer {
    /// The ID token, if there is one.
    pub fn id_token(&self) -> Option<&str> {
        self.id_token.0.as_deref()
    }

    /// Whether the access token is bound to a DPoP key (RFC 9449, section 5).
    pub fn is_bound(&self) -> bool {
        let said = self.said_type.as_str();
        said.is_some_and(|said| said.eq_ignore_ascii_case("DPoP"))
    }

    /// Life of the access token in seconds. None if the service gives no sensible value.
    pub fn life(&self) -> Option<Seconds> {
        seconds(&self.expires_in, LONGEST)
    }

    /// How many seconds the refresh token lives unused. None if the service gives no sensible value. No
    /// standard defines such a field.
    pub fn refresh_life(&self) -> Option<Seconds> {
        [
            &self.refresh_token_expires_in,
            &self.refresh_expires_in,
            &self.x_refresh_token_expires_in,
        ]
        .into_iter()
        .find_map(|said| seconds(said, LONGEST_OF_REFRESH))
    }
}

/// A positive number of seconds, as a number or a text.
fn seconds(said: &Value, longest: Seconds) -> Option<Seconds> {
    let seconds = match said {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_u64().map(|_| longest))
            .or_else(|| number.as_f64().map(|seconds| seconds as Seconds)),
        Value::String(text) => text.trim().parse::<Seconds>().ok(),
        _ => None,
    }?;
    (seconds > 0).then_some(seconds.min(longest))
}

impl TokenResponse for TokenAnswer {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &Self::TokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.life()
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(expires_in: &str) -> Option<Seconds> {
        let text = format!(r#"{{"access_token":"a","expires_in":{expires_in}}}"#);
        serde_json::from_str::<TokenAnswer>(&text).unwrap().life()
    }

    #[test]
    fn lives_of_every_kind() {
        assert_eq!(life("3600"), Some(3600));
        assert_eq!(life("\"3600\""), Some(3600));
        assert_eq!(life("59.9"), Some(59));
        for nonsense in ["0", "-5", "\"soon\"", "null", "{}", "[]", "\"\"", "-1e300"] {
            assert_eq!(life(nonsense), None, "{nonsense}");
        }
        for huge in ["99999999999", "18446744073709551615", "1e300"] {
            assert_eq!(life(huge), Some(LONGEST), "{huge}");
        }
    }

    #[test]
    fn lives_of_refresh_tokens_have_three_names() {
        let life = |fields: &str| {
            let text = format!(r#"{{"access_token":"a"{fields}}}"#);
            let answer = serde_json::from_str::<TokenAnswer>(&text).unwrap();
            answer.refresh_life()
        };
        assert_eq!(life(""), None);
        assert_eq!(
            life(r#","refresh_token_expires_in":15897600"#),
            Some(15_897_600)
        );
        assert_eq!(life(r#","refresh_token_expires_in":"86399""#), Some(86_399));
        assert_eq!(life(r#","refresh_expires_in":1800"#), Some(1800));
        assert_eq!(life(r#","refresh_expires_in":0"#), None, "never");
        assert_eq!(
            life(r#","x_refresh_token_expires_in":8726400"#),
            Some(8_726_400)
        );
        assert_eq!(
            life(r#","refresh_token_expires_in":[7],"refresh_expires_in":9"#),
            Some(9)
        );
        for nonsense in ["-5", "\"soon\"", "null", "{}", "[]", "-1e300"] {
            let fields = format!(r#","refresh_token_expires_in":{nonsense}"#);
            assert_eq!(life(&fields), None, "{nonsense}");
        }
        assert_eq!(
            life(r#","refresh_expires_in":1e300"#),
            Some(LONGEST_OF_REFRESH)
        );
    }

    #[test]
    fn tokens_survive_nonsense_around_them() {
        let answer: TokenAnswer = serde_json::from_str(
            r#"{"access_token":"a","token_type":7,"refresh_token":"r","id_token":{},"scope":[1]}"#,
        )
        .unwrap();
        assert_eq!(answer.refresh_token().unwrap().secret(), "r");
        assert_eq!(answer.id_token(), None);
        let answer: TokenAnswer =
            serde_json::from_str(r#"{"access_token":"a","refresh_token":""}"#).unwrap();
        assert!(answer.refresh_token().is_none());
        assert!(serde_json::from_str::<TokenAnswer>(r#"{"token_type":"bearer"}"#).is_err());
        assert!(!format!("{answer:?}").contains("\"a\""));
    }
}
