//! How a service's requests and answers differ from the standards, as its [`Known`] entry says. Pure
//! functions.

use http::StatusCode;
use serde_json::{Map, Value};

use super::answers::{is_gone, subject};
use super::known::{Answers, IdentityFrom, Known, Revoking};
use crate::lenient;
use crate::names;
use crate::outbound::Answer;

/// A form as JSON, for services that take JSON.
#[must_use]
pub fn json_of_form(form: &[u8]) -> Vec<u8> {
    let fields: Map<String, Value> = url::form_urlencoded::parse(form)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    Value::Object(fields).to_string().into_bytes()
}

/// The name of the error, if the answer is a refusal.
fn refusal(answers: &Answers, status: StatusCode, body: &Value) -> Option<String> {
    if status.is_success() && !answers.refuses_with_200 {
        return None;
    }
    answers
        .error_in
        .iter()
        .find_map(|field| body.get(field)?.as_str())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

/// Turns a token endpoint's answer into that of RFC 6749 section 5, for a strict reader. An answer that cannot be
/// understood stays as it is: the request may or may not have been carried out.
#[must_use]
pub fn token_answer(known: &Known, status: StatusCode, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
    let (status, body) = plain_answer(status, body);
    let (status, body) = standard_answer(known, status, body);
    refusal_by_name(status, body)
}

/// Every success becomes 200, and only the JSON object is kept of the body.
fn plain_answer(status: StatusCode, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
    let Some(Value::Object(fields)) = lenient::read(&body) else {
        return (status, body);
    };
    let status = match status.is_success() {
        true => StatusCode::OK,
        false => status,
    };
    (status, Value::Object(fields).to_string().into_bytes())
}

/// Whether an answer with status 4xx comes from something between here and the token endpoint, or from another
/// place than it: nothing is known of the grant.
#[must_use]
pub fn is_not_the_services(status: StatusCode, answer: &Answer) -> bool {
    match status {
        // A proxy's, or of a request that did not arrive whole.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::MISDIRECTED_REQUEST
        | StatusCode::TOO_EARLY => true,
        // With these statuses RFC 6749 section 5.2 refuses, in whatever form.
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => false,
        // Of an address where nothing is, unless an API says it.
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => {
            !lenient::read(&answer.body).is_some_and(|said| said.is_object())
        }
        _ => status.is_client_error() && lenient::is_page(&answer.body),
    }
}

/// Of every refusal only the error's name is kept: what is said around it may be in any form. Where there is no
/// name, the refusal concerns this request only, and its status is the name.
fn refusal_by_name(status: StatusCode, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
    let fields = lenient::read(&body).unwrap_or_default();
    if status.is_success() && lenient::holds_tokens(&fields) {
        return (status, body);
    }
    let name = fields.get("error").and_then(Value::as_str).map(str::trim);
    match name.filter(|name| !name.is_empty()) {
        Some(name) => (refused_with(status), error(name)),
        None if status.is_client_error() => (status, error(&format!("http_{}", status.as_u16()))),
        None => (status, body),
    }
}

/// Turns what is particular about this service's answers into the standard's form.
fn standard_answer(known: &Known, status: StatusCode, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
    let answers = &known.answers.value;
    if *answers == super::known::STANDARD_ANSWERS {
        return (status, body);
    }
    let Some(Value::Object(mut fields)) = lenient::read(&body) else {
        return (status, body);
    };
    // Tokens come first: they must not be lost because of other fields.
    let nested = answers
        .nested
        .and_then(|name| fields.remove(name))
        .filter(|inner| inner.get("access_token").is_some_and(Value::is_string));
    if let (true, Some(inner)) = (status.is_success(), nested) {
        return (StatusCode::OK, inner.to_string().into_bytes());
    }
    let has_tokens = fields.get("access_token").is_some_and(Value::is_string);
    if status.is_success() && has_tokens {
        return (status, body);
    }
    let fields = Value::Object(fields);
    match refusal(answers, status, &fields) {
        Some(name) => (refused_with(status), error(&name)),
        None => (status, body),
    }
}

fn refused_with(status: StatusCode) -> StatusCode {
    if status.is_success() {
        StatusCode::BAD_REQUEST
    } else {
        status
    }
}

fn error(name: &str) -> Vec<u8> {
    serde_json::json!({ "error": name })
        .to_string()
        .into_bytes()
}

/// How a revocation endpoint answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The token is ended now or was before.
    Yes,
    /// The token is not ended, for this reason.
    No(String),
}

