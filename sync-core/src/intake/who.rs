//! Identifiers of a record: phones, addresses, ids of machines and of the admin's own kinds; strongest first, blocked
//! values and those that identify nobody left out.

use std::collections::BTreeSet;

use leadloop_mapping::Value;

use super::clean::Clean;
use super::names::MACHINE_IDS;
use super::{MOST_IDENTIFIERS, Notes};
use crate::capture::{Identifier, IdentifierKind, Ties};
use crate::identity;
use crate::normal::phone::{self, Country, PhoneKind};
use crate::normal::{email, identifier};
use crate::policy::{Policy, SourcePolicy};

/// The identifiers of a record. Ids of machines leave the fields: they are no part of a profile.
pub(super) fn identifiers(
    record: &mut Clean,
    ties: &Ties,
    source: &SourcePolicy,
    policy: &Policy,
    notes: &mut Notes,
) -> Vec<Identifier> {
    // (a shared landline comes behind everything that is one person's own, rank, identifier)
    let mut found: Vec<(bool, usize, Identifier)> = Vec::new();
    let mut seen: BTreeSet<Identifier> = BTreeSet::new();
    let mut refused: BTreeSet<String> = BTreeSet::new();
    let mut add = |identifier: Identifier, shared: bool, notes: &mut Notes| {
        if identity::is_blocked(&identifier, &policy.identity) {
            notes.add(&identifier.kind.0, "blocked");
            refused.insert(identifier.value);
        } else if seen.insert(identifier.clone()) {
            found.push((shared, identity::rank(&policy.identity, &identifier.kind), identifier));
        }
    };
    for phone in &record.phones {
        let shared = phone.kind == PhoneKind::Landline && phone.extension.is_none();
        match identity::phone_value(phone) {
            Some(value) => add(Identifier::new("phone", value), shared, notes),
            None => notes.add("phone", "hotline"),
        }
    }
    for address in &record.emails {
        if address.role == Some(email::Role::Unread) {
            notes.add("email", "unread_mailbox");
        } else {
            let own = std::iter::once(&address.address);
            for value in own.chain(&address.others) {
                add(Identifier::new("email", value.as_str()), false, notes);
            }
        }
    }
    for kind in MACHINE_IDS {
        for value in record.ids.get(kind).into_iter().flatten() {
            if source.shared_device && identity::DEVICES.contains(&kind) {
                notes.add(kind, "shared_device");
            } else if let Some(value) = of_machine(kind, value, source, policy, notes) {
                add(Identifier::new(kind, value), false, notes);
            }
        }
    }
    for (field, kind) in &source.identifiers {
        if let Some(value) = record.fields.get(field).map(Value::to_display) {
            match identifier::parse(&value) {
                Ok(value) => add(Identifier { kind: IdentifierKind(kind.0.clone()), value }, false, notes),
                Err(problem) => notes.add(field, problem.code()),
            }
        }
    }
    for identifier in ties.link.iter().flat_map(|(one, other)| [one, other]) {
        add(identifier.clone(), false, notes);
    }
    for field in ["phone", "email"] {
        // A value that is nobody's is no fact about this person either.
        if record.fields.text(field).is_some_and(|value| refused.contains(value)) {
            let value = record.fields.0.remove(field).unwrap_or_default();
            record.fields.0.entry(format!("{field}_raw")).or_insert(value);
        }
    }
    if found.is_empty() {
        // What is to be unlinked says whose record it is, where nothing else does.
        let first = ties.unlink.first();
        found.extend(first.map(|one| (false, identity::rank(&policy.identity, &one.kind), one.clone())));
    }
    found.sort_by_key(|(shared, rank, _)| (*shared, *rank));
    if found.len() > MOST_IDENTIFIERS {
        notes.add("identifiers", "too_many");
        found.truncate(MOST_IDENTIFIERS);
    }
    found.into_iter().map(|(_, _, identifier)| identifier).collect()
}

/// What a source says about identifiers, in the pool's spelling. A pair of which one is nobody's own says nothing.
pub(super) fn ties(raw: &Ties, source: &SourcePolicy, policy: &Policy, notes: &mut Notes) -> Ties {
    if raw.is_empty() {
        return Ties::default();
    }
    let mut spell = |identifier: &Identifier| spelled(identifier, source, policy, notes);
    let pairs = raw.link.iter().filter_map(|(one, other)| Some((spell(one)?, spell(other)?)));
    let link: Vec<_> = pairs.filter(|(one, other)| one != other).take(MOST_IDENTIFIERS / 2).collect();
    let unlink = raw.unlink.iter().filter_map(spell).take(MOST_IDENTIFIERS).collect();
    Ties { link, unlink }
}

/// One identifier of a tie; `None` where it cannot be read or is nobody's own.
fn spelled(
    raw: &Identifier,
    source: &SourcePolicy,
    policy: &Policy,
    notes: &mut Notes,
) -> Option<Identifier> {
    let kind = raw.kind.0.as_str();
    let read = match kind {
        "phone" => {
            let region = policy.region.parse().unwrap_or(Country::CN);
            let read = phone::parse(&raw.value, region).map_err(|problem| problem.code());
            read.and_then(|phone| identity::phone_value(&phone).ok_or("hotline"))
        }
        "email" => match email::parse(&raw.value) {
            Ok(read) if read.role == Some(email::Role::Unread) => Err("unread_mailbox"),
            read => read.map(|read| read.address).map_err(|problem| problem.code()),
        },
        _ if source.shared_device && identity::DEVICES.contains(&kind) => Err("shared_device"),
        _ if MACHINE_IDS.contains(&kind) => {
            return of_machine(kind, &raw.value.as_str().into(), source, policy, notes)
                .map(|value| Identifier::new(kind, value))
                .filter(|identifier| !identity::is_blocked(identifier, &policy.identity));
        }
        _ if source.identifiers.values().any(|known| known.0 == kind) => {
            identifier::parse(&raw.value).map_err(|problem| problem.code())
        }
        _ => Err("unknown_kind"),
    };
    match read.map(|value| Identifier::new(kind, value)) {
        Ok(identifier) if identity::is_blocked(&identifier, &policy.identity) => {
            notes.add(kind, "blocked");
            None
        }
        Ok(identifier) => Some(identifier),
        Err(code) => {
            notes.add(kind, code);
            None
        }
    }
}

/// The value of a machine's id. What is unique in one system only carries the system's name in front.
pub(super) fn of_machine(
    kind: &str,
    value: &Value,
    source: &SourcePolicy,
    policy: &Policy,
    notes: &mut Notes,
) -> Option<String> {
    let value = match identifier::parse(&value.to_display()) {
        Ok(value) => value,
        Err(problem) => {
            notes.add(kind, problem.code());
            return None;
        }
    };
    let first = value.split_once('/').map(|(first, _)| first);
    match kind {
        "ma_id" if first.is_some_and(|first| policy.mas.contains_key(first)) => Some(value),
        "ma_id" => Some(format!("{}/{value}", source.name)),
        "crm_id" if first.is_some_and(|first| policy.crms.contains_key(first)) => Some(value),
        "crm_id" => match policy.crms.keys().next() {
            // Which record of which CRM it is must be beyond doubt: the bare id of the only CRM's lead.
            Some(only) if policy.crms.len() == 1 && first.is_none() => Some(format!("{only}/lead/{value}")),
            _ => {
                notes.add(kind, "which_crm");
                None
            }
        },
        _ => Some(value),
    }
}
