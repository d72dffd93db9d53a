//! In which language an answer speaks, and which theme a page in a tab of its own has.
//!
//! Jira's language counts first. It is in the address of a framed page, and the scripts there send it on as the
//! `Accept-Language` of their calls. Where an attempt begins it comes along with Jira's theme, and the browser's session
//! keeps both for the pages that follow. Otherwise the browser's own `Accept-Language` counts, and then English does.
//!
//! No answer that depends on it may be cached, so none needs a `Vary`.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use tower_sessions::Session;

use super::extract::{Browser, Query};
use crate::app::App;
use crate::error::Error;
use crate::model::Look;
use crate::words::{Language, Words};

/// The query parameter in which Jira names its language to a framed page.
const LOC: &str = "loc";

/// The language that the browser likes best.
fn accepted(header: Option<&HeaderValue>) -> Option<Language> {
    Language::accepted(header?.to_str().ok()?)
}

/// How a request wants its answer to look. The session of a browser comes first, where a layer has read it.
fn of(kept: Look, uri: &Uri, accepts: Option<&HeaderValue>) -> Look {
    let named = || Language::parse(&Query::only_of(uri, LOC)?);
    let accepted = || accepted(accepts);
    Look {
        language: kept.language.or_else(named).or_else(accepted),
        ..kept
    }
}

fn of_parts(parts: &Parts) -> Look {
    let kept = parts.extensions.get().copied().unwrap_or_default();
    of(kept, &parts.uri, parts.headers.get(ACCEPT_LANGUAGE))
}

/// What of a request says how its answer is to look, for an answer that is made when the request is gone.
pub struct Asked {
    uri: Uri,
    accepts: Option<HeaderValue>,
}

impl Asked {
    /// By this request.
    pub fn by(request: &Request) -> Self {
        Self {
            uri: request.uri().clone(),
            accepts: request.headers().get(ACCEPT_LANGUAGE).cloned(),
        }
    }

    /// How its answer is to look. What the session has kept counts more.
    pub fn look(&self, kept: Look) -> Look {
        of(kept, &self.uri, self.accepts.as_ref())
    }
}

/// The words of a look.
pub fn with_words(app: &App, look: Look) -> (Look, Words) {
    (
        look,
        app.words.in_language(look.language.unwrap_or(Language::En)),
    )
}

impl FromRequestParts<Arc<App>> for Words {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        Ok(with_words(app, of_parts(parts)).1)
    }
}

/// A page in a tab of its own: its words and its theme.
pub struct Top {
    /// Its words.
    pub words: Words,
    /// Its theme. None: the browser's.
    pub color_mode: Option<&'static str>,
    /// The words in the language of the browser, where that is another one. A ticket names a language, and an
    /// attacker may send one to a victim. So what warns the person is in the browser's language, too.
    pub browsers: Option<Words>,
}

impl Top {
    /// The page of this look.
    pub fn of(app: &App, look: Look) -> Self {
        let (look, words) = with_words(app, look);
        Self {
            words,
            color_mode: look.color_mode.map(|mode| mode.as_str()),
            browsers: None,
        }
    }
}

impl FromRequestParts<Arc<App>> for Top {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let top = Self::of(app, of_parts(parts));
        let browsers = accepted(parts.headers.get(ACCEPT_LANGUAGE));
        Ok(Self {
            browsers: browsers
                .filter(|language| *language != top.words.language())
                .map(|language| top.words.in_language(language)),
            ..top
        })
    }
}

/// Reads from the session how the pages of this browser look, for the handler and for the page of an error. A session
/// that cannot be read is the handler's to report.
pub async fn of_browser(session: Session, mut request: Request, next: Next) -> Response {
    let kept = Browser::of(session).look().await.unwrap_or_default();
    request.extensions_mut().insert(kept);
    let mut response = next.run(request).await;
    if response.extensions().get::<Look>().is_none() {
        response.extensions_mut().insert(kept);
    }
    response
}
