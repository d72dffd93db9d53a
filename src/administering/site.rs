//! How the app is at a site, and what the site's admins have decided there.

use http::Method;
use serde::{Deserialize, Serialize};

use crate::atlassian::Admin;
use crate::atlassian::{connect::descriptor, forge};
use crate::clock::{Seconds, rfc3339};
use crate::error::{Error, NotARule};
use crate::linking::Customers;
use crate::model::{Actor, Door, ParkReason, SiteRule, Tenant, Trouble};
use crate::words::Words;

use super::{Administering, learn_name};

/// How many groups a site can choose, and how long a name is.
const MOST_GROUPS: usize = 50;
const LONGEST_GROUP: usize = 255;

/// How the app is at a site.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteForAdmin {
    /// Host of the site.
    pub site: String,
    /// Name of the service.
    pub service: String,
    /// `connect` or `forge`.
    pub door: &'static str,
    /// Whether the app is enabled.
    pub enabled: bool,
    /// As whom keys are put into Jira: `app` or `person`.
    pub writes_as: &'static str,
    /// What the app may do, and why.
    pub scopes: Vec<ScopeForAdmin>,
    /// The addresses from which Jira is called. Empty where the operator has not named them.
    pub outbound_addresses: Vec<String>,
    /// What keeps calls waiting.
    pub waits: Vec<WaitForAdmin>,
    /// How many links there are.
    pub links: LinksForAdmin,
    /// Whether portal customers may connect.
    pub customers: CustomersForAdmin,
    /// The groups whose members may connect. Empty: everybody may.
    pub groups: Vec<String>,
    /// Whether the vendor's servers may act as people.
    pub act_as: ActAsForAdmin,
    /// For how many days what happened is kept.
    pub events_days: i64,
}

/// Who lets the vendor's servers act as people.
#[derive(Debug, Serialize)]
pub struct ActAsForAdmin {
    /// What the vendor allows: `off`, `read` or `write`.
    pub vendor: &'static str,
    /// What the site allows: `allow` or `deny`.
    pub site: &'static str,
}

/// A scope, and why the app asks for it.
#[derive(Debug, Serialize)]
pub struct ScopeForAdmin {
    /// Its name.
    pub scope: &'static str,
    /// The reason.
    pub why: String,
}

/// Something that waits.
#[derive(Debug, Serialize)]
pub struct WaitForAdmin {
    /// Until when, RFC 3339, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why, and what an admin can do.
    pub words: String,
}

/// How many links a site has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinksForAdmin {
    /// All.
    pub total: i64,
    /// Those whose person has to connect again.
    pub reconnect: i64,
    /// Those whose key has run out.
    pub run_out: i64,
}

/// Whether portal customers may connect: they may if both say so.
#[derive(Debug, Serialize)]
pub struct CustomersForAdmin {
    /// What the vendor says.
    pub vendor: &'static str,
    /// What the site's admins say.
    pub site: &'static str,
}

fn allows(yes: bool) -> &'static str {
    match yes {
        true => "allow",
        false => "deny",
    }
}

/// How the app is at the site.
///
/// # Errors
/// When the store is unavailable.
pub async fn site(
    administering: &Administering,
    admin: &Admin,
    words: &Words,
) -> Result<SiteForAdmin, Error> {
    let (store, tenant, now) = (administering.store(), admin.tenant(), administering.now());
    let summary = store.summary_of(tenant, now).await?;
    let rule = store.site_rule(tenant).await?;
    let vendor_allows = administering.linking.customers == Customers::Allow;
    let (door, scopes) = match &tenant.door {
        Door::Connect(_) => ("connect", descriptor::SCOPES),
        Door::Forge(_) => ("forge", forge::SCOPES),
    };
    let scopes = scopes.iter().map(|&(scope, why)| ScopeForAdmin {
        scope,
        why: why(words),
    });
    Ok(SiteForAdmin {
        site: tenant.site().to_owned(),
        service: administering.service().to_owned(),
        door,
        enabled: tenant.enabled,
        writes_as: match tenant.acts_as_user {
            true => "person",
            false => "app",
        },
        scopes: scopes.collect(),
        outbound_addresses: administering.outbound.0.clone(),
        waits: waits(administering, tenant, words, now),
        links: LinksForAdmin {
            total: summary.total,
            reconnect: summary.reconnect,
            run_out: summary.run_out,
        },
        customers: CustomersForAdmin {
            vendor: allows(vendor_allows),
            site: allows(rule.customers && vendor_allows),
        },
        groups: rule.groups,
        act_as: ActAsForAdmin {
            vendor: administering.act_as.as_str(),
            site: allows(rule.act_as),
        },
        events_days: administering.events_days,
    })
}

