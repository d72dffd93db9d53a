//! How the service's pages are put together and which headers they carry.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::{Service, World};

const SHELL: &str = include_str!("page.html");
const LOGO: &str = include_str!("logo.svg");
const STYLE: &str = include_str!("page.css");

/// What goes into a place of a template.
pub(super) enum Piece<'a> {
    /// Words from wherever; escaped.
    Text(&'a str),
    /// HTML of our own making.
    Html(&'a str),
}

/// Fills the `{{places}}` of a template in one pass, so that no value can bring places of its own.
pub(super) fn fill(template: &str, pieces: &[(&str, Piece)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (place, after) = after.split_once("}}").expect("places are closed");
        filled.push_str(before);
        let piece = pieces.iter().find(|(name, _)| *name == place);
        match piece.unwrap_or_else(|| panic!("nothing for {place}")) {
            (_, Piece::Text(text)) => filled.push_str(&escape(text)),
            (_, Piece::Html(html)) => filled.push_str(html),
        }
        rest = after;
    }
    filled + rest
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The picture of the service, for other sites too.
pub(super) async fn logo() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], LOGO).into_response()
}

pub(super) async fn help(State(service): State<Service>) -> Response {
    let words = "<h1>Help</h1><p>Here the service would answer questions.</p>";
    service.read(|world| world.page(StatusCode::OK, "Help", words))
}

pub(super) async fn privacy(State(service): State<Service>) -> Response {
    let words = "<h1>Privacy</h1><p>Here the service would say what happens with data.</p>";
    service.read(|world| world.page(StatusCode::OK, "Privacy", words))
}

impl World {
    pub(super) fn page(&self, status: StatusCode, title: &str, content: &str) -> Response {
        let pieces = [
            ("title", Piece::Text(title)),
            ("service", Piece::Text(&self.options.name)),
            ("style", Piece::Html(STYLE)),
            ("content", Piece::Html(content)),
        ];
        let mut page = (status, Html(fill(SHELL, &pieces))).into_response();
        let headers = page.headers_mut();
        let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
        set(header::CACHE_CONTROL, "no-store");
        set(header::REFERRER_POLICY, "no-referrer");
        set(header::X_FRAME_OPTIONS, "DENY");
        set(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
        );
        if self.options.opener_policy {
            let opener_policy = header::HeaderName::from_static("cross-origin-opener-policy");
            set(opener_policy, "same-origin");
        }
        page
    }

    /// A page that says why nothing goes on from here.
    pub(super) fn dead_end(&self, why: &str) -> Response {
        let words = [("why", Piece::Text(why))];
        let content = fill("<h1>This did not work</h1><p>{{why}}</p>", &words);
        self.page(StatusCode::BAD_REQUEST, "This did not work", &content)
    }
}
