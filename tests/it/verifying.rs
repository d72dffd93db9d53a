//! What comes from outside is judged rightly whatever it is: tokens of any shape, addresses of any
//! shape, and everything else that is parsed.

use std::fs;
use std::path::Path;

use latchkey::atlassian::Rejected;
use latchkey::atlassian::connect::jwt::{UnverifiedHs256, UnverifiedRs256};
use proptest::prelude::*;
use proptest::test_runner::Config as Cases;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fuzz::jwt::{AUDIENCE, KINDS, Kind, NOW, SECRET, sign_rs256};
use crate::fuzz::jwt_model::{sign, to_base64url};
use crate::fuzz::qsh_model::{self, Dice, Request};
use crate::fuzz::{TARGETS, run};
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting};
use crate::sim::jira::{LifecycleEvent, OMAR, Overrides};

on_both_databases!(
    whatever_is_sent_is_answered,
    an_installation_writes_nothing_into_the_policy
);

/// What libFuzzer and people found worth keeping; `scripts/fuzz` looks for more.
#[test]
fn every_corpus_is_still_judged_rightly() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, _) in TARGETS {
        let corpus = fs::read_dir(corpora.join(name)).expect("each target has a corpus");
        let mut files = 0;
        for file in corpus {
            let bytes = fs::read(file.expect("it is listed").path()).expect("it can be read");
            run(name, &bytes);
            // And cut short anywhere: cheap, and what a bad connection makes of it.
            run(name, &bytes[..bytes.len() / 2]);
            files += 1;
        }
        assert!(files > 0, "{name} has an empty corpus");
    }
}

// ---- qsh

#[test]
fn t9_the_published_hashes_come_out_of_the_model_too() {
    let path = "/rest/api/3/user/properties/acct-link";
    let account = "accountId=5b10ac8d82e05b22cc7d4ef5";
    for (method, path, query, hash) in [
        (
            "GET",
            "/",
            None,
            "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239",
        ),
        (
            "POST",
            "/installed",
            None,
            "4a2e1de8ca74e6cafe8862d332fa3ac7a8e51e692bc6d798ea4dfedc14948bf4",
        ),
        (
            "PUT",
            path,
            Some(account),
            "c4e0996863ef8452bfc455d374623ad1eaea2dfc3c8ef0ece0c35763eda390b6",
        ),
    ] {
        assert_eq!(qsh_model::qsh(method, "", path, query), hash);
    }
    let colon = |query| qsh_model::canonical("GET", "", "/", Some(query));
    assert_eq!(colon("id=557058:a"), "GET&/&id=557058%3Aa");
    assert_eq!(colon("id=557058%3aa"), "GET&/&id=557058%3Aa");
    assert_eq!(colon("b=*&a=x,y&a=&jwt=t&c"), "GET&/&a=,x%2Cy&b=%2A&c=");
}

/// How many requests; `scripts/qsh` asks for more.
const REQUESTS: &str = "LATCHKEY_QSH_REQUESTS";

#[test]
fn t9_two_readings_of_the_qsh_agree_about_any_request() {
    let requests: u64 = std::env::var(REQUESTS).map_or(200_000, |number| {
        number.parse().expect("the number of requests is a number")
    });
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for seed in (thread..requests).step_by(threads as usize) {
                    let request = Request::of_seed(seed);
                    assert!(request.agrees(), "seed {seed}: {request:#?}");
                }
            });
        }
    });
}

// ---- tokens

/// A good token of a kind, with these claims over the good ones; a null takes one away.
fn token(kind: Kind, changes: &Value) -> String {
    let mut claims = json!({"iss": "tenant-a", "sub": "557058:a", "iat": NOW, "exp": NOW + 180,
        "qsh": kind.qsh()});
    if kind == Kind::Lifecycle {
        claims["aud"] = json!(AUDIENCE);
    }
    for (name, value) in changes.as_object().expect("changes are an object") {
        claims[name] = value.clone();
    }
    signed(
        kind,
        r#"{"typ":"JWT","alg":"ALG","kid":"k1"}"#,
        &claims.to_string(),
    )
}

