//! Stories of what comes back from the service: of answers that are nobody's, somebody else's, or not the
//! service's at all.

use reqwest::Method;
use reqwest::header::COOKIE;
use serde_json::{Map, Value, json};
use url::Url;

use crate::on_both_databases;
use crate::scene::{Answer, Begun, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Forgery, Kind, NameIn, ServiceOptions};

on_both_databases!(
    t2_an_answer_in_another_browser_redeems_nothing,
    t3_an_answer_with_a_wrong_state_redeems_nothing,
    t4_a_foreign_code_does_not_fit_the_verifier,
    t4_a_foreign_code_does_not_fit_the_nonce,
    t4_a_foreign_answer_does_not_fit_the_cookie,
    t5_an_answer_of_another_issuer_redeems_nothing,
    t5_an_issuer_counts_where_none_is_announced,
    a_bad_id_token_links_nothing,
);

/// Replaces or leaves out a parameter of an address.
pub fn with_parameter(address: &str, name: &str, value: Option<&str>) -> String {
    let mut url = Url::parse(address).expect("an address");
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(known, _)| known != name)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut query = url.query_pairs_mut();
    query.clear().extend_pairs(kept);
    if let Some(value) = value {
        query.append_pair(name, value);
    }
    drop(query);
    url.into()
}

pub fn parameter(address: &str, name: &str) -> String {
    let url = Url::parse(address).expect("an address");
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(known, _)| known == name);
    found.expect("it is in the address").1.into_owned()
}

/// A page that says this, and leads nowhere on.
#[track_caller]
fn is_over(answer: Answer, status: u16, code: &str) {
    let answer = answer.is(status);
    let code = format!("<code>{code}</code>");
    assert!(answer.text.contains(&code), "{}", answer.text);
    assert_eq!(answer.location, None);
    // A cookie of no session may be taken away; none is given.
    assert!(answer.cookie.is_none_or(|set| set.contains("Max-Age=0")));
}

/// Begins, and answers the service as this account. The answer is on its way to `/link/callback`.
async fn answered(person: &Person<'_>, subject: &str) -> (Begun, String) {
    let begun = person.begin().await;
    let authorize = person.go_on(&begun).await;
    let service = &person.scene.world.service;
    (begun, service.approve(&authorize, subject).await)
}

/// Nobody has anything, and the service was never asked to redeem a code.
async fn nothing_was_redeemed(scene: &Scene) {
    for account in [OMAR, MIA] {
        assert_eq!(scene.person("acme", account).property(), None);
    }
    assert_eq!(scene.world.service.ledger().token_requests().len(), 0);
}

async fn t2_an_answer_in_another_browser_redeems_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    // Omar has sent Mia his address at the service: she has logged in there, and her browser is sent on.
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let (begun, callback) = answered(&omar, "u-200").await;
    for cookie in [
        None,
        Some("__Host-latchkey=AAAAAAAAAAAAAAAAAAAAAA"),
        Some("__Host-latchkey="),
        Some("latchkey=AAAAAAAAAAAAAAAAAAAAAA"),
    ] {
        let mut request = scene.http.get(&callback);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        is_over(scene.send(request).await, 403, "wrong-browser");
    }
    // She has an attempt of her own under way: the cookie is of that, and the state is not.
    let hers = mia.begin().await;
    mia.go_on(&hers).await;
    is_over(
        mia.come_back(&callback, &hers.cookie).await,
        410,
        "attempt-over",
    );
    nothing_was_redeemed(&scene).await;
    assert_eq!(scene.world.service.ledger().unredeemed_codes().len(), 1);
    let whose = [("tenant", &*scene.client_key("acme")), ("account", MIA)];
    scene.has_recorded(("wrong_state", ""), 1, &whose).await;
    // In the browser that went there it goes on, to a Jira that will not have it finished by her.
    omar.come_back(&callback, &begun.cookie).await.leads_to();
    nothing_was_redeemed(&scene).await;
    scene.end().await;
}

