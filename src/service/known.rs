//! Services whose habits are known: `LATCHKEY_PROVIDER=github` and the like.
//!
//! [`table`] has one entry for each service, as data: its endpoints, the requests it takes, the answers it
//! gives, how long what it issues lives and what ends it. Each [`Fact`] names the page that states it or is
//! marked as unconfirmed. Settings always override an entry. A test keeps `docs/services.md` equal to this
//! table.

pub mod table;

use std::str::FromStr;

use clap::ValueEnum;

use crate::clock::Seconds;
use crate::error::ShouldBe;

pub use table::{ALL, OIDC};

/// A fact about a service, with its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact<T> {
    /// The fact, or the assumption that the code makes when no source confirms it.
    pub value: T,
    /// Its source.
    pub source: Evidence,
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A page of the service, or a standard that it follows.
    Page(&'static str),
    /// No page that could be read states it. The text says what the value is based on.
    Unconfirmed(&'static str),
}

/// A fact that a page states.
#[must_use]
pub const fn said<T: Copy>(value: T, page: &'static str) -> Fact<T> {
    Fact {
        value,
        source: Evidence::Page(page),
    }
}

/// An assumption that no page states, and its reason.
#[must_use]
pub const fn unconfirmed<T: Copy>(value: T, why: &'static str) -> Fact<T> {
    Fact {
        value,
        source: Evidence::Unconfirmed(why),
    }
}

/// One service.
#[derive(Debug)]
pub struct Known {
    /// The value of `LATCHKEY_PROVIDER`.
    pub key: &'static str,
    /// As people know it. None: the operator sets it.
    pub name: Option<&'static str>,
    /// Where its endpoints are.
    pub endpoints: Fact<Endpoints>,
    /// Which scopes are asked for, and how they are written.
    pub scopes: Fact<Scopes>,
    /// How this app authenticates at the token endpoint. None: as the service's metadata says.
    pub client_auth: Fact<Option<ClientAuth>>,
    /// Whether PKCE with S256 is sent.
    pub pkce: Fact<bool>,
    /// Parameters of the authorization request besides those of RFC 6749.
    pub authorize: Fact<&'static [Parameter]>,
    /// The parameter that lets a person choose another account than the one they are signed in to. None: what
    /// the metadata announces; if it announces nothing, people log out at the service first.
    pub choose: Fact<Option<(&'static str, &'static str)>>,
    /// How a refresh differs from RFC 6749 section 6.
    pub refresh: Fact<Refresh>,
    /// How its answers differ from RFC 6749 section 5.
    pub answers: Fact<Answers>,
    /// How the account that logged in is identified.
    pub identity: Fact<IdentityFrom>,
    /// Headers that its API requires with every request.
    pub headers: &'static [(&'static str, &'static str)],
    /// Life of an access token in seconds. None: the answer gives it, or the token does not expire.
    pub access_life: Fact<Option<Seconds>>,
    /// After how many seconds without use a refresh token ends. None: never, as far as is known.
    pub grant_idle: Fact<Option<Seconds>>,
    /// How many seconds after the consent every token ends, however they are used. None: never, as far as is
    /// known.
    pub grant_life: Fact<Option<Seconds>>,
    /// What happens to a refresh token that was used.
    pub rotation: Fact<TokenRotation>,
    /// Whether a refresh ends the access token before it at once.
    pub refresh_ends_access: Fact<bool>,
    /// How a token is revoked.
    pub revocation: Fact<Revoking>,
    /// What ends when an access token is revoked.
    pub revoking_access_ends: Fact<Ends>,
    /// Errors that RFC 6749 section 5.2 does not define, or that have another meaning here.
    pub errors: &'static [Failing],
    /// What an operator has to know or do.
    pub notes: &'static [&'static str],
}

/// Where a service's endpoints are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoints {
    /// OpenID Connect discovery at an issuer.
    Discovery {
        /// The issuer unless `LATCHKEY_PROVIDER_ISSUER` is set. None: it has to be set.
        issuer: Option<&'static str>,
        /// An example of an issuer.
        example: &'static str,
    },
    /// At these addresses. `{client_id}` is replaced by the client id.
    Fixed {
        /// Authorization endpoint.
        authorize: &'static str,
        /// Token endpoint.
        token: &'static str,
        /// Identity endpoint.
        identity: &'static str,
        /// Revocation endpoint.
        revoke: Option<&'static str>,
    },
}

