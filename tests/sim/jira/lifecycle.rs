//! Installing an app and telling it what becomes of the installation.

use serde_json::{Value, json};
use url::Url;

use super::{App, AppState, Jira, Overrides, descriptor, tokens};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifecycleEvent {
    Installed,
    Uninstalled,
    Enabled,
    Disabled,
}

impl LifecycleEvent {
    pub fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Uninstalled => "uninstalled",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }

    /// Installs and uninstalls are signed with Atlassian's key, the others with the shared secret.
    fn is_signed_by_atlassian(self) -> bool {
        matches!(self, Self::Installed | Self::Uninstalled)
    }
}

/// A lifecycle call that is signed and not sent yet. It may come late, or twice.
#[derive(Clone, Debug)]
pub struct SignedCall {
    pub event: LifecycleEvent,
    pub body: Value,
    pub token: String,
}

/// What the app answered to a lifecycle call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleAnswer {
    pub status: u16,
    pub body: String,
}

impl LifecycleAnswer {
    pub fn accepted(&self) -> bool {
        matches!(self.status, 200 | 204)
    }
}

impl Jira {
    /// Installs the app with this descriptor as an admin would, and says why not if Jira or the
    /// app refuses. An app that is installed already is installed anew, with a new shared secret.
    pub async fn install(&self, site: &str, descriptor_url: &str) -> Result<(), String> {
        let before = self.site(site).app;
        self.learn(site, descriptor_url).await?;
        let answer = self.send_lifecycle(site, LifecycleEvent::Installed).await;
        match answer {
            Ok(answer) if answer.accepted() => {
                self.edit_site(site, |site| {
                    let app = site.app.as_mut().expect("learned above");
                    // Only now: until the app took the new secret, calls with the old one count.
                    app.secrets.drain(..app.secrets.len() - 1);
                });
            }
            refused => {
                self.edit_site(site, |site| site.app = before);
                return Err(format!(
                    "the app did not accept the installation: {refused:?}"
                ));
            }
        }
        self.edit_site(site, |site| {
            let app = site.app.as_ref().expect("installed above");
            let id = format!("557058:app-{}", app.key);
            let name = app.descriptor["name"].as_str().unwrap_or_default();
            let mut user = super::Person::new(&id, name);
            user.account_type = super::AccountType::App;
            site.people.insert(id, user);
        });
        // A notification: Jira does not mind what the app answers.
        let _ = self.send_lifecycle(site, LifecycleEvent::Enabled).await;
        Ok(())
    }

    /// Reads and checks a descriptor and gets everything ready for `installed`, without sending
    /// it: where a test wants to send its own.
    pub async fn learn(&self, site: &str, descriptor_url: &str) -> Result<(), String> {
        let (found, accepted) = self.read_descriptor(descriptor_url).await?;
        self.edit(|cloud| {
            cloud.installations += 1;
            let installation = cloud.installations;
            let secret = tokens::random_hex(32);
            cloud.secrets.insert(secret.clone());
            let site = cloud.site_mut(site);
            let mut secrets = match &site.app {
                Some(app) if app.state != AppState::Uninstalled => app.secrets.clone(),
                _ => Vec::new(),
            };
            secrets.push(secret);
            site.app = Some(App {
                key: accepted.key,
                base_url: accepted.base_url.trim_end_matches('/').to_owned(),
                descriptor_url: descriptor_url.to_owned(),
                descriptor: found,
                scopes: accepted.scopes,
                secrets,
                oauth_client_id: tokens::random_hex(16),
                installation,
                state: AppState::Known,
            });
        });
        Ok(())
    }

    async fn read_descriptor(
        &self,
        address: &str,
    ) -> Result<(Value, descriptor::Accepted), String> {
        let get = |address: &str| self.inner.http.get(address).send();
        let unreadable = |error: reqwest::Error| format!("{address} cannot be read: {error}");
        let answer = get(address).await.map_err(unreadable)?;
        if answer.status() != 200 {
            return Err(format!("the descriptor answers {}", answer.status()));
        }
        let found: Value = answer.json().await.map_err(unreadable)?;
        let accepted = descriptor::check(&found)?;
        for icon in &accepted.icons {
            let answer = get(icon).await.map_err(unreadable)?;
            let kind = answer.headers().get("content-type");
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            if answer.status() != 200 || !kind.starts_with("image/") {
                return Err(format!(
                    "the icon {icon} answers {} as {kind}",
                    answer.status()
                ));
            }
        }
        Ok((found, accepted))
    }

    /// Sends `installed` again with the same secret, as Jira does on an upgrade.
    pub async fn upgrade(&self, site: &str) -> Result<LifecycleAnswer, String> {
        let app = self.site(site).app.ok_or("the app was never installed")?;
        let (found, accepted) = self.read_descriptor(&app.descriptor_url).await?;
        self.edit_site(site, |site| {
            let app = site.app.as_mut().expect("it was there above");
            app.descriptor = found;
            app.scopes = accepted.scopes;
        });
        self.send_lifecycle(site, LifecycleEvent::Installed).await
    }