fn signed(kind: Kind, header: &str, claims: &str) -> String {
    let header = |alg| header.replace("ALG", alg).into_bytes();
    match kind {
        Kind::Lifecycle => sign_rs256(&header("RS256"), claims.as_bytes()),
        _ => sign(&header("HS256"), claims.as_bytes(), SECRET.as_bytes()),
    }
}

#[test]
fn t8_a_token_of_one_kind_is_of_no_other() {
    for kind in KINDS {
        let token = token(kind, &json!({}));
        for shown_as in KINDS {
            let taken = shown_as.verified(&token, NOW).is_some();
            assert_eq!(taken, kind == shown_as, "{kind:?} as {shown_as:?}");
            assert_eq!(shown_as.good(&token, NOW).is_some(), taken, "the model");
        }
        // The algorithm is looked at before anything that is named is looked for.
        if kind == Kind::Lifecycle {
            let why = "the algorithm is not HS256";
            let read = UnverifiedHs256::read(&token).map(|_| ());
            assert_eq!(read, Err(Rejected::Misplaced(why)));
        } else {
            let why = "the algorithm is not RS256";
            let read = UnverifiedRs256::read(&token).map(|_| ());
            assert_eq!(read, Err(Rejected::Misplaced(why)));
        }
    }
}

#[test]
fn t8_a_good_token_with_anything_changed_is_none() {
    for kind in KINDS {
        let token = token(kind, &json!({}));
        assert!(kind.judge(&token, NOW).is_some());
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut bytes = token.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let flipped = String::from_utf8_lossy(&bytes);
                assert_eq!(kind.judge(&flipped, NOW), None, "{kind:?}: {flipped}");
            }
            assert_eq!(kind.judge(&token[..at], NOW), None, "{kind:?} cut at {at}");
        }
        for more in ["=", ".", "A", " ", "\0", ".e30", "."] {
            let (behind, before) = (format!("{token}{more}"), format!("{more}{token}"));
            assert_eq!(kind.judge(&behind, NOW), None, "{kind:?} with {more:?}");
            assert_eq!(kind.judge(&before, NOW), None, "{kind:?} with {more:?}");
        }
    }
}