/// How scopes are requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes {
    /// The scopes unless `LATCHKEY_PROVIDER_SCOPES` is set, separated by spaces. Empty: none are sent.
    pub default: &'static str,
    /// The name of the parameter.
    pub parameter: &'static str,
    /// The separator between two scopes.
    pub separator: &'static str,
}

/// How a client authenticates at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientAuth {
    /// HTTP Basic: `client_secret_basic` of RFC 6749 section 2.3.1.
    Basic,
    /// In the body: `client_secret_post`.
    Body,
    /// Like [`ClientAuth::Basic`], with JSON bodies instead of forms. Not a setting: only the table of known
    /// services uses it.
    #[value(skip)]
    BasicJson,
    /// By an assertion that a private key signs (RFC 7523).
    #[value(name = "private_key_jwt")]
    PrivateKeyJwt,
    /// By a certificate: `tls_client_auth` (RFC 8705).
    Tls,
}

/// A parameter of the authorization request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Sent only if this scope is asked for.
    pub with_scope: Option<&'static str>,
}

/// How a refresh differs from RFC 6749 section 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// The last path segment of the refresh endpoint, if it differs from the token endpoint's.
    pub path: Option<&'static str>,
    /// Whether the redirect address is repeated.
    pub redirect_uri: bool,
}

/// How answers of the token and revocation endpoints differ from RFC 6749 section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// The field whose object holds the person's tokens. None: they are at the top level.
    pub nested: Option<&'static str>,
    /// Whether refusals come with status 200.
    pub refuses_with_200: bool,
    /// The fields that may hold the name of an error, the most significant first.
    pub error_in: &'static [&'static str],
}

/// Answers as RFC 6749 defines them.
pub const STANDARD_ANSWERS: Answers = Answers {
    nested: None,
    refuses_with_200: false,
    error_in: &["error"],
};

/// How the account that logged in is identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityFrom {
    /// From the ID token. If there is none, or it has no name, from an endpoint that answers JSON with `sub`
    /// or `id` and a name.
    Standard,
    /// From the service's API.
    Api {
        /// None: GET. Otherwise POST with this JSON; empty for no body.
        post: Option<&'static str>,
        /// JSON pointers (RFC 6901) to the parts of the account's id, which are joined by colons.
        subject: &'static [&'static str],
        /// JSON pointers to names, best first.
        names: &'static [&'static str],
    },
}

/// What happens to a refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRotation {
    /// It stays valid; no new one is issued.
    None,
    /// A new one is issued, and the old one stays valid.
    OldStays,
    /// It ends at once.
    Strict,
    /// It can be used again for so many seconds. None: for a short time of unstated length.
    Grace(Option<Seconds>),
    /// It ends when its successor is first used.
    UntilFirstUse,
    /// As the service's operator configured it.
    AsConfigured,
}

/// How a token is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoking {
    /// By which request.
    pub by: RevokedBy,
    /// Error names, besides `invalid_token` and `invalid_grant`, that mean that there is nothing left to
    /// revoke.
    pub gone: &'static [&'static str],
    /// Statuses that mean the same.
    pub gone_status: &'static [u16],
}

/// By which request a token is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedBy {
    /// No request is known: tokens expire by themselves.
    Nothing,
    /// RFC 7009.
    Standard,
    /// RFC 7009, for refresh tokens only.
    RefreshTokensOnly,
    /// POST with the token itself as credential.
    Bearer,
    /// POST of a form whose one field is named after the kind of token.
    NamedField,
    /// DELETE with JSON, authenticated as the app. The revocation endpoint ends an access token; its sibling
    /// `grant` ends everything that the person granted. Both take an access token, so the refresh token is
    /// spent to get one.
    ByApp,
}

/// What ends when an access token is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Only the token itself.
    Itself,
    /// Its grant: its refresh token as well.
    Grant,
    /// Everything that the account granted to this app.
    Account,
}

/// An error and its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// Its name in the answer.
    pub name: &'static str,
    /// What it means.
    pub means: Means,
    /// Its source.
    pub source: Evidence,
}

