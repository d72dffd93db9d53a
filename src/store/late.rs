//! Writes to Jira that may arrive after the link that they are about has ended.
//!
//! A process may have a PUT on its way when the link that it has claimed ends or is replaced. If the process lives, it
//! finds its link gone after the PUT, and takes back what it put. If it was killed, nobody does: the PUT may reach Jira
//! after the deletion, or after the PUT of the newer link. So the transaction that ends the link also lists a second
//! deletion of the property, for the time when no such PUT can be on its way any more. By then the newer link, where there
//! is one, is put again instead, as for every deletion.
//!
//! A claim says that its process may be writing, unless the claim is still an intent: a process puts nothing into Jira before
//! it has committed what the service answered. When another process frees or takes over a claim, the row keeps until when a
//! write of it may arrive (`late_write_until`), because the link may end after that.
//!
//! A process that finds its link gone knows more than the list, and takes the second deletion off it. It finds the entry
//! by the id of the link, which no other entry has.

use crate::clock::Seconds;
use crate::error::Error;
use crate::outbound::TIME_LIMIT;

use super::Store;
use super::claim::Claim;
use super::cleanup::Owner;
use super::rows::LinkRow;
use super::sealer::Sealer;
use super::statement::statements;
use super::transaction::Transaction;

statements! {
    NO_LATE_WRITE = "delete from cleanup where id = $1 and kind = 'delete_property'";
}

/// For how long after its link has ended a process may still write to Jira, in seconds. The last look at the link comes
/// right before the write, and a write is at most four requests, one after the other: as the app, once more with a new
/// signature, for a token of the person, and as the person.
pub(super) const LATE: Seconds = 4 * TIME_LIMIT.as_secs().cast_signed();

/// Takes the second deletion after the end of this link off the list, if there is one.
pub(super) async fn no_late_write(tx: &mut Transaction<'_>, link: &str) -> Result<(), Error> {
    tx.execute(NO_LATE_WRITE.bind(link)).await?;
    Ok(())
}

impl Sealer {
    /// Lists a second deletion of the property of a link that has just ended or been replaced, if a write about it may
    /// still be on its way.
    pub(super) async fn expect_late_write(
        &self,
        tx: &mut Transaction<'_>,
        ended: &LinkRow,
        now: Seconds,
    ) -> Result<(), Error> {
        let id = if ended.late_write_until.is_some_and(|until| until > now) {
            // An earlier process may have written. The one that holds the claim now knows nothing of that, so it must
            // not find the entry.
            self.random.id()
        } else if ended.claim.is_some() && ended.intent_at.is_none() {
            ended.id.clone()
        } else {
            return Ok(());
        };
        self.add_deletion_as(tx, id, &Owner::of(ended), now + LATE)
            .await
    }
}

impl Store {
    /// For a process that has found the link of its claim gone: nothing that it wrote is on its way to Jira.
    pub async fn no_late_write(&self, claim: &Claim) -> Result<(), Error> {
        let none = NO_LATE_WRITE.bind(claim.link.id.as_str());
        self.connections.execute(none).await?;
        Ok(())
    }
}
