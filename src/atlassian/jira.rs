//! The one path to a tenant's Jira.
//!
//! Whoever calls names tenant, person, purpose and method. The path looks at the waits that Jira has asked
//! for, takes points of the quota and a place among the calls of a second, signs, sends, and keeps to what
//! the answer says about waiting. So no caller can leave a step out.
//!
//! Writing somebody's property needs the global permission Administer Jira, which app users usually hold
//! and an admin can take away. So 403 is an answer to expect: the same call is then made as the person,
//! whose own properties need no such right. Which way worked is remembered for the tenant. Tokens travel in
//! the header only.

pub mod answer;
pub mod bursts;
mod door;
pub mod quota;

use http::{Method, StatusCode};

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::gate::SharedGate;
use crate::model::{AccountId, ParkReason, Person, Property, Purpose, Tenant};
use crate::outbound::{Answer, Failure, Outbound, SIZE_LIMIT, encode};
use crate::random::Random;
use crate::store::{Calls, Store};

use super::connect::Signer;
use answer::{Said, is_near_limit, judge, read_person};
use bursts::Bursts;
use door::{Authority, Door};
use quota::{JiraLimits, Quota};

/// How long a tenant's Jira is left alone that does not accept the app's tokens or keeps its address out, in
/// seconds. The first call after that finds out whether it still does.
const PARKED: Seconds = 60;

/// Talks to tenants' Jira.
#[derive(Debug)]
pub struct Jira {
    http: Outbound,
    signer: Signer,
    clock: Clock,
    random: Random,
    store: Store,
    quota: Quota,
    bursts: Bursts,
    /// Closed while the quota of all tenants is used up.
    writes: SharedGate,
    impersonation_url: String,
    property_key: String,
}

/// What a call is about.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// Whose Jira.
    pub tenant: &'a Tenant,
    /// Which person there.
    pub account: &'a AccountId,
    /// How much of the quota it may use.
    pub purpose: Purpose,
    /// How often it has failed in a row. A wait whose length Jira does not say doubles with each.
    pub failures: i64,
}

/// Why a call did not succeed. A time in it says until when Jira is left alone now.
#[derive(Debug, thiserror::Error)]
pub enum JiraError {
    /// Jira is left alone because of an earlier answer. Nothing was sent.
    #[error("Jira is left alone ({})", why.as_str())]
    Resting {
        /// Until then.
        until: Seconds,
        /// Because of this.
        why: ParkReason,
    },
    /// The app's points of this hour are used up, or those for this purpose. Nothing was sent.
    #[error("Jira's points are used up until the hour")]
    UsedUp {
        /// When the next hour begins.
        until: Seconds,
    },
    /// 429 or 503 with a time to wait.
    #[error("Jira asks to wait ({})", why.as_str())]
    Wait {
        /// Until then.
        until: Seconds,
        /// Why, which says who is meant.
        why: ParkReason,
    },
    /// 401, also after signing once more.
    #[error("Jira does not accept the app's token")]
    Unauthorized {
        /// Until then.
        until: Seconds,
    },
    /// 403 because of where the call comes from: the site's IP allowlist, which is the same for every call.
    #[error("the site's IP allowlist does not hold the address of this app")]
    IpAllowlist {
        /// Until then.
        until: Seconds,
    },
    /// What answers in the site's place is not Jira's REST API: a page, a proxy, a site that is suspended,
    /// renamed or being moved. It says nothing about any person.
    #[error("something else than Jira answered {status}")]
    NotJira {
        /// Its status.
        status: StatusCode,
        /// Until then.
        until: Seconds,
    },
    /// 403 both ways.
    #[error("Jira forbids it")]
    Forbidden,
    /// 404 in Jira's own words: the person is gone, or was never there.
    #[error("Jira does not know the person")]
    NotFound,
    /// Any other answer.
    #[error("Jira answered {0}")]
    Answered(StatusCode),
    /// No answer; the call may have been carried out.
    #[error("Jira does not answer: {0}")]
    NoAnswer(#[from] Failure),
    /// Jira's answer cannot be understood.
    #[error("Jira's answer cannot be understood")]
    Nonsense,
    /// The database does not take part: nothing was sent, or what came of it could not be kept.
    #[error("{0}")]
    Store(#[from] Error),
}

/// Why one request did not succeed, before anything was learned from it.
#[derive(Debug)]
enum Unsuccessful {
    Said(Said),
    NoAnswer(Failure),
    UsedUp,
    Store(Error),
}

impl From<Said> for Unsuccessful {
    fn from(said: Said) -> Self {
        Self::Said(said)
    }
}

impl From<Failure> for Unsuccessful {
    fn from(failure: Failure) -> Self {
        Self::NoAnswer(failure)
    }
}

impl From<Error> for Unsuccessful {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// A request to Jira's REST API.
struct Request<'a> {
    method: Method,
    path: &'a str,
    query: String,
    body: Option<Vec<u8>>,
}

impl Jira {
    /// Calls signed by `signer`, with the property of this key.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own, put together once"
    )]
    pub fn new(
        http: Outbound,
        signer: Signer,
        clock: Clock,
        random: Random,
        store: Store,
        limits: JiraLimits,
        impersonation_url: String,
        property_key: String,
    ) -> Self {
        Self {
            http,
            signer,
            quota: Quota::new(limits, store.clone(), clock.clone()),
            bursts: Bursts::new(&limits, clock.clone()),
            writes: SharedGate::of_jira(store.clone(), clock.clone()),
            clock,
            random,
            store,
            impersonation_url,
            property_key,
        }
    }

