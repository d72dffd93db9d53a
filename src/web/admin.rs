//! What the admin page's script calls. Each handler takes an [`Admin`]: Jira is asked for each request.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, LINK};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::api::LEFT;
use super::extract::{Query, SmallBody, is_of_forge, json};
use crate::administering::{
    self, EndedSome, Export, Format, LeftPage, LinksPage, Question, SiteForAdmin, Wish,
};
use crate::app::App;
use crate::atlassian::Admin;
use crate::error::Error;
use crate::model::LinkId;
use crate::words::Words;

/// Where a page begins, from the page before. An empty one is none.
fn after(query: &Query) -> Option<String> {
    query.only("after").filter(|after| !after.is_empty())
}

/// `GET /api/admin/site`.
pub async fn site(
    State(app): State<Arc<App>>,
    admin: Admin,
    words: Words,
) -> Result<Json<SiteForAdmin>, Error> {
    administering::site(&app.administering, &admin, &words)
        .await
        .map(Json)
}

/// `PUT /api/admin/site`: who may connect.
pub async fn decide(
    State(app): State<Arc<App>>,
    admin: Admin,
    words: Words,
    body: SmallBody,
) -> Result<Json<SiteForAdmin>, Error> {
    let wish: Wish = json(&body)?;
    administering::decide(&app.administering, &admin, wish, &words)
        .await
        .map(Json)
}

/// `GET /api/admin/links`.
pub async fn links(
    State(app): State<Arc<App>>,
    admin: Admin,
    words: Words,
    query: Query,
) -> Result<Json<LinksPage>, Error> {
    let question = Question {
        text: query.only("q"),
        state: query.only("state"),
        after: after(&query),
    };
    administering::links(&app.administering, &admin, question, &words)
        .await
        .map(Json)
}

/// `DELETE /api/admin/links/{id}`. The answer has no body; a header says what has to wait.
pub async fn end_link(
    State(app): State<Arc<App>>,
    admin: Admin,
    Path(id): Path<String>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1]), Error> {
    let left = administering::end_link(&app.administering, &admin, &LinkId(id)).await?;
    Ok((StatusCode::NO_CONTENT, [(LEFT, left.as_str())]))
}

/// `DELETE /api/admin/links?all=true`, as often as links are left. The parameter keeps a call that forgot an id from
/// ending everything.
pub async fn end_all(
    State(app): State<Arc<App>>,
    admin: Admin,
    query: Query,
) -> Result<Json<EndedSome>, Error> {
    if query.only("all").as_deref() != Some("true") {
        return Err(Error::BadRequest("Say all=true to end every connection"));
    }
    administering::end_all(&app.administering, &admin)
        .await
        .map(Json)
}

/// `GET /api/admin/left`, page by page.
pub async fn left(
    State(app): State<Arc<App>>,
    admin: Admin,
    words: Words,
    query: Query,
) -> Result<Json<LeftPage>, Error> {
    administering::left(&app.administering, &admin, after(&query), false, &words)
        .await
        .map(Json)
}

/// `DELETE /api/admin/left`, page by page.
pub async fn end_left(
    State(app): State<Arc<App>>,
    admin: Admin,
    words: Words,
    query: Query,
) -> Result<Json<LeftPage>, Error> {
    administering::left(&app.administering, &admin, after(&query), true, &words)
        .await
        .map(Json)
}

/// `GET /api/admin/events`; with `format`, a file. Our pages take its text in JSON, because Forge passes nothing else
/// on to a page.
pub async fn events(
    State(app): State<Arc<App>>,
    admin: Admin,
    words: Words,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Error> {
    let after = after(&query);
    let after = after.as_deref();
    let Some(format) = query.only("format") else {
        let events = administering::events(&app.administering, &admin, after, &words);
        return Ok(Json(events.await?).into_response());
    };
    let format = Format::parse(&format)?;
    let export = administering::export(&app.administering, &admin, after, format, &words).await?;
    if is_of_forge(&headers) || takes_json(&headers) {
        return Ok(Json(export).into_response());
    }
    file(export)
}

fn takes_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}

/// The file itself. Where it has another part, `Link` leads to it.
fn file(export: Export) -> Result<Response, Error> {
    let name = format!("attachment; filename=\"{}\"", export.file);
    let name = HeaderValue::from_str(&name)
        .map_err(|_| Error::Internal("a file's name is not a header".to_owned()))?;
    let mut response = export.text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(export.media_type));
    headers.insert(CONTENT_DISPOSITION, name);
    if let Some(next) = export.next {
        let format = export.file.rsplit('.').next().unwrap_or_default();
        let next = format!("<?format={format}&after={next}>; rel=\"next\"");
        let next = HeaderValue::from_str(&next)
            .map_err(|_| Error::Internal("a page's end is not a header".to_owned()))?;
        headers.insert(LINK, next);
    }
    Ok(response)
}
