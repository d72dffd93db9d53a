//! What the identity endpoint (`i`), the key endpoint (`k`) and the revocation endpoint answer.

use latchkey::provider::answers::{identity, is_gone, minted};

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
            if let Some((subject, name)) = identity(body) {
                shown(&subject, 255);
                if let Some(name) = name {
                    shown(&name, 200);
                }
            }
        }
        b'k' => {
            if let Some(key) = minted(body) {
                // Its life can be reckoned with.
                assert!(key.expires_at.abs() < 1 << 40);
                let step = latchkey::connect::qsh::encode(&key.id);
                let address = format!("https://acme.example.com/keys/{step}");
                let url = url::Url::parse(&address).expect("it is an address");
                assert_eq!(url.path(), format!("/keys/{step}"), "it leads elsewhere");
            }
        }
        _ => {
            let _ = is_gone(body);
        }
    }
}
