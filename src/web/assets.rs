//! Style sheets, scripts and icons, compiled into the binary.
//!
//! A page names each with a hash of its content, `latchkey.1f0c….css`, so a browser may keep it for good. The scripts of
//! a page are one file. While a new version takes over, a page of one process may ask another: what has another hash is
//! answered with what there is, and not kept. Neither is a file of `static/` under its own name, by which the descriptor
//! knows the icon.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::shared::{Shared, TakesGzip};
use crate::error::Error;
use crate::secret::fingerprint_of;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A year, which is the most that has a meaning (RFC 9111, section 5.2.2.1), and RFC 8246.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// How many characters of the hash are in a name: 96 bits.
const HASH: usize = 16;

/// A file that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asset {
    /// The style sheet of all pages.
    Css,
    /// The icon.
    Icon,
    /// The scripts of the panel.
    Glance,
    /// The scripts of the page in Jira that proves who came back.
    Finish,
    /// The scripts of the page for admins.
    Admin,
    /// The scripts of an error in a frame.
    Framed,
    /// The script of the linking page.
    Link,
    /// The script of the page with both accounts.
    Confirm,
}

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../static/", $name)))),*]
    };
}

/// The files in `static/`.
const SOURCES: &[(&str, &str)] = sources![
    "latchkey.css",
    "icon.svg",
    "frame.js",
    "door-connect.js",
    "glance.js",
    "finish.js",
    "admin.js",
    "link.js",
    "confirm.js",
];

impl Asset {
    const ALL: [Self; 8] = [
        Self::Css,
        Self::Icon,
        Self::Glance,
        Self::Finish,
        Self::Admin,
        Self::Framed,
        Self::Link,
        Self::Confirm,
    ];

    /// The files in `static/` that it is made of, in this order.
    pub fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Css => &["latchkey.css"],
            Self::Icon => &["icon.svg"],
            Self::Glance => &["frame.js", "door-connect.js", "glance.js"],
            Self::Finish => &["frame.js", "door-connect.js", "finish.js"],
            Self::Admin => &["frame.js", "door-connect.js", "admin.js"],
            Self::Framed => &["frame.js", "door-connect.js"],
            Self::Link => &["link.js"],
            Self::Confirm => &["confirm.js"],
        }
    }

    /// Its name, in two parts around the hash, and its content type.
    fn named(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Css => ("latchkey", "css", CSS),
            Self::Icon => ("icon", "svg", SVG),
            Self::Glance => ("glance", "js", JS),
            Self::Finish => ("finish", "js", JS),
            Self::Admin => ("admin", "js", JS),
            Self::Framed => ("framed", "js", JS),
            Self::Link => ("link", "js", JS),
            Self::Confirm => ("confirm", "js", JS),
        }
    }

    /// Its name.
    pub fn file_name(self) -> &'static str {
        &self.made().file_name
    }

    fn made(self) -> &'static Made {
        static MADE: LazyLock<[Made; 8]> = LazyLock::new(|| Asset::ALL.map(Made::of));
        &MADE[self as usize]
    }

    /// The file that a name means, and whether it has this very content.
    fn find(name: &str) -> Option<(Self, bool)> {
        Self::ALL.into_iter().find_map(|asset| {
            let (stem, ending, _) = asset.named();
            let hash = name.strip_prefix(stem)?.strip_suffix(ending)?;
            let hash = hash.strip_prefix('.')?.strip_suffix('.')?;
            let could_be = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            (hash.len() == HASH && hash.bytes().all(could_be))
                .then(|| (asset, asset.file_name() == name))
        })
    }
}

/// A file of `static/`, and its content type.
fn source(wanted: &str) -> Option<(&'static str, &'static str)> {
    let (_, content) = SOURCES.iter().find(|(name, _)| *name == wanted)?;
    let (_, ending) = wanted.rsplit_once('.')?;
    let kind = match ending {
        "css" => CSS,
        "svg" => SVG,
        _ => JS,
    };
    Some((kind, content))
}

/// A file as it is served.
struct Made {
    file_name: String,
    content: Shared,
}

impl Made {
    fn of(asset: Asset) -> Self {
        let sources = asset.sources().iter().copied().filter_map(source);
        let contents: Vec<_> = sources.map(|(_, content)| content).collect();
        let content = contents.join("\n").into_bytes();
        let mut hash = fingerprint_of(&content);
        hash.truncate(HASH);
        let (stem, ending, _) = asset.named();
        Self {
            file_name: format!("{stem}.{hash}.{ending}"),
            content: Shared::new(content),
        }
    }
}

/// `GET /static/{file}`.
pub async fn file(Path(name): Path<String>, takes_gzip: TakesGzip) -> Result<Response, Error> {
    if let Some((kind, content)) = source(&name) {
        let kind = HeaderValue::from_static(kind);
        return Ok(([(CONTENT_TYPE, kind)], content).into_response());
    }
    let (asset, is_this) = Asset::find(&name).ok_or(Error::NotFound)?;
    let (_, _, kind) = asset.named();
    let mut answer = asset.made().content.answer(takes_gzip);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if is_this {
        headers.insert(CACHE_CONTROL, FOR_GOOD);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_of_all_its_sources_and_found_by_its_names() {
        for (at, asset) in Asset::ALL.into_iter().enumerate() {
            assert_eq!(asset as usize, at);
            for wanted in asset.sources() {
                assert!(source(wanted).is_some(), "{wanted}");
            }
            let (stem, ending, _) = asset.named();
            let found = |name: &str| Asset::find(name);
            let file_name = asset.file_name();
            assert_eq!(found(file_name), Some((asset, true)));
            let other = format!("{stem}.{}.{ending}", "0".repeat(HASH));
            assert_eq!(found(&other), Some((asset, false)));
            for nothing in [
                format!("{stem}.{ending}"),
                format!("{stem}.0.{ending}"),
                format!("{stem}.{}.{ending}", "/".repeat(HASH)),
                format!("x{file_name}"),
                format!("{file_name}.x"),
            ] {
                assert_eq!(found(&nothing), None, "{nothing}");
            }
        }
        for (name, _) in SOURCES {
            let used = Asset::ALL.iter().any(|it| it.sources().contains(name));
            assert!(used, "{name}");
        }
    }
}
