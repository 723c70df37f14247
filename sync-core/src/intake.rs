//! Stage 1, capture: a record in its source's words becomes a capture in the pool's words, or waits in quarantine with
//! its reason.
//!
//! Pure, and run before anything is stored. Names are sorted out by [`names`], values by [`clean`], identifiers by
//! [`who`]; this module keeps the order, the bounds, the time and the key against duplicates. Whose capture it is, is for
//! [`crate::identity`].

mod clean;
mod counting;
mod names;
mod own;
mod who;

pub use counting::Counting;
pub use names::goes_to;

use leadloop_mapping::{Record, Value};
use sha2::{Digest, Sha256};

use crate::because::Language;
use crate::capture::{CaptureKind, Captured, DedupKey, Identifier, Quarantined, RawLead, Ties};
use crate::facts;
use crate::ids::PushId;
use crate::moment::Moment;
use crate::policy::{Brings, Policy, SourcePolicy};
use crate::time::{Micros, Timestamp};
use crate::visit::Counted;

/// Most fields of one record; more is quarantined.
pub const MOST_FIELDS: usize = 300;
/// Most bytes of all names and values of one record; more is quarantined.
pub const MOST_BYTES: usize = 512 * 1024;
/// Most characters of one text; more is cut, and noted.
pub const MOST_TEXT: usize = 8_000;
/// Most values of one list; more is cut, and noted.
pub const MOST_LISTED: usize = 100;
/// Most identifiers of one capture; the weakest beyond are left out, and noted.
pub const MOST_IDENTIFIERS: usize = 24;
/// Most bytes of a source's own event id and of a touch kind.
const LONGEST_ID: usize = 200;
const LONGEST_KIND: usize = 64;
/// A source's clock may be this far ahead of ours without a note.
const AHEAD: Micros = Micros::minutes(5);
/// Times before 1990 are empty cells and clocks that were never set: nobody pushed leads then.
const EARLIEST: Timestamp = Timestamp(631_152_000_000_000);

/// What was done to a record beyond spelling: field and stable code, never the value. Kept as `touch.notes`.
#[derive(Debug, Default)]
struct Notes(Vec<String>);

impl Notes {
    const MOST: usize = 40;

    fn add(&mut self, field: &str, code: &str) {
        if self.0.len() < Self::MOST {
            let field: String = field.chars().take(60).collect();
            self.0.push(format!("{field}: {code}"));
        }
    }

    /// The codes noted for a field.
    fn of<'n>(&'n self, field: &'n str) -> impl Iterator<Item = &'n str> {
        self.0.iter().filter_map(move |note| note.strip_prefix(field)?.strip_prefix(": "))
    }
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// It goes to the pool.
    Captured(Box<Captured>),
    /// It is an event that is counted only.
    Counted(Box<Counted>),
    /// The source's `keep` does not want it.
    Unwanted,
}

impl Taken {
    /// The capture, where it is one.
    #[must_use]
    pub fn captured(self) -> Option<Captured> {
        match self {
            Taken::Captured(captured) => Some(*captured),
            Taken::Counted(_) | Taken::Unwanted => None,
        }
    }
}

