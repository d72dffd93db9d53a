//! The two doors of a site: what comes by Forge, how a site moves there, and what comes too late.

use std::sync::Arc;

use latchkey::App;
use latchkey::atlassian::forge::Endpoint;
use latchkey::cleanup;
use latchkey::clock::Seconds;
use latchkey::error::Error;
use latchkey::model::{Heard, Installation};
use latchkey::secret::Secret;

use crate::scene::told;
use crate::sim::jira::{AppState, By, Overrides, TokensEnd};

use super::step::{Late, SITES, Told, Which};
use super::world::{DONE, World, account_of};

/// How often the schedule of Forge calls, in seconds.
const EACH: Seconds = 3600;
/// How long a call of an installation that is gone may be on its way, in seconds.
const IN_FLIGHT: Seconds = 30;
/// Where the app is found; nobody calls it there.
const REMOTE: &str = "http://latchkey.localhost:1";

/// How the product calls a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Connect,
    /// It has moved, and what was shared with Connect is still there.
    Moving,
    Forge,
}

/// A call of Forge's, as the product's routes take it apart.
struct Called {
    fit: String,
    system_token: Option<String>,
    /// The endpoint that Forge calls, or none for a page.
    endpoint: Option<Endpoint>,
}

impl Called {
    async fn arrive(self, app: Arc<App>) {
        let forge = app.forge.as_ref().expect("the settings name an app");
        let system_token = self.system_token.map(Secret::new);
        let arrived = match self.endpoint {
            None => forge.viewer(&self.fit, system_token).await.map(|_| ()),
            Some(Endpoint::Leaving) => {
                let called = forge.called(Endpoint::Leaving, &self.fit, system_token);
                match called.await {
                    Ok(Some(tenant)) => cleanup::leave(&app.parts, &tenant).await,
                    other => other.map(|_| ()),
                }
            }
            Some(endpoint) => {
                let called = forge.called(endpoint, &self.fit, system_token);
                called.await.map(|_| ())
            }
        };
        match arrived {
            // Jira may be away, and an installation speaks for nobody until its site is known.
            Ok(()) | Err(Error::SettingUp | Error::NotServed | Error::JiraUnreachable(_)) => {}
            Err(error) => panic!("a call of Forge is refused: {error}"),
        }
    }
}

impl World {
    /// Looks up by which door each site comes, under which name, and whether it is there: a call of Forge may settle
    /// that or not.
    pub fn look_at_doors(&mut self) {
        const TENANTS: &str = "select t.client_key, case when f.installation is null then 'connect' \
            when t.oauth_client_id is null then 'forge' else 'moving' end || ' ' || coalesce(f.installation, '') \
            from tenant t left join forge_installation f on f.client_key = t.client_key and f.standing = 'current' \
            where t.installed";
        let tenants = self.sims.block_on(self.database.pairs(TENANTS));
        for site in 0..SITES.len() {
            let found = tenants
                .iter()
                .find(|(client_key, _)| self.names[site].contains(client_key));
            self.speaks[site].clear();
            if let Some((client_key, found)) = found {
                let (way, installation) = found.split_once(' ').expect("two words");
                self.client_keys[site].clone_from(client_key);
                installation.clone_into(&mut self.speaks[site]);
                self.ways[site] = match way {
                    "connect" => Way::Connect,
                    "moving" => Way::Moving,
                    _ => Way::Forge,
                };
            }
            if self.ever_by_forge(site) {
                self.installed[site] = found.is_some();
                // Nobody can disable it there.
                if self.ways[site] != Way::Connect {
                    self.enabled[site] = true;
                }
            }
        }
    }

    /// Whether the Forge app was ever installed there: then it does not come by Connect again.
    pub fn ever_by_forge(&self, site: usize) -> bool {
        self.sim.jira.look(|cloud| {
            let site = cloud.sites.get(SITES[site]);
            site.is_some_and(|site| site.forge.is_some())
        })
    }

    pub fn has_forge(&self, site: usize) -> bool {
        self.ever_by_forge(site) && self.sim.jira.has_forge(SITES[site])
    }

    /// A call by the installation that is there, or that was there last.
    fn called(&self, site: usize, what: Told, overrides: &Overrides) -> Called {
        let (jira, site_name) = (&self.sim.jira, SITES[site]);
        let account = account_of(0);
        let (by, endpoint) = match what {
            Told::Tick | Told::TickWithoutToken => {
                (By::Endpoint("latchkey-tick"), Some(Endpoint::Tick))
            }
            Told::Lifecycle => (
                By::Endpoint("latchkey-lifecycle"),
                Some(Endpoint::Lifecycle),
            ),
            Told::Page | Told::PageWithToken => (By::Person(&account), None),
        };
        let brings = !matches!(what, Told::TickWithoutToken | Told::Page);
        Called {
            fit: jira.invocation_token(site_name, by, overrides),
            system_token: brings.then(|| jira.system_token(site_name)),
            endpoint,
        }
    }

    fn leaves(&self, site: usize, overrides: &Overrides) -> Called {
        let by = By::Endpoint("latchkey-leaving");
        let (jira, site) = (&self.sim.jira, SITES[site]);
        Called {
            fit: jira.invocation_token(site, by, overrides),
            system_token: Some(jira.system_token(site)),
            endpoint: Some(Endpoint::Leaving),
        }
    }

    /// Forge calls, if the app is there.
    pub fn tell(&mut self, which: Which, site: usize, what: Told) {
        // Where Connect's app is disabled, nothing but a system token lets the product in.
        let what = match self.enabled[site] {
            true => what,
            false => Told::Tick,
        };
        if let Some(arrives) = self.telling(self.awake(which), site, what) {
            let which = self.awake(which);
            self.processes[which].request(arrives);
        }
    }

