//! Stories of somebody who writes the database: columns that decide where a secret goes or whom it is
//! for, changed in place or put back.

use latchkey::model::{AccountId, ClientKey, Heard, Identity, Installation};
use latchkey::secret::{Secret, TenantKey};
use latchkey::vault::{Place, Vault};
use reqwest::Method;
use serde_json::Value;

use crate::child::Latchkey;
use crate::database::{Cell, Database};
use crate::on_both_databases;
use crate::rotating;
use crate::scene::{Db, Person, Scene, Setting, eventually, told};
use crate::sim::jira::{LifecycleEvent, MIA, OMAR, Overrides};
use crate::sim::service::Endpoint;

on_both_databases!(
    t18_a_column_of_a_tenant_that_was_changed_sets_it_aside,
    t18_a_column_of_a_link_that_was_changed_sets_it_aside,
    t18_nobody_is_shown_or_given_what_was_changed,
    t18_an_older_row_of_a_tenant_does_not_open,
    t18_a_base_url_is_held_against_the_allowed_hosts_at_every_use,
    t18_a_link_that_was_made_up_is_not_honoured,
    t18_a_link_of_an_installation_that_is_over_stays_there,
    t18_a_value_that_is_bound_to_no_column_does_not_open,
);

const HOUR: i64 = 3600;

/// The rows of a site, in whichever table.
fn of_site(scene: &Scene, site: &str) -> String {
    format!("client_key = '{}'", scene.client_key(site))
}

async fn event_count(scene: &Scene, column: &str) -> u64 {
    scene.events("seal_failure", column).await
}

/// Waits until so many links are set aside for this.
async fn set_aside(scene: &Scene, count: i64, reason: &str) {
    let query = format!("select count(*) from link where state = 'aside' and reason = '{reason}'");
    eventually("the link is set aside", async || {
        (scene.count(&query).await == count).then_some(())
    })
    .await;
}

/// The worker has everybody before it at once.
async fn all_are_due(scene: &Scene) {
    let due = "update link set due_at = 1 where claim is null";
    scene.execute(due).await;
}

fn refreshes(scene: &Scene) -> usize {
    scene.world.service.calls_to(Endpoint::Refresh)
}

