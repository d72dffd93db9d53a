//! The calls to a tenant's Jira: three of them, each signed by app JWT or made as the person.
//!
//! Writing somebody's property needs the global permission Administer Jira, which app users usually
//! hold and an admin can take away. So 403 is an answer to expect: the same call is then made as the
//! person, whose own properties need no such right. Which way worked is told to the caller, who
//! remembers it for the tenant. Tokens travel in the header only.
//!
//! Each call is paid for with points of Jira's quota and has its place among the calls of a second
//! ([`crate::budget`]); what Jira says about its limits is told to the caller, who keeps to it.

use serde::Deserialize;

use http::{Method, StatusCode};

use std::sync::Arc;

use crate::budget::{Bursts, Purpose, Quota};
use crate::clock::{Clock, Seconds, parse_rfc3339};
use crate::connect::Signer;
use crate::connect::qsh::encode;
use crate::error::Error;
use crate::model::{AccountId, AccountKind, ParkReason, Person, Property, Tenant};
use crate::outbound::{Failure, Outbound, Outcome, SIZE_LIMIT};
use crate::random::Random;
use crate::secret::Secret;

/// Talks to tenants' Jira.
#[derive(Debug)]
pub struct Jira {
    http: Outbound,
    signer: Signer,
    clock: Clock,
    quota: Arc<Quota>,
    bursts: Bursts,
    impersonation_url: String,
    property_key: String,
}

