//! Everything that knows Atlassian: verification of what it sends, and calls to a tenant's Jira.

pub mod connect;
pub mod forge;
pub mod jira;
mod rejected;
mod site;
mod viewer;

pub use rejected::Rejected;
pub use viewer::{Admin, Viewer};