/// Nobody was called but the sites that are there.
fn no_stranger_was_called(scene: &Scene) {
    let calls = scene.world.jira.calls();
    let known = ["acme", "acme-now", "globex", "keys", "auth"];
    let strangers: Vec<_> = calls
        .iter()
        .filter(|call| !known.contains(&call.host.as_str()))
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

async fn settle(person: &Person<'_>) -> i64 {
    person.recorded().await
}

async fn t18_a_column_of_a_tenant_that_was_changed_sets_it_aside(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * HOUR as u64)).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    let acme = of_site(&scene, "acme");
    // An allowed host, so that only the seal is in the way.
    let evil = format!("http://evil.localhost:{}", scene.world.jira.port());
    let changes = [
        format!("base_url = '{evil}'"),
        format!("display_urls = '{evil}'"),
        "display_urls = ''".to_owned(),
        "oauth_client_id = 'of-another-app'".to_owned(),
        "oauth_client_id = ''".to_owned(),
        "oauth_client_id = null".to_owned(),
        "installation = 2".to_owned(),
    ];
    scene
        .execute("create table before as select * from tenant")
        .await;
    for change in changes {
        settle(&omar).await;
        let hers = settle(&mia).await;
        let (asked, failures) = (
            refreshes(&scene),
            event_count(&scene, "tenant.shared_secret").await,
        );
        scene
            .execute(&format!("update tenant set {change} where {acme}"))
            .await;
        if change.starts_with("installation") {
            // With its links, or nobody would look at them at all.
            scene
                .execute(&format!("update link set {change} where {acme}"))
                .await;
        }
        all_are_due(&scene).await;
        set_aside(&scene, 1, "seal_broken").await;
        mia.property_of_generation(hers + 1).await;
        settle(&mia).await;
        assert_eq!(refreshes(&scene), asked + 1, "{change}: hers alone");
        assert!(
            event_count(&scene, "tenant.shared_secret").await > failures,
            "{change}"
        );
        // Nobody of that site is believed, and no page of it is framed.
        let answer = scene.send(omar.call(Method::GET, "/api/link")).await;
        answer.is_problem(500, "internal");
        for path in ["/healthz", "/readyz"] {
            scene.get(path).await.is(200);
        }
        scene.metrics().await;
        let said = Latchkey::run(&["doctor"], &scene.settings().to_vec()).await;
        let said = said.stdout;
        assert!(said.contains("1 of 2 tenants that were checked"), "{said}");
        no_stranger_was_called(&scene);

        // Put right, it goes on.
        scene
            .execute(&format!("delete from tenant where {acme}"))
            .await;
        let put_back = format!("insert into tenant select * from before where {acme}");
        scene.execute(&put_back).await;
        scene
            .execute(&format!("update link set installation = 1 where {acme}"))
            .await;
        let his = omar.generation().expect("there is a key");
        all_are_due(&scene).await;
        omar.property_of_generation(his + 1).await;
        settle(&omar).await;
        settle(&mia).await;
    }
    // An OAuth client id that is absent is told from an empty one.
    let none = Overrides::none();
    let jira = &scene.world.jira;
    let mut without = jira.sign_lifecycle("acme", LifecycleEvent::Installed, &none);
    without.body["oauthClientId"] = Value::Null;
    let answer = jira.deliver("acme", &without).await;
    assert_eq!(answer.expect("it answers").status, 204);
    assert_eq!(omar.state().await, "linked");
    scene
        .execute(&format!(
            "update tenant set oauth_client_id = '' where {acme}"
        ))
        .await;
    let answer = scene.send(omar.call(Method::GET, "/api/link")).await;
    answer.is_problem(500, "internal");
    // What was changed for good is mended by what Atlassian says next.
    scene
        .execute(&format!(
            "update tenant set base_url = '{evil}' where {acme}"
        ))
        .await;
    let upgraded = scene.world.jira.upgrade("acme").await;
    assert_eq!(upgraded.expect("it answers").status, 204);
    omar.renewed().await;
    settle(&omar).await;
    no_stranger_was_called(&scene);
    scene.execute("drop table before").await;
    scene.end().await;
}

async fn t18_a_column_of_a_link_that_was_changed_sets_it_aside(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * HOUR as u64)).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    let his_row = format!("account_id = '{OMAR}'");
    for (change, back) in [
        ("subject = 'u-200'", "subject = 'u-100'"),
        (
            "display_name = 'Somebody Else'",
            "display_name = before.display_name",
        ),
        ("id = 'another'", "id = before.id"),
        ("installation = 0", "installation = 1"),
    ] {
        scene
            .execute("create table before as select * from link")
            .await;
        settle(&omar).await;
        let hers = settle(&mia).await;
        let (asked, failures) = (
            refreshes(&scene),
            event_count(&scene, "link.credential").await,
        );
        scene
            .execute(&format!("update link set {change} where {his_row}"))
            .await;
        if change.starts_with("installation") {
            // A tenant whose number was changed does not open, and its link is not looked at: that is
            // told above. Here his link is of an installation that is over.
            let answer = scene.send(omar.call(Method::GET, "/api/link")).await;
            assert_eq!(answer.is(200).json()["state"], "unlinked");
        } else {
            all_are_due(&scene).await;
            set_aside(&scene, 1, "seal_broken").await;
            mia.property_of_generation(hers + 1).await;
            settle(&mia).await;
            assert_eq!(refreshes(&scene), asked + 1, "{change}: hers alone");
            assert!(
                event_count(&scene, "link.credential").await > failures,
                "{change}"
            );
        }
        let property = omar.property().expect("there is one");
        assert_eq!(property["subject"], "u-100", "{change}");
        // Put right, it goes on.
        let back = back.replace("before.", "(select ");
        let back = match back.contains("(select ") {
            true => format!("{back} from before where before.account_id = '{OMAR}')"),
            false => back,
        };
        scene
            .execute(&format!("update link set {back} where {his_row}"))
            .await;
        let his = omar.generation().expect("there is a key");
        all_are_due(&scene).await;
        omar.property_of_generation(his + 1).await;
        settle(&omar).await;
        settle(&mia).await;
        scene.execute("drop table before").await;
    }
    scene.end().await;
}

