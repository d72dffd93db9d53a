//! Links as the vendor's own servers see them, at all sites. Each is opened with the key of its tenant, so a row that
//! was changed by another program is not shown, and names nobody.

use std::collections::HashMap;

use serde::Serialize;

use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::model::{AccountId, Actor, ClientKey, Happened, Link, LinkId, LinkState, Tenant};

use super::Store;
use super::connections::readable_rows;
use super::history::Note;
use super::rows::ClaimedRow;
use super::statement::statements;
use super::transaction::Finish;

statements! {
    /// By `link_subject`, across tenants: the vendor asks about an account of its own.
    VENDOR_LINKS = "select {link as l}, g.generation as reached from link l \
        left join link_generation g on g.client_key = l.client_key and g.account_id = l.account_id \
        where l.subject = $1 and l.id > $2 order by l.id limit $3";
    VENDOR_LINK = "select {link as l}, g.generation as reached from link l \
        left join link_generation g on g.client_key = l.client_key and g.account_id = l.account_id \
        where l.id = $1";
}

#[derive(sqlx::FromRow)]
struct VendorRow {
    #[sqlx(flatten)]
    claimed: ClaimedRow,
    created_at: i64,
}

readable_rows!(VendorRow);

/// A link, with the tenant that it belongs to.
pub struct VendorLink {
    /// The tenant, which is served and has the app installed.
    pub tenant: Tenant,
    /// The link.
    pub link: Link,
    /// When the person first connected.
    pub created_at: Seconds,
}

/// A link as the vendor reads it, in answers and in webhooks. Nothing of it is a secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkForVendor {
    id: String,
    /// The base URL of the Jira site.
    site: String,
    account_id: String,
    /// Null if the row does not open, as it was changed by another program.
    subject: Option<String>,
    /// `linked`, `reconnect` or, in webhooks, `ended`.
    state: &'static str,
    since: String,
    generation: i64,
    /// When the key in Jira expires. Null while there is none.
    valid_until: Option<String>,
}

impl LinkForVendor {
    /// A link at a site. Its person first connected at `since`.
    #[must_use]
    pub fn new(link: &Link, site: &str, since: Seconds) -> Self {
        let subject = link.identity.subject.as_str();
        Self {
            id: link.id.to_string(),
            site: site.to_owned(),
            account_id: link.account_id.to_string(),
            subject: (!subject.is_empty()).then(|| subject.to_owned()),
            state: match link.state {
                LinkState::Reconnect(_) => "reconnect",
                LinkState::Live | LinkState::Aside(_) => "linked",
            },
            since: rfc3339(since),
            generation: link.generation,
            valid_until: link.published.map(|key| rfc3339(key.expires_at)),
        }
    }

    /// The same of a link that has ended: its key is on its way out.
    pub(super) fn ended(link: &Link, site: &str, since: Seconds) -> Self {
        Self {
            state: "ended",
            valid_until: None,
            ..Self::new(link, site, since)
        }
    }
}

impl From<&VendorLink> for LinkForVendor {
    fn from(found: &VendorLink) -> Self {
        Self::new(&found.link, &found.tenant.base_url, found.created_at)
    }
}

impl Store {
    /// Links of an account at the service, by their ids, at most `most`, behind the one with the id `after`. Returns
    /// also the id of the last link that was looked at, if there may be more.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions here.
    pub async fn links_of_subject(
        &self,
        subject: &str,
        after: &str,
        most: i64,
    ) -> Result<(Vec<VendorLink>, Option<String>), Error> {
        // They come from a URL, and PostgreSQL rejects a text with NUL.
        if subject.contains('\0') || after.contains('\0') {
            return Ok((Vec::new(), None));
        }
        let page = VENDOR_LINKS.bind(subject).bind(after).bind(most);
        let rows: Vec<VendorRow> = self.connections.all(page).await?;
        let is_whole = usize::try_from(most).is_ok_and(|most| rows.len() >= most);
        let last = rows.last().map(|row| row.claimed.link.id.clone());
        let links = self.open_for_vendor(rows).await?;
        Ok((links, last.filter(|_| is_whole)))
    }

    /// The link with this id.
    pub async fn vendor_link(&self, id: &LinkId) -> Result<Option<VendorLink>, Error> {
        if id.as_str().contains('\0') {
            return Ok(None);
        }
        let row: Option<VendorRow> = self
            .connections
            .optional(VENDOR_LINK.bind(id.as_str()))
            .await?;
        Ok(self.open_for_vendor(row).await?.pop())
    }

    async fn open_for_vendor(
        &self,
        rows: impl IntoIterator<Item = VendorRow>,
    ) -> Result<Vec<VendorLink>, Error> {
        let mut tenants: HashMap<String, Option<Tenant>> = HashMap::new();
        let mut links = Vec::new();
        for VendorRow {
            claimed: ClaimedRow { link, reached },
            created_at,
        } in rows
        {
            if !tenants.contains_key(&link.client_key) {
                let found = self
                    .find_tenant(&ClientKey(link.client_key.clone()))
                    .await?;
                let served = found.and_then(Result::ok);
                tenants.insert(link.client_key.clone(), served);
            }
            let tenant = tenants.get(&link.client_key).cloned().flatten();
            let Some(tenant) = tenant.filter(|tenant| tenant.installation == link.installation)
            else {
                continue;
            };
            let reached = reached.unwrap_or(0);
            let opened = self.sealer.open_credential(&tenant.key, &link, reached);
            if opened.is_ok() {
                let link = link.link();
                links.push(VendorLink {
                    tenant,
                    link,
                    created_at,
                });
            }
        }
        Ok(links)
    }

    /// Writes down that a server of the vendor may act as a person, and how.
    pub async fn note_acting(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        scope: &str,
        now: Seconds,
    ) -> Result<(), Error> {
        let noted = self.connections.transaction(async |tx| {
            let note = Note {
                client_key: tenant.client_key.as_str(),
                account_id: Some(account.as_str()),
                what: Happened::Acting,
                by: &Actor::Service,
                detail: Some(scope),
            };
            self.sealer.happened(tx, note, now).await?;
            Ok(Finish::Commit(()))
        });
        noted.await
    }
}
