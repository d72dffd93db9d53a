//! Style sheets, scripts and icons, compiled into the binary.

use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::error::Error;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! assets {
    ($($name:literal: $kind:expr),* $(,)?) => {
        /// Name, content type and content of each.
        const ASSETS: &[(&str, &str, &[u8])] =
            &[$(($name, $kind, include_bytes!(concat!("../../static/", $name)))),*];
    };
}

assets! {
    "latchkey.css": CSS,
    "frame.js": JS,
    "door-connect.js": JS,
    "glance.js": JS,
    "finish.js": JS,
    "admin.js": JS,
    "confirm.js": JS,
    "link.js": JS,
    "icon.svg": SVG,
}

/// `GET /static/{file}`.
pub async fn file(Path(name): Path<String>) -> Result<Response, Error> {
    let (_, kind, content) = ASSETS
        .iter()
        .find(|(known, _, _)| *known == name)
        .ok_or(Error::NotFound)?;
    Ok(([(CONTENT_TYPE, *kind)], *content).into_response())
}
