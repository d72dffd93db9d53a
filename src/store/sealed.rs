//! How secrets are written before they are sealed, and read after they were opened.
//!
//! The types of `model` cannot be serialized, so that nobody puts one into an answer by accident. Here,
//! right before sealing, is the one place where they become text.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::Seconds;
use crate::model::{
    ApiKey, Authorizing, Credential, Identity, Lingering, MintedKey, Proved, Returned,
    RevocableToken, Revocation, Tokens,
};
use crate::secret::Secret;

/// Why a value that opened cannot be understood: another version wrote it.
pub(super) struct Unreadable;

fn read<T: for<'de> Deserialize<'de>>(text: &Secret) -> Result<T, Unreadable> {
    serde_json::from_str(text.expose()).map_err(|_| Unreadable)
}

fn exposed(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::expose)
}

fn tokens_json(tokens: &Tokens) -> Value {
    json!({
        "access_token": tokens.access_token.expose(),
        "requested_at": tokens.requested_at,
        "expires_at": tokens.expires_at,
        "refresh_token": exposed(tokens.refresh_token.as_ref()),
    })
}

#[derive(Deserialize)]
struct TokensText {
    access_token: Secret,
    requested_at: Seconds,
    expires_at: Option<Seconds>,
    refresh_token: Option<Secret>,
}

impl From<TokensText> for Tokens {
    fn from(text: TokensText) -> Self {
        Self {
            access_token: text.access_token,
            requested_at: text.requested_at,
            expires_at: text.expires_at,
            refresh_token: text.refresh_token,
        }
    }
}

fn revocation_json(revocation: &Revocation) -> Value {
    json!({
        "subject": revocation.subject,
        "keys": revocation.keys.iter().map(|key| json!({
            "id": key.id,
            "access_token": key.access_token.expose(),
        })).collect::<Vec<_>>(),
        "tokens": revocation.tokens.iter().map(|token| json!({
            "token": token.token.expose(),
            "refresh": token.refresh,
        })).collect::<Vec<_>>(),
    })
}

#[derive(Deserialize)]
struct RevocationText {
    subject: String,
    keys: Vec<MintedKeyText>,
    tokens: Vec<TokenText>,
}

#[derive(Deserialize)]
struct MintedKeyText {
    id: String,
    access_token: Secret,
}

#[derive(Deserialize)]
struct TokenText {
    token: Secret,
    refresh: bool,
}

impl From<RevocationText> for Revocation {
    fn from(text: RevocationText) -> Self {
        Self {
            subject: text.subject,
            keys: text
                .keys
                .into_iter()
                .map(|key| MintedKey {
                    id: key.id,
                    access_token: key.access_token,
                })
                .collect(),
            tokens: text
                .tokens
                .into_iter()
                .map(|token| RevocableToken {
                    token: token.token,
                    refresh: token.refresh,
                })
                .collect(),
        }
    }
}

pub(super) fn write_revocation(revocation: &Revocation) -> Secret {
    Secret::new(revocation_json(revocation).to_string())
}

pub(super) fn read_revocation(text: &Secret) -> Result<Revocation, Unreadable> {
    read::<RevocationText>(text).map(Revocation::from)
}

pub(super) fn write_credential(credential: &Credential) -> Secret {
    let json = json!({
        "tokens": tokens_json(&credential.tokens),
        "previous_refresh_token": exposed(credential.previous_refresh_token.as_ref()),
        "api_key": credential.api_key.as_ref().map(|key| json!({
            "key": key.key.expose(),
            "requested_at": key.requested_at,
            "expires_at": key.expires_at,
            "id": key.id,
        })),
        "lingering": credential.lingering.iter().map(|old| json!({
            "access_token": old.access_token.expose(),
            "expires_at": old.expires_at,
        })).collect::<Vec<_>>(),
        "retiring": credential.retiring.iter().map(revocation_json).collect::<Vec<_>>(),
    });
    Secret::new(json.to_string())
}

#[derive(Deserialize)]
struct CredentialText {
    tokens: TokensText,
    previous_refresh_token: Option<Secret>,
    api_key: Option<ApiKeyText>,
    lingering: Vec<LingeringText>,
    retiring: Vec<RevocationText>,
}