/// What an error of the token endpoint means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The refresh token is invalid: only the person can fix that.
    GrantEnded,
    /// The service does not accept this app or its authentication: only the operator can fix that.
    AppRefused,
    /// It concerns this request only. No person has to act.
    Refused,
    /// The service failed, and the request may have been carried out.
    Trouble,
}

impl FromStr for &'static Known {
    type Err = ShouldBe;

    fn from_str(key: &str) -> Result<Self, ShouldBe> {
        Known::find(key).ok_or_else(|| {
            let others = ALL.iter().filter(|known| known.key != OIDC.key);
            let keys: Vec<&str> = others.map(|known| known.key).collect();
            ShouldBe::new(format!("{} or {}", keys.join(", "), OIDC.key))
        })
    }
}

impl Known {
    /// The entry of this name.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|known| known.key == key)
    }

    /// What an error means, by its name.
    #[must_use]
    pub fn means(&self, error: &str) -> Means {
        match self.errors.iter().find(|failing| failing.name == error) {
            Some(failing) => failing.means,
            // RFC 6749 section 5.2.
            None => match error {
                "invalid_grant" => Means::GrantEnded,
                // RFC 9449, section 5: proofs are made by this app alone.
                "invalid_client" | "unauthorized_client" | "invalid_dpop_proof" => {
                    Means::AppRefused
                }
                _ => Means::Refused,
            },
        }
    }

    /// Each fact by its name, with its source.
    #[must_use]
    pub fn sources(&self) -> Vec<(&'static str, Evidence)> {
        let mut sources = vec![
            ("endpoints", self.endpoints.source),
            ("scopes", self.scopes.source),
            ("client authentication", self.client_auth.source),
            ("PKCE", self.pkce.source),
            ("authorization request", self.authorize.source),
            ("another account", self.choose.source),
            ("refresh request", self.refresh.source),
            ("answers", self.answers.source),
            ("identity", self.identity.source),
            ("life of an access token", self.access_life.source),
            ("life without use", self.grant_idle.source),
            ("life at most", self.grant_life.source),
            ("rotation", self.rotation.source),
            (
                "a refresh ends the key before",
                self.refresh_ends_access.source,
            ),
            ("revocation", self.revocation.source),
            (
                "revoking an access token ends",
                self.revoking_access_ends.source,
            ),
        ];
        sources.extend(
            self.errors
                .iter()
                .map(|failing| (failing.name, failing.source)),
        );
        sources
    }

    /// How many facts are unconfirmed.
    #[must_use]
    pub fn unconfirmed(&self) -> usize {
        self.sources()
            .iter()
            .filter(|(_, source)| matches!(source, Evidence::Unconfirmed(_)))
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_by_its_key_alone() {
        for known in ALL {
            let found = Known::find(known.key).map(|found| found.key);
            assert_eq!(found, Some(known.key));
            assert!(
                known
                    .key
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            );
        }
        let mut keys: Vec<&str> = ALL.iter().map(|known| known.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), ALL.len(), "no key occurs twice");
        assert!(Known::find("GitHub").is_none());
        assert!(Known::find("").is_none());
    }

    #[test]
    fn every_source_is_a_page_or_a_reason() {
        for known in ALL {
            for (fact, source) in known.sources() {
                match source {
                    Evidence::Page(page) => {
                        assert!(page.starts_with("https://"), "{}: {fact}", known.key);
                    }
                    Evidence::Unconfirmed(why) => {
                        assert!(why.len() > 10, "{}: {fact}", known.key);
                    }
                }
            }
        }
    }

    #[test]
    fn errors_mean_what_the_standard_says_unless_an_entry_knows_better() {
        let means = |key: &str, error: &str| Known::find(key).map(|known| known.means(error));
        for known in ALL {
            assert_eq!(known.means("invalid_grant"), Means::GrantEnded);
            assert_eq!(known.means("invalid_client"), Means::AppRefused);
            assert_eq!(known.means("something_new"), Means::Refused);
        }
        assert_eq!(
            means("github", "bad_refresh_token"),
            Some(Means::GrantEnded)
        );
        assert_eq!(means("oidc", "bad_refresh_token"), Some(Means::Refused));
        assert_eq!(means("slack", "fatal_error"), Some(Means::Trouble));
        // One company's admin removed the app; other companies are not affected.
        assert_eq!(means("entra", "unauthorized_client"), Some(Means::Refused));
    }
}