/// Which way a call went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Signed by the app.
    App,
    /// As the person.
    Person,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum JiraError {
    /// 401, also after signing once more.
    #[error("Jira does not accept the app's token")]
    Unauthorized,
    /// 403 both ways.
    #[error("Jira forbids it")]
    Forbidden,
    /// 403 because of where the call comes from: the site's IP allowlist, which is the same for every call.
    #[error("the site's IP allowlist does not hold the address of this app")]
    IpAllowlist,
    /// 404 in Jira's own words: the person is gone, or was never there.
    #[error("Jira does not know the person")]
    NotFound,
    /// 429 or 503 with a time to wait.
    #[error("Jira asks to wait ({})", why.as_str())]
    Wait {
        /// How long, if it says so.
        asked: Option<Seconds>,
        /// Why, which says who is meant.
        why: ParkReason,
    },
    /// The app's points of this hour are used up, or those for this purpose. Nothing was sent.
    #[error("Jira's points are used up until the hour")]
    UsedUp,
    /// Points could not be counted. Nothing was sent.
    #[error("{0}")]
    Store(#[from] Error),
    /// What answers in the site's place is not Jira's REST API: a page, a proxy, a site that is suspended,
    /// renamed or being moved. It says nothing about any person.
    #[error("something else than Jira answered {0}")]
    NotJira(StatusCode),
    /// Any other answer.
    #[error("Jira answered {0}")]
    Answered(StatusCode),
    /// No answer; the call may have been carried out.
    #[error("Jira does not answer: {0}")]
    NoAnswer(#[from] Failure),
    /// Jira's answer cannot be understood.
    #[error("Jira's answer cannot be understood")]
    Nonsense,
}

/// How long Jira is left alone that asks to wait: as long as it says, or else two seconds, doubling with
/// each failure to thirty (Atlassian's rate limiting page), up to 30 % more or less.
#[must_use]
pub fn time_to_wait(asked: Option<Seconds>, failures: i64, random: &Random) -> Seconds {
    asked.unwrap_or_else(|| {
        let tenths = 7 + random.up_to(6);
        // Rounded up: a second early is early.
        ((2_i64 << failures.clamp(0, 4)).min(30) * tenths + 9) / 10
    })
}

/// How long a site is left alone where something else than Jira answers: five to ten seconds, doubling
/// with each failure up to a minute.
#[must_use]
pub fn time_without_jira(failures: i64, random: &Random) -> Seconds {
    let least = (5_i64 << failures.clamp(0, 3)).min(30);
    least + random.up_to(least)
}

impl Jira {
    /// Calls signed by `signer`, with the property of this key.
    #[must_use]
    pub fn new(
        http: Outbound,
        signer: Signer,
        clock: Clock,
        quota: Arc<Quota>,
        bursts: Bursts,
        impersonation_url: String,
        property_key: String,
    ) -> Self {
        Self {
            http,
            signer,
            clock,
            quota,
            bursts,
            impersonation_url,
            property_key,
        }
    }

    /// Writes the user property.
    pub async fn put_property(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        value: &Property<'_>,
        purpose: Purpose,
    ) -> Result<Authority, JiraError> {
        let body = serde_json::to_vec(value).map_err(|_| JiraError::Nonsense)?;
        let (authority, _) = self
            .call(
                tenant,
                account,
                &Method::PUT,
                &self.property_path(),
                Some(body),
                purpose,
            )
            .await?;
        Ok(authority)
    }

    /// Deletes the user property. That it is not there is as good.
    pub async fn delete_property(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<(), JiraError> {
        let path = self.property_path();
        let person = Purpose::Person;
        match self
            .call(tenant, account, &Method::DELETE, &path, None, person)
            .await
        {
            Ok(_) | Err(JiraError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads what kind of account a person has, and their name.
    pub async fn person(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        purpose: Purpose,
    ) -> Result<Person, JiraError> {
        let path = "/rest/api/3/user";
        let (_, answer) = self
            .call(tenant, account, &Method::GET, path, None, purpose)
            .await?;
        read_person(&answer.body, account).ok_or(JiraError::Nonsense)
    }

    fn property_path(&self) -> String {
        format!("/rest/api/3/user/properties/{}", encode(&self.property_key))
    }

    async fn call(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
        purpose: Purpose,
    ) -> Result<(Authority, Outcome), JiraError> {
        let query = format!("accountId={}", encode(account.as_str()));
        let url = format!("{}{path}?{query}", tenant.base_url);
        // What Jira counts for it.
        let points = if *method == Method::GET { 3 } else { 1 };
        let send = async |authorization: String| {
            if !self.quota.pay(purpose, points).await? {
                return Err(JiraError::UsedUp);
            }
            let place = self.bursts.place(&tenant.client_key, method, purpose);
            tokio::time::sleep(place).await;
            let mut request = self
                .http
                .client()
                .request(method.clone(), &url)
                .header(http::header::AUTHORIZATION, authorization)
                .header(http::header::ACCEPT, "application/json");
            if let Some(body) = &body {
                request = request
                    .header(http::header::CONTENT_TYPE, "application/json")
                    .body(body.clone());
            }
            let answer = self.http.send(request, SIZE_LIMIT).await?;
            if is_near_limit(&answer) {
                self.bursts.slow_down(&tenant.client_key);
            }
            judge(answer, self.clock.now())
        };
        let as_app = || async {
            let jwt = self
                .signer
                .app_jwt(tenant, method.as_str(), path, Some(&query))
                .map_err(|_| JiraError::Unauthorized)?;
            send(format!("JWT {}", jwt.expose())).await
        };
        if !tenant.acts_as_user {
            let mut answer = as_app().await;
            if matches!(answer, Err(JiraError::Unauthorized)) {
                // Signed anew, in case the clock or the token was at fault.
                answer = as_app().await;
            }
            match answer {
                Err(JiraError::Forbidden) => {}
                answer => return answer.map(|outcome| (Authority::App, outcome)),
            }
        }
        let answer = match self.act_as(tenant, account).await {
            Ok(token) => send(format!("Bearer {}", token.expose())).await,
            Err(error) => Err(error),
        };
        match answer {
            // The right may have been given back to the app meanwhile.
            Err(JiraError::Forbidden | JiraError::Unauthorized) if tenant.acts_as_user => {
                as_app().await.map(|outcome| (Authority::App, outcome))
            }
            answer => answer.map(|outcome| (Authority::Person, outcome)),
        }
    }

    /// An access token of the person, by the JWT bearer grant (RFC 7523).
    async fn act_as(&self, tenant: &Tenant, account: &AccountId) -> Result<Secret, JiraError> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: Secret,
        }
        let assertion = self
            .signer
            .impersonation(tenant, account, &self.impersonation_url)
            .ok_or(JiraError::Forbidden)?
            .map_err(|_| JiraError::Forbidden)?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose()),
            ("scope", "READ WRITE DELETE"),
        ];
        let request = self
            .http
            .client()
            .post(format!("{}/oauth2/token", self.impersonation_url))
            .form(&form);
        let answer = self.http.send(request, SIZE_LIMIT).await?;
        if is_oauth_refusal(&answer) {
            return Err(JiraError::Forbidden);
        }
        match judge(answer, self.clock.now()) {
            Ok(answer) => {
                let granted: Granted = answer.json().ok_or(JiraError::Nonsense)?;
                Ok(granted.access_token)
            }
            // That the app may not act as the person is a refusal like any other.
            Err(
                JiraError::Unauthorized
                | JiraError::NotFound
                | JiraError::Answered(StatusCode::BAD_REQUEST),
            ) => Err(JiraError::Forbidden),
            Err(error) => Err(error),
        }
    }
}

/// What Jira says about a person, read. None unless it names this person.
#[must_use]
pub fn read_person(body: &[u8], account: &AccountId) -> Option<Person> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct User {
        account_id: String,
        account_type: Option<String>,
        active: Option<bool>,
        display_name: Option<String>,
    }
    let user: User = serde_json::from_slice(body).ok()?;
    if user.account_id != account.as_str() {
        return None;
    }
    Some(Person {
        kind: AccountKind::parse(user.account_type.as_deref().unwrap_or_default()),
        // Jira always says; silence is not a deactivation.
        active: user.active.unwrap_or(true),
        // PostgreSQL cannot keep a NUL, and no control character can be shown.
        display_name: user
            .display_name
            .map(|name| name.chars().filter(|c| !c.is_control()).collect::<String>())
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| account.to_string()),
    })
}

