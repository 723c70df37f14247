//! Runs `cases/pool/intake.toml`: what a record becomes, or why it waits.

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::{CaptureKind, Captured, DedupKey, Identifier, RawLead, Ties};
use leadloop_sync_core::intake;
use leadloop_sync_core::lead::Lead;
use toml::{Table, Value as Toml};

use crate::rules;
use crate::world::{World, time};

pub(crate) fn value(toml: &Toml) -> Value {
    match toml {
        Toml::String(text) => Value::text(text.as_str()),
        Toml::Integer(number) => Value::Int(*number),
        Toml::Float(number) => Value::Real(*number),
        Toml::Boolean(yes) => Value::Bool(*yes),
        Toml::Array(list) => Value::List(list.iter().map(value).collect()),
        other => panic!("{other:?} is no value"),
    }
}

pub(crate) fn raw(step: &Table) -> RawLead {
    let text = |key: &str| step.get(key).and_then(Toml::as_str);
    let fields = step.get("fields").and_then(Toml::as_table).cloned().unwrap_or_default();
    RawLead {
        event_id: text("event_id").map(str::to_owned),
        told: None,
        at: text("at").map(time),
        touch: text("touch").map(str::to_owned),
        fields: fields.iter().map(|(name, toml)| (name.as_str(), value(toml))).collect(),
        position: 1,
        ties: ties(step),
    }
}

/// `link = [["cookie", "a", "login_id", "b"]]`, `unlink = [["phone", "139…"]]`.
fn ties(step: &Table) -> Ties {
    let rows = |key: &str| step.get(key).and_then(Toml::as_array).cloned().unwrap_or_default();
    let words = |row: &Toml| -> Vec<String> {
        let words = row.as_array().expect("a list").iter();
        words.map(|word| word.as_str().expect("a text").to_owned()).collect()
    };
    Ties {
        link: rows("link")
            .iter()
            .map(words)
            .map(|row| (Identifier::new(&row[0], row[1].as_str()), Identifier::new(&row[2], row[3].as_str())))
            .collect(),
        unlink: rows("unlink")
            .iter()
            .map(words)
            .map(|row| Identifier::new(&row[0], row[1].as_str()))
            .collect(),
    }
}

/// What differs from the expectation, in words.
fn differences(captured: &Captured, expect: &Table) -> Vec<String> {
    let mut wrong = Vec::new();
    let who: Vec<String> = captured.who.iter().map(|id| format!("{} {}", id.kind.0, id.value)).collect();
    for (key, expected) in expect {
        let seen = match key.as_str() {
            "touch" => Toml::String(captured.touch.clone()),
            "at" => Toml::String(captured.at.to_string()),
            "who" => Toml::Array(who.iter().cloned().map(Toml::String).collect()),
            "answer" => Toml::Boolean(captured.kind == CaptureKind::Feedback),
            "key" => match &captured.key {
                DedupKey::Event(id) => Toml::String(format!("event {id}")),
                DedupKey::Content(_) => Toml::String("content".to_owned()),
            },
            "notes" => {
                let notes = captured.fields.get("touch.notes").cloned().unwrap_or(Value::List(vec![]));
                Toml::try_from(notes.to_json()).expect("notes are texts")
            }
            "fields" => {
                wrong.extend(fields(&captured.fields, expected.as_table().expect("fields are a table")));
                continue;
            }
            "absent" => {
                let names = expected.as_array().expect("names").iter().filter_map(Toml::as_str);
                wrong.extend(
                    names.filter(|name| captured.fields.get(name).is_some()).map(|n| format!("{n} is there")),
                );
                continue;
            }
            other => panic!("nothing is called `{other}`"),
        };
        if seen != *expected {
            wrong.push(format!("{key}: {seen} instead of {expected}"));
        }
    }
    wrong
}

fn fields(record: &Record, expected: &Table) -> Vec<String> {
    let unlike = expected.iter().filter(|(name, toml)| record.get(name) != Some(&value(toml)));
    unlike.map(|(name, toml)| format!("{name}: {:?} instead of {toml}", record.get(name))).collect()
}

