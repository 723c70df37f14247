//! From the fields of a post to a record: control fields taken out, consent read, campaign parameters lifted from the
//! page's address, reserved names put aside.

use leadloop_connector_api::{Link, Push};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::aliases;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use url::Url;

use super::body::Element;
use crate::reading::{self, Bounded, MOST_FIELDS, NO_OBJECT, OUT_OF_BOUNDS, cut, quarantined};

/// A post whose honeypot is filled.
const ROBOT: &str = "LL4102";

/// Most characters of a campaign parameter.
const LONGEST_PARAMETER: usize = 255;
/// Most characters of an event id.
const LONGEST_EVENT_ID: usize = 200;

/// Fields that steer the post and say nothing of the person.
const CONTROL: [&str; 6] = ["_submission_id", "_redirect", "_page_url", "_charset_", "_ts", "_consent_text"];

/// What the sender of a post wants back.
pub(super) struct Wishes {
    /// Where the browser goes next.
    pub(super) redirect: Option<String>,
    /// The event id.
    pub(super) submission_id: Option<String>,
}

/// What holds for every lead of a post.
pub(super) struct Shared<'a> {
    link: &'a Link,
    push: &'a Push,
    common: &'a Bounded<'static>,
    honeypot: &'a str,
}

impl<'a> Shared<'a> {
    pub(super) fn of(link: &'a Link, push: &'a Push, common: &'a Bounded<'static>) -> Self {
        Self { link, push, common, honeypot: link.text("honeypot").unwrap_or("_hp_url") }
    }

    /// A control field: of the lead, else of the whole post.
    fn control(&self, fields: &Record, name: &str) -> Option<String> {
        let value = fields.text(name).or_else(|| self.common.record.text(name))?;
        Some(value.to_owned())
    }

    /// The event id of the post: what its form or its caller says, unquoted.
    fn submission_id(&self, fields: &Record) -> Option<String> {
        let own = fields.text("_submission_id").map(str::to_owned);
        own.or_else(|| {
            let shared = self.common.record.text("_submission_id");
            let shared = shared.or_else(|| self.push.header("idempotency-key"))?;
            Some(shared.trim().trim_matches('"').to_owned())
        })
        .filter(|id| !id.is_empty() && id.chars().count() <= LONGEST_EVENT_ID)
    }

    /// What the sender wants back: where the browser goes next, and the event id. The only lead of a post speaks for it.
    pub(super) fn wishes(&self, leads: &[Element]) -> Wishes {
        let none = Record::new();
        let fields = match leads {
            [Element::Fields(only)] => &only.record,
            _ => &none,
        };
        Wishes { redirect: self.control(fields, "_redirect"), submission_id: self.submission_id(fields) }
    }

    /// A row of a table with the other fields of its form, its position behind `before`.
    pub(super) fn complete_row(&self, mut row: RawLead, before: u32) -> RawLead {
        row.position = row.position.saturating_add(before);
        let mut fields = Bounded::from(row.fields);
        self.add_common(&mut fields);
        self.shape(&mut fields.record);
        row.fields = fields.record;
        row
    }

    fn add_common(&self, fields: &mut Bounded) {
        for (name, value) in self.common.record.iter() {
            if !fields.record.0.contains_key(name) {
                fields.add(name, value.clone());
            }
        }
    }

    /// Everything that is done to the fields of a lead.
    fn shape(&self, fields: &mut Record) {
        let page = self.control(fields, "_page_url").or_else(|| page_of(fields));
        let text_version = self.control(fields, "_consent_text");
        for control in CONTROL.iter().chain(std::iter::once(&self.honeypot)) {
            fields.0.remove(*control);
        }
        reading::reserve(fields);
        self.read_consent(fields, text_version);
        self.lift_attribution(fields, page.as_deref());
    }

    /// `consent.*` from the checkboxes that the source names. A box that was not ticked is not in the post: refused. Only
    /// the words that mean yes are one.
    fn read_consent(&self, fields: &mut Record, text_version: Option<String>) {
        let mut asked = false;
        for (purpose, field) in self.link.table("consent") {
            let given = field.as_text().and_then(|field| fields.0.remove(field));
            let given = match given {
                Some(Value::List(list)) => list.last().and_then(Value::as_bool),
                given => given.as_ref().and_then(Value::as_bool),
            };
            fields.set(format!("consent.{purpose}"), given.unwrap_or(false));
            asked = true;
        }
        let version = text_version.or_else(|| self.link.text("consent_text").map(str::to_owned));
        if asked && let Some(version) = version {
            fields.set("consent.text_version", cut(&version, LONGEST_PARAMETER));
        }
        if asked && let Some(peer) = &self.push.peer {
            fields.set("touch.ip", peer.as_str());
        }
    }

