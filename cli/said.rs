//! Addresses and bodies of requests on the screen: personal values masked where they stand, so that the rest of what was said
//! can be read. A body may have been cut anywhere; what is left of it is masked all the same.

use leadloop_mapping::Value;
use leadloop_sync_core::aliases;

use crate::privacy::{Privacy, running};

/// Names of a table's field that say what its neighbour `value` is.
const NAMING: [&str; 5] = ["property", "name", "field", "fieldname", "key"];

/// Words of searches that stand between a name and its value.
const OPERATORS: [&str; 12] =
    ["=", "!=", "<", "<=", ">", ">=", "like", "ilike", "=like", "=ilike", "in", "not in"];

/// A body: JSON, a form or any other text.
pub fn body(text: &str, privacy: Privacy) -> String {
    if privacy.is_open() {
        return text.to_owned();
    }
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        return Json::default().masked(text, privacy);
    }
    if !start.starts_with('<') && start.contains('=') && !start.contains('\n') {
        return pairs(text, privacy);
    }
    text.lines().map(running).collect::<Vec<_>>().join("\n")
}

/// An address with its query.
pub fn url(text: &str, privacy: Privacy) -> String {
    if privacy.is_open() {
        return text.to_owned();
    }
    match text.split_once('?') {
        Some((path, query)) => format!("{}?{}", path_of(path), pairs(query, privacy)),
        None => path_of(text),
    }
}

/// An address whose path may hold an address or a number of a person.
fn path_of(path: &str) -> String {
    // Port and host are no phone.
    let (host, path) = match path.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            (format!("{scheme}://{host}"), path)
        }
        None => (String::new(), path),
    };
    let parts = path.split('/').map(|part| {
        let plain = decoded(part);
        if plain.contains('@') || digits(&plain) == 11 { running(&plain) } else { part.to_owned() }
    });
    format!("{host}{}", parts.collect::<Vec<_>>().join("/"))
}

fn pairs(text: &str, privacy: Privacy) -> String {
    let masked = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) => {
            let plain = decoded(value);
            let plain = plain.trim();
            let shown = if plain.starts_with(['{', '[']) {
                Json::default().masked(plain, privacy)
            } else {
                one(name, plain, privacy)
            };
            // What needs no mask stays as it was written.
            if shown == plain { pair.to_owned() } else { format!("{name}={shown}") }
        }
        None => running(pair),
    });
    masked.collect::<Vec<_>>().join("&")
}

