//! Conversations with the running sandbox: each is held against the outcome it must have, and with `RECORD=1` written into
//! the connector's fixtures, from where the conformance test plays it without a sandbox.

use std::net::TcpListener;

use leadloop_connector_api::http::{Method, Push};
use leadloop_connector_api::testkit::fixture::{Section, render, request_text};
use leadloop_connector_api::testkit::{Ending, play};
use serde_json::{Value as Json, json};

use crate::live::{Exchanged, Live, SECRET, link, listen};
use crate::scenes::{self, Scene};
use crate::{connector, create};

/// Answer headers that say something; the others differ from run to run.
const KEPT: [&str; 4] = ["content-type", "retry-after", "x-quota-limit", "x-quota-remaining"];

fn secrets(folder: &str) -> Json {
    match folder {
        "sandbox_ma" => json!({"client_secret": "fixture-secret", "webhook_secret": SECRET}),
        _ => json!({"client_secret": "fixture-secret"}),
    }
}

/// A push as a fixture.
fn push_fixture(about: &str, push: &Push) -> String {
    let headers: Vec<String> = push.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let body = String::from_utf8(push.body.clone()).unwrap();
    let secrets = json!({"client_secret": "fixture-secret", "webhook_secret": SECRET});
    let mut sections = vec![
        Section::made("settings", "", r#"{"url": "http://127.0.0.1:8090"}"#),
        Section::made("secrets", "", &secrets.to_string()),
        Section::made("moment", &push.at.0.to_string(), ""),
        Section::made("push", "POST /", &format!("{}\n\n{body}", headers.join("\n"))),
    ];
    sections[0].before = format!("# {about}\n");
    render(&sections)
}

fn keep(folder: &str, name: &str, text: &str) {
    if std::env::var_os("RECORD").is_some() {
        let path = leadloop_testing::root().join("connectors").join(folder).join("fixtures");
        std::fs::write(path.join(format!("{name}.exchange")), text).unwrap();
    }
}

fn fixture(scene: &Scene, exchanged: &[Exchanged]) -> String {
    let operations: Vec<String> =
        scene.operations.iter().map(|operation| serde_json::to_string(operation).unwrap()).collect();
    let mut sections = vec![
        Section::made("settings", "", &scene.settings.to_string()),
        Section::made("secrets", "", &secrets(scene.folder).to_string()),
        Section::made("operation", "", &operations.join("\n")),
    ];
    sections[0].before = format!("# {}\n", scene.about);
    for Exchanged { request, answer } in exchanged {
        sections.push(Section::made("request", "", &request_text(request)));
        let mut lines: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| KEPT.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        lines.push(String::from_utf8(answer.body.clone()).unwrap());
        sections.push(Section::made("answer", &answer.status.to_string(), &lines.join("\n")));
    }
    render(&sections)
}

#[test]
fn every_recorded_conversation_still_goes_like_this() {
    for scene in scenes::all() {
        let mut live = Live::start();
        (scene.prepare)(&mut live);
        let connector = connector(scene.folder);
        let link = link("fixture", &[]);
        let (exchanged, _) =
            live.run(connector, &link, &scene.operations).map_err(|_| "the connection broke").unwrap();
        let text = fixture(&scene, &exchanged);
        let played = play(connector, &text, &|_| None).unwrap();
        assert_eq!(played.endings, scene.endings, "{} {}\n{}", scene.folder, scene.name, played.text);
        keep(scene.folder, scene.name, &played.text);
    }
}

#[test]
fn every_recorded_push_still_comes_like_this() {
    let live = Live::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = |name: &str| format!("http://{}/in/{name}", listener.local_addr().unwrap());
    let webhook =
        json!({"url": target("sales"), "secret": SECRET, "objects": ["leads"], "with_record": true});
    live.admin(Method::Post, "/api/v1/webhooks", webhook);
    live.admin(Method::Post, "/admin/ma/target", json!({"url": target("nurturing"), "secret": SECRET}));
    live.outcomes(connector("sandbox"), &link("sales", &[]), &[create(5)]);
    let hint = listen(&listener, 1).remove(0);
    let contact = json!({"ma_id": "m-1", "name": "测试甲", "phone": "13900000001", "email": "jia@shili.example",
        "company": "示例机器人有限公司", "title": "采购经理", "points": 10,
        "mail_clicks": [{"campaign": "2026-秋季", "url": "https://www.shili.example/whitepaper"}],
        "points_changes": [{"delta": 15, "reason": "whitepaper"}]});
    let all_at_once = json!({"contacts": [contact], "wait": false, "per_request": 10});
    live.admin(Method::Post, "/admin/ma/push", all_at_once);
    let events = listen(&listener, 1).remove(0);
    for (folder, push, taken, refused) in [
        ("sandbox", hint, "A lead changed: a hint to poll, no more.", "The same with one byte more."),
        ("sandbox_ma", events, "A lead, a click and points in one push.", "The same with one byte more."),
    ] {
        let mut changed = push.clone();
        changed.body.push(b' ');
        for (name, about, push, ending) in [
            ("push", taken, push, Ending::Received),
            ("push.bad_signature", refused, changed, Ending::Unsigned),
        ] {
            let played = play(connector(folder), &push_fixture(about, &push), &|_| None).unwrap();
            assert_eq!((played.endings, played.problems), (vec![ending], vec![]), "{folder} {name}");
            keep(folder, name, &played.text);
        }
    }
}
