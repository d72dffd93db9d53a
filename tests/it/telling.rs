//! Stories of what Atlassian tells about an installation, when it comes late, twice, or with another body.

use serde_json::{Value, json};

use crate::database::Database;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::{LifecycleEvent, OMAR, Overrides, SignedCall};

use LifecycleEvent::{Disabled, Enabled, Installed, Uninstalled};

on_both_databases!(
    f7_what_was_signed_before_the_present_state_changes_nothing,
    f7_an_uninstall_that_comes_first_is_not_undone,
    f7_an_upgrade_enables_nothing,
    t28_a_token_again_with_its_body_does_nothing_twice,
    t28_a_token_with_another_body_is_refused,
    t28_a_token_is_taken_for_fifteen_minutes,
    t28_of_two_bodies_at_the_same_moment_one_is_taken,
    t28_a_token_is_noted_with_the_change_or_not_at_all,
);

const DESCRIPTOR: &str = "/atlassian-connect.json";

/// What is kept of a site, as text to compare, once an uninstall is over.
async fn kept(scene: &Scene, site: &str) -> Vec<(String, String)> {
    eventually("every uninstall is over", async || {
        let draining = "select count(*) from tenant where draining";
        (scene.count(draining).await == 0).then_some(())
    })
    .await;
    let mut database = Database::open(scene.database_url()).await;
    let kept = database
        .pairs(&format!(
            "select 'tenant', installation || ' ' || base_url || ' ' || display_urls || ' ' \
             || coalesce(oauth_client_id, '-') || ' ' || shared_secret || ' ' || installed || ' ' \
             || enabled from tenant where client_key = '{}'",
            scene.client_key(site)
        ))
        .await;
    database.close().await;
    kept
}

/// Whether the app is installed and enabled, as the database says.
async fn state(scene: &Scene, site: &str) -> (bool, bool) {
    let of = format!(
        "from tenant where client_key = '{}'",
        scene.client_key(site)
    );
    let installed = scene
        .count(&format!("select count(*) {of} and installed"))
        .await;
    let enabled = scene
        .count(&format!("select count(*) {of} and enabled"))
        .await;
    (installed == 1, enabled == 1)
}

/// Whether Jira's tokens are believed that are signed with this secret.
async fn believes(scene: &Scene, site: &str, secret: &str) -> bool {
    let signed = Overrides::none().secret(secret);
    let token = scene.world.jira.context_token(site, OMAR, &signed);
    let request = scene
        .http
        .get(scene.address("/api/link"))
        .header("authorization", format!("JWT {token}"));
    scene.send(request).await.status == 200
}

fn secret(scene: &Scene, site: &str) -> String {
    let app = scene.world.jira.site(site).app.expect("it was learned");
    app.secrets.last().expect("there is one").clone()
}

fn sign(scene: &Scene, site: &str, event: LifecycleEvent) -> SignedCall {
    let jira = &scene.world.jira;
    jira.sign_lifecycle(site, event, &Overrides::none())
}

async fn deliver(scene: &Scene, site: &str, call: &SignedCall) -> u16 {
    let answer = scene.world.jira.deliver(site, call).await;
    answer.expect("it answers").status
}

/// A step of a story that is told in another order than it happened.
#[derive(Clone, Copy)]
struct Signed {
    what: LifecycleEvent,
    /// Seconds after the story began; the order in which it is signed.
    at: i64,
    /// Jira has made a new shared secret for it.
    new_secret: bool,
}

const fn at(at: i64, what: LifecycleEvent) -> Signed {
    Signed {
        what,
        at,
        new_secret: false,
    }
}

const fn with_new_secret(at: i64, what: LifecycleEvent) -> Signed {
    Signed {
        what,
        at,
        new_secret: true,
    }
}

/// An app that was installed and enabled hears of these, in this order.
struct Told {
    name: &'static str,
    arriving: &'static [Signed],
    /// How many at the end come late.
    late: usize,
    /// Installed and enabled, in the end.
    state: (bool, bool),
    /// The secret that counts in the end is that of the step signed then; 0 is that of the beginning.
    secret_of: i64,
}

