//! Links as the admins of a site see them: found, counted, page by page.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{AccountId, Link, LinkId, Tenant};
use crate::vault::Broken;

use super::Store;
use super::connections::readable_rows;
use super::rows::ClaimedRow;
use super::statement::statements;

statements! {
    /// By `link_newest`, from where the last page ended. Finding rows by columns in clear discloses nothing: what is
    /// shown is opened first.
    LINKS_PAGE = "select {link as l}, g.generation as reached, p.display_name as person_name from link l \
        left join link_generation g on g.client_key = l.client_key and g.account_id = l.account_id \
        left join person p on p.client_key = l.client_key and p.account_id = l.account_id \
        where l.client_key = $1 and l.installation = $2 \
        and l.created_at <= $3 and (l.created_at < $3 or l.id < $4) \
        and ($5 = '' or ($5 = 'reconnect' and l.state = 'reconnect') \
            or ($5 = 'linked' and l.state <> 'reconnect') \
            or ($5 = 'trouble' and l.state <> 'reconnect' and (l.state = 'aside' or l.trouble is not null \
                or (l.published_generation > 0 and l.published_expires_at <= $6)))) \
        and ($7 = '' or lower(l.account_id) like $7 escape '!' or lower(l.subject) like $7 escape '!' \
            or lower(l.display_name) like $7 escape '!' or l.display_name like $8 escape '!' \
            or lower(p.display_name) like $7 escape '!' or p.display_name like $8 escape '!') \
        order by l.created_at desc, l.id desc limit $9";
    /// All links of a tenant, those that are renewed, and those of them whose key in Jira has run out. The first two are
    /// counted in an index alone, and `first_end` finds the others. While links of an installation before are still
    /// there, each row is read.
    LINKS_SUMMARY = "select case when t.draining \
        then (select count(*) from link l where l.client_key = $1 and l.installation = $2) \
        else (select count(*) from link l where l.client_key = $1) end, \
        case when t.draining then (select count(*) from link l where l.client_key = $1 and l.installation = $2 \
            and l.state <> 'reconnect') \
        else (select count(*) from link l where l.client_key = $1 and l.state <> 'reconnect') end, \
        (select count(*) from link l where l.client_key = $1 and l.state <> 'reconnect' and l.first_end <= $3 \
            and l.installation = $2 and l.published_generation > 0 and l.published_expires_at <= $3) \
        from tenant t where t.client_key = $1";
    LINK_OWNER = "select account_id from link where id = $1 and client_key = $2 and installation = $3";
    LINKS_OLDEST = "select id, account_id from link where client_key = $1 and installation = $2 \
        order by created_at, id limit $3";
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    claimed: ClaimedRow,
    created_at: i64,
    person_name: Option<String>,
}

readable_rows!(ListedRow);

/// Which links are asked for.
#[derive(Debug, Clone, Default)]
pub struct Sought {
    /// Text in the account id, the subject or one of the names. Empty: all.
    pub text: String,
    /// Those in this state. None: all.
    pub state: Option<SoughtState>,
    /// Behind the link with this time and id.
    pub after: Option<(Seconds, String)>,
}

/// A state by which links are sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoughtState {
    /// It is renewed, or will be.
    Linked,
    /// Its person has to connect again.
    Reconnect,
    /// It is renewed, but its key has run out or its last renewal met something.
    Trouble,
}

crate::model::words!(SoughtState {
    Linked = "linked",
    Reconnect = "reconnect",
    Trouble = "trouble",
});

/// A link in a list.
#[derive(Debug)]
pub struct Listed {
    /// The link.
    pub link: Link,
    /// The name of its person in Jira, as far as it is known.
    pub person: Option<String>,
    /// When the person first connected.
    pub created_at: Seconds,
}

/// How many links a site has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// All.
    pub total: i64,
    /// Those whose person has to connect again.
    pub reconnect: i64,
    /// Those whose key in Jira has run out, although they are renewed.
    pub run_out: i64,
}

/// A pattern that finds a text anywhere, whatever characters it has.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

impl Store {
    /// Links of a tenant, the newest first, at most `most`. One whose credential does not open beside its columns
    /// says only that it is there.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions here.
    pub async fn listed_links(
        &self,
        tenant: &Tenant,
        sought: &Sought,
        now: Seconds,
        most: i64,
    ) -> Result<Vec<Listed>, Error> {
        let (at, id) = match &sought.after {
            Some((at, id)) => (*at, id.as_str()),
            None => (Seconds::MAX, ""),
        };
        let (lower, exact) = match sought.text.as_str() {
            "" => (String::new(), String::new()),
            text => (anywhere(&text.to_lowercase()), anywhere(text)),
        };
        let page = LINKS_PAGE
            .bind(tenant.client_key.as_str())
            .bind(tenant.installation)
            .bind(at)
            .bind(id)
            .bind(sought.state.map_or("", SoughtState::as_str))
            .bind(now)
            .bind(lower)
            .bind(exact)
            .bind(most);
        let rows: Vec<ListedRow> = self.connections.all(page).await?;
        let listed = rows.into_iter().map(|row| {
            let ClaimedRow { link, reached } = row.claimed;
            let opened = self
                .sealer
                .open_credential(&tenant.key, &link, reached.unwrap_or(0));
            Listed {
                link: match opened {
                    Ok(_) => link.link(),
                    Err(Broken) => link.unreadable_link(),
                },
                person: row.person_name,
                created_at: row.created_at,
            }
        });
        Ok(listed.collect())
    }

    /// How many links a tenant has.
    pub async fn summary_of(&self, tenant: &Tenant, now: Seconds) -> Result<Summary, Error> {
        let summary = LINKS_SUMMARY
            .bind(tenant.client_key.as_str())
            .bind(tenant.installation)
            .bind(now);
        let counted = self.connections.optional(summary).await?;
        let (total, renewed, run_out): (i64, i64, i64) = counted.unwrap_or_default();
        Ok(Summary {
            total,
            reconnect: total - renewed,
            run_out,
        })
    }

    /// Whose link this is, if it is one of this tenant.
    pub async fn owner_of(&self, tenant: &Tenant, id: &LinkId) -> Result<Option<AccountId>, Error> {
        // The id comes from a URL, and PostgreSQL rejects a text with NUL.
        if id.as_str().contains('\0') {
            return Ok(None);
        }
        let owner = LINK_OWNER
            .bind(id.as_str())
            .bind(tenant.client_key.as_str())
            .bind(tenant.installation);
        let owner: Option<String> = self.connections.optional(owner).await?;
        Ok(owner.map(AccountId))
    }

    /// The oldest links of a tenant, at most `most`.
    pub async fn oldest_links(
        &self,
        tenant: &Tenant,
        most: i64,
    ) -> Result<Vec<(LinkId, AccountId)>, Error> {
        let oldest = LINKS_OLDEST
            .bind(tenant.client_key.as_str())
            .bind(tenant.installation)
            .bind(most);
        let rows: Vec<(String, String)> = self.connections.all(oldest).await?;
        let links = rows.into_iter();
        Ok(links
            .map(|(id, account)| (LinkId(id), AccountId(account)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sought_is_text_and_no_pattern() {
        assert_eq!(anywhere("omar"), "%omar%");
        assert_eq!(anywhere("50%_!"), "%50!%!_!!%");
    }
}
