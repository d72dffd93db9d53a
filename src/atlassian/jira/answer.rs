//! What an answer from a tenant's base URL means.
//!
//! Only answers in the form of Jira's REST API count as Jira's. A page, a proxy, or a site that is suspended,
//! renamed or being moved says nothing about a person.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::{Seconds, parse_rfc3339};
use crate::model::{AccountId, AccountKind, Group, ParkReason, Person};
use crate::names;
use crate::outbound::Answer;

/// An answer that is not a success.
#[derive(Debug)]
pub enum Said {
    /// 401.
    Unauthorized,
    /// 403 because of permissions.
    Forbidden,
    /// 403 because of the caller's address: the site's IP allowlist.
    IpAllowlist,
    /// 404 from Jira itself: the person left or never existed.
    NotFound,
    /// 429 or 503 with a time to wait.
    Wait {
        /// How long, if the answer says so.
        asked: Option<Seconds>,
        /// The reason, which decides which calls wait.
        why: ParkReason,
    },
    /// Something other than Jira's REST API answered.
    NotJira(StatusCode),
    /// Any other status.
    Status(StatusCode),
    /// A success that cannot be understood.
    Nonsense,
    /// Nothing, because nothing was sent: Forge has sent no system token that still works.
    NoSystemToken,
}

/// The person in Jira's answer. None unless the answer is about this person.
#[must_use]
pub fn read_person(body: &[u8], account: &AccountId) -> Option<Person> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct User {
        account_id: String,
        // Each of these is read by itself: what is odd about one says nothing about the person.
        #[serde(default)]
        account_type: Value,
        #[serde(default)]
        active: Value,
        #[serde(default)]
        display_name: Value,
    }
    let user: User = serde_json::from_slice(body).ok()?;
    if user.account_id != account.as_str() {
        return None;
    }
    Some(Person {
        kind: AccountKind::parse(user.account_type.as_str().unwrap_or_default()),
        // Jira always sends `active`; a missing one is not a deactivation.
        active: user.active.as_bool().unwrap_or(true),
        display_name: user
            .display_name
            .as_str()
            .and_then(names::shown)
            .unwrap_or_else(|| account.to_string()),
    })
}

/// Whether Jira's answer grants the global permission `ADMINISTER`. None if it is no such answer.
#[must_use]
pub fn read_administers(body: &[u8]) -> Option<bool> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Granted {
        global_permissions: Vec<Value>,
    }
    let granted: Granted = serde_json::from_slice(body).ok()?;
    Some(
        granted
            .global_permissions
            .iter()
            .any(|it| it == "ADMINISTER"),
    )
}

/// The groups in Jira's answer. None if it is no list; what is no group in it is left out.
#[must_use]
pub fn read_groups(body: &[u8]) -> Option<Vec<Group>> {
    let groups: Vec<Value> = serde_json::from_slice(body).ok()?;
    let text = |group: &Value, name: &str| group[name].as_str().map(str::to_owned);
    let groups = groups.iter().filter_map(|group| {
        let (name, id) = (text(group, "name"), text(group, "groupId"));
        (name.is_some() || id.is_some()).then(|| Group {
            name: name.unwrap_or_default(),
            id,
        })
    });
    Some(groups.collect())
}

/// The generation in Jira's answer about a user property. An admin of the site can write any number there; one
/// that no link reaches is not ours.
#[must_use]
pub fn read_generation(body: &[u8]) -> Option<i64> {
    /// Programs that read the property may keep numbers as doubles.
    const LARGEST: i64 = 1 << 52;
    #[derive(Deserialize)]
    struct Property {
        value: Value,
    }
    let property: Property = serde_json::from_slice(body).ok()?;
    let generation = property.value.get("generation")?.as_i64()?;
    (1..LARGEST).contains(&generation).then_some(generation)
}

