//! The connectors of the sandbox against the running sandbox, over HTTP.
//!
//! `record` plays every conversation of the fixtures against it and holds the outcome; with `RECORD=1` it writes them anew.
#![expect(clippy::disallowed_methods, reason = "the test is the other side of the wire")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test without its sandbox has to fail")]

mod live;
mod record;
mod scenes;

use std::collections::BTreeSet;
use std::net::TcpListener;

use leadloop_connector_api::Connector;
use leadloop_connector_api::http::Method;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation, Outcome, Reply};
use serde_json::json;

use live::{Live, SECRET, link, listen};

pub(crate) fn connector(name: &str) -> &'static dyn Connector {
    leadloop_connectors::registry().get(name).unwrap()
}

fn person(number: u32) -> Record {
    Record::new()
        .with("name", format!("测试{number}"))
        .with("phone", format!("139{number:08}"))
        .with("email", format!("p{number}@shili.example"))
}

pub(crate) fn create(number: u32) -> Operation {
    Operation::Create { object: "lead".into(), record: person(number), mark: format!("h-{number}") }
}

fn find(object: &str, by: FindBy) -> Operation {
    Operation::Find { object: object.into(), by }
}

fn lead(id: &str) -> RemoteRef {
    RemoteRef { link: "sales".into(), object: "lead".into(), id: id.into() }
}

