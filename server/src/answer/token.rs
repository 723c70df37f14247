//! Signed links: which hand-over, whose answer, until when. A link is a key to one answer, so it is made just before it is
//! sent and kept nowhere; what checks it is a secret of this installation.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use leadloop_sync_core::ids::{HandoffId, PersonKey};
use leadloop_sync_core::notice::AnswerLink;
use leadloop_sync_core::time::{Micros, Timestamp};
use uuid::Uuid;

/// The form of today's links.
const VERSION: u8 = 1;
/// Bytes that are signed: version, flags, hand-over, person, end.
const SIGNED: usize = 26;
/// Bytes of a signature.
const MAC: usize = 16;
/// Most keys that are known at once: today's, and the one before it.
const MOST_KEYS: usize = 2;

/// The keys of links: the first signs, all of them check.
#[derive(Clone, Default)]
pub struct Keys(Vec<hmac::Key>);

/// A link that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The hand-over.
    pub handoff: HandoffId,
    /// Whose answer: see [`Opened::is_for`].
    person: [u8; 4],
    /// Until when it may be used.
    pub until: Timestamp,
    /// Whether it is for the desk before sales.
    pub desk: bool,
}

impl Opened {
    /// Whether it was made for this person.
    #[must_use]
    pub fn is_for(&self, person: &PersonKey) -> bool {
        self.person == short_hash(person)
    }
}

impl Keys {
    /// The keys of secrets, newest first.
    #[must_use]
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let key = |secret: &str| {
            let base = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            // The secret may serve other things one day; links have a key of their own.
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&base, b"leadloop answer link 1").as_ref())
        };
        Self(secrets.into_iter().filter(|secret| !secret.is_empty()).take(MOST_KEYS).map(key).collect())
    }

    /// The token of a link; none where there is no key.
    #[must_use]
    pub fn seal(&self, link: &AnswerLink) -> Option<String> {
        let key = self.0.first()?;
        let mut bytes = Vec::with_capacity(SIGNED + MAC);
        bytes.extend([VERSION, u8::from(link.desk)]);
        bytes.extend(link.handoff.uuid().as_bytes());
        bytes.extend(link.person.as_ref().map_or([0; 4], short_hash));
        bytes.extend(u32::try_from(link.until.0.div_euclid(1_000_000)).unwrap_or(u32::MAX).to_be_bytes());
        let mac = hmac::sign(key, &bytes);
        bytes.extend(mac.as_ref().iter().take(MAC));
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a token; nothing where it is not ours.
    #[must_use]
    pub fn open(&self, token: &str) -> Option<Opened> {
        if token.len() > 128 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, mac) = bytes.split_at_checked(SIGNED).filter(|(_, mac)| mac.len() == MAC)?;
        let genuine = self.0.iter().any(|key| {
            let made = hmac::sign(key, signed);
            made.as_ref().get(..MAC).is_some_and(|made| verify_slices_are_equal(made, mac).is_ok())
        });
        let [version, flags, rest @ ..] = signed else { return None };
        if !genuine || *version != VERSION {
            return None;
        }
        let (id, rest) = rest.split_at_checked(16)?;
        let (person, end) = rest.split_at_checked(4)?;
        let seconds = u32::from_be_bytes(end.try_into().ok()?);
        Some(Opened {
            handoff: HandoffId::new(Uuid::from_slice(id).ok()?),
            person: person.try_into().ok()?,
            until: Timestamp(0) + Micros::seconds(i64::from(seconds)),
            desk: flags & 1 == 1,
        })
    }

    /// The token of a canary for a source: whoever has it may have a made lead go the road, and nothing else.
    #[must_use]
    pub fn canary(&self, source: &str, until: Timestamp) -> Option<String> {
        let seconds = until.0.div_euclid(1_000_000);
        Some(format!("{seconds}.{}", canary_mac(self.0.first()?, source, seconds)))
    }

    /// Whether a canary's token is genuine and still holds.
    #[must_use]
    pub fn is_canary(&self, source: &str, now: Timestamp, token: &str) -> bool {
        let Some((until, given)) = token.split_once('.') else { return false };
        let Ok(until) = until.parse::<i64>() else { return false };
        let now = now.0.div_euclid(1_000_000);
        // One that would hold for days was made by a clock that is days off.
        (now..=now + 2 * crate::canary::HOLDS.0 / 1_000_000).contains(&until)
            && self.0.iter().any(|key| {
                verify_slices_are_equal(canary_mac(key, source, until).as_bytes(), given.as_bytes()).is_ok()
            })
    }

    /// Proves that a form came from a page of ours, for this link and this version of the hand-over.
    #[must_use]
    pub fn form(&self, token: &str, version: i64) -> String {
        self.0.first().map_or(String::new(), |key| form_mac(key, token, version))
    }

    /// Whether a form's proof is genuine.
    #[must_use]
    pub fn is_form(&self, token: &str, version: i64, given: &str) -> bool {
        self.0.iter().any(|key| {
            verify_slices_are_equal(form_mac(key, token, version).as_bytes(), given.as_bytes()).is_ok()
        })
    }
}