/// Reads one record.
///
/// # Errors
/// The record with its reason, for quarantine: `LL4001` something required is missing, `LL4002` too much of it,
/// `LL4003` it identifies nobody.
pub fn intake(
    raw: &RawLead,
    source: &SourcePolicy,
    policy: &Policy,
    arrived: Timestamp,
    push: Option<PushId>,
    moment: &mut Moment,
) -> Result<Taken, Box<Quarantined>> {
    let refuse = |(code, detail): (&str, String)| {
        Box::new(Quarantined { position: raw.position, code: code.to_owned(), detail, raw: raw.clone() })
    };
    bounded(raw, policy).map_err(refuse)?;
    let mut notes = Notes::default();
    let named = names::sort(raw, source, policy, &mut notes);
    let mut record = clean::clean(named, source, policy, &mut notes);
    let (at, touch, event) = take_event(raw, source, policy, arrived, &mut record.fields, &mut notes);
    let ties = who::ties(&raw.ties, source, policy, &mut notes);
    let who = who::identifiers(&mut record, &ties, source, policy, &mut notes);
    let name = record.fields.get("touch.event").map(Value::to_display);
    // Where events are counted, what says who somebody is is no plain event and no matter of `keep`.
    let judged = !source.counts || raw.touch.is_none() && ties.is_empty() && name.is_some();
    if judged && !wanted(source, &touch, &record.fields) {
        let counted = || {
            let (event_name, first) = (name?, who.first()?);
            let key = key(source, event.clone(), raw.at.map(|_| at), &touch, (&who, &ties), &record.fields);
            let (source, who) = (source.name.clone(), first.clone());
            Some(Counted { source, who, event: event_name, at, told: raw.told, arrived, key })
        };
        let counted = source.counts.then(counted).flatten();
        return Ok(counted.map_or(Taken::Unwanted, |counted| Taken::Counted(Box::new(counted))));
    }
    require(source, policy, &record.fields, &who, &notes).map_err(refuse)?;
    let key = key(source, event, raw.at.map(|_| at), &touch, (&who, &ties), &record.fields);
    if !notes.0.is_empty() {
        record.fields.set("touch.notes", Value::List(notes.0.into_iter().map(Value::from).collect()));
    }
    Ok(Taken::Captured(Box::new(Captured {
        id: moment.id(),
        push,
        position: raw.position,
        source: source.name.clone(),
        key,
        at,
        arrived,
        kind: match source.brings {
            Brings::Touches => CaptureKind::Touch,
            Brings::Answers => CaptureKind::Feedback,
        },
        touch,
        who,
        fields: record.fields,
        ties,
    })))
}

/// Whether a record is an event that its source would only count under another `keep`.
#[must_use]
pub fn is_countable(raw: &RawLead, source: &SourcePolicy) -> bool {
    source.counts && raw.touch.is_none() && raw.ties.is_empty()
}

/// Refuses records that are larger than any lead.
fn bounded(raw: &RawLead, policy: &Policy) -> Result<(), (&'static str, String)> {
    let ties = || raw.ties.named();
    let count = raw.fields.0.len() + ties().count();
    let tied: usize = ties().map(|one| one.kind.0.len() + one.value.len()).sum();
    let bytes = raw.fields.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>() + tied;
    if count <= MOST_FIELDS && bytes <= MOST_BYTES {
        return Ok(());
    }
    let kib = MOST_BYTES / 1024;
    let detail = match policy.language {
        Language::En => format!(
            "the record has {count} fields and {bytes} bytes; at most {MOST_FIELDS} fields and {kib} KiB are taken: send what \
             describes the lead only, then inject it again"
        ),
        Language::Zh => format!(
            "该记录有 {count} 个字段、{bytes} 字节；最多接收 {MOST_FIELDS} 个字段、{kib} KiB：请只发送描述线索的内容，然后重新注入"
        ),
    };
    Err(("LL4002", detail))
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.iter().map(|item| size(item) + 1).sum(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Real(_) => 8,
    }
}

/// When it happened, what kind of touch it was, and the source's own id of it; takes what the config mapped to these.
fn take_event(
    raw: &RawLead,
    source: &SourcePolicy,
    policy: &Policy,
    arrived: Timestamp,
    fields: &mut Record,
    notes: &mut Notes,
) -> (Timestamp, String, Option<String>) {
    let mut take = |name: &str| fields.0.remove(name).map(|value| value.to_display().trim().to_owned());
    let (said_at, said_kind, said_id) = (take("touch.at"), take("touch.kind"), take("touch.event_id"));
    let said = raw.at.or_else(|| {
        let text = said_at.as_deref().filter(|text| !text.is_empty())?;
        let read = Timestamp::parse(text, &policy.zone);
        if read.is_none() {
            notes.add("at", "unreadable");
        }
        read
    });
    let at = happened(said, arrived, notes);
    let kind = raw.touch.clone().or(said_kind).map(|kind| kind.trim().to_owned());
    let kind = kind.filter(|kind| !kind.is_empty() && kind.len() <= LONGEST_KIND);
    let kind = kind.unwrap_or_else(|| source.touch.clone());
    let id = raw.event_id.clone().or(said_id).map(|id| id.trim().to_owned());
    (at, kind, id.filter(|id| !id.is_empty()))
}