    pub fn telling(
        &mut self,
        which: usize,
        site: usize,
        what: Told,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        if !self.has_forge(site) {
            return None;
        }
        if matches!(what, Told::Tick) {
            self.ticked_at[site] = self.clock.now();
        }
        let app = self.processes[which].app.clone();
        Some(self.called(site, what, &Overrides::none()).arrive(app))
    }

    /// The schedule, where it goes on.
    pub fn tick_on_schedule(&mut self, which: Which) {
        let now = self.clock.now();
        for site in 0..SITES.len() {
            if self.scheduled[site] && now - self.ticked_at[site] >= EACH {
                self.tell(which, site, Told::Tick);
            }
        }
    }

    /// An admin installs the Forge app, whatever is there. `first` is what is called then, if anything.
    pub fn move_to_forge(&mut self, which: Which, site: usize, first: Option<Told>) {
        if self.has_forge(site) {
            return;
        }
        self.sim.jira.put_forge(SITES[site], REMOTE);
        if let Some(first) = first {
            self.tell(which, site, first);
        }
    }

    pub fn reinstall_forge(&mut self, which: Which, site: usize, first: Option<Told>) {
        if !self.has_forge(site) {
            return;
        }
        let before = self.sim.jira.site(SITES[site]).forge;
        self.forge_before[site] = before.map(|before| (before, self.clock.now()));
        self.sim.jira.put_forge(SITES[site], REMOTE);
        if let Some(first) = first {
            self.tell(which, site, first);
        }
    }

    /// The app is uninstalled and says so before.
    pub fn leave(&mut self, which: Which, site: usize) -> Result<(), String> {
        if let Some(leaves) = self.leaving(self.awake(which), site) {
            let which = self.awake(which);
            self.processes[which].request(leaves);
            self.settle()?;
            self.has_left(site);
        }
        Ok(())
    }

    pub fn leaving(
        &mut self,
        which: usize,
        site: usize,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let app = self.processes[which].app.clone();
        self.has_forge(site)
            .then(|| self.leaves(site, &Overrides::none()).arrive(app))
    }

    pub fn has_left(&mut self, site: usize) {
        self.sim.jira.lose_forge(SITES[site], TokensEnd::AtOnce);
        self.leave_behind(site);
    }

    /// The Forge app is gone, and a database that was put back does not know: the product is told directly.
    pub fn has_left_unheard(&mut self, which: Which, site: usize) {
        let which = self.awake(which);
        let (client_key, now) = (self.client_key(site), self.clock.now());
        let process = &self.processes[which];
        let store = &process.app.parts.store;
        process.run(async {
            if let Some(tenant) = store.tenant(&client_key).await.expect(DONE) {
                store.leave(&tenant, now).await.expect(DONE);
            }
        });
        self.leave_behind(site);
    }

    /// Which changes nothing.
    pub fn late(&mut self, which: Which, site: usize, what: Late) {
        let which = self.awake(which);
        let now = self.clock.now();
        match what {
            Late::Tick | Late::Leaving => {
                let Some((before, replaced_at)) = self.forge_before[site].clone() else {
                    return;
                };
                let name = SITES[site];
                let present = self.sim.jira.site(name).forge;
                // Longer, and its token has run out.
                if now - replaced_at > IN_FLIGHT {
                    return;
                }
                // As long as the product knows of no other, it speaks with the installation before.
                let known = present.as_ref().is_some_and(|present| {
                    present.installed && self.speaks[site].ends_with(&present.installation)
                });
                if !known {
                    return;
                }
                self.sim
                    .jira
                    .edit_site(name, |site| site.forge = Some(before));
                // Forge issues no token for what is gone.
                let issued = Overrides::none().claim("iat", replaced_at - 1);
                let late = match what {
                    Late::Leaving => self.leaves(site, &issued),
                    _ => self.called(site, Told::Tick, &issued),
                };
                // A product whose database was put back may still speak with it, and is refused.
                self.sim.jira.forget_system_tokens(name);
                self.sim.jira.edit_site(name, |site| site.forge = present);
                let app = self.processes[which].app.clone();
                self.processes[which].request(late.arrive(app));
            }
            Late::Installed | Late::Uninstalled | Late::Disabled => {
                // As long as calls go by Connect, its app is there.
                if self.ways[site] != Way::Forge || !self.installed[site] || !self.has_forge(site) {
                    return;
                }
                if matches!(what, Late::Uninstalled) {
                    self.set_state(site, AppState::Uninstalled);
                }
                let (client_key, call) = (self.client_key(site), told(now));
                let base_url = self.sim.jira.url(SITES[site]);
                let process = &self.processes[which];
                let store = &process.app.parts.store;
                let heard = process.run(async {
                    match what {
                        Late::Installed => {
                            let installation = Installation {
                                client_key,
                                display_urls: vec![base_url.clone()],
                                base_url,
                                shared_secret: Secret::new("a secret of Connect".to_owned()),
                                oauth_client_id: Some("a client of Connect".to_owned()),
                            };
                            store.install(&installation, &call, now).await
                        }
                        Late::Uninstalled => store.uninstall(&client_key, &call, now).await,
                        _ => {
                            let tenant = store.tenant(&client_key).await.expect(DONE);
                            let tenant = tenant.expect("it is installed");
                            store.enable(&tenant, false, &call, now).await
                        }
                    }
                });
                assert_eq!(heard.expect(DONE), Heard::Moved, "{what:?}");
            }
        }
    }
}
