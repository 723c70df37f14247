//! The keys of an encrypted store, and whether a store may be opened with what the config names.
//!
//! The store has one secret of its own, made once by chance. It stands in the database, sealed under the master key that
//! the config names; so another master key is one row written anew, and without the right one nothing can be read. Whether
//! a store is encrypted is settled when it is made: both ways a store that was made otherwise is refused before anything
//! is written.

use aws_lc_rs::aead::NONCE_LEN;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Vault, aead, broken, derived, opened, random_nonce, sealed};
use crate::cell::args;
use crate::engine::{Lines, Pools, Work};
use crate::error::{StoreError, code, of_driver};
use crate::lanes::WriteLane;
use crate::statement::{META_FIRST, META_GET, META_PUT, STORE_USED};

type Result<T> = std::result::Result<T, StoreError>;

/// Under which name the sealed secret stands.
const KEPT: &str = "encryption";
/// The schema that has its table.
const WITH_META: i64 = 7;
/// The schema that has every table with people in it; what is older was begun without.
const WITH_ALL: i64 = 32;
/// What stands before it: the version of how it is sealed.
const HEAD: &str = "1.";

/// A master key: 32 bytes, written as 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; 32]);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// Reads a key; `None` where it is not 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// The secret as it is kept.
    fn wrap(&self, secret: &[u8; 32]) -> Result<String> {
        let key = aead(&derived(&self.0, b"master")?)?;
        let wrapped = sealed(&key, HEAD.as_bytes(), random_nonce()?, secret.to_vec())?;
        Ok(format!("{HEAD}{}", URL_SAFE_NO_PAD.encode(wrapped)))
    }

    /// The secret, where it was sealed under this key.
    fn unwrap(&self, kept: &str) -> Result<Option<[u8; 32]>> {
        let key = aead(&derived(&self.0, b"master")?)?;
        let wrapped = kept.strip_prefix(HEAD).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let Some(wrapped) = wrapped.filter(|wrapped| wrapped.len() > NONCE_LEN) else {
            return Err(StoreError::unreadable("the sealed secret of the store"));
        };
        Ok(opened(&key, HEAD.as_bytes(), wrapped).ok().and_then(|secret| secret.try_into().ok()))
    }
}

/// The keys that the config names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeys {
    /// The one in force.
    pub current: MasterKey,
    /// Those before it: a store that is still under one of them goes under the current one when it is opened to write.
    pub old: Vec<MasterKey>,
}

/// A store as it stands before its schema is touched.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// In clear, and so it stays.
    Clear,
    /// Empty: it becomes encrypted.
    New,
    /// Encrypted; this is its secret, and whether it is under an old master key.
    Sealed([u8; 32], bool),
}

/// Whether a store whose schema has reached `reached` may be opened with these keys. Writes nothing.
pub(crate) async fn admit(pools: &Pools, reached: i64, keys: Option<&MasterKeys>) -> Result<Admitted> {
    let kept = if reached < WITH_META { None } else { kept(pools).await? };
    match (kept, keys) {
        (None, None) => Ok(Admitted::Clear),
        (None, Some(_)) => match reached == 0 || (reached >= WITH_ALL && !used(pools).await?) {
            true => Ok(Admitted::New),
            false => Err(StoreError::closed(
                code::IN_CLEAR,
                "[store] encryption is set, but this database was begun without and holds data in clear; \
                 take an empty database, or take the setting out",
            )),
        },
        (Some(_), None) => Err(StoreError::closed(
            code::NO_KEY,
            "this database is encrypted and the config names no key; set `encryption` in [store] as it was",
        )),
        (Some(kept), Some(keys)) => {
            if let Some(secret) = keys.current.unwrap(&kept)? {
                return Ok(Admitted::Sealed(secret, false));
            }
            for old in &keys.old {
                if let Some(secret) = old.unwrap(&kept)? {
                    return Ok(Admitted::Sealed(secret, true));
                }
            }
            Err(StoreError::closed(
                code::WRONG_KEY,
                "the key in [store] encryption is not the one of this database; nothing can be read without it and \
                 nothing was written",
            ))
        }
    }
}