    /// Removes the app and installs it again.
    pub async fn reinstall(&self, site: &str) -> Result<(), String> {
        let app = self.site(site).app.ok_or("the app was never installed")?;
        self.uninstall(site).await?;
        self.install(site, &app.descriptor_url).await
    }

    /// Gives the app a new shared secret; the old one counts until the app took the new one.
    pub async fn rotate_secret(&self, site: &str) -> Result<LifecycleAnswer, String> {
        let secret = tokens::random_hex(32);
        self.keep_secret(&secret);
        self.edit_site(site, |site| {
            let app = site.app.as_mut();
            app.map(|app| app.secrets.push(secret))
        })
        .ok_or("the app was never installed")?;
        let answer = self.send_lifecycle(site, LifecycleEvent::Installed).await;
        let accepted = matches!(&answer, Ok(answer) if answer.accepted());
        self.edit_site(site, |site| {
            let secrets = &mut site.app.as_mut().expect("it was there above").secrets;
            match accepted {
                true => drop(secrets.drain(..secrets.len() - 1)),
                false => drop(secrets.pop()),
            }
        });
        answer
    }

    /// Gives a site a custom domain, `{label}.localhost`, and tells the app.
    pub async fn rename_site(&self, site: &str, label: &str) -> Result<LifecycleAnswer, String> {
        self.edit_site(site, |site| site.display_label = Some(label.to_owned()));
        self.send_lifecycle(site, LifecycleEvent::Installed).await
    }

    /// Gives a site another base URL; the old host redirects. The app is told by
    /// [`Jira::upgrade`], which real sites do late.
    pub fn move_site(&self, site: &str, new_name: &str) {
        self.edit(|cloud| {
            let mut moved = cloud.sites.remove(site).expect("the site exists");
            moved.former_labels.push(site.to_owned());
            new_name.clone_into(&mut moved.name);
            cloud.sites.insert(new_name.to_owned(), moved);
            for session in cloud.sessions.values_mut() {
                if session.site == site {
                    new_name.clone_into(&mut session.site);
                }
            }
            for bearer in cloud.bearers.values_mut() {
                if bearer.site == site {
                    new_name.clone_into(&mut bearer.site);
                }
            }
        });
    }

    /// Takes the app away. From this moment its calls are refused, whatever it answers.
    pub async fn uninstall(&self, site: &str) -> Result<LifecycleAnswer, String> {
        self.send_lifecycle(site, LifecycleEvent::Uninstalled).await
    }

    pub async fn enable(&self, site: &str) -> Result<LifecycleAnswer, String> {
        self.send_lifecycle(site, LifecycleEvent::Enabled).await
    }

    pub async fn disable(&self, site: &str) -> Result<LifecycleAnswer, String> {
        self.send_lifecycle(site, LifecycleEvent::Disabled).await
    }

    async fn send_lifecycle(
        &self,
        site: &str,
        event: LifecycleEvent,
    ) -> Result<LifecycleAnswer, String> {
        // Before the call, so that the app can call back as soon as it knows.
        let was = self.edit_site(site, |site| {
            let app = site.app.as_mut().ok_or("the app was never installed")?;
            let now = match event {
                // It tells of an upgrade or a new secret too, and enables nothing then.
                LifecycleEvent::Installed if app.state == AppState::Disabled => AppState::Disabled,
                LifecycleEvent::Installed | LifecycleEvent::Enabled => AppState::Enabled,
                LifecycleEvent::Disabled => AppState::Disabled,
                LifecycleEvent::Uninstalled => AppState::Uninstalled,
            };
            Ok::<_, String>(std::mem::replace(&mut app.state, now))
        })?;
        let app = self.site(site).app.expect("it was there above");
        if app.descriptor["lifecycle"][event.name()].is_null() {
            let body = "the descriptor does not ask to be told".to_owned();
            return Ok(LifecycleAnswer { status: 204, body });
        }
        let body = self.lifecycle_body(site, event);
        let token = self.lifecycle_token(site, event, &Overrides::none());
        let answer = self
            .post_lifecycle(site, event, &body, Some(&format!("JWT {token}")))
            .await;
        // An upgrade that the app refuses leaves the installation as it was.
        if event == LifecycleEvent::Installed && !matches!(&answer, Ok(answer) if answer.accepted())
        {
            self.edit_site(site, |site| {
                if let Some(app) = &mut site.app {
                    app.state = was;
                }
            });
        }
        answer
    }

    /// The body of a lifecycle call, for a test to bend.
    pub fn lifecycle_body(&self, site: &str, event: LifecycleEvent) -> Value {
        let site = self.site(site);
        let app = site.app.expect("a descriptor was read on this site");
        let display_url = self.display_url(&site.name);
        let mut body = json!({
            "key": app.key,
            "clientKey": site.client_key,
            "oauthClientId": app.oauth_client_id,
            "baseUrl": self.url(&site.name),
            "displayUrl": display_url,
            "displayUrlServicedeskHelpCenter": display_url,
            "productType": "jira",
            "description": "Atlassian JIRA at this site",
            "serverVersion": "100292",
            "pluginsVersion": "1001.0.0-SNAPSHOT",
            "eventType": event.name(),
        });
        if event == LifecycleEvent::Installed {
            body["sharedSecret"] = json!(app.secrets.last());
        }
        body
    }