#[test]
fn t9_what_the_claims_may_be() {
    let evil = "https://evil.example";
    // For lifecycle tokens; of the others nobody reads `aud`.
    for (aud, good) in [
        (json!(AUDIENCE), true),
        (json!(format!("{AUDIENCE}/")), true),
        (json!([AUDIENCE]), true),
        (json!([format!("{AUDIENCE}/")]), true),
        (json!(format!("{AUDIENCE}//")), false),
        (json!([AUDIENCE, evil]), false),
        (json!([evil, AUDIENCE]), false),
        (json!([AUDIENCE, AUDIENCE]), false),
        (json!([]), false),
        (json!([[AUDIENCE]]), false),
        (json!([AUDIENCE, 1]), false),
        (json!({"0": AUDIENCE}), false),
        (json!(format!("{evil}/?{AUDIENCE}")), false),
        (json!(AUDIENCE.to_uppercase()), false),
        (json!("/"), false),
        (json!(""), false),
        (json!(null), false),
    ] {
        let token = token(Kind::Lifecycle, &json!({"aud": aud}));
        let taken = Kind::Lifecycle.judge(&token, NOW).is_some();
        assert_eq!(taken, good, "aud {aud}");
    }
    let long = |length| json!("x".repeat(length));
    for kind in KINDS {
        let upper = kind.qsh().to_uppercase();
        // What tells of an installation is told at once; of the others it is the end that counts.
        let any_age = !matches!(kind, Kind::AppToApp | Kind::Lifecycle);
        for (changes, good) in [
            (json!({"exp": NOW - 29}), true),
            (json!({"exp": NOW - 30}), false),
            (json!({"exp": NOW + 86_400}), true),
            (json!({"exp": NOW + 86_401}), false),
            (json!({"exp": i64::MAX}), false),
            (json!({"exp": i64::MIN}), false),
            (json!({"exp": u64::MAX}), false),
            (json!({"exp": 1e18}), false),
            (json!({"exp": NOW as f64 + 0.5}), false),
            (json!({"exp": (NOW + 180).to_string()}), false),
            (json!({"exp": null}), false),
            (json!({"iat": NOW + 30}), true),
            (json!({"iat": NOW + 31}), false),
            (json!({"iat": NOW - 930}), true),
            (json!({"iat": NOW - 931}), any_age),
            (json!({"iat": i64::MIN}), any_age),
            (json!({"iat": i64::MAX}), false),
            (json!({"iat": null}), false),
            (json!({"iat": true}), false),
            (json!({"nbf": NOW + 30}), true),
            (json!({"nbf": NOW + 31}), false),
            (json!({"nbf": i64::MAX}), false),
            (json!({"nbf": "now"}), false),
            (json!({"iss": ""}), false),
            (json!({"iss": null}), false),
            (json!({"iss": ["tenant-a"]}), false),
            (json!({"iss": "tenant\0a"}), false),
            (json!({"iss": "tenant\na"}), false),
            (json!({"iss": long(255)}), true),
            (json!({"iss": long(256)}), false),
            (json!({"sub": null}), true),
            (json!({"sub": ""}), true),
            (json!({"sub": "557058\0a"}), false),
            (json!({"sub": "557058\u{85}a"}), false),
            (json!({"sub": 557_058}), false),
            (json!({"sub": long(128)}), true),
            (json!({"sub": long(129)}), false),
            (json!({"qsh": upper}), false),
            (json!({"qsh": format!("{} ", kind.qsh())}), false),
            (json!({"qsh": [kind.qsh()]}), false),
            (json!({"qsh": null}), false),
        ] {
            let token = token(kind, &changes);
            let taken = kind.judge(&token, NOW).is_some();
            assert_eq!(taken, good, "{kind:?} with {changes}");
            assert_eq!(kind.good(&token, NOW).is_some(), good, "the model");
        }
        // At either end of time nothing overflows.
        for now in [i64::MIN, i64::MAX - 1, 0, -1] {
            for exp in [i64::MIN, NOW + 180, i64::MAX] {
                let token = token(kind, &json!({"exp": exp, "nbf": i64::MIN, "iat": i64::MIN}));
                assert_eq!(kind.judge(&token, now), kind.good(&token, now));
            }
        }
    }
}

