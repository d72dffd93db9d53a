//! Latchkey: linking accounts from inside Jira.
//!
//! A person in Jira clicks Connect, logs in at the vendor's service, and comes back through Jira, which
//! says who they are; only then is anything linked. From then on an expiring API key stands in their
//! Jira user property and is renewed until they disconnect.
//!
//! The map, from what is used to who uses it. A module uses only its own row and those above, which a test
//! holds; nothing goes round in a circle.
//!
//! | module | what it knows |
//! |---|---|
//! | [`clock`], [`random`], [`secret`], [`error`], [`log`] | time, chance, what is never printed, what can go wrong, the lines on standard error |
//! | [`model`], [`grant`], [`moments`] | the nouns; how long a grant lasts; where a test can hold a renewal |
//! | [`events`], [`meters`], [`limits`] | security events; what this process counts; how often callers may do what costs something |
//! | [`outbound`], [`sites`], [`proxies`], [`vault`] | how other servers are called; where a tenant may live; who is believed about addresses; encryption at rest |
//! | [`store`] | the database |
//! | [`gate`], [`figures`] | a gate that all replicas share; what is counted in the database |
//! | [`atlassian`], [`service`], [`keys`] | Atlassian's tokens and a tenant's Jira; the service; the API keys that are made here |
//! | [`parts`], `settling`, [`publishing`] | what the verbs work with; how a renewal ends; how a key gets into Jira |
//! | [`linking`], [`renewal`], [`cleanup`] | the verbs |
//! | [`worker`] | the loops that call them |
//! | [`config`], [`App`] | every setting; the parts, put together from them |
//! | [`web`], [`operate`] | the routes; what an operator is told |
//! | [`server`] | starts and stops all of it |

mod app;
pub mod atlassian;
pub mod cleanup;
pub mod clock;
pub mod config;
pub mod error;
pub mod events;
pub mod figures;
pub mod gate;
pub mod grant;
pub mod keys;
pub mod limits;
pub mod linking;
pub mod log;
pub mod meters;
pub mod model;
pub mod moments;
pub mod operate;
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
pub mod sites;
pub mod store;
pub mod vault;
pub mod web;
pub mod worker;

pub use app::{App, Appearance, Outside};