/// What Jira's status and headers mean.
///
/// # Errors
/// For every answer but a success that is not a page.
pub fn judge(answer: Answer, now: Seconds) -> Result<Answer, Said> {
    match answer.status {
        // A page, for instance of a suspended site or a proxy: nothing was carried out.
        status if status.is_success() && is_page(&answer) => Err(Said::Nonsense),
        status if status.is_success() => Ok(answer),
        StatusCode::UNAUTHORIZED => Err(Said::Unauthorized),
        StatusCode::FORBIDDEN if is_about_the_address(&answer) => Err(Said::IpAllowlist),
        StatusCode::FORBIDDEN if is_page(&answer) => Err(Said::NotJira(answer.status)),
        StatusCode::FORBIDDEN => Err(Said::Forbidden),
        StatusCode::NOT_FOUND if is_jiras_own(&answer) => Err(Said::NotFound),
        // Jira's REST API never answers these calls with 410.
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(Said::NotJira(answer.status)),
        StatusCode::TOO_MANY_REQUESTS => Err(wait(&answer, now)),
        StatusCode::SERVICE_UNAVAILABLE if answer.retry_after(now).is_some() => {
            Err(wait(&answer, now))
        }
        // A renamed site answers with a redirect; no token follows it to another host.
        status => Err(Said::Status(status)),
    }
}

/// Whether this is Jira's answer to addresses that are not on a site's IP allowlist: "The IP address has been
/// rejected because it is not on the allowed list. See your admin for more information." (Atlassian support,
/// "Scope of IP Allowlists in Atlassian Cloud"). The wording has changed over the years.
fn is_about_the_address(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    text.contains("ip address") && text.contains("allow")
}

/// Whether a refusal has the form of Jira's REST API: a JSON error collection that contains a message.
/// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#status-codes>
fn is_jiras_own(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ErrorCollection {
        error_messages: Vec<String>,
        errors: serde_json::Map<String, serde_json::Value>,
    }
    media_type(answer).is_some_and(|kind| kind == "application/json")
        && serde_json::from_slice::<ErrorCollection>(&answer.body)
            .is_ok_and(|said| !said.error_messages.is_empty() || !said.errors.is_empty())
}

/// Whether this is a token endpoint's refusal (RFC 6749 section 5.2), with any status.
pub(super) fn is_oauth_refusal(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(rename = "error")]
        _error: String,
    }
    let is_refused = matches!(
        answer.status,
        StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
    );
    is_refused && serde_json::from_slice::<Refusal>(&answer.body).is_ok()
}

fn is_page(answer: &Answer) -> bool {
    media_type(answer).is_some_and(|kind| kind == "text/html")
}

/// `Content-Type` without its parameters.
fn media_type(answer: &Answer) -> Option<String> {
    let kind = answer.headers.get(http::header::CONTENT_TYPE)?;
    let kind = kind.to_str().ok()?.split(';').next()?;
    Some(kind.trim().to_ascii_lowercase())
}

pub(super) fn is_near_limit(answer: &Answer) -> bool {
    let near = answer.headers.get("x-ratelimit-nearlimit");
    near.is_some_and(|near| near.as_bytes().eq_ignore_ascii_case(b"true"))
}

fn wait(answer: &Answer, now: Seconds) -> Said {
    let header = |name| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    Said::Wait {
        asked: answer.retry_after(now).or_else(|| {
            let reset = header("x-ratelimit-reset").and_then(read_reset)?;
            Some((reset - now).clamp(1, 3600))
        }),
        why: ParkReason::of_rate_limit(header("ratelimit-reason")),
    }
}

