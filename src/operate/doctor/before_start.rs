//! `latchkey doctor --before-start`: finds all that would keep a server from starting, or from being of use, before
//! there is one.
//!
//! What is wrong with one setting does not keep others from being tried out. Nothing is changed: the database may not
//! be there yet.

use super::{
    Finding, Findings, Mark, SOME_TENANTS, clock, date_of, descriptors, install_keys, of_schema,
    proxies, raise_descriptor_limit, service, settings as settings_are_read,
};
use crate::app::Outside;
use crate::atlassian::connect::Switch;
use crate::config::{Config, Parts, Settings};
use crate::events::Events;
use crate::listen::Listen;
use crate::outbound::SIZE_LIMIT;
use crate::service::discovery::metadata_address;
use crate::sites::Sites;
use crate::store::{Database, Inspection, Schema};
use crate::vault::Vault;

/// Tries out all settings and passes each finding to `say`. `outside` may be missing for a reason. True if nothing is
/// [`Mark::Bad`].
pub async fn examine(
    settings: &Settings,
    outside: Result<Outside, String>,
    say: &mut (dyn FnMut(Finding) + Send),
) -> bool {
    let mut findings = Findings { say, well: true };
    let config = match Config::read(settings) {
        Ok(config) => {
            settings_are_read(&config, &mut findings);
            Some(config)
        }
        Err(wrong) => {
            for one in wrong.each() {
                findings.say(Mark::Bad, "settings", one.to_string());
            }
            None
        }
    };
    let parts = Parts::read(settings);
    descriptors(raise_descriptor_limit(), &mut findings);
    if let Some(config) = &config {
        proxies(config, &mut findings);
    }
    addresses(&parts, &mut findings).await;
    let outside = match outside {
        Ok(outside) => outside,
        Err(words) => {
            findings.say(Mark::Bad, "http client", words);
            return false;
        }
    };
    if let Some(wanted) = &parts.database {
        database(wanted, config.as_ref(), &outside, &mut findings).await;
    }
    match &config {
        Some(config) => {
            service(config, &outside, &mut findings).await;
            if config.connect == Switch::On {
                install_keys(config, &outside, &mut findings).await;
            }
        }
        None => issuer(&parts, &outside, &mut findings).await,
    }
    findings.well
}

async fn addresses(parts: &Parts, findings: &mut Findings<'_>) {
    let metrics = parts.metrics_listen.map(Listen::Tcp);
    for (setting, listen) in [
        ("LATCHKEY_LISTEN", &parts.listen),
        ("LATCHKEY_METRICS_LISTEN", &metrics),
    ] {
        match listen {
            None => {}
            Some(listen) => match listen.is_free(setting).await {
                Ok(()) => findings.say(
                    Mark::Well,
                    "address",
                    format!("{listen} is free ({setting})"),
                ),
                Err(words) => findings.say(Mark::Bad, "address", words),
            },
        }
    }
}

/// A database that is empty, or an SQLite file that is not there yet, is what a first start finds.
async fn database(
    wanted: &Database,
    config: Option<&Config>,
    outside: &Outside,
    findings: &mut Findings<'_>,
) {
    match wanted.file_is_there() {
        Ok(true) => {}
        Ok(false) => {
            findings.say(
                Mark::Well,
                "database",
                "the SQLite file is created at the start",
            );
            return;
        }
        Err(error) => {
            findings.say(Mark::Bad, "database", error.to_string());
            return;
        }
    }
    let events = Events::new(&prometheus::Registry::new(), outside.clock.clone());
    let keys = config.map(|config| config.sealing_keys.clone());
    let vault = Vault::new(keys.unwrap_or_default(), outside.random.clone(), events);
    let sites = Sites {
        hosts: config
            .map(|config| config.site_hosts.clone())
            .unwrap_or_default(),
        loopback_http: config.is_some_and(|config| config.allow_loopback_http),
    };
    let store = match Inspection::open(wanted, vault, sites).await {
        Ok(store) => store,
        Err(error) => {
            findings.say(Mark::Bad, "database", error.to_string());
            return;
        }
    };
    findings.say(Mark::Well, "database", "answers");
    if let Err(error) = store.check_server(wanted).await {
        findings.say(Mark::Bad, "database", error.to_string());
    }
    if let Ok(Some(ahead)) = store.clock_ahead_of(&outside.clock).await {
        let time = outside.clock.now() + ahead / 1000;
        clock(&outside.clock, time, "the database", findings);
    }
    let schema = store.schema().await;
    let is_fit = matches!(schema, Ok(Schema::Current | Schema::Wider));
    let (mark, words) = of_schema(schema, |missing| {
        let words = format!("{missing} migrations are run at the start");
        (Mark::Well, words)
    });
    findings.say(mark, "schema", words);
    if is_fit {
        if let Err(error) = store.check_rights().await {
            findings.say(Mark::Bad, "database", error.to_string());
        }
        if config.is_some() {
            sealing_keys(&store, findings).await;
        }
    }
    store.close().await;
}

/// A start refuses keys that open nothing of what is stored.
async fn sealing_keys(store: &Inspection, findings: &mut Findings<'_>) {
    let words = match store.open_some_tenants(SOME_TENANTS).await {
        Ok((0, _)) => return,
        Ok((looked_at, broken)) if broken.is_empty() => {
            let words = format!("open the keys of all {looked_at} tenants that were checked");
            findings.say(Mark::Well, "sealing keys", words);
            return;
        }
        Ok((looked_at, broken)) => format!(
            "do not open the keys of {} of {looked_at} tenants that were checked: a key is missing from \
             LATCHKEY_SEALING_KEYS, or the database was altered",
            broken.len()
        ),
        Err(error) => error.to_string(),
    };
    findings.say(Mark::Bad, "sealing keys", words);
}

/// All that can be said of the service while other settings are wrong.
async fn issuer(parts: &Parts, outside: &Outside, findings: &mut Findings<'_>) {
    let Some(issuer) = &parts.issuer else {
        return;
    };
    let address = metadata_address(issuer);
    let words = match outside.http.get(&address, SIZE_LIMIT).await {
        Ok(answer) if answer.status.is_success() => {
            findings.say(Mark::Well, "service", format!("{address} answers"));
            if let Some(date) = date_of(&address, outside).await {
                clock(&outside.clock, date, "that of the service", findings);
            }
            return;
        }
        Ok(answer) => answer.status.to_string(),
        Err(error) => error.to_string(),
    };
    findings.say(
        Mark::Bad,
        "service",
        format!("discovery at {address} (LATCHKEY_PROVIDER_ISSUER): {words}"),
    );
}
