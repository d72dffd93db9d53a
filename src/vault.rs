//! Seal and open: encryption at rest, bound to the row.
//!
//! A sealed value is `version | algorithm | length of kid | kid | nonce | ciphertext`, in base64. The cipher
//! is XChaCha20-Poly1305 with a random 192-bit nonce. The associated data names the row and column of the
//! value ([`Place`]), so a value that is moved to another row, column, tenant, person or generation does not
//! open. It also contains the columns of the row that decide where the secret is sent or whom it is for
//! ([`Place::bound`]), so a value whose row was edited does not open either.
//!
//! Each tenant has its own key, wrapped by the operator's sealing keys. The first sealing key seals, all of
//! them open: to change keys, add the new one in front and keep the old one behind it.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::error::ShouldBe;
use crate::events::{Event, Events};
use crate::random::Random;
use crate::secret::{Changing, Key, Secret, TenantKey};

/// The version of a value that is bound to its place only.
const PLACED: u8 = 1;
/// The version of a value that is also bound to columns of its row.
const BOUND: u8 = 2;
const XCHACHA20_POLY1305: u8 = 1;
const NONCE: usize = 24;
/// The kid of values sealed under a tenant's own key; a tenant has one at a time.
const TENANT_KID: &str = "tenant";

/// The place of a sealed value in the database. The value opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Table and column, `link.credential`.
    pub column: &'static str,
    /// The tenant's client key.
    pub tenant: &'a str,
    /// The account id, or the row's own id if the row does not belong to a person.
    pub row: &'a str,
    /// The row's generation; 0 if it has none.
    pub generation: i64,
    /// The columns of the row that decide where the secret is sent or whom it is for, as text and in a fixed
    /// order. The database holds them in clear, and the value opens only beside the ones it was sealed with.
    pub bound: &'a [&'a str],
}

