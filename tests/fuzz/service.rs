//! What the identity endpoint (`i`), the key endpoint (`k`) and the revocation endpoint answer, by the
//! habits of every service that is known; and a form (`f`), which some want as JSON.

use http::StatusCode;
use latchkey::service::answers::{identity, is_gone, issued_key};
use latchkey::service::habits::{self, json_of_form};
use latchkey::service::known::ALL;

pub fn run(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else {
        return;
    };
    let shown = |text: &str, longest: usize| {
        assert!(!text.is_empty());
        assert!(text.chars().count() <= longest);
        assert!(!text.contains(char::is_control), "{text:?}");
    };
    match which {
        b'i' => {
            let known = ALL.iter().map(|known| &known.identity.value);
            let found = known.map(|from| habits::identity(from, body));
            for (subject, name) in found.chain([identity(body)]).flatten() {
                shown(&subject, 255);
                if let Some(name) = name {
                    shown(&name, 200);
                }
            }
        }
        b'k' => {
            if let Some(key) = issued_key(body) {
                // Its life can be reckoned with.
                assert!(key.expires_at.abs() < 1 << 40);
                let step = latchkey::outbound::encode(&key.id);
                let address = format!("https://acme.example.com/keys/{step}");
                let url = url::Url::parse(&address).expect("it is an address");
                assert_eq!(url.path(), format!("/keys/{step}"), "it leads elsewhere");
            }
        }
        b'f' => {
            let json: serde_json::Value =
                serde_json::from_slice(&json_of_form(body)).expect("it is JSON");
            assert!(json.is_object());
        }
        _ => {
            let _ = is_gone(body);
            for known in ALL {
                for status in [StatusCode::OK, StatusCode::BAD_REQUEST] {
                    let _ = habits::revoked(known, status, body);
                }
            }
        }
    }
}
