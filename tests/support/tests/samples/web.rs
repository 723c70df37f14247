//! `web_forms.jsonl`: one HTTP push of the website a line, its content type and its body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::cast::Cast;
use crate::dice::Dice;
use crate::record::{Record, assert_distinct};
use crate::truth::Truth;

/// A push and how many records it holds that can be taken.
struct Push {
    line: Value,
    records: usize,
    taken: usize,
}

pub(crate) fn make(cast: &Cast, truth: &mut Truth) -> Vec<u8> {
    let mut dice = Dice::new(1);
    let mut records: Vec<(Record, bool)> = Vec::new();
    for person in cast.through("website", &mut dice) {
        // Some ask twice, with other words.
        for _ in 0..if dice.percent(15) { 2 } else { 1 } {
            records.push((Record::of(person, cast, &mut dice), true));
        }
    }
    assert_distinct(records.iter().map(|(record, _)| record));
    let source = truth.of("website");
    for _ in 0..9 {
        let (record, reason) = Record::nobody(cast, &mut dice);
        *source.quarantined.entry(reason).or_default() += 1;
        records.push((record, false));
    }
    dice.shuffle(&mut records);
    let mut pushes = encode(&records, &mut dice);
    // A double click, an impatient reload: the same body again, some pushes later.
    for _ in 0..12 {
        let at = dice.below(pushes.len() - 30);
        let again = pushes[at].line.clone();
        let (records, taken) = (pushes[at].records, pushes[at].taken);
        if taken != records || records == 0 {
            continue;
        }
        source.duplicates += taken;
        pushes.insert(at + 1 + dice.below(20), Push { line: again, records, taken });
    }
    for line in unreadable() {
        source.unreadable_bodies += 1;
        let at = dice.below(pushes.len());
        pushes.insert(at, Push { line, records: 0, taken: 0 });
    }
    source.sent = pushes.len();
    source.records = pushes.iter().map(|push| push.records).sum();
    pushes.iter().flat_map(|push| format!("{}\n", push.line).into_bytes()).collect()
}

fn encode(records: &[(Record, bool)], dice: &mut Dice) -> Vec<Push> {
    let mut pushes = Vec::new();
    let mut rest = records;
    while let Some(((record, good), others)) = rest.split_first() {
        let short = dice.percent(50);
        let one = |line| Push { line, records: 1, taken: usize::from(*good) };
        match dice.below(100) {
            0..45 => pushes.push(one(urlencoded(&fields(record, short)))),
            45..60 => pushes.push(one(multipart(&fields(record, short), pushes.len()))),
            60..88 => pushes.push(one(json!({
                "content_type": "application/json",
                "body": object(&fields(record, short)).to_string(),
            }))),
            _ => {
                // A landing page that saved what it could not send while the visitor was offline.
                let count = (2 + dice.below(4)).min(rest.len());
                let (batch, others) = rest.split_at(count);
                let body: Vec<Value> =
                    batch.iter().map(|(record, _)| object(&fields(record, short))).collect();
                pushes.push(Push {
                    line: json!({ "content_type": "application/json; charset=utf-8", "body": Value::from(body).to_string() }),
                    records: count,
                    taken: batch.iter().filter(|(_, good)| *good).count(),
                });
                rest = others;
                continue;
            }
        }
        rest = others;
    }
    pushes
}

/// The names of the two forms on the website: one has the pool's own, the other those the config maps.
fn fields(record: &Record, short: bool) -> Vec<(&'static str, String)> {
    let names = if short {
        ["name", "mobile", "email", "corp", "title", "province", "industry", "employees", "need", "consent"]
    } else {
        [
            "name",
            "phone",
            "email",
            "company",
            "title",
            "province",
            "industry",
            "employees",
            "requirement",
            "consent",
        ]
    };
    let values = [
        &record.name,
        &record.phone,
        &record.email,
        &record.company,
        &record.title,
        &record.province,
        &record.industry,
        &record.employees,
        &record.requirement,
        &record.consent,
    ];
    // A form sends its empty fields too, except the ones that this page does not have.
    let mut fields: Vec<(&str, String)> = names
        .into_iter()
        .zip(values)
        .filter(|(name, value)| !value.is_empty() || matches!(*name, "name" | "phone" | "mobile" | "email"))
        .map(|(name, value)| (name, value.clone()))
        .collect();
    if let Some((from, medium, code, words)) = record.utm {
        let utm = [("utm_source", from), ("utm_medium", medium), ("utm_campaign", code), ("utm_term", words)];
        fields.extend(
            utm.iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
    }
    fields
}

fn object(fields: &[(&'static str, String)]) -> Value {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
        .collect::<Map<_, _>>()
        .into()
}

fn urlencoded(fields: &[(&'static str, String)]) -> Value {
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
    json!({ "content_type": "application/x-www-form-urlencoded", "body": body.join("&") })
}

fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn multipart(fields: &[(&'static str, String)], number: usize) -> Value {
    let boundary = format!("----FormBoundary{number:06}");
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    json!({ "content_type": format!("multipart/form-data; boundary={boundary}"), "body": body })
}

/// Bodies of which no record can be read: they are answered with 400, kept and parked.
fn unreadable() -> [Value; 3] {
    let cut = r#"{"name":"测试甲子","phone":"138000"#;
    let gbk = encoding_rs::GB18030.encode(r#"{"name":"测试乙丑","company":"上海示例机器人"#).0;
    [
        json!({ "content_type": "application/json", "body": cut }),
        json!({ "content_type": "application/json", "body_base64": STANDARD.encode(gbk) }),
        json!({ "content_type": "application/json", "body": "\"thank you\"" }),
    ]
}
