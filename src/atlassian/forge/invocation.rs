//! Parses and verifies invocation tokens, with which Forge calls this app (Atlassian, "Forge Remote: the Forge
//! Invocation Token"). Pure functions of a text, the settings and the time.
//!
//! What the token says under `context` comes from the browser and is not read at all.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::atlassian::Rejected;
use crate::clock::Seconds;
use crate::key_set::{Algorithm, Signed};
use crate::model::{AccountId, CloudId, ForgeInstallation, ForgeInstallationId};

use super::ForgeApp;

/// The difference between two clocks that is tolerated, in seconds.
const LEEWAY: Seconds = 10;
/// How long a token may live, in seconds. Forge's live for 25.
const LONGEST_LIFE: Seconds = 60;
/// The longest token that is parsed, in bytes: one of a page holds what the page sends as its context.
const LONGEST_TOKEN: usize = 64 * 1024;
const ISSUER: &str = "forge/invocation-token";
/// The API that tokens name, whatever address it is called at.
const API: &str = "https://api.atlassian.com";
/// The account of a call that is not a person's.
const NOBODY: &str = "unidentified";

/// A token whose signature has yet to be verified. Its claims are not trusted.
#[derive(Debug)]
pub struct Unverified<'a> {
    /// What a key has to have signed.
    pub signed: Signed<'a>,
    payload: &'a str,
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The installation that it comes from.
    pub installation: ForgeInstallation,
    /// When Atlassian issued it.
    pub issued_at: Seconds,
    /// Who calls.
    pub by: By,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A person, from a page.
    Person(AccountId),
    /// Forge itself, for the endpoint with this key.
    Endpoint(String),
    /// Neither: no route takes such a call.
    Nobody,
}

