//! Answers and pushes as no system should send them, but some do.

use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use crate::answers::text_of;

/// A broken body and what is broken about it. None of them equals `body`.
pub(super) fn broken(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut made: Vec<(String, Vec<u8>)> = vec![
        ("nothing".to_owned(), vec![]),
        ("an empty object".to_owned(), b"{}".to_vec()),
        ("an empty list".to_owned(), b"[]".to_vec()),
        ("null".to_owned(), b"null".to_vec()),
        ("a text".to_owned(), b"\"ok\"".to_vec()),
        (
            "a web page".to_owned(),
            b"<!doctype html><html><title>Sign in</title><form></form></html>".to_vec(),
        ),
    ];
    for part in [1, 2, 3, 5, 8] {
        let end = body.len() * part / 9;
        made.push((format!("cut after {end} bytes"), body.get(..end).unwrap_or_default().to_vec()));
    }
    made.push((
        "cut before the last byte".to_owned(),
        body.split_last().map_or(vec![], |(_, rest)| rest.to_vec()),
    ));
    let mut dice = Moment::new(Timestamp(0), body.len() as u64);
    for round in 0..4 {
        let length = 1 + usize::try_from(dice.throw() % 300).unwrap_or(0);
        let bytes = (0..length).map(|_| dice.throw().to_le_bytes()[0]).collect();
        made.push((format!("random bytes, round {round}"), bytes));
    }
    made.retain(|(_, broken)| broken != body && broken.trim_ascii() != body.trim_ascii());
    made
}

/// Bodies that say with a success status that nothing worked, as one API or another does.
pub(super) fn refusals() -> [(&'static str, &'static [u8]); 6] {
    [
        ("an error in an object", br#"{"error":{"code":"internal","message":"it did not work"}}"#),
        ("a list of errors", br#"[{"errorCode":"UNKNOWN_EXCEPTION","message":"it did not work"}]"#),
        ("a code that is no success", br#"{"code":"5000047","msg":"it did not work","data":null}"#),
        ("success: false", br#"{"success":false,"errors":[{"message":"it did not work"}]}"#),
        ("ok: false", br#"{"ok":false,"reason":"it did not work"}"#),
        ("status: error", br#"{"status":"error","message":"it did not work","category":"INTERNAL"}"#),
    ]
}

/// What a CRM does to its answers between one day and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Ids of records are null.
    NullIds,
    /// Numbers come as texts.
    NumbersAsTexts,
    /// No record says when it was changed.
    NoDates,
    /// Fields have other names.
    RenamedFields,
    /// Values of picklists are others.
    OtherValues,
    /// The answer has ten megabytes.
    Huge,
}

impl Change {
    pub(super) const ALL: [Change; 6] = [
        Change::NullIds,
        Change::NumbersAsTexts,
        Change::NoDates,
        Change::RenamedFields,
        Change::OtherValues,
        Change::Huge,
    ];

    /// The answer after the change, where it changes anything; `ids` are those of the records it is about.
    pub(super) fn of(self, json: &Json, ids: &[String]) -> Option<Json> {
        let mut changed = json.clone();
        if self == Change::Huge {
            changed.as_object_mut()?.insert("padding_of_the_test".to_owned(), "x".repeat(10 << 20).into());
            return Some(changed);
        }
        self.walk(&mut changed, ids);
        (changed != *json).then_some(changed)
    }

    fn walk(self, json: &mut Json, ids: &[String]) {
        match json {
            Json::Object(map) => {
                if self == Change::NoDates {
                    map.retain(|name, _| !is_time_of_change(name));
                }
                if self == Change::RenamedFields {
                    for name in ["phone", "mobile", "email", "company", "title"] {
                        if let Some(value) = map.remove(name) {
                            map.insert(format!("{name}_2"), value);
                        }
                    }
                }
                if self == Change::OtherValues {
                    for (_, value) in map.iter_mut().filter(|(name, _)| is_choice(name)) {
                        if !value.is_object() && !value.is_array() {
                            *value = "a value nobody knows".into();
                        }
                    }
                }
                map.values_mut().for_each(|value| self.walk(value, ids));
            }
            Json::Array(list) => list.iter_mut().for_each(|value| self.walk(value, ids)),
            Json::Number(number) if self == Change::NumbersAsTexts => *json = number.to_string().into(),
            scalar if self == Change::NullIds && text_of(scalar).is_some_and(|text| ids.contains(&text)) => {
                *scalar = Json::Null;
            }
            _ => {}
        }
    }
}

fn is_time_of_change(name: &str) -> bool {
    let name = name.to_lowercase();
    ["modified", "updated", "changed", "write_date", "modstamp"].iter().any(|part| name.contains(part))
}

fn is_choice(name: &str) -> bool {
    ["stage", "state", "status", "source", "industry"].contains(&name.to_lowercase().as_str())
}