#[derive(Deserialize)]
struct LingeringText {
    access_token: Secret,
    expires_at: Seconds,
}

#[derive(Deserialize)]
struct ApiKeyText {
    key: Secret,
    requested_at: Seconds,
    expires_at: Seconds,
    id: Option<String>,
}

pub(super) fn read_credential(text: &Secret) -> Result<Credential, Unreadable> {
    let text: CredentialText = read(text)?;
    Ok(Credential {
        tokens: text.tokens.into(),
        previous_refresh_token: text.previous_refresh_token,
        api_key: text.api_key.map(|key| ApiKey {
            key: key.key,
            requested_at: key.requested_at,
            expires_at: key.expires_at,
            id: key.id,
        }),
        lingering: text
            .lingering
            .into_iter()
            .map(|old| Lingering {
                access_token: old.access_token,
                expires_at: old.expires_at,
            })
            .collect(),
        retiring: text.retiring.into_iter().map(Revocation::from).collect(),
    })
}

pub(super) fn write_authorizing(kept: &Authorizing) -> Secret {
    Secret::new(
        json!({
            "code_verifier": kept.code_verifier.expose(),
            "nonce": kept.nonce.expose(),
        })
        .to_string(),
    )
}

/// Code verifier and nonce.
pub(super) fn read_authorizing(text: &Secret) -> Result<(Secret, Secret), Unreadable> {
    #[derive(Deserialize)]
    struct Text {
        code_verifier: Secret,
        nonce: Secret,
    }
    read::<Text>(text).map(|text| (text.code_verifier, text.nonce))
}

pub(super) fn write_returned(kept: &Returned) -> Secret {
    Secret::new(
        json!({
            "code": kept.code.expose(),
            "code_verifier": kept.code_verifier.expose(),
            "nonce": kept.nonce.expose(),
        })
        .to_string(),
    )
}

/// Code, code verifier and nonce.
pub(super) fn read_returned(text: &Secret) -> Result<(Secret, Secret, Secret), Unreadable> {
    #[derive(Deserialize)]
    struct Text {
        code: Secret,
        code_verifier: Secret,
        nonce: Secret,
    }
    read::<Text>(text).map(|text| (text.code, text.code_verifier, text.nonce))
}

pub(super) fn write_proved(kept: &Proved) -> Secret {
    Secret::new(
        json!({
            "subject": kept.identity.subject,
            "display_name": kept.identity.display_name,
            "tokens": tokens_json(&kept.tokens),
        })
        .to_string(),
    )
}

pub(super) fn read_proved(text: &Secret) -> Result<(Identity, Tokens), Unreadable> {
    #[derive(Deserialize)]
    struct Text {
        subject: String,
        display_name: String,
        tokens: TokensText,
    }
    read::<Text>(text).map(|text| {
        let identity = Identity {
            subject: text.subject,
            display_name: text.display_name,
        };
        (identity, text.tokens.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_read_back_as_it_was_written() {
        let credential = Credential {
            tokens: Tokens {
                access_token: Secret::new("access"),
                requested_at: 3,
                expires_at: None,
                refresh_token: Some(Secret::new("refresh")),
            },
            previous_refresh_token: Some(Secret::new("previous")),
            api_key: Some(ApiKey {
                key: Secret::new("key"),
                requested_at: 4,
                expires_at: 17,
                id: Some("k-1".to_owned()),
            }),
            lingering: vec![Lingering {
                access_token: Secret::new("lingering"),
                expires_at: 5,
            }],
            retiring: vec![Revocation {
                subject: "u-0".to_owned(),
                keys: vec![MintedKey {
                    id: "k-0".to_owned(),
                    access_token: Secret::new("old"),
                }],
                tokens: vec![RevocableToken {
                    token: Secret::new("old-refresh"),
                    refresh: true,
                }],
            }],
        };
        let text = write_credential(&credential);
        let Ok(back) = read_credential(&text) else {
            panic!("it cannot be read back")
        };
        assert_eq!(write_credential(&back).expose(), text.expose());
        assert!(read_credential(&Secret::new("{}")).is_err());
    }
}
