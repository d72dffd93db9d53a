//! Latchkey: linking accounts from inside Jira.
//!
//! A person in Jira clicks Connect, logs in at the vendor's service, and returns through Jira, which says who
//! they are; only then are the accounts linked. From then on their Jira user property holds an expiring API
//! key, which is renewed until they disconnect.
//!
//! The map, from the modules that are used to those that use them. A module uses only modules of its own row
//! and of rows above it, without circles; a test checks that.
//!
//! | module | what it does |
//! |---|---|
//! | [`clock`], [`random`], [`secret`], [`names`], [`lenient`], [`words`], [`error`], [`log`], [`spans`], [`process`] | time, random numbers, secrets that are never printed, names that show something, JSON that is read whatever surrounds it, every text that a person reads, errors, the lines on standard error, the spans of traces, what the system says of this process |
//! | [`model`], [`grant`], [`moments`] | the nouns; how long a grant lasts; where a test can hold a renewal |
//! | [`events`], [`meters`], [`limits`] | security events; metrics of this process; how often callers may do what costs something |
//! | [`outbound`], [`otlp`], [`listen`], [`sites`], [`proxies`], [`vault`] | calls to other servers; traces and metrics for a collector; where this one listens; the hosts that tenants may have; trusted proxies; encryption at rest |
//! | [`store`], [`key_set`] | the database; the public keys of another server |
//! | [`gate`], [`figures`] | a gate that all replicas share; metrics from the database |
//! | [`atlassian`], [`service`], [`keys`], [`webhooks`] | Atlassian's tokens and a tenant's Jira; the service; signed API keys and the form of a key in Jira; messages to the vendor's receiver |
//! | [`parts`], `settling`, [`publishing`] | what the verbs share; how a renewal ends; how a key gets into Jira |
//! | [`linking`], [`administering`], [`renewal`], [`cleanup`], [`lost`], [`reporting`] | the verbs |
//! | [`worker`] | the loops that call them |
//! | [`config`], [`App`] | every setting; the parts, built from them |
//! | [`web`], [`operate`] | the routes; reports for an operator |
//! | [`server`] | starts and stops all of it |

pub mod administering;
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
pub mod key_set;
pub mod keys;
pub mod lenient;
pub mod limits;
pub mod linking;
pub mod listen;
pub mod log;
pub mod lost;
pub mod meters;
pub mod model;
pub mod moments;
pub mod names;
pub mod operate;
pub mod otlp;
pub mod outbound;
pub mod parts;
pub mod process;
pub mod proxies;
pub mod publishing;
pub mod random;
pub mod renewal;
pub mod reporting;
pub mod secret;
pub mod server;
pub mod service;
mod settling;
pub mod sites;
pub mod spans;
pub mod store;
pub mod vault;
pub mod vendor;
pub mod web;
pub mod webhooks;
pub mod words;
pub mod worker;

pub use app::{App, Appearance, Outside};
