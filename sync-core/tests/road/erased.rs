//! Forgetting a person: what stays, and what CRM and MA are told.

use std::collections::BTreeSet;

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::book::Book;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::erase;
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, RetryPolicy};
use leadloop_sync_core::policy::MaPolicy;
use leadloop_sync_core::time::Timestamp;

use crate::support::{policy, rows};

#[test]
fn the_person_goes_and_a_skeleton_stays() {
    let mut rules = policy::standard();
    let ma = LinkName::from("nurturing");
    rules.mas.insert(
        ma.clone(),
        MaPolicy {
            link: ma.clone(),
            source: SourceName::from("nurturing"),
            gives: BTreeSet::new(),
            quiet_while: BTreeSet::new(),
            retry: RetryPolicy::default(),
        },
    );
    let mut moment = Moment::new(Timestamp(1_800_000_000_000_000), 3);
    let mut lead = rows::lead(
        rows::lead_id(1, moment.now),
        &[("name", "测试甲"), ("phone", "+8613800001111")],
        moment.now,
    );
    lead.remotes.extend([rows::remote("lead", "77"), rows::remote("account", "9")]);
    lead.identifiers.insert(Identifier::new("ma_id", "nurturing/m-1"));
    let mut book = Book::default();
    rows::keep_lead(&mut book, &lead);
    let reaction = erase::erase(&book, lead.id, &rules, &mut moment).expect("a person");
    let told: Vec<&Operation> = reaction
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Enqueue(delivery) => Some(&delivery.operation),
            _ => None,
        })
        .collect();
    let [Operation::Update { remote, record }, Operation::Tell { id, record: said }] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!((remote.object.as_str(), remote.id.as_str()), ("lead", "77"), "accounts are no persons");
    assert!(
        record.iter().all(|(_, value)| value.is_blank() || *value == Value::text(erase::ERASED)),
        "{record:?}"
    );
    assert!(record.iter().any(|(_, value)| value.is_blank()), "its phone is emptied: {record:?}");
    assert_eq!(id, "m-1");
    let no = || Value::Bool(false);
    assert_eq!(*said, Record::new().with("may_mail", no()).with("may_phone", no()).with("may_sms", no()));
    let text = format!("{reaction:?}");
    let left =
        text.replace("Unbind(Identifier { kind: IdentifierKind(\"phone\"), value: \"+8613800001111\" })", "");
    assert!(!left.contains("13800001111") && !left.contains("测试甲"), "{left}");
    let skeleton = reaction.effects.iter().find_map(|effect| match effect {
        Effect::PutLead(lead) => Some(lead),
        _ => None,
    });
    let skeleton = skeleton.expect("the lead is written");
    assert_eq!((skeleton.stage, skeleton.version), (Stage::Closed, lead.version + 1));
    assert_eq!((&skeleton.origin, skeleton.touches), (&lead.origin, lead.touches));
}
