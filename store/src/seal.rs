//! Personal data at rest: what leaves the program for the database is sealed, what comes back is opened.
//!
//! Statements declare which of their values are personal ([`crate::text`]); binding seals them, [`crate::cell::Row`] opens
//! them. AES-256-GCM-SIV, in two forms. `Random`: a new nonce each time, equal texts look different. `Stable`: the nonce
//! is the HMAC-SHA256 of the text, so equal texts are equal cells: the blind index by which identifiers are found, and
//! what may be grouped. A cell is `~`, the version, its form, the number of its key, a dot, then nonce and ciphertext in
//! base64url (bytes: as they are). Keys come from [`keys`].

mod keys;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::StoreError;
pub use keys::{MasterKey, MasterKeys};
pub(crate) use keys::{admit, open_vault};

type Result<T> = std::result::Result<T, StoreError>;

/// Stable texts are filled up to a multiple of this, so that a cell tells little of how long a value is.
const BLOCK: usize = 16;
/// What stands before nonce and ciphertext: `~`, version, form, number of the key, dot.
const HEAD: usize = 5;

/// How a text is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Equal texts are different cells.
    Random,
    /// Equal texts are equal cells.
    Stable,
}

const RANDOM: &[u8; HEAD] = b"~1r1.";
const STABLE: &[u8; HEAD] = b"~1s1.";
const BYTES: &[u8; HEAD] = b"~1b1.";

/// The keys of a store, ready for use.
pub(crate) struct Vault {
    random: LessSafeKey,
    stable: LessSafeKey,
    index: hmac::Key,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

fn broken() -> StoreError {
    StoreError::fault("sealing failed in the cryptographic library")
}

/// A key for one use, out of a secret.
fn derived(secret: &[u8], label: &[u8]) -> Result<[u8; 32]> {
    let mut key = [0; 32];
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"leadloop store 1");
    let prk = salt.extract(secret);
    let label = [label];
    prk.expand(&label, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut key)).map_err(|_| broken())?;
    Ok(key)
}

fn aead(key: &[u8; 32]) -> Result<LessSafeKey> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).map_err(|_| broken())?))
}

impl Vault {
    /// The vault of a store whose secret this is.
    fn of(secret: &[u8; 32]) -> Result<Self> {
        Ok(Self {
            random: aead(&derived(secret, b"random")?)?,
            stable: aead(&derived(secret, b"stable")?)?,
            index: hmac::Key::new(hmac::HMAC_SHA256, &derived(secret, b"index")?),
        })
    }

    /// A text as its cell. Nothing stays nothing: there is nothing to hide in it.
    pub(crate) fn seal(&self, form: Form, text: &str) -> Result<String> {
        if text.is_empty() {
            return Ok(String::new());
        }
        let (head, key, nonce, plain) = match form {
            Form::Random => (RANDOM, &self.random, random_nonce()?, text.as_bytes().to_vec()),
            Form::Stable => {
                let plain = padded(text);
                (STABLE, &self.stable, self.index_of(&plain), plain)
            }
        };
        let sealed = sealed(key, head, nonce, plain)?;
        let mut cell = String::with_capacity(HEAD + sealed.len().div_ceil(3) * 4);
        cell.extend(head.iter().map(|byte| char::from(*byte)));
        URL_SAFE_NO_PAD.encode_string(sealed, &mut cell);
        Ok(cell)
    }

    /// Bytes as their cell.
    pub(crate) fn seal_bytes(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let sealed = sealed(&self.random, BYTES, random_nonce()?, bytes.to_vec())?;
        Ok([BYTES.as_slice(), &sealed].concat())
    }

    /// What a cell holds.
    pub(crate) fn open(&self, cell: &str) -> Result<String> {
        if cell.is_empty() {
            return Ok(String::new());
        }
        let bytes = cell.as_bytes();
        let (key, head) = match bytes.first_chunk() {
            Some(RANDOM) => (&self.random, RANDOM),
            Some(STABLE) => (&self.stable, STABLE),
            _ => return Err(unsealed()),
        };
        let sealed = bytes.get(HEAD..).and_then(|cell| URL_SAFE_NO_PAD.decode(cell).ok());
        let mut plain = opened(key, head, sealed.ok_or_else(damaged)?)?;
        if head == STABLE {
            plain.truncate(plain.iter().rposition(|byte| *byte == 0x80).ok_or_else(damaged)?);
        }
        String::from_utf8(plain).map_err(|_| damaged())
    }

    /// As [`Vault::open`], of bytes.
    pub(crate) fn open_bytes(&self, cell: Vec<u8>) -> Result<Vec<u8>> {
        if cell.is_empty() {
            return Ok(cell);
        }
        match cell.strip_prefix(BYTES) {
            Some(sealed) => opened(&self.random, BYTES, sealed.to_vec()),
            None => Err(unsealed()),
        }
    }