const STORIES: &[Told] = &[
    Told {
        name: "an uninstall after the reinstallation",
        arriving: &[with_new_secret(20, Installed), at(10, Uninstalled)],
        late: 1,
        state: (true, true),
        secret_of: 20,
    },
    Told {
        name: "an installation after the next one",
        arriving: &[
            with_new_secret(20, Installed),
            with_new_secret(10, Installed),
        ],
        late: 1,
        state: (true, true),
        secret_of: 20,
    },
    Told {
        name: "an installation after the uninstall",
        arriving: &[at(20, Uninstalled), with_new_secret(10, Installed)],
        late: 1,
        state: (false, false),
        secret_of: 0,
    },
    Told {
        name: "an uninstall after the uninstall, the reinstallation and another uninstall",
        arriving: &[
            at(30, Uninstalled),
            with_new_secret(20, Installed),
            at(10, Uninstalled),
        ],
        late: 2,
        state: (false, false),
        secret_of: 0,
    },
    Told {
        name: "switched off after being switched on again",
        arriving: &[at(20, Enabled), at(10, Disabled)],
        late: 1,
        state: (true, true),
        secret_of: 0,
    },
    Told {
        name: "switched on after being switched off again",
        arriving: &[at(20, Disabled), at(10, Enabled)],
        late: 1,
        state: (true, false),
        secret_of: 0,
    },
    Told {
        name: "a new secret after being switched off, which is another matter",
        arriving: &[at(20, Disabled), with_new_secret(10, Installed)],
        late: 0,
        state: (true, false),
        secret_of: 10,
    },
    Told {
        name: "switched off after an upgrade, which is another matter",
        arriving: &[at(20, Installed), at(10, Disabled)],
        late: 0,
        state: (true, false),
        secret_of: 0,
    },
    Told {
        name: "an uninstall after being switched on, which is another matter",
        arriving: &[at(20, Enabled), at(10, Uninstalled)],
        late: 0,
        state: (false, false),
        secret_of: 0,
    },
    Told {
        name: "switched off before a reinstallation with the same secret",
        arriving: &[at(20, Uninstalled), at(30, Installed), at(10, Disabled)],
        late: 1,
        state: (true, true),
        secret_of: 0,
    },
    Told {
        name: "an upgrade of what is switched off",
        arriving: &[
            at(10, Disabled),
            at(20, Installed),
            with_new_secret(30, Installed),
        ],
        late: 0,
        state: (true, false),
        secret_of: 30,
    },
    Told {
        name: "a reinstallation of what was switched off",
        arriving: &[
            at(10, Disabled),
            at(20, Uninstalled),
            with_new_secret(30, Installed),
        ],
        late: 0,
        state: (true, true),
        secret_of: 30,
    },
    Told {
        name: "an uninstall of the same second",
        arriving: &[with_new_secret(10, Installed), at(10, Uninstalled)],
        late: 0,
        state: (false, false),
        secret_of: 0,
    },
    Told {
        name: "an installation of the same second",
        arriving: &[at(10, Uninstalled), with_new_secret(10, Installed)],
        late: 0,
        state: (true, true),
        secret_of: 10,
    },
    Told {
        name: "switched off in the same second",
        arriving: &[at(10, Enabled), at(10, Disabled)],
        late: 0,
        state: (true, false),
        secret_of: 0,
    },
];

