//! Takes secrets out of what is kept for people: those we know, in every spelling they travel in; whatever stands under a
//! name that secrets have; and the links to answer pages, each of which is a key to an answer. What the values of people
//! look like is not its business: they are masked where they are shown.

use leadloop_connector_api::Link;
use leadloop_sync_core::conversation::Words;
use secrecy::ExposeSecret;

/// What stands where a secret stood.
pub(crate) const HIDDEN: &str = "•••";
/// A token of an answer page has some 56 characters; no id of ours and hardly any word has so many.
const TOKEN: usize = 40;
/// Names of secrets, in small letters and digits alone.
const NAMES: [&str; 14] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "authorization",
    "sign",
    "signature",
    "session",
    "sessionid",
    "credential",
    "privatekey",
];
/// A longer name that ends so is one of them too.
const ENDS: [&str; 6] = ["password", "secret", "token", "apikey", "signature", "sessionid"];
/// Characters of a name that are looked at.
const LONGEST_NAME: usize = 40;

/// The secrets of one exchange.
pub(crate) struct Scrub {
    /// In all spellings.
    known: Vec<String>,
}

impl Scrub {
    /// Those of a link, and these.
    #[must_use]
    pub(crate) fn of<'a>(link: &Link, more: impl Iterator<Item = &'a str>) -> Self {
        let mut known = Vec::new();
        for secret in link.secrets.values() {
            add(&mut known, secret.expose_secret());
        }
        more.for_each(|secret| add(&mut known, secret));
        // The longer first: a secret may be the beginning of another one.
        known
            .sort_unstable_by(|one: &String, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        known.dedup();
        Self { known }
    }

    /// The first `most` bytes of a text, without secrets. `whole`: bytes of what the text is the beginning of, 0 where they
    /// were not counted.
    #[must_use]
    pub(crate) fn words(&self, text: &str, most: usize, whole: u64) -> Words {
        let mut hidden = self.ranges(text);
        hidden.sort_unstable();
        let (mut clean, mut at) = (String::with_capacity(text.len().min(most) + 16), 0);
        for (from, to) in hidden {
            if from >= most {
                break;
            }
            if to <= at {
                continue;
            }
            clean.push_str(text.get(at..from.max(at)).unwrap_or_default());
            clean.push_str(HIDDEN);
            at = to;
        }
        let end = text.floor_char_boundary(most.max(at));
        clean.push_str(text.get(at..end).unwrap_or_default());
        let bytes = if whole == 0 { u64::try_from(text.len()).unwrap_or(0) } else { whole };
        Words {
            text: clean,
            bytes: whole,
            cut: end < text.len() || u64::try_from(text.len()).unwrap_or(0) < bytes,
        }
    }

    /// A short text without secrets.
    #[must_use]
    pub(crate) fn short(&self, text: &str, most: usize) -> String {
        self.words(text, most, 0).text
    }

    /// A system's own words without the secrets we know.
    pub(crate) fn clean(&self, words: &mut String) {
        for secret in &self.known {
            if words.contains(secret.as_str()) {
                *words = words.replace(secret.as_str(), HIDDEN);
            }
        }
    }

    /// How far behind `most` a text has to be known, so that no secret that begins before it is missed.
    #[must_use]
    pub(crate) fn margin(&self) -> usize {
        self.known.iter().map(String::len).max().unwrap_or(0) + TOKEN
    }

    fn ranges(&self, text: &str) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for secret in &self.known {
            found.extend(text.match_indices(secret.as_str()).map(|(at, part)| (at, at + part.len())));
        }
        for mark in ["/a/", "%2Fa%2F", "%2fa%2f"] {
            found.extend(text.match_indices(mark).filter_map(|(at, mark)| token(text, at + mark.len())));
        }
        found.extend(named(text));
        found
    }
}

/// A secret as it is, as JSON writes it and as URLs and forms do.
fn add(known: &mut Vec<String>, secret: &str) {
    if secret.is_empty() {
        return;
    }
    let json = serde_json::to_string(secret).unwrap_or_default();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    known.push(form.replace('+', "%20"));
    known.push(form);
    known.extend(json.get(1..json.len().saturating_sub(1)).map(str::to_owned));
    known.push(secret.to_owned());
}

fn token(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.as_bytes().get(from..)?;
    let length =
        rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
    // What was cut may be the beginning of one.
    (length >= TOKEN || (length > 0 && length == rest.len())).then_some((from, from + length))
}

