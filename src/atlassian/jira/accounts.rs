//! Reporting accounts to Atlassian, which answers whose data has to be erased or read again.
//!
//! A report goes through the tenant's door. It obeys the waits of the tenant's Jira and pays from the same quota as
//! every call, but what comes of it says nothing about other calls: whatever the answer is, no key is delayed.
//!
//! Sources: Atlassian's "User privacy developer guide" for Connect apps and for apps that use OAuth. That a Forge
//! app may report with its system token is not confirmed.

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::model::{AccountId, ParkReason, Purpose, Tenant};
use crate::outbound::{Answer, Failure};
use crate::store::{CYCLE, KnownAccount};

use super::answer::Said;
use super::{Jira, JiraError, Request, Unsuccessful, time_to_wait};

/// How many accounts one report may name.
pub const MOST_REPORTED: i64 = 90;

const DAY: Seconds = 24 * 3600;

/// What Atlassian says about the accounts of one report.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    /// Those that were closed: all that is stored of them has to be erased.
    pub closed: Vec<AccountId>,
    /// Those whose person changed since they were read: they have to be read again.
    pub updated: Vec<AccountId>,
    /// How long after the beginning of this cycle the next one begins, in seconds.
    pub cycle: Seconds,
}

/// Why a report did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Atlassian asks to wait, or a call is not possible for now.
    #[error("the report has to wait")]
    Waits {
        /// Until when.
        until: Seconds,
    },
    /// No answer.
    #[error("Atlassian does not answer: {0}")]
    NoAnswer(#[from] Failure),
    /// The server failed.
    #[error("Atlassian answered {0}")]
    Failed(StatusCode),
    /// It refuses the report.
    #[error("Atlassian refuses the report with {0}")]
    Refused(StatusCode),
    /// Forge has sent no system token that still works.
    #[error("Forge has sent no system token that still works")]
    NoSystemToken,
    /// The answer cannot be understood.
    #[error("Atlassian's answer cannot be understood")]
    NotUnderstood,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] Error),
}

impl From<JiraError> for ReportError {
    fn from(error: JiraError) -> Self {
        match error {
            JiraError::Resting {
                why: ParkReason::NoSystemToken,
                ..
            } => Self::NoSystemToken,
            JiraError::Resting { until, .. } => Self::Waits { until },
            JiraError::Store(error) => Self::Store(error),
            // `may_be_called` gives no other.
            _ => Self::NotUnderstood,
        }
    }
}

#[derive(Serialize)]
struct Report {
    accounts: Vec<ReportedAccount>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportedAccount {
    account_id: String,
    updated_at: String,
}

impl Report {
    /// If nothing but the id is stored of an account, nothing of it can be out of date.
    fn of(accounts: &[KnownAccount], now: Seconds) -> Self {
        let accounts = accounts.iter().map(|known| ReportedAccount {
            account_id: known.account.to_string(),
            updated_at: rfc3339(known.read_at.unwrap_or(now)),
        });
        Self {
            accounts: accounts.collect(),
        }
    }
}

impl Jira {
    /// Reports at most [`MOST_REPORTED`] accounts of a tenant. `failures` is how often in a row that failed.
    ///
    /// # Errors
    /// [`ReportError`]. None of them keeps any other call waiting, but for what a quota of Jira says about all
    /// calls.
    pub async fn report_accounts(
        &self,
        tenant: &Tenant,
        accounts: &[KnownAccount],
        failures: i64,
    ) -> Result<Answered, ReportError> {
        let (method, now) = (Method::POST, self.clock.now());
        self.may_be_called(tenant, &method)?;
        let body = serde_json::to_vec(&Report::of(accounts, now));
        let (pass, path) = match self.doorway(tenant).to_report() {
            Ok(pass) => pass,
            Err(unsuccessful) => return Err(self.not_reported(unsuccessful)),
        };
        let request = Request {
            method,
            path,
            query: String::new(),
            body: Some(body.map_err(|_| ReportError::NotUnderstood)?),
        };
        // Points of people's share: a report must not cost a renewal.
        match self.ask(tenant, Purpose::Person, &request, pass).await {
            Ok(answer) => self.understand(tenant, accounts, failures, &answer).await,
            Err(unsuccessful) => Err(self.not_reported(unsuccessful)),
        }
    }

    /// Why nothing was answered.
    fn not_reported(&self, unsuccessful: Unsuccessful) -> ReportError {
        match unsuccessful {
            Unsuccessful::Said(Said::NoSystemToken) => ReportError::NoSystemToken,
            // A token that cannot be signed.
            Unsuccessful::Said(_) => ReportError::Refused(StatusCode::UNAUTHORIZED),
            Unsuccessful::NoAnswer(failure) => ReportError::NoAnswer(failure),
            Unsuccessful::UsedUp => ReportError::Waits {
                until: self.quota.next_hour(),
            },
            Unsuccessful::Store(error) => ReportError::Store(error),
        }
    }

