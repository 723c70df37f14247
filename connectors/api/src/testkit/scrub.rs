//! Makes what a live account said fit to be shown: secrets, and whatever says something about a person or a company, are
//! replaced by fictional values. The same value becomes the same replacement wherever it stands; lengths, letter case, kinds of
//! characters and punctuation are kept, so that an answer keeps its shape.
//!
//! What is replaced: known secrets; values under names of secrets; e-mail addresses; telephone and card numbers; texts under names that
//! the pool knows as a person's or a company's; any text with letters other than Latin ones; any text of several words. Names,
//! numbers, times, ids and words that programs use (`new`, `crm.lead`) stay: without them nothing could be played.

use std::collections::BTreeMap;

use leadloop_sync_core::aliases;
use serde_json::Value as Json;

/// Fewest digits of what may be a telephone number.
const DIGITS: usize = 7;
/// Names of secrets, in small letters and digits alone; longer names that end so are meant too.
const SECRETS: [&str; 10] = [
    "password",
    "secret",
    "token",
    "apikey",
    "authorization",
    "signature",
    "sessionid",
    "credential",
    "cookie",
    "accesskey",
];
/// Parts of names whose values say who somebody is, beyond those that the pool knows.
const PERSONAL: [&str; 20] = [
    "name",
    "phone",
    "mobile",
    "tel",
    "mail",
    "company",
    "account",
    "address",
    "street",
    "wechat",
    "weixin",
    "openid",
    "unionid",
    "remark",
    "comment",
    "note",
    "description",
    "title",
    "user",
    "login",
];
/// Names that hold such a part and say nothing about anybody.
const PLAIN: [&str; 8] = [
    "field_name",
    "object_name",
    "type_name",
    "file_name",
    "hostname",
    "event_name",
    "tablename",
    "mail_type",
];
/// Names under which a system says itself why it refuses.
const SAID: [&str; 7] = ["message", "msg", "errmsg", "errormessage", "error", "errordescription", "errors"];
/// Characters that stand for Han characters.
const HAN: [char; 16] =
    ['测', '试', '示', '例', '甲', '乙', '丙', '丁', '戊', '己', '庚', '辛', '壬', '癸', '虚', '构'];

/// What was replaced so far.
#[derive(Debug, Default)]
pub(super) struct Scrub {
    /// Value → replacement.
    known: BTreeMap<String, String>,
    /// Replacement → value, so that two people do not become one.
    taken: BTreeMap<String, String>,
    /// What is looked at is a refusal: the system's own words, of which only what is known of somebody is replaced.
    pub(super) refusal: bool,
    /// What is looked at is a description of fields: words of programs are names of fields, and nobody's.
    pub(super) description: bool,
}

impl Scrub {
    /// A secret and what stands for it.
    pub(super) fn secret(&mut self, value: &str, replacement: &str) {
        self.put(value, replacement.to_owned());
        let form = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        self.put(&form(value), form(replacement));
        self.put(&form(value).replace('+', "%20"), form(replacement).replace('+', "%20"));
    }

    /// Looks at a value under its name and remembers what has to be replaced of it.
    pub(super) fn look(&mut self, name: &str, json: &Json) {
        match json {
            Json::Object(map) if map.contains_key("columns") && map.contains_key("rows") => {
                map.get("rows").and_then(Json::as_array).into_iter().flatten().for_each(|row| self.row(row));
            }
            Json::Object(map) => {
                // `{"field": "phone", "value": "…"}`: the neighbour says what the value is
                let told =
                    ["field", "name", "property", "key"].iter().find_map(|key| map.get(*key)?.as_str());
                for (inner, value) in map {
                    let named = if inner == "value" { told.unwrap_or(inner) } else { inner };
                    self.look(named, value);
                }
            }
            Json::Array(list) => list.iter().for_each(|value| self.look(name, value)),
            Json::String(text) => self.text(name, text),
            Json::Number(number) => {
                let text = number.to_string();
                if says_who(name) && text.len() >= DIGITS && text.bytes().all(|b| b.is_ascii_digit()) {
                    self.whole(&text);
                }
            }
            Json::Null | Json::Bool(_) => {}
        }
    }

