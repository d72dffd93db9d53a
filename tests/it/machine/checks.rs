//! What must be true after every step, when all has been well for long, and at the end.

use std::collections::{BTreeMap, HashMap, HashSet};

use latchkey::clock::parse_rfc3339;
use latchkey::model::AccountId;
use latchkey::vault::Place;
use serde_json::Value;

use crate::rotating::vault;
use crate::scene::PROPERTY;
use crate::sim::service::{Cause, Endpoint, Ledger, Outcome};

use super::process::Process;
use super::step::{Deed, PEOPLE, SITES, Step, Who};
use super::world::{DONE, Row, SEALING_KEY, World, account_of, site_of};

/// How it was before a step.
pub struct Before {
    installed: [bool; SITES.len()],
    /// Who was linked, and the ids of their links.
    linked: BTreeMap<Who, String>,
}

/// A key as programs get it: from Jira, or from the app where Jira has a handle.
struct Key {
    key: String,
    grant: usize,
    generation: i64,
    expires_at: i64,
}

fn key(property: &Value) -> Option<Key> {
    Some(Key {
        key: property["apiKey"].as_str()?.to_owned(),
        grant: property["displayName"].as_str()?.parse().ok()?,
        generation: property["generation"].as_i64()?,
        expires_at: parse_rfc3339(property["expiresAt"].as_str()?)?,
    })
}

/// A handle as it stands in Jira.
#[derive(Debug)]
struct Handle {
    link: String,
    grant: usize,
}

fn handle(property: &Value) -> Option<Handle> {
    let has_key = property.get("apiKey").is_some() || property.get("generation").is_some();
    (!has_key).then_some(())?;
    Some(Handle {
        link: property["linkId"].as_str()?.to_owned(),
        grant: property["displayName"].as_str()?.parse().ok()?,
    })
}

/// Whether the service itself has ended a grant, at its person's wish or because a refresh token came
/// twice.
fn ended_there(ledger: &Ledger, grant: usize) -> bool {
    let cause = ledger.grants()[grant].revoked;
    matches!(cause, Some(Cause::Person | Cause::RefreshTokenReused))
}

type Checked = Result<(), String>;

/// Whether the service has refused a grant three times or more since it last gave a token, without having ended it.
fn keeps_refusing(ledger: &Ledger, grant: usize) -> bool {
    let requests = ledger.token_requests().iter().rev();
    let of_it = requests.filter(|request| request.grant == Some(grant) && request.ended.is_some());
    let refused = of_it.take_while(|request| request.outcome.is_none());
    refused.filter(|request| !request.unanswered).count() >= 3
}

impl World {
    pub fn before(&self) -> Before {
        Before {
            installed: self.installed,
            linked: self
                .rows
                .iter()
                .map(|(who, row)| (*who, row.id.clone()))
                .collect(),
        }
    }

    pub fn check(&mut self, step: &Step, before: &Before) -> Checked {
        let rows = self.read_rows();
        let ended = self.ended.clone();
        self.check_who_is_gone(step, &rows)?;
        self.rows = rows;
        self.check_requests(&ended)?;
        self.check_links()?;
        self.check_calls(before)?;
        if self.kit.handles {
            self.check_handles(before)?;
        }
        self.check_keys()?;
        self.check_expected()?;
        if self.steps.is_multiple_of(25) {
            self.check_history()?;
            self.check_told()?;
        }
        Ok(())
    }