async fn t3_an_answer_with_a_wrong_state_redeems_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let begun = omar.begin().await;
    let before_going = scene.address("/link/callback?code=x&state=y");
    omar.come_back(&before_going, &begun.cookie).await.is(410);
    let no_state = scene.address("/link/callback?code=x");
    omar.come_back(&no_state, &begun.cookie).await.is(410);
    let authorize = omar.go_on(&begun).await;
    let callback = service.approve(&authorize, "u-100").await;
    // Another attempt, with an answer of its own.
    let (_, others) = answered(&mia, "u-200").await;

    let foreign = parameter(&others, "state");
    let state = parameter(&callback, "state");
    let denied = format!("{}?error=access_denied", scene.address("/link/callback"));
    let wrong = [
        ("missing", with_parameter(&callback, "state", None)),
        ("empty", with_parameter(&callback, "state", Some(""))),
        (
            "another attempt's",
            with_parameter(&callback, "state", Some(&foreign)),
        ),
        ("cut", with_parameter(&callback, "state", Some(&state[1..]))),
        (
            "longer",
            with_parameter(&callback, "state", Some(&format!("{state}x"))),
        ),
        (
            "in other letters",
            with_parameter(&callback, "state", Some(&state.to_uppercase())),
        ),
        ("twice", format!("{callback}&state={state}")),
        ("no code", with_parameter(&callback, "code", None)),
        ("empty code", with_parameter(&callback, "code", Some(""))),
        ("another attempt's answer", others.clone()),
        ("a denial without one", denied.clone()),
        ("a denial with an empty one", format!("{denied}&state=")),
    ];
    let refused = wrong.len() as u64;
    for (what, address) in wrong {
        let answer = omar.come_back(&address, &begun.cookie).await;
        assert_eq!(answer.status, 410, "{what}");
        is_over(answer, 410, "attempt-over");
    }
    // Two without a code have the right state; two came before the state was made.
    let whose = [("tenant", &*scene.client_key("acme")), ("account", OMAR)];
    scene
        .has_recorded(("wrong_state", ""), refused - 2 + 2, &whose)
        .await;
    // Going to the service again makes a new state, and the old one is worth nothing.
    let again = omar.go_on(&begun).await;
    omar.come_back(&callback, &begun.cookie).await.is(410);
    let callback = service.approve(&again, "u-100").await;
    let answer = omar.come_back(&callback, &begun.cookie).await;
    let returned = omar.arrive(answer.leads_to(), &begun.cookie).await;
    // A state is good once. With its own cookie it leads to the attempt's page, whatever else the answer
    // says now; with another it is refused. What it brought stays as it was.
    let page = format!("/link/{}", begun.id);
    let injected = with_parameter(&callback, "code", Some("another"));
    for used in [&callback, &injected] {
        let again = omar.come_back(used, &begun.cookie).await;
        assert_eq!(again.leads_to(), page);
    }
    let elsewhere = mia.begin().await;
    is_over(
        mia.come_back(&callback, &elsewhere.cookie).await,
        410,
        "attempt-over",
    );
    assert_eq!(service.ledger().token_requests().len(), 0);
    assert_eq!(omar.both(&returned).await.subject, "u-100");
    omar.come_back(&callback, &begun.cookie).await.leads_to();
    omar.confirm(&returned).await.leads_to();
    omar.come_back(&callback, &begun.cookie).await.leads_to();
    assert_eq!(service.ledger().token_requests().len(), 1);
    omar.disconnect().await;
    // Expired, with its attempt.
    let (begun, callback) = answered(&omar, "u-100").await;
    scene.advance(601);
    let late = omar.come_back(&callback, &begun.cookie).await;
    assert!(late.status.is_client_error(), "{}", late.text);
    assert_eq!(late.location, None);
    assert_eq!(service.ledger().unredeemed_codes().len(), 3);
    assert_eq!(omar.state().await, "unlinked");
    scene.end().await;
}