    /// A row of a database's answer. Its cells have no names: whatever is neither a number nor a time may be somebody's, but for
    /// the rows of a catalogue, whose cells behind name and type are yes or no.
    fn row(&mut self, row: &Json) {
        let cells = row.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_flag = |cell: &Json| cell.is_boolean() || matches!(cell.as_i64(), Some(0 | 1));
        if cells.len() > 3 && cells.iter().skip(2).all(is_flag) {
            return;
        }
        for cell in cells {
            let counts = |text: &str| {
                text.chars().all(|c| c.is_ascii_digit() || "+-:. TZ".contains(c)) && !is_phone(text)
            };
            match cell {
                Json::String(text) if !counts(text) && !["true", "false"].contains(&text.as_str()) => {
                    self.text("name", text)
                }
                _ => {}
            }
        }
    }

    /// The same for a text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        if text.trim().is_empty() || self.known.contains_key(text) {
            return;
        }
        // JSON within JSON, as some systems send it
        if text.starts_with(['{', '['])
            && let Ok(json @ (Json::Object(_) | Json::Array(_))) = serde_json::from_str(text)
        {
            return self.look(name, &json);
        }
        if is_secret(name) {
            let made = secret_like(text);
            return self.put(text, made);
        }
        if is_plain(text) && (self.description || !says_who(name)) {
            return;
        }
        if self.refusal && SAID.contains(&letters(name).as_str()) {
            return self.parts(text);
        }
        let words = text.split_whitespace().count();
        let foreign = text.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
        if says_who(name) && !is_reference(name, text)
            || foreign
            || (words > 1 && text.chars().any(char::is_alphabetic))
        {
            self.parts(text);
            return self.whole(text);
        }
        self.parts(text);
    }

    /// Addresses and numbers within a text: they may stand alone elsewhere.
    fn parts(&mut self, text: &str) {
        let ends = |c: char| c.is_whitespace() || "<>()[]{}\"',;:，；：。、".contains(c);
        for word in text.split(ends).filter(|word| !word.is_empty()) {
            if is_mail(word) || is_phone(word) {
                self.whole(word);
            }
        }
        if is_phone(text) {
            self.whole(text);
        }
    }

    fn whole(&mut self, text: &str) {
        if self.known.contains_key(text) {
            return;
        }
        for round in 0..64 {
            let made = self.like(text, round);
            if made != *text && self.taken.get(&made).is_none_or(|of| of == text) {
                return self.put(text, made);
            }
        }
        let made = self.like(text, 0);
        self.put(text, made);
    }

    /// A fictional text of the same shape; what is known within it already is what it is elsewhere.
    fn like(&self, text: &str, round: u64) -> String {
        if is_phone(text) || is_mail(text) {
            return like(text, round);
        }
        let known = self.known.iter().filter(|(value, _)| is_found(value) && text.contains(value.as_str()));
        match known.max_by_key(|(value, _)| value.len()) {
            Some((value, replacement)) => {
                let parts = text
                    .split(value.as_str())
                    .map(|part| if part.is_empty() { String::new() } else { self.like(part, round) });
                parts.collect::<Vec<_>>().join(replacement)
            }
            None => like(text, round),
        }
    }

    fn put(&mut self, value: &str, replacement: String) {
        if value.is_empty() || value == replacement {
            return;
        }
        self.taken.entry(replacement.clone()).or_insert_with(|| value.to_owned());
        self.known.entry(value.to_owned()).or_insert(replacement);
    }

    /// A text with all that is known of it replaced, the longest first.
    pub(super) fn clean(&self, text: &str) -> String {
        if let Some(replacement) = self.known.get(text) {
            return replacement.clone();
        }
        let mut known: Vec<(&String, &String)> =
            self.known.iter().filter(|(value, _)| is_found(value)).collect();
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let (mut clean, mut at) = (String::with_capacity(text.len()), 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            match known.iter().find(|(value, _)| rest.starts_with(value.as_str())) {
                Some((value, replacement)) => {
                    clean.push_str(replacement);
                    at += value.len();
                }
                None => {
                    let c = rest.chars().next().unwrap_or_default();
                    clean.push(c);
                    at += c.len_utf8();
                }
            }
        }
        clean
    }

    /// A value with all that is known replaced, names included: some systems use addresses as names.
    pub(super) fn json(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => match serde_json::from_str(text) {
                Ok(inner @ (Json::Object(_) | Json::Array(_))) => Json::from(self.json(&inner).to_string()),
                _ => Json::from(self.clean(text)),
            },
            Json::Array(list) => list.iter().map(|one| self.json(one)).collect(),
            Json::Object(map) => map
                .iter()
                .map(|(name, value)| (self.clean(name), self.json(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Json::Number(number) => match self.known.get(&number.to_string()).map(|made| made.parse::<u64>())
            {
                Some(Ok(made)) => Json::from(made),
                _ => json.clone(),
            },
            other => other.clone(),
        }
    }

    /// Values that were replaced.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// A value that still stands in a text, though it was to be replaced.
    pub(super) fn left_in(&self, text: &str) -> Option<&str> {
        let still = |value: &&String| {
            is_found(value) && !self.taken.contains_key(*value) && text.contains(value.as_str())
        };
        self.known.keys().find(still).map(String::as_str)
    }
}

/// Whether a value is worth looking for within other texts: a word of two letters stands in many.
fn is_found(value: &str) -> bool {
    value.chars().count() >= if value.is_ascii() { 5 } else { 2 }
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn is_secret(name: &str) -> bool {
    let name = letters(name);
    SECRETS.iter().any(|secret| name == *secret || name.ends_with(secret))
}

/// Whether values under a name say who somebody is.
fn says_who(name: &str) -> bool {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    if PLAIN.contains(&last.to_ascii_lowercase().as_str()) {
        return false;
    }
    let plain = letters(last);
    aliases::pool_field(last).is_some() || PERSONAL.iter().any(|part| plain.contains(part))
}

/// `user_id`, `account_id`: who, but by a number of the system's own.
fn is_reference(name: &str, text: &str) -> bool {
    let plain = letters(name);
    let ids = plain.ends_with("id")
        && !plain.contains("open")
        && !plain.contains("union")
        && !plain.contains("wechat");
    ids && is_plain(text)
}

/// Words of programs: `new`, `crm.lead`, `2026-11-23T05:00:00Z`, `a1b2-c3`.
fn is_plain(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-:/+=%?&#".contains(c);
    text.chars().all(allowed) && !is_phone(text) && !is_mail(text)
}

fn is_mail(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
}

/// A telephone number as people write it: digits, and what stands between them. A number of the system's own has no plus and no
/// blanks, and is none of a mobile's eleven digits.
fn is_phone(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let only = text.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    let mobile = digits.trim_start_matches("0086").trim_start_matches("86");
    let mobile = mobile.len() == 11
        && mobile.starts_with('1')
        && !mobile.starts_with("10")
        && !mobile.starts_with("11");
    let marked = text.starts_with('+') || text.starts_with('(');
    let day =
        text.len() >= 10 && text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    only && !day
        && digits.len() <= 16
        && (mobile
            || (marked && digits.len() >= DIGITS)
            || (digits.len() >= 10 && text.starts_with("0") && text.contains('-')))
}

/// A secret that says it is none, as long as the one it stands for.
pub(super) fn secret_like(secret: &str) -> String {
    let length = secret.chars().count().max("fixture".len());
    "fixture-"
        .chars()
        .cycle()
        .take(length)
        .map(|c| if secret.contains('-') || c != '-' { c } else { 'x' })
        .collect()
}

/// A fictional text of the same shape.
fn like(text: &str, round: u64) -> String {
    if is_phone(text) {
        return phone_like(text, round);
    }
    if let Some((user, host)) = text.split_once('@').filter(|_| is_mail(text)) {
        let _ = host;
        return format!("{}@shili.example", shaped(user, dice(text, round)));
    }
    // Addresses of pages keep their scheme and what stands behind the host.
    if let Some((scheme, rest)) = text.split_once("://") {
        let path = rest.find(['/', '?']).map_or("", |at| rest.get(at..).unwrap_or_default());
        return format!("{scheme}://www.shili.example{}", shaped(path, dice(text, round)));
    }
    shaped(text, dice(text, round))
}

/// Its last eight digits become others; a mobile stays one.
fn phone_like(text: &str, round: u64) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let count = digits.len();
    // however it is spelled: the same phone is the same phone
    let mut dice = dice(digits.get(count.saturating_sub(11)..).unwrap_or(&digits), round);
    let mut seen = 0;
    text.chars()
        .map(|c| {
            if !c.is_ascii_digit() {
                return c;
            }
            seen += 1;
            match count - seen {
                // 139, then four noughts: recognisably nobody's
                10 if count >= 11 => '1',
                9 if count >= 11 => '3',
                8 if count >= 11 => '9',
                4..=7 => '0',
                0..=3 => digit(&mut dice),
                _ => c,
            }
        })
        .collect()
}

fn shaped(text: &str, mut dice: u64) -> String {
    text.chars()
        .map(|c| match c {
            '0'..='9' => digit(&mut dice),
            'a'..='z' => char::from(b'a' + u8::try_from(next(&mut dice) % 26).unwrap_or(0)),
            'A'..='Z' => char::from(b'A' + u8::try_from(next(&mut dice) % 26).unwrap_or(0)),
            c if c.is_alphabetic() => {
                HAN.get(usize::try_from(next(&mut dice) % 16).unwrap_or(0)).copied().unwrap_or('测')
            }
            c => c,
        })
        .collect()
}

fn digit(dice: &mut u64) -> char {
    char::from(b'0' + u8::try_from(next(dice) % 10).unwrap_or(0))
}

/// Dice that fall the same for the same text, and tell nothing of it.
fn dice(text: &str, round: u64) -> u64 {
    let digest = crate::signature::digest_of(&[b"fixture", &round.to_le_bytes(), text.as_bytes()]);
    u64::from_str_radix(digest.get(..16).unwrap_or_default(), 16).unwrap_or(round)
}

fn next(dice: &mut u64) -> u64 {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *dice >> 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scrubbed(json: &Json) -> (Scrub, Json) {
        let mut scrub = Scrub::default();
        scrub.look("", json);
        let clean = scrub.json(json);
        (scrub, clean)
    }

    #[test]
    fn people_become_others_and_keep_their_shape() {
        let (_, clean) = scrubbed(&json!({
            "id": "77", "name": "王小明", "mobile": "13812345678", "phone": "+86 138-1234-5678", "email": "wang.xm@acme.com.cn",
            "stage": "new", "modified": "2026-11-23T05:00:00Z", "company": "Acme Robotics Ltd.", "amount": 12.5,
            "remark": "请联系 13812345678，或 wang.xm@acme.com.cn", "owner_id": "U12", "count": 1234567890
        }));
        assert_eq!(
            (&clean["id"], &clean["stage"], &clean["owner_id"]),
            (&json!("77"), &json!("new"), &json!("U12"))
        );
        assert_eq!((&clean["modified"], &clean["amount"]), (&json!("2026-11-23T05:00:00Z"), &json!(12.5)));
        assert_eq!(clean["count"], json!(1_234_567_890_i64));
        let text = |name: &str| clean[name].as_str().unwrap();
        assert_eq!(text("name").chars().count(), 3);
        assert!(text("mobile").starts_with("1390000") && text("mobile").len() == 11, "{clean}");
        assert!(text("phone").starts_with("+86 139-0000-"), "{clean}");
        assert_eq!(
            text("phone").replace("+86 ", "").replace('-', ""),
            text("mobile"),
            "one phone, spelled twice"
        );
        assert!(text("email").ends_with("@shili.example") && text("email").as_bytes()[4] == b'.', "{clean}");
        let shape = |text: &str| -> String {
            let of = |c: char| {
                if c.is_ascii_uppercase() {
                    'A'
                } else if c.is_ascii_lowercase() {
                    'a'
                } else {
                    c
                }
            };
            text.chars().map(of).collect()
        };
        assert_eq!(shape(text("company")), shape("Acme Robotics Ltd."));
        for real in ["王小明", "13812345678", "1234-5678", "wang.xm", "acme", "Acme", "请联系"] {
            assert!(!clean.to_string().contains(real), "{real} is left: {clean}");
        }
    }

    #[test]
    fn the_same_is_the_same_everywhere_and_two_stay_two() {
        let (_, clean) = scrubbed(&json!({"phone": "13812345678", "remark": "打给 13812345678"}));
        let phone = clean["phone"].as_str().unwrap();
        assert!(clean["remark"].as_str().unwrap().ends_with(phone), "{clean}");
        let mut scrub = Scrub { refusal: true, ..Scrub::default() };
        let refused = json!({"message": "the phone 13812345678 is taken", "title": "采购经理"});
        scrub.look("", &refused);
        let clean = scrub.json(&refused);
        assert_eq!(clean["message"], format!("the phone {phone} is taken"), "the system's own words stay");
        assert_ne!(clean["title"], "采购经理");
        let (scrub, clean) = scrubbed(&json!([
            {"name": "王小明", "phone": "13812345678"}, {"contact": {"label": "王小明"}, "data": "{\"tel\":\"13812345678\"}"},
            {"name": "王小红", "phone": "13812345679"}
        ]));
        assert_eq!(clean[0]["name"], clean[1]["contact"]["label"]);
        assert!(
            clean[1]["data"].as_str().unwrap().contains(clean[0]["phone"].as_str().unwrap()),
            "JSON within JSON"
        );
        assert_ne!(clean[0]["name"], clean[2]["name"]);
        assert_ne!(clean[0]["phone"], clean[2]["phone"]);
        assert_eq!(scrub.left_in(&clean.to_string()), None);
        assert!(scrub.left_in("call 13812345678").is_some());
    }

    #[test]
    fn cells_of_a_database_are_anybodys_and_its_catalogue_is_nobodys() {
        let (_, clean) = scrubbed(
            &json!({"columns": ["id", "LEFT(name)", "at"], "rows": [["41", "Smith", "2026-11-23 04:30:00+00", "13812345678"]]}),
        );
        let row = &clean["rows"][0];
        assert_eq!(
            (&row[0], &row[2], &clean["columns"][1]),
            (&json!("41"), &json!("2026-11-23 04:30:00+00"), &json!("LEFT(name)"))
        );
        assert!(row[1] != "Smith" && row[3].as_str().unwrap().starts_with("1390000"), "{clean}");
        let catalogue = json!({"columns": ["a"], "rows": [["phone", "varchar(80)", false, true, 0]]});
        assert_eq!(scrubbed(&catalogue).1, catalogue);
    }

    #[test]
    fn secrets_say_that_they_are_none() {
        let mut scrub = Scrub::default();
        scrub.secret("s3cr/et-value", &secret_like("s3cr/et-value"));
        let json = json!({"access_token": "eyJabc.def.ghi", "url": "https://x.example/?k=s3cr%2Fet-value", "echo": "s3cr/et-value"});
        scrub.look("", &json);
        let clean = scrub.json(&json).to_string();
        assert!(!clean.contains("eyJabc") && !clean.contains("s3cr"), "{clean}");
        assert!(clean.contains("fixture"), "{clean}");
        assert_eq!(secret_like("s3cr/et-value").len(), "s3cr/et-value".len());
        assert_eq!(secret_like("0123456789ab"), "fixturexfixt");
    }

    #[test]
    fn no_personal_value_is_left_among_many() {
        let mut dice = 7;
        for round in 0..500 {
            let pick = |dice: &mut u64, from: &str| {
                let all: Vec<char> = from.chars().collect();
                all[usize::try_from(next(dice)).unwrap() % all.len()]
            };
            let name: String = (0..3).map(|_| pick(&mut dice, "王李张陈小大明红伟芳")).collect();
            let digits: String = "13".chars().chain((0..9).map(|_| digit(&mut dice))).collect();
            let user: String = (0..6).map(|_| pick(&mut dice, "abcdefgh")).collect();
            let mail = format!("{user}@acme.com.cn");
            let json = json!({"a": {"full_name": name, "x": format!("{name} {digits}")}, "b": [mail, digits],
                "c": format!("/q?m={mail}")});
            let (scrub, clean) = scrubbed(&json);
            let text = clean.to_string();
            assert!(!text.contains(&digits) && !text.contains("acme.com.cn"), "{round}: {text}");
            assert_eq!(scrub.left_in(&text), None, "{round}: {text}");
        }
    }
}
