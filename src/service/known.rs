//! Services whose habits are known: `LATCHKEY_PROVIDER=github` and the like.
//!
//! One entry a service, in [`table`], as data: where its endpoints are, how it wants to be asked, how it
//! answers, how long what it gives lives and what ends it. Each [`Fact`] carries the page that says so, or
//! says that nobody could confirm it. What an operator sets always wins over an entry. `docs/services.md` is
//! made from this table by a test.

pub mod table;

use std::str::FromStr;

use clap::ValueEnum;

use crate::clock::Seconds;
use crate::error::ShouldBe;

pub use table::{ALL, OIDC};

/// Something that is held to be so, and who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact<T> {
    /// What is held to be so; what is done when it could not be confirmed.
    pub value: T,
    /// Who says it.
    pub source: Source,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A page of the service, or a standard that it follows.
    Page(&'static str),
    /// Nobody that could be read; what the value rests on.
    Unconfirmed(&'static str),
}

/// A fact that a page states.
#[must_use]
pub const fn said<T: Copy>(value: T, page: &'static str) -> Fact<T> {
    Fact {
        value,
        source: Source::Page(page),
    }
}

/// What is done although no page states it, and why.
#[must_use]
pub const fn unconfirmed<T: Copy>(value: T, why: &'static str) -> Fact<T> {
    Fact {
        value,
        source: Source::Unconfirmed(why),
    }
}

/// One service.
#[derive(Debug)]
pub struct Known {
    /// The value of `LATCHKEY_PROVIDER`.
    pub key: &'static str,
    /// As people know it. None: the operator says it.
    pub name: Option<&'static str>,
    /// Where it is asked.
    pub endpoints: Fact<Endpoints>,
    /// Which scopes are asked for, and how they are written.
    pub scopes: Fact<Scopes>,
    /// How this app proves itself at the token endpoint. None: as its metadata says.
    pub client_auth: Fact<Option<ClientAuth>>,
    /// Whether PKCE with S256 is sent.
    pub pkce: Fact<bool>,
    /// What the authorization request holds besides what RFC 6749 asks for.
    pub authorize: Fact<&'static [Parameter]>,
    /// The parameter that lets a person take another account than the one they are signed in with. None:
    /// what its metadata announces; where that is nothing, people log out there first.
    pub choose: Fact<Option<(&'static str, &'static str)>>,
    /// How a refresh differs from RFC 6749 section 6.
    pub refresh: Fact<Refresh>,
    /// How it shapes what it answers.
    pub answers: Fact<Answers>,
    /// Who it is that has logged in.
    pub identity: Fact<IdentityFrom>,
    /// Headers that its API wants with every request.
    pub headers: &'static [(&'static str, &'static str)],
    /// Life of an access token in seconds. None: the answer says it, or nothing ends it.
    pub access_life: Fact<Option<Seconds>>,
    /// After how many seconds without use a refresh token ends. None: never, as far as is known.
    pub grant_idle: Fact<Option<Seconds>>,
    /// How many seconds after the consent everything ends, however it is used. None: never, as far as is
    /// known.
    pub grant_life: Fact<Option<Seconds>>,
    /// What becomes of a refresh token that was used.
    pub rotation: Fact<Rotation>,
    /// Whether a refresh ends the access token before it at once.
    pub refresh_ends_access: Fact<bool>,
    /// How a token is ended early.
    pub revocation: Fact<Revocation>,
    /// What ends with an access token that is revoked.
    pub revoking_access_ends: Fact<Ends>,
    /// Errors that are not those of RFC 6749 section 5.2, or mean something else.
    pub errors: &'static [Failing],
    /// What an operator has to know or do.
    pub notes: &'static [&'static str],
}

/// Where a service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoints {
    /// OpenID Connect discovery at an issuer.
    Discovery {
        /// The issuer unless `LATCHKEY_PROVIDER_ISSUER` says another. None: it has to.
        issuer: Option<&'static str>,
        /// What an issuer looks like.
        example: &'static str,
    },
    /// At these addresses. `{client_id}` stands for the client id.
    Fixed {
        /// Authorization endpoint.
        authorize: &'static str,
        /// Token endpoint.
        token: &'static str,
        /// Where it says whose token it is.
        identity: &'static str,
        /// Where tokens are ended.
        revoke: Option<&'static str>,
    },
}

/// How scopes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes {
    /// Unless `LATCHKEY_PROVIDER_SCOPES` says others, separated by spaces. Empty: none are sent.
    pub default: &'static str,
    /// The name of the parameter.
    pub parameter: &'static str,
    /// What stands between two.
    pub separator: &'static str,
}

