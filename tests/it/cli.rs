//! The command line as people meet it: what it says, where it says it, how it ends.

use std::process::Stdio;

use leadloop_connector_api::manifest::SystemKind;

use crate::command::{command, leadloop, run};

/// The codes of what is said, without what comes with the year: holidays are announced one by one.
fn lasting(checked: &serde_json::Value) -> Vec<&str> {
    let codes =
        checked["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap());
    codes.filter(|code| *code != "LL2050").collect()
}

#[test]
fn what_init_writes_passes_the_check_in_both_languages() {
    for lang in ["zh", "en"] {
        let folder = leadloop_testing::temp_dir();
        let all = ["--source", "web_form", "--source", "webhook", "--source", "table_file"];
        let mut args = vec!["init", "--lang", lang];
        args.extend(all);
        let said = leadloop(folder.path(), &args).ok();
        assert!(said.out.contains("leadloop check"), "{}", said.out);
        assert!(said.err.is_empty(), "{}", said.err);
        let checked = leadloop(folder.path(), &["check", "--output", "json"]).json();
        assert_eq!(checked["ok"], true, "{checked}");
        // All it has to say: nobody has looked at the CRM yet.
        assert_eq!(lasting(&checked), ["LL2090"], "{checked}");
        let tested = leadloop(folder.path(), &["test", "--cover", "--output", "json"]).json();
        assert_eq!(tested["passed"], 5, "{tested:#}");
        assert_eq!(tested["untried_rules"], serde_json::json!([]), "{tested:#}");
        let again = leadloop(folder.path(), &["init", "--output", "json"]);
        assert_eq!(again.code, 1);
        assert!(again.err.contains("is there already"), "{}", again.err);
        leadloop(folder.path(), &["init", "--force", "--crm", "none", "--output", "json"]).ok();
        leadloop(folder.path(), &["check"]).ok();
    }
}

#[test]
fn init_writes_a_config_for_every_connector_there_is() {
    let registry = leadloop_connectors::registry();
    let mut tried = 0;
    for (kind, option) in
        [(SystemKind::Source, "--source"), (SystemKind::Crm, "--crm"), (SystemKind::Ma, "--ma")]
    {
        for name in registry.names() {
            let manifest = registry.get(name).unwrap().manifest();
            if !manifest.kinds.contains(&kind) {
                continue;
            }
            let folder = leadloop_testing::temp_dir();
            let said =
                leadloop(folder.path(), &["init", option, name, "--lang", "zh", "--output", "json"]).ok();
            let variables =
                serde_json::from_str::<serde_json::Value>(&said.out).unwrap()["variables"].clone();
            let mut check = command(folder.path(), &["check", "--output", "json"]);
            for variable in variables.as_array().unwrap() {
                check.env(variable.as_str().unwrap(), "a-secret-that-is-long-enough-for-everything");
            }
            let checked = run(check).any_json();
            assert_eq!(checked["ok"], true, "{option} {name}: {checked:#}");
            assert_eq!(checked["tests"]["failed"], 0, "{option} {name}: {checked:#}");
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried}");
    let folder = leadloop_testing::temp_dir();
    let said = leadloop(folder.path(), &["init", "--crm", "sandbux", "--lang", "en"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("LL1123") && said.err.contains("did you mean `sandbox`?"), "{}", said.err);
}

#[cfg(unix)]
#[test]
fn secrets_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = leadloop_testing::temp_dir();
    leadloop(folder.path(), &["init", "--source", "webhook"]).ok();
    for secret in ["secrets/sandbox", "secrets/events"] {
        let mode = std::fs::metadata(folder.path().join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
}

#[test]
fn the_config_of_the_demo_passes_the_check() {
    let root = leadloop_testing::root();
    let said = leadloop(root, &["check", "--config", "samples/demo/leadloop.toml", "--output", "json"]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(lasting(&said.any_json()).iter().all(|code| *code == "LL2090"), "{}", said.out);
}

#[test]
fn mistakes_are_shown_with_their_place_and_a_way_out() {
    let folder = leadloop_testing::temp_dir();
    let config = "[leadloop]\nlanguage = \"en\"\n\n[store]\nurl = \"sqlite:x.db\"\n\n[[source]]\nname = \"展会\"\nconnector = \"table_fil\"\nchanel = \"展会\"\n";
    std::fs::write(folder.path().join("leadloop.toml"), config).unwrap();
    let said = leadloop(folder.path(), &["check"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("leadloop.toml:9:13"), "{}", said.out);
    assert!(said.out.contains("did you mean `table_file`?"), "{}", said.out);
    assert!(said.out.contains("did you mean `channel`?"), "{}", said.out);
    assert!(said.out.contains("2 errors"), "{}", said.out);
    assert!(!said.out.contains('\u{1b}'), "no colour in a pipe");
    let json = leadloop(folder.path(), &["check", "--output", "json"]).any_json();
    let problems = json["problems"].as_array().unwrap();
    assert_eq!((json["errors"].as_u64(), problems.len()), (Some(2), 2), "{json}");
    assert_eq!(problems[0]["line"], 9, "{json}");
    let chinese = leadloop(folder.path(), &["check", "--lang", "zh"]);
    assert!(chinese.out.contains("2 个错误"), "{}", chinese.out);
    let coloured = leadloop(folder.path(), &["check", "--color", "always"]);
    assert!(coloured.out.contains('\u{1b}'));
}

#[test]
fn exit_codes_tell_input_from_the_world() {
    let folder = leadloop_testing::temp_dir();
    let unknown = leadloop(folder.path(), &["no-such-command"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""), "{}", unknown.err);
    let nothing = leadloop(folder.path(), &["funnel"]);
    assert_eq!(nothing.code, 1);
    assert!(nothing.err.contains("leadloop init"), "{}", nothing.err);
    let json = leadloop(folder.path(), &["funnel", "--output", "json"]);
    assert_eq!(json.code, 1);
    let error: serde_json::Value = serde_json::from_str(json.err.trim()).unwrap();
    assert_eq!(error["error"]["code"], "LL2010", "{error}");
    // Nobody listens at that database: the world failed, not the user.
    let config = "[leadloop]\nlanguage = \"en\"\n\n[store]\nurl = \"postgres://127.0.0.1:1/none\"\n\n[[source]]\nname = \"x\"\nconnector = \"table_file\"\n";
    std::fs::write(folder.path().join("leadloop.toml"), config).unwrap();
    let outside = leadloop(folder.path(), &["status"]);
    assert_eq!(outside.code, 2, "{}", outside.err);
    assert!(outside.err.contains("error[LL1101]"), "{}", outside.err);
}

#[test]
fn help_stands_alone_and_a_reader_may_leave_early() {
    let folder = leadloop_testing::temp_dir();
    let help = leadloop(folder.path(), &["import", "--help"]).ok();
    assert!(help.out.contains("Example:\n  leadloop import"), "{}", help.out);
    assert!(!help.out.contains('\u{1b}'));
    assert!(leadloop(folder.path(), &["--version"]).ok().out.starts_with("leadloop "));
    // `leadloop explain | head -1`: the pipe is closed while it still writes.
    let mut child =
        command(folder.path(), &["explain"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_code_is_explained_in_the_language_asked_for() {
    let folder = leadloop_testing::temp_dir();
    let english = leadloop(folder.path(), &["explain", "ll1020"]).ok();
    assert!(english.out.contains("What to do") && !english.out.contains("怎么办"), "{}", english.out);
    let mut chinese = command(folder.path(), &["explain", "LL1020"]);
    chinese.env("LANG", "zh_CN.UTF-8");
    assert!(run(chinese).ok().out.contains("怎么办"));
    let json = leadloop(folder.path(), &["explain", "--output", "json"]).json();
    assert!(json["codes"].as_array().unwrap().len() > 50);
    assert_eq!(leadloop(folder.path(), &["explain", "LL9999"]).code, 1);
}

#[test]
fn the_sandbox_runs_until_it_is_told_to_stop() {
    use std::io::{BufRead, BufReader};
    let folder = leadloop_testing::temp_dir();
    let seed = leadloop_testing::samples_dir().join("crm_seed.json");
    let args = ["sandbox", "--port", "0", "--seed-file", seed.to_str().unwrap(), "--output", "json"];
    let mut child = command(folder.path(), &args).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !text.trim_end().ends_with('}') {
        text.push_str(&lines.next().unwrap().unwrap());
        text.push('\n');
    }
    let said: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(said["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{said}");
    let killed = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0), "SIGTERM ends it in order");
}

#[test]
fn rule_tests_pass_fail_and_say_why() {
    let folder = leadloop_testing::temp_dir();
    leadloop(folder.path(), &["init", "--lang", "en"]).ok();
    let passed = leadloop(folder.path(), &["test", "--lang", "en"]).ok();
    assert!(passed.out.contains("5 passed, 0 failed"), "{}", passed.out);
    let path = folder.path().join("leadloop.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, config.replace("crm.person.idle_days < 30", "crm.person.idle_days < 3")).unwrap();
    let failed = leadloop(folder.path(), &["test", "--lang", "en"]);
    assert_eq!(failed.code, 1, "{}", failed.out);
    assert!(failed.out.contains("4 passed, 1 failed"), "{}", failed.out);
    assert!(failed.out.contains("crm.person.idle_days = 3"), "{}", failed.out);
    let checked = leadloop(folder.path(), &["check", "--output", "json"]);
    assert_eq!(checked.code, 1);
    let checked = checked.any_json();
    assert!(lasting(&checked).contains(&"LL2060"), "{checked:#}");
    assert_eq!(checked["tests"]["failed"], 1, "{checked:#}");
    let one = leadloop(folder.path(), &["test", "consent", "--output", "json"]).json();
    assert_eq!(one["tests"].as_array().unwrap().len(), 1, "{one:#}");
    assert_eq!(one["tests"][0]["reasons"][0]["code"], "person_new");
    let none = leadloop(folder.path(), &["test", "nothing of the kind"]);
    assert!(none.code == 1 && none.err.contains("LL1120"), "{}", none.err);
    let none = leadloop(folder.path(), &["test", "--record", "13800001104"]);
    assert_eq!(none.code, 1, "there is no database: {}", none.err);
}

#[test]
fn the_schema_is_written_for_editors() {
    let folder = leadloop_testing::temp_dir();
    let shown = leadloop(folder.path(), &["schema"]).json();
    assert_eq!(shown["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let connectors = shown["$defs"]["source"]["properties"]["connector"]["enum"].as_array().unwrap();
    assert!(connectors.contains(&"web_form".into()), "{connectors:?}");
    leadloop(folder.path(), &["schema", "--to", "x/s.json"]).ok();
    let written = std::fs::read_to_string(folder.path().join("x/s.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), shown);
}

#[test]
fn an_environment_lays_its_file_over_the_config() {
    let folder = leadloop_testing::temp_dir();
    leadloop(folder.path(), &["init", "--lang", "en"]).ok();
    let overlay = "[server]\nlisten = \"0.0.0.0:9090\"\n\n[[crm]]\nname = \"sales\"\nfuse = { creates_per_hour = \"many\" }\n";
    std::fs::write(folder.path().join("leadloop.prod.toml"), overlay).unwrap();
    leadloop(folder.path(), &["check"]).ok();
    let within = |environment: &str| {
        let mut check = command(folder.path(), &["check", "--output", "json"]);
        check.env("LEADLOOP_ENV", environment);
        run(check).any_json()
    };
    let prod = within("prod");
    assert_eq!(prod["problems"][0]["file"], "leadloop.prod.toml", "{prod:#}");
    assert_eq!(prod["problems"][0]["line"], 6, "{prod:#}");
    std::fs::write(folder.path().join("leadloop.prod.toml"), overlay.replace("\"many\"", "10")).unwrap();
    assert_eq!(within("prod")["ok"], true);
    assert_eq!(
        within("test")["problems"][0]["code"],
        "LL2010",
        "an environment without its file is a mistake"
    );
}

#[test]
fn connectors_are_listed_and_shown_without_a_config() {
    let folder = leadloop_testing::temp_dir();
    let list = leadloop(folder.path(), &["connector", "list", "--output", "json"]).json();
    let names: Vec<&str> =
        list["connectors"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, leadloop_connectors::registry().names().collect::<Vec<_>>());
    let crms = leadloop(folder.path(), &["connector", "list", "--kind", "crm", "--lang", "en"]).ok().out;
    assert!(crms.contains("odoo") && !crms.contains("sensors"), "{crms}");
    let shown = leadloop(folder.path(), &["connector", "show", "sign_in_page", "--lang", "zh"]).ok().out;
    for part in ["签到页", "event_signed_in", "salespeople", "必填"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let nobody = leadloop(folder.path(), &["connector", "show", "acme", "--lang", "en"]);
    assert!(nobody.code == 1 && nobody.err.contains("leadloop connector list"), "{}", nobody.err);
}

#[test]
fn a_new_connector_is_a_folder_and_a_line_and_a_profile_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let refused = leadloop(folder.path(), &["connector", "new", "night_owl", "--kind", "crm"]);
    assert!(refused.code == 1 && refused.err.contains("LL4870"), "{refused:?}");
    std::fs::create_dir(at("connectors")).unwrap();
    std::fs::write(at("connectors/lib.rs"), "//! All.\n\nmod alpha;\nmod zeta;\n").unwrap();

    for kind in ["crm", "source", "notify"] {
        let name = format!("owl_{kind}");
        let said =
            leadloop(folder.path(), &["connector", "new", &name, "--kind", kind, "--output", "json"]).json();
        assert!(said["facts_missing"].as_u64().unwrap() > 4, "{said}");
        for file in said["files"].as_array().unwrap() {
            assert!(at(file.as_str().unwrap()).is_file(), "{file}");
        }
        let manifest = std::fs::read_to_string(at(&format!("connectors/{name}/manifest.toml"))).unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{manifest}");
    }
    let list = std::fs::read_to_string(at("connectors/lib.rs")).unwrap();
    assert_eq!(list, "//! All.\n\nmod alpha;\nmod owl_crm;\nmod owl_notify;\nmod owl_source;\nmod zeta;\n");

    leadloop(folder.path(), &["connector", "new", "barn_owl", "--kind", "source", "--profile"]).ok();
    assert!(at("connectors/profiles/barn_owl.toml").is_file() && !at("connectors/barn_owl").exists());
    assert_eq!(std::fs::read_to_string(at("connectors/lib.rs")).unwrap(), list, "a profile needs no line");

    for name in ["owl_crm", "barn_owl", "hubspot", "Owl", "match", "owl__x", "../x", ""] {
        let refused = leadloop(folder.path(), &["connector", "new", name, "--kind", "source"]);
        assert!(refused.code == 1 && refused.err.contains("LL4871"), "{name}: {refused:?}");
    }
    let refused = leadloop(folder.path(), &["connector", "new", "owl", "--kind", "crm", "--profile"]);
    assert!(refused.code == 1 && !at("connectors/owl").exists(), "{refused:?}");
}
