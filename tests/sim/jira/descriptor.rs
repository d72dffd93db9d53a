//! What Jira checks in an app descriptor before it installs the app, and the scopes it grants.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::{Host, Url};

use super::Scope;

impl Scope {
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Delete => "DELETE",
            Self::ProjectAdmin => "PROJECT_ADMIN",
            Self::Admin => "ADMIN",
            Self::ActAsUser => "ACT_AS_USER",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Read,
            Self::Write,
            Self::Delete,
            Self::ProjectAdmin,
            Self::Admin,
            Self::ActAsUser,
        ]
        .into_iter()
        .find(|scope| scope.name() == name)
    }

    /// Each of the first five scopes brings those before it; acting as a user stands apart.
    pub fn with_implied(scopes: impl IntoIterator<Item = Self>) -> BTreeSet<Self> {
        let ladder = [
            Self::Read,
            Self::Write,
            Self::Delete,
            Self::ProjectAdmin,
            Self::Admin,
        ];
        let mut all = BTreeSet::new();
        for scope in scopes {
            all.insert(scope);
            if scope != Self::ActAsUser {
                all.extend(ladder.into_iter().filter(|lower| *lower < scope));
            }
        }
        all
    }
}

/// A descriptor that Jira takes.
pub struct Accepted {
    pub key: String,
    pub base_url: String,
    pub scopes: BTreeSet<Scope>,
    /// Addresses of icons, which must load before the app is installed.
    pub icons: Vec<String>,
}

const MODULES: [&str; 8] = [
    "jiraIssueContexts",
    "jiraIssueGlances",
    "generalPages",
    "adminPages",
    "configurePage",
    "postInstallPage",
    "webhooks",
    "jiraEntityProperties",
];

pub fn check(descriptor: &Value) -> Result<Accepted, String> {
    let base_url = text(descriptor, "baseUrl")?;
    let base = Url::parse(&base_url).map_err(|_| "baseUrl is not an address")?;
    if base.scheme() != "https" && !(base.scheme() == "http" && is_loopback(&base)) {
        return Err("baseUrl is not https".into());
    }
    if base.query().is_some() || base.fragment().is_some() || !base.username().is_empty() {
        return Err("baseUrl has more than scheme, host, port and path".into());
    }
    let key = text(descriptor, "key")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if key.is_empty() || key.len() > 64 || !key.chars().all(allowed) {
        return Err("key has other characters than a-z A-Z 0-9 - . _ or more than 64".into());
    }
    if text(descriptor, "name")?.len() > 80 {
        return Err("name is longer than 80 characters".into());
    }
    if descriptor["authentication"]["type"] != "jwt" {
        return Err("authentication.type is not jwt".into());
    }
    if !matches!(&descriptor["apiVersion"], Value::Null | Value::Number(_)) {
        return Err("apiVersion is not an integer".into());
    }
    for migration in ["gdpr", "signed-install", "context-qsh"] {
        if descriptor["apiMigrations"][migration] != true {
            return Err(format!("apiMigrations.{migration} is not true"));
        }
    }
    let lifecycle = descriptor["lifecycle"].as_object();
    let lifecycle = lifecycle.ok_or("lifecycle is missing, and jwt needs installed")?;
    if !lifecycle.contains_key("installed") {
        return Err("lifecycle.installed is missing".into());
    }
    for (event, path) in lifecycle {
        if !["installed", "uninstalled", "enabled", "disabled"].contains(&event.as_str()) {
            return Err(format!("lifecycle.{event} does not exist"));
        }
        relative(path, &format!("lifecycle.{event}"))?;
    }
    let scopes = descriptor["scopes"].as_array().cloned().unwrap_or_default();
    let scopes = scopes
        .iter()
        .map(|scope| scope.as_str().and_then(Scope::parse))
        .collect::<Option<Vec<Scope>>>()
        .ok_or("scopes names one that does not exist")?;
    let mut accepted = Accepted {
        key,
        base_url,
        scopes: Scope::with_implied(scopes),
        icons: Vec::new(),
    };
    if let Some(modules) = descriptor["modules"].as_object() {
        check_modules(modules, &mut accepted)?;
    }
    Ok(accepted)
}

fn check_modules(modules: &Map<String, Value>, accepted: &mut Accepted) -> Result<(), String> {
    let mut keys = BTreeSet::new();
    for (kind, found) in modules {
        if !MODULES.contains(&kind.as_str()) {
            return Err(format!("modules.{kind} does not exist"));
        }
        if ["webhooks", "jiraEntityProperties"].contains(&kind.as_str()) {
            continue;
        }
        let found = match found {
            Value::Array(found) if !is_single(kind) => found.as_slice(),
            Value::Object(_) if is_single(kind) => std::slice::from_ref(found),
            _ => return Err(format!("modules.{kind} has the wrong shape")),
        };
        for module in found {
            let key = text(module, "key").map_err(|why| format!("{kind}: {why}"))?;
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if key.is_empty() || !key.chars().all(allowed) {
                return Err(format!(
                    "{kind}: key {key} has other characters than a-z A-Z 0-9 -"
                ));
            }
            if !keys.insert(key.clone()) {
                return Err(format!("the module key {key} is there twice"));
            }
            text(&module["name"], "value").map_err(|why| format!("{key}: name: {why}"))?;
            match kind.as_str() {
                "jiraIssueContexts" | "jiraIssueGlances" => {
                    accepted
                        .icons
                        .push(check_issue_module(&key, module, &accepted.base_url)?);
                }
                _ => relative(&module["url"], &format!("{key}: url"))?,
            }
        }
    }
    Ok(())
}

/// Modules that an app has one of.
fn is_single(kind: &str) -> bool {
    ["configurePage", "postInstallPage"].contains(&kind)
}

/// Checks an issue module and gives the address of its icon.
fn check_issue_module(key: &str, module: &Value, base_url: &str) -> Result<String, String> {
    if module["content"]["type"] != "label" {
        return Err(format!("{key}: content.type is not label"));
    }
    text(&module["content"]["label"], "value").map_err(|why| format!("{key}: label: {why}"))?;
    if module["target"]["type"] != "web_panel" {
        return Err(format!("{key}: target.type is not web_panel"));
    }
    relative(&module["target"]["url"], &format!("{key}: target.url"))?;
    let icon = &module["icon"];
    if !(icon["width"].is_u64() && icon["height"].is_u64()) {
        return Err(format!("{key}: icon needs width and height"));
    }
    let url = text(icon, "url").map_err(|why| format!("{key}: icon: {why}"))?;
    match url.starts_with('/') {
        true => Ok(format!("{}{url}", base_url.trim_end_matches('/'))),
        false => Ok(url),
    }
}

fn text(value: &Value, name: &str) -> Result<String, String> {
    value[name]
        .as_str()
        .map(str::to_owned)
        .ok_or(format!("{name} is missing or no text"))
}

fn relative(value: &Value, what: &str) -> Result<(), String> {
    match value.as_str() {
        Some(url) if url.starts_with('/') && !url.starts_with("//") => Ok(()),
        _ => Err(format!("{what} is not relative to baseUrl")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