/// Reads a revocation endpoint's answer.
#[must_use]
pub fn revoked(known: &Known, status: StatusCode, body: &[u8]) -> Revoked {
    let Revoking {
        gone, gone_status, ..
    } = known.revocation.value;
    if gone_status.contains(&status.as_u16()) {
        return Revoked::Yes;
    }
    let fields = lenient::read(body).unwrap_or_default();
    let name = refusal(&known.answers.value, status, &fields);
    match name {
        Some(name) if gone.contains(&name.as_str()) => Revoked::Yes,
        Some(name) if status.is_success() => Revoked::No(crate::error::printable(&name)),
        // Something between here and there has answered.
        _ if status.is_success() && lenient::is_page(body) => Revoked::No("a page".to_owned()),
        _ if status.is_success() => Revoked::Yes,
        Some(name)
            if status == StatusCode::BAD_REQUEST
                && ["invalid_token", "invalid_grant"].contains(&name.as_str()) =>
        {
            Revoked::Yes
        }
        _ if status == StatusCode::BAD_REQUEST && is_gone(body) => Revoked::Yes,
        _ => Revoked::No(status.to_string()),
    }
}

/// The account that the userinfo endpoint names beside an ID token, and its name if there is one. There the
/// subject alone counts (OpenID Connect Core 1.0, section 5.3.2).
#[must_use]
pub fn userinfo(from: &IdentityFrom, body: &[u8]) -> Option<(String, Option<String>)> {
    let says_sub = || lenient::read(body).is_some_and(|fields| !fields["sub"].is_null());
    match from {
        IdentityFrom::Standard if !says_sub() => None,
        _ => identity(from, body),
    }
}