async fn t18_nobody_is_shown_or_given_what_was_changed(db: Db) {
    let setting = Setting::keys_live(3 * HOUR as u64).with("LATCHKEY_PROPERTY", "handle");
    let scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.settled().await;
    let key = async || scene.send(omar.call(Method::GET, "/api/link/key")).await;
    key().await.is(200);
    let shown = omar.status().await;
    assert_eq!(shown["subject"], "u-100");
    for change in [
        "subject = 'u-200'",
        "display_name = 'Somebody Else'",
        "id = 'another'",
    ] {
        scene
            .execute("create table before as select * from link")
            .await;
        scene.execute(&format!("update link set {change}")).await;
        let status = omar.status().await;
        assert_eq!(status["subject"], Value::Null, "{change}: {status}");
        let name = &status["displayName"];
        assert_eq!(name, "an account whose name cannot be read", "{change}");
        key().await.is_problem(404, "not-linked");
        // On the page where somebody links another account, no name is taken for theirs either.
        let begun = omar.begin().await;
        let path = format!("/link/{}", begun.id);
        let page = omar.with_cookie(Method::GET, &path, &begun.cookie).await;
        let page = page.is(200).text;
        assert!(!page.contains("Somebody Else"), "{change}: {page}");
        scene.execute("delete from link").await;
        scene.execute("insert into link select * from before").await;
        scene.execute("drop table before").await;
        assert_eq!(omar.status().await["subject"], "u-100");
        key().await.is(200);
    }
    omar.disconnect().await;
    scene.end().await;
}

/// A whole row as it was: its secret and its columns belong together, and only what stands beside it
/// shows its age.
async fn t18_an_older_row_of_a_tenant_does_not_open(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * HOUR as u64)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    settle(&omar).await;
    settle(&mia).await;
    let acme = of_site(&scene, "acme");
    scene
        .execute("create table older as select * from tenant")
        .await;
    let put_back = async |from: &str| {
        scene
            .execute(&format!("delete from tenant where {acme}"))
            .await;
        let insert = format!("insert into tenant select * from {from} where {acme}");
        scene.execute(&insert).await;
    };
    // The site gets another name, and somebody else the old one.
    jira.move_site("acme", "acme-now");
    let upgraded = jira.upgrade("acme-now").await;
    assert_eq!(upgraded.expect("it answers").status, 204);
    let omar = scene.person("acme-now", OMAR);
    omar.renewed().await;
    let his = settle(&omar).await;
    let hers = settle(&mia).await;
    scene
        .execute("create table newer as select * from tenant")
        .await;

    put_back("older").await;
    let (calls, asked) = (jira.calls().len(), refreshes(&scene));
    all_are_due(&scene).await;
    set_aside(&scene, 1, "seal_broken").await;
    mia.property_of_generation(hers + 1).await;
    settle(&mia).await;
    assert_eq!(refreshes(&scene), asked + 1, "hers alone");
    let answer = scene.send(omar.call(Method::GET, "/api/link")).await;
    answer.is_problem(500, "internal");
    let later = jira.calls();
    let to_the_old = later[calls..].iter().filter(|call| call.host != "globex");
    assert_eq!(to_the_old.count(), 0, "{later:?}");
    assert!(event_count(&scene, "tenant.shared_secret").await > 0);

    put_back("newer").await;
    all_are_due(&scene).await;
    omar.property_of_generation(his + 1).await;
    settle(&omar).await;

    // A row from before an uninstall does not live again, nor one from before the next installation.
    scene
        .execute("create table ended as select * from tenant")
        .await;
    let uninstalled = jira.uninstall("acme-now").await;
    assert_eq!(uninstalled.expect("it answers").status, 204);
    let put_back_alive = async |from: &str| {
        put_back(from).await;
        let answer = scene.send(omar.call(Method::GET, "/api/link")).await;
        answer.is_problem(500, "internal");
    };
    put_back_alive("ended").await;
    put_back_alive("newer").await;
    let uninstall = format!("update tenant set installed = false, draining = true where {acme}");
    scene.execute(&uninstall).await;
    scene.no_work_left().await;
    let descriptor = scene.address("/atlassian-connect.json");
    jira.install("acme-now", &descriptor)
        .await
        .expect("it is installed again");
    assert_eq!(omar.state().await, "unlinked");
    put_back_alive("ended").await;
    for table in ["older", "newer", "ended"] {
        scene.execute(&format!("drop table {table}")).await;
    }
    scene.end().await;
}

