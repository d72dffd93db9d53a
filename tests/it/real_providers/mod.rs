//! Providers that nobody here wrote, each with habits of its own, and what the product must be able to do
//! with every one of them.
//!
//! | | protocol | refresh tokens | a refresh token used again | besides |
//! |---|---|---|---|---|
//! | `oidc-provider` (npm) | OpenID Connect | rotate | refused, ends its grant | says `iss`; one grant for each login |
//! | `django-oauth-toolkit` (PyPI) | OAuth 2.0, identity endpoint | rotate | refused, ends its grant | the old key ends with the refresh |
//! | the same with its FAPI 2.0 profile on, in `fapi` | pushed requests, assertions, DPoP | as above | as above | an access token is of no use without its key |
//! | `canaille` (PyPI) | OpenID Connect | rotate, end with their key | refused | keys are JWTs; those of one second are the same, which it refuses with a 500 |

mod canaille;
mod django;
mod fapi;
mod in_depth;
pub mod oidc_provider;
mod python;
mod visitor;

pub use python::install;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use url::Url;

use latchkey::clock::Clock;

use crate::browser::{Browser, Options};
use crate::browsing::AtJira;
use crate::child::Process;
use crate::doors::Door;
use crate::moments::Moments;
use crate::scene::{Answer, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::OMAR;

use canaille::Canaille;
use django::Django;
use oidc_provider::OidcProvider;

/// Makes a test of each story for each provider.
macro_rules! with_every_provider {
    ($($story:ident),+ $(,)?) => {
        with_every_provider!(@at oidc_provider_of_npm OidcProvider: $($story),+);
        with_every_provider!(@at django_oauth_toolkit Django: $($story),+);
        with_every_provider!(@at canaille_of_pypi Canaille: $($story),+);
    };
    (@at $name:ident $provider:ident: $($story:ident),+) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story::<super::$provider>().await;
            })+
        }
    };
}

with_every_provider!(
    in_a_browser_a_person_connects_and_five_renewals_later_disconnects,
    by_forge_in_a_browser_a_person_connects_and_five_renewals_later_disconnects,
    an_answer_lost_with_its_process_asks_to_reconnect,
    a_refresh_token_works_once,
);

/// A provider as a story needs it, running. Robin Park has an account there.
trait RealProvider: Sized {
    /// The id of Robin Park's account.
    const ROBIN: &'static str;
    /// Whether a refresh token that is used again takes its successors with it.
    const REUSE_ENDS_THE_GRANT: bool;

    /// Starts one that leads back to this address.
    async fn start(redirect_uri: String) -> Self;

    fn service(&self) -> &Service;

    /// Where the product finds it, and what it asks for.
    fn settings(&self) -> Vec<(&'static str, String)>;

    /// Where it tells whose key it is, and where it gives tokens.
    fn identity_endpoint(&self) -> String;
    fn token_endpoint(&self) -> String;

    /// An authorize address as the product makes it, with this code challenge.
    fn authorize_url(&self, redirect_uri: &str, challenge: &str) -> String;

    /// Fills in the form of a page, as Robin Park, who allows or does not.
    fn fill_in(page: &str, allow: bool) -> Option<Vec<(&'static str, String)>>;

    /// The same in a browser that shows the first page; Robin allows.
    async fn allow_in(browser: &Browser);
}

/// A running provider, a site of its own to the browser. It ends with this value.
struct Service {
    address: String,
    client_id: String,
    client_secret: String,
    client: Client,
    _process: Process,
}

/// Runs a program that says `READY` and where it is when it can be asked. It ends with the process that
/// is returned.
pub async fn started(command: &mut Command) -> (Process, String) {
    let mut process = Process::spawn(
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()),
        "KILL",
        None,
    )
    .expect("the program starts");
    let mut lines = BufReader::new(process.take_stdout()).lines();
    let address = tokio::task::spawn_blocking(move || {
        let address = lines.find_map(|line| line.ok()?.strip_prefix("READY ").map(str::to_owned));
        // Read on: a library that writes to a closed pipe takes the program down with it.
        std::thread::spawn(move || lines.for_each(drop));
        address
    })
    .await
    .expect("reading lines does not panic")
    .expect("the program says when it is ready, and what is wrong on standard error");
    (process, address)
}

/// A code or a token the provider gave, and what became of it.
#[derive(Debug, Clone, Deserialize)]
struct Issued {
    /// `AuthorizationCode`, `AccessToken` or `RefreshToken`.
    kind: String,
    token: String,
    grant: Option<String>,
    subject: Option<String>,
    /// A code that was redeemed, a refresh token that was exchanged.
    consumed: bool,
    revoked: bool,
    expired: bool,
    /// The thumbprint of the key that has to be proved with it.
    #[serde(default, rename = "boundTo")]
    bound_to: Option<String>,
    /// The resource it is for.
    #[serde(default)]
    audience: Option<String>,
}

impl Service {
    /// A program that was started, at an address.
    fn new((process, address): (Process, String), client_id: &str, client_secret: &str) -> Self {
        Self {
            address,
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            client: visitor::client(),
            _process: process,
        }
    }

