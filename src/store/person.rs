//! What Jira said about people.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{AccountId, AccountKind, Person, Tenant};

use super::Store;
use super::rows::PersonRow;
use super::statement::statements;

statements! {
    PERSON = "select {person} from person where client_key = $1 and account_id = $2";
    PERSON_REMEMBER = "insert into person (client_key, account_id, kind, active, display_name, checked_at) \
        values ($1, $2, $3, $4, $5, $6) on conflict (client_key, account_id) do update set \
        kind = excluded.kind, active = excluded.active, display_name = excluded.display_name, \
        checked_at = excluded.checked_at";
}

impl Store {
    /// A person as Jira described them, and when.
    pub async fn person(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<Option<(Person, Seconds)>, Error> {
        let person = PERSON
            .bind(tenant.client_key.as_str())
            .bind(account.as_str());
        let row: Option<PersonRow> = self.connections.optional(person).await?;
        Ok(row.map(|row| {
            let person = Person {
                kind: AccountKind::parse(&row.kind),
                active: row.active,
                display_name: row.display_name,
            };
            (person, row.checked_at)
        }))
    }

    /// Stores how Jira described a person.
    pub async fn remember_person(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        person: &Person,
        now: Seconds,
    ) -> Result<(), Error> {
        let remember = PERSON_REMEMBER
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(person.kind.as_str())
            .bind(person.active)
            .bind(&person.display_name)
            .bind(now);
        self.connections.execute(remember).await?;
        Ok(())
    }
}