async fn f7_what_was_signed_before_the_present_state_changes_nothing(db: Db) {
    let scene = Scene::start_uninstalled(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let descriptor = scene.address(DESCRIPTOR);
    for (number, told) in STORIES.iter().enumerate() {
        let (name, site) = (told.name, format!("told-{number}"));
        jira.add_site(&site, &site);
        jira.install(&site, &descriptor).await.expect("installed");
        let mut secrets = vec![(0, secret(&scene, &site))];
        let began = jira.now();
        // Signed in the order in which it happened.
        let mut order: Vec<usize> = (0..told.arriving.len()).collect();
        order.sort_by_key(|index| told.arriving[*index].at);
        let mut signed = Vec::new();
        for index in order {
            let step = told.arriving[index];
            if step.new_secret {
                jira.learn(&site, &descriptor).await.expect("it is read");
                secrets.push((step.at, secret(&scene, &site)));
            }
            let when = Overrides::none()
                .claim("iat", began + step.at)
                .secret(&secrets[0].1);
            signed.push((index, jira.sign_lifecycle(&site, step.what, &when)));
        }
        scene.advance(40);
        signed.sort_by_key(|(index, _)| *index);
        for (index, call) in &signed {
            let is_late = index + told.late >= told.arriving.len();
            let before = kept(&scene, &site).await;
            let status = deliver(&scene, &site, call).await;
            assert_eq!(status, 204, "{name}: {:?} is answered", call.event);
            let after = kept(&scene, &site).await;
            if is_late {
                assert_eq!(before, after, "{name}: {:?}", call.event);
            } else if call.event != Enabled {
                assert_ne!(before, after, "{name}: {:?}", call.event);
            }
        }
        assert_eq!(state(&scene, &site).await, told.state, "{name}");
        if told.state == (true, true) {
            for (when, secret) in &secrets {
                let believed = believes(&scene, &site, secret).await;
                assert_eq!(
                    believed,
                    *when == told.secret_of,
                    "{name}: secret of {when}"
                );
            }
        } else if told.state.0 {
            // Nobody is believed while it is switched off, but for Jira, who switches it on.
            let counts = secrets.iter().find(|(when, _)| *when == told.secret_of);
            let counts = Overrides::none().secret(&counts.expect("it is one of them").1);
            let on = jira.sign_lifecycle(&site, Enabled, &counts);
            assert_eq!(deliver(&scene, &site, &on).await, 204, "{name}");
            assert_eq!(state(&scene, &site).await, (true, true), "{name}");
        }
    }
    scene.end().await;
}

/// Of an unknown site.
async fn f7_an_uninstall_that_comes_first_is_not_undone(db: Db) {
    let scene = Scene::start_uninstalled(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let descriptor = scene.address(DESCRIPTOR);
    jira.learn("acme", &descriptor).await.expect("it is read");
    let installed = sign(&scene, "acme", Installed);
    scene.advance(10);
    let uninstalled = sign(&scene, "acme", Uninstalled);
    assert_eq!(deliver(&scene, "acme", &uninstalled).await, 204);
    assert_eq!(deliver(&scene, "acme", &installed).await, 204);
    assert_eq!(state(&scene, "acme").await, (false, false));
    scene.advance(10);
    jira.install("acme", &descriptor).await.expect("installed");
    assert_eq!(scene.person("acme", OMAR).state().await, "unlinked");
    scene.end().await;
}

async fn f7_an_upgrade_enables_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let answered = |answer: Result<crate::sim::jira::LifecycleAnswer, String>| {
        assert_eq!(answer.expect("it answers").status, 204);
    };
    answered(jira.disable("acme").await);
    answered(jira.upgrade("acme").await);
    answered(jira.rotate_secret("acme").await);
    answered(jira.rename_site("acme", "help-acme").await);
    scene
        .send(omar.call(reqwest::Method::GET, "/api/link"))
        .await
        .is_problem(401, "unauthorized");
    assert_eq!(state(&scene, "acme").await, (true, false));
    // It has taken what they brought.
    answered(jira.enable("acme").await);
    omar.renewed().await;
    omar.recorded().await;
    // Uninstalled in between, it is as new.
    answered(jira.disable("acme").await);
    jira.reinstall("acme").await.expect("it is installed again");
    assert_eq!(omar.state().await, "unlinked");
    scene.end().await;
}

async fn t28_a_token_again_with_its_body_does_nothing_twice(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    // All of one second: nothing is late.
    let now = Overrides::none().claim("iat", jira.now());
    let sign = |event| jira.sign_lifecycle("acme", event, &now);
    let (off, on) = (sign(Disabled), sign(Enabled));
    let (gone, back) = (sign(Uninstalled), sign(Installed));
    for (first, second, state_after) in [
        (&off, &on, (true, true)),
        (&gone, &back, (true, true)),
        (&sign(Enabled), &sign(Disabled), (true, false)),
        (&sign(Installed), &sign(Uninstalled), (false, false)),
    ] {
        assert_eq!(deliver(&scene, "acme", first).await, 204);
        assert_eq!(deliver(&scene, "acme", second).await, 204);
        assert_eq!(state(&scene, "acme").await, state_after);
        let before = kept(&scene, "acme").await;
        for _ in 0..2 {
            assert_eq!(deliver(&scene, "acme", first).await, 204);
            assert_eq!(kept(&scene, "acme").await, before, "{:?}", first.event);
        }
        if first.event == Enabled {
            assert_eq!(deliver(&scene, "acme", &sign(Enabled)).await, 204);
        }
    }
    // They are forgotten once they would no longer be accepted.
    let noted = "select count(*) from lifecycle_token";
    assert!(scene.count(noted).await >= 8);
    scene.advance(900 + 120);
    eventually("they are swept", async || {
        (scene.count(noted).await == 0).then_some(())
    })
    .await;
    assert_eq!(deliver(&scene, "acme", &gone).await, 401);
    scene.end().await;
}

/// The same call with something else in its body.
fn bent(call: &SignedCall, field: &str, value: Value) -> SignedCall {
    let mut bent = call.clone();
    bent.body[field] = value;
    bent
}

async fn t28_a_token_with_another_body_is_refused(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let evil = json!(format!("http://evil.localhost:{}", jira.port()));
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let mut refused = 0;
    for (event, fields) in [
        (
            Installed,
            vec![
                ("sharedSecret", json!("a secret that somebody else knows")),
                ("baseUrl", evil.clone()),
                ("displayUrl", evil),
                ("baseUrl", json!("https://evil.example")),
                ("oauthClientId", json!("another")),
                ("description", json!("anything else")),
            ],
        ),
        (Disabled, vec![("description", json!("anything else"))]),
        (Enabled, vec![("description", json!("anything else"))]),
    ] {
        scene.advance(1);
        let call = sign(&scene, "acme", event);
        assert_eq!(deliver(&scene, "acme", &call).await, 204);
        let before = kept(&scene, "acme").await;
        for (field, value) in fields {
            let other = bent(&call, field, value);
            let status = deliver(&scene, "acme", &other).await;
            assert_eq!(status, 401, "{event:?} with another {field}");
            refused += 1;
        }
        assert_eq!(kept(&scene, "acme").await, before, "{event:?}");
        // The body it is for is still answered as before.
        assert_eq!(deliver(&scene, "acme", &call).await, 204);
    }
    let whose = [("tenant", &*scene.client_key("acme"))];
    scene
        .has_recorded(("other_body", "lifecycle"), 6, &whose)
        .await;
    scene
        .has_recorded(("other_body", "app_to_app"), refused - 6, &whose)
        .await;
    assert!(jira.calls().iter().all(|call| call.host != "evil"));
    omar.renewed().await;
    omar.disconnect().await;
    scene.advance(1);
    let gone = sign(&scene, "acme", Uninstalled);
    assert_eq!(deliver(&scene, "acme", &gone).await, 204);
    let other = bent(&gone, "description", json!("anything else"));
    assert_eq!(deliver(&scene, "acme", &other).await, 401);
    scene
        .has_recorded(("other_body", "lifecycle"), 7, &whose)
        .await;
    scene.end().await;
}

async fn t28_a_token_is_taken_for_fifteen_minutes(db: Db) {
    const AGE: i64 = 900;
    const LEEWAY: i64 = 30;
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    scene.advance(2 * AGE);
    for event in [Installed, Disabled, Enabled, Uninstalled] {
        let of_age = |age: i64| {
            let now = jira.now();
            // Good for hours, as far as it says itself.
            let times = Overrides::none()
                .claim("iat", now - age)
                .claim("exp", now + 7200);
            jira.sign_lifecycle("acme", event, &times)
        };
        let before = kept(&scene, "acme").await;
        for age in [AGE + LEEWAY + 5, 2 * AGE, 7200] {
            let status = deliver(&scene, "acme", &of_age(age)).await;
            assert_eq!(status, 401, "{event:?} of {age} s");
        }
        assert_eq!(kept(&scene, "acme").await, before, "{event:?}");
        // A minute younger than the one before, so that none is late.
        let age = match event {
            Installed | Disabled => AGE,
            Enabled | Uninstalled => AGE - 60,
        };
        let status = deliver(&scene, "acme", &of_age(age)).await;
        assert_eq!(status, 204, "{event:?} of {age} s");
        assert_ne!(kept(&scene, "acme").await, before, "{event:?}");
    }
    assert_eq!(state(&scene, "acme").await, (false, false));
    scene.end().await;
}

/// Two replicas where there can be, and two connections where there is one process.
async fn t28_of_two_bodies_at_the_same_moment_one_is_taken(db: Db) {
    let scene = Scene::start_child(db, Setting::default()).await;
    let mut second = None;
    if db == Db::Postgres {
        let settings = |port| scene.settings_of_child(port);
        second = Some(crate::child::Latchkey::start(settings).await);
    }
    let jira = scene.world.jira.clone();
    let bases = [
        scene.base.clone(),
        second
            .as_ref()
            .map_or(scene.base.clone(), |second| second.address("")),
    ];
    let http = scene.http.clone();
    let post = async |base: &str, call: &SignedCall| {
        let path = format!("{base}/connect/{}", call.event.name());
        let request = http.post(path).json(&call.body);
        let request = request.header("authorization", format!("JWT {}", call.token));
        let answer = request.send().await.expect("it answers");
        answer.status().as_u16()
    };
    for round in 0..20 {
        let event = [Installed, Disabled, Enabled][round % 3];
        let call = sign(&scene, "acme", event);
        let other = bent(&call, "description", json!(format!("of round {round}")));
        let (one, two) = tokio::join!(post(&bases[0], &call), post(&bases[1], &other));
        let mut answers = [one, two];
        answers.sort_unstable();
        assert_eq!(answers, [204, 401], "round {round}, {event:?}");
        // Which one it was is kept, for both replicas.
        for base in &bases {
            assert_eq!(post(base, &call).await, one, "round {round}");
            assert_eq!(post(base, &other).await, two, "round {round}");
        }
    }
    let enabled = jira.enable("acme").await.expect("it answers");
    assert_eq!(enabled.status, 204);
    if let Some(mut second) = second {
        second.stop().await;
    }
    scene.end().await;
}

async fn t28_a_token_is_noted_with_the_change_or_not_at_all(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let breaks: &[&str] = match db {
        Db::Sqlite => &["create trigger breaks before update of enabled on tenant \
            begin select raise(abort, 'it breaks'); end"],
        Db::Postgres => &[
            "create function breaks() returns trigger language plpgsql \
             as $$ begin raise exception 'it breaks'; end $$",
            "create trigger breaks before update of enabled on tenant \
             for each row execute function breaks()",
        ],
    };
    let repaired: &[&str] = match db {
        Db::Sqlite => &["drop trigger breaks"],
        Db::Postgres => &["drop trigger breaks on tenant", "drop function breaks"],
    };
    for event in [Disabled, Enabled, Installed, Uninstalled] {
        scene.advance(1);
        let call = sign(&scene, "acme", event);
        let before = kept(&scene, "acme").await;
        for statement in breaks {
            scene.execute(statement).await;
        }
        let status = deliver(&scene, "acme", &call).await;
        assert!(status >= 500, "{event:?}: {status}");
        assert_eq!(kept(&scene, "acme").await, before, "{event:?}");
        for statement in repaired {
            scene.execute(statement).await;
        }
        // Told once more, it is heard.
        assert_eq!(deliver(&scene, "acme", &call).await, 204, "{event:?}");
        assert_ne!(kept(&scene, "acme").await, before, "{event:?}");
    }
    scene.end().await;
}
