//! The one path to a tenant's Jira.
//!
//! A caller names the tenant, the person, the purpose and the method. The path then checks the waits that
//! Jira asked for, takes points of the quota and a place within the rate limit, signs, sends, and obeys what
//! the answer says about waiting. So no caller can leave a step out.
//!
//! Writing another person's property needs the global permission Administer Jira. App users usually hold it,
//! and an admin can take it away. So 403 is expected: the same call is then made as the person, who needs no
//! permission for their own properties. The tenant's row remembers which way worked. Tokens travel in the
//! `Authorization` header only.

pub mod accounts;
pub mod answer;
pub mod bursts;
mod door;
pub mod quota;
pub mod spare;

use http::{Method, StatusCode};
use serde_json::json;

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::gate::SharedGate;
use crate::model::{
    AccountId, CloudId, Door, ForgeDoor, Group, LARGEST_PROPERTY, Link, ParkReason, Person, Power,
    Property, Purpose, Tenant,
};
use crate::outbound::{Answer, Failure, Outbound, SIZE_LIMIT, encode};
use crate::random::Random;
use crate::secret::fingerprint;
use crate::store::{Calls, Store};

use super::connect::Signer;
use super::{Admin, Viewer, site};
use answer::{
    Said, is_near_limit, judge, read_administers, read_generation, read_groups, read_person,
};
use bursts::Bursts;
use door::{Authority, Doorway, Pass};

pub use door::ActingToken;
use quota::{JiraLimits, Quota};
use spare::Spare;

/// How long, in seconds, a tenant is not called whose Jira refuses the app's tokens or its address. The next
/// call finds out whether it still does.
const PARKED: Seconds = 60;
/// How long after an installation of the Forge app refusals pass by themselves, in seconds.
const SETTLES_WITHIN: Seconds = 600;

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
    spare: Spare,
    /// Closed while the quota of all tenants is used up.
    writes: SharedGate,
    impersonation_url: String,
    /// Where Forge tenants are called.
    api_url: String,
    property_key: String,
}

/// What a call is about.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// The tenant whose Jira is called.
    pub tenant: &'a Tenant,
    /// The person whom the call concerns.
    pub account: &'a AccountId,
    /// The purpose, which decides how much of the quota the call may use.
    pub purpose: Purpose,
    /// Failures in a row. When Jira does not say how long to wait, the wait doubles with each.
    pub failures: i64,
}