/// What Jira's status and headers mean.
///
/// # Errors
/// Everything but a success that is no page.
pub fn judge(answer: Outcome, now: Seconds) -> Result<Outcome, JiraError> {
    match answer.status {
        // A page, as of a site that is asleep or a proxy in the way: nothing was carried out.
        status if status.is_success() && is_page(&answer) => Err(JiraError::Nonsense),
        status if status.is_success() => Ok(answer),
        StatusCode::UNAUTHORIZED => Err(JiraError::Unauthorized),
        StatusCode::FORBIDDEN if is_about_the_address(&answer) => Err(JiraError::IpAllowlist),
        StatusCode::FORBIDDEN if is_page(&answer) => Err(JiraError::NotJira(answer.status)),
        StatusCode::FORBIDDEN => Err(JiraError::Forbidden),
        StatusCode::NOT_FOUND if is_jiras_own(&answer) => Err(JiraError::NotFound),
        // Jira's REST API has no answer 410 for any of these calls.
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(JiraError::NotJira(answer.status)),
        StatusCode::TOO_MANY_REQUESTS => Err(wait(&answer, now)),
        StatusCode::SERVICE_UNAVAILABLE if answer.retry_after().is_some() => {
            Err(wait(&answer, now))
        }
        // A redirect is what a renamed site answers; no token follows it to another host.
        status => Err(JiraError::Answered(status)),
    }
}

/// Whether it says what Jira says to addresses that are not on a site's IP allowlist: "The IP address has
/// been rejected because it is not on the allowed list. See your admin for more information." (Atlassian
/// support, "Scope of IP Allowlists in Atlassian Cloud"). The words have changed over the years.
fn is_about_the_address(answer: &Outcome) -> bool {
    let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    text.contains("ip address") && text.contains("allow")
}

