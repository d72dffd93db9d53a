//! How secrets are serialized before they are sealed, and parsed after they were opened.
//!
//! The types of `model` cannot be serialized, so that none ends up in an answer by accident. Only here, right
//! before sealing, do they become text.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock::Seconds;
use crate::model::{
    ApiKey, Authorizing, Code, Consent, Credential, Handle, Identity, Lingering, MintedKey, Phase,
    PhaseName, Proved, Redeemed, Redeeming, Returned, RevocableToken, Revocation, Round, Tokens,
    Whereabouts,
};
use crate::secret::Secret;

/// A value that opened but cannot be parsed: another version wrote it.
pub(super) struct Unreadable;

fn read<T: for<'de> Deserialize<'de>>(text: &Secret) -> Result<T, Unreadable> {
    serde_json::from_str(text.expose()).map_err(|_| Unreadable)
}

/// Serializes into a buffer of the right size: one that grew would leave parts of the secrets in memory.
fn write(value: &impl Serialize) -> Secret {
    struct Length(usize);
    impl std::io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    const PLAIN: &str = "texts, numbers and lists of them can be written";
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).expect(PLAIN);
    let mut text = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *text, value).expect(PLAIN);
    Secret::new(String::from_utf8(std::mem::take(&mut *text)).expect("JSON is UTF-8"))
}

// The shapes of the JSON. `S` is `&str` for writing and `Secret` for reading.

#[derive(Serialize, Deserialize)]
struct TokensText<S> {
    access_token: S,
    requested_at: Seconds,
    expires_at: Option<Seconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_expires_at: Option<Seconds>,
    refresh_token: Option<S>,
}

#[derive(Serialize, Deserialize)]
struct RevocationText<S> {
    subject: String,
    keys: Vec<MintedKeyText<S>>,
    tokens: Vec<TokenText<S>>,
}

#[derive(Serialize, Deserialize)]
struct MintedKeyText<S> {
    id: String,
    access_token: S,
}

#[derive(Serialize, Deserialize)]
struct TokenText<S> {
    token: S,
    refresh: bool,
}

#[derive(Serialize, Deserialize)]
struct CredentialText<S> {
    tokens: TokensText<S>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consent_since: Option<Seconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consent_ends_at: Option<Seconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_ends_at: Option<Seconds>,
    previous_refresh_token: Option<S>,
    api_key: Option<ApiKeyText<S>>,
    lingering: Vec<LingeringText<S>>,
    retiring: Vec<RevocationText<S>>,
}

#[derive(Serialize, Deserialize)]
struct LingeringText<S> {
    access_token: S,
    expires_at: Seconds,
}

#[derive(Serialize, Deserialize)]
struct ApiKeyText<S> {
    key: S,
    requested_at: Seconds,
    expires_at: Seconds,
    id: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct BegunText {}

#[derive(Serialize, Deserialize)]
struct AuthorizingText<S> {
    code_verifier: S,
    nonce: S,
}

#[derive(Serialize, Deserialize)]
struct CodeText<S> {
    code: S,
    code_verifier: S,
    nonce: S,
}

#[derive(Serialize, Deserialize)]
struct ReturnedText<S> {
    code: CodeText<S>,
    network: String,
    agent: String,
}

#[derive(Serialize, Deserialize)]
struct ProvedText<S> {
    proved_elsewhere: bool,
    code: CodeText<S>,
}

#[derive(Serialize, Deserialize)]
struct RedeemingText {
    proved_elsewhere: bool,
    since: Seconds,
}

#[derive(Serialize, Deserialize)]
struct RedeemedText<S> {
    proved_elsewhere: bool,
    subject: String,
    display_name: String,
    tokens: TokensText<S>,
    page: S,
}

impl<'a> From<&'a Tokens> for TokensText<&'a str> {
    fn from(tokens: &'a Tokens) -> Self {
        Self {
            access_token: tokens.access_token.expose(),
            requested_at: tokens.requested_at,
            expires_at: tokens.expires_at,
            refresh_expires_at: tokens.refresh_expires_at,
            refresh_token: tokens.refresh_token.as_ref().map(Secret::expose),
        }
    }
}

