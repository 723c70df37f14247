//! A CRM describes its fields day by day: what changed, what of the config that breaks, and what heals.

use std::collections::BTreeSet;

use leadloop_mapping::compile::Ground;
use leadloop_mapping::rule::{Rule, Way};
use leadloop_mapping::schema::{FieldKind, Length};
use leadloop_mapping::{FieldSchema, Mapping, ObjectSchema, Record, Value};
use leadloop_sync_core::describe::{RemoteField, RemoteObject};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::outbox::{DeliveryState, Operation, Outcome, Reply};
use leadloop_sync_core::schema::{Break, Known, What};
use leadloop_sync_core::settle;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::support::model::Model;
use crate::support::policy::{crm, standard};

/// `company → company`, `industry → industry` by a list, `note → comment` of at most 500.
fn mapping() -> Mapping {
    let text = || FieldSchema::of(FieldKind::Text);
    let pool = ["company", "industry", "note"];
    let pool = pool.into_iter().fold(ObjectSchema::new("pool"), |pool, name| pool.field(name, text()));
    let rule =
        |from: &str, to: &str| Rule { pool: from.into(), crm: to.into(), way: Way::ToCrm, ..Rule::default() };
    let rules = [
        rule("company", "company"),
        Rule {
            choose: [("it".to_owned(), Value::Int(1)), ("retail".to_owned(), Value::Int(2))].into(),
            ..rule("industry", "industry")
        },
        Rule { max: Some(Length::chars(500)), ..rule("note", "comment") },
    ];
    let remote = ObjectSchema::new("lead").open();
    let filled = BTreeSet::new();
    let ground = Ground { pool: &pool, crm: &remote, zone: "Asia/Shanghai", filled: &filled };
    leadloop_mapping::compile(&rules, ground).expect("the rules are right")
}

fn text(most: usize) -> RemoteField {
    RemoteField::of(FieldKind::Text).max(Some(Length::chars(most)))
}

/// The object as it was when everything was well; the status and feedback fields of the standard config too.
fn well() -> RemoteObject {
    let any = || RemoteField::of(FieldKind::Any);
    let names =
        ["name", "phone", "email", "owner_id", "status", "leadloop_id", "feedback", "feedback_remark"];
    let lead = names
        .into_iter()
        .chain(["release_reason"])
        .fold(RemoteObject::new("lead", "Lead"), |lead, name| lead.field(name, any()));
    lead.field("company", text(120).label("Company"))
        .field("industry", RemoteField::of(FieldKind::Picklist).choice(1_i64, "IT").choice(2_i64, "Retail"))
        .field("comment", text(2_000))
}

fn model() -> Model {
    let mut policy = standard();
    let settings = policy.crms.get_mut(&crm()).expect("the CRM");
    settings.described = vec!["lead".to_owned()];
    settings.mapping.insert("lead".to_owned(), mapping());
    let now = Timestamp::parse("2026-11-23 10:00", &policy.zone).expect("a time");
    let mut model = Model::new(policy, now, 3);
    let standing = settle::standing(&model.policy, &mut model.moment);
    let effects = standing.into_iter().map(|delivery| Effect::Enqueue(Box::new(delivery))).collect();
    model.commit(Reaction { effects, ..Reaction::default() });
    model
}

/// The next day's reading comes out so.
fn reads(model: &mut Model, outcome: Outcome) -> Known {
    model.moment.now = model.now() + Micros::days(1);
    let about = |operation: &Operation| matches!(operation, Operation::Describe { .. });
    let delivery = model.deliveries.iter().find(|it| about(&it.operation)).expect("it stands").clone();
    model.settle(&delivery, &outcome);
    Known::of(&model.book, &crm(), "lead")
}

fn described(model: &mut Model, object: RemoteObject) -> Known {
    reads(model, Outcome::Done(Reply::Described(Box::new(object))))
}

fn broken(known: &Known) -> Vec<(&str, Break)> {
    known.broken.iter().map(|broken| (broken.field.as_str(), broken.what)).collect()
}

fn alarms(model: &Model) -> Vec<&str> {
    model.alarms.values().map(|alarm| alarm.code.as_str()).collect()
}

#[test]
fn what_is_well_says_nothing_and_is_read_again_a_day_later() {
    let mut model = model();
    for _ in 0..3 {
        let known = described(&mut model, well());
        assert_eq!((known.changes.len(), broken(&known), alarms(&model)), (0, vec![], vec![]));
        assert_eq!(known.fields.len(), well().fields.len());
    }
    let standing = model.deliveries.iter().find(|it| it.standing.as_deref() == Some("describe/sales/lead"));
    let standing = standing.expect("it stands");
    assert_eq!((&standing.state, standing.due_at), (&DeliveryState::Due, model.now() + Micros::days(1)));
}

