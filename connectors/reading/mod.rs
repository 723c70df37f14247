//! Reading what sources send: encodings, forms, multipart, JSON, and the bounds of a record. Shared by the connectors
//! that listen; what the fields mean is left to the core.

pub(crate) mod encoding;
pub(crate) mod form;
pub(crate) mod gzip;
pub(crate) mod json;
pub(crate) mod lean;
pub(crate) mod multipart;
pub(crate) mod pages;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod uba;
pub(crate) mod wecom_crypto;
pub(crate) mod xml;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::signature::secret_fits;
use leadloop_connector_api::{Judge, Link, Push, Refusal};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::aliases;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;

/// Most bytes of a body that brings leads and no file: many times what any form sends.
pub(crate) const MOST_BODY: usize = 256 * 1024;
/// Most records of one body.
pub(crate) const MOST_RECORDS: usize = 1_000;
/// Most fields of one record.
pub(crate) const MOST_FIELDS: usize = 200;
/// Most bytes of a field's name.
pub(crate) const LONGEST_NAME: usize = 100;
/// Most bytes of a value.
pub(crate) const LONGEST_VALUE: usize = 10_000;
/// Most levels of nested JSON.
pub(crate) const DEEPEST: usize = 8;

/// A body that is not what it says it is.
pub(crate) const BROKEN: &str = "LL3101";
/// A body larger than a form may be.
pub(crate) const TOO_LARGE: &str = "LL3102";
/// An encoding that cannot be read.
pub(crate) const BAD_TEXT: &str = "LL3103";
/// A kind of body that nobody reads.
pub(crate) const UNKNOWN_KIND: &str = "LL3104";
/// No record where records were looked for.
pub(crate) const NO_RECORD: &str = "LL3105";
/// More records than one body may have.
pub(crate) const TOO_MANY: &str = "LL3106";
/// A record beyond the bounds.
pub(crate) const OUT_OF_BOUNDS: &str = "LL4101";
/// A time that cannot be read.
pub(crate) const BAD_TIME: &str = "LL4108";
/// An element of a list that is no record.
pub(crate) const NO_OBJECT: &str = "LL4105";

/// A body no record can be read from: kept and parked.
pub(crate) fn unreadable(code: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal::Unreadable { code, detail: detail.into() }
}

/// A record that cannot be taken as it is.
pub(crate) fn quarantined(code: &str, detail: impl Into<String>, raw: RawLead) -> Box<Quarantined> {
    Box::new(Quarantined { position: raw.position, code: code.to_owned(), detail: detail.into(), raw })
}

/// A record cut to its bounds, and what was beyond them.
#[derive(Debug, Default)]
pub(crate) struct Bounded<'j> {
    /// What fits.
    pub(crate) record: Record,
    /// The first thing that did not.
    pub(crate) beyond: Option<String>,
    /// Who says what of an event is read before it is known to be kept.
    thin: Option<Thin<'j>>,
}

/// How much of an event that is read in part was seen.
#[derive(Debug)]
struct Thin<'j> {
    judge: &'j mut dyn Judge,
    fields: usize,
    bytes: usize,
    whole: bool,
}

impl Thin<'_> {
    /// Counts a field. What may be beyond the bounds has to be read in full.
    fn note(&mut self, name: usize, bytes: usize) {
        self.fields += 1;
        self.bytes += name + bytes;
        let large = self.fields >= MOST_FIELDS || self.bytes > MOST_THIN || bytes > LONGEST_VALUE;
        self.whole |= large || name > LONGEST_NAME;
    }
}

/// Most bytes of an event that is judged by a part of it; larger ones are rare, and read in full.
const MOST_THIN: usize = 64 * 1024;

impl<'j> Bounded<'j> {
    /// Of an event of which no more is read than `judge` wants.
    pub(crate) fn thin(judge: &'j mut dyn Judge) -> Self {
        let thin = Thin { judge, fields: 0, bytes: 0, whole: false };
        Self { thin: Some(thin), ..Self::default() }
    }

    /// Whether a value of so many bytes is to be added.
    pub(crate) fn wants(&mut self, name: &str, bytes: usize) -> bool {
        let Some(thin) = &mut self.thin else { return true };
        thin.note(name.len(), bytes);
        thin.whole |= name.contains('\0');
        !thin.whole && thin.judge.reads(name)
    }