    /// A digest that nobody can make without the store's secret.
    pub(crate) fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.index);
        context.update(b"digest\0"); // no cell's nonce is of such a text
        context.update(bytes);
        context.sign().as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// The blind index of a text, as the nonce of its cell.
    fn index_of(&self, plain: &[u8]) -> [u8; NONCE_LEN] {
        let tag = hmac::sign(&self.index, plain);
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

fn random_nonce() -> Result<[u8; NONCE_LEN]> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(|_| broken())?;
    Ok(nonce)
}

/// A text with its end marked, filled up to whole blocks.
fn padded(text: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity((text.len() / BLOCK + 1) * BLOCK + 32);
    plain.extend_from_slice(text.as_bytes());
    plain.push(0x80);
    plain.resize(plain.len().next_multiple_of(BLOCK), 0);
    plain
}

/// Nonce and ciphertext.
fn sealed(key: &LessSafeKey, head: &[u8], nonce: [u8; NONCE_LEN], mut plain: Vec<u8>) -> Result<Vec<u8>> {
    let used = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(used, Aad::from(head), &mut plain).map_err(|_| broken())?;
    plain.splice(0..0, nonce);
    Ok(plain)
}

fn opened(key: &LessSafeKey, head: &[u8], mut sealed: Vec<u8>) -> Result<Vec<u8>> {
    let nonce = *sealed.first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
    let used = Nonce::assume_unique_for_key(nonce);
    let length = {
        let body = sealed.get_mut(NONCE_LEN..).ok_or_else(damaged)?;
        key.open_in_place(used, Aad::from(head), body).map_err(|_| damaged())?.len()
    };
    sealed.drain(..NONCE_LEN);
    sealed.truncate(length);
    Ok(sealed)
}

fn damaged() -> StoreError {
    StoreError::unreadable("a sealed value was changed, or sealed under another key")
}

fn unsealed() -> StoreError {
    StoreError::unreadable("a value stands in clear where all are sealed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::of(&[7; 32]).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_and_nothing_of_it_shows() {
        let vault = vault();
        for text in
            ["+8613800001104", "li.na@customer.example", "{\"name\":\"测试\"}", "x", &"长".repeat(5_000)]
        {
            for form in [Form::Random, Form::Stable] {
                let cell = vault.seal(form, text).unwrap();
                assert!(cell.starts_with("~1") && (text.len() < 4 || !cell.contains(text)), "{cell}");
                assert_eq!(vault.open(&cell).unwrap(), text);
            }
            let cell = vault.seal_bytes(text.as_bytes()).unwrap();
            assert!(text.len() < 4 || !cell.windows(text.len()).any(|part| part == text.as_bytes()));
            assert_eq!(vault.open_bytes(cell).unwrap(), text.as_bytes());
        }
        assert_eq!(vault.open(&vault.seal(Form::Stable, "").unwrap()).unwrap(), "");
    }

    #[test]
    fn only_stable_cells_are_alike() {
        let vault = vault();
        let cell = |form, text| vault.seal(form, text).unwrap();
        assert_eq!(cell(Form::Stable, "+8613800001104"), cell(Form::Stable, "+8613800001104"));
        assert_ne!(cell(Form::Stable, "+8613800001104"), cell(Form::Stable, "+8613800001105"));
        assert_ne!(cell(Form::Random, "+8613800001104"), cell(Form::Random, "+8613800001104"));
        let other = Vault::of(&[8; 32]).unwrap();
        assert_ne!(cell(Form::Stable, "a"), other.seal(Form::Stable, "a").unwrap());
        // How long a value is shows in steps only.
        assert_eq!(cell(Form::Stable, "a@b.example").len(), cell(Form::Stable, "ab@bcd.example").len());
    }

    /// A cell that an earlier build wrote must stay readable for ever.
    #[test]
    fn cells_of_this_version_stay_readable() {
        let stable = "~1s1.dsPNTZ0yIQdXRiJdxKoIGPK0wFsNGCdap5dUIBdWFMrcpEDgZHT67N3ZK_U";
        let random = "~1r1.bdHhYm7mAoL6fmND5zM_XN7oP0CBBYC_QtIjODeD7UKrW9at0w-UQBJMPNm6nw_X0fvI-IyQ";
        assert_eq!(vault().seal(Form::Stable, "+8613800001104").unwrap(), stable);
        assert_eq!(vault().open(stable).unwrap(), "+8613800001104");
        assert_eq!(vault().open(random).unwrap(), "{\"phone\":\"+8613800001104\"}");
    }

    #[test]
    fn what_was_changed_or_is_in_clear_is_not_read() {
        let vault = vault();
        let cell = vault.seal(Form::Random, "+8613800001104").unwrap();
        let mut changed = cell.clone().into_bytes();
        let last = changed.len() - 2;
        changed[last] ^= 1;
        let swapped = cell.replacen("~1r", "~1s", 1);
        for cell in
            [String::from_utf8(changed).unwrap().as_str(), &swapped, "+8613800001104", "~1r1.", "~1r1.%%"]
        {
            assert_eq!(vault.open(cell).unwrap_err().code(), Some("LL1104"), "{cell}");
        }
        assert!(Vault::of(&[8; 32]).unwrap().open(&cell).is_err());
        assert!(vault.open_bytes(b"phone=1".to_vec()).is_err());
    }
}