/// Values under names of secrets: `"token": "…"`, `token=…`.
fn named(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        if !matches!(byte, b':' | b'=') || !is_secret(bytes, at, *byte == b'=') {
            continue;
        }
        let blanks = bytes.iter().skip(at + 1).take_while(|byte| byte.is_ascii_whitespace()).count();
        let from = at + 1 + blanks;
        let range = match bytes.get(from) {
            Some(b'"') => (from + 1, end_of_text(bytes, from + 1)),
            // A list, a table or nothing: what is in it has names of its own.
            Some(b'{' | b'[' | b'n' | b't' | b'f') if *byte == b':' => continue,
            Some(_) => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b"&,;}]\"'<".contains(byte);
                (from, bytes.iter().skip(from).position(ends).map_or(bytes.len(), |length| from + length))
            }
            None => continue,
        };
        if range.0 < range.1 {
            found.push(range);
        }
    }
    found
}

fn end_of_text(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Whether the name before `at` is one that secrets have.
fn is_secret(bytes: &[u8], at: usize, query: bool) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    let quoted = before.last() == Some(&b'"');
    let before = if quoted { before.get(..at - 1).unwrap_or_default() } else { before };
    let of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let name: Vec<u8> = before
        .iter()
        .rev()
        .take(LONGEST_NAME)
        .take_while(of_name)
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_lowercase)
        .collect();
    let name: String = name.into_iter().rev().map(char::from).collect();
    NAMES.contains(&name.as_str()) || ENDS.iter().any(|end| name.ends_with(end)) || (query && name == "key")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use leadloop_connector_api::Wants;
    use leadloop_sync_core::ids::LinkName;
    use secrecy::SecretString;

    use super::*;

    fn scrub(secrets: &[&str]) -> Scrub {
        let secrets = secrets.iter().enumerate();
        let link = Link {
            name: LinkName::from("sales"),
            settings: BTreeMap::new(),
            secrets: secrets.map(|(at, text)| (at.to_string(), SecretString::from(*text))).collect(),
            wants: Wants::default(),
            told: None,
        };
        Scrub::of(&link, std::iter::empty())
    }

    #[test]
    fn a_secret_is_known_in_every_spelling() {
        let scrub = scrub(&["o\"pen s/esame", "sesame"]);
        for text in [
            "x o\"pen s/esame y",
            r#"{"a":"o\"pen s/esame"}"#,
            "a=o%22pen+s%2Fesame&b=1",
            "/p/o%22pen%20s%2Fesame/q",
        ] {
            let clean = scrub.short(text, 1_000);
            assert!(clean.contains(HIDDEN) && !clean.contains("pen") && !clean.contains("esame"), "{clean}");
        }
    }

    #[test]
    fn what_stands_under_the_name_of_a_secret_is_hidden() {
        let scrub = scrub(&[]);
        for (given, kept) in [
            (r#"{"access_token": "abc\"d", "name": "x"}"#, r#"{"access_token": "•••", "name": "x"}"#),
            (r#"{"Password":"p","n":1}"#, r#"{"Password":"•••","n":1}"#),
            (r#"{"password":null,"tokens_left":7}"#, r#"{"password":null,"tokens_left":7}"#),
            ("https://crm.example/x?key=abc&id=7", "https://crm.example/x?key=•••&id=7"),
            ("sign=abc;t=1", "sign=•••;t=1"),
            (r#"{"key":"phone","monkey":"x"}"#, r#"{"key":"phone","monkey":"x"}"#),
        ] {
            assert_eq!(scrub.short(given, 1_000), kept);
        }
        let link = format!("https://leads.example/a/{}?x", "Ab_-9".repeat(11));
        assert_eq!(scrub.short(&link, 1_000), "https://leads.example/a/•••?x");
        assert_eq!(scrub.short("/a/short", 1_000), "/a/•••", "it may have been cut");
        assert_eq!(scrub.short("/a/short/b", 1_000), "/a/short/b");
    }

    #[test]
    fn no_part_of_a_secret_is_left_where_a_text_is_cut() {
        let scrub = scrub(&["0123456789"]);
        let text = format!("{}0123456789{}", "x".repeat(15), "y".repeat(30));
        for most in 10..40 {
            let words = scrub.words(&text, most, 0);
            assert!(words.cut, "{most}");
            assert!(!words.text.contains('0') && !words.text.contains('9'), "{most}: {}", words.text);
        }
        assert!(scrub.margin() >= 10);
        let chinese = scrub.words("示例文字", 4, 0);
        assert_eq!((chinese.text.as_str(), chinese.cut), ("示", true));
    }
}