/// The account that the access token belongs to, from an answer of this shape: its id, and a name if there is
/// one.
#[must_use]
pub fn identity(from: &IdentityFrom, body: &[u8]) -> Option<(String, Option<String>)> {
    let IdentityFrom::Api {
        subject: parts,
        names,
        ..
    } = from
    else {
        return super::answers::identity(body);
    };
    let fields = lenient::read(body)?;
    let parts: Vec<String> = parts
        .iter()
        .map(|pointer| match fields.pointer(pointer)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let name = names
        .iter()
        .filter_map(|pointer| fields.pointer(pointer)?.as_str())
        .find_map(names::shown);
    Some((subject(&parts.join(":"))?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(key: &str) -> &'static Known {
        Known::find(key).unwrap()
    }

    fn answer(key: &str, status: u16, body: &str) -> (u16, String) {
        let status = StatusCode::from_u16(status).unwrap();
        let (status, body) = token_answer(known(key), status, body.as_bytes().to_vec());
        (status.as_u16(), String::from_utf8(body).unwrap())
    }

    #[test]
    fn f5_an_answer_is_plain_before_it_is_read() {
        let tokens = (200, r#"{"access_token":"a"}"#.to_owned());
        for status in [200, 201, 202, 203, 206, 226] {
            for body in [
                r#"{"access_token":"b","access_token":"a"}"#,
                "\u{feff} {\"access_token\":\"a\"} ",
            ] {
                assert_eq!(answer("oidc", status, body), tokens);
            }
        }
        // Not an answer: the request may have been carried out.
        for body in ["<html>", "", r#"{"access_token":"#, "[]", "{}"] {
            assert_eq!(answer("oidc", 200, body), (200, body.to_owned()));
        }
    }

    #[test]
    fn f6_a_refusal_is_read_by_its_name_alone() {
        let refusal = |status: u16, name: &str| (status, format!(r#"{{"error":"{name}"}}"#));
        for said in [
            "[]",
            "7",
            "null",
            "{}",
            r#""odd""#,
            r#"[{"a":["b"]}]"#,
            r#""\ud800""#,
        ] {
            for field in ["error_description", "error_uri", "message", "errors"] {
                for key in ["oidc", "github", "figma"] {
                    let body = format!(r#"{{"{field}":{said},"error":"invalid_grant"}}"#);
                    assert_eq!(
                        answer(key, 400, &body),
                        refusal(400, "invalid_grant"),
                        "{body}"
                    );
                }
            }
        }
        let before = "\u{feff}\n{\"error\":\" invalid_grant \"}<!-- -->";
        assert_eq!(answer("oidc", 401, before), refusal(401, "invalid_grant"));
        // A service that refuses with 200 says so in the same words.
        let body = r#"{"error":"invalid_grant","error_description":null}"#;
        assert_eq!(answer("oidc", 200, body), refusal(400, "invalid_grant"));
        let body = r#"{"error":"invalid_grant","access_token":"a"}"#;
        assert_eq!(answer("oidc", 200, body).0, 200, "tokens come first");
        // Words of the service's own name nothing that is known.
        for (status, name) in [(400, "http_400"), (401, "http_401"), (422, "http_422")] {
            for body in [
                "",
                "Bad Request",
                "[]",
                "{}",
                "null",
                r#""invalid_grant""#,
                r#"{"message":"Bad Request"}"#,
                r#"{"error":{"code":"invalid_grant"}}"#,
                r#"{"error":["invalid_grant"]}"#,
                r#"{"error":true}"#,
                r#"{"error":""}"#,
                r#"{"error":"#,
            ] {
                assert_eq!(
                    answer("oidc", status, body),
                    refusal(status, name),
                    "{body}"
                );
            }
        }
    }

    #[test]
    fn f6_a_page_in_the_services_place_refuses_nothing() {
        let elsewhere = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer {
                status,
                headers: http::HeaderMap::new(),
                body: body.as_bytes().to_vec(),
            };
            is_not_the_services(status, &answer)
        };
        let (page, words) = ("\n<!doctype html><title>No</title>", r#"{"message":"no"}"#);
        for status in [403, 404, 405, 410, 418, 451] {
            assert!(
                elsewhere(status, page) && !elsewhere(status, words),
                "{status}"
            );
        }
        for status in [407, 408, 421, 425] {
            assert!(
                elsewhere(status, page) && elsewhere(status, words),
                "{status}"
            );
        }
        for status in [200, 400, 401] {
            assert!(
                !elsewhere(status, page) && !elsewhere(status, ""),
                "{status}"
            );
        }
        for status in [404, 405, 410] {
            assert!(elsewhere(status, "404 page not found") && elsewhere(status, ""));
        }
        assert!(!elsewhere(403, "Forbidden") && !elsewhere(422, ""));
    }

    #[test]
    fn refusals_with_200_are_refusals() {
        let bad = r#"{"error":"bad_refresh_token","error_description":"expired"}"#;
        let refusal = (400, r#"{"error":"bad_refresh_token"}"#.to_owned());
        assert_eq!(answer("github", 200, bad), refusal);
        let bad = r#"{"ok":false,"error":"invalid_refresh_token"}"#;
        let refusal = (400, r#"{"error":"invalid_refresh_token"}"#.to_owned());
        assert_eq!(answer("slack", 200, bad), refusal);
        // Tokens count, whatever the other fields say.
        let odd = r#"{"access_token":"a","error":"deprecated"}"#;
        assert_eq!(answer("github", 200, odd), (200, odd.to_owned()));
        // A body that is not an answer stays as it is.
        assert_eq!(answer("github", 200, "<html>"), (200, "<html>".to_owned()));
        assert_eq!(answer("slack", 200, "{}"), (200, "{}".to_owned()));
    }

    #[test]
    fn tokens_of_the_person_are_taken_from_where_they_stand() {
        let body = r#"{"ok":true,"access_token":"bot","authed_user":{"access_token":"user"}}"#;
        assert_eq!(
            answer("slack", 200, body),
            (200, r#"{"access_token":"user"}"#.to_owned())
        );
        let body = r#"{"ok":true,"access_token":"user","refresh_token":"r"}"#;
        let plain = r#"{"access_token":"user","ok":true,"refresh_token":"r"}"#;
        assert_eq!(answer("slack", 200, body), (200, plain.to_owned()));
    }

    #[test]
    fn a_refusal_without_a_name_concerns_one_request_only() {
        for body in [r#"{"error":true,"message":"no"}"#, r#"{"error":""}"#, "{}"] {
            let (status, body) = answer("figma", 400, body);
            assert_eq!((status, body.as_str()), (400, r#"{"error":"http_400"}"#));
        }
        let (_, body) = answer(
            "notion",
            400,
            r#"{"object":"error","code":"invalid_grant"}"#,
        );
        assert_eq!(body, r#"{"error":"invalid_grant"}"#);
    }

    #[test]
    fn what_is_gone_is_revoked() {
        let of = |key: &str, status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            revoked(known(key), status, body.as_bytes()) == Revoked::Yes
        };
        assert!(of("slack", 200, r#"{"ok":true,"revoked":true}"#));
        assert!(of("slack", 200, r#"{"ok":false,"error":"token_revoked"}"#));
        assert!(!of("slack", 200, r#"{"ok":false,"error":"fatal_error"}"#));
        assert!(of("github", 404, "{}") && of("github", 204, ""));
        assert!(!of("github", 401, r#"{"message":"Bad credentials"}"#));
        assert!(of("linear", 400, "{}"));
        assert!(!of("oidc", 404, "") && !of("oidc", 400, r#"{"error":"invalid_client"}"#));
        assert!(
            of("oidc", 200, r#"{"error":"no"}"#) && of("oidc", 400, r#"{"error":"invalid_token"}"#)
        );
    }

    #[test]
    fn identities_are_found_where_an_entry_says() {
        let slack = &known("slack").identity.value;
        let body = br#"{"ok":true,"team_id":"T1","user_id":"U2","user":"robin"}"#;
        let found = identity(slack, body);
        assert_eq!(found, Some(("T1:U2".to_owned(), Some("robin".to_owned()))));
        // An id without its workspace could belong to two people.
        let body = br#"{"ok":true,"user_id":"U2","user":"robin"}"#;
        assert_eq!(identity(slack, body), None);
        let github = &known("github").identity.value;
        let body = br#"{"id":583231,"login":"octocat","name":null}"#;
        let found = identity(github, body);
        assert_eq!(
            found,
            Some(("583231".to_owned(), Some("octocat".to_owned())))
        );
        assert_eq!(identity(github, b"[]"), None);
    }
}
