//! The query string hash: what binds an Atlassian JWT to one request.
//!
//! SHA-256, lower-case hex, of `METHOD&path&query`. See Atlassian's "Understanding JWT for Connect
//! apps", section "Creating a query string hash". Inbound and outbound use the same function.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use url::form_urlencoded;

use crate::outbound::encode;

/// The hash of a request.
///
/// `path` and `query` are raw, as on the wire. `base_path` (without a trailing slash) is the part of the path
/// that belongs to the base URL, which is not hashed.
#[must_use]
pub fn qsh(method: &str, base_path: &str, path: &str, query: Option<&str>) -> String {
    hex(digest(
        &SHA256,
        canonical(method, base_path, path, query).as_bytes(),
    )
    .as_ref())
}

/// The text that is hashed.
#[must_use]
pub fn canonical(method: &str, base_path: &str, path: &str, query: Option<&str>) -> String {
    format!(
        "{}&{}&{}",
        method.to_ascii_uppercase(),
        canonical_path(base_path, path),
        canonical_query(query.unwrap_or_default())
    )
}

fn canonical_path(base_path: &str, path: &str) -> String {
    // Only at a segment boundary: the base `/ctx` is not a prefix of `/ctxfoo`.
    let path = path
        .strip_prefix(base_path)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .unwrap_or(path);
    let mut path = path.replace('&', "%26");
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    if path.len() > 1 && path.ends_with('/') {
        path.pop();
    }
    path
}

fn canonical_query(query: &str) -> String {
    // Sorted by the encoded name; the values of one name are sorted before they are encoded.
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "jwt" {
            parameters
                .entry(encode(&name))
                .or_default()
                .push(value.into_owned());
        }
    }
    let parts: Vec<String> = parameters
        .into_iter()
        .map(|(name, mut values)| {
            values.sort_unstable();
            let values: Vec<String> = values.iter().map(|value| encode(value)).collect();
            format!("{name}={}", values.join(","))
        })
        .collect();
    parts.join("&")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        assert_eq!(
            qsh("get", "", "/", None),
            "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239"
        );
        assert_eq!(
            qsh("POST", "/base", "/base/installed", None),
            "4a2e1de8ca74e6cafe8862d332fa3ac7a8e51e692bc6d798ea4dfedc14948bf4"
        );
        let put = "c4e0996863ef8452bfc455d374623ad1eaea2dfc3c8ef0ece0c35763eda390b6";
        let path = "/rest/api/3/user/properties/acct-link";
        assert_eq!(
            qsh("PUT", "", path, Some("accountId=5b10ac8d82e05b22cc7d4ef5")),
            put
        );
    }

    #[test]
    fn paths() {
        assert_eq!(canonical_path("/ctx", "/ctx"), "/");
        assert_eq!(canonical_path("/ctx", "/ctxfoo"), "/ctxfoo");
        assert_eq!(canonical_path("/ctx", "/ctx/a/"), "/a");
        assert_eq!(canonical_path("", "/a//"), "/a/");
        assert_eq!(canonical_path("", ""), "/");
        assert_eq!(canonical_path("", "/a&b%2F"), "/a%26b%2F");
    }

    #[test]
    fn queries() {
        let is = |query, expected| assert_eq!(canonical_query(query), expected, "{query}");
        is("jwt=x&b=2&a=1", "a=1&b=2");
        is("JWT=x&jwt2=y", "JWT=x&jwt2=y");
        is("a=b+c&a=%2A&a=,", "a=%2A,%2C,b%20c");
        is("a", "a=");
        is("a=&a", "a=,");
        is(
            "id=557058%3Aabc&id2=557058:abc",
            "id=557058%3Aabc&id2=557058%3Aabc",
        );
        is("%E4=1", "%EF%BF%BD=1");
        is("a-b=1&a=2&a.b=3", "a=2&a-b=1&a.b=3");
        is("", "");
    }
}
