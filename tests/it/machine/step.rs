//! What may happen next.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::sim::jira;
use crate::sim::service::{self, Endpoint, Kind, Rotation, ServiceOptions};

pub const SITES: [&str; 2] = ["acme", "globex"];
/// People of each site.
pub const PEOPLE: usize = 3;
/// Accounts at the service: fewer than people, so that some are shared.
pub const SUBJECTS: usize = 4;
/// How long a key lives, in seconds.
pub const LIFE: i64 = 3600;
/// The longest that anybody is asked to wait, in seconds, but for Jira's quota, which is for the hour.
const LONGEST_WAIT: u32 = 90;

/// Who: a number below `SITES.len() * PEOPLE`.
pub type Who = usize;
/// Which process; where there is one, always that.
pub type Which = usize;

#[derive(Clone, Debug)]
pub enum Step {
    /// Somebody links, to the same account as before or another.
    Link(Which, Who, usize),
    /// Somebody logs in at the service and goes no further; later they may.
    Prove(Which, Who, usize),
    Confirm(Which, Who),
    Unlink(Which, Who),
    RenewNow(Which, Who),
    /// Everybody's renewal is brought forward, and done.
    RenewAll(Which),
    /// The loops look round.
    Work(Which),
    Tidy(Which),
    /// Seconds go by.
    Pass(i64),
    Uninstall(Which, usize),
    Install(Which, usize),
    Disable(Which, usize),
    Enable(Which, usize),
    /// Somebody takes back at the service what they had granted.
    Withdraw(usize),
    /// An admin of the site takes the app's right away, or gives it back.
    Admin(usize, bool),
    /// The Forge app is installed on a site, perhaps beside that of Connect. This is what Forge calls first, if
    /// anything.
    Move(Which, usize, Option<Told>),
    /// The Forge app is installed there anew, and the installation before ends without a word.
    Reinstall(Which, usize, Option<Told>),
    /// Forge calls, or a page does.
    Tell(Which, usize, Told),
    /// From now on the schedule of Forge calls every hour, or not any more.
    Schedule(usize, bool),
    /// The system tokens of a site are not good any more.
    TakeBack(usize),
    /// Something that was over long ago is heard of only now.
    Late(Which, usize, Late),
    Service(ServiceFault, u32),
    Jira(JiraFault, Option<usize>, u32),
    /// All faults are over.
    Calm,
    /// A process is killed so many microseconds after it has begun with this, and another is started.
    Kill(Which, Deed, u64),
    /// A process sleeps, in the middle of renewals whose answers are held there.
    Pause(Which, Hold),
    /// Those who sleep wake up.
    Wake,
    /// A process is asked to stop (SIGTERM, SIGHUP), and another is started.
    Stop(Which),
    /// The database is in trouble for a moment, while answers arrive that were held there.
    Stress(Which, Stress, Hold),
    /// A backup is made.
    Backup,
    /// All processes stop, the backup is put back, and others start.
    Restore(Which),
    /// The product's clock is so many seconds ahead while a process works, and then right again.
    Ahead(Which, i64),
    /// Everything is well for long enough.
    Recover,
}

/// What is called of Forge's.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    Tick,
    TickWithoutToken,
    Lifecycle,
    Page,
    PageWithToken,
}

/// Calls of a door, or of an installation, that has nothing to say any more.
#[derive(Clone, Copy, Debug)]
pub enum Late {
    Installed,
    Uninstalled,
    Disabled,
    /// Of the installation before.
    Tick,
    Leaving,
}

/// What a process may be killed in.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    Nothing,
    Work,
    Tidy,
    Link(Who, usize),
    Unlink(Who),
    /// Forge calls, also for the first time.
    Tell(usize, Told),
    /// The app leaves a site, if it is of Forge.
    Leave(usize),
}

/// Where answers are held.
#[derive(Clone, Copy, Debug)]
pub enum Hold {
    Nowhere,
    AtTheService,
    InJira,
}

/// What is wrong with the database.
#[derive(Clone, Copy, Debug)]
pub enum Stress {
    /// It answers nothing; then it goes on, or its connections are cut.
    Frozen,
    /// A server that follows another; a disk that was made read-only after an error.
    ReadOnly,
    /// No space is left on its disk.
    Full,
}

