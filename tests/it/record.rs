//! `leadloop connector record` against a running sandbox: what it writes holds nobody's data and no secret, and plays as it went.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use leadloop_connector_api::testkit::{Ending, play};
use leadloop_sandbox::{Options, Sandbox};
use leadloop_testing::http;
use serde_json::json;

use crate::command::{Said, command, run};
use crate::node::{config, folder};

const SECRET: &str = "a-live-secret-of-the-account";
/// What real people and their company are called in this test.
const REAL: [&str; 5] =
    ["欧阳修竹", "13812345678", "ouyang.xz@real-company.example", "真实机械有限公司", SECRET];

fn record(path: &Path, args: &[&str]) -> Said {
    let args: Vec<&str> = ["connector", "record"].iter().chain(args).copied().collect();
    let mut command = command(path, &args);
    command.env("SANDBOX_SECRET", SECRET);
    run(command)
}

fn plays(connector: &str, text: &str) -> Vec<Ending> {
    let registry = leadloop_connectors::registry();
    let played = play(registry.get(connector).unwrap(), text, &|_| None).unwrap();
    assert_eq!(played.problems, Vec::<String>::new(), "{text}");
    assert_eq!(played.text, text, "it is as the conformance test wants it");
    for real in REAL {
        assert!(!text.contains(real), "{real} is left:\n{text}");
    }
    played.endings
}

#[test]
fn conversations_are_scrubbed_and_play_as_they_went() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let options =
        Options { client_id: "leadloop".to_owned(), client_secret: SECRET.to_owned(), ..Options::default() };
    let crm = runtime.block_on(Sandbox::start(options)).unwrap();
    let (_guard, path) = folder(
        &config("sqlite:x.db", crm.addr(), "127.0.0.1:0"),
        &[("li.na", "U1001"), ("wang.wei", "U1002")],
    );

    let create = json!({"op": "create", "object": "lead", "mark": "H-7", "record":
        {"name": REAL[0], "phone": REAL[1], "email": REAL[2], "company": REAL[3]}});
    let create = create.to_string();
    let said = record(&path, &["sales", &create]);
    assert!(said.code == 1 && said.err.contains("LL4874"), "it changes something: {}", said.err);
    let said = record(&path, &["sales", &create, "--write", "--out", "create.exchange"]).ok();
    assert!(said.err.contains("values were replaced"), "{}", said.err);
    let text = std::fs::read_to_string(path.join("create.exchange")).unwrap();
    assert_eq!(plays("sandbox", &text), [Ending::Done], "{text}");
    assert!(text.contains("\"phone\":\"1390000") && text.contains("@shili.example"), "{text}");
    let again = record(&path, &["sales", "check", "--out", "create.exchange"]);
    assert!(again.code == 1 && again.err.contains("LL4872"), "{}", again.err);

    let refused = json!({"op": "create", "object": "lead", "mark": "H-8", "record": {"name": REAL[0], "remark": REAL[1]}}).to_string();
    let said = record(&path, &["sales", &refused, "--write"]).ok();
    assert_eq!(plays("sandbox", &said.out), [Ending::Refused]);
    assert!(said.out.contains("unknown_field"), "{}", said.out);

    // Printed where no file is named; what was looked for is what was found.
    let found = record(&path, &["sales", "find", "--object", "lead", "--phone", "+8613812345678"]).ok();
    assert_eq!(plays("sandbox", &found.out), [Ending::Done]);
    let outcome = found.out.lines().last().unwrap();
    assert!(outcome.contains("1390000"), "{outcome}");
    for args in [
        &["sales", "check"][..],
        &["sales", "describe", "--object", "lead"],
        &["sales", "changes", "--object", "lead"],
    ] {
        assert_eq!(plays("sandbox", &record(&path, args).ok().out), [Ending::Done], "{args:?}");
    }
    for (args, code) in [
        (&["nobody", "check"][..], "LL4873"),
        (&["sales", "dance"], "LL4876"),
        (&["sales", r#"{"op":"notify","to":"","notice":{}}"#], "LL4876"),
    ] {
        let said = record(&path, args);
        assert!(said.code != 0 && said.err.contains(code), "{args:?}: {}", said.err);
    }
    runtime.block_on(crm.shutdown());
    let said = record(&path, &["sales", "check"]);
    assert!(said.code != 0 && said.err.contains("LL4875"), "{}", said.err);
}

#[test]
fn a_push_is_heard_answered_and_signed_anew() {
    let dir = leadloop_testing::temp_dir();
    let path = dir.path();
    let text = r#"
[[source]]
name = "survey"
connector = "typeform"
settings = { form = "lT4Z3j", secret = { env = "SANDBOX_SECRET" } }

[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "form_submitted", points = 1 }]

[mql]
when = 'score.interest >= 90'

[[transfer]]
name = "everyone"
when = 'true'
do = { decline = "no sales yet" }
"#;
    std::fs::write(path.join("leadloop.toml"), text).unwrap();
    let mut command = command(
        path,
        &["connector", "record", "survey", "--listen", "127.0.0.1:0", "--out", "push.exchange"],
    );
    command.env("SANDBOX_SECRET", SECRET).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut words = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    words.read_line(&mut line).unwrap();
    let place = line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("{line}")).1;
    let (address, door) = place.split_once('/').unwrap();
    let body = json!({"event_id": "01H", "event_type": "form_response", "form_response": {"form_id": "lT4Z3j", "token": "a3a12ec67a1365927098a606107fac15",
        "submitted_at": "2026-11-23T05:00:00Z", "definition": {"id": "lT4Z3j", "fields": [
            {"id": "f1", "title": "Your name", "type": "short_text", "ref": "name"}, {"id": "f2", "title": "Your e-mail", "type": "email", "ref": "email"}]},
        "answers": [{"type": "text", "text": REAL[0], "field": {"id": "f1", "type": "short_text", "ref": "name"}},
            {"type": "email", "email": REAL[2], "field": {"id": "f2", "type": "email", "ref": "email"}}]}})
    .to_string();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let signed = leadloop_connector_api::signature::encode(
        leadloop_connector_api::signature::Encoding::Base64,
        aws_lc_rs::hmac::sign(&key, body.as_bytes()).as_ref(),
    );
    let send = |signature: &str| {
        let headers = [("content-type", "application/json"), ("typeform-signature", signature)];
        http::send(address.parse().unwrap(), "POST", &format!("/{door}"), &headers, body.as_bytes()).unwrap()
    };
    assert_eq!(send("sha256=AAAA").status, 401, "whoever signs otherwise is refused, and is no fixture");
    assert_eq!(send(&format!("sha256={signed}")).status, 200);
    assert!(child.wait().unwrap().success(), "{:?}", words.lines().collect::<Vec<_>>());
    let text = std::fs::read_to_string(path.join("push.exchange")).unwrap();
    assert_eq!(plays("typeform", &text), [Ending::Received]);
    assert!(!text.contains(&signed), "{text}");
}