#[test]
fn every_record_is_read_as_the_cases_say() {
    let file: Table = include_str!("../cases/pool/intake.toml").parse().expect("the file is TOML");
    let cases = file["case"].as_array().expect("a list of cases");
    assert!(cases.len() >= 30, "only {} cases were read", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let case = case.as_table().expect("a table");
        let name = case["name"].as_str().expect("a name");
        let mut world = World::new(rules::standard());
        let source = case.get("source").and_then(Toml::as_str).unwrap_or("website");
        let read = world.read(source, &raw(case));
        let refused = case.get("quarantined").and_then(Toml::as_str);
        match (read, refused, case.get("expect").and_then(Toml::as_table)) {
            (Err(found), Some(code), _) => {
                let says = case.get("says").and_then(Toml::as_str).unwrap_or("");
                if found.code != code || !found.detail.contains(says) {
                    wrong.push(format!("{name}: {} {}", found.code, found.detail));
                }
            }
            (Ok(None), None, None) => assert_eq!(case.get("ignored"), Some(&Toml::Boolean(true)), "{name}"),
            (Ok(Some(captured)), None, Some(expect)) => {
                wrong.extend(differences(&captured, expect).iter().map(|text| format!("{name}: {text}")));
            }
            (found, ..) => wrong.push(format!("{name}: {found:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_huge_record_is_refused_and_kept_whole() {
    let mut world = World::new(rules::standard());
    let many: Record = (0..=intake::MOST_FIELDS).map(|i| (format!("phone{i}"), Value::text("x"))).collect();
    let big = Record::new().with("phone", "13900001111").with("note", "长".repeat(400_000));
    for fields in [many, big] {
        let raw = RawLead { fields, ..RawLead::default() };
        let refused = world.read("website", &raw).unwrap_err();
        assert_eq!(refused.code, "LL4002");
        assert_eq!(refused.raw, raw);
    }
}

#[test]
fn what_is_taken_is_bounded() {
    let mut world = World::new(rules::standard());
    let mut fields = Record::new().with("phone", "13900001111").with("requirement", "需求".repeat(20_000));
    for i in 0..200 {
        fields.set(format!("email{i}"), format!("test{i}@shili.example"));
    }
    let emails: Vec<String> = (0..90).map(|i| format!("test{i}@shili.example")).collect();
    fields.set("email", emails.join(";"));
    fields.set("cookie", Value::List((0..5_000).map(|i| Value::text(format!("c{i}"))).collect()));
    let captured =
        world.read("website", &RawLead { fields, ..RawLead::default() }).expect("taken").expect("kept");
    assert!(captured.who.len() <= intake::MOST_IDENTIFIERS, "{} identifiers", captured.who.len());
    let text = captured.fields.text("requirement").expect("it is there");
    assert_eq!(text.chars().count(), intake::MOST_TEXT);
    let DedupKey::Content(key) = &captured.key else { panic!("no content key") };
    assert_eq!(key.len(), 32);
    let raw = RawLead {
        event_id: Some("e".repeat(5_000_000)),
        fields: Record::new().with("phone", "13900001111"),
        ..RawLead::default()
    };
    let captured = world.read("website", &raw).expect("taken").expect("kept");
    assert!(matches!(captured.key, DedupKey::Event(key) if key.len() < 100));
}

#[test]
fn the_same_content_has_the_same_key_whatever_the_spelling_and_another_source_another() {
    let mut world = World::new(rules::standard());
    let mut key = |source: &str, fields: &[(&str, &str)]| {
        let raw = RawLead { fields: crate::world::record(fields), position: 3, ..RawLead::default() };
        world.now = world.now + leadloop_sync_core::time::Micros::seconds(30);
        world.read(source, &raw).expect("taken").expect("kept").key
    };
    let once = key("website", &[("mobile", "13900001111"), ("email", "jia@shili.example")]);
    assert_eq!(once, key("website", &[("mobile", "+86 139-0000-1111"), ("email", "JIA@shili.example")]));
    assert_ne!(once, key("website", &[("mobile", "13900001112"), ("email", "jia@shili.example")]));
    assert_ne!(once, key("fair", &[("mobile", "13900001111"), ("email", "jia@shili.example")]));
    // A stable hash: this very value is in databases.
    let DedupKey::Content(text) = once else { panic!("no content key") };
    insta::assert_snapshot!(text, @"956ae2d85d28eedd8ed9877437ef3700");
}

/// The lead of a test, by the identifier that the case names.
pub(crate) fn lead_of<'w>(world: &'w World, who: &str) -> &'w Lead {
    let (kind, value) = who.split_once(' ').expect("`kind value`");
    world.lead(kind, value)
}