/// ISO 8601 as Atlassian writes it, without seconds: `2026-11-22T10:05Z`.
fn read_reset(text: &str) -> Option<Seconds> {
    parse_rfc3339(text).or_else(|| {
        let (minute, offset) = text.split_at_checked("2026-11-22T10:05".len())?;
        parse_rfc3339(&format!("{minute}:00{offset}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jira_says_about_its_limits_is_understood() {
        let noon = parse_rfc3339("2026-11-22T12:00:00Z").unwrap();
        let said = |headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| {
                let value = http::HeaderValue::from_str(value).unwrap();
                (http::HeaderName::from_static(name), value)
            });
            let answer = Answer {
                status: StatusCode::TOO_MANY_REQUESTS,
                headers: headers.collect(),
                body: Vec::new(),
            };
            match judge(answer, noon) {
                Err(Said::Wait { asked, why }) => (asked, why),
                other => panic!("{other:?}"),
            }
        };
        let reason = "ratelimit-reason";
        let reset = "x-ratelimit-reset";
        assert_eq!(said(&[]), (None, ParkReason::Asked));
        assert_eq!(
            said(&[(reason, "jira-quota-global-based"), ("retry-after", "7")]),
            (Some(7), ParkReason::GlobalQuota)
        );
        for (value, asked) in [
            ("2026-11-22T12:05Z", Some(300)),
            ("2026-11-22T12:00:30Z", Some(30)),
            ("2026-11-22T13:05+01:00", Some(300)),
            ("2026-11-22T11:00Z", Some(1)),
            ("2027-11-22T11:00Z", Some(3600)),
            ("soon", None),
            ("", None),
        ] {
            let headers = [(reason, "jira-burst-based"), (reset, value)];
            assert_eq!(said(&headers), (asked, ParkReason::Burst), "{value}");
        }
        let both = [("retry-after", "9"), (reset, "2026-11-22T12:05Z")];
        assert_eq!(said(&both).0, Some(9));
        let near = |value| {
            let mut headers = http::HeaderMap::new();
            headers.insert(
                "x-ratelimit-nearlimit",
                http::HeaderValue::from_static(value),
            );
            is_near_limit(&Answer {
                status: StatusCode::OK,
                headers,
                body: Vec::new(),
            })
        };
        assert!(near("true") && near("True") && !near("false"));
    }

    #[test]
    fn a_403_about_the_address_is_told_from_one_about_rights() {
        let said = |status, body: &str| {
            let answer = Answer {
                status,
                headers: http::HeaderMap::new(),
                body: body.as_bytes().to_vec(),
            };
            judge(answer, 0).map(|_| ())
        };
        for words in [
            "The IP address has been rejected because it is not on the allowed list. See your admin for \
             more information.",
            "The IP address has been rejected because it is not on the allowedlist.",
            "Your IP address is not on the IP allowlist of this site",
        ] {
            let body = format!(r#"{{"errorMessages":["{words}"],"errors":{{}}}}"#);
            assert!(matches!(
                said(StatusCode::FORBIDDEN, &body),
                Err(Said::IpAllowlist)
            ));
            assert!(matches!(
                said(StatusCode::INTERNAL_SERVER_ERROR, &body),
                Err(Said::Status(_))
            ));
        }
        for body in [
            "",
            r#"{"errorMessages":["You are not allowed to edit this user's properties."]}"#,
            "\u{fffd}",
        ] {
            assert!(matches!(
                said(StatusCode::FORBIDDEN, body),
                Err(Said::Forbidden)
            ));
        }
    }

    #[test]
    fn r22_only_jiras_own_words_are_about_a_person() {
        let said = |status, kind: &str, body: &str| {
            let kind = http::HeaderValue::from_str(kind).unwrap();
            let answer = Answer {
                status,
                headers: [(http::header::CONTENT_TYPE, kind)].into_iter().collect(),
                body: body.as_bytes().to_vec(),
            };
            judge(answer, 0).map(|_| ())
        };
        let own = r#"{"errorMessages":["The user does not exist."],"errors":{}}"#;
        let json = "application/json";
        let gone = StatusCode::NOT_FOUND;
        for (kind, body) in [
            (json, own),
            ("Application/JSON; charset=UTF-8", own),
            (
                json,
                r#"{"errorMessages":[],"errors":{"accountId":"unknown"},"status":404}"#,
            ),
        ] {
            assert!(
                matches!(said(gone, kind, body), Err(Said::NotFound)),
                "{body}"
            );
        }
        for (status, kind, body) in [
            (gone, "text/html", own),
            (gone, "application/problem+json", own),
            (gone, "", own),
            (gone, json, ""),
            (gone, json, "[]"),
            (gone, json, r#"{"errorMessages":[],"errors":{}}"#),
            (gone, json, r#"{"errorMessages":["gone"]}"#),
            (gone, json, r#"{"errorMessages":"gone","errors":{}}"#),
            (gone, json, r#"{"errorMessages":[7],"errors":{}}"#),
            (
                gone,
                json,
                r#"{"errorMessage":"Site temporarily unavailable"}"#,
            ),
            (
                gone,
                json,
                r#"{"message":"null for uri: /rest","status-code":404}"#,
            ),
            (StatusCode::GONE, json, own),
            (StatusCode::GONE, "text/html", ""),
            (StatusCode::FORBIDDEN, "text/html;charset=utf-8", "<html>"),
        ] {
            let said = said(status, kind, body);
            assert!(
                matches!(said, Err(Said::NotJira(_))),
                "{status} {kind} {body}"
            );
        }
    }

    #[test]
    fn t35_only_the_word_itself_makes_an_admin() {
        for (body, said) in [
            (
                r#"{"globalPermissions":["ADMINISTER"],"projectPermissions":[]}"#,
                Some(true),
            ),
            (
                r#"{"globalPermissions":[],"projectPermissions":[]}"#,
                Some(false),
            ),
            (
                r#"{"globalPermissions":["administer","ADMINISTER ","ADMINISTER_PROJECTS",7,null]}"#,
                Some(false),
            ),
            (r#"{"globalPermissions":[["ADMINISTER"]]}"#, Some(false)),
            (r#"{"projectPermissions":["ADMINISTER"]}"#, None),
            (r#"{"globalPermissions":"ADMINISTER"}"#, None),
            (r#"{"globalPermissions":{"ADMINISTER":true}}"#, None),
            (r#"["ADMINISTER"]"#, None),
            ("true", None),
            ("", None),
        ] {
            assert_eq!(read_administers(body.as_bytes()), said, "{body}");
        }
    }

    #[test]
    fn groups_are_read_whatever_is_odd_about_one() {
        let body = r#"[{"name":"jira-users","groupId":"276f955c","self":"x"},{"name":"old"},{"groupId":"1"},7,{}]"#;
        let groups = read_groups(body.as_bytes()).unwrap();
        let names: Vec<_> = groups
            .iter()
            .map(|group| (group.name.as_str(), group.id.as_deref()))
            .collect();
        assert_eq!(
            names,
            [
                ("jira-users", Some("276f955c")),
                ("old", None),
                ("", Some("1"))
            ]
        );
        for nonsense in ["{}", "", r#"{"groups":[]}"#, "null"] {
            assert_eq!(read_groups(nonsense.as_bytes()), None, "{nonsense}");
        }
    }

    #[test]
    fn r22_a_user_resource_is_about_whom_it_names() {
        let account = AccountId("557058:a".to_owned());
        let read = |body: &str| read_person(body.as_bytes(), &account).map(|person| person.active);
        assert_eq!(
            read(r#"{"accountId":"557058:a","active":false}"#),
            Some(false)
        );
        assert_eq!(read(r#"{"accountId":"557058:a"}"#), Some(true));
        for body in [
            r#"{"active":false}"#,
            r#"{"accountId":"557058:b","active":false}"#,
            r#"{"accountId":7,"active":false}"#,
            r#"{"errorMessages":["gone"],"errors":{}}"#,
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }

    #[test]
    fn f21_a_person_whose_name_shows_nothing_is_called_by_their_account_id() {
        let account = AccountId("557058:a".to_owned());
        let name = |said: &str| {
            let body = format!(r#"{{"accountId":"557058:a","displayName":{said}}}"#);
            read_person(body.as_bytes(), &account).map(|person| person.display_name)
        };
        for nothing in [
            r#""""#,
            r#"" ""#,
            r#""\u200b\u2060""#,
            r#""\u3164""#,
            r#""\u0000\u0007""#,
            r#""\u0301""#,
            "null",
            "7",
            "[]",
        ] {
            assert_eq!(name(nothing).as_deref(), Some("557058:a"), "{nothing}");
        }
        assert_eq!(name(r#""\u200bMia""#).as_deref(), Some("\u{200b}Mia"));
    }
}
