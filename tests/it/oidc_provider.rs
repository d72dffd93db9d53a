//! The OpenID provider of `tests/oidc`, which nobody here wrote, and a visitor without a browser.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use crate::child::Process;

/// The client registration, and how the provider behaves.
pub struct Registration {
    pub client_id: String,
    pub client_secret: String,
    pub redirect_uris: Vec<String>,
    pub access_token_seconds: u32,
    /// Whether the ID token carries `name`. As the standard has it, it does not, and the name is
    /// found at the userinfo endpoint.
    pub name_in_id_token: bool,
}

impl Default for Registration {
    fn default() -> Registration {
        Registration {
            client_id: "latchkey-at-oidc".to_owned(),
            client_secret: "client-secret-of-the-oidc-stories".to_owned(),
            redirect_uris: Vec::new(),
            access_token_seconds: 3600,
            name_in_id_token: false,
        }
    }
}

/// A running provider, a site of its own to the browser. It ends with this value.
pub struct OidcProvider {
    pub issuer: String,
    pub registration: Registration,
    client: Client,
    _process: Process,
}

/// A code or a token the provider gave, and what became of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Issued {
    /// `AuthorizationCode`, `AccessToken` or `RefreshToken`.
    pub kind: String,
    pub token: String,
    pub grant: Option<String>,
    pub subject: Option<String>,
    /// A code that was redeemed, a refresh token that was exchanged.
    pub consumed: bool,
    pub revoked: bool,
    pub expired: bool,
}

impl OidcProvider {
    pub async fn start(registration: Registration) -> OidcProvider {
        let config = serde_json::json!({
            "clientId": registration.client_id,
            "clientSecret": registration.client_secret,
            "redirectUris": registration.redirect_uris,
            "accessTokenSeconds": registration.access_token_seconds,
            "nameInIdToken": registration.name_in_id_token,
        });
        let (process, issuer) = run("provider.mjs", ("OIDC_CONFIG", config.to_string())).await;

        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(10))
            // Browsers know that *.localhost is this machine; this client has to be told.
            .resolve("oidc.localhost", ([127, 0, 0, 1], 0).into())
            .build()
            .expect("an HTTP client");
        OidcProvider {
            issuer,
            registration,
            client,
            _process: process,
        }
    }

    /// Follows an authorize URL, signs in as `subject` (`u-100` or `u-200`) and allows: the address
    /// the provider sends the browser back to, with the code.
    pub async fn approve(&self, authorize_url: &str, subject: &str) -> String {
        self.visit(authorize_url, subject, "allow").await
    }

    /// The same, but says no when asked: the address carries the error.
    pub async fn deny(&self, authorize_url: &str, subject: &str) -> String {
        self.visit(authorize_url, subject, "deny").await
    }

    async fn visit(&self, authorize_url: &str, subject: &str, decision: &str) -> String {
        let start = Url::parse(authorize_url).expect("an authorize URL");
        let back = start
            .query_pairs()
            .find_map(|(name, value)| (name == "redirect_uri").then(|| value.into_owned()))
            .expect("an authorize URL names where to go back to");
        let mut cookies = Cookies::default();
        let mut here = start.clone();
        let mut answer = cookies.keep(self.request(&here, &cookies, None).await);

        // A login and a consent are eight requests; more is a loop.
        for _ in 0..12 {
            if let Some(location) = answer.headers().get(LOCATION) {
                let location = location.to_str().expect("a location is text");
                here = here.join(location).expect("a location is an address");
                if here.as_str().starts_with(&back) {
                    return here.into();
                }
                answer = cookies.keep(self.request(&here, &cookies, None).await);
                continue;
            }
            let page = answer.text().await.expect("a page");
            let form: &[(&str, &str)] = if page.contains("id=\"sign-in\"") {
                &[("subject", subject), ("answer", "sign-in")]
            } else if page.contains("id=\"allow\"") {
                &[("answer", decision)]
            } else {
                panic!("the provider does not go on at {here}:\n{page}");
            };
            answer = cookies.keep(self.request(&here, &cookies, Some(form)).await);
        }
        panic!("the provider never led back to {back}");
    }

    async fn request(
        &self,
        address: &Url,
        cookies: &Cookies,
        form: Option<&[(&str, &str)]>,
    ) -> Response {
        let request = match form {
            Some(form) => self.client.post(address.clone()).form(form),
            None => self.client.get(address.clone()),
        };
        request
            .header(COOKIE, cookies.header())
            .send()
            .await
            .unwrap_or_else(|error| panic!("{address} does not answer: {error}"))
    }

    /// Every code and token of this provider's life, the first given first.
    pub async fn issued(&self) -> Vec<Issued> {
        self.client
            .get(format!("{}/_test/tokens", self.issuer))
            .send()
            .await
            .expect("the provider answers")
            .json()
            .await
            .expect("the list of tokens")
    }

    /// What of all this must never be seen in a log or a database.
    pub async fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = self.issued().await.into_iter().map(|it| it.token).collect();
        secrets.push(self.registration.client_secret.clone());
        secrets
    }
}

