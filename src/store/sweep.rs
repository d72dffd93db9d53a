//! Deletes expired rows.

use crate::clock::Seconds;
use crate::error::Error;

use super::Store;
use super::rows::AttemptRow;
use super::statement::statements;

/// How many rows of a table are deleted at once.
const SWEPT: u32 = 1000;
/// How many expired attempts with tokens to revoke are ended at once, each in its own transaction.
const SWEPT_REDEEMED: u32 = 100;

statements! {
    /// A redeemed attempt holds tokens, which must be revoked; the others hold nothing.
    ATTEMPTS_EXPIRED_REDEEMED = "select {attempt} from attempt where expires_at <= $1 and phase = 'redeemed' \
        order by expires_at limit $2";
    ATTEMPTS_EXPIRED = "delete from attempt where id in \
        (select id from attempt where expires_at <= $1 and phase <> 'redeemed' limit $2)";
    ATTEMPT_ENDS_EXPIRED = "delete from attempt_end where id in \
        (select id from attempt_end where expires_at <= $1 limit $2)";
    SESSIONS_EXPIRED = "delete from session where id_hash in \
        (select id_hash from session where expires_at <= $1 limit $2)";
    TOKENS_EXPIRED = "delete from spent_token where token_hash in \
        (select token_hash from spent_token where expires_at <= $1 limit $2)";
    TICKETS_EXPIRED = "delete from ticket where ticket_hash in \
        (select ticket_hash from ticket where expires_at <= $1 limit $2)";
    /// A tenant of which nothing has failed for a day.
    FAILING_TENANTS_PAST = "delete from failing_tenant where client_key in \
        (select client_key from failing_tenant where met_at <= $1 - 86400 and opens_at <= $1 - 86400 limit $2)";
    /// A public key of Atlassian that nobody has named for a month.
    INSTALL_KEYS_PAST = "delete from install_key where kid in \
        (select kid from install_key where seen_at <= $1 - 2592000 limit $2)";
    LIFECYCLE_EXPIRED = "delete from lifecycle_token where token_hash in \
        (select token_hash from lifecycle_token where expires_at <= $1 limit $2)";
}

impl Store {
    /// Deletes expired rows, a limited number at a time, so that no other write waits long. True if there may
    /// be more.
    pub async fn sweep(&self, now: Seconds) -> Result<bool, Error> {
        let expired = ATTEMPTS_EXPIRED_REDEEMED
            .bind(now)
            .bind(i64::from(SWEPT_REDEEMED));
        let redeemed: Vec<AttemptRow> = self.connections.all(expired).await?;
        let mut more = redeemed.len() >= SWEPT_REDEEMED as usize;
        self.end_attempts(redeemed, None, now).await?;
        for statement in [
            &ATTEMPTS_EXPIRED,
            &ATTEMPT_ENDS_EXPIRED,
            &SESSIONS_EXPIRED,
            &TOKENS_EXPIRED,
            &TICKETS_EXPIRED,
            &LIFECYCLE_EXPIRED,
            &FAILING_TENANTS_PAST,
            &INSTALL_KEYS_PAST,
        ] {
            let expired = statement.bind(now).bind(i64::from(SWEPT));
            let swept = self.connections.execute(expired).await?;
            more |= swept >= u64::from(SWEPT);
        }
        self.forget_points(now).await?;
        Ok(more)
    }
}