#[test]
fn t9_what_a_header_may_be_and_how_claims_are_written() {
    for kind in KINDS {
        let aud = format!(r#""aud":"{AUDIENCE}""#);
        let (qsh, exp) = (kind.qsh(), NOW + 180);
        let fields = format!(r#""iss":"tenant-a",{aud},"iat":{NOW},"exp":{exp},"qsh":"{qsh}""#);
        let claims = format!("{{{fields}}}");
        let list = format!(r#"["tenant-a",null,"{AUDIENCE}",{exp},{NOW},null,"{qsh}"]"#);
        let plain = r#"{"alg":"ALG","kid":"k1"}"#;
        for (header, claims, good) in [
            (plain, claims.clone(), true),
            (
                r#"{"alg":"ALG","kid":"k1","x":{"y":[1]}}"#,
                claims.clone(),
                true,
            ),
            // RFC 7515 section 4.1.11: what is critical must be understood.
            (
                r#"{"alg":"ALG","kid":"k1","crit":["exp"]}"#,
                claims.clone(),
                false,
            ),
            (
                r#"{"alg":"ALG","kid":"k1","crit":[]}"#,
                claims.clone(),
                false,
            ),
            (
                r#"{"alg":"ALG","kid":"k1","b64":false,"crit":["b64"]}"#,
                claims.clone(),
                false,
            ),
            (
                r#"{"alg":"ALG","alg":"ALG","kid":"k1"}"#,
                claims.clone(),
                false,
            ),
            (r#"{"alg":["ALG"],"kid":"k1"}"#, claims.clone(), false),
            (r#"{"kid":"k1"}"#, claims.clone(), false),
            (r#"["JWT","ALG","k1"]"#, claims.clone(), false),
            ("{}", claims.clone(), false),
            ("", claims.clone(), false),
            // What stands twice could be read in two ways.
            (plain, format!(r#"{{{fields},"iss":"tenant-b"}}"#), false),
            (
                plain,
                format!(r#"{{{fields},"sub":null,"sub":"a"}}"#),
                false,
            ),
            (
                plain,
                format!(r#"{{{fields},"EXP":1,"more":[{{}}]}}"#),
                true,
            ),
            (plain, list, false),
            (plain, format!("[{claims}]"), false),
            (plain, format!("{claims}x"), false),
            (plain, format!("{claims}{claims}"), false),
            (plain, format!(" {claims}\n"), true),
            (plain, String::new(), false),
            (plain, "null".to_owned(), false),
        ] {
            let token = signed(kind, header, &claims);
            let taken = kind.judge(&token, NOW).is_some();
            assert_eq!(taken, good, "{kind:?}: {header} {claims}");
            assert_eq!(
                kind.good(&token, NOW).is_some(),
                good,
                "the model: {header}"
            );
        }
        // Longer than is looked at, and just not.
        let filled = |filling: usize| {
            let claims = format!(r#"{{{fields},"x":"{}"}}"#, "x".repeat(filling));
            signed(kind, plain, &claims)
        };
        // Three bytes are four letters.
        let with_length = |length: usize| filled((length - filled(0).len()) * 3 / 4);
        let token = with_length(8192);
        assert!(token.len() > 8186 && kind.judge(&token, NOW).is_some());
        let token = with_length(8200);
        assert!(token.len() > 8192 && kind.judge(&token, NOW).is_none());
    }
}

/// A claim that is good, missing, or anything else.
fn claim(name: &'static str, good: BoxedStrategy<Value>) -> BoxedStrategy<Vec<(String, Value)>> {
    let one = move |value: Value| vec![(name.to_owned(), value)];
    prop_oneof![
        12 => good.prop_map(one),
        1 => Just(Vec::new()),
        1 => any_value().prop_map(one),
        // Twice.
        1 => (any_value(), any_value()).prop_map(move |(a, b)| [one(a), one(b)].concat()),
    ]
    .boxed()
}

fn any_value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("context-qsh")),
        Just(json!("tenant-a")),
        Just(json!(AUDIENCE)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            (".{0,6}", inner).prop_map(|(name, value)| json!({name: value})),
        ]
    })
    .boxed()
}

fn time() -> BoxedStrategy<Value> {
    prop_oneof![
        6 => (-40i64..=220).prop_map(|off| json!(NOW + off)),
        2 => (86_398i64..=86_402).prop_map(|off| json!(NOW + off)),
        2 => (-932i64..=-898).prop_map(|off| json!(NOW + off)),
        1 => any::<i64>().prop_map(Value::from),
        1 => (-40f64..220.0).prop_map(|off| json!(NOW as f64 + off)),
    ]
    .boxed()
}

fn header() -> BoxedStrategy<Vec<(String, Value)>> {
    let text = |values: &'static [&'static str]| {
        proptest::sample::select(values)
            .prop_map(Value::from)
            .boxed()
    };
    let alg = claim(
        "alg",
        prop_oneof![
            5 => text(&["HS256", "RS256"]),
            1 => text(&["none", "None", "HS384", "RS512", "hs256", "ES256", ""]),
        ]
        .boxed(),
    );
    let kid = claim("kid", text(&["k1", "../k1", "", "a/b"]));
    let typ = claim("typ", text(&["JWT", "jwt", "at+jwt"]));
    let crit = prop_oneof![
        20 => Just(Vec::new()),
        1 => any_value().prop_map(|value| vec![("crit".to_owned(), value)]),
        1 => Just(vec![("crit".to_owned(), json!(["exp"]))]),
    ];
    (alg, kid, typ, crit)
        .prop_map(|(a, b, c, d)| [a, b, c, d].concat())
        .boxed()
}

fn claims() -> BoxedStrategy<Vec<(String, Value)>> {
    let qsh: Vec<Value> = KINDS.iter().map(|kind| json!(kind.qsh())).collect();
    let good_text = |text: &'static str| Just(json!(text)).boxed();
    let aud = prop_oneof![
        4 => Just(json!(AUDIENCE)),
        1 => Just(json!([AUDIENCE])),
        1 => Just(json!([AUDIENCE, "x"])),
    ];
    (
        claim("iss", good_text("tenant-a")),
        claim("sub", good_text("557058:a")),
        claim("aud", aud.boxed()),
        claim("exp", time()),
        claim("iat", time()),
        prop_oneof![3 => Just(Vec::new()), 1 => claim("nbf", time())],
        claim("qsh", proptest::sample::select(qsh).boxed()),
        (".{0,6}", any_value()).prop_map(|(name, value)| vec![(name, value)]),
    )
        .prop_map(|(a, b, c, d, e, f, g, h)| [a, b, c, d, e, f, g, h].concat())
        .boxed()
}

/// An object as text, in which a name may stand twice.
fn written(fields: &[(String, Value)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn cases(cases: u32) -> Cases {
    Cases {
        cases,
        // What fails is printed whole; there is nothing to keep in a file.
        failure_persistence: None,
        ..Cases::default()
    }
}

proptest! {
    #![proptest_config(cases(2500))]

    #[test]
    fn t8_a_well_signed_token_is_judged_as_the_model_does(
        header in header(),
        claims in claims(),
        by_atlassian in any::<bool>(),
    ) {
        let (header, claims) = (written(&header), written(&claims));
        let token = if by_atlassian {
            sign_rs256(header.as_bytes(), claims.as_bytes())
        } else {
            sign(header.as_bytes(), claims.as_bytes(), SECRET.as_bytes())
        };
        let mut taken = 0;
        for kind in KINDS {
            let good = kind.good(&token, NOW);
            taken += usize::from(good.is_some());
            prop_assert_eq!(kind.judge(&token, NOW), good, "{:?}: {} {}", kind, header, claims);
        }
        prop_assert!(taken <= 1, "it is of {} kinds: {} {}", taken, header, claims);
    }
}

proptest! {
    // Nine tokens each.
    #![proptest_config(cases(800))]

    #[test]
    fn t8_no_bytes_are_a_token(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        header in header(),
        claims in claims(),
    ) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (header, claims) = (written(&header), written(&claims));
        let unsigned = format!("{}.{}", to_base64url(header.as_bytes()), to_base64url(claims.as_bytes()));
        for token in [
            text.clone(),
            to_base64url(&bytes),
            format!("{text}.{text}.{text}"),
            unsigned.clone(),
            format!("{unsigned}."),
            format!("{unsigned}.{text}"),
            format!("{unsigned}.{}", to_base64url(&bytes)),
            sign(&bytes, &bytes, SECRET.as_bytes()),
            sign(header.as_bytes(), claims.as_bytes(), &bytes),
        ] {
            for kind in KINDS {
                prop_assert_eq!(kind.judge(&token, NOW), None);
                prop_assert_eq!(kind.good(&token, NOW), None);
            }
        }
    }
}

// ---- over the wire

/// Sends these bytes and reads the answer to its end: head and body.
async fn exchange(scene: &Scene, bytes: &[u8]) -> (String, String) {
    let port = url::Url::parse(&scene.base)
        .expect("it is an address")
        .port()
        .expect("it has a port");
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    let mut stream = stream.expect("it listens");
    let mut answer = Vec::new();
    let both = async {
        // Who has seen enough may hang up before the end.
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    let patience = std::time::Duration::from_secs(30);
    if tokio::time::timeout(patience, both).await.is_err() {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
        panic!("it does not answer {start:?}");
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_lowercase(), body.to_owned())
}

/// A request as it stands on the wire.
fn on_the_wire(method: &str, target: &[u8], headers: &[u8], body: &[u8]) -> Vec<u8> {
    let length = body.len();
    [
        method.as_bytes(),
        b" ",
        target,
        b" HTTP/1.1\r\nHost: latchkey.localhost\r\nConnection: close\r\n",
        headers,
        format!("Content-Length: {length}\r\n\r\n").as_bytes(),
        body,
    ]
    .concat()
}

/// Asserts that an answer is one: no error of ours, and all its headers. What is no HTTP is answered by
/// the HTTP server itself, in one line.
fn assert_answered(about: &str, head: &str, body: &str) {
    let status: u16 = head
        .strip_prefix("http/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .unwrap_or_else(|| panic!("{about} is not answered: {head:?}"));
    assert!((200..500).contains(&status), "{about}: {head}\n{body}");
    if matches!(status, 400 | 414 | 431) && !head.contains("content-type") && body.is_empty() {
        return;
    }
    for header in [
        "cache-control: no-cache, no-store",
        "referrer-policy: no-referrer",
        "strict-transport-security: max-age=31536000; includesubdomains",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; ",
    ] {
        assert_eq!(head.matches(header).count(), 1, "{about}: {header}: {head}");
    }
}

/// Routes, and shapes of addresses that are none.
const TARGETS_ON_THE_WIRE: [&str; 35] = [
    "/atlassian-connect.json",
    "/connect/installed",
    "/connect/uninstalled",
    "/connect/enabled",
    "/connect/disabled",
    "/connect/glance",
    "/connect/finish",
    "/link",
    "/link/some-attempt",
    "/link/callback",
    "/link/some-attempt/prove",
    "/link/some-attempt/confirm",
    "/link/some-attempt/cancel",
    "/link/%00/prove",
    "/link/%FF/confirm",
    "/link/%/cancel",
    "/api/link",
    "/api/link/renew",
    "/api/link/key",
    "/healthz",
    "/readyz",
    "/static/latchkey.css",
    "/static/%2e%2e%2f%00",
    "",
    "/",
    "*",
    "//link",
    "/link/../api/link",
    "/./link//",
    "/LINK",
    "http://evil.example/link",
    "http://evil.example",
    "https://user:pw@latchkey.localhost/api/link",
    "evil.example:443",
    "/\u{e4}",
];

/// The story's own requests: any method, address, headers and body, with tokens that are good for them.
fn any_request(scene: &Scene, number: u64) -> Vec<u8> {
    let mut dice = Dice(number);
    let jira = &scene.world.jira;
    let methods = [
        "GET", "GET", "POST", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "CONNECT", "TRACE",
        "get", "X", "POST\t",
    ];
    let method = dice.one_of(&methods);
    let mut path = dice.one_of(&TARGETS_ON_THE_WIRE).to_owned();
    if dice.below(6) == 0 {
        path.push('/');
        dice.text(&mut path, 4);
    }
    let mut query = String::new();
    for name in [
        "jwt", "issue", "attempt", "handle", "code", "state", "iss", "error",
    ] {
        if dice.below(4) == 0 {
            query.push_str(name);
            query.push('=');
            dice.text(&mut query, 4);
            query.push('&');
        }
    }
    for _ in 0..dice.below(4) {
        dice.parameter(&mut query);
        query.push('&');
    }
    if dice.below(60) == 0 {
        query.push_str(&"a=b&".repeat(5000));
    }
    let context = jira.context_token("acme", OMAR, &Overrides::none());
    let hash = qsh_model::qsh(method, "", &path, Some(&query));
    let bent = Overrides::none().claim("qsh", hash);
    let bound = jira.context_token("acme", OMAR, &bent);
    let token = match dice.below(5) {
        0 => context,
        1 => bound.clone(),
        2 => jira.lifecycle_token("acme", LifecycleEvent::Uninstalled, &bent.claim("iss", "x")),
        3 => {
            let mut text = String::new();
            dice.text(&mut text, 9);
            text
        }
        _ => String::new(),
    };
    if dice.below(3) == 0 {
        query.push_str(&format!("jwt={bound}"));
    }
    let mut target = path.into_bytes();
    if dice.below(4) != 0 {
        target.push(b'?');
        target.extend_from_slice(query.as_bytes());
    }
    if dice.below(10) == 0 {
        target.extend_from_slice(b"#fragment");
    }
    if dice.below(12) == 0 {
        let at = dice.below(target.len() as u64 + 1);
        target.insert(at, dice.next() as u8);
    }
    let mut headers = Vec::new();
    let scheme = dice.one_of(&["JWT ", "jwt ", "JWT  ", "Bearer ", "JWT", "", "JWT \t"]);
    for _ in 0..dice.one_of(&[0, 1, 1, 1, 2]) {
        headers.extend_from_slice(format!("Authorization: {scheme}{token}\r\n").as_bytes());
    }
    let names = [
        "Cookie",
        "Origin",
        "Sec-Fetch-Site",
        "Content-Type",
        "Accept",
        "X-Forwarded-For",
        "Range",
        "If-None-Match",
        "Accept-Language",
        "X-\u{7f}",
    ];
    for _ in 0..dice.below(4) {
        headers.extend_from_slice(dice.one_of(&names).as_bytes());
        headers.extend_from_slice(b": ");
        if dice.below(3) == 0 {
            headers.extend_from_slice(b"__Host-latchkey=");
        }
        for _ in 0..dice.below(30) {
            headers.push(dice.next() as u8 | 1);
        }
        headers.extend_from_slice(b"\r\n");
    }
    let body = match dice.below(6) {
        0 => Vec::new(),
        1 => format!("jwt={token}&issue=KEY-1&jwt2={query}").into_bytes(),
        2 => br#"{"handle":"\u0000\ud83d\ude00"}"#.to_vec(),
        3 => format!("{{\"handle\":{}", "[".repeat(1000)).into_bytes(),
        4 => query.bytes().take(4096).collect(),
        _ => (0..dice.below(200)).map(|_| dice.next() as u8).collect(),
    };
    on_the_wire(method, &target, &headers, &body)
}

async fn whatever_is_sent_is_answered(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let before = omar.status().await;

    for number in 0..1500 {
        let request = any_request(&scene, number);
        let (head, body) = exchange(&scene, &request).await;
        let start = String::from_utf8_lossy(&request[..request.len().min(300)]).into_owned();
        assert_answered(&format!("request {number}, {start:?}"), &head, &body);
    }

    // What is behind a good token, reached on purpose.
    let context = jira.context_token("acme", OMAR, &Overrides::none());
    let header = format!("Authorization: JWT {context}\r\n");
    for step in ["prove", "confirm", "cancel"] {
        for id in [
            "%00",
            "a%00b",
            "%F0%9F%98%80",
            "%C2%85",
            "%0d%0a",
            &"x".repeat(4000),
        ] {
            let target = format!("/link/{id}/{step}");
            for handle in [r#""a""#, r#""\u0000""#, r#""""#] {
                let body = format!(r#"{{"handle":{handle}}}"#);
                let request = on_the_wire(
                    "POST",
                    target.as_bytes(),
                    header.as_bytes(),
                    body.as_bytes(),
                );
                let (head, body) = exchange(&scene, &request).await;
                assert_answered(&target, &head, &body);
                assert!(head.starts_with("http/1.1 4"), "{target}: {head}");
            }
        }
    }
    for query in [
        "attempt=%00&handle=%00",
        "attempt=a%00b&handle=%FF%FE",
        "attempt=&handle=&attempt=x",
        "issue=%00&attempt=%C2%85",
        "issue=KEY-1&issue=KEY-2&&=&%",
    ] {
        for page in ["/connect/finish", "/connect/glance"] {
            let target = format!("{page}?{query}");
            let hash = qsh_model::qsh("GET", "", page, Some(query));
            let bound = Overrides::none().claim("qsh", hash);
            let token = jira.context_token("acme", OMAR, &bound);
            let target = format!("{target}&jwt={token}");
            let request = on_the_wire("GET", target.as_bytes(), b"", b"");
            let (head, body) = exchange(&scene, &request).await;
            assert_answered(&target, &head, &body);
            assert!(
                head.starts_with("http/1.1 200 "),
                "{target}: {head}\n{body}"
            );
        }
    }
    // Signed by nobody, and still somebody's database is asked who it is about.
    for claims in [
        json!({"iss": "\0"}),
        json!({"iss": "a\0b", "sub": "\0"}),
        json!({"iss": ""}),
        json!({"iss": "\u{fffd}"}),
    ] {
        let token = sign(
            br#"{"alg":"HS256"}"#,
            claims.to_string().as_bytes(),
            b"guess",
        );
        let header = format!("Authorization: JWT {token}\r\n");
        let request = on_the_wire("GET", b"/api/link", header.as_bytes(), b"");
        let (head, body) = exchange(&scene, &request).await;
        assert_answered(&claims.to_string(), &head, &body);
        assert!(head.starts_with("http/1.1 401 "), "{claims}: {head}");
    }
    // Two tokens are none, also when both are good.
    let request = on_the_wire("GET", b"/api/link", header.repeat(2).as_bytes(), b"");
    let (head, _) = exchange(&scene, &request).await;
    assert!(head.starts_with("http/1.1 401 "), "{head}");
    let request = on_the_wire("GET", b"/api/link", header.as_bytes(), b"");
    let (head, _) = exchange(&scene, &request).await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");

    assert_eq!(omar.status().await, before, "nothing has changed");
    scene.world.jira.take_unexpected();
    omar.disconnect().await;
    scene.end().await;
}

/// The body of an installation is not signed, and what it says of addresses comes to stand in a header.
async fn an_installation_writes_nothing_into_the_policy(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let event = LifecycleEvent::Installed;
    for display in [
        "https://evil.example;script-src-elem",
        "https://evil.example,x",
        "https://evil'example",
        "https://*",
        "https://evil.example/;script-src-elem",
    ] {
        let mut body = jira.lifecycle_body("acme", event);
        body["displayUrl"] = json!(display);
        body["displayUrlServicedeskHelpCenter"] = json!("https://help.example.com");
        body["oauthClientId"] = json!("client\0id");
        let token = jira.lifecycle_token("acme", event, &Overrides::none());
        let header = format!("Authorization: JWT {token}\r\n");
        let body = body.to_string();
        let request = on_the_wire(
            "POST",
            b"/connect/installed",
            header.as_bytes(),
            body.as_bytes(),
        );
        let (head, _) = exchange(&scene, &request).await;
        assert!(head.starts_with("http/1.1 204 "), "{display}: {head}");

        let query = "issue=KEY-1";
        let hash = qsh_model::qsh("GET", "", "/connect/glance", Some(query));
        let token = jira.context_token("acme", OMAR, &Overrides::none().claim("qsh", hash));
        let page = scene
            .get(&format!("/connect/glance?{query}&jwt={token}"))
            .await
            .is(200);
        let policy = page.headers["content-security-policy"].to_str();
        let policy = policy.expect("it is plain text");
        assert!(!policy.contains("script-src-elem"), "{display}: {policy}");
        assert!(!policy.contains(','), "{display}: {policy}");
        let ancestors = policy.split("; ").last().expect("there is one");
        assert!(ancestors.ends_with(" https://help.example.com"), "{policy}");
        let plain = |c: char| c.is_ascii_alphanumeric() || " :/.-".contains(c);
        assert!(ancestors.chars().all(plain), "{display}: {policy}");
    }
    scene.end().await;
}