    /// Somebody who reads the messages, one after the other, knows what stands in the database.
    pub fn check_told(&mut self) -> Checked {
        const MESSAGES: &str = "select client_key || ' ' || id || ' ' || link_id, sealed from webhook order by position";
        // A process may be ending links just now.
        let read = self.sims.block_on(self.database.pairs_and_links(MESSAGES));
        let (messages, links) = read;
        let vault = vault(SEALING_KEY);
        let mut told = HashMap::new();
        for (names, sealed) in messages {
            let names: Vec<&str> = names.split(' ').collect();
            let [tenant, row, link] = names[..] else {
                return Err(format!("three names: {names:?}"));
            };
            let place = Place {
                column: "webhook.sealed",
                tenant,
                row,
                generation: 0,
                bound: &[],
            };
            let opened = vault.open_beyond_tenant(place, &sealed);
            let opened = opened.map_err(|_| format!("a message about {link} does not open"))?;
            let message: Value = serde_json::from_str(opened.expose()).expect("JSON");
            let state = message["data"]["state"].as_str().expect("a state");
            told.insert(link.to_owned(), state.to_owned());
        }
        for (link, state) in &told {
            if state != "ended" && !links.iter().any(|there| there.id == *link) {
                return Err(format!("{link} has ended, and was told to be {state}"));
            }
        }
        self.told.extend(told);
        for link in links {
            let is = match link.state.as_str() {
                "reconnect" => "reconnect",
                _ => "linked",
            };
            let told = self.told.get(&link.id).map(String::as_str);
            if told != Some(is) {
                return Err(format!("{} is {is}, and was told to be {told:?}", link.id));
            }
        }
        Ok(())
    }

