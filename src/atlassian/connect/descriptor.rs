//! The app descriptor, which tells Jira about the app.
//!
//! Atlassian's "App descriptor" page lists the fields. Jira finds every address here, so no other document
//! needs to name a path.

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::words::{Text, Words};

/// Key of the module in the issue. Module keys take letters, digits and hyphens.
pub const ISSUE_MODULE: &str = "latchkey-issue";
/// Key of the page to which the person returns from the service.
pub const FINISH_MODULE: &str = "latchkey-finish";

/// Key of the page for the admins of a site.
pub const ADMIN_MODULE: &str = "latchkey-admin";
/// Key of the page that Jira leads to after an installation, which is the same.
pub const START_MODULE: &str = "latchkey-get-started";

/// The scopes that the app asks for, each with its reason in words for an admin. DELETE implies WRITE, which implies
/// READ; all three are named so that the consent screen lists them.
pub const SCOPES: &[(&str, Text)] = &[
    ("READ", Words::scope_read),
    ("WRITE", Words::scope_write),
    ("DELETE", Words::scope_delete),
    ("ACT_AS_USER", Words::scope_act_as_user),
];

/// The Jira module that shows the link in an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IssueModule {
    /// `jiraIssueContexts`.
    Context,
    /// `jiraIssueGlances`, deprecated by Atlassian.
    Glance,
}

/// The values in the descriptor.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Public URL of the app, without a trailing slash.
    pub base_url: &'a str,
    /// Key of the app.
    pub app_key: &'a str,
    /// Name of the app.
    pub app_name: &'a str,
    /// Name of the service.
    pub service: &'a str,
    /// Path of the icon under the base URL.
    pub icon: &'a str,
    /// The module in the issue.
    pub issue_module: IssueModule,
}

/// The descriptor.
#[must_use]
pub fn descriptor(facts: &Facts<'_>) -> Value {
    let issue_module = json!([{
        "key": ISSUE_MODULE,
        "name": {"value": facts.service},
        "icon": {"url": facts.icon, "width": 24, "height": 24},
        "content": {"type": "label", "label": {"value": "Account"}},
        "target": {"type": "web_panel", "url": "/connect/glance?issue={issue.key}"},
    }]);
    let name = match facts.issue_module {
        IssueModule::Context => "jiraIssueContexts",
        IssueModule::Glance => "jiraIssueGlances",
    };
    json!({
        "key": facts.app_key,
        "name": facts.app_name,
        "description": format!("Connects people in Jira with their account at {}.", facts.service),
        "baseUrl": facts.base_url,
        "links": {"self": format!("{}/atlassian-connect.json", facts.base_url)},
        "vendor": {"name": facts.service, "url": facts.base_url},
        "authentication": {"type": "jwt"},
        "apiVersion": 1,
        "apiMigrations": {"gdpr": true, "signed-install": true, "context-qsh": true},
        "lifecycle": {
            "installed": "/connect/installed",
            "uninstalled": "/connect/uninstalled",
            "enabled": "/connect/enabled",
            "disabled": "/connect/disabled",
        },
        "scopes": SCOPES.iter().map(|(scope, _)| scope).collect::<Vec<_>>(),
        "modules": {
            name: issue_module,
            "generalPages": [{
                "key": FINISH_MODULE,
                "name": {"value": facts.app_name},
                "location": "none",
                "url": "/connect/finish?attempt={ac.attempt}&handle={ac.handle}",
            }],
            "adminPages": [{
                "key": ADMIN_MODULE,
                "name": {"value": facts.app_name},
                "url": "/connect/admin",
            }],
            "postInstallPage": {
                "key": START_MODULE,
                "name": {"value": facts.app_name},
                "url": "/connect/admin",
            },
        },
    })
}