fn canary_mac(key: &hmac::Key, source: &str, until: i64) -> String {
    let mac = hmac::sign(key, format!("canary {until} {source}").as_bytes());
    URL_SAFE_NO_PAD.encode(mac.as_ref().get(..MAC).unwrap_or_default())
}

fn form_mac(key: &hmac::Key, token: &str, version: i64) -> String {
    let mac = hmac::sign(key, format!("form {version} {token}").as_bytes());
    URL_SAFE_NO_PAD.encode(mac.as_ref().get(..MAC).unwrap_or_default())
}

fn short_hash(person: &PersonKey) -> [u8; 4] {
    let hash = digest::digest(&digest::SHA256, person.as_str().as_bytes());
    match hash.as_ref() {
        [a, b, c, d, ..] => [*a, *b, *c, *d],
        _ => [0; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> AnswerLink {
        AnswerLink {
            handoff: HandoffId::new(Uuid::from_u128(7)),
            person: Some(PersonKey::from("li.na")),
            until: Timestamp(1_800_000_000_000_000),
            desk: false,
        }
    }

    #[test]
    fn a_link_is_read_back_and_no_bit_of_it_can_be_changed() {
        let keys = Keys::of(["one"]);
        let token = keys.seal(&link()).unwrap();
        let opened = keys.open(&token).unwrap();
        assert_eq!((opened.handoff, opened.until, opened.desk), (link().handoff, link().until, false));
        assert!(opened.is_for(&PersonKey::from("li.na")) && !opened.is_for(&PersonKey::from("wang.wei")));
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut forged = bytes.clone();
                forged[at] ^= 1 << bit;
                assert_eq!(keys.open(&URL_SAFE_NO_PAD.encode(forged)), None, "byte {at} bit {bit}");
            }
        }
        for cut in 0..token.len() {
            assert_eq!(keys.open(token.get(..cut).unwrap()), None);
        }
        assert_eq!(Keys::of(["two"]).open(&token), None);
        assert_eq!(Keys::default().open(&token), None);
    }

    #[test]
    fn a_key_that_was_changed_still_opens_the_links_before() {
        let token = Keys::of(["old"]).seal(&link()).unwrap();
        assert!(Keys::of(["new", "old"]).open(&token).is_some());
        assert_eq!(Keys::of(["newer", "new", "old"]).open(&token), None, "two keys are known at most");
    }

    #[test]
    fn a_form_is_good_for_one_link_and_one_version() {
        let keys = Keys::of(["one"]);
        let form = keys.form("token", 3);
        assert!(keys.is_form("token", 3, &form));
        assert!(
            !keys.is_form("token", 4, &form)
                && !keys.is_form("other", 3, &form)
                && !keys.is_form("token", 3, "")
        );
    }
}
