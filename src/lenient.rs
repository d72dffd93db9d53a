//! Reads the service's JSON, even if other bytes surround it.
//!
//! The refresh token in an answer may be the only one left. So an answer that holds tokens is never rejected
//! for its media type, a byte order mark, white space, a duplicate field, or nonsense in another field. All
//! JSON of the service is read here; each caller checks the fields that it uses.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The JSON value in a body. None if there is no JSON.
///
/// The fields of an object are read one by one, and a field that cannot be read is left out. Of duplicate
/// fields the last counts. Bytes after the value are ignored.
#[must_use]
pub fn read(body: &[u8]) -> Option<Value> {
    read_value(start(&text(body)))
}

fn read_value(text: &str) -> Option<Value> {
    match text.starts_with('{') {
        true => fields(text).map(Value::Object),
        false => first(text),
    }
}

/// What follows a byte order mark and white space.
fn start(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}')
}

/// The entries of the list that this field of an object holds, read one by one: an entry that cannot be read
/// is left out. None if there is no such list.
#[must_use]
pub fn entries(body: &[u8], field: &str) -> Option<Vec<Value>> {
    let text = text(body);
    let fields: BTreeMap<String, &RawValue> = first(start(&text))?;
    let entries: Vec<&RawValue> = first(fields.get(field)?.get())?;
    let read = entries.into_iter();
    Some(read.filter_map(|entry| read_value(entry.get())).collect())
}

/// The JSON value, as a type of the caller.
#[must_use]
pub fn read_as<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_value(read(body)?).ok()
}

/// A text, or a number as a text: an id that some write in either way.
#[must_use]
pub fn text_or_number(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a body is a page for people: HTML or XML.
#[must_use]
pub fn is_page(body: &[u8]) -> bool {
    start(&text(body)).starts_with('<')
}

/// Whether these fields hold an access token. A replacement character shows that bytes of the token were
/// lost.
#[must_use]
pub fn holds_tokens(fields: &Value) -> bool {
    fields
        .get("access_token")
        .and_then(Value::as_str)
        .is_some_and(is_token)
}

/// Whether a text can be a token: it is not empty, and no bytes of it were lost.
#[must_use]
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && !text.contains('\u{fffd}')
}

/// The body as text. JSON is UTF-8 (RFC 8259 section 8.1), unless a byte order mark says UTF-16.
fn text(body: &[u8]) -> String {
    let utf16 = |read: fn([u8; 2]) -> u16| {
        let units = body.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match body {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

fn first<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Option<T> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    values.next()?.ok()
}

fn fields(text: &str) -> Option<Map<String, Value>> {
    let fields: BTreeMap<String, &RawValue> = first(text)?;
    let read = fields.into_iter().filter_map(|(name, raw)| {
        let value = serde_json::from_str(raw.get()).ok()?;
        Some((name, value))
    });
    Some(read.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(body: &[u8]) -> Option<String> {
        let fields = read(body)?;
        let token = fields.get("access_token")?.as_str()?;
        holds_tokens(&fields).then(|| token.to_owned())
    }

    #[test]
    fn f5_tokens_are_found_whatever_surrounds_them() {
        let utf16 = |mark: u16, to: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let text = r#"{"access_token":"a"}"#;
            std::iter::once(mark)
                .chain(text.encode_utf16())
                .flat_map(to)
                .collect()
        };
        let little = utf16(0xfeff, u16::to_le_bytes);
        let big = utf16(0xfeff, u16::to_be_bytes);
        for body in [
            br#"{"access_token":"a"}"#.as_slice(),
            b"\xef\xbb\xbf{\"access_token\":\"a\"}",
            b"\xef\xbb\xbf \r\n\t {\"access_token\":\"a\"}\n\n",
            b"\0\0{\"access_token\":\"a\"}\0",
            b"\xc2\xa0{\"access_token\":\"a\"}",
            br#"{"access_token":"b","access_token":"a"}"#,
            br#"{"access_token":"a","scope":"x","scope":["y"]}"#,
            b"{\"access_token\":\"a\",\"scope\":\"caf\xe9\"}",
            br#"{"access_token":"a","scope":"\ud800"}"#,
            br#"{"access_token":"a","quota":1e999}"#,
            br#"{"access_token":"a"}{"access_token":"b"}"#,
            br#"{"access_token":"a"}<!-- cached -->"#,
            little.as_slice(),
            big.as_slice(),
        ] {
            let words = String::from_utf8_lossy(body);
            assert_eq!(token(body).as_deref(), Some("a"), "{words}");
        }
        let deep = format!(
            r#"{{"x":{}1{},"access_token":"a"}}"#,
            "[".repeat(500),
            "]".repeat(500)
        );
        assert_eq!(token(deep.as_bytes()).as_deref(), Some("a"));
    }

    #[test]
    fn f5_of_tokens_themselves_nothing_is_guessed() {
        for body in [
            b"".as_slice(),
            b"<html>",
            b"[]",
            b"{}",
            br#"{"access_token":"#,
            br#"{"access_token":"a"#,
            br#"{"access_token":"a","expires_in":3600"#,
            br#"{"access_token":7}"#,
            br#"{"access_token":""}"#,
            br#"{"access_token":["a"]}"#,
            br#"{"access_token":"a","access_token":null}"#,
            b"{\"access_token\":\"a\xff\"}",
            br#"<html>{"access_token":"a"}"#,
        ] {
            assert_eq!(token(body), None, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn f5_other_values_are_read_too() {
        assert_eq!(read(b" [1]"), Some(serde_json::json!([1])));
        assert_eq!(read_as::<Vec<u8>>(b"\xef\xbb\xbf[1,2]"), Some(vec![1, 2]));
        assert_eq!(read_as::<Vec<u8>>(b"{}"), None);
    }
}