    /// Points that all replicas have taken in this hour, and the limits they go by.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// The gate in front of all writes.
    #[must_use]
    pub fn writes(&self) -> &SharedGate {
        &self.writes
    }

    /// Writes the user property.
    ///
    /// # Errors
    /// [`JiraError`], as every call here.
    pub async fn put_property(
        &self,
        about: &About<'_>,
        value: &Property<'_>,
    ) -> Result<(), JiraError> {
        let body = serde_json::to_vec(value).map_err(|_| JiraError::Nonsense)?;
        let path = self.property_path();
        self.call(about, Method::PUT, &path, Some(body)).await?;
        Ok(())
    }

    /// Deletes the user property. That it is not there is as good.
    pub async fn delete_property(&self, about: &About<'_>) -> Result<(), JiraError> {
        let path = self.property_path();
        match self.call(about, Method::DELETE, &path, None).await {
            Ok(_) | Err(JiraError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads what kind of account a person has, and their name. That Jira once said they were gone is
    /// forgotten when it shows them.
    pub async fn person(&self, about: &About<'_>) -> Result<Person, JiraError> {
        let path = "/rest/api/3/user";
        let answer = self.call(about, Method::GET, path, None).await?;
        let person = read_person(&answer.body, about.account).ok_or(JiraError::Nonsense)?;
        if person.active {
            self.store
                .person_is_there(about.tenant, about.account)
                .await?;
        }
        Ok(person)
    }

    fn property_path(&self) -> String {
        format!("/rest/api/3/user/properties/{}", encode(&self.property_key))
    }

    /// Makes one call: the steps, in their order.
    async fn call(
        &self,
        about: &About<'_>,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, JiraError> {
        self.may_be_called(about.tenant, &method)?;
        let request = Request {
            method,
            path,
            query: format!("accountId={}", encode(about.account.as_str())),
            body,
        };
        match self.by_either_authority(about, &request).await {
            Ok((authority, answer)) => {
                self.remember(about.tenant, &request, authority).await?;
                Ok(answer)
            }
            Err(unsuccessful) => Err(self.learn(about, &request.method, unsuccessful).await?),
        }
    }

    /// Whether nothing that Jira said earlier forbids a call with this method now.
    fn may_be_called(&self, tenant: &Tenant, method: &Method) -> Result<(), JiraError> {
        let now = self.clock.now();
        let until = tenant.waits.until(method);
        if until > now {
            let why = tenant.wait_reason;
            return Err(JiraError::Resting { until, why });
        }
        let until = self.writes.opens_at();
        if *method != Method::GET && until > now {
            let why = ParkReason::GlobalQuota;
            return Err(JiraError::Resting { until, why });
        }
        Ok(())
    }

    /// As the app, and where Jira forbids that, as the person; the other way round where that was needed
    /// last.
    async fn by_either_authority(
        &self,
        about: &About<'_>,
        request: &Request<'_>,
    ) -> Result<(Authority, Answer), Unsuccessful> {
        let door = Door {
            jira: self,
            tenant: about.tenant,
        };
        let as_app = async || self.send(about, request, door.as_app(request)?).await;
        if !about.tenant.acts_as_user {
            let mut answer = as_app().await;
            if matches!(answer, Err(Unsuccessful::Said(Said::Unauthorized))) {
                // Signed again, in case the clock or the token was at fault.
                answer = as_app().await;
            }
            match answer {
                Err(Unsuccessful::Said(Said::Forbidden)) => {}
                answer => return answer.map(|answer| (Authority::App, answer)),
            }
        }
        let answer = match door.as_person(about.account).await {
            Ok(authorization) => self.send(about, request, authorization).await,
            Err(error) => Err(error),
        };
        match answer {
            // The right may have been given back to the app meanwhile.
            Err(Unsuccessful::Said(Said::Forbidden | Said::Unauthorized))
                if about.tenant.acts_as_user =>
            {
                as_app().await.map(|answer| (Authority::App, answer))
            }
            answer => answer.map(|answer| (Authority::Person, answer)),
        }
    }

    /// Pays for one request, waits for its place, and sends it.
    async fn send(
        &self,
        about: &About<'_>,
        request: &Request<'_>,
        authorization: String,
    ) -> Result<Answer, Unsuccessful> {
        let Request {
            method,
            path,
            query,
            body,
        } = request;
        // What Jira counts for it.
        let points = if *method == Method::GET { 3 } else { 1 };
        if !self.quota.pay(about.purpose, points).await? {
            return Err(Unsuccessful::UsedUp);
        }
        let tenant = &about.tenant.client_key;
        let place = self.bursts.place(tenant, method, about.purpose);
        tokio::time::sleep(place).await;
        let url = format!("{}{path}?{query}", about.tenant.base_url);
        let mut sent = self
            .http
            .client()
            .request(method.clone(), &url)
            .header(http::header::AUTHORIZATION, authorization)
            .header(http::header::ACCEPT, "application/json");
        if let Some(body) = body {
            sent = sent
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let answer = self.http.send(sent, SIZE_LIMIT).await?;
        if is_near_limit(&answer) {
            self.bursts.slow_down(tenant);
        }
        Ok(judge(answer, self.clock.now())?)
    }

    /// Remembers by which authority a write went through, if that has changed.
    async fn remember(
        &self,
        tenant: &Tenant,
        request: &Request<'_>,
        authority: Authority,
    ) -> Result<(), Error> {
        let as_person = authority == Authority::Person;
        if request.method == Method::PUT && as_person != tenant.acts_as_user {
            self.store.remember_acts_as_user(tenant, as_person).await?;
        }
        Ok(())
    }

    /// Keeps to what an answer says about waiting, together with all replicas.
    ///
    /// What a write meets because of the site itself is the same for every call, so the tenant waits. A read
    /// is something that a person can bring about at any time: it makes nobody wait unless Jira asks for it.
    async fn learn(
        &self,
        about: &About<'_>,
        method: &Method,
        unsuccessful: Unsuccessful,
    ) -> Result<JiraError, Error> {
        let said = match unsuccessful {
            Unsuccessful::Said(said) => said,
            Unsuccessful::NoAnswer(failure) => return Ok(JiraError::NoAnswer(failure)),
            Unsuccessful::UsedUp => {
                let until = self.quota.next_hour();
                return Ok(JiraError::UsedUp { until });
            }
            Unsuccessful::Store(error) => return Err(error),
        };
        let now = self.clock.now();
        let park = async |why, until| {
            if *method == Method::GET {
                return Ok(now);
            }
            let tenant = about.tenant;
            let wait = self.store.wait_for_tenant(tenant, Calls::Any, until, why);
            wait.await.map(|()| until)
        };
        Ok(match said {
            Said::Wait { asked, why } => JiraError::Wait {
                until: self.leave_alone(about, method, why, asked).await?,
                why,
            },
            Said::Unauthorized => JiraError::Unauthorized {
                until: park(ParkReason::Unauthorized, now + PARKED).await?,
            },
            Said::IpAllowlist => JiraError::IpAllowlist {
                until: park(ParkReason::IpAllowlist, now + PARKED).await?,
            },
            Said::NotJira(status) => {
                let until = now + time_without_jira(about.failures, &self.random);
                JiraError::NotJira {
                    status,
                    until: park(ParkReason::NotJira, until).await?,
                }
            }
            Said::Forbidden => JiraError::Forbidden,
            Said::NotFound => JiraError::NotFound,
            Said::Status(status) => JiraError::Answered(status),
            Said::Nonsense => JiraError::Nonsense,
        })
    }

    /// Jira asks to wait: the tenant waits, or calls to it with this method, or all writes to any Jira until
    /// the hour. Says until when.
    async fn leave_alone(
        &self,
        about: &About<'_>,
        method: &Method,
        why: ParkReason,
        asked: Option<Seconds>,
    ) -> Result<Seconds, Error> {
        let tenant = about.tenant;
        let seconds = time_to_wait(asked, about.failures, &self.random);
        tracing::warn!(tenant = %tenant.client_key, %method, seconds, why = why.as_str(), "Jira asks to wait");
        let until = self.clock.now() + seconds;
        if why == ParkReason::GlobalQuota {
            let hour = self.quota.next_hour();
            self.writes.close_until(hour).await?;
            return Ok(until.max(hour));
        }
        let calls = Calls::meant(why, method);
        self.store
            .wait_for_tenant(tenant, calls, until, why)
            .await?;
        Ok(until)
    }
}

/// How long Jira is left alone that asks to wait: as long as it says, or else two seconds, doubling with
/// each failure to thirty (Atlassian's rate limiting page), up to 30 % more or less.
fn time_to_wait(asked: Option<Seconds>, failures: i64, random: &Random) -> Seconds {
    asked.unwrap_or_else(|| {
        let tenths = 7 + random.up_to(6);
        // Rounded up: a second early is early.
        ((2_i64 << failures.clamp(0, 4)).min(30) * tenths + 9) / 10
    })
}

/// How long a site is left alone where something else than Jira answers: five to ten seconds, doubling
/// with each failure up to a minute.
fn time_without_jira(failures: i64, random: &Random) -> Seconds {
    let least = (5_i64 << failures.clamp(0, 3)).min(30);
    least + random.up_to(least)
}

#[cfg(test)]
mod tests {
    use super::*;

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
