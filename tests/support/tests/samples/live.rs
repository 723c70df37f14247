//! `webhook.jsonl`: events of a live-stream platform, nested as such platforms nest them; `ma_contacts.jsonl`: what the
//! sandbox MA knows and pushes.

use serde_json::{Value, json};

use crate::cast::{Cast, Person};
use crate::dice::Dice;
use crate::record::Record;
use crate::truth::Truth;

const CHANNELS: [(&str, &str); 2] =
    [("3151318", "示例直播：产线数字化"), ("3151319", "Example live: traceability")];

pub(crate) fn events(cast: &Cast, truth: &mut Truth) -> Vec<u8> {
    let mut dice = Dice::new(4);
    let mut records: Vec<(Record, bool)> = Vec::new();
    for person in cast.through("live", &mut dice) {
        for _ in 0..if dice.percent(25) { 2 } else { 1 } {
            records.push((Record::of(person, cast, &mut dice), true));
        }
    }
    let source = truth.of("live");
    for _ in 0..4 {
        let (record, reason) = Record::nobody(cast, &mut dice);
        *source.quarantined.entry(reason).or_default() += 1;
        records.push((record, false));
    }
    dice.shuffle(&mut records);
    let mut events: Vec<(Value, bool)> =
        records.iter().enumerate().map(|(i, (record, good))| (event(i, record, &mut dice), *good)).collect();
    // The platform tells an event again when our answer was slow; of some it has counted more minutes by then.
    for i in 0..10 {
        let at = dice.below(events.len() - 20);
        let (mut again, good) = events[at].clone();
        if !good {
            continue;
        }
        if i % 4 == 0 {
            again["watch"]["minutes"] = json!(again["watch"]["minutes"].as_u64().unwrap() + 1);
        }
        source.duplicates += 1;
        events.insert(at + 1 + dice.below(15), (again, true));
    }
    source.records = events.len();
    source.sent = events.len();
    events.iter().flat_map(|(event, _)| format!("{event}\n").into_bytes()).collect()
}

fn event(number: usize, record: &Record, dice: &mut Dice) -> Value {
    let (channel, title) = dice.pick(&CHANNELS);
    let blank = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
    json!({
        "event_id": format!("live-{:06}", 100_001 + number),
        "event": "viewer.left",
        "channel": { "id": channel, "title": title },
        "viewer": {
            "id": format!("v{:05}", 20_001 + number),
            "profile": {
                "nickname": record.name,
                "mobile": blank(&record.phone),
                "mail": blank(&record.email),
                "company": { "name": record.company, "size": blank(&record.employees) },
                "position": record.title,
            },
            "region": { "country": "中国", "province": blank(&record.province) },
            "agreements": { "contact": blank(&record.consent) },
        },
        "watch": { "minutes": 1 + dice.below(75), "device": *dice.pick(&["mobile", "pc"]) },
        "question": blank(&record.requirement),
        "track": { "utm_source": "wechat", "utm_medium": "social", "utm_campaign": "live-2026-11" },
    })
}

pub(crate) fn ma_contacts(cast: &Cast, truth: &mut Truth) -> Vec<u8> {
    let mut dice = Dice::new(5);
    let people = cast.through("nurturing", &mut dice);
    let lines: Vec<u8> = people
        .iter()
        .enumerate()
        .flat_map(|(i, person)| format!("{}\n", contact(i, person, cast, &mut dice)).into_bytes())
        .collect();
    let source = truth.of("nurturing");
    (source.records, source.sent) = (people.len(), people.len());
    lines
}

fn contact(number: usize, person: &Person, cast: &Cast, dice: &mut Dice) -> Value {
    let record = Record::of(person, cast, dice);
    let mut fields = serde_json::Map::new();
    fields.insert("ma_id".to_owned(), Value::from(format!("ma-{:05}", 5001 + number)));
    let texts = [
        ("name", &record.name),
        ("phone", &record.phone),
        ("email", &record.email),
        ("company", &record.company),
        ("title", &record.title),
    ];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        fields.insert(name.to_owned(), Value::from(text.as_str()));
    }
    let clicks = dice.below(7);
    fields.insert("points".to_owned(), Value::from(5 * dice.below(10) + 8 * clicks));
    fields.insert("clicks".to_owned(), Value::from(clicks));
    Value::Object(fields)
}