    /// Whether a property of so many bytes, which becomes a field by `called`, was noted and needs nothing else: told without
    /// making its name.
    pub(crate) fn passes_over(&mut self, property: &str, called: fn(&str) -> String, bytes: usize) -> bool {
        let Some(thin) = &mut self.thin else { return false };
        let Some(length) = thin.judge.unread(property, called) else { return false };
        thin.note(length, bytes);
        true
    }

    /// An event that was read in part, and who judges it; nothing where it has to be read in full.
    pub(crate) fn judged(self) -> Option<(Record, &'j mut dyn Judge)> {
        let thin = self.thin.filter(|thin| !thin.whole)?;
        self.beyond.is_none().then_some((self.record, thin.judge))
    }

    /// Adds a value; a field that comes again becomes a list.
    pub(crate) fn add(&mut self, name: &str, value: Value) {
        if self.wants(name, size(&value)) {
            self.put(name, value);
        }
    }

    /// Adds a value that is wanted.
    fn put(&mut self, name: &str, value: Value) {
        let (name, value) = (self.fitting_name(name), self.fitting(name, value));
        if let Some(known) = self.record.0.get_mut(&name) {
            let more = match value {
                Value::List(list) => list,
                one => vec![one],
            };
            match &mut *known {
                Value::List(list) => list.extend(more),
                one => *one = Value::List(std::iter::once(std::mem::take(one)).chain(more).collect()),
            }
            if let Value::List(list) = known
                && list.len() > MOST_FIELDS
            {
                list.truncate(MOST_FIELDS);
                self.note(format!("`{name}` has more than {MOST_FIELDS} values"));
            }
        } else if self.record.0.len() < MOST_FIELDS {
            self.record.0.insert(name, value);
        } else {
            self.note(format!("it has more than {MOST_FIELDS} fields"));
        }
    }

    fn note(&mut self, beyond: String) {
        self.beyond.get_or_insert(beyond);
    }

    fn fitting_name(&mut self, name: &str) -> String {
        if name.len() > LONGEST_NAME {
            self.note(format!(
                "the name of a field has {} bytes; at most {LONGEST_NAME} are taken",
                name.len()
            ));
        }
        let name = cut(name, LONGEST_NAME);
        if name.contains('\0') { name.replace('\0', "") } else { name.to_owned() }
    }

    fn fitting(&mut self, name: &str, value: Value) -> Value {
        match value {
            Value::Text(text) if text.len() > LONGEST_VALUE => {
                let name = cut(name, LONGEST_NAME);
                self.note(format!("`{name}` has {} bytes; at most {LONGEST_VALUE} are taken", text.len()));
                Value::text(cut(&text, LONGEST_VALUE))
            }
            Value::List(list) => {
                if list.len() > MOST_FIELDS {
                    self.note(format!("`{}` has more than {MOST_FIELDS} values", cut(name, LONGEST_NAME)));
                }
                Value::List(
                    list.into_iter().take(MOST_FIELDS).map(|value| self.fitting(name, value)).collect(),
                )
            }
            value => value,
        }
    }
}

impl From<Record> for Bounded<'_> {
    fn from(record: Record) -> Self {
        Self { record, ..Self::default() }
    }
}

/// The bytes of a value's texts, about.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.iter().map(|item| size(item) + 64).sum(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Real(_) => 8,
    }
}

/// Names that only we or a proven sender may use are kept under `sent.`: whoever posts to an open address could otherwise
/// write scores, consent or another person's ids.
pub(crate) fn reserve(fields: &mut Record) {
    let reserved = |name: &str| {
        ["touch.", "score.", "consent.", "answer."].iter().any(|space| name.starts_with(space))
            || ["crmid", "maid"].contains(&aliases::key(name).as_str())
    };
    let found: Vec<String> = fields.0.keys().filter(|name| reserved(name)).cloned().collect();
    for name in found {
        if let Some(value) = fields.0.remove(&name) {
            fields.set(format!("sent.{name}"), value);
        }
    }
}

/// The zone of times without one: the link's `timezone`, which [`check_zone`] has looked at.
pub(crate) fn zone(link: &Link) -> TimeZone {
    link.text("timezone").and_then(zone_named).unwrap_or(TimeZone::UTC)
}

