//! What the vendor's own servers may do: find the links of an account at their service, end them, and act in Jira as
//! the person of a link. Tenant and person come from the link and from nothing else that a caller says.

use std::sync::Arc;

use clap::ValueEnum;

use crate::atlassian::jira::{About, ActingToken, JiraError};
use crate::clock::Seconds;
use crate::error::{Error, Refusal};
use crate::linking::{self, Linking};
use crate::model::{Actor, Door, Left, LinkId, LinkState, Power, Purpose};
use crate::secret::{Changing, Secret, same};
use crate::store::VendorLink;

/// How many links one answer has at most.
pub const PAGE: i64 = 100;

/// How far the vendor's servers may act in Jira as the person of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ActAs {
    /// Not at all.
    Off,
    /// They may read what the person may read.
    Read,
    /// They may also write what the person may write.
    Write,
}

impl ActAs {
    /// The word of the setting.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    fn most(self) -> Option<Power> {
        match self {
            Self::Off => None,
            Self::Read => Some(Power::Read),
            Self::Write => Some(Power::Write),
        }
    }
}

/// The vendor's side.
pub struct Vendor {
    /// Ends links.
    pub linking: Arc<Linking>,
    /// Each of them opens this side. None: it is closed.
    pub secrets: Changing<Vec<Secret>>,
    /// How far its servers may act as people.
    pub act_as: ActAs,
}

/// A server of the vendor: only a secret makes one.
#[derive(Debug, Clone)]
pub struct VendorsServer(());

/// What names the person to act as.
pub enum Subject {
    /// A key that is signed here. All who can read the property have it; the secret of the caller makes the difference.
    Key(Secret),
    /// The id of a link.
    Link(LinkId),
}

/// What a server of the vendor needs to act as a person.
pub struct Acting {
    /// A token of Jira.
    pub token: ActingToken,
    /// What it may be used for.
    pub power: Power,
    /// Where it may be used, without a trailing slash.
    pub api_base_url: String,
    /// The person.
    pub account_id: String,
    /// Points of Jira's hourly quota: how many the app has in an hour, and how many of them are left.
    pub quota: (i64, i64),
    /// When the next hour begins.
    pub quota_resets_at: Seconds,
}

/// Why nobody may act as a person.
#[derive(Debug)]
pub enum NotActing {
    /// The operator has not allowed it.
    Off,
    /// The key or the link is unknown or has ended.
    Unknown,
    /// The link needs its person.
    NeedsPerson,
    /// The app is disabled at the site.
    Disabled,
    /// The admins of the site have switched it off.
    SwitchedOff,
    /// More is asked than the operator allows.
    TooMuch,
    /// By Forge a token has all the scopes of the app, and less was asked or allowed.
    NotLess,
    /// The person may not connect any more.
    NotAllowed(Refusal),
    /// Jira lets nobody act as this person.
    Forbidden,
    /// It could not be found out.
    Error(Error),
}

impl From<Error> for NotActing {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Vendor {
    /// Whether there is a secret that opens this side.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.secrets.now().is_empty()
    }

    /// The server that knows a secret. Each secret is compared, in the same time, whatever the others are.
    ///
    /// # Errors
    /// [`Error::NotFound`] while this side is closed, [`Error::UnknownCaller`], [`Error::TooMany`].
    pub fn known(&self, given: Option<&Secret>) -> Result<VendorsServer, Error> {
        let secrets = self.secrets.now();
        if secrets.is_empty() {
            return Err(Error::NotFound);
        }
        let given = given.ok_or(Error::UnknownCaller)?.fingerprint();
        let knows = secrets
            .iter()
            // Hashes have one length, so the time of the comparison does not tell the length of the secret.
            .fold(false, |knows, secret| {
                knows | same(&given, &secret.fingerprint())
            });
        if !knows {
            return Err(Error::UnknownCaller);
        }
        self.linking.limits.vendor(&given)?;
        Ok(VendorsServer(()))
    }

