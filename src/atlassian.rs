//! Everything that knows Atlassian: what comes from there, and the calls to a tenant's Jira.

pub mod connect;
pub mod jira;