/// The text of a percent-encoded one.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(part.bytes().skip(2));
            }
            None => {
                bytes.push(b'%');
                bytes.extend(part.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

/// One value under its name.
fn one(name: &str, text: &str, privacy: Privacy) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    if aliases::pool_field(name).or_else(|| aliases::pool_field(last)).is_some() {
        return privacy.foreign(name, &Value::text(text));
    }
    // Ids and times are long numbers too, and without them nothing can be looked up.
    if (is_id(last) || is_time(last)) && !text.contains('@') && !is_phone(text) {
        return text.to_owned();
    }
    if text.contains(char::is_whitespace) { running(text) } else { privacy.foreign(name, &Value::text(text)) }
}

fn is_id(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let other = ["union", "open", "wechat", "weixin", "device", "cookie", "number", "card", "external"];
    (name == "id" || name.ends_with("_id") || name.ends_with("mark") || name == "version")
        && !other.iter().any(|part| name.contains(part))
}

fn is_time(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["_at", "date", "time", "timestamp", "cursor"].iter().any(|end| name.ends_with(end))
        && !name.contains("birth")
}

/// A number of a mobile, with the country or without.
fn is_phone(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let own = digits.strip_prefix("86").unwrap_or(&digits);
    own.len() == 11 && own.starts_with('1')
}

/// A table or list that is open.
#[derive(Default)]
struct Open {
    list: bool,
    /// The name in force.
    name: String,
    /// What a field beside `value` says the value is.
    named: String,
    /// The first text of a list: in `["phone", "=", "…"]` it says what the last is.
    first: Option<String>,
}

impl Open {
    /// The name of a value that stands here.
    fn name(&self) -> &str {
        match &self.first {
            Some(first) if self.list && aliases::pool_field(first).is_some() => first,
            _ if self.name.eq_ignore_ascii_case("value") && !self.named.is_empty() => &self.named,
            _ if self.name.eq_ignore_ascii_case("values") && !self.named.is_empty() => &self.named,
            _ => &self.name,
        }
    }
}

/// Reads JSON as far as it goes.
#[derive(Default)]
struct Json {
    open: Vec<Open>,
    shown: String,
}

impl Json {
    fn masked(mut self, text: &str, privacy: Privacy) -> String {
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let length = match rest.as_bytes().first() {
                Some(b'"') => self.text(rest, privacy),
                Some(b'-' | b'0'..=b'9') => self.number(rest, privacy),
                Some(mark) => {
                    self.mark(*mark);
                    let length = rest.chars().next().map_or(1, char::len_utf8);
                    self.shown.push_str(rest.get(..length).unwrap_or_default());
                    length
                }
                None => break,
            };
            at += length;
        }
        self.shown
    }

    fn mark(&mut self, mark: u8) {
        match mark {
            b'{' | b'[' => {
                let name = self.open.last().map_or(String::new(), |open| open.name().to_owned());
                self.open.push(Open { list: mark == b'[', name, ..Open::default() });
            }
            b'}' | b']' => {
                self.open.pop();
            }
            _ => {}
        }
    }

    /// A text, or the name of a field; how long it is.
    fn text(&mut self, rest: &str, privacy: Privacy) -> usize {
        let bytes = rest.as_bytes();
        let mut end = 1;
        while let Some(byte) = bytes.get(end).filter(|byte| **byte != b'"') {
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        let whole = end < bytes.len();
        let length = if whole { end + 1 } else { bytes.len() };
        let written = rest.get(..length).unwrap_or(rest);
        let plain: String = serde_json::from_str(written)
            .unwrap_or_else(|_| written.trim_start_matches('"').replace('\\', " "));
        let behind = rest.get(length..).unwrap_or_default().trim_start();
        let Some(open) = self.open.last_mut() else {
            self.shown.push_str(&running(written));
            return length;
        };
        if !open.list && behind.starts_with(':') {
            open.name = plain;
            self.shown.push_str(written);
            return length;
        }
        let between = open.first.is_some() && OPERATORS.contains(&plain.as_str());
        let shown = if between { plain.clone() } else { one(open.name(), &plain, privacy) };
        if open.list && open.first.is_none() {
            open.first = Some(plain.clone());
        }
        if NAMING.iter().any(|naming| open.name.eq_ignore_ascii_case(naming)) {
            open.named.clone_from(&plain);
        }
        if shown == plain {
            self.shown.push_str(written);
        } else {
            let quoted = serde_json::to_string(&shown).unwrap_or_default();
            self.shown.push_str(if whole { &quoted } else { quoted.trim_end_matches('"') });
        }
        length
    }

    fn number(&mut self, rest: &str, privacy: Privacy) -> usize {
        let of = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.bytes().take_while(of).count();
        let number = rest.get(..length).unwrap_or_default();
        let name = self.open.last().map_or("", |open| open.name());
        let shown = one(name, number, privacy);
        if shown == number {
            self.shown.push_str(number);
        } else {
            self.shown.push_str(&serde_json::to_string(&shown).unwrap_or_default());
        }
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"records": [{"name": "测试甲子", "phone": "+8613800005678", "company": "示例机器人", "leadloop_id": "H-0190abcd0190abcd0190abcd0190abcd",
        "created_at": 1795473554151357, "mail": "jia.ceshi@mail.example", "remark": "call 138 0000 5678 \"now\"", "score": 70}],
        "properties": [{"property": "mobilephone", "value": "13800005678"}, {"property": "firstname", "value": "甲子"}],
        "args": ["leadloop", 2, [["phone", "=", "13800005678"], ["contact_name", "ilike", "测试甲子"]]],
        "field": "phone", "values": ["+8613800005678"], "number": 13800005678}"#;
    const TRACES: [&str; 5] = ["13800005678", "138 0000 5678", "测试甲子", "\"甲子", "jia.ceshi"];

    #[test]
    fn what_is_personal_is_masked_and_the_rest_can_be_read() {
        let shown = body(BODY, Privacy::masked());
        for trace in TRACES {
            assert!(!shown.contains(trace), "{trace}: {shown}");
        }
        for kept in [
            "示例机器人",
            "H-0190abcd0190abcd0190abcd0190abcd",
            "1795473554151357",
            "\"score\": 70",
            "\"ilike\"",
            "测**",
        ] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
        assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
        assert_eq!(body(BODY, Privacy::open()), BODY);
    }

    #[test]
    fn a_body_that_was_cut_is_masked_too() {
        for end in (0..BODY.len()).filter(|end| BODY.is_char_boundary(*end)) {
            let shown = body(BODY.split_at(end).0, Privacy::masked());
            for trace in TRACES {
                assert!(!shown.contains(trace), "{trace} at {end}: {shown}");
            }
        }
    }

    #[test]
    fn forms_texts_and_addresses() {
        let masked = Privacy::masked();
        assert_eq!(
            body("id=7&phone=%2B8613800005678&data={\"email\":\"a.b@mail.example\"}", masked),
            "id=7&phone=+86****78&data={\"email\":\"a***@mail.example\"}"
        );
        assert_eq!(body("To: a.b@mail.example\nhello", masked), "To: a***@mail.example\nhello");
        assert_eq!(
            url("http://127.0.0.1:18080/contacts/a.b%40mail.example?key=phone&value=13800005678", masked),
            "http://127.0.0.1:18080/contacts/a***@mail.example?key=phone&value=138****78"
        );
        assert_eq!(url("https://crm.example/leads/L1001", masked), "https://crm.example/leads/L1001");
    }
}