impl Place<'_> {
    fn version(&self) -> u8 {
        if self.bound.is_empty() { PLACED } else { BOUND }
    }

    /// Each part with its length in front, so that two places never give the same bytes. The number of parts
    /// before the bound ones is fixed.
    fn associated_data(&self, kid: &str) -> Vec<u8> {
        let generation = self.generation.to_string();
        let mut data = vec![self.version(), XCHACHA20_POLY1305];
        let place = [kid, self.column, self.tenant, self.row, &generation];
        for part in place.iter().chain(self.bound) {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

/// A value did not open: it was altered or moved, or its sealing key is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open")]
pub struct Broken;

/// One of the operator's sealing keys.
#[derive(Clone)]
pub struct SealingKey {
    kid: String,
    key: Key,
}

impl SealingKey {
    /// A key and its id (1 to 32 characters). None unless the key has 32 bytes.
    #[must_use]
    pub fn new(kid: String, key: &[u8]) -> Option<Self> {
        let key = Key::copied(key)?;
        Some(Self { kid, key })
    }

    /// Reads `kid:base64 of 32 bytes`.
    fn of_setting(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let (kid, key) = text.split_once(':')?;
        if !(1..=32).contains(&kid.len()) || !kid.bytes().all(allowed) {
            return None;
        }
        let key = Zeroizing::new(STANDARD.decode(key).ok()?);
        Self::new(kid.to_owned(), &key)
    }

    /// Its id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

/// The sealing keys of a deployment: at least one, with distinct ids. The first seals, all open.
#[derive(Clone)]
pub struct SealingKeys(Vec<SealingKey>);

impl SealingKeys {
    /// What the setting should look like.
    pub const SHOULD_BE: &str = "one or more `kid:base64 of 32 bytes`, comma separated, with different \
        kids of 1 to 32 letters, digits, `-`, `_` and `.`";
}

impl From<SealingKeys> for Vec<SealingKey> {
    fn from(keys: SealingKeys) -> Self {
        keys.0
    }
}

impl FromStr for SealingKeys {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let mut keys: Vec<SealingKey> = Vec::new();
        for entry in text.split(',') {
            let key = SealingKey::of_setting(entry.trim())
                .filter(|key| keys.iter().all(|other| other.kid() != key.kid()))
                .ok_or(ShouldBe::new(Self::SHOULD_BE))?;
            keys.push(key);
        }
        Ok(Self(keys))
    }
}

/// Seals and opens with the sealing keys. Clones have the same keys, also after a change.
#[derive(Clone)]
pub struct Vault {
    keys: Changing<Arc<[SealingKey]>>,
    random: Random,
    events: Events,
}

impl Vault {
    /// A vault with at least one key, as [`SealingKeys`] guarantees. The first seals. A value that does not
    /// open is recorded in `events`.
    #[must_use]
    pub fn new(keys: Vec<SealingKey>, random: Random, events: Events) -> Self {
        Self {
            keys: Changing::new(keys.into()),
            random,
            events,
        }
    }

    /// Seals and opens with these keys from now on. There is at least one.
    pub fn change_keys(&self, keys: Vec<SealingKey>) {
        self.keys.change(keys.into());
    }

    /// Whether these keys open a value too, if the present ones do.
    #[must_use]
    pub fn opens_with(&self, keys: &[SealingKey], place: Place<'_>, sealed: &str) -> bool {
        let opens = |keys: &[SealingKey]| open_by(keys, place, sealed).is_ok();
        opens(keys) || !opens(&self.keys.now())
    }

    /// A new key for a tenant, and the same key wrapped for the database.
    #[must_use]
    pub fn new_tenant_key(&self, client_key: &str) -> (TenantKey, String) {
        let key = Key::filled(|bytes| self.random.fill(bytes));
        let wrapped = self.seal_root(tenant_key_place(client_key), key.bytes());
        (TenantKey(key), wrapped)
    }

    /// Unwraps a tenant's key.
    pub fn open_tenant_key(&self, client_key: &str, wrapped: &str) -> Result<TenantKey, Broken> {
        let place = tenant_key_place(client_key);
        let key = self
            .open_root(place, wrapped)
            .and_then(|bytes| Key::copied(&bytes).ok_or(Broken));
        self.recorded(place, key).map(TenantKey)
    }

    /// Seals a value of a tenant.
    #[must_use]
    pub fn seal(&self, key: &TenantKey, place: Place<'_>, value: &Secret) -> String {
        encrypt(
            &self.random,
            TENANT_KID,
            &key.0,
            place,
            value.expose().as_bytes(),
        )
    }

    /// Opens a value of a tenant.
    pub fn open(&self, key: &TenantKey, place: Place<'_>, sealed: &str) -> Result<Secret, Broken> {
        let opened = Envelope::read(sealed)
            .and_then(|parts| match parts.kid.as_str() {
                TENANT_KID => parts.decrypt(&key.0, place),
                _ => Err(Broken),
            })
            .and_then(text);
        self.recorded(place, opened)
    }

    /// Where security events are recorded.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    fn recorded<T>(&self, place: Place<'_>, opened: Result<T, Broken>) -> Result<T, Broken> {
        if opened.is_err() {
            self.events.record(Event::SealFailure {
                column: place.column,
                tenant: place.tenant,
                row: place.row,
            });
        }
        opened
    }

    /// Seals a value that must outlive its tenant's key: tokens to be revoked after an uninstall.
    #[must_use]
    pub fn seal_beyond_tenant(&self, place: Place<'_>, value: &Secret) -> String {
        self.seal_root(place, value.expose().as_bytes())
    }

    /// Opens what [`Vault::seal_beyond_tenant`] sealed.
    pub fn open_beyond_tenant(&self, place: Place<'_>, sealed: &str) -> Result<Secret, Broken> {
        self.recorded(place, self.open_root(place, sealed).and_then(text))
    }

    /// Opens what [`Vault::seal_beyond_tenant`] sealed. None if its sealing key is not there any more: for
    /// values that can be fetched again and that a rotation of the sealing keys leaves out.
    pub fn open_if_named(&self, place: Place<'_>, sealed: &str) -> Option<Result<Secret, Broken>> {
        let named = Envelope::read(sealed).ok().map(|parts| parts.kid);
        if named.is_some_and(|named| self.kids().iter().all(|kid| *kid != named)) {
            return None;
        }
        Some(self.open_beyond_tenant(place, sealed))
    }

    /// The ids of the sealing keys, the one that seals first.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        let keys = self.keys.now();
        keys.iter().map(|key| key.kid.clone()).collect()
    }

    /// The same value sealed by the first sealing key. None if it already is. For values that the sealing
    /// keys seal directly: tenants' keys and those of [`Vault::seal_beyond_tenant`].
    pub fn rewrap(&self, place: Place<'_>, sealed: &str) -> Result<Option<String>, Broken> {
        if Envelope::read(sealed)?.kid == self.keys.now()[0].kid {
            return Ok(None);
        }
        let value = self.open_root(place, sealed)?;
        Ok(Some(self.seal_root(place, &value)))
    }

    /// Which sealing keys a value needs: the id that it names, if it can be parsed, and for each key whether
    /// it opens the value. A value that its own key does not open is recorded.
    pub fn try_each(&self, place: Place<'_>, sealed: &str) -> Tried {
        let parts = Envelope::read(sealed).ok();
        let keys = self.keys.now();
        let opens = keys
            .iter()
            .map(|key| {
                parts
                    .as_ref()
                    .is_some_and(|parts| parts.decrypt(&key.key, place).is_ok())
            })
            .collect();
        let _ = self.recorded(place, self.open_root(place, sealed));
        Tried {
            named: parts.map(|parts| parts.kid),
            opens,
        }
    }

    fn seal_root(&self, place: Place<'_>, value: &[u8]) -> String {
        let first = &self.keys.now()[0];
        encrypt(&self.random, &first.kid, &first.key, place, value)
    }

    fn open_root(&self, place: Place<'_>, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Broken> {
        open_by(&self.keys.now(), place, sealed)
    }
}