    fn check_expected(&self) -> Checked {
        let mut unexpected = self.sim.unexpected();
        // Of a clock that was ahead.
        unexpected.retain(|what| !what.ends_with("s in the future"));
        // While a site moves, calls go as before when no system token works, even where Connect's app is disabled.
        let moving = |site: &str| {
            let site = SITES.iter().position(|name| *name == site);
            site.is_some_and(|site| self.ever_by_forge(site))
        };
        unexpected.retain(|what| {
            let called = what.strip_suffix(" -> 401: the app is not installed and enabled here");
            let called = called.and_then(|called| called.split([' ', '/']).nth(2));
            !called.is_some_and(moving)
        });
        if unexpected.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the world saw what it did not expect: {unexpected:#?}"
        ))
    }

    /// Only a person, an admin or another link ends a link.
    fn check_who_is_gone(&mut self, step: &Step, rows: &BTreeMap<Who, Row>) -> Checked {
        for (who, was) in &self.rows {
            let is = rows.get(who);
            if is.is_some_and(|is| is.id == was.id) {
                let is = is.expect("just looked at");
                if is.generation < was.generation || is.published < was.published {
                    return Err(format!("a link went back: {was:?} is now {is:?}"));
                }
                continue;
            }
            let ended = match step {
                Step::Unlink(_, whose) | Step::Kill(_, Deed::Unlink(whose), _) => whose == who,
                Step::Link(_, whose, _)
                | Step::Confirm(_, whose)
                | Step::Kill(_, Deed::Link(whose, _), _) => whose == who && is.is_some(),
                _ => false,
            };
            if !ended && was.current && self.installed[site_of(*who)] {
                return Err(format!("nobody has ended {was:?}, and it is gone"));
            }
            self.replaced.insert(was.grant);
            if is.is_none() || !was.current {
                let grants = self.grants_of.remove(who).unwrap_or_default();
                self.ended.extend(grants);
                self.ended.insert(was.grant);
            }
        }
        for (who, row) in rows {
            self.grants_of.entry(*who).or_default().insert(row.grant);
            if row.published > 0 && row.current {
                self.left_behind.remove(who);
            }
        }
        Ok(())
    }

    /// Whose answer was lost is excused; nobody asks for a link that has ended.
    ///
    /// `ended` are grants whose links had ended before the step.
    fn check_requests(&mut self, ended: &HashSet<usize>) -> Checked {
        let (from, half) = (self.requests_seen, self.half_answers);
        let (all, seen, lost, asked) = self.sim.service.look(|ledger| {
            let (mut lost, mut asked) = (Vec::new(), Vec::new());
            let requests = ledger.token_requests();
            // The first that is still open is looked at again.
            let mut seen = requests.len();
            for (number, request) in requests.iter().enumerate().skip(from) {
                let Some(grant) = request.grant else { continue };
                if request.ended.is_none() {
                    seen = seen.min(number);
                }
                if request.outcome == Some(Outcome::Granted) && (request.unanswered || half) {
                    lost.push(grant);
                }
                if request.endpoint == Endpoint::Refresh {
                    asked.push((number, grant));
                }
            }
            (requests.len(), seen, lost, asked)
        });
        for grant in lost {
            let row = self.rows.values().find(|row| row.grant == grant);
            if let Some(row) = row {
                self.excused.insert(grant, row.generation);
            }
        }
        // Keys are deleted with an access token, which may need a last refresh.
        for (number, grant) in asked {
            if number >= self.requests_asked && ended.contains(&grant) && !self.kit.mints {
                return Err(format!(
                    "a token request for grant {grant}, whose link had ended"
                ));
            }
        }
        self.requests_asked = self.requests_asked.max(all);
        self.requests_seen = seen;
        Ok(())
    }

    fn check_links(&mut self) -> Checked {
        let mut lost = std::mem::take(&mut self.lost);
        let checked = self.check_each_link(&mut lost);
        self.lost = lost;
        checked
    }

    fn check_each_link(&self, lost: &mut HashSet<usize>) -> Checked {
        self.sim.service.look(|ledger| {
            for (who, row) in &self.rows {
                if row.state == "aside" && row.reason == "seal_broken" {
                    return Err(format!("a credential was spoiled: {row:?}"));
                }
                if !row.current || row.grant < self.forgotten {
                    continue;
                }
                let cause = ledger.grants()[row.grant].revoked;
                if cause == Some(Cause::Client) {
                    return Err(format!(
                        "the product itself ended the grant of {row:?} of {who}"
                    ));
                }
                let first = cause == Some(Cause::RefreshTokenReused) && lost.insert(row.grant);
                // A link that a restore has set back goes on at Jira's generation.
                let excused = self.excused.get(&row.grant).is_some_and(|generation| {
                    *generation == row.generation || row.reason == "restored"
                });
                if first && !excused {
                    return Err(format!(
                        "a refresh token was used twice though no answer was lost: {row:?}"
                    ));
                }
                if row.state == "reconnect" {
                    if cause.is_none()
                        && !(row.reason == "keeps_refusing" && keeps_refusing(ledger, row.grant))
                    {
                        return Err(format!(
                            "{who} is asked to reconnect, and the service would go on: {row:?}"
                        ));
                    }
                    // What a process brings that slept revives a link; that the service has ended it
                    // meanwhile is found out with the next renewal.
                    let same = self.excused.get(&row.grant) == Some(&row.generation);
                    let rotated = cause == Some(Cause::RefreshTokenReused) && same;
                    if rotated && row.reason != "rotation_lost" {
                        return Err(format!("an answer was lost, and nobody says so: {row:?}"));
                    }
                }
            }
            Ok(())
        })
    }

    /// Nothing is put where the app is not installed, or for somebody who is not linked.
    fn check_calls(&mut self, before: &Before) -> Checked {
        let from = self.calls_seen;
        let (seen, puts) = self.sim.jira.look(|cloud| {
            let calls = cloud.calls[from..].iter();
            let puts = calls.filter(|call| call.method == "PUT").cloned();
            (cloud.calls.len(), puts.collect::<Vec<_>>())
        });
        self.calls_seen = seen;
        for call in puts {
            let site = SITES.iter().position(|site| *site == call.host);
            let Some(site) = site else { continue };
            let person = (0..PEOPLE).find(|who| Some(account_of(*who)) == call.account);
            let who = site * PEOPLE + person.ok_or("a call about nobody")?;
            if !before.installed[site] && !self.installed[site] {
                return Err(format!("{call} where the app is not installed"));
            }
            if !before.linked.contains_key(&who) && !self.rows.contains_key(&who) {
                return Err(format!("{call} for somebody who is not linked"));
            }
        }
        Ok(())
    }

    /// What an app has put and not deleted stays in Jira when it is uninstalled, and is nobody's.
    pub fn leave_behind(&mut self, site: usize) {
        for who in site * PEOPLE..(site + 1) * PEOPLE {
            if self.property_of(who).is_some() {
                self.left_behind.insert(who);
            }
        }
    }

    /// What stands in Jira for a person.
    fn property_of(&self, who: Who) -> Option<Value> {
        let (site, account) = (SITES[site_of(who)], account_of(who));
        self.sim.jira.property(site, &account, PROPERTY)
    }

    /// The key that programs get for a link, where it can be read now.
    fn key_of(&self, who: Who, row: &Row) -> Option<Key> {
        if !self.kit.handles {
            return self.property_of(who).as_ref().and_then(key);
        }
        // Nothing of it may go on meanwhile.
        let idle = |process: &&Process| {
            !process.paused && process.under_way() == 0 && !process.is_tidying()
        };
        let process = self.processes.iter().find(idle)?;
        let store = &process.app.parts.store;
        let (client_key, account) = (self.client_key(site_of(who)), AccountId(account_of(who)));
        let held = process.run(async {
            let tenant = store.tenant(&client_key).await.expect(DONE)?;
            store.api_key(&tenant, &account).await.expect(DONE)
        });
        let (key, generation) = held?;
        Some(Key {
            key: key.key.expose().to_owned(),
            grant: row.grant,
            generation,
            expires_at: key.expires_at,
        })
    }

    /// Nothing but handles is put, and none of a link that was over before the step began.
    fn check_handles(&mut self, before: &Before) -> Checked {
        let from = self.writes_seen;
        let (seen, writes) = self.sim.jira.look(|cloud| {
            let all = &cloud.property_writes;
            (all.len(), all[from..].to_vec())
        });
        self.writes_seen = seen;
        for write in writes {
            let Some(value) = &write.value else { continue };
            let Some(handle) = handle(value) else {
                return Err(format!("not a handle was put: {write:?}"));
            };
            let site = SITES.iter().position(|site| *site == write.site);
            let person = (0..PEOPLE).find(|who| account_of(*who) == write.account);
            let (Some(site), Some(person)) = (site, person) else {
                return Err(format!("a handle of nobody was put: {write:?}"));
            };
            let who = site * PEOPLE + person;
            let now = self.rows.get(&who).map(|row| &row.id);
            if ![now, before.linked.get(&who)].contains(&Some(&handle.link)) {
                return Err(format!(
                    "the handle of a link of {who} that was over was put: {handle:?}, and there is {:?}",
                    self.rows.get(&who)
                ));
            }
        }
        Ok(())
    }

    /// The key of somebody who is linked works to its end, wherever programs get it, unless the service ends it.
    fn check_keys(&self) -> Checked {
        let now = self.sim.jira.now();
        for (who, row) in self.rows.iter().filter(|(_, row)| row.current) {
            let Some(key) = self.key_of(*who, row) else {
                continue;
            };
            // Times are whole seconds on one side.
            if key.expires_at <= now + 1 || self.ended.contains(&key.grant) {
                continue;
            }
            let ahead = self.ahead.contains(&(key.grant, key.generation));
            if ahead || key.grant < self.forgotten {
                continue;
            }
            // What a sleeper brings for a link that was replaced is revoked, and the grant ends with it,
            // also while Jira does not take the next key.
            if self.slept && self.replaced.contains(&key.grant) {
                continue;
            }
            let fine = self.sim.service.look(|ledger| {
                ledger.opens_api(&key.key).is_some() || ended_there(ledger, key.grant)
            });
            if !fine {
                return Err(format!(
                    "the key of generation {} of {who} does not work, and it should for {} s more: {row:?}",
                    key.generation,
                    key.expires_at - now
                ));
            }
        }
        Ok(())
    }

    fn check_history(&self) -> Checked {
        let overlaps = self.sim.service.look(Ledger::overlaps);
        // Keys of links that are over are deleted with an access token, which may need a last refresh.
        let over = |grant: Option<usize>| {
            if grant.is_some_and(|grant| grant < self.forgotten) {
                return true;
            }
            let mut over = self.ended.iter().chain(&self.replaced);
            self.kit.mints && over.any(|over| Some(*over) == grant)
        };
        let overlap = overlaps.iter().find(|(first, _)| !over(first.grant));
        if let Some((first, second)) = overlap {
            return Err(format!("at the same time: {first:?} and {second:?}"));
        }
        if let Some(write) = self.sim.jira.generations_gone_back().first() {
            let writes = self.sim.jira.property_writes().into_iter();
            let there = writes
                .filter(|other| (&other.site, &other.account) == (&write.site, &write.account));
            let told = there.map(|write| {
                let value = write.value.as_ref();
                let grant = value.and_then(|value| value["displayName"].as_str());
                format!(
                    "{}: {:?} of grant {grant:?}",
                    write.at_ms,
                    write.generation()
                )
            });
            let told = told.collect::<Vec<_>>();
            return Err(format!(
                "a generation went backwards in Jira: {write:?} among {told:#?}"
            ));
        }
        Ok(())
    }

    /// After all has been well for long enough, every link that can be renewed has its newest key, or its handle, in
    /// Jira.
    pub fn check_well(&self) -> Checked {
        self.check_history()?;
        let now = self.sim.jira.now();
        for (who, row) in self.rows.iter().filter(|(_, row)| row.current) {
            if !self.enabled[site_of(*who)] || row.state == "reconnect" {
                continue;
            }
            let Some(key) = self.key_of(*who, row) else {
                return Err(format!("all was well, and {who} has no key: {row:?}"));
            };
            if self.kit.handles {
                let there = self.property_of(*who).as_ref().and_then(handle);
                let own = there.as_ref().is_some_and(|handle| {
                    (handle.link.as_str(), handle.grant) == (row.id.as_str(), row.grant)
                });
                if !own {
                    return Err(format!(
                        "all was well, and the handle of {who} in Jira is {there:?}: {row:?}"
                    ));
                }
            }
            if row.state != "live"
                || key.expires_at <= now
                || (key.generation, key.grant) != (row.generation, row.grant)
                || row.published != row.generation
            {
                return Err(format!(
                    "all was well, and the key of {who} has {} s to live and is generation {} \
                     of grant {}: {row:?}",
                    key.expires_at - now,
                    key.generation,
                    key.grant
                ));
            }
        }
        Ok(())
    }

    /// Nothing is left of those who are not linked.
    pub fn check_end(&mut self) -> Checked {
        self.check_told()?;
        let left = self.cleanup_left();
        if left > 0 {
            return Err(format!("{left} entries are not cleaned up"));
        }
        if let Some((who, row)) = self.rows.first_key_value() {
            return Err(format!("{who} has unlinked, and there is {row:?}"));
        }
        for who in 0..SITES.len() * PEOPLE {
            if !self.installed[site_of(who)] {
                continue;
            }
            if let Some(property) = self.property_of(who)
                && !self.left_behind.contains(&who)
            {
                return Err(format!(
                    "{who} is not linked, and this stands in Jira: {property}"
                ));
            }
        }
        let orphans = self.sim.service.look(|ledger| {
            let live = ledger.live_grants().into_iter();
            let live = live.filter(|grant| grant.id >= self.forgotten);
            live.cloned().collect::<Vec<_>>()
        });
        if let Some(orphan) = orphans.first() {
            return Err(format!(
                "{} grants live on that no link has: {orphan:?}",
                orphans.len()
            ));
        }
        Ok(())
    }
}
