//! The stories: one test binary that drives Latchkey through its public addresses, against a simulated
//! Jira Cloud and a simulated service, a real OpenID provider, both databases and real browsers.

mod browser;
mod child;
mod linking;
mod logs;
mod oidc_provider;
mod postgres;
mod scene;
#[path = "../sim/mod.rs"]
mod sim;