/// Opens a value with the key that it names.
fn open_by(
    keys: &[SealingKey],
    place: Place<'_>,
    sealed: &str,
) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let parts = Envelope::read(sealed)?;
    let key = keys.iter().find(|key| key.kid == parts.kid);
    parts.decrypt(&key.ok_or(Broken)?.key, place)
}

/// The result of [`Vault::try_each`].
#[derive(Debug)]
pub struct Tried {
    /// The id of the key that the value names.
    pub named: Option<String>,
    /// For each sealing key, in order, whether it opens the value.
    pub opens: Vec<bool>,
}

/// The place of a tenant's wrapped key.
pub(crate) fn tenant_key_place(client_key: &str) -> Place<'_> {
    Place {
        column: "tenant.data_key",
        tenant: client_key,
        row: "",
        generation: 0,
        bound: &[],
    }
}

fn text(bytes: Zeroizing<Vec<u8>>) -> Result<Secret, Broken> {
    std::str::from_utf8(&bytes)
        .map(Secret::new)
        .map_err(|_| Broken)
}

fn encrypt(random: &Random, kid: &str, key: &Key, place: Place<'_>, value: &[u8]) -> String {
    let nonce: [u8; NONCE] = random.bytes();
    let payload = Payload {
        msg: value,
        aad: &place.associated_data(kid),
    };
    let ciphertext = cipher(key)
        .encrypt(&XNonce::from(nonce), payload)
        .expect("only values beyond 256 GiB cannot be encrypted");
    let mut sealed = vec![place.version(), XCHACHA20_POLY1305, kid.len() as u8];
    sealed.extend_from_slice(kid.as_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&ciphertext);
    STANDARD.encode(sealed)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new_from_slice(key.bytes()).expect("a key has the cipher's length")
}

/// A sealed value, parsed but not opened.
struct Envelope {
    version: u8,
    kid: String,
    nonce: [u8; NONCE],
    ciphertext: Vec<u8>,
}