/// Whether a refusal is in the shape of Jira's REST API: JSON, an error collection with a message in it.
/// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#status-codes>
fn is_jiras_own(answer: &Outcome) -> bool {
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

/// Whether it is what a token endpoint answers that refuses (RFC 6749 section 5.2), whichever status it
/// has for that.
fn is_oauth_refusal(answer: &Outcome) -> bool {
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

fn is_page(answer: &Outcome) -> bool {
    media_type(answer).is_some_and(|kind| kind == "text/html")
}

/// `Content-Type` without its parameters.
fn media_type(answer: &Outcome) -> Option<String> {
    let kind = answer.headers.get(http::header::CONTENT_TYPE)?;
    let kind = kind.to_str().ok()?.split(';').next()?;
    Some(kind.trim().to_ascii_lowercase())
}

fn is_near_limit(answer: &Outcome) -> bool {
    let near = answer.headers.get("x-ratelimit-nearlimit");
    near.is_some_and(|near| near.as_bytes().eq_ignore_ascii_case(b"true"))
}

fn wait(answer: &Outcome, now: Seconds) -> JiraError {
    let header = |name| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    JiraError::Wait {
        asked: answer.retry_after().or_else(|| {
            let reset = header("x-ratelimit-reset").and_then(read_reset)?;
            Some((reset - now).clamp(1, 3600))
        }),
        why: ParkReason::of_rate_limit(header("ratelimit-reason")),
    }
}

/// ISO 8601, in which Atlassian leaves the seconds out: `2026-11-22T10:05Z`.
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
            let answer = Outcome {
                status: StatusCode::TOO_MANY_REQUESTS,
                headers: headers.collect(),
                body: Vec::new(),
            };
            match judge(answer, noon) {
                Err(JiraError::Wait { asked, why }) => (asked, why),
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
            is_near_limit(&Outcome {
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
            let answer = Outcome {
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
                Err(JiraError::IpAllowlist)
            ));
            assert!(matches!(
                said(StatusCode::INTERNAL_SERVER_ERROR, &body),
                Err(JiraError::Answered(_))
            ));
        }
        for body in [
            "",
            r#"{"errorMessages":["You are not allowed to edit this user's properties."]}"#,
            "\u{fffd}",
        ] {
            assert!(matches!(
                said(StatusCode::FORBIDDEN, body),
                Err(JiraError::Forbidden)
            ));
        }
    }

    #[test]
    fn r22_only_jiras_own_words_are_about_a_person() {
        let said = |status, kind: &str, body: &str| {
            let kind = http::HeaderValue::from_str(kind).unwrap();
            let answer = Outcome {
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
                matches!(said(gone, kind, body), Err(JiraError::NotFound)),
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
                matches!(said, Err(JiraError::NotJira(_))),
                "{status} {kind} {body}"
            );
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
    fn r22_a_site_without_jira_is_looked_at_again_soon() {
        let random = Random::seeded(4);
        for (failures, least, most) in [
            (0, 5, 10),
            (1, 10, 20),
            (2, 20, 40),
            (3, 30, 60),
            (99, 30, 60),
        ] {
            for _ in 0..50 {
                let wait = time_without_jira(failures, &random);
                assert!((least..=most).contains(&wait), "{failures}: {wait}");
            }
        }
    }

    #[test]
    fn waits_that_nobody_said_double_from_two_seconds_to_thirty() {
        let random = Random::seeded(4);
        for (failures, around) in [(0, 2), (1, 4), (2, 8), (3, 16), (4, 30), (99, 30)] {
            for _ in 0..50 {
                let wait = time_to_wait(None, failures, &random);
                assert!(
                    wait * 10 >= around * 7 && (wait - 1) * 10 <= around * 13,
                    "{wait}"
                );
            }
        }
        assert_eq!(time_to_wait(Some(77), 3, &random), 77);
    }
}
