//! What the glance's script calls. The proof is a context token in a header, which a form of another site
//! cannot send.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LANGUAGE, HeaderName};

use serde::Serialize;

use super::extract::SmallBody;
use super::pages::support;
use crate::app::App;
use crate::atlassian::Viewer;
use crate::error::Error;
use crate::linking;
use crate::model::LinkStatus;
use crate::words::Words;

/// The status of a person's link, and what the operator wants people to see of the service.
#[derive(Serialize)]
pub struct Status {
    #[serde(flatten)]
    link: LinkStatus,
    /// What connecting gives people, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// Where they ask for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    support: Option<String>,
}

/// `GET /api/link`.
pub async fn status(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    words: Words,
) -> Result<([(HeaderName, &'static str); 1], Json<Status>), Error> {
    app.limits.look(viewer.tenant(), viewer.account())?;
    let status = Status {
        link: linking::status(&app.linking, &viewer, &words).await?,
        purpose: app.appearance.service.purpose.clone(),
        support: support(&app),
    };
    // A reason is in words.
    let language = [(CONTENT_LANGUAGE, words.language().tag())];
    Ok((language, Json(status)))
}

/// Says what a disconnect has not ended yet, with one of the words of [`crate::model::Left`].
pub const LEFT: HeaderName = HeaderName::from_static("latchkey-left");

/// `DELETE /api/link`. The answer has no body; a header says what has to wait.
pub async fn unlink(
    State(app): State<Arc<App>>,
    viewer: Viewer,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1]), Error> {
    let left = linking::unlink(&app.linking, &viewer).await?;
    Ok((StatusCode::NO_CONTENT, [(LEFT, left.as_str())]))
}

/// `DELETE /api/link/attempt`: ends what the person has begun, wherever its tab is.
pub async fn abandon(State(app): State<Arc<App>>, viewer: Viewer) -> Result<StatusCode, Error> {
    linking::abandon(&app.linking, &viewer).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/link/renew`.
pub async fn renew(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    _: SmallBody,
) -> Result<StatusCode, Error> {
    linking::renew(&app.linking, &viewer).await?;
    Ok(StatusCode::ACCEPTED)
}
