//! Made-up things of every kind, distinct by a number.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::{Record, Value};
use leadloop_store::{KeptPush, PushState, Stamp, Version};
use leadloop_sync_core::because::{Because, Reason};
use leadloop_sync_core::capture::{CaptureKind, Captured, DedupKey, Identifier, Quarantined, RawLead};
use leadloop_sync_core::effect::{AttemptNote, Deadline, Effect, Reaction, RemoteLink};
use leadloop_sync_core::handoff::{Clocks, Handoff, HandoffState};
use leadloop_sync_core::ids::{Id, LeadId, LinkName, SourceName};
use leadloop_sync_core::lead::{Binding, Fact, Lead, Origin, Owner, RemoteRef, Stage, Touch};
use leadloop_sync_core::mirror::{MirrorFacts, MirrorRow};
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Lane, Operation, Purpose};
use leadloop_sync_core::time::{Micros, Timestamp};

/// 2026-11-23 00:00 UTC and so many seconds.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp(1_795_392_000_000_000) + Micros::seconds(seconds)
}

/// The id of number `n`: ids sort as their numbers do.
pub(crate) fn id<K>(n: u64) -> Id<K> {
    Id::new(uuid::Uuid::from_u64_pair(0x019A_0000_0000_7000 | (n >> 32), 0x8000_0000_0000_0000 | n))
}

/// A version of the config that speaks to no system.
pub(crate) fn version(hash: &str) -> Version<'_> {
    Version { hash, outline: &serde_json::Value::Null, links: vec![] }
}

pub(crate) fn stamp(verb: &'static str) -> Stamp {
    Stamp { verb, config: "config-1".into(), now: at(0) }
}

pub(crate) fn phone(n: u64) -> Identifier {
    Identifier::new("phone", format!("+8613900{n:06}"))
}

pub(crate) fn capture(n: u64, key: DedupKey) -> Captured {
    Captured {
        id: id(n),
        push: None,
        position: u32::try_from(n).unwrap(),
        source: SourceName::from("website"),
        key,
        at: at(0),
        arrived: at(0),
        kind: CaptureKind::Touch,
        touch: "form_submitted".into(),
        who: vec![phone(n)],
        fields: Record::new()
            .with("name", "测试甲")
            .with("company", "示例科技")
            .with("budget", Value::Real(0.1)),
        ties: Default::default(),
    }
}

pub(crate) fn event(n: u64) -> Captured {
    capture(n, DedupKey::Event(format!("event-{n}")))
}

pub(crate) fn push(n: u64, captures: Vec<Captured>) -> KeptPush {
    KeptPush {
        id: id(n),
        source: SourceName::from("website"),
        arrived: at(0),
        method: "POST".into(),
        path: "/in/website".into(),
        headers: BTreeMap::from([("content-type".into(), "application/json".into())]),
        body: format!("{{\"n\":{n},\"text\":\"引号 \\\" 和 '\"}}").into_bytes(),
        config: "config-1".into(),
        state: PushState::Read,
        duplicate_within: Micros::minutes(10),
        captures,
        countable: BTreeMap::new(),
        counted: Vec::new(),
        quarantined: Vec::new(),
        resolves: Vec::new(),
    }
}

pub(crate) fn quarantined(position: u32) -> Quarantined {
    Quarantined {
        position,
        code: "LL4000".into(),
        detail: "phone: no digits; write it with its country code".into(),
        raw: RawLead {
            event_id: Some("7".into()),
            at: Some(at(1)),
            touch: None,
            fields: Record::new().with("mobile", "none"),
            position,
            ..RawLead::default()
        },
    }
}

pub(crate) fn lead(n: u64, version: i64) -> Lead {
    let fact = |value: &str| Fact { value: value.into(), source: SourceName::from("website"), at: at(0) };
    Lead {
        id: id(n),
        version,
        stage: Stage::Raw,
        stage_since: at(0),
        profile: BTreeMap::from([
            ("name".into(), fact(&format!("测试 {n}"))),
            ("company".into(), fact(&format!("示例科技 {n} 公司"))),
        ]),
        identifiers: BTreeSet::from([phone(n)]),
        consent: BTreeMap::new(),
        scores: BTreeMap::new(),
        origin: Origin {
            source: SourceName::from("website"),
            channel: "organic".into(),
            campaign: None,
            at: at(0),
        },
        last_touch_at: at(0),
        touches: 1,
        mql_at: None,
        mql: false,
        mql_of: None,
        mql_left: None,
        pool: None,
        owner: None,
        remotes: BTreeSet::new(),
        track: None,
        rest_until: None,
        feedback: None,
        tags: BTreeSet::from(["a \"tag\"".into()]),
        recycled: 0,
        won_amount: None,
        created_at: at(0),
        merged_into: None,
        bonds: Default::default(),
        marks: Default::default(),
    }
}