fn zone_named(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The problem of a `timezone` that is not known.
pub(crate) fn check_zone(settings: &Settings) -> Option<Problem> {
    let name = settings.text("timezone")?;
    zone_named(name).is_none().then(|| {
        Problem::new("timezone", ProblemKind::NotAllowed, format!("{name:?} is no time zone"))
            .with_help("a name such as Asia/Shanghai or Europe/Berlin")
    })
}

/// The start of a text, at most `bytes` long, cut at a character.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Meant for another form, project or channel than the one this source takes.
pub(crate) const FOREIGN: &str = "LL4700";
/// About a thing, a group, a setting, and about nobody.
pub(crate) const NOBODY: &str = "LL4701";

/// Systems that sign nothing post to an address that ends with a secret; whoever knows it not is refused.
///
/// # Errors
/// That the address does not end so.
pub(crate) fn path_secret(link: &Link, push: &Push) -> Result<(), Refusal> {
    let given = push.path.trim_matches('/');
    match link.secret("path_secret") {
        Some(secret) if secret_fits(given, secret) => Ok(()),
        _ => Err(Refusal::Unsigned(
            "the address does not end with the `path_secret` of this source".to_owned(),
        )),
    }
}

/// Only posts bring anything here; who looks whether somebody is there is told so.
///
/// # Errors
/// The answer to anything but a post.
pub(crate) fn only_post(push: &Push) -> Result<(), Refusal> {
    if push.method == Method::Post {
        return Ok(());
    }
    let mut answer = Answer::with_body(405, "text/plain; charset=utf-8", "Post here.\n");
    answer.headers.push(("allow".to_owned(), "POST".to_owned()));
    Err(Refusal::Handshake(Box::new(answer)))
}

/// The parameter of that name in the address.
pub(crate) fn in_query(push: &Push, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(push.query.as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// The one object of a body, sent as JSON or as a form.
///
/// # Errors
/// That it is neither.
pub(crate) fn object_of(push: &Push) -> Result<serde_json::Map<String, serde_json::Value>, Refusal> {
    use serde_json::Value as Json;
    if push.body.len() > MOST_BODY {
        return Err(unreadable(TOO_LARGE, format!("the body has more than {} kB", MOST_BODY / 1024)));
    }
    if push.body.trim_ascii_start().starts_with(b"{") {
        return match json::parse(&push.body, None)? {
            Json::Object(object) => Ok(object),
            _ => Err(unreadable(NO_RECORD, "the body is no object")),
        };
    }
    let form =
        push.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("form-urlencoded"));
    if !form || push.body.is_empty() {
        return Err(unreadable(NO_RECORD, "the body is neither a JSON object nor a form"));
    }
    let pairs =
        form::parse(&push.body, None).map_err(|detail| unreadable(BROKEN, format!("the form: {detail}")))?;
    Ok(pairs.into_iter().map(|(name, value)| (name, Json::from(value))).collect())
}

/// A text as one part of a path.
pub(crate) fn in_path(text: &str) -> String {
    let coded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    coded.replace('+', "%20")
}

/// A point in time as APIs want it: UTC, whole seconds.
pub(crate) fn utc_seconds(at: Timestamp) -> String {
    at.in_zone(&TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `flowChannelName` → `flow_channel_name`.
pub(crate) fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// What the address of a landing page says about the campaign.
pub(crate) fn campaign_of(fields: &mut Bounded, address: &str) {
    let Ok(url) = url::Url::parse(address.trim()) else { return };
    for (name, value) in url.query_pairs().take(50) {
        let told = name.starts_with("utm_") || aliases::attribution(&name).is_some();
        if told && !value.is_empty() && fields.record.get(&format!("touch.{name}")).is_none() {
            fields.add(&format!("touch.{name}"), Value::text(value.into_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bounds_is_cut_and_said() {
        let mut bounded = Bounded::default();
        bounded.add("a", "1".into());
        bounded.add("a", "2".into());
        assert_eq!(bounded.record.get("a"), Some(&Value::List(vec!["1".into(), "2".into()])));
        assert_eq!(bounded.beyond, None);
        for number in 0..300 {
            bounded.add(&format!("f{number}"), "x".into());
        }
        assert_eq!(bounded.record.0.len(), MOST_FIELDS);
        assert!(bounded.beyond.unwrap().contains("200 fields"));

        let mut bounded = Bounded::default();
        bounded.add("long", "线".repeat(5_000).into());
        assert_eq!(bounded.record.text("long").unwrap().len(), 9_999, "cut at a character");
        assert!(bounded.beyond.unwrap().contains("15000 bytes"));

        let mut bounded = Bounded::default();
        (0..500).for_each(|_| bounded.add("many", "x".into()));
        assert!(matches!(bounded.record.get("many"), Some(Value::List(list)) if list.len() == MOST_FIELDS));
    }
}