/// When it happened, by what the source said.
fn happened(said: Option<Timestamp>, arrived: Timestamp, notes: &mut Notes) -> Timestamp {
    match said {
        None => arrived,
        Some(at) if at < EARLIEST => {
            notes.add("at", "too_early");
            arrived
        }
        Some(at) => {
            if at > arrived + AHEAD {
                notes.add("at", "in_the_future");
            }
            at.min(arrived)
        }
    }
}

/// Whether the source's `keep` wants it. A condition that cannot be decided keeps it: nothing is dropped by mistake.
fn wanted(source: &SourcePolicy, touch: &str, fields: &Record) -> bool {
    source
        .keep
        .as_ref()
        .is_none_or(|keep| keep.eval_bool(&facts::of_record(fields, touch, &source.name)).unwrap_or(true))
}

/// Each demand of the source must be met by one of its fields; and somebody it must be.
fn require(
    source: &SourcePolicy,
    policy: &Policy,
    fields: &Record,
    who: &[Identifier],
    notes: &Notes,
) -> Result<(), (&'static str, String)> {
    let there = |field: &String| {
        fields.get(field).is_some_and(|value| !value.is_blank())
            || who.iter().any(|identifier| identifier.kind.0 == *field)
    };
    let missing = source.require.iter().find(|demand| !demand.iter().any(there));
    let Some(demand) = missing else {
        return if who.is_empty() { Err(("LL4003", nobody(policy.language, notes))) } else { Ok(()) };
    };
    let seen: Vec<String> =
        demand.iter().flat_map(|field| notes.of(field).map(move |code| format!("{field}: {code}"))).collect();
    let (names, seen) = (demand.join("`, `"), seen.join("; "));
    let detail = match policy.language {
        Language::En if seen.is_empty() => {
            format!(
                "`{names}` is missing, source `{}` requires it: add it and inject the record again",
                source.name
            )
        }
        Language::En => format!(
            "`{names}` cannot be read ({seen}), source `{}` requires it: correct it and inject the record again",
            source.name
        ),
        Language::Zh if seen.is_empty() => {
            format!("缺少 `{names}`，来源 `{}` 要求填写：请补充后重新注入该记录", source.name)
        }
        Language::Zh => {
            format!("`{names}` 无法识别（{seen}），来源 `{}` 要求填写：请更正后重新注入该记录", source.name)
        }
    };
    Err(("LL4001", detail))
}

fn nobody(language: Language, notes: &Notes) -> String {
    let seen = if notes.0.is_empty() { String::new() } else { format!(" ({})", notes.0.join("; ")) };
    match language {
        Language::En => format!(
            "nothing in the record says who it is{seen}: add a phone, an e-mail address or an id, or map the field that \
             holds it in `fields` of the source; then inject the record again"
        ),
        Language::Zh => format!(
            "记录中没有可识别身份的内容{seen}：请补充手机、邮箱或标识，或在来源的 `fields` 中映射对应字段，然后重新注入该记录"
        ),
    }
}

/// The key by which the same event told twice is one: the source's own id, else the content in the pool's spelling,
/// without what changes from one telling to the next (arrival, place in the push, notes).
fn key(
    source: &SourcePolicy,
    event: Option<String>,
    at: Option<Timestamp>,
    touch: &str,
    (who, ties): (&[Identifier], &Ties),
    fields: &Record,
) -> DedupKey {
    match event {
        Some(id) if id.len() <= LONGEST_ID => DedupKey::Event(id),
        Some(id) => DedupKey::Event(format!("sha256:{}", digest(&[&id]))),
        None => {
            let at = at.map_or_else(String::new, |at| at.0.to_string());
            let mut people = serde_json::json!(who).to_string();
            if !ties.is_empty() {
                people.push_str(&serde_json::json!(ties).to_string());
            }
            let spelled = |name: &str| matches!(name, "phone_raw" | "email_raw");
            let content: Record =
                fields.iter().filter(|(name, _)| !spelled(name)).map(|(n, v)| (n, v.clone())).collect();
            let content = content.to_json().to_string();
            DedupKey::Content(digest(&[source.name.as_str(), touch, &at, &people, &content]))
        }
    }
}

/// The first 128 bits of SHA-256 over the parts with their lengths, as 32 hex digits: the same on every machine, and
/// nobody can make two contents of one key.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