#[derive(Clone, Copy, Debug)]
pub enum ServiceFault {
    Status(Endpoint, u16),
    /// 429, or 503 with a time to wait.
    Wait(u16, Option<u32>),
    CutBefore(Endpoint),
    CutAfter(Endpoint),
    Page(Endpoint),
    HalfAnswer,
    NoRefreshToken,
    Held,
    AnswerHeld,
    RefusesApp,
    RefusesRequest,
    /// Grants that have ended are refused in words of the service's own.
    OtherWords,
    Down,
}

#[derive(Clone, Copy, Debug)]
pub enum JiraFault {
    Status(u16),
    /// 429 with this reason.
    Wait(Option<&'static str>, Option<u32>),
    CutBefore,
    CutAfter,
    /// Applied, and yet 500.
    ApplyThenFail,
    Page,
    /// The whole site, with a page: it is suspended, or was renamed.
    SiteGone(u16),
    AnswerHeld,
    Down,
}

impl ServiceFault {
    pub fn fault(self, times: u32) -> service::Fault {
        let status = |code, headers: &[(&str, String)], body: &str| {
            let headers = headers.iter();
            let headers = headers.map(|(name, value)| ((*name).to_owned(), value.clone()));
            Kind::Status(code, headers.collect(), body.to_owned())
        };
        let (endpoint, kind) = match self {
            Self::Status(endpoint, code) => (endpoint, status(code, &[], "")),
            Self::Wait(code, seconds) => {
                let after = seconds.map(|seconds| ("retry-after", seconds.to_string()));
                (Endpoint::Token, status(code, after.as_slice(), ""))
            }
            Self::CutBefore(endpoint) => (endpoint, Kind::CutBefore),
            Self::CutAfter(endpoint) => (endpoint, Kind::CutAfter),
            Self::Page(endpoint) => (endpoint, Kind::Html200),
            Self::HalfAnswer => (Endpoint::Refresh, Kind::CutJson),
            Self::NoRefreshToken => (Endpoint::Refresh, Kind::NoRefreshToken),
            Self::Held => (Endpoint::Refresh, Kind::Held),
            Self::AnswerHeld => (Endpoint::Refresh, Kind::AnswerHeld),
            Self::RefusesApp => (Endpoint::Refresh, Kind::InvalidClient),
            Self::RefusesRequest => {
                let json = [("content-type", "application/json".to_owned())];
                let body = r#"{"error": "invalid_request"}"#;
                (Endpoint::Refresh, status(400, &json, body))
            }
            Self::OtherWords => (Endpoint::Refresh, Kind::DeadInOtherWords),
            Self::Down => (Endpoint::Any, Kind::Down),
        };
        service::Fault::times(endpoint, times, kind)
    }
}

impl JiraFault {
    pub fn fault(self, site: Option<usize>, times: u32) -> jira::Fault {
        use jira::{Fault, FaultKind};
        let site = site.map_or("", |site| SITES[site]);
        let fault = match self {
            Self::Status(code) => Fault::status(code),
            Self::Wait(reason, seconds) => {
                let seconds = seconds.map(|seconds| seconds.to_string());
                Fault::rate_limited(reason, seconds.as_deref())
            }
            Self::CutBefore => Fault::new(FaultKind::CutBefore),
            Self::CutAfter => Fault::new(FaultKind::CutAfter),
            Self::ApplyThenFail => Fault::new(FaultKind::ApplyThenFail(500)),
            Self::Page => Fault::new(FaultKind::Html200),
            Self::SiteGone(code) => Fault::new(FaultKind::Status {
                code,
                headers: vec![("content-type".to_owned(), "text/html".to_owned())],
                body: "<!doctype html><title>Page unavailable</title>".to_owned(),
            }),
            Self::AnswerHeld => Fault::new(FaultKind::AnswerHeld),
            Self::Down => Fault::down(""),
        };
        let fault = Fault {
            times: (times != u32::MAX).then_some(times),
            ..fault
        };
        // So that it is known how many calls are made by whoever waits.
        let method = match self {
            Self::AnswerHeld => "PUT",
            _ => "",
        };
        fault.on(method, "/rest/*").at(site)
    }
}

/// What kind of service and how many processes a seed has.
pub struct Kit {
    pub service: ServiceOptions,
    pub mints: bool,
    pub processes: usize,
    /// Whether the property in Jira holds a handle, which no renewal changes, and programs get the key from the app.
    pub handles: bool,
    /// Which sites come by Forge from the start.
    pub forge: [bool; SITES.len()],
}

impl Kit {
    pub fn of(rotation: Rotation, processes: usize) -> Self {
        let life = Duration::from_secs(LIFE.unsigned_abs());
        Self {
            service: ServiceOptions {
                rotation,
                access_token_life: life,
                api_key_life: life,
                ..ServiceOptions::default()
            },
            mints: false,
            processes,
            handles: false,
            forge: [false; SITES.len()],
        }
    }
}

pub struct Dice(StdRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub fn kit(&mut self) -> Kit {
        let rotation = self.of(&[
            Rotation::Strict,
            Rotation::Strict,
            Rotation::None,
            Rotation::Grace(Duration::from_secs(60)),
            Rotation::UntilFirstUse,
        ]);
        // Not `RevocationReach::Account`: between the proof of who somebody is and their confirmation, what
        // is still to be revoked of the same account ends their new grant there.
        let processes = 1 + self.below(3).min(1);
        let mut kit = Kit::of(rotation, processes);
        kit.mints = self.below(4) == 0;
        kit.forge = SITES.map(|_| self.below(3) == 0);
        kit
    }

    /// Whether a seed has handles: a third of all. From dice of its own, so that its steps do not depend on it.
    pub fn handles(seed: u64) -> bool {
        Self::new(!seed).below(3) == 0
    }

    fn told(&mut self) -> Told {
        self.of(&[
            Told::Tick,
            Told::Tick,
            Told::TickWithoutToken,
            Told::Lifecycle,
            Told::Page,
            Told::PageWithToken,
        ])
    }

    pub fn steps(&mut self, count: usize) -> Vec<Step> {
        let mut steps = Vec::with_capacity(count);
        while steps.len() < count {
            let step = self.step();
            steps.push(step.clone());
            if let Step::Reinstall(which, site, _) = step {
                // What the installation before has sent is not long on its way.
                let late = self.of(&[None, Some(Late::Tick), Some(Late::Leaving)]);
                steps.extend(late.map(|late| Step::Late(which, site, late)));
            }
        }
        steps.truncate(count);
        steps
    }

    fn step(&mut self) -> Step {
        let which = self.below(2);
        let who = self.below(SITES.len() * PEOPLE);
        let subject = self.below(SUBJECTS);
        let site = self.below(SITES.len());
        match self.below(240) {
            0..18 => Step::Link(which, who, subject),
            18..21 => Step::Prove(which, who, subject),
            21..24 => Step::Confirm(which, who),
            24..30 => Step::Unlink(which, who),
            30..36 => Step::RenewNow(which, who),
            36..44 => Step::RenewAll(which),
            44..82 => Step::Work(which),
            82..97 => Step::Tidy(which),
            97..137 => {
                let most = self.of(&[3, 20, 50, 100, 400, LIFE / 2, LIFE, 3 * LIFE, 48 * 3600]);
                Step::Pass(1 + i64::try_from(self.below(most as usize)).unwrap_or(0))
            }
            137..139 => Step::Uninstall(which, site),
            139..144 => Step::Install(which, site),
            144 => Step::Disable(which, site),
            145..148 => Step::Enable(which, site),
            148 => Step::Withdraw(subject),
            149 => Step::Admin(site, false),
            150..152 => Step::Admin(site, true),
            152..164 => Step::Service(self.service_fault(), self.times()),
            164..174 => {
                let site = self.of(&[None, Some(0), Some(1)]);
                Step::Jira(self.jira_fault(), site, self.times())
            }
            174..182 => Step::Calm,
            182..190 => {
                let deed = match self.below(8) {
                    0 => Deed::Nothing,
                    1 => Deed::Tidy,
                    2 => Deed::Link(who, subject),
                    3 => Deed::Unlink(who),
                    4 => Deed::Tell(site, self.told()),
                    5 => Deed::Leave(site),
                    _ => Deed::Work,
                };
                Step::Kill(which, deed, self.below(6000) as u64)
            }
            190..196 => {
                let holds = [
                    Hold::Nowhere,
                    Hold::AtTheService,
                    Hold::AtTheService,
                    Hold::InJira,
                ];
                Step::Pause(which, self.of(&holds))
            }
            196..199 => Step::Wake,
            199 => Step::Recover,
            200..202 => Step::Stop(which),
            202..206 => {
                let stress = [Stress::Frozen, Stress::ReadOnly, Stress::Full];
                let holds = [Hold::Nowhere, Hold::AtTheService, Hold::InJira];
                Step::Stress(which, self.of(&stress), self.of(&holds))
            }
            206 => Step::Backup,
            207 => Step::Restore(which),
            208..210 => Step::Ahead(which, self.of(&[120, 900, 3600])),
            210..218 => Step::Tell(which, site, self.told()),
            218..221 => Step::Schedule(site, false),
            221..226 => Step::Schedule(site, true),
            226..228 => Step::TakeBack(site),
            228..231 => {
                let told = self.told();
                Step::Move(which, site, self.of(&[None, Some(told), Some(told)]))
            }
            231..233 => {
                let told = self.told();
                Step::Reinstall(which, site, self.of(&[None, Some(told)]))
            }
            _ => {
                let late = [
                    Late::Installed,
                    Late::Uninstalled,
                    Late::Disabled,
                    Late::Tick,
                    Late::Leaving,
                ];
                Step::Late(which, site, self.of(&late))
            }
        }
    }

    fn times(&mut self) -> u32 {
        self.of(&[1, 1, 2, 3, u32::MAX])
    }

    fn service_fault(&mut self) -> ServiceFault {
        let endpoint = self.of(&[
            Endpoint::Refresh,
            Endpoint::Refresh,
            Endpoint::Refresh,
            Endpoint::Revoke,
            Endpoint::Discovery,
            Endpoint::Keys,
        ]);
        match self.below(16) {
            0 | 1 => ServiceFault::Status(endpoint, self.of(&[500, 502, 503])),
            2 => ServiceFault::Wait(429, None),
            3 => ServiceFault::Wait(self.of(&[429, 503]), Some(1 + self.seconds())),
            4 => ServiceFault::CutBefore(endpoint),
            5 | 6 => ServiceFault::CutAfter(endpoint),
            // An answer to a revocation has no content that says anything (RFC 7009, section 2.2).
            7 if endpoint != Endpoint::Revoke => ServiceFault::Page(endpoint),
            7 => ServiceFault::CutBefore(endpoint),
            8 => ServiceFault::HalfAnswer,
            9 => ServiceFault::NoRefreshToken,
            10 => ServiceFault::Held,
            11..=13 => ServiceFault::AnswerHeld,
            14 => self.of(&[
                ServiceFault::RefusesApp,
                ServiceFault::RefusesRequest,
                ServiceFault::OtherWords,
            ]),
            _ => ServiceFault::Down,
        }
    }

    fn jira_fault(&mut self) -> JiraFault {
        match self.below(14) {
            0 => JiraFault::Status(self.of(&[500, 502, 503])),
            1 => JiraFault::Status(self.of(&[401, 403])),
            2 => JiraFault::Wait(None, None),
            3 => {
                let reason = self.of(&["jira-burst-based", "jira-quota-tenant-based"]);
                JiraFault::Wait(Some(reason), Some(1 + self.seconds()))
            }
            4 => JiraFault::Wait(Some("jira-quota-global-based"), None),
            5 => JiraFault::CutBefore,
            6 => JiraFault::CutAfter,
            7 => JiraFault::ApplyThenFail,
            8 => JiraFault::Page,
            9..=11 => JiraFault::AnswerHeld,
            12 => JiraFault::SiteGone(self.of(&[404, 410])),
            _ => JiraFault::Down,
        }
    }

    fn seconds(&mut self) -> u32 {
        u32::try_from(self.below(LONGEST_WAIT as usize)).unwrap_or(0)
    }
}