async fn t18_a_base_url_is_held_against_the_allowed_hosts_at_every_use(db: Db) {
    const HOSTS: &str = "LATCHKEY_SITE_HOSTS";
    let mut scene = Scene::start(db, Setting::keys_live(3 * HOUR as u64)).await;
    let all = scene.world.jira.site_hosts_setting();
    for (site, account, subject) in [("acme", OMAR, "u-100"), ("globex", MIA, "u-200")] {
        let person = scene.person(site, account);
        person.link(subject).await;
        settle(&person).await;
    }
    scene.restart_with(HOSTS, "globex.localhost").await;
    let acme = scene.client_key("acme");
    {
        let omar = scene.person("acme", OMAR);
        let mia = scene.person("globex", MIA);
        let (his, hers) = (omar.generation(), settle(&mia).await);
        let (calls, asked) = (scene.world.jira.calls().len(), refreshes(&scene));
        all_are_due(&scene).await;
        mia.property_of_generation(hers + 1).await;
        set_aside(&scene, 1, "site_not_allowed").await;
        settle(&mia).await;
        assert_eq!(refreshes(&scene), asked + 1, "hers alone");
        assert_eq!(omar.generation(), his);
        let later = scene.world.jira.calls();
        assert!(
            later[calls..].iter().all(|call| call.host == "globex"),
            "{later:?}"
        );
        // What it asks is answered as to somebody whom nobody knows.
        let answer = scene.send(omar.call(Method::GET, "/api/link")).await;
        answer.is_problem(401, "unauthorized");
        omar.begin_with(&omar.token()).await.is(401);
        assert!(scene.events("site_not_allowed", "").await > 0);
        let lines = scene.log.lines_with(&[
            "event=\"site_not_allowed\"".to_owned(),
            format!(" tenant={acme} "),
        ]);
        assert!(!lines.is_empty());
        // Who has narrowed the setting is told at the start, and by the doctor.
        let url = scene.world.jira.url("acme");
        let lines = scene
            .log
            .lines_with(&["LATCHKEY_SITE_HOSTS".to_owned(), url.clone()]);
        assert!(!lines.is_empty());
        for path in ["/healthz", "/readyz"] {
            scene.get(path).await.is(200);
        }
        let said = Latchkey::run(&["doctor"], &scene.settings().to_vec()).await;
        let line = said.stdout.lines().find(|line| line.contains(HOSTS));
        let line = line.unwrap_or_else(|| panic!("{}", said.stdout));
        assert!(line.contains(&url) && line.starts_with("! "), "{line}");
    }
    // Allowed again, it goes on.
    scene.restart_with(HOSTS, all).await;
    let omar = scene.person("acme", OMAR);
    scene.advance(1000);
    omar.property_of_generation(2).await;
    settle(&omar).await;
    assert_eq!(omar.state().await, "linked");
    scene.end().await;
}

