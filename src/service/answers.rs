//! Reads what the service's own endpoints answer about an account, a key and a refusal. Pure functions of a
//! body.

use serde::Deserialize;
use serde_json::Value;

use crate::clock::{Seconds, parse_rfc3339};
use crate::lenient::{self, text_or_number};
use crate::names;
use crate::secret::Secret;

/// OpenID Connect Core 1.0, section 2.
const LONGEST_SUBJECT: usize = 255;

/// The names that a service may give for an account, best first.
#[derive(Debug, Default, Deserialize)]
pub struct Names {
    #[serde(default)]
    name: Option<Value>,
    #[serde(default)]
    display_name: Option<Value>,
    #[serde(default)]
    given_name: Option<Value>,
    #[serde(default)]
    family_name: Option<Value>,
    #[serde(default)]
    preferred_username: Option<Value>,
    #[serde(default)]
    login: Option<Value>,
    #[serde(default)]
    username: Option<Value>,
    #[serde(default)]
    nickname: Option<Value>,
    #[serde(default)]
    email: Option<Value>,
}

impl Names {
    /// The best name that shows something.
    #[must_use]
    pub fn best(&self) -> Option<String> {
        let text = |name: &Option<Value>| names::shown(name.as_ref()?.as_str()?);
        let parts = [&self.given_name, &self.family_name].map(text);
        let whole = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        [&self.name, &self.display_name]
            .into_iter()
            .find_map(text)
            .or_else(|| names::shown(&whole))
            .or_else(|| {
                [
                    &self.preferred_username,
                    &self.login,
                    &self.username,
                    &self.nickname,
                    &self.email,
                ]
                .into_iter()
                .find_map(text)
            })
    }
}

/// An account's id, never cut: two accounts could become one.
#[must_use]
pub fn subject(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.chars().count() <= LONGEST_SUBJECT;
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// The id of the account that the access token belongs to, and a name if there is one.
#[must_use]
pub fn identity(body: &[u8]) -> Option<(String, Option<String>)> {
    #[derive(Deserialize)]
    struct Answer {
        sub: Option<Value>,
        id: Option<Value>,
        #[serde(flatten)]
        names: Names,
    }
    let answer: Answer = lenient::read_as(body)?;
    let id = text_or_number(answer.sub.or(answer.id)?)?;
    Some((subject(&id)?, answer.names.best()))
}

/// A key that the key endpoint issued.
pub struct IssuedKey {
    /// The key.
    pub key: Secret,
    /// When it expires.
    pub expires_at: Seconds,
    /// The id by which it is revoked.
    pub id: String,
}

/// Reads the key endpoint's answer.
#[must_use]
pub fn issued_key(body: &[u8]) -> Option<IssuedKey> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        api_key: Secret,
        expires_at: String,
        id: Value,
    }
    let answer: Answer = lenient::read_as(body)?;
    // The id becomes the last segment of a URL. An id of dots would change the path, and an empty one would
    // address every key.
    let id = text_or_number(answer.id)?;
    let is_step = !id.bytes().all(|b| b == b'.');
    Some(IssuedKey {
        key: answer.api_key,
        expires_at: parse_rfc3339(&answer.expires_at)?,
        id: is_step.then_some(id)?,
    })
}

/// Whether a refusal to revoke says that there is nothing left to revoke. An unknown token counts as revoked
/// (RFC 7009 section 2.2), in any form that a service uses.
#[must_use]
pub fn is_gone(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    lenient::read_as::<Refusal>(body)
        .is_some_and(|refusal| ["invalid_token", "invalid_grant"].contains(&refusal.error.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_taken_whole_or_not_at_all() {
        let whole = "s".repeat(LONGEST_SUBJECT);
        let body = format!(r#"{{"sub":"{whole}","name":"Robin"}}"#);
        assert_eq!(
            identity(body.as_bytes()),
            Some((whole, Some("Robin".to_owned())))
        );
        assert_eq!(identity(br#"{"id":7}"#), Some(("7".to_owned(), None)));
        let long = format!(r#"{{"sub":"{}"}}"#, "s".repeat(LONGEST_SUBJECT + 1));
        for bad in [
            long.as_str(),
            r#"{"sub":""}"#,
            r#"{"sub":"a\u0000b"}"#,
            r#"{"sub":["a"]}"#,
            r#"{"name":"Robin"}"#,
            "[]",
        ] {
            assert_eq!(identity(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn f21_the_best_name_that_shows_something_counts() {
        let name = |names: &str| {
            let body = format!(r#"{{"sub":"a",{names}}}"#);
            identity(body.as_bytes()).and_then(|(_, name)| name)
        };
        for (names, best) in [
            (
                r#""name":"\u0001","nickname":" Rob\u0000in ""#,
                Some("Robin"),
            ),
            (r#""name":"\u200b","login":"robin""#, Some("robin")),
            (r#""name":7,"email":"r@example.com""#, Some("r@example.com")),
            (r#""name":"","given_name":"Robin""#, Some("Robin")),
            (
                r#""given_name":"Robin","family_name":"Park","login":"r""#,
                Some("Robin Park"),
            ),
            (
                r#""given_name":"\u2060","family_name":"\u3164","login":"r""#,
                Some("r"),
            ),
            (r#""name":"\u2800","nickname":null,"email":[]"#, None),
        ] {
            assert_eq!(name(names).as_deref(), best, "{names}");
        }
    }

    #[test]
    fn a_key_without_a_name_of_its_own_is_not_taken() {
        let read = |id: &str| {
            let body = format!(r#"{{"apiKey":"k","expiresAt":"2026-11-21T22:00:00Z","id":{id}}}"#);
            issued_key(body.as_bytes()).map(|key| key.id)
        };
        assert_eq!(read("\"a.b\""), Some("a.b".to_owned()));
        assert_eq!(read("7"), Some("7".to_owned()));
        for bad in ["\"\"", "\".\"", "\"..\"", "null", "{}"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