    /// Signs a call about the app as it is now. [`Jira::deliver`] sends it, whenever and as often as a
    /// test likes.
    pub fn sign_lifecycle(
        &self,
        site: &str,
        event: LifecycleEvent,
        overrides: &Overrides,
    ) -> SignedCall {
        SignedCall {
            event,
            body: self.lifecycle_body(site, event),
            token: self.lifecycle_token(site, event, overrides),
        }
    }

    /// Sends a call that was signed before, changing nothing in this cloud.
    pub async fn deliver(&self, site: &str, call: &SignedCall) -> Result<LifecycleAnswer, String> {
        let authorization = format!("JWT {}", call.token);
        self.post_lifecycle(site, call.event, &call.body, Some(&authorization))
            .await
    }

    /// The token of a lifecycle call, bent as a test wants it. No two are the same, those of one second
    /// neither: whether Atlassian sees to that is not known, and a test that wants the same one again
    /// sends it again.
    pub fn lifecycle_token(
        &self,
        site: &str,
        event: LifecycleEvent,
        overrides: &Overrides,
    ) -> String {
        let overrides = &overrides.clone().claim("jti", tokens::random_hex(8));
        let found = self.site(site);
        let app = found.app.expect("a descriptor was read on this site");
        let path = app.descriptor["lifecycle"][event.name()].as_str();
        let path = path.unwrap_or_default();
        if !event.is_signed_by_atlassian() {
            return self.server_token(site, "POST", path, overrides);
        }
        let kid = self.look(|cloud| cloud.install_kids.last().cloned());
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": kid});
        let claims = json!({
            "iss": found.client_key,
            "aud": app.base_url,
            "iat": self.now(),
            "exp": self.now() + 180,
            "qsh": tokens::query_hash("POST", path, ""),
        });
        let secret = app.secrets.last().map_or("", String::as_str);
        let token = tokens::mint(header, claims, secret, overrides);
        self.keep_secret(&token);
        token
    }

    /// Posts a lifecycle call exactly so, changing nothing in this cloud.
    pub async fn post_lifecycle(
        &self,
        site: &str,
        event: LifecycleEvent,
        body: &Value,
        authorization: Option<&str>,
    ) -> Result<LifecycleAnswer, String> {
        let app = self.site(site).app.ok_or("no descriptor was read")?;
        let path = app.descriptor["lifecycle"][event.name()].as_str();
        let path = path.ok_or(format!("the descriptor has no lifecycle.{}", event.name()))?;
        let mut request = self
            .inner
            .http
            .post(format!("{}{path}", app.base_url))
            .json(body);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let failed = |error: reqwest::Error| format!("{} failed: {error}", event.name());
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let body = answer.text().await.map_err(failed)?;
        Ok(LifecycleAnswer { status, body })
    }

    /// Signs lifecycle calls under a new `kid` from now on.
    pub fn rotate_install_key(&self) {
        self.edit(|cloud| cloud.install_kids.push(tokens::random_uuid()));
    }

    /// Takes every key but the newest from the key server.
    pub fn withdraw_older_install_keys(&self) {
        self.edit(|cloud| {
            let newest = cloud.install_kids.pop();
            cloud.install_kids = newest.into_iter().collect();
        });
    }

    /// The `kid` that lifecycle calls are signed under now.
    pub fn newest_install_kid(&self) -> String {
        self.look(|cloud| cloud.install_kids.last().cloned())
            .expect("there is one from the start")
    }

    /// The address of a framed page of the app as Jira would put it into the frame, with its token.
    pub fn framed_url<'a>(
        &self,
        site: &str,
        account: impl Into<Option<&'a str>>,
        origin: &str,
        path_and_query: &str,
        overrides: &Overrides,
    ) -> String {
        let site_now = self.site(site);
        let app = site_now.app.expect("the app was installed");
        let joint = if path_and_query.contains('?') {
            '&'
        } else {
            '?'
        };
        let address = format!(
            "{path_and_query}{joint}xdm_e={}&xdm_c=channel-{}&cp=&loc={}&lic=none&cv=1001.0.0-SNAPSHOT",
            tokens::percent(origin),
            tokens::percent(&app.key),
            tokens::percent(&site_now.language),
        );
        let token = self.iframe_token(site, account, "GET", &address, overrides);
        format!("{}{address}&jwt={token}", app.base_url)
    }

    /// The origin of the app's own pages.
    pub(super) fn app_origin(app: &App) -> String {
        Url::parse(&app.base_url).map_or(String::new(), |url| url.origin().ascii_serialization())
    }
}