#[track_caller]
fn found(outcome: &Outcome) -> &[RemoteRecord] {
    match outcome {
        Outcome::Done(Reply::Found(records)) => records,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn written(outcome: &Outcome) -> &RemoteRef {
    match outcome {
        Outcome::Done(Reply::Written(remote)) => remote,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_lost_after_the_write_leaves_one_record() {
    for mode in ["unique", "plain"] {
        let live = Live::start();
        live.admin(Method::Patch, "/admin/tuning", json!({"mark": mode, "duplicate_rule": "off"}));
        let (sandbox, link) = (connector("sandbox"), link("sales", &[("mark_mode", mode)]));
        for fault in ["lost_answer", "truncated"] {
            live.fault(fault);
            let number = if fault == "truncated" { 2 } else { 1 };
            assert!(live.run(sandbox, &link, &[create(number)]).is_err(), "{mode}: {fault} was answered");
            let probe = [find("lead", FindBy::Mark(format!("h-{number}")))];
            let outcomes = live.outcomes(sandbox, &link, &probe);
            assert_eq!(found(&outcomes[0]).len(), 1, "{mode} {fault}");
            assert!(!found(&outcomes[0])[0].deleted);
        }
        let again = &live.outcomes(sandbox, &link, &[create(1)])[0];
        match mode {
            "unique" => assert_eq!(again, &Outcome::Conflict { remote: lead("L1001"), same_mark: true }),
            _ => assert_eq!(
                written(again),
                &lead("L1003"),
                "a plain mark guards nothing: it has to be asked about first"
            ),
        }
        let none = live.outcomes(sandbox, &link, &[find("lead", FindBy::Mark("h-9".into()))]);
        assert!(found(&none[0]).is_empty());
    }
}

#[test]
fn a_write_that_failed_after_the_fact_is_of_unknown_outcome() {
    let live = Live::start();
    let (sandbox, link) = (connector("sandbox"), link("sales", &[]));
    live.fault("error_after");
    let outcomes = live.outcomes(sandbox, &link, &[create(1)]);
    assert!(matches!(outcomes[0], Outcome::Unavailable { sent: true, .. }), "{outcomes:?}");
    for fault in ["html", "empty", "bad_gateway"] {
        live.fault(fault);
        let outcomes = live.outcomes(sandbox, &link, &[create(7), create(8)]);
        assert!(
            outcomes.iter().all(|o| matches!(o, Outcome::Unavailable { sent: true, .. })),
            "{fault}: {outcomes:?}"
        );
    }
}

#[test]
fn many_records_are_written_found_and_listed_in_few_requests() {
    let live = Live::start();
    let (sandbox, link) = (connector("sandbox"), link("sales", &[]));
    let all: Vec<u32> = (1..=1_200).collect();
    for part in all.chunks(200) {
        let operations: Vec<Operation> = part.iter().map(|number| create(*number)).collect();
        let (exchanged, outcomes) = live.run(sandbox, &link, &operations).map_err(|_| "broke").unwrap();
        assert_eq!(exchanged.len(), 1);
        outcomes.iter().for_each(|outcome| drop(written(outcome).clone()));
    }
    let operations: Vec<Operation> = (1..=200)
        .map(|number| {
            let keys = vec![
                ("phone".into(), format!("+86139{number:08}")),
                ("email".into(), format!("P{number}@shili.example")),
            ];
            find("lead", FindBy::Keys(keys))
        })
        .collect();
    let (exchanged, outcomes) = live.run(sandbox, &link, &operations).map_err(|_| "broke").unwrap();
    assert_eq!(exchanged.len(), 2, "one search by phone, one by e-mail");
    for (at, outcome) in outcomes.iter().enumerate() {
        let records = found(outcome);
        assert_eq!(records.len(), 1, "found twice, by phone and by e-mail, and put together");
        assert_eq!(records[0].fields.text("name"), Some(format!("测试{}", at + 1).as_str()));
    }

    let mut cursor = Cursor::default();
    let (mut seen, mut pages) = (BTreeSet::new(), 0);
    loop {
        let operation = Operation::Changes { object: "lead".into(), cursor: cursor.clone() };
        let outcome = live.outcomes(sandbox, &link, &[operation]).remove(0);
        let Outcome::Done(Reply::Page { records, next, more, .. }) = outcome else { panic!("{outcome:?}") };
        seen.extend(records.into_iter().map(|record| record.id));
        pages += 1;
        if pages == 1 {
            // sales change a record that was read already, while we page
            live.admin(
                Method::Post,
                "/admin/sales",
                json!({"object": "leads", "id": "L1001", "set": {"status": 3}}),
            );
        }
        if more {
            assert!(next.token.is_some() && (cursor.token.is_none() || next.since == cursor.since));
        }
        cursor = next;
        if !more {
            break;
        }
    }
    assert_eq!((seen.len(), cursor.token.is_none()), (1_200, true));
    assert!(pages >= 3);
    let again = Operation::Changes { object: "lead".into(), cursor };
    let outcome = live.outcomes(sandbox, &link, &[again]).remove(0);
    let Outcome::Done(Reply::Page { records, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        records.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(),
        ["L1001"],
        "what moved meanwhile comes in the next run"
    );
}

#[test]
fn what_it_pushes_is_believed_and_a_changed_push_is_not() {
    let live = Live::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}/in/nurturing", listener.local_addr().unwrap());
    live.admin(Method::Post, "/admin/ma/target", json!({"url": target, "secret": SECRET}));
    let contact = json!({"ma_id": "m-1", "name": "测试甲", "phone": "13900000001", "points": 10,
        "mail_clicks": [{"campaign": "2026-秋季", "url": "https://www.shili.example/whitepaper"}],
        "points_changes": [{"delta": 15, "reason": "whitepaper"}]});
    live.admin(Method::Post, "/admin/ma/push", json!({"contacts": [contact], "wait": false}));
    let (ma, nurturing) = (connector("sandbox_ma"), link("nurturing", &[]));
    let mut touches = Vec::new();
    for push in listen(&listener, 3) {
        let lead = ma.receive(&nurturing, &push).unwrap().leads.remove(0);
        assert_eq!(lead.fields.text("ma_id"), Some("m-1"));
        assert!(lead.at.is_some() && lead.event_id.is_some());
        touches.push((lead.touch.unwrap(), lead.fields.get("score.nurturing").and_then(Value::as_int)));
        let mut changed = push.clone();
        changed.body.push(b' ');
        assert!(ma.receive(&nurturing, &changed).is_err());
    }
    let expected = [("ma_lead", Some(10)), ("mail_clicked", None), ("points_changed", Some(25))];
    assert_eq!(touches, expected.map(|(touch, score)| (touch.to_owned(), score)));

    let target = format!("http://{}/in/sales", listener.local_addr().unwrap());
    live.admin(
        Method::Post,
        "/api/v1/webhooks",
        json!({"url": target, "secret": SECRET, "objects": ["leads"]}),
    );
    let sales = link("sales", &[]);
    live.outcomes(connector("sandbox"), &sales, &[create(1)]);
    let push = listen(&listener, 1).remove(0);
    assert_eq!(connector("sandbox").receive(&sales, &push).unwrap().hints, ["lead"]);
}

#[test]
fn the_ma_is_told_and_keeps_it() {
    let live = Live::start();
    let (ma, nurturing) = (connector("sandbox_ma"), link("nurturing", &[]));
    let tell = |id: &str, record: Record| Operation::Tell { id: id.into(), record };
    let operations = [
        tell(
            "m-1",
            Record::new()
                .with("stage", "with_sales")
                .with("owner", "测试乙")
                .with("segment", "nurture general"),
        ),
        tell(
            "m-2",
            Record::new()
                .with("stage", "resting")
                .with("feedback", "need_unclear")
                .with("segment", "nurture general"),
        ),
        tell("m-3", Record::new().with("quiet", true)),
    ];
    assert_eq!(live.outcomes(ma, &nurturing, &operations), vec![Outcome::Done(Reply::Told); 3]);
    let leave =
        [tell("m-1", Record::new().with("leave_segment", "nurture general").with("segment", "buys-later"))];
    assert_eq!(live.outcomes(ma, &nurturing, &leave), [Outcome::Done(Reply::Told)]);
    let segments = live.admin(Method::Get, "/ma/api/v1/segments", json!({}));
    let mut members: Vec<(String, u64)> = segments["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["name"].as_str().unwrap().to_owned(), s["members"].as_u64().unwrap()))
        .collect();
    members.sort();
    assert_eq!(members, [("buys-later".to_owned(), 1), ("nurture general".to_owned(), 1)]);
    let contact = live.admin(Method::Get, "/ma/api/v1/contacts/m-1", json!({}));
    assert_eq!((contact["stage"].as_str(), contact["owner"].as_str()), (Some("with_sales"), Some("测试乙")));
    let many: Vec<Operation> =
        (0..10).map(|n| tell(&format!("m-{n}"), Record::new().with("segment", format!("s-{n}")))).collect();
    let outcomes = live.outcomes(ma, &nurturing, &many);
    let later = outcomes.iter().filter(|o| matches!(o, Outcome::Unavailable { sent: false, .. })).count();
    assert_eq!((outcomes[..7].to_vec(), later), (vec![Outcome::Done(Reply::Told); 7], 3));
}
