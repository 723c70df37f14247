//! Beside the road: each object of a CRM as it was last described, what changed since the reading before, and what of the
//! config no longer fits.
//!
//! A standing delivery reads the description once a day, and soon after a write was refused ([`crate::settle`] carries it out).
//! What is kept is a small document for each object ([`Known`]). Checking a whole config before it is in force is for
//! the doctor; here stands what happens while it is.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::rule::{Rule, Way};
use leadloop_mapping::schema::{FieldKind, FieldSchema, Length, Misfit};
use leadloop_mapping::step::Step;
use leadloop_mapping::{Record, Value};
use serde::{Deserialize, Serialize};

use crate::book::Book;
use crate::case::short;
use crate::describe::{RemoteField, RemoteObject};
use crate::ids::LinkName;
use crate::lead::Stage;
use crate::mirror_read::roles_in;
use crate::policy::{CrmPolicy, Policy};
use crate::time::{Micros, Timestamp};

/// Most changes that are remembered of one object, latest last.
const MOST_CHANGES: usize = 200;
/// Most characters of a value or a reason that are kept.
const MOST_SHOWN: usize = 200;
/// A description younger than this is not read again because a write was refused.
pub(crate) const FRESH: Micros = Micros::hours(1);

/// The counter that holds an object's description.
#[must_use]
pub fn key(link: &LinkName, object: &str) -> String {
    format!("schema/{link}/{object}")
}

/// An object as it was last described.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// When it was last read; none: never.
    pub at: Option<Timestamp>,
    /// Why it could not be read last.
    pub unseen: Option<String>,
    /// Whether we may make records.
    pub creatable: bool,
    /// Whether we may change records.
    pub updatable: bool,
    /// Its fields.
    pub fields: BTreeMap<String, KnownField>,
    /// What changed, latest last.
    pub changes: Vec<Changed>,
    /// What of the config does not fit.
    pub broken: Vec<Broken>,
    /// What fields that the config uses were like when their rule was first seen.
    bases: BTreeMap<String, Base>,
}

/// A field as it was last described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownField {
    /// Kind, length, values, whether it is needed and whether we may write it.
    #[serde(flatten)]
    pub schema: FieldSchema,
    /// What people there call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// What a field was like when the rule that uses it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Base {
    rule: String,
    kind: FieldKind,
    max: Option<Length>,
    #[serde(default)]
    required: bool,
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// When it was noticed.
    pub at: Timestamp,
    /// Of which field.
    pub field: String,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What changed of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum What {
    /// It is new.
    New,
    /// It is gone.
    Gone,
    /// It is gone, and another of its kind and label came.
    Renamed {
        /// The other's name.
        to: String,
    },
    /// It is of another kind.
    Kind {
        /// Before.
        from: FieldKind,
        /// Now.
        to: FieldKind,
    },
    /// It takes more or less of a text; none: no end is known.
    Length {
        /// Before.
        from: Option<usize>,
        /// Now.
        to: Option<usize>,
    },
    /// A record cannot be made without it (any more), or can again.
    Required {
        /// Whether it is needed now.
        now: bool,
    },
    /// We may write it (again), or not any more.
    Writable {
        /// Whether we may now.
        now: bool,
    },
    /// A value joined its list.
    ValueNew {
        /// Which.
        value: String,
    },
    /// A value left its list.
    ValueGone {
        /// Which.
        value: String,
    },
}

/// Why something of the config does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Break {
    /// The field is not there.
    Gone,
    /// A value that the config writes is not one of its values.
    ValueGone,
    /// It is needed, and nothing fills it, or not for every lead.
    Required,
    /// It is of another kind than when the rule was first seen.
    Kind,
    /// It takes less of a text than when the rule was first seen.
    Shorter,
    /// We may not write it.
    NotWritable,
}

impl Break {
    /// The code of its page.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Break::Gone => "LL4830",
            Break::ValueGone => "LL4831",
            Break::Required => "LL4832",
            Break::Kind | Break::Shorter | Break::NotWritable => "LL4833",
        }
    }

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Break::Gone => "gone",
            Break::ValueGone => "value_gone",
            Break::Required => "required",
            Break::Kind => "kind",
            Break::Shorter => "shorter",
            Break::NotWritable => "not_writable",
        }
    }
}