#[test]
fn each_thing_that_breaks_is_told_once_and_heals() {
    type Edit = fn(RemoteObject) -> RemoteObject;
    let edits: [(Edit, &str, Break, &str); 8] = [
        (
            |mut lead| {
                lead.fields.remove("company");
                lead
            },
            "company",
            Break::Gone,
            "LL4830",
        ),
        (
            |lead| lead.field("industry", RemoteField::of(FieldKind::Picklist).choice(1_i64, "IT")),
            "industry",
            Break::ValueGone,
            "LL4831",
        ),
        (|lead| lead.field("region", text(10).required(true)), "region", Break::Required, "LL4832"),
        (|lead| lead.field("company", text(120).required(true)), "company", Break::Required, "LL4832"),
        (|lead| RemoteObject { creatable: false, ..lead }, "", Break::NotWritable, "LL4833"),
        (|lead| lead.field("company", RemoteField::of(FieldKind::Ref)), "company", Break::Kind, "LL4833"),
        (|lead| lead.field("comment", text(200)), "comment", Break::Shorter, "LL4833"),
        (|lead| lead.field("company", text(120).writable(false)), "company", Break::NotWritable, "LL4833"),
    ];
    for (edit, field, what, code) in edits {
        let mut model = model();
        described(&mut model, well());
        for _ in 0..2 {
            let known = described(&mut model, edit(well()));
            assert_eq!((broken(&known), alarms(&model)), (vec![(field, what)], vec![code]));
        }
        let detail = model.alarms.values().next().expect("an alarm").detail.clone();
        assert!(detail.contains("leadloop crm schema --crm sales"), "{detail}");
        let known = described(&mut model, well());
        assert_eq!((broken(&known), alarms(&model)), (vec![], vec![]), "{field} is mended");
        assert_eq!(known.changes.len() % 2, 0, "there and back: {:?}", known.changes);
    }
}

#[test]
fn what_the_rule_allows_breaks_nothing() {
    let mut model = model();
    described(&mut model, well());
    // The rule sends at most 500; a new optional field, and a value more, concern nobody.
    let industry = RemoteField::of(FieldKind::Picklist).choice(1_i64, "IT").choice(2_i64, "Retail");
    let now = well()
        .field("comment", text(500))
        .field("colour", text(10))
        .field("industry", industry.choice(3_i64, "Energy"));
    let known = described(&mut model, now);
    assert_eq!((broken(&known), alarms(&model)), (vec![], vec![]));
    let what: Vec<&What> = known.changes.iter().map(|changed| &changed.what).collect();
    let value = "3".to_owned();
    let length = What::Length { from: Some(2_000), to: Some(500) };
    assert_eq!(what, [&What::New, &length, &What::ValueNew { value }]);
}

#[test]
fn a_field_with_another_name_is_recognised_by_its_label() {
    let mut model = model();
    described(&mut model, well());
    let mut now = well().field("company_name", text(120).label("Company"));
    now.fields.remove("company");
    let known = described(&mut model, now);
    let [changed] = known.changes.as_slice() else { panic!("{:?}", known.changes) };
    assert_eq!(changed.what, What::Renamed { to: "company_name".to_owned() });
    assert_eq!(alarms(&model), ["LL4830"]);
}

#[test]
fn an_object_that_is_not_shown_any_more_is_told() {
    let mut model = model();
    described(&mut model, well());
    let known = reads(&mut model, Outcome::Gone { detail: "no such object".to_owned() });
    assert_eq!((alarms(&model), known.unseen.as_deref()), (vec!["LL4834"], Some("no such object")));
    assert!(!known.fields.is_empty(), "what was known last is kept");
    let known = described(&mut model, well());
    assert_eq!((alarms(&model), known.unseen), (vec![], None));
}

#[test]
fn what_left_the_config_is_watched_no_more() {
    let mut model = model();
    described(&mut model, well());
    let mut now = well();
    now.fields.remove("company");
    described(&mut model, now.clone());
    assert_eq!(alarms(&model), ["LL4830"]);
    model.policy.crms.get_mut(&crm()).expect("the CRM").described.clear();
    described(&mut model, now);
    assert_eq!(alarms(&model), Vec::<&str>::new());
    let standing = model.deliveries.iter().find(|it| matches!(it.operation, Operation::Describe { .. }));
    assert_eq!(standing.expect("it stood").state, DeliveryState::Settled);
}

#[test]
fn records_that_were_sent_are_held_against_it() {
    let mut model = model();
    described(&mut model, well());
    let mut now = well()
        .field("industry", RemoteField::of(FieldKind::Picklist).choice(1_i64, "IT"))
        .field("comment", text(5))
        .field("region", text(10).required(true));
    now.fields.remove("company");
    let known = described(&mut model, now);
    let concerned = |record: &Record, made: bool| -> Vec<&str> {
        let broken = known.broken.iter().filter(|broken| broken.concerns(&known, record, made));
        broken.map(|broken| broken.field.as_str()).collect()
    };
    let all = Record::new().with("company", "示例").with("industry", 2_i64).with("comment", "longer");
    assert_eq!(concerned(&all, true), ["comment", "company", "industry", "region"]);
    let fine = Record::new().with("industry", 1_i64).with("comment", "short").with("region", "east");
    assert_eq!(concerned(&fine, true), Vec::<&str>::new());
    assert_eq!(concerned(&Record::new().with("company", Value::Null), false), Vec::<&str>::new());
}
