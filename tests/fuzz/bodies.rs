//! What each fuzz target does with its bytes. Plain functions, so that every test run replays the corpora
//! (`tests/it/verifying.rs`); `scripts/fuzz` lets libFuzzer look for more.

mod discovery;
mod id_token;
mod install;
mod install_key;
mod jira;
pub mod jwt;
pub mod jwt_model;
mod minted;
pub mod qsh_model;
mod requests;
mod sealed;
mod service;
mod settings;
mod token_answer;

/// What is done with the bytes; a panic is a finding.
type Body = fn(&[u8]);

/// Name and body of each.
pub const TARGETS: &[(&str, Body)] = &[
    ("discovery", discovery::run),
    ("id_token", id_token::run),
    ("install", install::run),
    ("install_key", install_key::run),
    ("jira", jira::run),
    ("jwt", jwt::run),
    ("minted", minted::run),
    ("qsh", qsh_model::run),
    ("requests", requests::run),
    ("sealed", sealed::run),
    ("service", service::run),
    ("settings", settings::run),
    ("token_answer", token_answer::run),
];

/// Runs one of them.
///
/// # Panics
/// On a finding, and on a name that is no target.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, body) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("it is a target");
    body(bytes);
}