/// Before an uninstall is over its links are still there, and the tenant's key is the same.
async fn t18_a_link_of_an_installation_that_is_over_stays_there(db: Db) {
    let mut scene = Scene::start(db, Setting::keys_live(3 * HOUR as u64)).await;
    scene.person("acme", OMAR).link("u-100").await;
    settle(&scene.person("acme", OMAR)).await;
    // Without anybody who cleans up.
    let address = scene.stop().await;
    let app = scene.app_of_its_own().await;
    let (store, now) = (&app.parts.store, scene.clock.now() + 1);
    let client_key = ClientKey(scene.client_key("acme"));
    let heard = store.uninstall(&client_key, &told(now), now).await;
    assert_eq!(heard.expect("the store is there"), Heard::Done);
    let installation = Installation {
        client_key: client_key.clone(),
        base_url: scene.world.jira.url("acme"),
        display_urls: Vec::new(),
        shared_secret: Secret::new("the secret of the next installation"),
        oauth_client_id: None,
    };
    let heard = store.install(&installation, &told(now), now).await;
    assert_eq!(heard.expect("the store is there"), Heard::Done);
    scene.execute("update link set installation = 2").await;
    let tenant = store.tenant(&client_key).await.expect("it opens");
    let tenant = tenant.expect("it is installed");
    assert_eq!(tenant.installation, 2);
    let link = store.link(&tenant, &AccountId(OMAR.to_owned())).await;
    let link = link.expect("the store is there").expect("there is a row");
    assert_eq!(link.identity, Identity::unreadable());
    scene.execute("delete from link").await;
    store.close().await;
    drop(app);
    scene.start_again(address).await;
    scene.close().await;
}

/// A key that was signed here and whose link has ended does not come back with a row of the same name.
async fn t18_a_link_that_was_made_up_is_not_honoured(db: Db) {
    const SECRET: &str = "introspection-secret-of-the-stories";
    let setting = Setting::keys_live(4 * HOUR as u64)
        .with("LATCHKEY_API_KEY_FROM", "minted")
        .with("LATCHKEY_MINTED_AUDIENCE", "https://api.acme.example.com")
        .with("LATCHKEY_INTROSPECTION_SECRET", SECRET);
    let mut scene = Scene::start(db, setting).await;
    scene.other_secrets.push(SECRET.to_owned());
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    settle(&omar).await;
    let key = omar.key();
    let is_active = async || {
        let request = scene
            .http
            .post(scene.address("/oauth/introspect"))
            .bearer_auth(SECRET)
            .form(&[("token", key.as_str())]);
        let answer = scene.send(request).await.is(200).json();
        answer["active"].as_bool().expect("it says so")
    };
    assert!(is_active().await);
    scene
        .execute("create table ended as select * from link")
        .await;
    scene.execute("update ended set due_at = 99999999999").await;
    omar.disconnect().await;
    assert!(!is_active().await);
    scene.execute("insert into link select * from ended").await;
    assert!(!is_active().await, "put back");
    // And not where it says that it has come further than what is counted.
    scene
        .execute("update link set generation = generation + 1, published_generation = 1")
        .await;
    assert!(!is_active().await, "made up");
    scene.execute("delete from link").await;
    // Nor is it one of somebody else, with another subject or of another installation.
    omar.link("u-200").await;
    settle(&omar).await;
    scene
        .execute("update link set subject = 'u-100', id = (select id from ended)")
        .await;
    assert!(!is_active().await, "another's");
    scene.execute("drop table ended").await;
    scene.execute("delete from link").await;
    scene.close().await;
}

/// Values that are sealed by the right key at the right place, and bound to no column beside them.
struct Unbound {
    database: Database,
    vault: Vault,
}

impl Unbound {
    async fn open(scene: &Scene) -> Self {
        let keys = scene.settings().iter();
        let keys = keys.filter(|(name, _)| *name == "LATCHKEY_SEALING_KEYS");
        let keys = keys.map(|(_, value)| value.as_str()).next();
        Self {
            database: Database::open(scene.database_url()).await,
            vault: rotating::vault(keys.expect("they are set")),
        }
    }

