//! What an operator sees: `latchkey doctor`, the summary of each minute, and how many links Jira's quota is
//! enough for.

pub mod doctor;
pub mod forecast;
pub mod watch;