    async fn understand(
        &self,
        tenant: &Tenant,
        accounts: &[KnownAccount],
        failures: i64,
        answer: &Answer,
    ) -> Result<Answered, ReportError> {
        let now = self.clock.now();
        let asked = answer.retry_after_within(now, DAY);
        match answer.status {
            StatusCode::OK | StatusCode::NO_CONTENT => {
                read(answer, accounts).ok_or(ReportError::NotUnderstood)
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let reason = answer.headers.get("ratelimit-reason");
                let reason = reason.and_then(|reason| reason.to_str().ok());
                let why = ParkReason::of_rate_limit(reason);
                let until = match why {
                    // These are about every call.
                    ParkReason::GlobalQuota | ParkReason::TenantQuota => {
                        self.leave_alone(tenant, failures, &Method::POST, why, asked)
                            .await?
                    }
                    _ => now + time_to_wait(asked, failures, &self.random),
                };
                Err(ReportError::Waits { until })
            }
            StatusCode::SERVICE_UNAVAILABLE if asked.is_some() => {
                let until = now + time_to_wait(asked, failures, &self.random);
                Err(ReportError::Waits { until })
            }
            status if status.is_server_error() => Err(ReportError::Failed(status)),
            status if status.is_success() => Err(ReportError::NotUnderstood),
            // No token follows a redirect.
            status => Err(ReportError::Refused(status)),
        }
    }
}

/// What a good answer says. Only accounts that were reported count, and what else an answer says of them is left
/// alone.
fn read(answer: &Answer, reported: &[KnownAccount]) -> Option<Answered> {
    #[derive(Deserialize)]
    struct Body {
        accounts: Vec<Value>,
    }
    let mut answered = Answered {
        closed: Vec::new(),
        updated: Vec::new(),
        cycle: cycle(answer),
    };
    if answer.status == StatusCode::NO_CONTENT {
        return Some(answered);
    }
    let body: Body = answer.json()?;
    for said in body.accounts {
        let id = said["accountId"].as_str().unwrap_or_default();
        let known = reported.iter().find(|known| known.account.as_str() == id);
        let Some(KnownAccount { account, .. }) = known else {
            continue;
        };
        match said["status"].as_str() {
            Some("closed") => answered.closed.push(account.clone()),
            Some("updated") => answered.updated.push(account.clone()),
            _ => {}
        }
    }
    Some(answered)
}

/// `Cycle-Period`: days, a week unless it says otherwise.
fn cycle(answer: &Answer) -> Seconds {
    let said = answer.headers.get("cycle-period");
    let days = said.and_then(|said| said.to_str().ok()?.trim().parse().ok());
    days.map_or(CYCLE, |days: Seconds| days.clamp(1, 30) * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: &str) -> KnownAccount {
        KnownAccount {
            account: AccountId(id.to_owned()),
            read_at: None,
        }
    }

    fn answer(status: StatusCode, period: Option<&str>, body: &str) -> Answer {
        let name = http::HeaderName::from_static("cycle-period");
        let period =
            period.map(|days| (name, http::HeaderValue::from_str(days).expect("a header")));
        Answer {
            status,
            headers: period.into_iter().collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn only_what_was_asked_about_is_answered() {
        let reported = [known("a"), known("b"), known("c"), known("d")];
        let body = r#"{"accounts": [{"accountId": "b", "status": "closed"}, {"accountId": "x", "status": "closed"},
            {"accountId": "c", "status": "updated"}, {"accountId": "d", "status": "new word"}, 7, null,
            {"status": "closed"}, {"accountId": 7, "status": "closed"}], "more": true}"#;
        let said = read(&answer(StatusCode::OK, None, body), &reported).expect("it is understood");
        assert_eq!(said.closed, [AccountId("b".to_owned())]);
        assert_eq!(said.updated, [AccountId("c".to_owned())]);
        for nonsense in ["", "{}", "[]", r#"{"accounts": {}}"#, "<html>"] {
            assert_eq!(
                read(&answer(StatusCode::OK, None, nonsense), &reported),
                None
            );
        }
        let nothing = read(&answer(StatusCode::NO_CONTENT, None, ""), &reported);
        assert_eq!(nothing.map(|said| said.closed.len()), Some(0));
    }

    #[test]
    fn a_cycle_is_a_week_unless_atlassian_says_otherwise() {
        for (period, days) in [
            (None, 7),
            (Some("7"), 7),
            (Some(" 14 "), 14),
            (Some("1"), 1),
            (Some("0"), 1),
            (Some("-3"), 1),
            (Some("400"), 30),
            (Some("soon"), 7),
            (Some("2.5"), 7),
            (Some(""), 7),
        ] {
            let said = cycle(&answer(StatusCode::NO_CONTENT, period, ""));
            assert_eq!(said, days * DAY, "{period:?}");
        }
    }

    #[test]
    fn a_report_says_when_each_person_was_read() {
        let read_at = KnownAccount {
            read_at: Some(1_795_838_400),
            ..known("557058:a")
        };
        let report = Report::of(&[read_at, known("b")], 1_795_838_500);
        assert_eq!(
            serde_json::to_string(&report).expect("it is JSON"),
            r#"{"accounts":[{"accountId":"557058:a","updatedAt":"2026-11-28T04:00:00Z"},{"accountId":"b","updatedAt":"2026-11-28T04:01:40Z"}]}"#
        );
    }
}