    async fn key(&mut self, client_key: &str) -> TenantKey {
        let cell = Cell {
            table: "tenant",
            column: "data_key",
            row: format!("client_key = '{client_key}'"),
        };
        let wrapped = self.database.read(&cell).await;
        let opened = self.vault.open_tenant_key(client_key, &wrapped);
        opened.expect("it opens")
    }

    /// Seals the value of a cell again, bound to nothing. `columns` are those that it is bound to.
    async fn seal(&mut self, key: &TenantKey, place: Place<'_>, columns: &[&str], cell: &Cell) {
        let mut bound = Vec::new();
        for column in columns {
            let Cell { table, row, .. } = cell;
            let text = format!("select '', cast({column} as text) from {table} where {row}");
            bound.push(self.database.pairs(&text).await.remove(0).1);
        }
        let bound: Vec<&str> = bound.iter().map(String::as_str).collect();
        let sealed = self.database.read(cell).await;
        let bound = Place {
            bound: &bound,
            ..place
        };
        let value = self.vault.open(key, bound, &sealed).expect("it opens");
        let unbound = self.vault.seal(key, place, &value);
        self.database.write(cell, &unbound).await;
    }

    async fn tenant(&mut self, client_key: &str) {
        let row = format!("client_key = '{client_key}'");
        let revision = format!("select revision from tenant_revision where {row}");
        let place = Place {
            column: "tenant.shared_secret",
            tenant: client_key,
            row: "",
            generation: self.database.count(&revision).await,
            bound: &[],
        };
        let key = self.key(client_key).await;
        let columns = [
            "installation",
            "base_url",
            "display_urls",
            "oauth_client_id",
        ];
        let cell = Cell {
            table: "tenant",
            column: "shared_secret",
            row,
        };
        self.seal(&key, place, &columns, &cell).await;
    }

    async fn link(&mut self, client_key: &str, account: &str) {
        let row = format!("client_key = '{client_key}' and account_id = '{account}'");
        let generation = format!("select generation from link where {row}");
        let place = Place {
            column: "link.credential",
            tenant: client_key,
            row: account,
            generation: self.database.count(&generation).await,
            bound: &[],
        };
        let key = self.key(client_key).await;
        let columns = ["id", "installation", "subject", "display_name"];
        let cell = Cell {
            table: "link",
            column: "credential",
            row,
        };
        self.seal(&key, place, &columns, &cell).await;
    }
}

/// Somebody who could make the product seal a value elsewhere cannot put it beside columns of their choice.
async fn t18_a_value_that_is_bound_to_no_column_does_not_open(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * HOUR as u64)).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    settle(&omar).await;
    let hers = settle(&mia).await;
    let asked = refreshes(&scene);
    let mut unbound = Unbound::open(&scene).await;
    scene
        .execute("create table bound as select * from link")
        .await;
    unbound.link(&scene.client_key("acme"), OMAR).await;
    all_are_due(&scene).await;
    set_aside(&scene, 1, "seal_broken").await;
    mia.property_of_generation(hers + 1).await;
    settle(&mia).await;
    assert_eq!(refreshes(&scene), asked + 1, "hers alone");
    assert!(event_count(&scene, "link.credential").await > 0);
    let his = format!("account_id = '{OMAR}'");
    scene
        .execute(&format!("delete from link where {his}"))
        .await;
    scene
        .execute(&format!("insert into link select * from bound where {his}"))
        .await;
    scene.execute("drop table bound").await;

    unbound.tenant(&scene.client_key("acme")).await;
    unbound.database.close().await;
    let answer = scene.send(omar.call(Method::GET, "/api/link")).await;
    answer.is_problem(500, "internal");
    assert!(event_count(&scene, "tenant.shared_secret").await > 0);
    let upgraded = scene.world.jira.upgrade("acme").await;
    assert_eq!(upgraded.expect("it answers").status, 204);
    omar.renewed().await;
    settle(&omar).await;
    scene.end().await;
}