/// Why a call did not succeed. `until` is when Jira may be called again.
#[derive(Debug, thiserror::Error)]
pub enum JiraError {
    /// An earlier answer forbids calls for now. Nothing was sent.
    #[error("Jira is not called for now ({})", why.as_str())]
    Resting {
        /// Until when.
        until: Seconds,
        /// The reason.
        why: ParkReason,
    },
    /// The app's points for this hour, or this purpose's share of them, are used up. Nothing was sent.
    #[error("Jira's points are used up until the hour")]
    UsedUp {
        /// When the next hour begins.
        until: Seconds,
    },
    /// 429 or 503 with a time to wait.
    #[error("Jira asks to wait ({})", why.as_str())]
    Wait {
        /// Until when.
        until: Seconds,
        /// The reason, which decides which calls wait.
        why: ParkReason,
    },
    /// 401, even after signing again.
    #[error("Jira does not accept the app's token")]
    Unauthorized {
        /// Until when.
        until: Seconds,
    },
    /// 403 because of the caller's address: the site's IP allowlist, which blocks every call alike.
    #[error("the site's IP allowlist does not include the address of this app")]
    IpAllowlist {
        /// Until when.
        until: Seconds,
    },
    /// A page, a proxy, or a site that is suspended, renamed or being moved answered instead of Jira's REST
    /// API. The answer says nothing about the person.
    #[error("something other than Jira answered {status}")]
    NotJira {
        /// The answer's status.
        status: StatusCode,
        /// Until when.
        until: Seconds,
    },
    /// 403 as the app and as the person.
    #[error("Jira forbids it")]
    Forbidden,
    /// 404 from Jira itself: the person left or never existed.
    #[error("Jira does not know the person")]
    NotFound,
    /// Any other answer.
    #[error("Jira answered {0}")]
    Answered(StatusCode),
    /// No answer. The call may have been carried out.
    #[error("Jira does not answer: {0}")]
    NoAnswer(#[from] Failure),
    /// The value has more bytes than a user property may have. Nothing was sent.
    #[error("the property would have {size} bytes, and Jira takes {LARGEST_PROPERTY}")]
    TooLarge {
        /// How many bytes it has.
        size: usize,
    },
    /// Jira's answer cannot be understood.
    #[error("Jira's answer cannot be understood")]
    Nonsense,
    /// The store failed: nothing was sent, or the outcome could not be stored.
    #[error("{0}")]
    Store(#[from] Error),
}

/// Why one request did not succeed, before the outcome is stored.
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

/// Where Jira is asked what somebody may do.
const PERMISSIONS: &str = "/rest/api/3/permissions/check";

impl Request<'_> {
    /// Whether it only asks.
    fn asks(&self) -> bool {
        self.method == Method::GET || self.path == PERMISSIONS
    }
}

impl Jira {
    /// Calls that `signer` signs. `property_key` names the user property.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different part, and this is called once"
    )]
    pub fn new(
        http: Outbound,
        signer: Signer,
        clock: Clock,
        random: Random,
        store: Store,
        limits: JiraLimits,
        impersonation_url: String,
        api_url: String,
        property_key: String,
    ) -> Self {
        Self {
            http,
            signer,
            quota: Quota::new(limits, store.clone(), clock.clone()),
            bursts: Bursts::new(&limits, clock.clone()),
            spare: Spare::default(),
            writes: SharedGate::of_jira(store.clone(), clock.clone()),
            clock,
            random,
            store,
            impersonation_url,
            api_url,
            property_key,
        }
    }

    /// The points that all replicas took in this hour, and the limits.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// The places for calls that no key waits for.
    #[must_use]
    pub fn spare(&self) -> &Spare {
        &self.spare
    }

    /// The gate for all writes.
    #[must_use]
    pub fn writes(&self) -> &SharedGate {
        &self.writes
    }

    /// Asks a tenant's site for its cloud id, by which it will be recognised as a site of Forge. Costs no points.
    ///
    /// # Errors
    /// [`Error::JiraUnreachable`] if it names none.
    pub async fn cloud_id(&self, tenant: &Tenant) -> Result<CloudId, Error> {
        site::cloud_id(&self.http, &tenant.base_url).await
    }

    /// Writes the user property.
    ///
    /// # Errors
    /// [`JiraError`], as for every call here.
    pub async fn put_property(
        &self,
        about: &About<'_>,
        value: &Property<'_>,
    ) -> Result<(), JiraError> {
        let body = serde_json::to_vec(value).map_err(|_| JiraError::Nonsense)?;
        if body.len() > LARGEST_PROPERTY {
            return Err(JiraError::TooLarge { size: body.len() });
        }
        let path = self.property_path();
        self.call(about, Method::PUT, &path, Some(body)).await?;
        Ok(())
    }

    /// Tells a handle from every other one, and from the same one at another place: at another address of the site,
    /// under another key of the property, of another person or installation.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which only a bug can cause.
    pub fn fingerprint(
        &self,
        site: &str,
        link: &Link,
        handle: &Property<'_>,
    ) -> Result<String, Error> {
        let value = serde_json::to_string(handle);
        let value = value.map_err(|error| Error::Internal(error.to_string()))?;
        // None of these contains a line break; JSON writes it as `\n`.
        let installation = link.installation.to_string();
        let account = link.account_id.as_str();
        let all = [site, &self.property_key, &installation, account, &value].join("\n");
        Ok(fingerprint(&all))
    }

    /// Deletes the user property. A property that does not exist counts as deleted.
    pub async fn delete_property(&self, about: &About<'_>) -> Result<(), JiraError> {
        let path = self.property_path();
        match self.call(about, Method::DELETE, &path, None).await {
            Ok(_) | Err(JiraError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads the generation in the user property. None if there is no property, or it was not written by Latchkey.
    pub async fn generation(&self, about: &About<'_>) -> Result<Option<i64>, JiraError> {
        let path = self.property_path();
        match self.call(about, Method::GET, &path, None).await {
            Ok(answer) => Ok(read_generation(&answer.body)),
            Err(JiraError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a person's account type and name. That they are there is recorded; if Jira said earlier that they
    /// were gone, that is forgotten.
    pub async fn person(&self, about: &About<'_>) -> Result<Person, JiraError> {
        let path = "/rest/api/3/user";
        let answer = self.call(about, Method::GET, path, None).await?;
        let person = read_person(&answer.body, about.account).ok_or(JiraError::Nonsense)?;
        if person.active {
            self.store
                .person_is_there(about.tenant, about.account, self.clock.now())
                .await?;
        }
        Ok(person)
    }

    /// Asks Jira whether a person may administer their site (the global permission `ADMINISTER`). None if they may
    /// not, or if Jira says neither to the app nor to the app as this person that they may.
    pub async fn admin(&self, viewer: &Viewer) -> Result<Option<Admin>, JiraError> {
        let about = About {
            tenant: viewer.tenant(),
            account: viewer.account(),
            purpose: Purpose::Person,
            failures: 0,
        };
        let question = json!({
            "accountId": about.account.as_str(),
            "globalPermissions": ["ADMINISTER"],
            "projectPermissions": [],
        });
        let request = Request {
            method: Method::POST,
            path: PERMISSIONS,
            query: String::new(),
            body: Some(question.to_string().into_bytes()),
        };
        match self.make(&about, request).await {
            Ok(answer) => {
                let granted = read_administers(&answer.body).ok_or(JiraError::Nonsense)?;
                Ok(granted.then(|| Admin::new(viewer.clone())))
            }
            Err(JiraError::Forbidden | JiraError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A token with which another program may call this Jira as a person. Takes no points: what is done with it does.
    pub async fn act_as(&self, about: &About<'_>, power: Power) -> Result<ActingToken, JiraError> {
        self.may_be_called(about.tenant, &Method::GET)?;
        let doorway = self.doorway(about.tenant);
        match doorway.token_of_person(about.account, power).await {
            Ok(token) => Ok(token),
            Err(unsuccessful) => {
                let request = Request {
                    method: Method::GET,
                    path: "",
                    query: String::new(),
                    body: None,
                };
                Err(self.learn(about, &request, unsuccessful).await?)
            }
        }
    }

    /// Where a tenant's REST API is called, without a trailing slash.
    #[must_use]
    pub fn api_base_url(&self, tenant: &Tenant) -> String {
        self.doorway(tenant).base()
    }

    /// Reads the groups that a person is a member of.
    pub async fn groups(&self, about: &About<'_>) -> Result<Vec<Group>, JiraError> {
        let path = "/rest/api/3/user/groups";
        let answer = self.call(about, Method::GET, path, None).await?;
        read_groups(&answer.body).ok_or(JiraError::Nonsense)
    }

    fn property_path(&self) -> String {
        format!("/rest/api/3/user/properties/{}", encode(&self.property_key))
    }

    /// Makes one call about a person.
    async fn call(
        &self,
        about: &About<'_>,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, JiraError> {
        let request = Request {
            method,
            path,
            query: format!("accountId={}", encode(about.account.as_str())),
            body,
        };
        self.make(about, request).await
    }

    /// Makes one call, step by step.
    async fn make(&self, about: &About<'_>, request: Request<'_>) -> Result<Answer, JiraError> {
        self.may_be_called(about.tenant, &request.method)?;
        match self.by_either_authority(about, &request).await {
            Ok((authority, answer)) => {
                self.remember(about.tenant, &request, authority).await?;
                Ok(answer)
            }
            Err(unsuccessful) => Err(self.learn(about, &request, unsuccessful).await?),
        }
    }

    /// Checks that no earlier answer of Jira forbids a call with this method now.
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

    /// Calls as the app and, if Jira forbids that, as the person; in the reverse order if that worked last
    /// time.
    async fn by_either_authority(
        &self,
        about: &About<'_>,
        request: &Request<'_>,
    ) -> Result<(Authority, Answer), Unsuccessful> {
        let as_app = async |tenant: &Tenant| {
            let pass = self.doorway(tenant).as_app(request)?;
            self.send(about.tenant, about.purpose, request, pass).await
        };
        let as_person = async |tenant: &Tenant| {
            let pass = self.doorway(tenant).as_person(about.account).await?;
            self.send(about.tenant, about.purpose, request, pass).await
        };
        let now = about.tenant;
        if !now.acts_as_user {
            let mut answer = as_app(now).await;
            if matches!(answer, Err(Unsuccessful::Said(Said::Unauthorized))) {
                // Signed again, in case the clock or the token was at fault.
                answer = as_app(&self.still_there(now).await?).await;
            }
            return match answer {
                Err(Unsuccessful::Said(Said::Forbidden)) => {
                    let answer = as_person(&self.still_there(now).await?).await?;
                    Ok((Authority::Person, answer))
                }
                answer => answer.map(|answer| (Authority::App, answer)),
            };
        }
        match as_person(now).await {
            // An admin may have given the app its permission back.
            Err(Unsuccessful::Said(Said::Forbidden | Said::Unauthorized)) => {
                let answer = as_app(&self.still_there(now).await?).await?;
                Ok((Authority::App, answer))
            }
            answer => answer.map(|answer| (Authority::Person, answer)),
        }
    }

    fn doorway<'a>(&'a self, tenant: &'a Tenant) -> Doorway<'a> {
        Doorway { jira: self, tenant }
    }

    /// The tenant as it is now, for another request of the same call: while the first was running, the app may have
    /// been uninstalled or disabled, or have got a new secret.
    async fn still_there(&self, tenant: &Tenant) -> Result<Tenant, Unsuccessful> {
        let now = self
            .store
            .still_installed(&tenant.client_key, tenant.installation);
        let now = now.await?.filter(|now| now.enabled);
        now.ok_or(Unsuccessful::Said(Said::Unauthorized))
    }

    /// Sends one request, and judges the answer.
    async fn send(
        &self,
        tenant: &Tenant,
        purpose: Purpose,
        request: &Request<'_>,
        pass: Pass,
    ) -> Result<Answer, Unsuccessful> {
        let answer = self.ask(tenant, purpose, request, pass).await?;
        Ok(judge(answer, self.clock.now())?)
    }

    /// Takes points for one request, waits for its place, and sends it.
    async fn ask(
        &self,
        tenant: &Tenant,
        purpose: Purpose,
        request: &Request<'_>,
        pass: Pass,
    ) -> Result<Answer, Unsuccessful> {
        // The points that Jira charges.
        let points = if request.asks() { 3 } else { 1 };
        let Request {
            method,
            path,
            query,
            body,
        } = request;
        if !self.quota.pay(purpose, points).await? {
            return Err(Unsuccessful::UsedUp);
        }
        let tenant = &tenant.client_key;
        let place = self.bursts.place(tenant, method, purpose);
        tokio::time::sleep(place).await;
        let Pass {
            base,
            authorization,
        } = pass;
        let url = match query.as_str() {
            "" => format!("{base}{path}"),
            query => format!("{base}{path}?{query}"),
        };
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
        Ok(answer)
    }

    /// Stores by which authority a write succeeded, if that changed.
    async fn remember(
        &self,
        tenant: &Tenant,
        request: &Request<'_>,
        authority: Authority,
    ) -> Result<(), Error> {
        // What was shared with Connect is of no use any more.
        if request.method == Method::PUT && has_moved(tenant, self.clock.now()) {
            let now = self.clock.now();
            self.store.forget_shared_secret(tenant, now).await?;
        }
        let as_person = authority == Authority::Person;
        if request.method == Method::PUT && as_person != tenant.acts_as_user {
            self.store.remember_acts_as_user(tenant, as_person).await?;
        }
        Ok(())
    }

    /// Makes all replicas obey what an answer says about waiting.
    ///
    /// When a write fails because of the site, every call would, so the tenant waits. A person can cause
    /// reads at any time, so a failed read makes the tenant wait only if Jira asks for it.
    async fn learn(
        &self,
        about: &About<'_>,
        request: &Request<'_>,
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
        if has_just_come(about.tenant, now) && matches!(said, Said::Unauthorized | Said::Forbidden)
        {
            let until = now + PARKED;
            return Ok(JiraError::Unauthorized { until });
        }
        let park = async |why, until| {
            if request.asks() {
                return Ok(now);
            }
            let tenant = about.tenant;
            let wait = self.store.wait_for_tenant(tenant, Calls::Any, until, why);
            wait.await.map(|()| until)
        };
        Ok(match said {
            Said::Wait { asked, why } => JiraError::Wait {
                until: self
                    .leave_alone(about.tenant, about.failures, &request.method, why, asked)
                    .await?,
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
            Said::NoSystemToken => JiraError::Resting {
                until: park(ParkReason::NoSystemToken, now + PARKED).await?,
                why: ParkReason::NoSystemToken,
            },
            Said::Forbidden => JiraError::Forbidden,
            Said::NotFound => JiraError::NotFound,
            Said::Status(status) => JiraError::Answered(status),
            Said::Nonsense => JiraError::Nonsense,
        })
    }

    /// Jira asks to wait: the tenant waits, or calls to it with this method do, or all writes to any Jira
    /// wait, until the hour if Jira does not say how long. Returns until when.
    async fn leave_alone(
        &self,
        tenant: &Tenant,
        failures: i64,
        method: &Method,
        why: ParkReason,
        asked: Option<Seconds>,
    ) -> Result<Seconds, Error> {
        let seconds = time_to_wait(asked, failures, &self.random);
        tracing::warn!(tenant = %tenant.client_key, %method, seconds, why = why.as_str(), "Jira asks to wait");
        let until = self.clock.now() + seconds;
        if why == ParkReason::GlobalQuota {
            // The quota is that of an hour, and Jira knows better than the clock when it ends.
            let until = asked.map_or_else(|| self.quota.next_hour(), |_| until);
            self.writes.close_until(until).await?;
            return Ok(until);
        }
        let calls = Calls::meant(why, method);
        self.store
            .wait_for_tenant(tenant, calls, until, why)
            .await?;
        Ok(until)
    }
}

/// Whether a tenant of Connect was called through Forge.
fn has_moved(tenant: &Tenant, now: Seconds) -> bool {
    match &tenant.door {
        Door::Forge(ForgeDoor {
            system_token: Some(token),
            before: Some(_),
            ..
        }) => token.ends_at > now,
        _ => false,
    }
}

/// Whether an installation of the Forge app is so new that Jira may not know what it may do.
fn has_just_come(tenant: &Tenant, now: Seconds) -> bool {
    matches!(&tenant.door, Door::Forge(door) if now - door.since < SETTLES_WITHIN)
}

/// How long to wait when Jira asks for it: as long as it says. If it does not say, two seconds, doubling with
/// each failure up to thirty (Atlassian's rate limiting page), with up to 30 % jitter.
fn time_to_wait(asked: Option<Seconds>, failures: i64, random: &Random) -> Seconds {
    asked.unwrap_or_else(|| {
        let tenths = 7 + random.up_to(6);
        // Rounded up, so that the wait is never too short.
        ((2_i64 << failures.clamp(0, 4)).min(30) * tenths + 9) / 10
    })
}

/// How long a site is not called after something other than Jira answered: five to ten seconds, doubling with
/// each failure up to a minute.
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
    fn waits_of_unstated_length_double_from_two_seconds_to_thirty() {
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