    /// Campaign parameters: from the fields, then the page's address, then the referring page, then our own address.
    fn lift_attribution(&self, fields: &mut Record, page: Option<&str>) {
        fields.0.retain(|name, value| {
            aliases::attribution(name).is_none() || value.as_text().is_none_or(|text| !is_unfilled(text))
        });
        let referer = self.push.header("referer");
        let own = Some(format!("http://form.invalid/?{}", self.push.query));
        for address in [page.map(str::to_owned), referer.map(str::to_owned), own].into_iter().flatten() {
            let Ok(url) = Url::parse(&address) else {
                continue;
            };
            for (name, value) in url.query_pairs().take(MOST_FIELDS) {
                let Some(name) = aliases::attribution(&name).and_then(|field| field.strip_prefix("touch."))
                else {
                    continue;
                };
                let value = value.trim();
                let known = fields.0.keys().any(|known| {
                    aliases::attribution(known).and_then(|f| f.strip_prefix("touch.")) == Some(name)
                });
                if !known && !is_unfilled(value) {
                    fields.set(name, first_chars(value));
                }
            }
        }
        let place = |text: &str| cut(text, 2_000).to_owned();
        if let Some(page) = page.or(referer).filter(|page| Url::parse(page).is_ok()) {
            fields.0.entry("page_url".to_owned()).or_insert_with(|| Value::text(place(page)));
        }
    }
}

fn first_chars(text: &str) -> String {
    text.chars().take(LONGEST_PARAMETER).collect()
}

/// The page's address where a form sends it as an ordinary field.
fn page_of(fields: &Record) -> Option<String> {
    let (_, value) = fields.iter().find(|(name, _)| aliases::pool_field(name) == Some("touch.page_url"))?;
    value.as_text().map(str::to_owned)
}

/// A placeholder that an ad platform or a template left as it is: `{{campaign.name}}`, `__CLICKID__`, `{keyword}`.
fn is_unfilled(value: &str) -> bool {
    let value = value.trim();
    let inner = |start: &str, end: &str| {
        value
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
            .is_some_and(|inner| !inner.is_empty())
    };
    value.is_empty() || inner("{", "}") || inner("__", "__") || inner("%7B", "%7D")
}

/// The record of one element of a post.
pub(super) fn finish(
    shared: &Shared<'_>,
    element: Element,
    position: u32,
    count: usize,
) -> Result<RawLead, Box<Quarantined>> {
    let mut fields = match element {
        Element::Fields(fields) => fields,
        Element::Other(text) => {
            let fields = Record::new().with("value", cut(&text, LONGEST_PARAMETER));
            let raw = RawLead { fields, position, ..RawLead::default() };
            return Err(quarantined(NO_OBJECT, format!("element {position} of the list is no object"), raw));
        }
    };
    let own_id = fields.record.text("_submission_id").is_some();
    let event_id = shared.submission_id(&fields.record);
    // one id for a post of several leads names each by its place
    let event_id = event_id.map(|id| if own_id || count == 1 { id } else { format!("{id}#{position}") });
    shared.add_common(&mut fields);
    let robot = fields.record.get(shared.honeypot).is_some_and(|value| !value.is_blank());
    shared.shape(&mut fields.record);
    let raw =
        RawLead { event_id, at: None, touch: None, fields: fields.record, position, ..RawLead::default() };
    if robot {
        let detail = format!(
            "the hidden field `{}` is filled: most likely a robot; inject it again if it is a person",
            shared.honeypot
        );
        return Err(quarantined(ROBOT, detail, raw));
    }
    if let Some(beyond) = fields.beyond.or_else(|| shared.common.beyond.clone()) {
        return Err(quarantined(OUT_OF_BOUNDS, beyond, raw));
    }
    if raw.fields.0.values().all(Value::is_blank) {
        return Err(quarantined(NO_OBJECT, "no field is filled", raw));
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_nothing() {
        for value in ["{{campaign.name}}", "__CLICKID__", "{keyword}", "", " "] {
            assert!(is_unfilled(value), "{value}");
        }
        for value in ["{a", "a}", "__a", "spring", "{}"] {
            assert!(!is_unfilled(value), "{value}");
        }
    }
}
