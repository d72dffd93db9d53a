//! oidc-provider, of `tests/oidc`: OpenID Connect as its standards have it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::sync::OnceCell;

use crate::browser::Browser;
use crate::child::Process;

use super::{Issued, RealProvider, Service, started, visitor};

/// The client registration, and how the provider behaves.
pub struct Registration {
    pub client_id: String,
    pub client_secret: String,
    pub redirect_uris: Vec<String>,
    pub access_token_seconds: u32,
    /// Whether the ID token carries `name`. As the standard has it, it does not, and the name is
    /// found at the userinfo endpoint.
    pub name_in_id_token: bool,
    /// Where the client has its keys, if the provider is of the FAPI 2.0 security profile.
    pub fapi: Option<Fapi>,
}

/// What a provider of the FAPI 2.0 security profile knows of its client.
pub struct Fapi {
    /// Where the client has its keys.
    pub jwks_uri: String,
    /// The only resource that access tokens are for.
    pub resource: Option<&'static str>,
}

impl Default for Registration {
    fn default() -> Registration {
        Registration {
            client_id: "latchkey-at-oidc".to_owned(),
            client_secret: "client-secret-of-the-oidc-stories".to_owned(),
            redirect_uris: Vec::new(),
            access_token_seconds: 3600,
            name_in_id_token: false,
            fapi: None,
        }
    }
}

/// Running, with sign-in and consent pages of ours.
pub struct OidcProvider(Service);

impl OidcProvider {
    pub async fn start_with(registration: Registration) -> OidcProvider {
        let fapi = registration
            .fapi
            .as_ref()
            .map(|fapi| serde_json::json!({ "jwksUri": fapi.jwks_uri, "resource": fapi.resource }));
        let config = serde_json::json!({
            "fapi": fapi,
            "clientId": registration.client_id,
            "clientSecret": registration.client_secret,
            "redirectUris": registration.redirect_uris,
            "accessTokenSeconds": registration.access_token_seconds,
            "nameInIdToken": registration.name_in_id_token,
        });
        let started = run("provider.mjs", ("OIDC_CONFIG", config.to_string())).await;
        let (id, secret) = (&registration.client_id, &registration.client_secret);
        OidcProvider(Service::new(started, id, secret))
    }

    pub fn issuer(&self) -> &str {
        &self.0.address
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
        visitor::visit(&self.0.client, authorize_url, |page| {
            fill_in(page, subject, decision)
        })
        .await
    }

    /// What it refused, as `event: error`.
    pub async fn refused(&self) -> Vec<String> {
        let address = format!("{}/_test/refused", self.issuer());
        let answer = self.0.client.get(address).send().await;
        let answer = answer.expect("the provider answers");
        answer.json().await.expect("a list")
    }

    pub(super) async fn issued(&self) -> Vec<Issued> {
        self.0.issued().await
    }

    pub(super) async fn secrets(&self) -> Vec<String> {
        self.0.secrets().await
    }
}

fn fill_in(page: &str, subject: &str, decision: &str) -> Option<Vec<(&'static str, String)>> {
    if page.contains("id=\"sign-in\"") {
        let subject = ("subject", subject.to_owned());
        Some(vec![subject, ("answer", "sign-in".to_owned())])
    } else if page.contains("id=\"allow\"") {
        Some(vec![("answer", decision.to_owned())])
    } else {
        None
    }
}

impl RealProvider for OidcProvider {
    const ROBIN: &'static str = "u-100";
    const REUSE_ENDS_THE_GRANT: bool = true;

    async fn start(redirect_uri: String) -> Self {
        Self::start_with(Registration {
            redirect_uris: vec![redirect_uri],
            ..Registration::default()
        })
        .await
    }

    fn service(&self) -> &Service {
        &self.0
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("LATCHKEY_PROVIDER_ISSUER", self.0.address.clone())]
    }

    fn identity_endpoint(&self) -> String {
        format!("{}/me", self.0.address)
    }

    fn token_endpoint(&self) -> String {
        format!("{}/token", self.0.address)
    }

    fn authorize_url(&self, redirect_uri: &str, challenge: &str) -> String {
        format!(
            "{}/auth?client_id={}&response_type=code&redirect_uri={redirect_uri}&prompt=consent\
             &scope=openid+profile+offline_access&state=s&nonce=n\
             &code_challenge={challenge}&code_challenge_method=S256",
            self.0.address, self.0.client_id
        )
    }

    fn fill_in(page: &str, allow: bool) -> Option<Vec<(&'static str, String)>> {
        fill_in(page, Self::ROBIN, if allow { "allow" } else { "deny" })
    }

    async fn allow_in(browser: &Browser) {
        browser.click_css("#u-100").await;
        browser.click_text("Sign in").await;
        browser.wait_text("asks to act for").await;
        browser.click_text("Allow").await;
    }
}

/// Runs a program of `tests/oidc` with what it is told in the environment: the process, and where it is.
pub async fn run(program: &str, (name, value): (&str, String)) -> (Process, String) {
    let mut command = Command::new(installed().await);
    let command = command.arg(program).current_dir(directory());
    started(command.env(name, value)).await
}

/// The Node that runs what the lock file names, which is installed.
pub async fn installed() -> PathBuf {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED
        .get_or_init(|| async {
            tokio::task::spawn_blocking(install)
                .await
                .expect("npm installs what the lock file names");
        })
        .await;
    node()
}

pub fn directory() -> PathBuf {
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
    use url::Url;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const BACK: &str = "http://latchkey.localhost:8080/link/callback";

    impl OidcProvider {
        fn authorize_url(&self, extra: &str) -> String {
            format!(
                "{}/auth?client_id={}&response_type=code&redirect_uri={BACK}\
                 &scope=openid+profile+offline_access&state=s&nonce=n{extra}",
                self.issuer(),
                self.0.client_id
            )
        }

        async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
            self.0.post(&format!("{}{path}", self.issuer()), form).await
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
        let provider = OidcProvider::start_with(Registration {
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
        assert_eq!(
            parameter(&back, "iss").as_ref(),
            Some(&provider.issuer().to_owned())
        );

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
}
