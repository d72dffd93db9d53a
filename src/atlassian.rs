//! Everything that knows Atlassian: verification of what it sends, and calls to a tenant's Jira.

pub mod connect;
pub mod jira;
