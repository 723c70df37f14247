//! Secrets are read once, handed on, and never seen again: not in problems, not in excerpts, not in what is printed.

use leadloop_config::Loaded;
use leadloop_config::render::json;
use leadloop_sync_core::because::Language;
use secrecy::ExposeSecret;

use crate::ground::{Ground, rendered};

const SECRET: &str = "squeamish-ossifrage";

/// Everything that can be shown of a loaded config.
fn shown(loaded: &Loaded) -> String {
    let problems = serde_json::to_string(&json::render(&loaded.problems, &loaded.texts)).expect("it is JSON");
    let plan = format!("{:?}", loaded.plan);
    format!("{}{}{problems}{plan}", rendered(loaded, Language::En), rendered(loaded, Language::Zh))
}

#[test]
fn a_resolved_secret_is_in_the_plan_and_in_nothing_that_is_shown() {
    let loaded = Ground::new().load_text(
        "[store]\nurl = { env = \"SECRET\" }\n[[source]]\nname = \"erp\"\nconnector = \"webhook\"\n\
         settings = { secret = { credential = \"SECRET\" } }\n",
    );
    let plan = loaded.plan.as_ref().expect("there is no problem");
    let source = plan.source("erp").expect("the source is there");
    assert_eq!(source.link.secret("secret").map(ExposeSecret::expose_secret), Some(SECRET));
    assert_eq!(plan.store_url.expose_secret(), SECRET);
    assert!(!shown(&loaded).contains(SECRET));
}

#[test]
fn a_literal_secret_is_not_repeated_wherever_it_stands() {
    for text in [
        "[[source]]\nname = \"erp\"\nconnector = \"webhook\"\nsettings = { secret = \"hunter2\" }\n",
        "[[source]]\nname = \"erp\"\nconnector = \"webhook\"\nsettings = { secert = \"hunter2\" }\n",
        "[[source]]\nname = \"erp\"\nconnector = \"webhook\"\nsettings = { secret = { value = \"hunter2\" } }\n",
        "[[source]]\nname = \"erp\"\nconnector = \"webhook\"\nsettings = { secret = \"hunter2 }\n",
        "[[source]]\nname = \"erp\"\nconnector = \"webhook\"\nsecret = \"hunter2\"\n",
        "[[source]]\nname = \"erp\"\nconnector = \"webhook\"\nsettings = { secret = { env = \"hunter2-x y\" } }\n",
        "[store]\nurl = \"postgres://me:hunter2@db.example/x\"\n",
        "[store]\nurl = \"mysql://me:hunter2@db.example/x\"\n",
        "[store]\npassword = \"hunter2\"\nurl = \"sqlite:x\"\n",
        "[[crm]]\nname = \"a\"\nconnector = \"sandbox\"\nsettings = { url = \"https://me:hunter2@a.example\" }\n",
        "[server]\npublic_url = \"https://me:hunter2@a.example\"\n",
        "secret = \"hunter2\"\n",
        "password = hunter2\n",
    ] {
        let loaded = Ground::new().load_text(text);
        assert!(loaded.plan.is_none() && !loaded.problems.is_empty(), "{text}");
        let shown = shown(&loaded);
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
    }
}

#[test]
fn a_missing_secret_is_said_once_with_every_place_that_needs_it() {
    let source = |name: &str| {
        format!(
            "[[source]]\nname = \"{name}\"\nconnector = \"webhook\"\nsettings = {{ secret = {{ file = \"secrets/x\" }} }}\n"
        )
    };
    let text = ["a", "b", "c"].map(source).join("");
    let loaded = Ground::new().load_text(&text);
    let missing: Vec<_> = loaded.problems.iter().filter(|problem| problem.code == "LL2014").collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].related.len(), 2);
    assert!(missing[0].message.en.contains("secrets/x") && missing[0].message.zh.contains("未设置"));
}

#[test]
fn a_key_of_the_store_is_a_key_or_there_is_no_plan() {
    let store = |keys: &str| {
        format!(
            "[store]\nurl = \"sqlite:x\"\nencryption = {keys}\n\
             [[source]]\nname = \"list\"\nconnector = \"table_file\"\n"
        )
    };
    let codes = |loaded: &Loaded| -> Vec<String> {
        loaded.problems.iter().map(|problem| problem.code.to_string()).collect()
    };
    // The secret of these tests is a passphrase, which is no key.
    for keys in
        ["{ key = { env = \"SECRET\" } }", "{ key = { env = \"KEY\" }, old_keys = [{ env = \"SECRET\" }] }"]
    {
        let loaded = Ground::new().secret("KEY", &"0f".repeat(32)).load_text(&store(keys));
        assert_eq!((codes(&loaded), loaded.plan.is_none()), (vec!["LL2160".to_owned()], true), "{keys}");
        assert!(!shown(&loaded).contains(SECRET));
    }
    let absent = Ground::new().load_text(&store("{ key = { env = \"NOT_THERE\" } }"));
    assert!(absent.plan.is_none(), "a store in clear must not come of a key that is missing");
    let literal = Ground::new().load_text(&store(&format!("{{ key = \"{}\" }}", "0f".repeat(32))));
    assert!(literal.plan.is_none() && !shown(&literal).contains("0f0f0f"));
    let loaded = Ground::new()
        .secret("KEY", &"0f".repeat(32))
        .secret("OLD", &"1e".repeat(32))
        .load_text(&store("{ key = { env = \"KEY\" }, old_keys = [{ env = \"OLD\" }] }"));
    let keys = loaded.plan.as_ref().and_then(|plan| plan.store_keys.as_ref()).expect("there is no problem");
    assert_eq!((keys.key.expose_secret(), keys.old.len()), ("0f".repeat(32).as_str(), 1));
    assert!(!shown(&loaded).contains("0f0f0f") && !shown(&loaded).contains("1e1e1e"));
}
