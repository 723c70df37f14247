//! Leads and CRM records for the tests.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::book::Book;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::ids::{CaptureId, LeadId, SourceName, TouchId};
use leadloop_sync_core::lead::{Binding, Consent, Fact, Lead, Origin, RemoteRef, Stage, Touch};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::mirror_read;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::normal::email;
use leadloop_sync_core::normal::phone::{self, Country};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::Timestamp;

use super::policy::crm;

/// The source of the test leads.
pub(crate) const SOURCE: &str = "website";

/// The id of the numbered test lead.
pub(crate) fn lead_id(number: u64, now: Timestamp) -> LeadId {
    Moment::new(now, number.wrapping_mul(7_919)).id()
}

/// A lead with these profile fields, known by its phone and mail, with consent for the transfer.
pub(crate) fn lead(id: LeadId, fields: &[(&str, &str)], now: Timestamp) -> Lead {
    let source = SourceName::from(SOURCE);
    let mut profile = BTreeMap::new();
    let mut identifiers = BTreeSet::new();
    for (name, value) in fields {
        let value = match *name {
            "phone" => Value::Text(phone::parse(value, Country::CN).expect("a phone").e164),
            "email" => Value::Text(email::parse(value).expect("an address").address),
            "company.employees" => Value::Int(value.parse().expect("a number")),
            _ => Value::text(*value),
        };
        if matches!(*name, "phone" | "email") {
            identifiers.insert(Identifier::new(name, value.to_display()));
        }
        profile.insert((*name).to_owned(), Fact { value, source: source.clone(), at: now });
    }
    let consent = Consent {
        given: true,
        at: now,
        source: source.clone(),
        text_version: Some("2026-01".to_owned()),
        assumed: false,
    };
    Lead {
        id,
        version: 1,
        stage: Stage::Raw,
        stage_since: now,
        profile,
        identifiers,
        consent: BTreeMap::from([("transfer".to_owned(), consent)]),
        scores: BTreeMap::new(),
        origin: Origin { source, channel: "百度 SEM".to_owned(), campaign: None, at: now },
        last_touch_at: now,
        touches: 1,
        mql_at: Some(now),
        mql: true,
        mql_of: None,
        mql_left: None,
        pool: None,
        owner: None,
        remotes: BTreeSet::new(),
        track: None,
        rest_until: None,
        feedback: None,
        tags: BTreeSet::new(),
        recycled: 0,
        won_amount: None,
        created_at: now,
        merged_into: None,
        bonds: Default::default(),
        marks: Default::default(),
    }
}

/// Puts a lead and its identifiers into a book.
pub(crate) fn keep_lead(book: &mut Book, lead: &Lead) {
    for identifier in &lead.identifiers {
        let binding = Binding {
            identifier: identifier.clone(),
            lead: lead.id,
            source: SourceName::from(SOURCE),
            at: lead.created_at,
            last_at: lead.created_at,
        };
        book.identifiers.insert(identifier.clone(), binding);
    }
    book.leads.insert(lead.id, lead.clone());
}

/// A touch of a lead.
pub(crate) fn touch(moment: &mut Moment, lead: LeadId, kind: &str) -> Touch {
    let (id, capture): (TouchId, CaptureId) = (moment.id(), moment.id());
    Touch {
        id,
        lead,
        capture,
        at: moment.now,
        kind: kind.to_owned(),
        source: SourceName::from(SOURCE),
        channel: "百度 SEM".to_owned(),
        by: None,
        fields: Record::new(),
        points: BTreeMap::new(),
        counted: BTreeMap::new(),
    }
}

/// The reference of a CRM record.
pub(crate) fn remote(object: &str, id: &str) -> RemoteRef {
    RemoteRef { link: crm(), object: object.to_owned(), id: id.to_owned() }
}

/// A record as the CRM gives it.
pub(crate) fn record(object: &str, id: &str, fields: Record, modified_at: Timestamp) -> RemoteRecord {
    let deleted = fields.get("deleted").and_then(Value::as_bool).unwrap_or(false);
    RemoteRecord {
        object: object.to_owned(),
        id: id.to_owned(),
        fields,
        modified_at: Some(modified_at),
        deleted,
    }
}

/// Puts a CRM record into the mirror.
pub(crate) fn mirror(book: &mut Book, policy: &Policy, record: &RemoteRecord, now: Timestamp) {
    book.put_mirror(&mirror_read::read_by(policy, &crm(), record, now));
}

/// All salespeople as active users of the CRM, and every object mirrored just now.
pub(crate) fn mirror_users(book: &mut Book, policy: &Policy, now: Timestamp) {
    for person in policy.people.values() {
        let fields = Record::new().with("name", person.name.as_str()).with("state", "active");
        let id = person.crm_user.get(&crm()).expect("a user id");
        mirror(book, policy, &record("user", id, fields, now), now);
    }
    fresh(book, policy, now);
}

/// Every object was mirrored at that time.
pub(crate) fn fresh(book: &mut Book, policy: &Policy, at: Timestamp) {
    for crm in policy.crms.values() {
        for object in &crm.mirrored {
            book.fresh.insert((crm.link.clone(), object.clone()), at);
        }
    }
}
