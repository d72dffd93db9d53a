//! Keys that somebody asks about. `t`: as it stands. `e`: header and claims, a line each, signed with the
//! signing key.

use std::sync::OnceLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::DecodingKey;
use latchkey::keys::signing::verify;
use serde_json::Value;

use super::jwt::NOW;
use super::jwt_model::to_base64url;

const ISSUER: &str = "https://latchkey.example.com";
const AUDIENCE: &str = "https://api.acme.example.com";
const KID: &str = "s1";

fn pair() -> &'static Ed25519KeyPair {
    static PAIR: OnceLock<Ed25519KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("a seed"))
}

pub fn run(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    let newline = rest.iter().position(|byte| *byte == b'\n');
    let (header, claims) = rest.split_at(newline.unwrap_or(rest.len()));
    let claims = claims.get(1..).unwrap_or_default();
    let signed = *how == b'e';
    let token = if signed {
        let input = format!("{}.{}", to_base64url(header), to_base64url(claims));
        let signature = pair().sign(input.as_bytes());
        format!("{input}.{}", to_base64url(signature.as_ref()))
    } else {
        String::from_utf8_lossy(rest).into_owned()
    };
    let known =
        |kid: &str| (kid == KID).then(|| DecodingKey::from_ed_der(pair().public_key().as_ref()));
    let Some(found) = verify(&token, known, ISSUER, AUDIENCE, NOW) else {
        return;
    };
    assert!(signed, "nobody else has the key");
    let header: Value = serde_json::from_slice(header).expect("it was read");
    assert_eq!(header["alg"], "EdDSA");
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["kid"], KID);
    assert!(header.get("crit").is_none());
    let said: Value = serde_json::from_slice(claims).expect("it was read");
    assert_eq!(
        (&said["iss"], &said["aud"]),
        (&ISSUER.into(), &AUDIENCE.into())
    );
    assert!(found.exp > NOW && found.iat <= NOW + 30);
    assert_eq!(said["link_id"], found.link_id);
}