    /// A page of the links of an account at the service, behind the link with the id `after`; and the id behind which
    /// the next page begins, if there may be one.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions here.
    pub async fn links(
        &self,
        _: &VendorsServer,
        subject: &str,
        after: &str,
    ) -> Result<(Vec<VendorLink>, Option<String>), Error> {
        self.linking
            .parts
            .store
            .links_of_subject(subject, after, PAGE)
            .await
    }

    /// The link with this id.
    pub async fn link(&self, _: &VendorsServer, id: &LinkId) -> Result<Option<VendorLink>, Error> {
        self.linking.parts.store.vendor_link(id).await
    }

    /// Ends a link as its person's Disconnect does. Returns what is left to do.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such link.
    pub async fn end(&self, server: &VendorsServer, id: &LinkId) -> Result<Left, Error> {
        let found = self.link(server, id).await?.ok_or(Error::NotFound)?;
        let VendorLink { tenant, link, .. } = &found;
        linking::end(
            &self.linking,
            tenant,
            &link.account_id,
            Some(id),
            &Actor::Service,
        )
        .await
    }

    /// A token to act as the person of a link. Without `asked` it may be used for all that is allowed.
    ///
    /// # Errors
    /// Why not.
    pub async fn act(
        &self,
        server: &VendorsServer,
        subject: &Subject,
        asked: Option<Power>,
    ) -> Result<Acting, NotActing> {
        let most = self.act_as.most().ok_or(NotActing::Off)?;
        let id = self.named(subject).await?.ok_or(NotActing::Unknown)?;
        let found = self.link(server, &id).await?.ok_or(NotActing::Unknown)?;
        let VendorLink { tenant, link, .. } = &found;
        if matches!(link.state, LinkState::Reconnect(_)) {
            return Err(NotActing::NeedsPerson);
        }
        if !tenant.enabled {
            return Err(NotActing::Disabled);
        }
        let power = match asked {
            Some(Power::Write) if most == Power::Read => return Err(NotActing::TooMuch),
            Some(asked) => asked,
            None => most,
        };
        if power == Power::Read && matches!(tenant.door, Door::Forge(_)) {
            return Err(NotActing::NotLess);
        }
        let parts = &self.linking.parts;
        if !parts.store.site_rule(tenant).await?.act_as {
            return Err(NotActing::SwitchedOff);
        }
        let account = &link.account_id;
        if let Some(why) = linking::why_not(&self.linking, tenant, account).await? {
            return Err(NotActing::NotAllowed(why));
        }
        let about = About {
            tenant,
            account,
            purpose: Purpose::Person,
            failures: 0,
        };
        let now = parts.clock.now();
        let token = parts.jira.act_as(&about, power).await;
        let token = token.map_err(|error| match error {
            JiraError::Forbidden | JiraError::NotFound => NotActing::Forbidden,
            error => NotActing::Error(linking::no_word(now, error)),
        })?;
        parts
            .store
            .note_acting(tenant, account, power.as_str(), now)
            .await?;
        tracing::info!(tenant = %tenant.client_key, %account, scope = power.as_str(), "a server of the vendor may act as a person");
        let (taken, _) = parts.jira.quota().taken().await?;
        let most = parts.jira.quota().limits().quota;
        Ok(Acting {
            token,
            power,
            api_base_url: parts.jira.api_base_url(tenant),
            account_id: account.to_string(),
            quota: (most, (most - taken).max(0)),
            quota_resets_at: parts.jira.quota().next_hour(),
        })
    }

    /// The link that a subject names.
    async fn named(&self, subject: &Subject) -> Result<Option<LinkId>, Error> {
        match subject {
            Subject::Link(id) => Ok(Some(id.clone())),
            Subject::Key(key) => {
                let Some(signing) = &self.linking.parts.keys.signing else {
                    return Ok(None);
                };
                let claims = signing.introspect(key.expose()).await?;
                Ok(claims.map(|claims| LinkId(claims.link_id)))
            }
        }
    }
}
