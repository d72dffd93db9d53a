//! What an operator is told: `latchkey doctor`, the summary of a minute, and how far Jira's quota reaches.

pub mod doctor;
pub mod forecast;
pub mod watch;
