//! How long `check` takes over a config of 2,000 lines, 100 transfer rules and 500 field mappings. The limit is 100 ms;
//! reading the same text with bare `toml` is timed in the same run, so that the figure means something on any machine.
//!
//! `cargo bench -p leadloop-config`

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench times and prints, and stops where it cannot go on"
)]

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use leadloop_config::lower::Secrets;
use leadloop_config::text::Files;
use leadloop_config::{Loaded, load};
use leadloop_connector_api::manifest::{Field, Manifest};
use leadloop_connector_api::{Connector, Registry};
use secrecy::SecretString;

/// What `check` may take.
const LIMIT: Duration = Duration::from_millis(100);
/// Runs; the middle one counts.
const RUNS: usize = 21;
const RULES: usize = 100;
const MAPPINGS: usize = 500;

/// The sandbox, with as many fields of its own as are mapped.
struct Big;

static BIG: LazyLock<Manifest> = LazyLock::new(|| {
    let text = include_str!("../tests/it/manifests/sandbox.toml");
    let mut manifest = leadloop_connector_api::manifest::parse(text).expect("it is a manifest");
    for object in manifest.object.iter_mut().filter(|object| object.name == "lead") {
        let plain = object.fields.iter().find(|field| field.kind == "text" && !field.required).cloned();
        let plain = plain.expect("it has a text field");
        let own = |number: usize| Field { name: format!("custom{number}"), max: Some(200), ..plain.clone() };
        object.fields.extend((0..MAPPINGS).map(own));
    }
    manifest
});

impl Connector for Big {
    fn manifest(&self) -> &'static Manifest {
        &BIG
    }
}

struct Form;

impl Connector for Form {
    fn manifest(&self) -> &'static Manifest {
        leadloop_connector_api::manifest!("../tests/it/manifests/web_form.toml")
    }
}

/// The config and its tables, in memory.
struct Memory {
    main: String,
    people: String,
}

impl Files for Memory {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        match name {
            "leadloop.toml" => Ok(self.main.clone().into_bytes()),
            "people.csv" => Ok(self.people.clone().into_bytes()),
            _ => Err("there is no such file".to_owned()),
        }
    }

    fn list(&self, _pattern: &str) -> Vec<String> {
        Vec::new()
    }
}

impl Secrets for Memory {
    fn resolve(&self, _kind: &str, _name: &str) -> Result<SecretString, String> {
        Ok(SecretString::from("squeamish-ossifrage"))
    }
}

const HEAD: &str = r#"[leadloop]
timezone = "Asia/Shanghai"
language = "zh"
calendar = { work_days = "mon-fri", hours = "09:00-18:00", holidays = "cn" }

[store]
url = "sqlite:data/leadloop.db"

[people]
table = "people.csv"

[mql]
when = 'score.model0 >= 40 and lead.phone != null'
also = ['touch.kind == "form_submitted"']
leave = 'score.model0 < 15'
"#;

/// A config of that size, right in everything.
fn config() -> Memory {
    let mut text = HEAD.to_owned();
    let mut put = |part: String| text.push_str(&part);
    for number in 0..40 {
        put(format!(
            "\n[[source]]\nname = \"source{number}\"\nconnector = \"web_form\"\ntouch = \"form_submitted\"\nrequire = [\"phone or email\"]\nfields = [\n  {{ from = \"mobile\", to = \"phone\" }},\n  {{ from = \"own{number}\", to = \"own{number}\" }},\n]\n"
        ));
    }
    for number in 0..10 {
        put(format!("\n[[score]]\nname = \"model{number}\"\nrange = [-100, 100]\nadd = [\n"));
        for rule in 0..10 {
            put(format!(
                "  {{ points = {rule}, when = '(company.employees ?? 0) >= {rule}00 and lead.own{rule} == \"x{rule}\"' }},\n"
            ));
        }
        put("]\n".to_owned());
    }
    put("\n[[crm]]\nname = \"sales\"\nconnector = \"sandbox\"\nsettings = { url = \"http://127.0.0.1:8090\", username = \"sync\", client_secret = { env = \"SECRET\" } }\n".to_owned());
    put("\n[[mapping]]\ncrm = \"sales\"\nobject = \"lead\"\nfields = [\n".to_owned());
    put("  { pool = \"name\", crm = \"name\" },\n  { pool = \"phone\", crm = \"mobile\", steps = [\"cn_mobile\"] },\n".to_owned());
    for field in 2..MAPPINGS {
        let from = field % 40;
        put(format!(
            "  {{ pool = \"own{from}\", crm = \"custom{field}\", steps = [\"trim\", {{ truncate = 100 }}] }},\n"
        ));
    }
    put("]\n".to_owned());
    put("\n[[team]]\nname = \"east\"\nmembers = [{ person = \"p0\" }, { person = \"p1\", weight = 2 }]\n"
        .to_owned());
    for rule in 1..RULES {
        put(format!(
            "\n[[transfer]]\nname = \"rule {rule}\"\nwhen = 'lead.province == \"省{rule}\" and (crm.company.found or (company.employees ?? 0) >= {rule}) and lead.own{} != null'\ndo = {{ create = \"lead\", assign = {{ team = \"east\" }} }}\n",
            rule % 40
        ));
    }
    put("\n[[transfer]]\nname = \"everyone else\"\nwhen = 'true'\ndo = { create = \"lead\", assign = { team = \"east\" } }\n".to_owned());
    let mut people = "key,name,crm_user\n".to_owned();
    for person in 0..50 {
        let _ = writeln!(people, "p{person},测试{person},U{person}");
    }
    let lines = text.lines().count();
    for line in lines..2_000 {
        let _ = writeln!(text, "# 第 {line} 行：说明文字");
    }
    Memory { main: text, people }
}

/// The middle of several runs.
fn middle<T>(mut run: impl FnMut() -> T) -> Duration {
    let mut took: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(run());
            start.elapsed()
        })
        .collect();
    took.sort();
    took.get(RUNS / 2).copied().unwrap_or_default()
}

fn main() {
    let registry = Registry::of([&Big as &'static dyn Connector, &Form]);
    let memory = config();
    let checked = || -> Loaded { load("leadloop.toml", &memory, &memory, &registry) };
    let loaded = checked();
    let errors: Vec<&str> = loaded.problems.iter().map(|problem| problem.message.en.as_str()).collect();
    let plan = loaded.plan.as_ref();
    let rules = plan.map_or(0, |plan| plan.policy.transfer.len());
    let fields = memory.main.matches("{ pool = ").count();
    let bare = middle(|| toml::de::DeTable::parse(&memory.main).expect("it is TOML"));
    let whole = middle(checked);
    println!(
        "check: {} lines, {rules} rules, {fields} field mappings, {} problems",
        memory.main.lines().count(),
        errors.len()
    );
    println!("  check            {:8.2} ms (middle of {RUNS}; limit {} ms)", ms(whole), LIMIT.as_millis());
    println!("  bare toml        {:8.2} ms (the same text, parsed only)", ms(bare));
    println!("  check / bare     {:8.1}", whole.as_secs_f64() / bare.as_secs_f64());
    assert!(
        plan.is_some(),
        "the config of the bench is wrong: {:?}",
        errors.iter().take(5).collect::<Vec<_>>()
    );
    assert!(cfg!(debug_assertions) || whole <= LIMIT, "check took {whole:?}, {LIMIT:?} is the limit");
}

fn ms(length: Duration) -> f64 {
    length.as_secs_f64() * 1_000.0
}
