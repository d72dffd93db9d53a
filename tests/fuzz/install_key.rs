//! A PEM that the key server gives. Whatever it is, a token of another key does not pass.

use std::sync::OnceLock;

use jsonwebtoken::DecodingKey;
use latchkey::atlassian::connect::jwt::UnverifiedRs256;

use super::jwt::{AUDIENCE, Kind, NOW, atlassian, sign_rs256};

pub fn run(bytes: &[u8]) {
    static TOKEN: OnceLock<String> = OnceLock::new();
    let token = TOKEN.get_or_init(|| {
        let claims = format!(
            r#"{{"iss":"tenant-a","aud":"{AUDIENCE}","iat":{NOW},"exp":{},"qsh":"{}"}}"#,
            NOW + 180,
            Kind::Lifecycle.qsh()
        );
        sign_rs256(br#"{"alg":"RS256","kid":"k1"}"#, claims.as_bytes())
    });
    let claimed = UnverifiedRs256::read(token).expect("it can be read");
    let shown = |key: &DecodingKey| claimed.lifecycle(key, AUDIENCE, &Kind::Lifecycle.qsh(), NOW);
    assert!(shown(&atlassian().public).is_ok());
    if let Ok(key) = DecodingKey::from_rsa_pem(bytes) {
        assert!(shown(&key).is_err());
    }
}
