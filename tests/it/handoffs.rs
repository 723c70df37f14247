//! Hand-overs by command, without any CRM: what waits at the desk, what is open, change of hands, and a rehearsal of other
//! rules over what was decided. On both engines.

use std::path::Path;

use crate::command::{leadloop, on_both};

pub(crate) const CONFIG: &str = r#"
[leadloop]
timezone = "Asia/Shanghai"
language = "en"
[store]
url = {store}
[server]
public_url = "https://leads.shili.example"
[[source]]
name = "list"
connector = "table_file"
settings = { folder = "in" }
touch = "list_imported"
consent = "given"
require = ["phone or email"]
[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "list_imported", points = 30 }]
[mql]
when = 'score.interest >= 30'
[sdr]
team = "desk"
when = 'lead.requirement == null'
fill = ["requirement"]
[people]
table = "people.csv"
[[team]]
name = "east"
members = [{ person = "li.na" }]
[[team]]
name = "rest"
members = [{ person = "wang.wei" }]
[[team]]
name = "desk"
members = [{ person = "zhao.min" }]
[[route]]
name = "by_region"
table = { "上海" = "east" }
fallback = "rest"
[[transfer]]
name = "everyone"
when = 'true'
do = { create = "lead", assign = { route = "by_region" } }
[[sla]]
name = "all"
when = 'true'
accept_within = "1 working day"
[[notify]]
name = "tool"
connector = "notify_webhook"
settings = { url = { file = "tool_url" } }
send = [{ on = ["handed_over", "at_desk"], to = "owner", link = true }]
"#;

pub(crate) fn folder(folder: &Path) {
    let people = "key,name,manager\nli.na,Li Na,sun.hao\nwang.wei,Wang Wei,sun.hao\nzhao.min,Zhao Min,sun.hao\nsun.hao,Sun Hao,\n";
    std::fs::write(folder.join("people.csv"), people).unwrap();
    std::fs::write(folder.join("tool_url"), "http://127.0.0.1:9/").unwrap();
    std::fs::create_dir_all(folder.join("in")).unwrap();
    let mut rows = "phone,name,company,province,requirement\n".to_owned();
    for number in 0..12 {
        let province = ["上海", "广东", "四川"][number % 3];
        let requirement = if number < 10 { "line" } else { "" };
        rows.push_str(&format!("139000000{number:02},P{number},Shili {number},{province},{requirement}\n"));
    }
    std::fs::write(folder.join("leads.csv"), rows).unwrap();
}

/// The second rule set, with a secret that is not there: its Sichuan goes to the east too.
fn shadow_of(config: &str) -> String {
    config
        .replace("url = {store}", "url = { env = \"NOT_THERE\" }")
        .replace("{ \"上海\" = \"east\" }", "{ \"上海\" = \"east\", \"四川\" = \"east\" }")
}

#[test]
fn a_shadow_decides_beside_and_changes_nothing() {
    let config = format!("{CONFIG}[shadow]\nfile = \"new.toml\"\n");
    on_both("shadow", &config, |at| {
        folder(at);
        let taken = |from: usize| {
            let mut rows = "phone,name,company,province,requirement\n".to_owned();
            for number in from..from + 9 {
                let province = ["上海", "广东", "四川"][number % 3];
                rows.push_str(&format!("13900000{number:03},P{number},Shili {number},{province},line\n"));
            }
            std::fs::write(at.join("more.csv"), rows).unwrap();
            let said =
                leadloop(at, &["import", "more.csv", "--source", "list", "--yes", "--output", "json"]).json();
            assert_eq!(said["accepted"], 9, "{said}");
        };
        let shadow = |args: &[&str]| {
            let args: Vec<&str> = ["shadow"].iter().chain(args).copied().collect();
            leadloop(at, &[&args[..], &["--output", "json"]].concat()).json()
        };

        // The same rules: all alike, though turns and counts go on.
        std::fs::write(at.join("new.toml"), CONFIG.replace("url = {store}", "url = { env = \"NOT_THERE\" }"))
            .unwrap();
        taken(0);
        let said = shadow(&[]);
        assert_eq!((&said["decisions"], &said["agreed"]), (&9.into(), &9.into()), "{said}");
        assert_eq!((&said["agreed_percent"], &said["failed"]), (&100.0.into(), &0.into()), "{said}");
        let handed_over = list(at, &["handoff", "list"]);
        assert_eq!(handed_over.len(), 9);

        // Other rules begin anew.
        std::fs::write(at.join("new.toml"), shadow_of(CONFIG)).unwrap();
        assert_eq!(shadow(&[])["running"], false);
        taken(9);
        let said = shadow(&["--samples", "2"]);
        assert_eq!(
            (&said["decisions"], &said["agreed"], &said["differ"]),
            (&9.into(), &6.into(), &3.into()),
            "{said}"
        );
        assert_eq!(said["agreed_percent"], 66.6);
        let row = |group: &str, name: &str| -> (i64, i64) {
            let keys = if group == "owners" { ["before", "after"] } else { ["leads", "changed"] };
            let rows = said[group].as_array().unwrap();
            let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {said}"));
            (row[keys[0]].as_i64().unwrap(), row[keys[1]].as_i64().unwrap())
        };
        assert_eq!((row("owners", "li.na"), row("owners", "wang.wei")), ((3, 6), (6, 3)));
        assert_eq!((row("regions", "四川"), row("regions", "上海")), ((3, 3), (3, 0)));
        assert_eq!(said["samples"].as_array().unwrap().len(), 2);
        assert!(!said.to_string().contains("P11"), "names are masked: {said}");
        let text = leadloop(at, &["shadow"]).ok().out;
        assert!(text.contains("66.6 % alike") && text.contains("By region"), "{text}");
        let text = leadloop(at, &["shadow", "--lang", "zh"]).ok().out;
        assert!(text.contains("一致 66.6 %"), "{text}");
        // What is live is as without it.
        let open = list(at, &["handoff", "list"]);
        let of = |owner: &str| open.iter().filter(|handoff| handoff["owner"] == owner).count();
        assert_eq!((of("li.na"), of("wang.wei")), (6, 12), "{open:?}");
        shadow_that_fails(at, &taken, &shadow);
        let said = leadloop(at, &["shadow", "--since", "soon"]);
        assert!(said.code == 1 && said.err.contains("30d"), "{said:?}");
    });
}

