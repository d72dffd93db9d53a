//! What an operator sees: `latchkey init`, `latchkey doctor`, `latchkey healthy`, `latchkey accounts report`, the summary of each
//! minute, the metrics, and how many links Jira's quota is enough for.

pub mod accounts;
pub mod doctor;
pub mod forecast;
pub mod gathering;
pub mod healthy;
pub mod init;
pub mod telemetry;
pub mod watch;