impl From<TokensText<Secret>> for Tokens {
    fn from(text: TokensText<Secret>) -> Self {
        Self {
            access_token: text.access_token,
            requested_at: text.requested_at,
            expires_at: text.expires_at,
            refresh_expires_at: text.refresh_expires_at,
            refresh_token: text.refresh_token,
        }
    }
}

impl<'a> From<&'a Revocation> for RevocationText<&'a str> {
    fn from(revocation: &'a Revocation) -> Self {
        Self {
            subject: revocation.subject.clone(),
            keys: revocation
                .keys
                .iter()
                .map(|key| MintedKeyText {
                    id: key.id.clone(),
                    access_token: key.access_token.expose(),
                })
                .collect(),
            tokens: revocation
                .tokens
                .iter()
                .map(|token| TokenText {
                    token: token.token.expose(),
                    refresh: token.refresh,
                })
                .collect(),
        }
    }
}

impl From<RevocationText<Secret>> for Revocation {
    fn from(text: RevocationText<Secret>) -> Self {
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
    write(&RevocationText::from(revocation))
}

pub(super) fn read_revocation(text: &Secret) -> Result<Revocation, Unreadable> {
    read::<RevocationText<Secret>>(text).map(Revocation::from)
}

pub(super) fn write_credential(credential: &Credential) -> Secret {
    write(&CredentialText {
        tokens: TokensText::from(&credential.tokens),
        consent_since: credential.consent.since,
        consent_ends_at: credential.consent.ends_at,
        refresh_ends_at: credential.refresh_ends_at,
        previous_refresh_token: credential
            .previous_refresh_token
            .as_ref()
            .map(Secret::expose),
        api_key: credential.api_key.as_ref().map(|key| ApiKeyText {
            key: key.key.expose(),
            requested_at: key.requested_at,
            expires_at: key.expires_at,
            id: key.id.clone(),
        }),
        lingering: credential
            .lingering
            .iter()
            .map(|old| LingeringText {
                access_token: old.access_token.expose(),
                expires_at: old.expires_at,
            })
            .collect(),
        retiring: credential
            .retiring
            .iter()
            .map(RevocationText::from)
            .collect(),
    })
}

pub(super) fn read_credential(text: &Secret) -> Result<Credential, Unreadable> {
    let text: CredentialText<Secret> = read(text)?;
    Ok(Credential {
        tokens: text.tokens.into(),
        consent: Consent {
            since: text.consent_since,
            ends_at: text.consent_ends_at,
        },
        refresh_ends_at: text.refresh_ends_at,
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

impl<'a> From<&'a Code> for CodeText<&'a str> {
    fn from(code: &'a Code) -> Self {
        Self {
            code: code.code.expose(),
            code_verifier: code.code_verifier.expose(),
            nonce: code.nonce.expose(),
        }
    }
}

impl From<CodeText<Secret>> for Code {
    fn from(text: CodeText<Secret>) -> Self {
        Self {
            code: text.code,
            code_verifier: text.code_verifier,
            nonce: text.nonce,
        }
    }
}

/// The sealed text of a phase: the data that is not in columns.
pub(super) fn write_phase(phase: &Phase) -> Secret {
    match phase {
        Phase::Begun => write(&BegunText {}),
        Phase::Authorizing(kept) => write(&AuthorizingText {
            code_verifier: kept.code_verifier.expose(),
            nonce: kept.nonce.expose(),
        }),
        Phase::Returned(kept) => write(&ReturnedText {
            code: CodeText::from(&kept.code),
            network: kept.from.network.clone(),
            agent: kept.from.agent.clone(),
        }),
        Phase::Proved(kept) => write(&ProvedText {
            proved_elsewhere: kept.round.proved_elsewhere,
            code: CodeText::from(&kept.code),
        }),
        Phase::Redeeming(kept) => write(&RedeemingText {
            proved_elsewhere: kept.round.proved_elsewhere,
            since: kept.since,
        }),
        Phase::Redeemed(kept) => write(&RedeemedText {
            proved_elsewhere: kept.round.proved_elsewhere,
            subject: kept.identity.subject.clone(),
            display_name: kept.identity.display_name.clone(),
            tokens: TokensText::from(&kept.tokens),
            page: kept.page.expose(),
        }),
    }
}

/// The phase of this name, from its sealed text and its columns.
pub(super) fn read_phase(
    name: PhaseName,
    text: &Secret,
    state_hash: Option<String>,
    handle: Option<Handle>,
) -> Result<Phase, Unreadable> {
    if name == PhaseName::Begun {
        return read::<BegunText>(text).map(|_| Phase::Begun);
    }
    let state_hash = state_hash.ok_or(Unreadable)?;
    if name == PhaseName::Authorizing {
        let text: AuthorizingText<Secret> = read(text)?;
        return Ok(Phase::Authorizing(Authorizing {
            state_hash,
            code_verifier: text.code_verifier,
            nonce: text.nonce,
        }));
    }
    let handle = handle.ok_or(Unreadable)?;
    if name == PhaseName::Returned {
        let text: ReturnedText<Secret> = read(text)?;
        return Ok(Phase::Returned(Returned {
            code: text.code.into(),
            from: Whereabouts {
                network: text.network,
                agent: text.agent,
            },
            state_hash,
            handle,
        }));
    }
    read_proved_phase(name, text, state_hash, handle)
}

/// The phases from the proof on.
fn read_proved_phase(
    name: PhaseName,
    text: &Secret,
    state_hash: String,
    handle: Handle,
) -> Result<Phase, Unreadable> {
    let round = |proved_elsewhere| Round {
        state_hash,
        handle,
        proved_elsewhere,
    };
    match name {
        PhaseName::Proved => {
            let text: ProvedText<Secret> = read(text)?;
            Ok(Phase::Proved(Proved {
                round: round(text.proved_elsewhere),
                code: text.code.into(),
            }))
        }
        PhaseName::Redeeming => {
            let text: RedeemingText = read(text)?;
            Ok(Phase::Redeeming(Redeeming {
                round: round(text.proved_elsewhere),
                since: text.since,
            }))
        }
        PhaseName::Redeemed => {
            let text: RedeemedText<Secret> = read(text)?;
            Ok(Phase::Redeemed(Redeemed {
                round: round(text.proved_elsewhere),
                identity: Identity {
                    subject: text.subject,
                    display_name: text.display_name,
                },
                tokens: text.tokens.into(),
                page: text.page,
            }))
        }
        PhaseName::Begun | PhaseName::Authorizing | PhaseName::Returned => Err(Unreadable),
    }
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
                refresh_expires_at: Some(9),
                refresh_token: Some(Secret::new("refresh")),
            },
            consent: Consent {
                since: Some(3),
                ends_at: Some(21),
            },
            refresh_ends_at: Some(9),
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
        // Values that other versions wrote, in any field order.
        let before = r#"{"api_key":null,"lingering":[],"previous_refresh_token":null,"retiring":[],
            "tokens":{"access_token":"a\"b","expires_at":7,"refresh_token":null,"requested_at":3}}"#;
        let Ok(before) = read_credential(&Secret::new(before)) else {
            panic!("what was written before cannot be read")
        };
        assert_eq!(before.tokens.access_token.expose(), "a\"b");
        assert_eq!(before.tokens.refresh_expires_at, None);
        assert_eq!(before.consent, Consent::default());
        assert_eq!(before.refresh_ends_at, None);
    }
}