/// Something of the config that does not fit. One without a field is about the object as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Broken {
    /// The CRM's field.
    pub field: String,
    /// Why.
    pub what: Break,
    /// What of the config: a rule as it is called (`industry → industryId`), `[[status]]`, `feedback`, `mark`, a role.
    pub by: String,
    /// The value, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Broken {
    /// The key of its alarm.
    pub(crate) fn alarm_key(&self, link: &LinkName, object: &str) -> String {
        let value = self.value.as_deref().map(|value| format!("/{}", short(value, 40))).unwrap_or_default();
        format!("schema/{link}/{object}/{}/{}{value}", self.field, self.what.as_str())
    }

    /// What its alarm says.
    pub(crate) fn detail(&self, link: &LinkName, object: &str) -> String {
        let (field, by) = (&self.field, &self.by);
        let what = match self.what {
            Break::Gone => format!("has no field `{field}` of `{object}` (any more)"),
            Break::ValueGone => format!(
                "does not take `{}` in `{field}` of `{object}` (any more)",
                self.value.as_deref().unwrap_or_default()
            ),
            Break::Required => format!("demands `{field}` for a new `{object}`, which is not always filled"),
            Break::NotWritable if field.is_empty() => {
                format!("does not let us make or change a `{object}` (any more)")
            }
            Break::Kind => format!("changed the kind of `{field}` of `{object}`"),
            Break::Shorter => format!("takes shorter texts in `{field}` of `{object}`"),
            Break::NotWritable => format!("does not let us write `{field}` of `{object}` (any more)"),
        };
        format!(
            "`{link}` {what}: {by} breaks; `leadloop crm schema --crm {link}` shows how many leads that concerns"
        )
    }

    /// Whether a record that was sent would be refused, or cut, because of it.
    #[must_use]
    pub fn concerns(&self, known: &Known, record: &Record, made: bool) -> bool {
        let value = record.get(&self.field).filter(|value| !value.is_blank());
        let fitted = || {
            let field = known.fields.get(&self.field)?;
            Some(field.schema.accept(value?.clone()))
        };
        match self.what {
            Break::NotWritable if self.field.is_empty() => true,
            Break::Gone | Break::NotWritable => value.is_some(),
            Break::Required => made && value.is_none(),
            Break::ValueGone => value.is_some_and(|value| Some(value.to_display()) == self.value),
            Break::Kind => matches!(fitted(), Some(Err(_))),
            Break::Shorter => {
                matches!(fitted(), Some(Ok((_, Some(_))) | Err(Misfit::Length(..))))
            }
        }
    }
}

impl Known {
    /// What the book knows of an object.
    #[must_use]
    pub fn of(book: &Book, link: &LinkName, object: &str) -> Self {
        Self::read(book.counters.get(&key(link, object)))
    }

    /// The document as it is kept.
    #[must_use]
    pub fn read(json: Option<&serde_json::Value>) -> Self {
        json.and_then(|json| serde_json::from_value(json.clone()).ok()).unwrap_or_default()
    }

    /// It was described anew: how many changes that brought.
    pub(crate) fn take(&mut self, crm: &CrmPolicy, now: &RemoteObject, at: Timestamp) -> usize {
        let changes = if self.at.is_some() { changes(&self.fields, &now.fields, at) } else { Vec::new() };
        let count = changes.len();
        self.changes.extend(changes);
        let surplus = self.changes.len().saturating_sub(MOST_CHANGES);
        self.changes.drain(..surplus);
        let uses = uses(crm, &now.name);
        self.rebase(&uses, now);
        self.broken = broken(crm, now, &uses, self);
        (self.creatable, self.updatable, self.at, self.unseen) =
            (now.creatable, now.updatable, Some(at), None);
        let kept =
            |field: &RemoteField| KnownField { schema: field.schema.clone(), label: field.label.clone() };
        self.fields = now.fields.iter().map(|(name, field)| (name.clone(), kept(field))).collect();
        count
    }

    /// It could not be read.
    pub(crate) fn refused(&mut self, why: &str) {
        self.unseen = Some(short(why, MOST_SHOWN));
    }

