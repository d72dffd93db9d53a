//! Latchkey: linking accounts from inside Jira.
//!
//! A person in Jira clicks Connect, logs in at the vendor's service, and comes back through Jira, which
//! says who they are; only then is anything linked. From then on an expiring API key stands in their
//! Jira user property and is renewed until they disconnect.
//!
//! The layers, from the lowest to the highest:
//!
//! | module | what it knows |
//! |---|---|
//! | [`clock`], [`random`], [`secret`], [`error`] | time, chance, what is never printed, what can go wrong |
//! | [`log`], [`signals`] | the lines on standard error; what ends the process |
//! | [`model`] | the nouns |
//! | [`grant`] | how long a grant lasts |
//! | [`events`], [`meters`] | security events; what this process counts and measures |
//! | [`limits`] | how often callers may do what costs something |
//! | [`outbound`], [`sites`] | how other servers are called; where a tenant may live |
//! | [`vault`], [`store`] | encryption at rest; the database |
//! | [`budget`] | what all replicas may ask of Jira and of the service |
//! | [`connect`], [`jira`], [`provider`], [`signing`], [`jwe`] | Atlassian's tokens, a tenant's Jira, the service, keys that Latchkey signs, keys sealed to a public key |
//! | [`moments`] | where a test can hold a renewal; nothing in a release |
//! | [`cleanup`], [`renewal`], [`linking`] | the verbs |
//! | [`worker`], [`web`] | the loops and the routes, which call the verbs |
//! | [`forecast`], [`figures`], [`watch`], [`doctor`] | what an operator is told |
//! | [`config`] | every setting; what the parts are built with |
//! | [`server`] | starts and stops server and worker |
//!
//! A module uses only modules above it in this table. Only this module, `main` and [`doctor`] use
//! [`config`].

mod app;
pub mod atlassian;
pub mod cleanup;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod error;
pub mod events;
pub mod figures;
pub mod forecast;
pub mod gate;
pub mod grant;
pub mod keys;
pub mod limits;
pub mod linking;
pub mod log;
pub mod meters;
pub mod model;
pub mod moments;
pub mod outbound;
pub mod parts;
pub mod proxies;
pub mod publishing;
pub mod random;
pub mod renewal;
pub mod secret;
pub mod server;
pub mod service;
mod settling;
pub mod signals;
pub mod sites;
pub mod store;
pub mod vault;
pub mod watch;
pub mod web;
pub mod worker;

pub use app::{App, Appearance};

use clock::Clock;
use config::Config;
use outbound::Outbound;
use random::Random;

/// What comes from outside the process and is passed in.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// The HTTP client.
    pub http: Outbound,
}

impl Outside {
    /// The real ones.
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn real(config: &Config) -> Result<Self, reqwest::Error> {
        Ok(Self {
            clock: moments::clock(),
            random: Random::system(),
            http: Outbound::new(config.allow_loopback_http)?,
        })
    }
}
