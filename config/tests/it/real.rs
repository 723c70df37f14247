//! Configs as they are used, with the connectors as they are: what `init` writes, and the example of the design.

use std::collections::BTreeMap;
use std::path::Path;

use leadloop_config::lower::Secrets;
use leadloop_config::problem::Severity;
use leadloop_config::text::Files;
use leadloop_config::{Inputs, Loaded, load_from};
use leadloop_connectors::registry;
use leadloop_sync_core::because::Language;
use secrecy::SecretString;

use crate::ground::rendered;

/// Files of a folder; every secret is there.
struct Folder(BTreeMap<String, Vec<u8>>);

impl Files for Folder {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.0.get(name).cloned().ok_or_else(|| "there is no such file".to_owned())
    }

    fn list(&self, pattern: &str) -> Vec<String> {
        self.0.keys().filter(|name| *name == pattern).cloned().collect()
    }
}

impl Secrets for Folder {
    fn resolve(&self, _kind: &str, _name: &str) -> Result<SecretString, String> {
        Ok(SecretString::from("whsec_c3F1ZWFtaXNoLW9zc2lmcmFnZQ=="))
    }
}

impl Folder {
    fn load(&self) -> Loaded {
        load_from(&Inputs {
            main: "leadloop.toml",
            overlay: None,
            files: self,
            secrets: self,
            registry: &registry(),
            today: None,
        })
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn what_init_writes_has_no_problem() {
    let templates = leadloop_testing::root().join("cli/templates");
    for language in ["zh", "en"] {
        let mut text = Vec::new();
        for part in ["base", "web_form", "table_file", "webhook", "rules", "crm", "desk"] {
            text.extend(read(&templates.join(language).join(format!("{part}.toml"))));
        }
        let mut files = BTreeMap::from([("leadloop.toml".to_owned(), text)]);
        for table in ["people.csv", "regions.csv"] {
            files.insert(table.to_owned(), read(&templates.join(table)));
        }
        let loaded = Folder(files).load();
        assert!(loaded.problems.is_empty(), "{language}:\n{}", rendered(&loaded, Language::En));
        assert!(loaded.plan.is_some());
    }
}

#[test]
fn the_example_is_accepted_whole() {
    let Some(shared) = leadloop_testing::shared_dir() else {
        println!("no design beside the checkout: the example was not tried");
        return;
    };
    let samples = leadloop_testing::samples_dir();
    let people = "key,name,crm_user,manager\nwang.wei,测试王,1,sun.hao\nli.na,测试李,2,sun.hao\nchen.jie,测试陈,3,sun.hao\n\
                  zhao.min,测试赵,4,sun.hao\nsun.hao,测试孙,5,\n";
    let files = BTreeMap::from([
        ("leadloop.toml".to_owned(), read(&shared.join("design/leadloop.example.toml"))),
        ("campaigns.csv".to_owned(), read(&samples.join("campaigns.csv"))),
        ("people.csv".to_owned(), people.as_bytes().to_vec()),
        ("leave.csv".to_owned(), b"key,from,to,deputy\nli.na,2026-12-10,2026-12-12,chen.jie\n".to_vec()),
        ("routes/regions.csv".to_owned(), "province,team\n上海,east\n".as_bytes().to_vec()),
    ]);
    let loaded = Folder(files).load();
    let errors = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    assert_eq!(errors, 0, "{}", rendered(&loaded, Language::En));
    let plan = loaded.plan.expect("it has no error");
    assert_eq!(plan.policy.enrich.len(), 1);
}

/// What `init` writes, with the sandbox as an API that is described; `change` is made to the description.
fn described(change: (&str, &str)) -> Loaded {
    let root = leadloop_testing::root();
    let mut text = String::new();
    for part in ["base", "web_form", "rules", "crm", "desk"] {
        let part = read(&root.join("cli/templates/en").join(format!("{part}.toml")));
        text.push_str(&String::from_utf8(part).expect("templates are UTF-8"));
    }
    let text = text.replace("connector = \"sandbox\" ", "connector = \"rest\" ").replace(
        "settings = { url = \"http://127.0.0.1:8090\",",
        "settings = { api = \"api.toml\", url = \"http://127.0.0.1:8090\",",
    );
    let api = String::from_utf8(read(&root.join("connectors/rest/fixtures/sandbox.crm.toml")))
        .expect("it is UTF-8");
    assert!(api.contains(change.0), "{}", change.0);
    let mut files = BTreeMap::from([
        ("leadloop.toml".to_owned(), text.into_bytes()),
        ("api.toml".to_owned(), api.replacen(change.0, change.1, 1).into_bytes()),
    ]);
    for table in ["people.csv", "regions.csv"] {
        files.insert(table.to_owned(), read(&root.join("cli/templates").join(table)));
    }
    Folder(files).load()
}

#[test]
fn a_crm_that_is_described_has_the_objects_of_its_description() {
    let loaded = described(("", ""));
    assert!(loaded.problems.is_empty(), "{}", rendered(&loaded, Language::En));
    let plan = loaded.plan.expect("it has no problem");
    let link = plan.link("sales").expect("it is a link");
    assert_eq!(link.limits.iter().map(|limit| limit.requests).min(), Some(20), "the config's own, below 500");
    let crm = plan.policy.crms.values().next().expect("there is one CRM");
    assert_eq!(crm.mirrored, ["user", "account", "contact", "lead", "opportunity", "activity"]);
    assert!(crm.mark_unique && link.link.told.is_some());
    assert_eq!(crm.roles["lead"].company.as_deref(), Some("company"));
    let other = described(("title = ", "title = \"Another \" # ")).plan.expect("it has no problem");
    assert_ne!(other.hash, plan.hash, "the description is part of the config");
    let narrow = described(("requests = 500", "requests = 10"));
    assert!(narrow.plan.is_none(), "the config asks for more than the description says the vendor allows");
}

#[test]
fn a_mistake_in_a_description_has_its_line() {
    let loaded = described(("user = \"client_id\"", "users = \"client_id\""));
    assert!(loaded.plan.is_none());
    let problem = loaded.problems.iter().find(|problem| problem.code == "LL2210").expect("it is said");
    assert_eq!(loaded.texts.files[problem.span.file].0, "api.toml");
    let (line, _) = loaded.texts.place(problem.span.file, problem.span.range.start);
    let text = &loaded.texts.files[problem.span.file].1;
    assert!(text.lines().nth(line - 1).is_some_and(|line| line.starts_with("users =")), "line {line}");
    assert!(problem.related.iter().any(|(span, _)| span.file == 0), "it says who named the file");
}