/// Mia puts a code of hers into the answer that Omar's browser brings, and she knows his state. The way
/// back as far as the proof, at which the code is redeemed.
async fn proves_with_an_injected_code(scene: &Scene) -> Answer {
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let (_, hers) = answered(&mia, "u-200").await;
    let (begun, callback) = answered(&omar, "u-100").await;
    let injected = with_parameter(&callback, "code", Some(&parameter(&hers, "code")));
    let answer = omar.come_back(&injected, &begun.cookie).await;
    let returned = omar.arrive(answer.leads_to(), &begun.cookie).await;
    omar.prove(&returned).await.is(200);
    let answer = omar.look(&returned).await;
    // There is nothing to confirm, now or later.
    let later = omar.look(&returned).await;
    assert!(!later.text.contains("Connect accounts"), "{}", later.text);
    omar.confirm_page(&returned, "")
        .await
        .is(match answer.status.as_u16() {
            410 => 409,
            _ => 410,
        });
    assert_eq!(omar.property(), None);
    answer
}

async fn t4_a_foreign_code_does_not_fit_the_verifier(db: Db) {
    // No ID token, so no nonce: PKCE alone.
    let setting = Setting {
        service: ServiceOptions {
            scopes: vec!["drive.read".to_owned()],
            refresh_needs_offline_access: false,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
    .with("LATCHKEY_PROVIDER_SCOPES", "drive.read")
    .with("LATCHKEY_PROVIDER_IDENTITY_URL", "{service}/me");
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    proves_with_an_injected_code(&scene)
        .await
        .is_page(410, "took-too-long");
    let ledger = service.ledger();
    assert!(ledger.live_grants().is_empty());
    assert_eq!(ledger.unredeemed_codes().len(), 2);
    let noted = service.take_unexpected();
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert!(
        noted[0].contains("the code_verifier does not fit"),
        "{noted:?}"
    );
    // What it was that did not fit: with an answer of one's own all is well.
    scene.person("acme", OMAR).link("u-100").await;
    scene.person("acme", OMAR).disconnect().await;
    scene.end().await;
}

async fn t4_a_foreign_code_does_not_fit_the_nonce(db: Db) {
    // The service takes any verifier, as one does that knows no PKCE.
    let setting = Setting {
        service: ServiceOptions {
            checks_verifier: false,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    // A browser brought it, so it is not the service's fault.
    proves_with_an_injected_code(&scene)
        .await
        .is_page(400, "service-refused");
    let service = &scene.world.service;
    assert_eq!(
        service.ledger().unredeemed_codes().len(),
        1,
        "hers is spent"
    );
    eventually("what the code brought is revoked", async || {
        let ledger = service.ledger();
        let tokens = ledger.tokens_of(0);
        let revoked = tokens.iter().all(|token| ledger.is_revoked(&token.value));
        (!tokens.is_empty() && revoked).then_some(())
    })
    .await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.person("acme", OMAR).disconnect().await;
    scene.end().await;
}

async fn t4_a_foreign_answer_does_not_fit_the_cookie(db: Db) {
    // Neither PKCE nor a nonce helps where a whole answer is injected, state and code: those are Mia's
    // own, and they fit each other.
    let setting = Setting {
        service: ServiceOptions {
            checks_verifier: false,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let (_, hers) = answered(&mia, "u-200").await;
    is_over(
        scene.send(scene.http.get(&hers)).await,
        403,
        "wrong-browser",
    );
    let (begun, callback) = answered(&omar, "u-100").await;
    is_over(
        omar.come_back(&hers, &begun.cookie).await,
        410,
        "attempt-over",
    );
    nothing_was_redeemed(&scene).await;
    // His own answer is as good as before.
    let answer = omar.come_back(&callback, &begun.cookie).await;
    let returned = omar.arrive(answer.leads_to(), &begun.cookie).await;
    assert_eq!(omar.both(&returned).await.subject, "u-100");
    scene.end().await;
}

async fn t5_an_answer_of_another_issuer_redeems_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let issuer = service.issuer();
    let longer = format!("{issuer}.evil.example");
    let slash = format!("{issuer}/");
    let wrong: [(Option<Kind>, Option<&str>); 6] = [
        (Some(Kind::WrongIss), None),
        (Some(Kind::NoIss), None),
        (None, Some("")),
        (None, Some(&longer)),
        (None, Some(&slash)),
        (None, Some("http://other.localhost")),
    ];
    let count = 2 * wrong.len() as u64;
    for (fault, iss) in wrong {
        for denied in [false, true] {
            let begun = omar.begin().await;
            let authorize = omar.go_on(&begun).await;
            if let Some(kind) = fault.clone() {
                service.fault(Fault::once(Endpoint::Authorize, kind));
            }
            let mut callback = if denied {
                service.deny(&authorize, "u-100").await
            } else {
                service.approve(&authorize, "u-100").await
            };
            if iss.is_some() {
                callback = with_parameter(&callback, "iss", iss);
            }
            is_over(
                omar.come_back(&callback, &begun.cookie).await,
                400,
                "service-refused",
            );
            // It is over: whoever has the state now could answer again.
            let right = with_parameter(&callback, "iss", Some(issuer));
            let page = format!("/link/{}", begun.id);
            let again = omar.come_back(&right, &begun.cookie).await;
            assert_eq!(again.leads_to(), page);
            is_over(
                omar.with_cookie(Method::GET, &page, &begun.cookie).await,
                410,
                "attempt-over",
            );
            assert_eq!(omar.state().await, "unlinked");
        }
    }
    nothing_was_redeemed(&scene).await;
    let whose = [("tenant", &*scene.client_key("acme")), ("account", OMAR)];
    scene
        .has_recorded(("wrong_issuer", ""), count, &whose)
        .await;
    scene.end().await;
}

async fn t5_an_issuer_counts_where_none_is_announced(db: Db) {
    let setting = Setting {
        service: ServiceOptions {
            iss_parameter: false,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    let (begun, callback) = answered(&omar, "u-100").await;
    let other = with_parameter(&callback, "iss", Some("http://other.localhost"));
    is_over(
        omar.come_back(&other, &begun.cookie).await,
        400,
        "service-refused",
    );
    nothing_was_redeemed(&scene).await;
    // Such a service says nothing, and is believed.
    omar.link("u-100").await;
    omar.disconnect().await;
    scene.end().await;
}

fn claims(claims: Value) -> Kind {
    match claims {
        Value::Object(claims) => Kind::IdTokenClaims(claims),
        _ => Kind::IdTokenClaims(Map::new()),
    }
}

async fn a_bad_id_token_links_nothing(db: Db) {
    let setting = Setting {
        service: ServiceOptions {
            // So that the identity endpoint is asked too, once the ID token has been believed.
            name_in: NameIn::Userinfo,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let now = scene.clock.now();
    let bad = [
        Kind::IdTokenForged(Forgery::AlgNone),
        Kind::IdTokenForged(Forgery::ForeignKey),
        Kind::IdTokenForged(Forgery::ClientSecret),
        Kind::WrongNonce,
        Kind::WrongIss,
        claims(json!({"nonce": null})),
        claims(json!({"iss": null})),
        claims(json!({"sub": null})),
        claims(json!({"sub": 7})),
        claims(json!({"aud": "another-client"})),
        claims(json!({"aud": ["another-client"]})),
        claims(json!({"aud": null})),
        claims(json!({"aud": [service.client_id(), "another-client"]})),
        claims(json!({"azp": "another-client"})),
        claims(json!({"exp": now - 31})),
        claims(json!({"exp": null})),
        claims(json!({"iat": now + 3600})),
        claims(json!({"nbf": now + 3600})),
    ];
    let count = bad.len();
    let faults = bad
        .into_iter()
        .map(|kind| Fault::once(Endpoint::Redeem, kind))
        .chain([Fault::once(
            Endpoint::Identity,
            Kind::OtherSubject("u-200".to_owned()),
        )]);
    for fault in faults {
        let what = format!("{:?}", fault.kind);
        service.fault(fault);
        let returned = omar.until_returned("u-100").await;
        omar.prove(&returned).await.is(200);
        // A nonce of another attempt comes with a code that the browser brought from there.
        let status = match what.contains("WrongNonce") {
            true => 400,
            false => 502,
        };
        let answer = omar.look(&returned).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        answer.is_page(status, "service-refused");
        omar.confirm(&returned).await.is_page(410, "attempt-over");
        assert_eq!(omar.state().await, "unlinked", "{what}");
        assert_eq!(omar.property(), None, "{what}");
        scene.all_revoked().await;
        // Nobody tries so often at once.
        scene.advance(5);
    }
    assert_eq!(service.ledger().grants().len(), count + 1);
    omar.link("u-100").await;
    omar.disconnect().await;
    scene.end().await;
}
