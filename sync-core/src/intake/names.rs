//! Incoming names → pool names: what the config says first, then the pool's own names, then the well-known ones; the rest
//! describes the touch.

use std::collections::BTreeMap;

use leadloop_mapping::Value;

use super::Notes;
use crate::aliases;
use crate::capture::RawLead;
use crate::facts;
use crate::policy::{Policy, SourcePolicy};

/// Identifiers of machines: pool fields that are identifiers under their own name and never part of the profile.
pub(super) const MACHINE_IDS: [&str; 8] =
    ["crm_id", "ma_id", "wecom_id", "unionid", "openid", "login_id", "uba_id", "cookie"];
/// Groups whose names mean what they say.
const GROUPS: [&str; 4] = ["touch.", "score.", "consent.", "answer."];
/// Most bytes of a field name.
const LONGEST_NAME: usize = 120;

/// Values by pool field, in the order of their claim to it.
pub(super) type Named = BTreeMap<String, Vec<Value>>;

/// Sorts a record's fields under the pool's names. Blank values are dropped here.
pub(super) fn sort(raw: &RawLead, source: &SourcePolicy, policy: &Policy, notes: &mut Notes) -> Named {
    let mut named = Named::new();
    let mut well_known: Vec<(&'static str, &str, &Value)> = Vec::new();
    for (name, value) in raw.fields.iter().filter(|(_, value)| !value.is_blank()) {
        if let Some(to) = configured(name, source) {
            named.entry(to.to_owned()).or_default().push(value.clone());
        } else if is_pool_name(name, source, policy) {
            named.entry(name.to_owned()).or_default().push(value.clone());
        } else if let Some(field) = aliases::pool_field(name) {
            well_known.push((field, name, value));
        } else {
            named.entry(touch_name(name, notes)).or_default().push(value.clone());
        }
    }
    for (field, name, value) in well_known {
        // A second column for the same thing: further phones are wanted, anything else is kept as it was called.
        if field == "phone" || field == "email" || !named.contains_key(field) {
            named.entry(field.to_owned()).or_default().push(value.clone());
        } else {
            named.entry(touch_name(name, notes)).or_default().push(value.clone());
        }
    }
    for (name, value) in &source.fixed {
        named.insert(name.clone(), vec![value.clone()]);
    }
    named
}

/// Where the config sends a field: by its exact name, else by the name without spelling.
pub(super) fn configured<'s>(name: &str, source: &'s SourcePolicy) -> Option<&'s str> {
    if source.fields.is_empty() {
        return None;
    }
    let exact = source.fields.iter().find(|(from, _)| from == name);
    let alike = || {
        let key = aliases::key(name);
        source.fields.iter().find(|(from, _)| !key.is_empty() && aliases::key(from) == key)
    };
    exact.or_else(alike).map(|(_, to)| to.as_str())
}

/// The pool field that a field of this source becomes, for people who look at a file before it is taken in. What is
/// no pool field describes the touch: `touch.NAME`.
#[must_use]
pub fn goes_to(name: &str, source: &SourcePolicy, policy: &Policy) -> String {
    match configured(name, source) {
        Some(to) => to.to_owned(),
        None if is_pool_name(name, source, policy) => name.to_owned(),
        None => {
            aliases::pool_field(name).map_or_else(|| touch_name(name, &mut Notes::default()), str::to_owned)
        }
    }
}

pub(super) fn is_pool_name(name: &str, source: &SourcePolicy, policy: &Policy) -> bool {
    facts::is_pool_field(name)
        || policy.pool.fields.contains_key(name)
        || MACHINE_IDS.contains(&name)
        || source.identifiers.contains_key(name)
        || name.len() <= LONGEST_NAME
            && GROUPS.iter().any(|group| name.strip_prefix(group).is_some_and(|rest| !rest.is_empty()))
}

/// The name of a field that describes the touch.
pub(super) fn touch_name(name: &str, notes: &mut Notes) -> String {
    let mut tidy: String = name.trim().chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect();
    if tidy.len() > LONGEST_NAME {
        notes.add(&tidy, "name_cut");
        tidy.truncate(tidy.floor_char_boundary(LONGEST_NAME));
    }
    if tidy.is_empty() {
        tidy.push_str("unnamed");
    }
    format!("touch.{tidy}")
}