    /// A rule that is new, or was written anew, goes by what its field is like now.
    fn rebase(&mut self, uses: &[Use<'_>], now: &RemoteObject) {
        let mut bases = BTreeMap::new();
        for used in uses.iter().filter(|used| used.writes) {
            let Some(field) = now.fields.get(used.field) else { continue };
            let (kind, max, required) = (field.schema.kind, field.schema.max, field.schema.required);
            let fresh = Base { rule: used.text(), kind, max, required };
            let base = self.bases.get(used.field).filter(|base| base.rule == fresh.rule);
            bases.insert(used.field.to_owned(), base.cloned().unwrap_or(fresh));
        }
        // What is gone keeps its base: it may come back.
        let gone = |field: &String| !now.fields.contains_key(field) && !bases.contains_key(field);
        let kept: Vec<(String, Base)> =
            self.bases.iter().filter(|(field, _)| gone(field)).map(|(f, b)| (f.clone(), b.clone())).collect();
        bases.extend(kept);
        self.bases = bases;
    }
}

/// What differs between two descriptions of an object.
fn changes(
    before: &BTreeMap<String, KnownField>,
    now: &BTreeMap<String, RemoteField>,
    at: Timestamp,
) -> Vec<Changed> {
    let mut found = Vec::new();
    let mut say = |field: &str, what: What| found.push(Changed { at, field: field.to_owned(), what });
    let fresh: Vec<(&String, &RemoteField)> =
        now.iter().filter(|(name, _)| !before.contains_key(*name)).collect();
    let mut taken = BTreeSet::new();
    for (name, known) in before.iter().filter(|(name, _)| !now.contains_key(*name)) {
        let twin = fresh.iter().find(|(_, field)| {
            !known.label.is_empty() && field.label == known.label && field.schema.kind == known.schema.kind
        });
        match twin {
            Some((to, _)) if taken.insert(*to) => say(name, What::Renamed { to: (*to).clone() }),
            _ => say(name, What::Gone),
        }
    }
    for (name, _) in fresh.iter().filter(|(name, _)| !taken.contains(*name)) {
        say(name, What::New);
    }
    for (name, known, field) in before.iter().filter_map(|(name, known)| Some((name, known, now.get(name)?)))
    {
        let (was, is) = (&known.schema, &field.schema);
        if was.kind != is.kind {
            say(name, What::Kind { from: was.kind, to: is.kind });
        }
        let most = |schema: &FieldSchema| schema.max.map(|max| max.most);
        if most(was) != most(is) {
            say(name, What::Length { from: most(was), to: most(is) });
        }
        if was.required != is.required {
            say(name, What::Required { now: is.required });
        }
        if was.writable != is.writable {
            say(name, What::Writable { now: is.writable });
        }
        if was.options.is_empty() || is.options.is_empty() {
            continue; // one of them is not known
        }
        let (old, new) = (shown(&was.options), shown(&is.options));
        for value in old.difference(&new) {
            say(name, What::ValueGone { value: short(value, MOST_SHOWN) });
        }
        for value in new.difference(&old) {
            say(name, What::ValueNew { value: short(value, MOST_SHOWN) });
        }
    }
    found
}

fn shown(options: &[Value]) -> BTreeSet<String> {
    options.iter().map(|option| option.to_display().trim().to_owned()).collect()
}

/// A field that the config has to do with.
struct Use<'p> {
    field: &'p str,
    by: String,
    writes: bool,
    /// Values that may be written.
    values: Vec<&'p Value>,
    rule: Option<&'p Rule>,
    /// It counts only where it was there before: not all systems describe what they give.
    where_known: bool,
}

impl Use<'_> {
    /// The same text as long as the rule is the same.
    fn text(&self) -> String {
        self.rule.map_or_else(|| self.by.clone(), |rule| format!("{rule:?}"))
    }
}

/// All fields of an object that the config has to do with.
fn uses<'p>(crm: &'p CrmPolicy, object: &str) -> Vec<Use<'p>> {
    let mut uses = Vec::new();
    for rule in crm.mapping.get(object).into_iter().flat_map(|mapping| mapping.source()) {
        let writes = rule.way != Way::ToPool;
        let chosen = rule.choose.values().chain(&rule.otherwise).chain(&rule.fixed);
        for field in rule.crm.list() {
            let values = if writes { chosen.clone().collect() } else { Vec::new() };
            uses.push(Use {
                field,
                by: rule.to_string(),
                writes,
                values,
                rule: Some(rule),
                where_known: false,
            });
        }
    }
    let plain = |field: &'p str, by: &str, where_known: bool| Use {
        field,
        by: by.to_owned(),
        writes: false,
        values: Vec::new(),
        rule: None,
        where_known,
    };
    for status in crm.status.iter().filter(|status| status.object == object) {
        let values: Vec<&Value> = status.write.values().collect();
        let writes = !values.is_empty();
        uses.push(Use { values, writes, ..plain(&status.field, "[[status]]", false) });
        uses.extend(status.amount.iter().map(|amount| plain(amount, "[[status]]", false)));
    }
    if let Some(feedback) = crm.feedback.as_ref().filter(|feedback| feedback.object == object) {
        let fields = [Some(&feedback.field), feedback.remark.as_ref(), feedback.released.as_ref()];
        uses.extend(fields.into_iter().flatten().map(|field| plain(field, "feedback", false)));
    }
    if let Some(roles) = crm.roles.get(object) {
        let one = [&roles.name, &roles.company, &roles.account, &roles.owner, &roles.status, &roles.mark];
        let roles = one.into_iter().flatten().chain(&roles.phones).chain(&roles.emails);
        uses.extend(roles.map(|field| plain(field, "mirror", true)));
    }
    if object == "lead" {
        uses.push(plain(&crm.mark, "mark", true));
    }
    uses
}

