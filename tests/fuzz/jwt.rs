//! Every verifier of Jira's tokens, against the model.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::DecodingKey;
use latchkey::atlassian::connect::jwt::{UnverifiedHs256, UnverifiedRs256, Verified};
use latchkey::secret::Secret;

use super::jwt_model::{self, Key, Purpose, Says, to_base64url};
use super::qsh_model;

/// When all of this happens.
pub const NOW: i64 = 1_795_298_400;
pub const SECRET: &str = "the-secret-that-a-tenant-and-the-app-share";
pub const AUDIENCE: &str = "https://latchkey.example.com";

/// What a token may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Context,
    Iframe,
    AppToApp,
    Lifecycle,
}

pub const KINDS: [Kind; 4] = [Kind::Context, Kind::Iframe, Kind::AppToApp, Kind::Lifecycle];

impl Kind {
    /// What stands in its qsh where it belongs.
    pub fn qsh(self) -> String {
        match self {
            Self::Context => "context-qsh".to_owned(),
            Self::Iframe => qsh_model::qsh("GET", "", "/connect/glance", Some("issue=KEY-1&jwt=x")),
            Self::AppToApp => qsh_model::qsh("POST", "", "/connect/enabled", None),
            Self::Lifecycle => qsh_model::qsh("POST", "", "/connect/installed", None),
        }
    }

    /// What the product says about a token that is shown for this.
    pub fn verified(self, token: &str, now: i64) -> Option<Verified> {
        let secret = Secret::new(SECRET);
        let tenants = |token| UnverifiedHs256::read(token).ok();
        match self {
            Self::Context => tenants(token)?.context(&secret, now).ok(),
            Self::Iframe => tenants(token)?.bound(&secret, &self.qsh(), now).ok(),
            Self::AppToApp => tenants(token)?.lifecycle(&secret, &self.qsh(), now).ok(),
            Self::Lifecycle => UnverifiedRs256::read(token)
                .ok()?
                .lifecycle(&atlassian().public, AUDIENCE, &self.qsh(), now)
                .ok(),
        }
    }

    /// What the model says about it.
    pub fn good(self, token: &str, now: i64) -> Option<Says> {
        let lifecycle = self == Self::Lifecycle;
        let purpose = Purpose {
            key: match lifecycle {
                true => Key::Rsa(&atlassian().der),
                false => Key::Secret(SECRET.as_bytes()),
            },
            qsh: &self.qsh(),
            audience: lifecycle.then_some(AUDIENCE),
            age: (lifecycle || self == Self::AppToApp).then_some(900),
            now,
        };
        jwt_model::good(token, &purpose)
    }

    /// Shows a token to both. What the product takes, the model must have found good, and the same in it.
    pub fn judge(self, token: &str, now: i64) -> Option<Says> {
        let says = self.verified(token, now).map(|verified| Says {
            issuer: verified.issuer().as_str().to_owned(),
            account: verified.account().map(ToString::to_string),
            expires_at: verified.expires_at(),
        });
        if says.is_some() {
            assert_eq!(says, self.good(token, now), "{self:?} takes {token}");
        }
        says
    }
}

/// Atlassian's key.
pub struct Atlassian {
    pair: KeyPair,
    pub public: DecodingKey,
    pub der: Vec<u8>,
}

/// Made once: the search for primes takes its time.
pub fn atlassian() -> &'static Atlassian {
    static KEY: OnceLock<Atlassian> = OnceLock::new();
    KEY.get_or_init(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key is made");
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a key has DER");
        let public = DecodingKey::from_rsa_pem(pem(der.as_ref()).as_bytes()).expect("it is a key");
        let der = der.as_ref().to_vec();
        Atlassian { pair, public, der }
    })
}

/// A public key as text.
pub fn pem(der: &[u8]) -> String {
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(der)
    )
}

/// A token of these bytes, signed with Atlassian's key.
pub fn sign_rs256(header: &[u8], claims: &[u8]) -> String {
    let input = format!("{}.{}", to_base64url(header), to_base64url(claims));
    let pair = &atlassian().pair;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        input.as_bytes(),
        &mut signature,
    )
    .expect("an RSA key signs");
    format!("{input}.{}", to_base64url(&signature))
}

/// The first byte says how the rest becomes a token: as it stands (`t`), or header and claims, a line
/// each, signed with the secret (`h`) or with Atlassian's key (`r`).
pub fn run(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    let newline = rest.iter().position(|byte| *byte == b'\n');
    let (header, claims) = rest.split_at(newline.unwrap_or(rest.len()));
    let claims = claims.get(1..).unwrap_or_default();
    let token = match how {
        b'h' => jwt_model::sign(header, claims, SECRET.as_bytes()),
        b'r' => sign_rs256(header, claims),
        _ => String::from_utf8_lossy(rest).into_owned(),
    };
    let taken = KINDS
        .iter()
        .filter(|kind| kind.judge(&token, NOW).is_some());
    assert!(taken.count() <= 1, "one token is of two kinds: {token}");
}
