//! `leadloop doctor` against a running sandbox: every way in which config and CRM can disagree, each at its place; systems
//! that are not reached; the mark that is made; and what the lock file remembers.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use leadloop_sandbox::{Handle, MarkMode, Options, Sandbox};
use serde_json::Value;

use crate::command::{Said, command, run};
use crate::node::{config, folder};

const SECRET: &str = "sandbox-secret-of-the-doctor";

struct Crm {
    runtime: tokio::runtime::Runtime,
    handle: Option<Handle>,
    address: SocketAddr,
}

impl Crm {
    fn start(change: impl FnOnce(&mut Options)) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut options = Options {
            client_id: "leadloop".to_owned(),
            client_secret: SECRET.to_owned(),
            ..Options::default()
        };
        change(&mut options);
        let handle = runtime.block_on(Sandbox::start(options)).unwrap();
        let address = handle.addr();
        Self { runtime, handle: Some(handle), address }
    }
}

impl Drop for Crm {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.runtime.block_on(handle.shutdown());
        }
    }
}

fn doctor(folder: &Path, more: &[&str]) -> Said {
    let args: Vec<&str> = ["doctor"].iter().chain(more).copied().collect();
    let mut command = command(folder, &args);
    command.env("SANDBOX_SECRET", SECRET);
    run(command)
}

/// `CODE line` of every problem.
fn found(said: &Said, text: &str) -> BTreeSet<String> {
    let json = said.any_json();
    let problems = json["problems"].as_array().unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let one = |problem: &Value| {
        let line = usize::try_from(problem["line"].as_u64().unwrap()).unwrap();
        let there = match problem["file"].as_str().unwrap() {
            "leadloop.toml" => lines[line - 1].trim().to_owned(),
            file => format!("{file}:{line}"),
        };
        format!("{} {there}", problem["code"].as_str().unwrap())
    };
    problems.iter().map(one).collect()
}

const PEOPLE: [(&str, &str); 2] = [("li.na", "U1001"), ("wang.wei", "U1002")];

