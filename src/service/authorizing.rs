//! The authorization request: where a person goes to log in and consent.

use oauth2::{CsrfToken, PkceCodeChallenge, PkceCodeVerifier, Scope};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::error::{Error, printable};
use crate::lenient;
use crate::outbound::{Answer, SIZE_LIMIT};
use crate::secret::Secret;

use super::discovery::Metadata;
use super::known::{Known, Means};
use super::provider::Provider;

/// The longest reference to a pushed request that is handed to a browser, in bytes.
const LONGEST_REQUEST_URI: usize = 2048;

/// The answer to a pushed request (RFC 9126, section 2.2).
#[derive(Deserialize)]
struct Accepted {
    request_uri: String,
}

impl Provider {
    /// Whether the service can let a person choose another account than the one they are logged in to.
    ///
    /// # Errors
    /// [`Error::ServiceUnreachable`] and [`Error::ServiceRefused`], when discovery fails.
    pub async fn lets_choose(&self) -> Result<bool, Error> {
        Ok(self.choosing(&self.metadata().await?).is_some())
    }

    /// The parameter that asks for it: from what is known of the service, or else from its metadata.
    fn choosing(&self, metadata: &Metadata) -> Option<(&'static str, &'static str)> {
        let announced = metadata.choose_prompt.map(|value| ("prompt", value));
        self.known().choose.value.or(announced)
    }

    /// Where the person logs in: authorization code with PKCE S256, `state`, and `nonce` for OpenID
    /// Connect. With `choose`, the service asks which account to use if it can.
    pub async fn authorize_url(
        &self,
        state: &Secret,
        nonce: &Secret,
        code_verifier: &Secret,
        choose: bool,
    ) -> Result<String, Error> {
        let metadata = self.metadata().await?;
        let client = self.client(&metadata)?;
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(
            code_verifier.expose().to_owned(),
        ));
        let mut request = client.authorize_url(|| CsrfToken::new(state.expose().to_owned()));
        if self.known().pkce.value {
            request = request.set_pkce_challenge(challenge);
        }
        let how = self.known().scopes.value;
        let scopes = self.scopes();
        if (how.parameter, how.separator) == ("scope", " ") {
            request =
                request.add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())));
        } else if !scopes.is_empty() {
            request = request.add_extra_param(how.parameter, scopes.join(how.separator));
        }
        if scopes.contains(&"openid") {
            request = request.add_extra_param("nonce", nonce.expose().to_owned());
        }
        for resource in self.config.resources.each() {
            request = request.add_extra_param("resource", resource.to_owned());
        }
        if let Some(dpop) = &self.calls.dpop {
            // RFC 9449, section 10: the code is of use only with proofs of the same key.
            request = request.add_extra_param("dpop_jkt", dpop.thumbprint().to_owned());
        }
        let choosing = self.choosing(&metadata).filter(|_| choose);
        for (name, value) in self.parameters(&scopes, choosing) {
            request = request.add_extra_param(name, value);
        }
        let (url, _) = request.url();
        match &metadata.pushed_requests {
            Some(endpoint) => self.pushed(&metadata, endpoint, &url).await,
            None => Ok(url.into()),
        }
    }

    /// Sends an authorization request to the service before its person comes (RFC 9126). The address that is left for
    /// the browser says nothing but which client and which request it is. A service that offers this and fails is away:
    /// a request that anybody can read and change on its way is no substitute.
    async fn pushed(
        &self,
        metadata: &Metadata,
        endpoint: &Url,
        request: &Url,
    ) -> Result<String, Error> {
        let unreachable = |why: &dyn std::fmt::Display| {
            Error::ServiceUnreachable(format!("pushed authorization request: {why}"))
        };
        if self.pushed_requests_rest.left(self.clock.now()).is_some() {
            return Err(unreachable(&"it asks to wait"));
        }
        // The address of the authorization endpoint may have parameters of its own, which stay there.
        let own = metadata.authorize.query_pairs().count();
        let parameters = request.query_pairs().skip(own);
        let mut form: Vec<(String, String)> = parameters
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let http = self.calls.http();
        let post = http.client().post(endpoint.clone());
        let post = post.header(http::header::ACCEPT, "application/json");
        let post = self.calls.client.prove(metadata, post, &mut form)?;
        let answer = http.send(post.form(&form), SIZE_LIMIT).await;
        let answer = answer.map_err(|error| unreachable(&error))?;
        if !answer.status.is_success() {
            let waits = self.pushed_requests_rest.obey(&answer, self.clock.now());
            return Err(match name_of(&answer).filter(|_| waits.is_none()) {
                Some(name) => refused_request(self.known(), &name),
                None => unreachable(&answer.status),
            });
        }
        let accepted: Option<Accepted> = lenient::read_as(&answer.body);
        let request_uri = accepted.map(|accepted| accepted.request_uri);
        let request_uri = request_uri
            .filter(|uri| !uri.is_empty() && uri.len() <= LONGEST_REQUEST_URI)
            .ok_or_else(|| {
                let why = "pushed authorization request: the answer names no request_uri";
                Error::ServiceRefused(why.to_owned())
            })?;
        let mut url = metadata.authorize.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.config.client_id)
            .append_pair("request_uri", &request_uri);
        Ok(url.into())
    }

    /// The parameters of the authorization request that this service needs besides the standard ones.
    fn parameters(
        &self,
        scopes: &[&str],
        choosing: Option<(&'static str, &'static str)>,
    ) -> Vec<(String, String)> {
        let set = &self.config.authorize_parameters;
        let wanted = self.known().authorize.value.iter();
        let mut parameters: Vec<(String, String)> = wanted
            .filter(|parameter| {
                let scope = parameter.with_scope;
                scope.is_none_or(|scope| scopes.contains(&scope))
            })
            .filter(|parameter| !set.names(parameter.name))
            .map(|parameter| (parameter.name.to_owned(), parameter.value.to_owned()))
            .chain(set.each())
            .collect();
        if let Some((name, value)) = choosing {
            // OpenID Connect Core 1.0, section 3.1.2.1: `prompt` is a list.
            match parameters.iter_mut().find(|(present, _)| *present == name) {
                Some((_, already)) if *already == value => {}
                Some((_, already)) => *already = format!("{value} {already}"),
                None => parameters.push((name.to_owned(), value.to_owned())),
            }
        }
        parameters
    }
}

/// The name of the error, if the service refuses the request itself: with the statuses of RFC 6749, section 5.2, or
/// another of a client's mistakes, and in words that have a name.
fn name_of(answer: &Answer) -> Option<String> {
    let fields = lenient::read(&answer.body)?;
    let name = fields.get("error").and_then(Value::as_str)?;
    let is_refusal = answer.status.is_client_error()
        && answer.status != http::StatusCode::TOO_MANY_REQUESTS
        && !name.is_empty();
    is_refusal.then(|| name.to_owned())
}

/// What the service's error for a pushed request means. The browser has no part in it.
fn refused_request(known: &Known, error: &str) -> Error {
    let said = format!("pushed authorization request: {}", printable(error));
    match (known.means(error), error) {
        (Means::AppRefused, _) => Error::AppRefused(said),
        (_, "invalid_scope") => Error::ScopeRefused(said),
        (Means::Trouble, _) => Error::ServiceUnreachable(said),
        (Means::GrantEnded | Means::Refused, _) => Error::ServiceRefused(said),
    }
}