/// How a client authenticates at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientAuth {
    /// HTTP Basic: `client_secret_basic` of RFC 6749 section 2.3.1.
    Basic,
    /// In the body: `client_secret_post`.
    Body,
    /// Like [`ClientAuth::Basic`], and what else would be a form is JSON. Not a setting: only the table
    /// of known services uses it.
    #[value(skip)]
    BasicJson,
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
    /// The last step of the path of the endpoint, where it is not the token endpoint.
    pub path: Option<&'static str>,
    /// Whether the redirect address is repeated.
    pub redirect_uri: bool,
}

/// How answers of the token and revocation endpoints differ from RFC 6749 section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// The object in which the tokens of the person stand, unless they stand at the top.
    pub nested: Option<&'static str>,
    /// Whether refusals come with status 200.
    pub refuses_with_200: bool,
    /// The fields that may hold the name of an error, first the one that counts more.
    pub error_in: &'static [&'static str],
}

/// Answers as RFC 6749 wants them.
pub const STANDARD_ANSWERS: Answers = Answers {
    nested: None,
    refuses_with_200: false,
    error_in: &["error"],
};

/// How it is found out who has logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityFrom {
    /// From the ID token; where there is none or it holds no name, from an endpoint that answers JSON with
    /// `sub` or `id` and a name.
    Standard,
    /// From an API of the service.
    Api {
        /// None: GET. Otherwise POST with this JSON; empty for no body.
        post: Option<&'static str>,
        /// JSON pointers (RFC 6901) to what makes up the account's id, joined by colons.
        subject: &'static [&'static str],
        /// JSON pointers to names, best first.
        names: &'static [&'static str],
    },
}

/// What becomes of a refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It stays.
    None,
    /// There is a new one each time, and the one before works on.
    OldStays,
    /// It ends at once.
    Strict,
    /// It can be used again for so many seconds; none: for a short time that nobody says.
    Grace(Option<Seconds>),
    /// It ends with the first use of the next.
    UntilFirstUse,
    /// As its operator has set it.
    AsConfigured,
}

/// How tokens are ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// By which request.
    pub by: RevokedBy,
    /// Names of errors that say that there is nothing left to end, besides `invalid_token` and
    /// `invalid_grant`.
    pub gone: &'static [&'static str],
    /// Statuses that say the same.
    pub gone_status: &'static [u16],
}

/// By which request a token is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedBy {
    /// None is known: tokens run out.
    Nothing,
    /// RFC 7009.
    Standard,
    /// RFC 7009, and it takes refresh tokens alone.
    RefreshTokensOnly,
    /// POST with the token itself as proof.
    Bearer,
    /// POST of a form whose one field is named after the kind of token.
    NamedField,
    /// DELETE with JSON, by the app: of an access token at the revocation endpoint, of all that the person
    /// gave at its neighbour `grant`. That takes an access token too, for which the refresh token is spent.
    ByApp,
}

/// What ends with an access token that is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// It alone.
    Itself,
    /// Its grant: its refresh token as well.
    Grant,
    /// All that the account ever gave to this app.
    Account,
}

/// An error by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// As it stands in the answer.
    pub name: &'static str,
    /// What it means.
    pub means: Means,
    /// Who says so.
    pub source: Source,
}

/// What an error of the token endpoint means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The refresh token is no good: only the person can help.
    GrantEnded,
    /// The service does not know this app, or not like this: only the operator can help.
    AppRefused,
    /// Something about this request. Nobody is asked to do anything.
    Refused,
    /// The service is in trouble, and the request may have been carried out.
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
                "invalid_client" | "unauthorized_client" => Means::AppRefused,
                _ => Means::Refused,
            },
        }
    }

    /// Each fact by its name, and who says it; for whoever reads or counts them.
    #[must_use]
    pub fn sources(&self) -> Vec<(&'static str, Source)> {
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

    /// How many facts nobody could confirm.
    #[must_use]
    pub fn unconfirmed(&self) -> usize {
        self.sources()
            .iter()
            .filter(|(_, source)| matches!(source, Source::Unconfirmed(_)))
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
        assert_eq!(keys.len(), ALL.len(), "no key stands twice");
        assert!(Known::find("GitHub").is_none());
        assert!(Known::find("").is_none());
    }

    #[test]
    fn every_source_is_a_page_or_a_reason() {
        for known in ALL {
            for (fact, source) in known.sources() {
                match source {
                    Source::Page(page) => {
                        assert!(page.starts_with("https://"), "{}: {fact}", known.key);
                    }
                    Source::Unconfirmed(why) => {
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
        // One company's admin has thrown the app out: the others go on.
        assert_eq!(means("entra", "unauthorized_client"), Some(Means::Refused));
    }
}