fn waits(
    administering: &Administering,
    tenant: &Tenant,
    texts: &Words,
    now: Seconds,
) -> Vec<WaitForAdmin> {
    let parts = &administering.linking.parts;
    let wait = |until: Seconds, words: String| WaitForAdmin {
        until: Some(rfc3339(until)),
        words,
    };
    let mut waits = Vec::new();
    let methods = [Method::PUT, Method::DELETE, Method::GET];
    let of_tenant = methods.iter().map(|method| tenant.waits.until(method));
    let until = of_tenant.max().unwrap_or_default();
    let all = parts.jira.writes().opens_at();
    if until > now {
        waits.push(wait(until, tenant.wait_reason.for_admin(texts)));
    } else if all > now {
        waits.push(wait(all, ParkReason::GlobalQuota.for_admin(texts)));
    }
    let service = parts.service.opens_at(&tenant.client_key);
    if service > now {
        let words = Trouble::ServiceAway.explain(texts);
        waits.push(wait(service, words));
    }
    if let Door::Forge(forge) = &tenant.door
        && forge.before.is_none()
        && forge
            .system_token
            .as_ref()
            .is_none_or(|token| token.ends_at <= now)
    {
        let words = ParkReason::NoSystemToken.for_admin(texts);
        waits.push(WaitForAdmin { until: None, words });
    }
    waits
}

/// What an admin wants of who may connect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// `allow` or `deny`.
    pub customers: String,
    /// Names or ids of groups.
    pub groups: Vec<String>,
    /// Whether the vendor's servers may act as people here. Left out: as before.
    #[serde(default, rename = "actAs")]
    pub act_as: Option<bool>,
}

impl Wish {
    fn rule(self, vendor: Customers, acts_before: bool) -> Result<SiteRule, Error> {
        let customers = match self.customers.as_str() {
            "deny" => false,
            "allow" if vendor == Customers::Allow => true,
            "allow" => {
                return Err(Error::NotARule(NotARule::Customers));
            }
            _ => return Err(Error::BadRequest("customers is allow or deny")),
        };
        let mut groups: Vec<String> = Vec::new();
        for group in self.groups {
            let group = group.trim();
            if group.chars().count() > LONGEST_GROUP || group.chars().any(char::is_control) {
                return Err(Error::NotARule(NotARule::LongGroup));
            }
            if !group.is_empty() && !groups.iter().any(|known| known == group) {
                groups.push(group.to_owned());
            }
        }
        if groups.len() > MOST_GROUPS {
            return Err(Error::NotARule(NotARule::ManyGroups));
        }
        Ok(SiteRule {
            customers,
            groups,
            act_as: self.act_as.unwrap_or(acts_before),
        })
    }
}

/// An admin decides who may connect at the site. Who is connected stays so.
///
/// # Errors
/// [`Error::BadRequest`] for what cannot be decided, and as [`site`].
pub async fn decide(
    administering: &Administering,
    admin: &Admin,
    wish: Wish,
    words: &Words,
) -> Result<SiteForAdmin, Error> {
    let vendor = administering.linking.customers;
    let (tenant, by) = (admin.tenant(), Actor::Admin(admin.account().clone()));
    let now = administering.now();
    let store = administering.store();
    let acts_before = store.site_rule(tenant).await?.act_as;
    let rule = wish.rule(vendor, acts_before)?;
    store.decide(tenant, &rule, &by, &rule.tell(), now).await?;
    tracing::info!(tenant = %tenant.client_key, admin = %admin.account(), "an admin has decided who may connect");
    learn_name(administering, admin).await?;
    site(administering, admin, words).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(customers: &str, groups: &[&str]) -> Wish {
        Wish {
            customers: customers.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            act_as: None,
        }
    }

    #[test]
    fn a_site_allows_no_more_than_the_vendor() {
        assert!(wish("allow", &[]).rule(Customers::Deny, true).is_err());
        assert!(wish("maybe", &[]).rule(Customers::Allow, true).is_err());
        for (customers, vendor, allowed) in [
            ("allow", Customers::Allow, true),
            ("deny", Customers::Allow, false),
            ("deny", Customers::Deny, false),
        ] {
            let rule = wish(customers, &[])
                .rule(vendor, true)
                .expect("it can be decided");
            assert_eq!(rule.customers, allowed);
        }
    }

    #[test]
    fn groups_are_lines_of_text() {
        let rule = |groups: &[&str]| wish("deny", groups).rule(Customers::Deny, true);
        let groups = rule(&[" jira-users ", "", "a b", "jira-users"])
            .expect("it is good")
            .groups;
        assert_eq!(groups, ["jira-users", "a b"]);
        assert!(rule(&["a\nb"]).is_err() && rule(&["a\0"]).is_err());
        assert!(rule(&["x".repeat(256).as_str()]).is_err());
        let many: Vec<String> = (0..51).map(|number| format!("group-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(rule(&many).is_err() && rule(&many[..50]).is_ok());
    }
}