pub(crate) fn binding(n: u64, identifier: Identifier) -> Binding {
    Binding { identifier, lead: id(n), source: SourceName::from("website"), at: at(0), last_at: at(1) }
}

pub(crate) fn touch(n: u64, of: u64, seconds: i64) -> Touch {
    Touch {
        id: id(n),
        lead: id(of),
        capture: id(n),
        at: at(seconds),
        kind: "form_submitted".into(),
        source: SourceName::from("website"),
        channel: "organic".into(),
        by: Some(phone(of)),
        fields: Record::new().with("page", "/pricing"),
        points: BTreeMap::from([("interest".into(), 30_000_000)]),
        counted: BTreeMap::new(),
    }
}

pub(crate) fn handoff(n: u64, of: u64, version: i64, state: HandoffState) -> Handoff {
    Handoff {
        id: id(n),
        version,
        lead: id(of),
        link: LinkName::from("sales"),
        state,
        state_since: at(i64::try_from(n % 1000).unwrap()),
        opened_at: at(0),
        decision: None,
        rule: Some("everyone else".into()),
        action: None,
        owner: Some(Owner { person: None, crm_user: format!("u{}", of % 3) }),
        remote: None,
        company_key: Some(format!("company-{}", of % 4)),
        agreed: Record::new().with("name", "测试"),
        feedback: None,
        remark: None,
        due: None,
        clocks: Clocks::default(),
        parked: None,
        rules_tried: 0,
        by: None,
        desk: None,
    }
}

pub(crate) fn remote(object: &str, n: u64) -> RemoteRef {
    RemoteRef { link: LinkName::from("sales"), object: object.into(), id: n.to_string() }
}

pub(crate) fn remote_link(n: u64, of: u64) -> RemoteLink {
    RemoteLink {
        pairs: leadloop_mapping::merge::Agreed::default(),
        in_step: leadloop_sync_core::agree::InStep::default(),
        remote: remote("lead", n),
        lead: id(of),
        handoff: None,
        agreed: Record::new().with("status", 2),
        at: at(0),
    }
}

pub(crate) fn mirror_row(object: &str, n: u64) -> MirrorRow {
    MirrorRow {
        remote: remote(object, n),
        facts: MirrorFacts { phones: vec![phone(n).value], open: true, ..MirrorFacts::default() },
        fields: Record::new().with("mobile", phone(n).value),
        modified_at: Some(at(0)),
        seen_at: at(1),
        deleted: false,
    }
}

pub(crate) fn delivery(n: u64, stream: &str, lane: Lane) -> Delivery {
    Delivery {
        id: id(n),
        seq: 0,
        link: LinkName::from("sales"),
        stream: stream.into(),
        lane,
        purpose: Purpose::Handover,
        operation: Operation::Create {
            object: "lead".into(),
            record: Record::new().with("name", "测试"),
            mark: format!("H-{n}"),
        },
        lead: Some(id(n)),
        handoff: None,
        state: DeliveryState::Due,
        due_at: at(0),
        attempt: 0,
        probe: None,
        created_at: at(0),
        joined: None,
        standing: None,
        run: None,
    }
}

pub(crate) fn note(class: &str) -> AttemptNote {
    AttemptNote { at: at(5), class: class.into(), detail: format!("it was {class}") }
}

pub(crate) fn deadline(key: &str, of: LeadId, seconds: i64) -> Deadline {
    Deadline { key: key.into(), at: at(seconds), kind: "sla".into(), step: 1, lead: of, handoff: None }
}

pub(crate) fn reaction(effects: Vec<Effect>) -> Reaction {
    Reaction { effects, because: Because::default() }
}

pub(crate) fn because(of: u64, code: &str) -> Because {
    Because {
        lead: Some(id(of)),
        reasons: vec![Reason::new(code).with("saw", "a value")],
        ..Because::default()
    }
}

pub(crate) fn put(lead: Lead) -> Effect {
    Effect::PutLead(Box::new(lead))
}