    /// Every code and token of this provider's life, the first given first.
    async fn issued(&self) -> Vec<Issued> {
        self.client
            .get(format!("{}/_test/tokens", self.address))
            .send()
            .await
            .expect("the provider answers")
            .json()
            .await
            .expect("the list of tokens")
    }

    /// What of all this must never be seen in a log or a database.
    async fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = self.issued().await.into_iter().map(|it| it.token).collect();
        secrets.push(self.client_secret.clone());
        secrets
    }

    /// A request of the client to one of the endpoints that only a client may use.
    async fn post(&self, address: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let answer = self
            .client
            .post(address)
            .basic_auth(&self.client_id, Some(&self.client_secret))
            .form(form)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.text().await.expect("a body");
        (status, serde_json::from_str(&body).unwrap_or_default())
    }
}

/// What the trait's stories say of every provider.
trait Habits: RealProvider {
    /// Follows an authorize address without a browser: where the provider leads back to.
    async fn visit(&self, authorize_url: &str, allow: bool) -> String {
        visitor::visit(&self.service().client, authorize_url, |page| {
            Self::fill_in(page, allow)
        })
        .await
    }

    async fn refresh(&self, refresh_token: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        self.service().post(&self.token_endpoint(), &form).await
    }

    /// A refresh that goes well; by the second try, where two of one second are too many.
    async fn refreshed(&self, refresh_token: &str) -> Value {
        eventually("it is exchanged", async || {
            let (status, tokens) = self.refresh(refresh_token).await;
            assert!(matches!(status, 200 | 500), "{status}: {tokens}");
            (status == 200).then_some(tokens)
        })
        .await
    }

    /// What it answers to a key.
    async fn asked_with(&self, key: &str) -> Answer {
        let request = self.service().client.get(self.identity_endpoint());
        let answer = request.bearer_auth(key).send().await;
        Answer::of(answer.expect("the provider answers")).await
    }

    /// A key opens what Robin may see there.
    async fn accepts(&self, key: &str) {
        let who = self.asked_with(key).await.is(200).json();
        let id = who.get("sub").or(who.get("id")).expect("it says who");
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        assert_eq!(id, Self::ROBIN, "{who}");
    }

    async fn refuses(&self, key: &str) {
        let status = self.asked_with(key).await.status.as_u16();
        assert!(matches!(status, 401 | 403), "a key that ended: {status}");
    }

    /// The refresh token that was given last.
    async fn last_refresh_token(&self) -> String {
        let issued = self.service().issued().await;
        let mut refresh_tokens = issued.into_iter().filter(|it| it.kind == "RefreshToken");
        let last = refresh_tokens.next_back();
        last.expect("there is a refresh token").token
    }
}

impl<P: RealProvider> Habits for P {}

