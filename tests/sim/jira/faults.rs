//! What can go wrong between an app and Jira, as data: rules that make a call fail, and the limits
//! Atlassian sets on calls.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::Cloud;

/// A rule: the calls it fits, how often it applies, and what happens then.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Any method, where empty.
    pub method: String,
    /// `*` stands for any text, slashes included.
    pub path: String,
    /// First label of the host: a site's, `keys` or `auth`; any host, where empty.
    pub host: String,
    /// Only calls with this account in the query.
    pub account: Option<String>,
    /// Without a number it applies until the faults are cleared.
    pub times: Option<u32>,
    pub kind: FaultKind,
}

#[derive(Clone, Debug)]
pub enum FaultKind {
    /// This answer, nothing applied.
    Status {
        code: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// Waits before the call is looked at.
    Delay(Duration),
    /// Waits until the faults are cleared, and applies the call even if its client has died by then.
    CallHeld,
    /// Waits after the call was applied, before the answer.
    DelayAnswer(Duration),
    /// Applied; answered once the faults are cleared.
    AnswerHeld,
    /// Waits, applies the call, and the connection ends before the answer.
    LateAndLost(Duration),
    /// Neither applies nor answers.
    Hang,
    /// The connection ends, nothing applied.
    CutBefore,
    /// Applied, and the connection ends before the answer.
    CutAfter,
    /// Applied, and this status is answered all the same.
    ApplyThenFail(u16),
    Redirect {
        code: u16,
        to: String,
    },
    /// 200 with a page, as from a proxy or a site that is asleep.
    Html200,
    /// 200 with far more than anybody should read.
    HugeBody,
}

impl Fault {
    /// A rule for every call to every host, until narrowed down.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            method: String::new(),
            path: "*".to_owned(),
            host: String::new(),
            account: None,
            times: None,
            kind,
        }
    }

    pub fn status(code: u16) -> Self {
        Self::new(FaultKind::Status {
            code,
            headers: Vec::new(),
            body: r#"{"errorMessages":["This answer was ordered by a test"],"errors":{}}"#
                .to_owned(),
        })
    }

    /// 429 as Atlassian sends it; `retry_after` and the reason are sometimes missing.
    pub fn rate_limited(reason: Option<&str>, retry_after: Option<&str>) -> Self {
        let mut headers = vec![("x-ratelimit-remaining".to_owned(), "0".to_owned())];
        headers.extend(reason.map(|reason| ("ratelimit-reason".to_owned(), reason.to_owned())));
        headers.extend(retry_after.map(|after| ("retry-after".to_owned(), after.to_owned())));
        Self::new(FaultKind::Status {
            code: 429,
            headers,
            body: r#"{"errorMessages":["Rate limit exceeded"],"errors":{}}"#.to_owned(),
        })
    }

    /// Nobody answers there any more.
    pub fn down(host: &str) -> Self {
        Self::new(FaultKind::CutBefore).at(host)
    }

    /// Only calls with this method and path; `*` in the path stands for any text.
    pub fn on(mut self, method: &str, path: &str) -> Self {
        method.clone_into(&mut self.method);
        path.clone_into(&mut self.path);
        self
    }

    /// Only calls that write or delete a user property.
    pub fn on_property(self, method: &str) -> Self {
        self.on(method, "/rest/api/3/user/properties/*")
    }

    pub fn at(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    pub fn account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn fits(&self, host: &str, method: &str, path: &str, account: Option<&str>) -> bool {
        (self.host.is_empty() || self.host == host)
            && (self.method.is_empty() || self.method == method)
            && (self.account.is_none() || self.account.as_deref() == account)
            && matches_pattern(&self.path, path)
    }
}

fn matches_pattern(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((start, rest)) => path.strip_prefix(start).is_some_and(|path| {
            path.char_indices()
                .map(|(index, _)| &path[index..])
                .chain([""])
                .any(|tail| matches_pattern(rest, tail))
        }),
    }
}

/// Limits on REST calls, off unless set.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Points an hour for the app over all sites.
    pub quota: Option<u32>,
    /// PUT and DELETE calls a second for one site; others may be twice as many.
    pub burst: Option<u32>,
}

/// What was used of the limits.
#[derive(Default)]
pub struct Usage {
    hour: i64,
    points: u32,
    bursts: BTreeMap<(String, String), (i64, u32)>,
}

impl Cloud {
    /// Takes the fault that is due for a call, and counts it.
    pub(super) fn take_fault(
        &mut self,
        host: &str,
        method: &str,
        path: &str,
        account: Option<&str>,
    ) -> Option<FaultKind> {
        let fits =
            |fault: &Fault| fault.times != Some(0) && fault.fits(host, method, path, account);
        let fault = self.faults.iter_mut().find(|fault| fits(fault))?;
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.kind.clone())
    }

    /// Points the app spent in the current hour.
    pub fn points_spent(&self) -> u32 {
        self.usage.points
    }

    /// Counts a REST call against the limits; over one of them it gets this answer.
    pub(super) fn over_limit(
        &mut self,
        site: &str,
        method: &str,
        path: &str,
        now: i64,
    ) -> Option<Response<Body>> {
        let writes = matches!(method, "PUT" | "DELETE");
        let hour = now / 3600;
        if self.usage.hour != hour {
            self.usage.hour = hour;
            self.usage.points = 0;
        }
        let until_the_hour = 3600 - now % 3600;
        if self
            .limits
            .quota
            .is_some_and(|quota| self.usage.points >= quota)
        {
            return Some(too_many("jira-quota-global-based", until_the_hour, now));
        }
        let bucket = (site.to_owned(), method.to_owned());
        let burst = self.usage.bursts.entry(bucket).or_default();
        if burst.0 != now {
            *burst = (now, 0);
        }
        let allowed = self
            .limits
            .burst
            .map(|burst| if writes { burst } else { burst * 2 });
        if allowed.is_some_and(|allowed| burst.1 >= allowed) {
            return Some(too_many("jira-burst-based", 1, now));
        }
        burst.1 += 1;
        // Asking about a person costs more than anything else an app does here.
        let asks = [
            "/rest/api/3/user",
            "/rest/api/3/user/groups",
            "/rest/api/3/permissions/check",
        ];
        self.usage.points += if asks.contains(&path) { 3 } else { 1 };
        None
    }
}

fn too_many(reason: &str, seconds: i64, now: i64) -> Response<Body> {
    let reset = time::OffsetDateTime::from_unix_timestamp(now + seconds)
        .map(|at| {
            // Seconds are left out, as Atlassian's own examples do.
            format!("{}T{:02}:{:02}Z", at.date(), at.hour(), at.minute())
        })
        .unwrap_or_default();
    Response::builder()
        .status(StatusCode::TOO_MANY_REQUESTS)
        .header("retry-after", seconds)
        .header("ratelimit-reason", reason)
        .header("x-ratelimit-remaining", 0)
        .header("x-ratelimit-reset", reset)
        .header("content-type", "application/json")
        .body(Body::from(
            r#"{"errorMessages":["Rate limit exceeded"],"errors":{}}"#,
        ))
        .expect("a plain answer can be built")
}