/// A shadow whose rule asks for a score that the live rules do not have: said and counted, and all leads are handed over.
fn shadow_that_fails(at: &Path, taken: &dyn Fn(usize), shadow: &dyn Fn(&[&str]) -> serde_json::Value) {
    let fails = shadow_of(CONFIG)
        .replace("[mql]", "[[score]]\nname = \"fit\"\nrange = [0, 100]\nadd = [{ points = 50, when = 'true' }]\n[mql]")
        .replace("when = 'true'\ndo = { create", "when = 'score.fit > 10'\ndo = { decline = \"fits\" }\n[[transfer]]\nname = \"rest\"\nwhen = 'true'\ndo = { create");
    std::fs::write(at.join("new.toml"), fails).unwrap();
    taken(18);
    let said = shadow(&[]);
    assert_eq!((&said["failed"], &said["decisions"]), (&9.into(), &0.into()), "{said}");
    assert!(said["failed_last"].as_str().unwrap().contains("everyone"), "{said}");
    let alarms = leadloop(at, &["status", "--output", "json"]).json().to_string();
    assert!(alarms.contains("LL4640"), "{alarms}");
    assert_eq!(list(at, &["handoff", "list"]).len(), 27);
    // With the mended rules the alarm ends.
    std::fs::write(at.join("new.toml"), shadow_of(CONFIG)).unwrap();
    taken(27);
    let alarms = leadloop(at, &["status", "--output", "json"]).json().to_string();
    assert!(!alarms.contains("LL4640"), "{alarms}");
    std::fs::write(at.join("new.toml"), "[leadloop").unwrap();
    let said = leadloop(at, &["check"]);
    assert!(said.code == 0 && format!("{}{}", said.out, said.err).contains("LL2166"), "{said:?}");
    // A broken shadow keeps no lead from sales, and is no shadow.
    taken(36);
    assert_eq!(list(at, &["handoff", "list"]).len(), 45);
    let said = leadloop(at, &["shadow"]);
    assert!(said.code == 1 && said.err.contains("LL4641"), "{said:?}");
    std::fs::write(at.join("new.toml"), shadow_of(CONFIG)).unwrap();
}

fn list(folder: &Path, args: &[&str]) -> Vec<serde_json::Value> {
    let args: Vec<&str> = args.iter().copied().chain(["--output", "json"]).collect();
    leadloop(folder, &args).json()["handoffs"].as_array().unwrap().clone()
}

#[test]
fn hand_overs_by_command() {
    on_both("handoffs", CONFIG, |at| {
        folder(at);
        let taken =
            leadloop(at, &["import", "leads.csv", "--source", "list", "--yes", "--output", "json"]).json();
        assert_eq!(taken["accepted"], 12, "{taken}");
        let open = list(at, &["handoff", "list"]);
        assert_eq!(open.len(), 12);
        let of = |owner: &str| open.iter().filter(|handoff| handoff["owner"] == owner).count();
        assert_eq!((of("li.na"), of("wang.wei"), of("zhao.min")), (4, 6, 2), "{open:?}");
        assert!(list(at, &["handoff", "list", "--overdue"]).is_empty());
        assert_eq!(open[0]["name"], "P***", "names are masked");

        at_the_desk(at);
        rehearsed(at);
        change_of_hands(at);
        bad_input(at);
    });
}