/// The product with this provider as its service.
async fn scene_with<P: RealProvider>(more: &[(&'static str, String)]) -> (Scene, P) {
    // The provider wants to know where it leads back to before anybody is there.
    let (listener, redirect_uri) = way_back().await;
    let provider = P::start(redirect_uri).await;
    (scene_of(&provider, listener, more).await, provider)
}

async fn scene_of<P: RealProvider>(
    provider: &P,
    listener: TcpListener,
    more: &[(&'static str, String)],
) -> Scene {
    let setting = Setting {
        listener: Some(listener),
        ..Setting::default()
    };
    let service = provider.service();
    let mut setting = setting
        .with("LATCHKEY_PROVIDER_NAME", "Example ID")
        .with("LATCHKEY_PROVIDER_CLIENT_ID", &service.client_id)
        .with("LATCHKEY_PROVIDER_CLIENT_SECRET", &service.client_secret);
    for (name, value) in provider.settings().iter().chain(more) {
        setting = setting.with(name, value);
    }
    Scene::start(Db::Sqlite, setting).await
}

/// Where the product will listen, and where a provider leads back to then.
async fn way_back() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let redirect_uri = format!("http://latchkey.localhost:{port}/link/callback");
    (listener, redirect_uri)
}

/// The whole way, without a browser.
async fn link<P: RealProvider>(person: &Person<'_>, provider: &P) {
    let begun = person.begin().await;
    let authorize = person.go_on(&begun).await;
    let callback = provider.visit(&authorize, true).await;
    let answer = person.come_back(&callback, &begun.cookie).await;
    let returned = person.arrive(answer.leads_to(), &begun.cookie).await;
    person.prove(&returned).await.is(200);
    let linked = {
        person.confirm(&returned).await.leads_to();
        person.status().await
    };
    assert_eq!(linked["state"], "linked", "{linked}");
}

/// Waits for the next second: keys that Canaille gives in one are the same, and it fails.
async fn another_second() {
    let clock = Clock::system();
    let now = clock.now();
    eventually("the next second", async || {
        (clock.now() > now).then_some(())
    })
    .await;
}

/// Tokens that still open anything.
fn alive(issued: Vec<Issued>) -> Vec<Issued> {
    let tokens = issued
        .into_iter()
        .filter(|it| it.kind != "AuthorizationCode");
    tokens
        .filter(|it| !(it.revoked || it.expired || it.consumed))
        .collect()
}

async fn in_a_browser_a_person_connects_and_five_renewals_later_disconnects<P: RealProvider>() {
    connects_and_five_renewals_later_disconnects::<P>(Door::Connect).await;
}

async fn by_forge_in_a_browser_a_person_connects_and_five_renewals_later_disconnects<
    P: RealProvider,
>() {
    connects_and_five_renewals_later_disconnects::<P>(Door::Forge).await;
}

async fn connects_and_five_renewals_later_disconnects<P: RealProvider>(door: Door) {
    let (mut scene, provider) = scene_with::<P>(&[]).await;
    let site = door.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    at_jira.sign_in(OMAR).await;
    let issue = browser.tab().await;
    at_jira.click_connect().await;
    browser.click_text("Continue").await;
    browser.wait_address(&provider.service().address).await;
    P::allow_in(&browser).await;
    at_jira.connect_accounts("Robin Park").await;
    browser.switch_to(issue).await;
    at_jira.wait_glance("linked").await;

    let omar = scene.person(site, OMAR);
    let property = omar.property().expect("the key is in Jira");
    assert_eq!(property["subject"], P::ROBIN);
    let mut keys = vec![omar.key()];
    provider.accepts(&omar.key()).await;
    for renewal in 1..=5 {
        omar.renewed().await;
        provider.accepts(&omar.key()).await;
        assert!(!keys.contains(&omar.key()), "renewal {renewal}");
        assert_eq!(omar.state().await, "linked", "renewal {renewal}");
        keys.push(omar.key());
    }

    let refresh_token = provider.last_refresh_token().await;
    at_jira.disconnect().await;
    assert_eq!(omar.property(), None);
    scene.no_work_left().await;
    for key in &keys {
        provider.refuses(key).await;
    }
    let (status, refusal) = provider.refresh(&refresh_token).await;
    assert_eq!((status, &refusal["error"]), (400, &"invalid_grant".into()));
    let left = alive(provider.service().issued().await);
    assert!(left.is_empty(), "they still live: {left:?}");
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.other_secrets = provider.service().secrets().await;
    scene.end().await;
}

async fn an_answer_lost_with_its_process_asks_to_reconnect<P: RealProvider>() {
    let moments = Moments::listen().await;
    let (mut scene, provider) = scene_with::<P>(&[moments.setting()]).await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let callback = provider.visit(&omar.go_on(&begun).await, false).await;
    let page = omar.come_back(&callback, &begun.cookie).await.is(403);
    assert!(page.text.contains("allow access in"), "{}", page.text);

    link(&omar, &provider).await;
    omar.recorded().await;
    let spent = provider.last_refresh_token().await;

    // The provider has given the next refresh token, and the only process that has it dies.
    another_second().await;
    scene.become_child().await;
    moments.hold("P4", OMAR);
    scene.person("acme", OMAR).renew().await.is(202);
    moments.held("P4", OMAR).await;
    let lost = provider.last_refresh_token().await;
    assert_ne!(lost, spent, "the provider has exchanged it");
    scene.child().kill9().await;
    moments.go_all();
    scene.restart().await;

    another_second().await;
    let omar = scene.person("acme", OMAR);
    let reason = omar.asked_to_reconnect().await;
    assert!(
        reason.contains("was lost while the key was being renewed"),
        "{reason}"
    );
    let (status, refusal) = provider.refresh(&spent).await;
    assert_eq!((status, &refusal["error"]), (400, &"invalid_grant".into()));

    link(&omar, &provider).await;
    provider.accepts(&omar.key()).await;
    omar.disconnect().await;
    scene.no_work_left().await;
    let left = alive(provider.service().issued().await);
    if P::REUSE_ENDS_THE_GRANT {
        assert!(left.is_empty(), "they still live: {left:?}");
    } else {
        // Nobody has ever seen it but the provider.
        assert!(left.iter().any(|it| it.token == lost));
        assert_eq!(left.len(), 2, "only what was lost still lives: {left:?}");
    }
    scene.other_secrets = provider.service().secrets().await;
    scene.end().await;
}

/// What the stories rest on: without it, they would show nothing.
async fn a_refresh_token_works_once<P: RealProvider>() {
    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let (_listener, redirect_uri) = way_back().await;
    let provider = P::start(redirect_uri.clone()).await;
    let authorize = provider.authorize_url(&redirect_uri, CHALLENGE);
    let back = Url::parse(&provider.visit(&authorize, true).await).expect("an address");
    let mut parameters = back.query_pairs();
    let (_, code) = parameters.find(|(name, _)| name == "code").expect("a code");
    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &redirect_uri),
        ("code_verifier", VERIFIER),
    ];
    let service = provider.service();
    let (status, tokens) = service.post(&provider.token_endpoint(), &redeem).await;
    assert_eq!(status, 200, "{tokens}");
    let first = tokens["refresh_token"].as_str().expect("a refresh token");

    let renewed = provider.refreshed(first).await;
    let second = renewed["refresh_token"].as_str().expect("a rotated one");
    assert_ne!(first, second);
    let (status, refusal) = provider.refresh(first).await;
    assert_eq!((status, &refusal["error"]), (400, &"invalid_grant".into()));
    if P::REUSE_ENDS_THE_GRANT {
        let (status, refusal) = provider.refresh(second).await;
        assert_eq!((status, &refusal["error"]), (400, &"invalid_grant".into()));
    } else {
        provider.refreshed(second).await;
    }
}