impl<'a> Unverified<'a> {
    /// Parses a token of RS256 that names its key, and no other. Nothing else of its header is used.
    ///
    /// # Errors
    /// [`Rejected`], as for all functions here.
    pub fn read(token: &'a str) -> Result<Self, Rejected> {
        const MALFORMED: Rejected = Rejected::Malformed("it is malformed");
        #[derive(Deserialize)]
        struct Header {
            alg: String,
            kid: Option<String>,
            crit: Option<IgnoredAny>,
        }
        if token.len() > LONGEST_TOKEN {
            return Err(Rejected::Malformed("it is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, payload) = message.split_once('.').ok_or(MALFORMED)?;
        let header: Header = decoded(header).ok_or(MALFORMED)?;
        if header.alg != "RS256" {
            return Err(Rejected::Misplaced("the algorithm is not RS256"));
        }
        // RFC 7515 section 4.1.11: an unknown critical header makes the token invalid.
        if header.crit.is_some() {
            return Err(Rejected::Malformed("it has a critical extension"));
        }
        let kid = header.kid.filter(|kid| !kid.is_empty());
        let kid = kid.ok_or(Rejected::Malformed("it has no kid"))?;
        Ok(Self {
            signed: Signed {
                message,
                signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| MALFORMED)?,
                alg: Algorithm::Rs256,
                kid: Some(kid),
            },
            payload,
        })
    }

    /// Checks the claims. The caller has verified the signature.
    pub(super) fn claims(&self, app: &ForgeApp, now: Seconds) -> Result<Invocation, Rejected> {
        let claims: Claims = decoded(self.payload).ok_or(Rejected::Malformed(
            "the claims are malformed, or some are missing",
        ))?;
        claims.check(app, now)
    }
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    // Serde would read the fields of an object from a list, too.
    if !json.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(&json).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    iss: String,
    /// A list is refused: every other audience could use the token here.
    aud: String,
    iat: Seconds,
    nbf: Seconds,
    exp: Seconds,
    jti: String,
    app: App,
    principal: Option<String>,
    /// Of an Isolated Cloud, whose keys are elsewhere.
    ic_label: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct App {
    id: String,
    api_base_url: String,
    installation_id: Option<String>,
    installation: Installation,
    environment: Environment,
    module: Option<Module>,
}

#[derive(Deserialize)]
struct Installation {
    id: String,
    contexts: Vec<Context>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    name: String,
    api_base_url: Option<String>,
    cloud_id: Option<String>,
}

#[derive(Deserialize)]
struct Environment {
    id: String,
}

#[derive(Deserialize)]
struct Module {
    r#type: String,
    key: String,
}

impl Claims {
    fn check(self, app: &ForgeApp, now: Seconds) -> Result<Invocation, Rejected> {
        if self.iss != ISSUER {
            return Err(Rejected::Misplaced("another issuer"));
        }
        if self.aud != app.ari() || self.app.id != self.aud {
            return Err(Rejected::Misplaced("the token is for another app"));
        }
        if self.ic_label.is_some() {
            return Err(Rejected::Misplaced("the token is of an Isolated Cloud"));
        }
        self.check_times(now)?;
        let environment = self.environment(app)?;
        let cloud_id = self.cloud_id(app)?;
        let Installation { id, .. } = &self.app.installation;
        let other = self
            .app
            .installation_id
            .as_ref()
            .is_some_and(|other| other != id);
        if other || !is_id(id) || !id.starts_with("ari:cloud:ecosystem::installation/") {
            return Err(Rejected::Malformed("the installation is none"));
        }
        Ok(Invocation {
            installation: ForgeInstallation {
                id: ForgeInstallationId(id.clone()),
                cloud_id,
                environment,
            },
            issued_at: self.iat,
            by: self.by()?,
        })
    }

    fn check_times(&self, now: Seconds) -> Result<(), Rejected> {
        if self.jti.is_empty() {
            return Err(Rejected::Malformed("the token has no jti"));
        }
        if self.exp.saturating_add(LEEWAY) <= now {
            return Err(Rejected::OutOfTime("the token has expired"));
        }
        if self.iat.max(self.nbf) > now.saturating_add(LEEWAY) {
            return Err(Rejected::OutOfTime("the token is from the future"));
        }
        match self.exp.saturating_sub(self.iat) {
            1..=LONGEST_LIFE => Ok(()),
            _ => Err(Rejected::OutOfTime("the token lives too long")),
        }
    }

    /// The uuid of the environment, which is one of this app and accepted.
    fn environment(&self, app: &ForgeApp) -> Result<String, Rejected> {
        let id = self
            .app
            .environment
            .id
            .strip_prefix("ari:cloud:ecosystem::environment/");
        let (of_app, environment) = id
            .and_then(|id| id.split_once('/'))
            .ok_or(Rejected::Malformed("the environment is none"))?;
        if of_app != app.id || !app.environments.iter().any(|known| known == environment) {
            return Err(Rejected::Misplaced("the environment is not accepted"));
        }
        Ok(environment.to_owned())
    }

    /// The site. Every place that names it has to name the same.
    fn cloud_id(&self, app: &ForgeApp) -> Result<CloudId, Rejected> {
        const NONE: Rejected = Rejected::Malformed("the site is none");
        let in_address = |address: &str| {
            let of_api = |api: &str| address.strip_prefix(api)?.strip_prefix("/ex/jira/");
            CloudId::parse(of_api(API).or_else(|| of_api(&app.api_url))?)
        };
        let cloud_id = in_address(&self.app.api_base_url).ok_or(NONE)?;
        let contexts = &self.app.installation.contexts;
        let mut of_jira = contexts.iter().filter(|context| context.name == "jira");
        let (Some(jira), None) = (of_jira.next(), of_jira.next()) else {
            return Err(NONE);
        };
        let named = jira.cloud_id.as_deref();
        let addressed = jira.api_base_url.as_deref().map(in_address);
        let same = named.is_none_or(|named| named == cloud_id.as_str())
            && addressed.is_none_or(|addressed| addressed.as_ref() == Some(&cloud_id));
        if !same || (named.is_none() && jira.api_base_url.is_none()) {
            return Err(NONE);
        }
        Ok(cloud_id)
    }

    fn by(self) -> Result<By, Rejected> {
        let person = self
            .principal
            .filter(|principal| principal != NOBODY && !principal.is_empty());
        if let Some(account) = person {
            if account.len() > 128 || !is_id(&account) {
                return Err(Rejected::Malformed("the account id is none"));
            }
            return Ok(By::Person(AccountId(account)));
        }
        Ok(match self.app.module {
            Some(Module { r#type, key }) if r#type == "core:endpoint" => By::Endpoint(key),
            _ => By::Nobody,
        })
    }
}

/// Ids are opaque, but no id contains a control character, and PostgreSQL rejects a query for a text with NUL.
fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}