pub(crate) fn at_the_desk(at: &Path) {
    let waiting = list(at, &["sdr", "list"]);
    assert_eq!(waiting.len(), 2);
    let id = |number: usize| waiting[number]["id"].as_str().unwrap();
    leadloop(at, &["sdr", "confirm", id(0), "--by", "zhao.min", "requirement=vision"]).ok();
    leadloop(at, &["sdr", "drop", id(1), "--by", "zhao.min", "--remark", "a competitor"]).ok();
    assert!(list(at, &["sdr", "list"]).is_empty());
    let shown = leadloop(at, &["handoff", "show", id(0), "--output", "json"]).json();
    assert_eq!(shown["state"], "with_sales", "{shown}");
    assert!(shown["clocks"]["decided"].is_i64() && shown["slowest"].is_object(), "{shown}");
    let again = leadloop(at, &["sdr", "confirm", id(0), "--by", "zhao.min"]);
    assert!(again.code == 1 && again.err.contains("LL4607"), "{again:?}");
    let dropped = leadloop(at, &["lead", "list", "--stage", "closed", "--output", "json"]).json();
    assert_eq!(dropped["leads"].as_array().unwrap().len(), 1, "{dropped}");
}

/// Shanghai goes to the rest too, and whoever asked for `vision` is declined.
fn rehearsed(at: &Path) {
    let store = std::fs::read_to_string(at.join("leadloop.toml")).unwrap();
    let url = store.lines().find(|line| line.starts_with("url = ")).unwrap();
    let new = CONFIG.replace("url = {store}", url).replace("{ \"上海\" = \"east\" }", "{ \"四川\" = \"east\" }").replace(
        "[[transfer]]",
        "[[transfer]]\nname = \"no vision\"\nwhen = 'lead.requirement == \"vision\"'\ndo = { decline = \"not sold\" }\n[[transfer]]",
    );
    std::fs::write(at.join("new.toml"), new).unwrap();
    let said = leadloop(at, &["rehearse", "new.toml", "--since", "1d", "--output", "json"]).json();
    assert_eq!((&said["decisions"], &said["present_rules_agree"]), (&11.into(), &11.into()), "{said}");
    let owner = |name: &str| {
        let row = said["owners"].as_array().unwrap().iter().find(|row| row["name"] == name);
        row.map_or((0, 0), |row| (row["before"].as_i64().unwrap(), row["after"].as_i64().unwrap()))
    };
    // Rows 0, 3, 6, 9 are Shanghai's; 2, 5, 8 Sichuan's; row 10 (Guangdong's) came by the desk.
    assert_eq!((owner("li.na"), owner("wang.wei"), owner("-")), ((4, 3), (7, 7), (0, 1)), "{said}");
    let same = leadloop(at, &["rehearse", "leadloop.toml", "--output", "json"]).json();
    assert_eq!(same["changed"], 0, "the same rules change nothing: {same}");
    let text = leadloop(at, &["rehearse", "new.toml"]).ok().out;
    assert!(text.contains("By owner") && text.contains("no vision"), "{text}");
}

pub(crate) fn change_of_hands(at: &Path) {
    let before = list(at, &["handoff", "list", "--owner", "li.na"]);
    leadloop(at, &["handoff", "reassign", "--from", "li.na", "--to", "wang.wei", "--yes"]).ok();
    assert!(list(at, &["handoff", "list", "--owner", "li.na"]).is_empty());
    assert_eq!(list(at, &["handoff", "list", "--owner", "wang.wei"]).len(), 11);
    let id = before[0]["id"].as_str().unwrap();
    assert_eq!(leadloop(at, &["handoff", "show", id, "--output", "json"]).json()["state"], "superseded");
    let open = list(at, &["handoff", "list"]);
    leadloop(at, &["handoff", "take-back", open[0]["id"].as_str().unwrap(), "--yes"]).ok();
    assert_eq!(list(at, &["handoff", "list"]).len(), 10);
    assert_eq!(list(at, &["handoff", "list", "--state", "taken_back"]).len(), 1);
}

fn bad_input(at: &Path) {
    for (args, code) in [
        (&["handoff", "show", "H-ffff"][..], "LL4606"),
        (&["handoff", "show", "0"], "LL4606"),
        (&["handoff", "reassign", "--from", "wang.wei", "--to", "nobody", "--yes"], "LL4607"),
        (&["sdr", "nurture", "H-ffff", "--by", "zhao.min"], "LL4606"),
    ] {
        let said = leadloop(at, args);
        assert!(said.code == 1 && said.err.contains(code), "{args:?}: {said:?}");
    }
    let said = leadloop(at, &["rehearse", "new.toml", "--since", "soon"]);
    assert!(said.code == 1 && said.err.contains("30d"), "{said:?}");
    let said = leadloop(at, &["handoff", "list", "--state", "lost"]);
    assert!(said.code == 1 && said.err.contains("at_desk"), "{said:?}");
}
