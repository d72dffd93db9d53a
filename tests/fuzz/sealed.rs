//! Sealed values: only what was sealed here opens.

use std::sync::OnceLock;

use latchkey::clock::Clock;
use latchkey::events::Events;
use latchkey::random::Random;
use latchkey::secret::{Secret, TenantKey};
use latchkey::vault::{Place, SealingKey, Vault};
use prometheus::Registry;

const TENANT: &str = "tenant-a";
const PLACE: Place<'static> = Place {
    column: "link.credential",
    tenant: TENANT,
    row: "557058:a",
    generation: 3,
    bound: &["a-link", "1", "u-100", "Robin Park"],
};

struct Kept {
    vault: Vault,
    key: TenantKey,
    sealed: String,
    wrapped: String,
}

/// The same at each start, so that the corpus may hold it.
fn kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(|| {
        let vault = Vault::new(
            SealingKey::new("k1".to_owned(), &[7; 32])
                .into_iter()
                .collect(),
            Random::seeded(1),
            Events::new(&Registry::new(), Clock::system()),
        );
        let (key, wrapped) = vault.new_tenant_key(TENANT);
        let sealed = vault.seal(&key, PLACE, &Secret::new("a credential"));
        Kept {
            vault,
            key,
            sealed,
            wrapped,
        }
    })
}

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Kept {
        vault,
        key,
        sealed,
        wrapped,
    } = kept();
    let opened = vault.open(key, PLACE, &text);
    assert_eq!(opened.is_ok(), text == *sealed, "{text}");
    assert!(opened.is_ok_and(|value| value.expose() == "a credential") || text != *sealed);
    assert_eq!(
        vault.open_tenant_key(TENANT, &text).is_ok(),
        text == *wrapped,
        "{text}"
    );
    assert!(vault.open_beyond_tenant(PLACE, &text).is_err(), "{text}");
}
