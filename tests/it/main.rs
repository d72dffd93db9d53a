//! The stories: one test binary that drives Latchkey through its public addresses, against a simulated
//! Jira Cloud and a simulated service, real providers, both databases and real browsers.

mod accounts;
mod ahead;
mod answering;
mod bound;
mod browser;
mod browsing;
mod child;
mod clicking;
mod crashing;
mod cut;
mod database;
mod faults;
mod fitting;
mod flooding;
#[path = "../fuzz/bodies.rs"]
mod fuzz;
mod gone;
mod grants;
mod growing;
mod installing;
mod kept;
mod known;
mod limits;
mod linking;
mod links;
mod logs;
mod machine;
mod minted;
mod moments;
mod mutations;
mod order;
mod pooled;
mod postgres;
mod proving;
mod real_providers;
mod refusals;
mod renewing;
mod replicas;
mod returning;
mod rotating;
mod scale;
mod scene;
mod second;
mod secrets;
mod services;
mod signals;
mod silent;
#[path = "../sim/mod.rs"]
mod sim;
mod starting;
mod storage;
mod telling;
mod unwritable;
mod verifying;
mod watching;
