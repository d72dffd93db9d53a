//! Tickets: with one, a page of Forge opens a tab in which an attempt begins. Each is good once, for a minute, and
//! only its hash is stored.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{AccountId, ClientKey, IssueKey, Look, Tenant};
use crate::secret::Secret;
use crate::vault::Place;

use super::Store;
use super::connections::readable_rows;
use super::statement::statements;

statements! {
    TICKET_KEEP = "insert into ticket (ticket_hash, client_key, installation, account_id, issue, another, sealed, \
        expires_at, language, color_mode) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    /// Of two who come with it, one gets it.
    TICKET_TAKE = "delete from ticket where ticket_hash = $1 returning {ticket}";
}

/// Whom a ticket is for, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The person.
    pub account: AccountId,
    /// The issue to come back to.
    pub issue: Option<IssueKey>,
    /// Whether they want another account at the service.
    pub another: bool,
    /// How its pages look.
    pub look: Look,
}

#[derive(sqlx::FromRow)]
struct TicketRow {
    ticket_hash: String,
    client_key: String,
    installation: i64,
    account_id: String,
    issue: Option<String>,
    another: bool,
    sealed: String,
    expires_at: i64,
    language: Option<String>,
    color_mode: Option<String>,
}

readable_rows!(TicketRow);

impl TicketRow {
    /// The place of the proof that all of the row belongs together.
    fn with_place<T>(&self, use_it: impl FnOnce(Place<'_>) -> T) -> T {
        let (installation, another) = (self.installation.to_string(), self.another.to_string());
        let mut bound = vec![self.account_id.as_str(), &installation, &another];
        bound.extend(self.issue.as_deref());
        // Language and theme decide nothing, so they are not bound.
        use_it(Place {
            column: "ticket.sealed",
            tenant: &self.client_key,
            row: &self.ticket_hash,
            generation: self.expires_at,
            bound: &bound,
        })
    }
}

impl Store {
    /// Keeps a ticket until `expires_at`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn keep_ticket(
        &self,
        tenant: &Tenant,
        hash: &str,
        ticket: &Ticket,
        expires_at: Seconds,
    ) -> Result<(), Error> {
        let row = TicketRow {
            ticket_hash: hash.to_owned(),
            client_key: tenant.client_key.0.clone(),
            installation: tenant.installation,
            account_id: ticket.account.0.clone(),
            issue: ticket.issue.as_ref().map(ToString::to_string),
            another: ticket.another,
            sealed: String::new(),
            expires_at,
            language: ticket
                .look
                .language
                .map(|language| language.tag().to_owned()),
            color_mode: ticket.look.color_mode.map(|mode| mode.as_str().to_owned()),
        };
        let vault = &self.sealer.vault;
        let nothing = Secret::new(String::new());
        let sealed = row.with_place(|place| vault.seal(&tenant.key, place, &nothing));
        let keep = TICKET_KEEP
            .bind(&row.ticket_hash)
            .bind(&row.client_key)
            .bind(row.installation)
            .bind(&row.account_id)
            .bind(&row.issue)
            .bind(row.another)
            .bind(sealed)
            .bind(row.expires_at)
            .bind(&row.language)
            .bind(&row.color_mode);
        self.connections.execute(keep).await?;
        Ok(())
    }

    /// Takes a ticket, with its tenant as it is now. None if it is unknown, used, too old, edited, or of an
    /// installation that is over.
    ///
    /// # Errors
    /// As [`Store::tenant`].
    pub async fn take_ticket(
        &self,
        hash: &str,
        now: Seconds,
    ) -> Result<Option<(Tenant, Ticket)>, Error> {
        let row: Option<TicketRow> = self.connections.optional(TICKET_TAKE.bind(hash)).await?;
        let Some(row) = row.filter(|row| row.expires_at > now) else {
            return Ok(None);
        };
        let client_key = ClientKey(row.client_key.clone());
        let tenant = self.still_installed(&client_key, row.installation).await?;
        let Some(tenant) = tenant.filter(|tenant| tenant.enabled) else {
            return Ok(None);
        };
        let vault = &self.sealer.vault;
        let opened = row.with_place(|place| vault.open(&tenant.key, place, &row.sealed));
        Ok(opened.is_ok().then(|| {
            let ticket = Ticket {
                account: AccountId(row.account_id),
                issue: row.issue.as_deref().and_then(IssueKey::parse),
                another: row.another,
                look: Look::parse(row.language.as_deref(), row.color_mode.as_deref()),
            };
            (tenant, ticket)
        }))
    }
}