impl Envelope {
    fn read(sealed: &str) -> Result<Self, Broken> {
        let bytes = STANDARD.decode(sealed).map_err(|_| Broken)?;
        let [
            version @ (PLACED | BOUND),
            XCHACHA20_POLY1305,
            kid_length,
            rest @ ..,
        ] = bytes.as_slice()
        else {
            return Err(Broken);
        };
        let (kid, rest) = rest
            .split_at_checked(usize::from(*kid_length))
            .ok_or(Broken)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE).ok_or(Broken)?;
        Ok(Self {
            version: *version,
            kid: std::str::from_utf8(kid).map_err(|_| Broken)?.to_owned(),
            nonce: nonce.try_into().map_err(|_| Broken)?,
            ciphertext: ciphertext.to_vec(),
        })
    }

    fn decrypt(&self, key: &Key, place: Place<'_>) -> Result<Zeroizing<Vec<u8>>, Broken> {
        if self.version != place.version() {
            return Err(Broken);
        }
        let payload = Payload {
            msg: &self.ciphertext,
            aad: &place.associated_data(&self.kid),
        };
        cipher(key)
            .decrypt(&XNonce::from(self.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const HERE: Place<'_> = Place {
        column: "link.credential",
        tenant: "tenant-a",
        row: "557058:1",
        generation: 3,
        bound: &[],
    };

    fn vault(kids: &[(&str, u8)]) -> Vault {
        let keys = kids
            .iter()
            .map(|(kid, byte)| SealingKey::new((*kid).to_owned(), &[*byte; 32]).unwrap())
            .collect();
        let events = Events::new(&prometheus::Registry::new(), Clock::system());
        Vault::new(keys, Random::system(), events)
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed() {
        let vault = vault(&[("k1", 1)]);
        let (key, _) = vault.new_tenant_key("tenant-a");
        let (other_key, _) = vault.new_tenant_key("tenant-b");
        let sealed = vault.seal(&key, HERE, &Secret::new("token"));
        assert_eq!(
            vault.open(&key, HERE, &sealed).ok().unwrap().expose(),
            "token"
        );

        let elsewhere = [
            Place {
                column: "link.other",
                ..HERE
            },
            Place {
                tenant: "tenant-b",
                ..HERE
            },
            Place {
                row: "557058:2",
                ..HERE
            },
            Place {
                generation: 2,
                ..HERE
            },
        ];
        for place in elsewhere {
            assert_eq!(
                vault.open(&key, place, &sealed).err(),
                Some(Broken),
                "{place:?}"
            );
        }
        assert!(vault.open(&other_key, HERE, &sealed).is_err());
    }

    #[test]
    fn a_value_opens_only_beside_the_columns_it_was_sealed_with() {
        let vault = vault(&[("k1", 1)]);
        let (key, _) = vault.new_tenant_key("tenant-a");
        let beside = |bound| Place { bound, ..HERE };
        let opens = |place, sealed: &str| vault.open(&key, place, sealed).is_ok();
        let sealed = vault.seal(&key, beside(&["u-1", "Robin"]), &Secret::new("token"));
        assert!(opens(beside(&["u-1", "Robin"]), &sealed));
        let edited: [&[&str]; 6] = [
            &["u-2", "Robin"],
            &["u-1", "Robi", "n"],
            &["u-1Robin"],
            &["Robin", "u-1"],
            &["u-1"],
            &[],
        ];
        for bound in edited {
            assert!(!opens(beside(bound), &sealed), "{bound:?}");
        }
        // A value sealed without bound columns never passes for a bound one, whatever its header says.
        let placed = vault.seal(&key, HERE, &Secret::new("token"));
        let mut claims = STANDARD.decode(&placed).unwrap();
        claims[0] = BOUND;
        for sealed in [placed, STANDARD.encode(claims)] {
            assert!(!opens(beside(&["u-1", "Robin"]), &sealed));
        }
    }

    #[test]
    fn parts_of_a_place_cannot_be_shifted_into_one_another() {
        let one = Place {
            tenant: "ab",
            row: "c",
            ..HERE
        };
        let two = Place {
            tenant: "a",
            row: "bc",
            ..HERE
        };
        assert_ne!(one.associated_data("k"), two.associated_data("k"));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let vault = vault(&[("k1", 1)]);
        let (key, _) = vault.new_tenant_key("tenant-a");
        let sealed = STANDARD
            .decode(vault.seal(&key, HERE, &Secret::new("token")))
            .unwrap();
        for index in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[index] ^= 1;
            assert!(vault.open(&key, HERE, &STANDARD.encode(&flipped)).is_err());
            assert!(
                vault
                    .open(&key, HERE, &STANDARD.encode(&sealed[..index]))
                    .is_err()
            );
        }
    }

    #[test]
    fn a_second_key_opens_what_the_first_sealed() {
        let before = vault(&[("old", 1)]);
        let (_, wrapped) = before.new_tenant_key("tenant-a");
        let both = vault(&[("new", 2), ("old", 1)]);
        assert!(both.open_tenant_key("tenant-a", &wrapped).is_ok());
        assert!(both.open_tenant_key("tenant-b", &wrapped).is_err());
        let (_, wrapped_new) = both.new_tenant_key("tenant-a");
        assert!(before.open_tenant_key("tenant-a", &wrapped_new).is_err());
        let impostor = vault(&[("old", 9)]);
        assert!(impostor.open_tenant_key("tenant-a", &wrapped).is_err());
    }

    #[test]
    fn a_rewrapped_value_needs_the_first_key_alone() {
        let before = vault(&[("old", 1)]);
        let place = tenant_key_place("tenant-a");
        let (key, wrapped) = before.new_tenant_key("tenant-a");
        let sealed = before.seal(&key, HERE, &Secret::new("token"));
        let both = vault(&[("new", 2), ("old", 1)]);
        let rewrapped = both.rewrap(place, &wrapped).unwrap().unwrap();
        assert_eq!(both.rewrap(place, &rewrapped), Ok(None));
        assert_eq!(both.try_each(place, &wrapped).opens, [false, true]);
        assert_eq!(both.try_each(place, &rewrapped).opens, [true, false]);
        let after = vault(&[("new", 2)]);
        let key = after.open_tenant_key("tenant-a", &rewrapped).ok().unwrap();
        assert_eq!(
            after.open(&key, HERE, &sealed).ok().unwrap().expose(),
            "token"
        );
        // Rewrapping does not repair a value that was altered, moved or sealed by a missing key.
        let other = tenant_key_place("tenant-b");
        assert_eq!(both.rewrap(other, &wrapped), Err(Broken));
        assert_eq!(after.rewrap(place, &wrapped), Err(Broken));
        let tried = after.try_each(place, &wrapped);
        assert_eq!(
            (tried.named.as_deref(), tried.opens),
            (Some("old"), vec![false])
        );
        assert_eq!(both.try_each(place, "AAAA").named, None);
    }
}