/// Just enough of a cookie jar: one site, every path.
#[derive(Default)]
struct Cookies(HashMap<String, String>);

impl Cookies {
    fn keep(&mut self, answer: Response) -> Response {
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie is text");
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie has a name");
            if value.is_empty() {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    fn header(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join("; ")
    }
}

/// Runs a program of `tests/oidc` that says `READY` and where it is when it can be asked. It ends with the
/// process that is returned.
pub async fn run(program: &str, (name, value): (&str, String)) -> (Process, String) {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED
        .get_or_init(|| async {
            tokio::task::spawn_blocking(install)
                .await
                .expect("npm installs what the lock file names");
        })
        .await;
    let mut process = Process::spawn(
        Command::new(node())
            .arg(program)
            .current_dir(directory())
            .env(name, value)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit()),
        "KILL",
        None,
    )
    .expect("node starts");
    let mut lines = BufReader::new(process.take_stdout()).lines();
    let address = tokio::task::spawn_blocking(move || {
        let address = lines.find_map(|line| line.ok()?.strip_prefix("READY ").map(str::to_owned));
        // Read on: a library that writes to a closed pipe takes the program down with it.
        std::thread::spawn(move || lines.for_each(drop));
        address
    })
    .await
    .expect("reading lines does not panic")
    .expect("the program says when it is ready");
    (process, address)
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc")
}

/// The Node that the lock file names, on the systems it names one for: the provider needs a newer
/// one than Debian has.
fn node() -> PathBuf {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    // Not node_modules/.bin/node: the npm of Debian makes no such link.
    let pinned = directory().join(format!("node_modules/node-linux-{architecture}/bin/node"));
    if pinned.exists() {
        pinned
    } else {
        PathBuf::from("node")
    }
}

/// `npm ci`, unless what it makes is there and newer than the lock file.
fn install() {
    let directory = directory();
    let changed = |path: &str| {
        fs::metadata(directory.join(path))
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    // Two test processes at once must not install over each other.
    let mut lock =
        File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm.lock")).expect("a lock file");
    lock.lock().expect("a lock");
    if changed("node_modules/.package-lock.json") >= changed("package-lock.json") {
        return;
    }
    let npm = |arguments: &[&str]| {
        Command::new("npm")
            .args(arguments)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .output()
            .expect("npm is not installed: scripts/test installs it")
    };
    // From its cache npm needs no network.
    if npm(&["ci", "--offline"]).status.success() {
        return;
    }
    let output = npm(&["ci"]);
    assert!(
        output.status.success(),
        "npm ci failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let _ = lock.flush();
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const BACK: &str = "http://latchkey.localhost:8080/link/callback";

    impl OidcProvider {
        fn authorize_url(&self, extra: &str) -> String {
            format!(
                "{}/auth?client_id={}&response_type=code&redirect_uri={BACK}\
                 &scope=openid+profile+offline_access&state=s&nonce=n{extra}",
                self.issuer, self.registration.client_id
            )
        }

        async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
            let Registration {
                client_id,
                client_secret,
                ..
            } = &self.registration;
            let answer = self
                .client
                .post(format!("{}{path}", self.issuer))
                .basic_auth(client_id, Some(client_secret))
                .form(form)
                .send()
                .await
                .expect("an answer");
            let status = answer.status().as_u16();
            let body = answer.text().await.expect("a body");
            (status, serde_json::from_str(&body).unwrap_or_default())
        }
    }

    fn parameter(address: &str, wanted: &str) -> Option<String> {
        Url::parse(address)
            .expect("an address")
            .query_pairs()
            .find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    }

    #[tokio::test]
    async fn the_provider_is_as_strict_as_the_stories_assume() {
        let provider = OidcProvider::start(Registration {
            redirect_uris: vec![BACK.to_owned()],
            ..Registration::default()
        })
        .await;
        let pkce = format!("&code_challenge={CHALLENGE}&code_challenge_method=S256");

        let back = provider
            .approve(&provider.authorize_url("&prompt=consent"), "u-100")
            .await;
        assert_eq!(
            parameter(&back, "error").as_deref(),
            Some("invalid_request")
        );

        let consent = provider.authorize_url(&format!("&prompt=consent{pkce}"));
        let back = provider.deny(&consent, "u-100").await;
        assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
        assert_eq!(parameter(&back, "iss").as_ref(), Some(&provider.issuer));

        let back = provider.approve(&consent, "u-200").await;
        assert_eq!(parameter(&back, "state").as_deref(), Some("s"));
        let code = parameter(&back, "code").expect("a code");
        let redeem = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ];
        let (status, tokens) = provider.post("/token", &redeem).await;
        assert_eq!(status, 200, "{tokens}");
        let first = tokens["refresh_token"].as_str().expect("a refresh token");

        let (_, renewed) = provider.post("/token", &refresh(first)).await;
        let second = renewed["refresh_token"].as_str().expect("a rotated one");
        assert_ne!(first, second);
        let access = renewed["access_token"].as_str().expect("an access token");
        let (_, alive) = provider
            .post("/token/introspection", &[("token", access)])
            .await;
        assert_eq!(alive["active"], true);

        let (status, _) = provider
            .post("/token/revocation", &[("token", second)])
            .await;
        assert_eq!(status, 200);
        let issued = provider.issued().await;
        assert!(issued.iter().all(|it| it.consumed || it.revoked));
        assert!(
            issued
                .iter()
                .all(|it| it.subject.as_deref() == Some("u-200"))
        );
        let (_, dead) = provider
            .post("/token/introspection", &[("token", access)])
            .await;
        assert_eq!(dead["active"], false);
    }

    fn refresh(token: &str) -> [(&'static str, &str); 2] {
        [("grant_type", "refresh_token"), ("refresh_token", token)]
    }

    #[tokio::test]
    async fn a_refresh_token_used_twice_ends_its_grant() {
        let provider = OidcProvider::start(Registration {
            redirect_uris: vec![BACK.to_owned()],
            ..Registration::default()
        })
        .await;
        let url = provider.authorize_url(&format!(
            "&prompt=consent&code_challenge={CHALLENGE}&code_challenge_method=S256"
        ));
        let code = parameter(&provider.approve(&url, "u-100").await, "code").expect("a code");
        let redeem = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ];
        let (_, tokens) = provider.post("/token", &redeem).await;
        let first = tokens["refresh_token"].as_str().expect("a refresh token");
        let (_, renewed) = provider.post("/token", &refresh(first)).await;
        let (status, refused) = provider.post("/token", &refresh(first)).await;
        assert_eq!((status, &refused["error"]), (400, &"invalid_grant".into()));
        let second = renewed["refresh_token"].as_str().expect("a rotated one");
        let (_, refused) = provider.post("/token", &refresh(second)).await;
        assert_eq!(refused["error"], "invalid_grant");
    }
}
