//! Who sent it: HMAC signatures, Standard Webhooks and shared secrets, checked over the raw bytes in constant time.
//!
//! Vendors' own schemes are built from these parts by their connectors. Standard Webhooks is read as its specification
//! says (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,…`); the older `svix-` header names are taken too.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use leadloop_sync_core::time::{Micros, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::http::Push;

/// How far a signed time may lie off ours, where nothing else is set.
pub const TOLERANCE: Micros = Micros::minutes(5);

/// Most signatures in one header that are tried: more is no rotation but an attack.
const MOST_SIGNATURES: usize = 16;

/// Base64 with or without padding: vendors send both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A hash to build an HMAC with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-1, for vendors that have nothing better.
    Sha1,
}

/// How bytes are written in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64, padded or not.
    Base64,
}

/// The HMAC of `parts`, one after the other.
#[must_use]
pub fn hmac(algorithm: Algorithm, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let algorithm = match algorithm {
        Algorithm::Sha256 => hmac::HMAC_SHA256,
        Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in parts {
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

/// The SHA-256 of `parts`, one after the other, in hexadecimal: for keys of events that have no id of their own.
#[must_use]
pub fn digest_of(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    hex::encode(context.finish())
}

/// Reads bytes that were written in base64, padded or not.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.trim()).ok()
}

/// Writes bytes as a header has them.
#[must_use]
pub fn encode(encoding: Encoding, bytes: &[u8]) -> String {
    match encoding {
        Encoding::Hex => hex::encode(bytes),
        Encoding::Base64 => BASE64.encode(bytes),
    }
}

/// Whether `given` is the HMAC of `parts`.
#[must_use]
pub fn hmac_fits(algorithm: Algorithm, encoding: Encoding, key: &[u8], parts: &[&[u8]], given: &str) -> bool {
    let given = given.trim();
    let decoded = match encoding {
        Encoding::Hex => hex::decode(given).ok(),
        Encoding::Base64 => BASE64.decode(given).ok(),
    };
    decoded.is_some_and(|decoded| verify_slices_are_equal(&decoded, &hmac(algorithm, key, parts)).is_ok())
}

/// Whether `given` is the shared secret. Both are hashed first, so that not even the length is told by the time it takes.
#[must_use]
pub fn secret_fits(given: &str, secret: &SecretString) -> bool {
    let hash = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    let expected = secret.expose_secret();
    !expected.is_empty() && verify_slices_are_equal(hash(given).as_ref(), hash(expected).as_ref()).is_ok()
}

/// The keys of a secret: several during a rotation, separated by blanks.
pub fn rotated(secret: &SecretString) -> impl Iterator<Item = &str> {
    secret.expose_secret().split_ascii_whitespace()
}

/// Why a signature was not taken; each says what an admin looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// A header is not there.
    #[error("the header `{0}` is missing: the sender does not sign, or signs in another way")]
    Missing(&'static str),
    /// The time is no number.
    #[error("the signed time is no number of seconds")]
    NoTime,
    /// The time is too far off.
    #[error("the signed time is too far from ours: replayed, or one of the two clocks is wrong")]
    Stale,
    /// The secret cannot be used as a key.
    #[error("the secret is not `whsec_` with base64 behind it")]
    BadSecret,
    /// No signature fits.
    #[error("the signature does not fit the body: the secret differs, or the body was changed on the way")]
    Wrong,
}

/// Checks a push by Standard Webhooks and gives its id, which is the same over all repetitions of one event. `secret` may
/// hold several keys during a rotation.
///
/// # Errors
/// Why it is not genuine.
pub fn standard_webhooks<'a>(
    push: &'a Push,
    secret: &SecretString,
    tolerance: Micros,
) -> Result<&'a str, Forged> {
    let header = |name: &'static str, alias: &str| {
        push.header(name).or_else(|| push.header(alias)).ok_or(Forged::Missing(name))
    };
    let id = header("webhook-id", "svix-id")?;
    let sent = header("webhook-timestamp", "svix-timestamp")?;
    let signatures = header("webhook-signature", "svix-signature")?;
    let keys = rotated(secret).map(webhook_key).collect::<Option<Vec<_>>>().ok_or(Forged::BadSecret)?;
    if keys.is_empty() {
        return Err(Forged::BadSecret);
    }
    is_recent(sent, push.at, tolerance)?;
    let fits = signatures
        .split_ascii_whitespace()
        .take(MOST_SIGNATURES)
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .any(|given| {
            keys.iter().any(|key| {
                let parts = [id.as_bytes(), b".", sent.as_bytes(), b".", &push.body];
                hmac_fits(Algorithm::Sha256, Encoding::Base64, key, &parts, given)
            })
        });
    if fits { Ok(id) } else { Err(Forged::Wrong) }
}

/// The bytes of a `whsec_` secret; at least 16 of them.
#[must_use]
pub fn webhook_key(secret: &str) -> Option<Vec<u8>> {
    let encoded = secret.strip_prefix("whsec_")?;
    BASE64.decode(encoded).ok().filter(|key| key.len() >= 16)
}

