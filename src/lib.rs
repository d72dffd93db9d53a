//! Latchkey: linking accounts from inside Jira.
//!
//! A person in Jira clicks Connect, logs in at the vendor's service, and comes back through Jira, which
//! says who they are; only then is anything linked. From then on an expiring API key stands in their
//! Jira user property and is renewed until they disconnect.
//!
//! The map, from what is used to who uses it:
//!
//! | module | what it knows |
//! |---|---|
//! | [`clock`], [`random`], [`secret`], [`error`], [`config`] | time, chance, what is never printed, what can go wrong, the settings |
//! | [`log`], [`signals`] | the lines on standard error; what ends the process |
//! | [`model`] | the nouns |
//! | [`grant`] | how long a grant lasts |
//! | [`events`] | what an operator should know about attacks |
//! | [`limits`] | how often anybody may do what costs something |
//! | [`outbound`], [`sites`] | how any other server is called; where a tenant may live |
//! | [`vault`], [`store`], [`jwe`] | what is kept, and sealed; what is sealed to somebody else |
//! | [`budget`], [`forecast`] | what all replicas may ask of Jira and of the service, and how far it goes |
//! | [`figures`] | what this process counts and measures |
//! | [`connect`], [`jira`], [`provider`], [`signing`] | Atlassian's tokens, a tenant's Jira, the service, keys that are signed here |
//! | [`moments`] | where a test can hold a renewal; nothing in a release |
//! | [`cleanup`], [`renewal`], [`linking`] | the verbs |
//! | [`worker`], [`web`] | who calls them: the loop and the routes |
//! | [`watch`], [`doctor`] | what an operator is told, unasked and asked |
//! | [`server`] | starts and stops both |
//!
//! Use points upwards in this table only.

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