#[test]
fn a_config_that_agrees_is_locked_and_what_changes_later_is_said() {
    let crm = Crm::start(|_| {});
    let text = config("sqlite:x.db", crm.address, "127.0.0.1:0");
    let (_guard, path) = folder(&text, &PEOPLE);
    let said = doctor(&path, &["--output", "json"]);
    let json = said.json();
    // The answers of sales have no meaning in this config: that deserves a look, no more.
    assert_eq!((json["errors"].as_u64(), json["lock"]["written"].as_bool()), (Some(0), Some(true)), "{json}");
    let connection = &json["connections"][0];
    assert_eq!(connection["says"]["user"], "leadloop");
    assert_eq!(connection["users"], serde_json::json!({"U1001": true, "U1002": true}));
    assert!(connection["objects"]["lead"].as_u64().unwrap() > 20, "{connection}");
    let check = |folder: &Path| {
        let mut command = command(folder, &["check", "--output", "json"]);
        command.env("SANDBOX_SECRET", SECRET);
        let json = run(command).json();
        json["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["code"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(check(&path).iter().all(|code| code != "LL2090" && code != "LL2091"));
    let lock = std::fs::read_to_string(path.join("leadloop.lock")).unwrap();
    assert!(lock.contains("[crm.sales.object.lead.phone]") && !lock.contains(SECRET), "{lock}");
    assert!(
        !doctor(&path, &["--output", "json"]).json()["lock"]["written"].as_bool().unwrap(),
        "nothing is other"
    );

    // The mapping changes: what was checked is another one.
    std::fs::write(
        path.join("leadloop.toml"),
        text.replace("{ pool = \"company\", crm = \"company\" },\n", ""),
    )
    .unwrap();
    assert!(check(&path).contains(&"LL2091".to_owned()));
    std::fs::write(path.join("leadloop.toml"), &text).unwrap();
    // The CRM changes.
    std::fs::write(
        path.join("leadloop.lock"),
        lock.replace(
            "[crm.sales.object.lead.company]\ntype = \"text\"\nmax = 120",
            "[crm.sales.object.lead.company]\ntype = \"text\"\nmax = 200",
        ),
    )
    .unwrap();
    let said = doctor(&path, &[]);
    assert!(
        said.out.contains("LL2092") && said.out.contains("takes 120 characters now, took 200"),
        "{}",
        said.out
    );
    std::fs::write(path.join("leadloop.lock"), "no lock").unwrap();
    assert!(check(&path).contains(&"LL2093".to_owned()));
}

#[test]
fn everything_in_which_config_and_crm_disagree_is_found_at_its_place_and_all_at_once() {
    let crm = Crm::start(|options| {
        options.tuning.required = vec!["leads.campaign".to_owned()];
        options.tuning.mark = MarkMode::Plain;
        options.clock_skew_secs = 900;
    });
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = silent.local_addr().unwrap();
    drop(silent);
    let text = config("sqlite:x.db", crm.address, "127.0.0.1:0").replace(
        r#"{ pool = "company", crm = "company" },"#,
        r#"{ pool = "company", crm = "company", max = 120 },"#,
    ) + &format!(
        r#"
[[status]]
crm = "sales"
object = "opportunity"
field = "stage"
read = {{ 4 = "won" }}

[[ma]]
name = "nurturing"
connector = "sandbox_ma"
settings = {{ url = "http://{nobody}", client_secret = {{ env = "SANDBOX_SECRET" }}, webhook_secret = {{ env = "HOOK" }} }}
gives = ["stage"]
"#
    );
    let (_guard, path) = folder(&text, &[("li.na", "U1005"), ("wang.wei", "U1006"), ("chen.jie", "U4040")]);
    let mut command = command(&path, &["doctor", "--output", "json"]);
    command.env("SANDBOX_SECRET", SECRET).env("HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let said = run(command);
    assert_eq!(said.code, 1, "{}\n{}", said.out, said.err);
    let found = found(&said, &text);
    let of = |code: &str| found.iter().filter(|line| line.starts_with(code)).count();
    let has = |line: &str| assert!(found.iter().any(|found| found.starts_with(line)), "{line} in {found:#?}");
    has("LL2084 object = \"lead\"");
    has("LL2086 name = \"sales\"");
    has("LL2087 people.csv:2");
    has("LL2087 people.csv:3");
    has("LL2087 people.csv:4");
    has("LL2089 feedback = { object = \"lead\"");
    has("LL1134 settings = { url = ");
    has("LL1131 settings = { url = ");
    assert_eq!(of("LL2087"), 3, "{found:#?}");
    assert!(!path.join("leadloop.lock").exists(), "what disagrees is not locked");
    assert!(!said.out.contains(SECRET) && !said.err.contains(SECRET));
    let json = said.any_json();
    assert_eq!(json["connections"].as_array().unwrap().len(), 2, "{json}");
}

#[test]
fn a_missing_mark_is_made_where_the_crm_allows_it() {
    let crm = Crm::start(|options| options.tuning.mark = MarkMode::Absent);
    let (_guard, path) = folder(&config("sqlite:x.db", crm.address, "127.0.0.1:0"), &PEOPLE);
    let said = doctor(&path, &[]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("LL2085") && said.out.contains("doctor --prepare"), "{}", said.out);
    let said = doctor(&path, &["--prepare"]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.contains("lead.leadloop_id was made"), "{}", said.out);
    assert_eq!(doctor(&path, &[]).code, 0);
    let chinese = doctor(&path, &["--lang", "zh"]);
    assert!(chinese.out.contains("连接"), "{}", chinese.out);
}

#[test]
fn a_system_that_is_not_reached_says_why() {
    let crm = Crm::start(|_| {});
    let good = config("sqlite:x.db", crm.address, "127.0.0.1:0");
    let url = format!("http://{}", crm.address);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_guard, path) = folder(&good, &PEOPLE);
    for (address, code) in [
        (format!("http://{nobody}"), "LL1131"),
        ("http://crm.no-such-host.invalid".to_owned(), "LL1130"),
        (format!("https://{}", crm.address), "LL1132"),
    ] {
        std::fs::write(path.join("leadloop.toml"), good.replace(&url, &address)).unwrap();
        let said = doctor(&path, &["--output", "json"]);
        assert_eq!(said.code, 2, "{address}: {}", said.out);
        assert_eq!(said.any_json()["problems"][0]["code"], code, "{}", said.out);
    }
    std::fs::write(path.join("leadloop.toml"), &good).unwrap();
    let mut command = command(&path, &["doctor", "--output", "json"]);
    command.env("SANDBOX_SECRET", "quite-another-secret");
    let said = run(command);
    assert_eq!(
        (said.code, said.any_json()["problems"][0]["code"].as_str()),
        (2, Some("LL1133")),
        "{}",
        said.out
    );
    assert!(!said.out.contains("quite-another-secret") && !said.err.contains("quite-another-secret"));
}