/// Whether a signed time (seconds or milliseconds since 1970) lies within `tolerance` of `now`, on either side.
///
/// # Errors
/// That it is no time, or too far off.
pub fn is_recent(sent: &str, now: Timestamp, tolerance: Micros) -> Result<(), Forged> {
    let number: i64 = sent.trim().parse().map_err(|_| Forged::NoTime)?;
    let micros = if number.unsigned_abs() >= 100_000_000_000 {
        number.checked_mul(1_000)
    } else {
        number.checked_mul(1_000_000)
    };
    let off = micros.ok_or(Forged::NoTime)?.saturating_sub(now.0).unsigned_abs();
    if off <= tolerance.0.unsigned_abs() { Ok(()) } else { Err(Forged::Stale) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;
    use serde_json::Value as Json;

    fn vectors() -> Vec<Json> {
        let file: Json = serde_json::from_str(include_str!("../tests/webhook-vectors.json")).unwrap();
        file["vectors"].as_array().unwrap().clone()
    }

    fn text<'a>(json: &'a Json, name: &str) -> &'a str {
        json[name].as_str().unwrap_or_default()
    }

    #[test]
    fn plain_hmac_vectors_of_real_systems_fit() {
        let mut tried = 0;
        for vector in vectors() {
            let scheme = text(&vector, "scheme");
            let (algorithm, encoding) = match scheme {
                "sha256=base64(hmac_sha256(secret,body))" | "base64(hmac_sha256(secret,body))" => {
                    (Algorithm::Sha256, Encoding::Base64)
                }
                "sha256=hex(hmac_sha256(app_secret,body))" | "hex(hmac_sha256(app_secret,access_token))" => {
                    (Algorithm::Sha256, Encoding::Hex)
                }
                "hex(hmac_sha1(secret,body))" => (Algorithm::Sha1, Encoding::Hex),
                _ => continue,
            };
            let (key, body) = (text(&vector, "secret").as_bytes(), text(&vector, "body").as_bytes());
            let expect = text(&vector, "expect");
            let given = expect.strip_prefix("sha256=").unwrap_or(expect);
            assert!(hmac_fits(algorithm, encoding, key, &[body], given), "{}", text(&vector, "system"));
            assert!(
                !hmac_fits(algorithm, encoding, key, &[body, b" "], given),
                "{}",
                text(&vector, "system")
            );
            assert!(!hmac_fits(algorithm, encoding, b"other", &[body], given), "{}", text(&vector, "system"));
            assert_eq!(encode(encoding, &hmac(algorithm, key, &[body])), given);
            tried += 1;
        }
        assert!(tried >= 6, "only {tried} vectors were tried");
    }

    fn standard_push(vector: &Json) -> Push {
        let headers = vector["headers"].as_object().unwrap();
        let sent: i64 = headers["webhook-timestamp"].as_str().unwrap().parse().unwrap();
        Push {
            method: Method::Post,
            path: String::new(),
            query: String::new(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                .collect(),
            body: text(vector, "body").as_bytes().to_vec(),
            at: Timestamp(sent * 1_000_000),
            peer: None,
        }
    }

    #[test]
    fn standard_webhooks_vectors_fit_and_nothing_else_does() {
        let vectors: Vec<Json> =
            vectors().into_iter().filter(|vector| text(vector, "system") == "standard-webhooks").collect();
        assert_eq!(vectors.len(), 2);
        for vector in &vectors {
            let secret = SecretString::from(text(vector, "secret").to_owned());
            let push = standard_push(vector);
            let check = |push: &Push, secret: &SecretString| {
                standard_webhooks(push, secret, TOLERANCE).map(str::to_owned)
            };
            assert_eq!(check(&push, &secret).as_deref(), Ok(push.header("webhook-id").unwrap()));
            // a rotation: the new key stands first, the old one still fits
            let rotated = SecretString::from(format!("whsec_{} {}", "A".repeat(32), text(vector, "secret")));
            assert!(check(&push, &rotated).is_ok());
            // several signatures in the header, an unknown version among them
            let mut several = push.clone();
            several.headers[2].1 = format!("v1a,xxxx v1,{} {}", "B".repeat(43), push.headers[2].1);
            assert!(check(&several, &secret).is_ok());

            let mut changed = push.clone();
            changed.body.push(b' ');
            assert_eq!(check(&changed, &secret), Err(Forged::Wrong));
            for (off, taken) in [(299, true), (-299, true), (301, false), (-301, false)] {
                let mut late = push.clone();
                late.at = late.at + Micros::seconds(off);
                assert_eq!(check(&late, &secret).is_ok(), taken, "{off}");
            }
            for gone in 0..3 {
                let mut without = push.clone();
                without.headers.remove(gone);
                assert!(matches!(check(&without, &secret), Err(Forged::Missing(_))));
            }
            assert_eq!(check(&push, &SecretString::from("whsec_")), Err(Forged::BadSecret));
            assert_eq!(check(&push, &SecretString::from("")), Err(Forged::BadSecret));
        }
    }

    #[test]
    fn a_shared_secret_is_the_secret_and_never_blank() {
        let secret = SecretString::from("fixture-secret");
        assert!(secret_fits("fixture-secret", &secret));
        assert!(!secret_fits("fixture-secre", &secret) && !secret_fits("", &secret));
        assert!(!secret_fits("", &SecretString::from("")), "a secret that is not set lets nobody in");
    }

    #[test]
    fn odd_signatures_are_refused_without_harm() {
        for given in ["", "zz", "é", "====", "v1,", &"a".repeat(100_000)] {
            for encoding in [Encoding::Hex, Encoding::Base64] {
                assert!(!hmac_fits(Algorithm::Sha256, encoding, b"k", &[b"b"], given));
            }
        }
        for sent in ["", "x", "9223372036854775807", "-9223372036854775808", "1e9"] {
            assert!(is_recent(sent, Timestamp(0), TOLERANCE).is_err(), "{sent}");
        }
        assert!(
            is_recent("1767225600123", Timestamp(1_767_225_601_000_000), TOLERANCE).is_ok(),
            "milliseconds"
        );
    }
}