/// The vault of an admitted store whose schema is up to date; keeps what has to be kept, where it may `write`.
pub(crate) async fn open_vault(
    pools: &Pools,
    admitted: Admitted,
    keys: Option<&MasterKeys>,
    write: bool,
) -> Result<Option<Vault>> {
    let (Some(keys), true) = (keys, !matches!(admitted, Admitted::Clear)) else { return Ok(None) };
    let secret = match admitted {
        Admitted::Sealed(secret, old) => {
            if old && write {
                let mut work = pools.write(WriteLane::Hot).await?;
                work.run(&META_PUT, args![KEPT, keys.current.wrap(&secret)?]).await?;
                work.commit().await?;
                tracing::info!("the store is under the new key now; the old one is not needed any more");
            }
            secret
        }
        Admitted::New if write => {
            let mut secret = [0; 32];
            aws_lc_rs::rand::fill(&mut secret).map_err(|_| broken())?;
            let mut work = pools.write(WriteLane::Hot).await?;
            work.run(&META_FIRST, args![KEPT, keys.current.wrap(&secret)?]).await?;
            // Another node may have been first.
            let first = meta(&mut work).await?;
            work.commit().await?;
            let secret = first.map(|kept| keys.current.unwrap(&kept)).transpose()?.flatten();
            secret.ok_or_else(|| {
                StoreError::closed(
                    code::WRONG_KEY,
                    "another node made this database just now, under another key",
                )
            })?
        }
        Admitted::New | Admitted::Clear => return Ok(None),
    };
    Vault::of(&secret).map(Some)
}

async fn meta(work: &mut Work) -> Result<Option<String>> {
    work.rows(&META_GET, args![KEPT]).await?.first().map(|row| row.get(0)).transpose()
}

/// The sealed secret, read over the connection that the schema is looked at with: a reader of an SQLite file that is not
/// there yet does not open.
async fn kept(pools: &Pools) -> Result<Option<String>> {
    let failed = |error: sqlx::Error| of_driver("encryption", &error);
    let query = "SELECT value FROM meta WHERE key = $1";
    let row: Option<(String,)> = match &pools.lines {
        Lines::Sqlite { writer, .. } => {
            sqlx::query_as(query).bind(KEPT).fetch_optional(writer).await.map_err(failed)?
        }
        Lines::Postgres { work, .. } => {
            sqlx::query_as(query).bind(KEPT).fetch_optional(work).await.map_err(failed)?
        }
    };
    Ok(row.map(|(value,)| value))
}

/// Whether anything of people stands in the store.
async fn used(pools: &Pools) -> Result<bool> {
    let mut work = pools.read().await?;
    let rows = work.rows(&STORE_USED, args![]).await?;
    work.undo().await?;
    rows.first().map_or(Ok(true), |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sixty_four_digits() {
        let key = "0f".repeat(32);
        assert_eq!(MasterKey::parse(&format!(" {key}\n")).unwrap().0, [0x0f; 32]);
        for text in ["", "abc", &"g0".repeat(32), &"0f".repeat(31), "correct horse battery staple"] {
            assert!(MasterKey::parse(text).is_none(), "{text}");
        }
        assert_eq!(format!("{:?}", MasterKey::parse(&key)), "Some(MasterKey)");
    }

    #[test]
    fn only_its_key_gives_the_secret() {
        let (one, other) = (MasterKey([1; 32]), MasterKey([2; 32]));
        let kept = one.wrap(&[9; 32]).unwrap();
        assert_eq!(one.unwrap(&kept).unwrap(), Some([9; 32]));
        assert_eq!(other.unwrap(&kept).unwrap(), None);
        assert!(one.unwrap("1.x").is_err());
    }
}