/// What of the config does not fit an object as it is described now.
fn broken(crm: &CrmPolicy, now: &RemoteObject, uses: &[Use<'_>], before: &Known) -> Vec<Broken> {
    let mut found = BTreeSet::new();
    let named: BTreeSet<&str> = uses.iter().filter(|used| !used.where_known).map(|used| used.field).collect();
    for used in uses {
        // A field that a rule names is told of by the rule alone.
        if used.where_known && named.contains(used.field) {
            continue;
        }
        let mut say = |what: Break, value: Option<String>| {
            let (field, by) = (used.field.to_owned(), used.by.clone());
            found.insert(Broken { field, what, by, value });
        };
        let Some(field) = now.fields.get(used.field) else {
            let was = before.fields.contains_key(used.field)
                || before.broken.iter().any(|it| it.field == used.field && it.what == Break::Gone);
            if !used.where_known || was {
                say(Break::Gone, None);
            }
            continue;
        };
        if !used.writes {
            continue;
        }
        if !field.schema.writable {
            say(Break::NotWritable, None);
            continue;
        }
        for value in &used.values {
            if field.schema.accept((*value).clone()).is_err() {
                say(Break::ValueGone, Some(short(&value.to_display(), MOST_SHOWN)));
            }
        }
        if let Some(base) = before.bases.get(used.field) {
            if !takes(field.schema.kind, base.kind) && used.values.is_empty() {
                say(Break::Kind, None);
            }
            if shrank(base.max, field.schema.max, used.rule) {
                say(Break::Shorter, None);
            }
            let filled = |step: &Step| matches!(step, Step::Default(_));
            let always = |rule: &Rule| rule.fixed.is_some() || rule.steps.iter().any(filled);
            if field.schema.required && !base.required && used.rule.is_some_and(|rule| !always(rule)) {
                say(Break::Required, None);
            }
        }
    }
    found.extend(unfilled(crm, now, uses));
    if crm.mapping.contains_key(&now.name) && !(now.creatable && now.updatable) {
        let by = format!("[[mapping]] {}", now.name);
        found.insert(Broken { field: String::new(), what: Break::NotWritable, by, value: None });
    }
    found.into_iter().collect()
}

/// Whether a field of a kind takes what one of another kind took.
fn takes(now: FieldKind, was: FieldKind) -> bool {
    let text = |kind| {
        matches!(
            kind,
            FieldKind::Text | FieldKind::Phone | FieldKind::Email | FieldKind::Url | FieldKind::Any
        )
    };
    now == was
        || text(now)
        || was == FieldKind::Any
        || (now == FieldKind::Real && was == FieldKind::Int)
        || (now == FieldKind::Picklists && was == FieldKind::Picklist)
}

/// Whether a field takes less of a text than before, and less than the rule would send.
fn shrank(was: Option<Length>, is: Option<Length>, rule: Option<&Rule>) -> bool {
    let Some(is) = is else { return false };
    let capped = rule.and_then(|rule| rule.max).is_some_and(|max| max.most <= is.most);
    was.is_none_or(|was| is.most < was.most) && !capped
}

/// Fields that a new record needs and that nothing fills; only where we make such records by rules.
fn unfilled(crm: &CrmPolicy, now: &RemoteObject, uses: &[Use<'_>]) -> Vec<Broken> {
    if !crm.mapping.contains_key(&now.name) {
        return Vec::new();
    }
    let roles = roles_in(crm, &now.name);
    let with_sales = crm.status.iter().filter(|status| status.write.contains_key(&Stage::WithSales));
    let filled: BTreeSet<&str> = uses
        .iter()
        .filter(|used| used.rule.is_some_and(|rule| rule.way != Way::ToPool))
        .map(|used| used.field)
        .chain(with_sales.map(|status| status.field.as_str()))
        .chain(
            [&roles.name, &roles.account, &roles.owner, &roles.mark]
                .into_iter()
                .flatten()
                .map(String::as_str),
        )
        .chain([crm.mark.as_str()])
        .collect();
    let needed = now.fields.iter().filter(|(_, field)| field.schema.required && field.schema.writable);
    needed
        .filter(|(name, _)| !filled.contains(name.as_str()))
        .map(|(name, _)| Broken {
            field: name.clone(),
            what: Break::Required,
            by: format!("[[mapping]] {}", now.name),
            value: None,
        })
        .collect()
}

/// The objects of a CRM that are described, with the counters that hold them.
#[must_use]
pub fn keys(policy: &Policy, link: &LinkName) -> Vec<(String, String)> {
    let described = policy.crms.get(link).map(|crm| crm.described.as_slice()).unwrap_or_default();
    described.iter().map(|object| (object.clone(), key(link, object))).collect()
}
