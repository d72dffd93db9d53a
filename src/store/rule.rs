//! What the admins of a site have decided about who may connect there.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{Actor, Happened, SiteRule, Tenant};

use super::Store;
use super::connections::readable_rows;
use super::history::Note;
use super::statement::statements;
use super::tenant;
use super::transaction::Finish;

statements! {
    SITE_RULE = "select customers, group_list, act_as from site_rule where client_key = $1";
    SITE_RULE_PUT = "insert into site_rule (client_key, customers, group_list, act_as, changed_at) values ($1, $2, $3, $4, $5) \
        on conflict (client_key) do update set customers = excluded.customers, group_list = excluded.group_list, \
        act_as = excluded.act_as, changed_at = excluded.changed_at";
    SITE_RULE_FORGET = "delete from site_rule where client_key = $1 and exists \
        (select 1 from tenant where tenant.client_key = site_rule.client_key and not tenant.installed)";
}

#[derive(sqlx::FromRow)]
struct RuleRow {
    customers: bool,
    group_list: String,
    act_as: bool,
}

readable_rows!(RuleRow);

impl Store {
    /// What a site's admins have decided; where they have decided nothing, everybody may connect.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions here.
    pub async fn site_rule(&self, tenant: &Tenant) -> Result<SiteRule, Error> {
        let rule = SITE_RULE.bind(tenant.client_key.as_str());
        let row: Option<RuleRow> = self.connections.optional(rule).await?;
        Ok(row.map_or_else(SiteRule::default, |row| SiteRule {
            customers: row.customers,
            groups: row.group_list.lines().map(str::to_owned).collect(),
            act_as: row.act_as,
        }))
    }

    /// An admin decides. `told` is what the site's events say of it.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if the app was uninstalled in the meantime.
    pub async fn decide(
        &self,
        tenant: &Tenant,
        rule: &SiteRule,
        by: &Actor,
        told: &str,
        now: Seconds,
    ) -> Result<(), Error> {
        let client_key = tenant.client_key.as_str();
        let decided = self.connections.transaction(async |tx| {
            let current = tenant::lock(tx, client_key, now).await?;
            if !current.is_still(tenant) {
                return Ok(Finish::RollBack(false));
            }
            let put = SITE_RULE_PUT
                .bind(client_key)
                .bind(rule.customers)
                .bind(rule.groups.join("\n"))
                .bind(rule.act_as)
                .bind(now);
            tx.execute(put).await?;
            let note = Note {
                client_key,
                account_id: None,
                what: Happened::Decided,
                by,
                detail: Some(told),
            };
            self.sealer.happened(tx, note, now).await?;
            Ok(Finish::Commit(true))
        });
        match decided.await? {
            true => Ok(()),
            false => Err(Error::Unauthorized(
                "the app was uninstalled in the meantime",
            )),
        }
    }

    /// Forgets what was decided at a site that has uninstalled the app.
    pub(super) async fn forget_rule(&self, client_key: &str) -> Result<(), Error> {
        self.connections
            .execute(SITE_RULE_FORGET.bind(client_key))
            .await?;
        Ok(())
    }
}
