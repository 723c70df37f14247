//! Files on their way in: preview, rows that cannot be taken, mending them, and all of it beside a running leadloop.

use std::path::Path;

use serde_json::Value;

use crate::command::{Said, leadloop, on_both};

const CONFIG: &str = r#"
[leadloop]
timezone = "Asia/Shanghai"
language = "en"

[store]
url = {store}

[server]
listen = "127.0.0.1:0"

[[source]]
name = "fair"
connector = "table_file"
touch = "event_signed_in"
require = ["phone or email"]
fields = [{ from = "备注", to = "requirement" }]

[[source]]
name = "website"
connector = "web_form"
require = ["phone or email"]
"#;

/// In GB18030, with one row of nobody, one with a broken phone, one twice, and one whose bytes are no text.
fn sign_ins() -> Vec<u8> {
    let rows = "姓名,手机号码,公司名称,备注\n\
        测试甲,139 0000 0001,示例机器人有限公司,想看演示\n\
        测试乙,,示例软件有限公司,没有联系方式\n\
        测试丙,１３９０００００００３,示例软件有限公司,全角号码\n\
        测试丁,12345,示例软件有限公司,号码太短\n\
        测试甲,139 0000 0001,示例机器人有限公司,想看演示\n";
    let mut bytes = encoding_rs::GB18030.encode(rows).0.into_owned();
    bytes.extend(b"\xff\xff,13900000009,\xff\x80,x\n");
    bytes
}

fn import(folder: &Path, args: &[&str]) -> Said {
    let mut all = vec!["import", "fair.csv", "--source", "fair", "--output", "json"];
    all.extend(args);
    leadloop(folder, &all)
}

fn people(folder: &Path) -> Vec<String> {
    let list = leadloop(folder, &["lead", "list", "--reveal", "--output", "json"]).json();
    let name = |lead: &Value| lead["name"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = list["leads"].as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_preview_and_a_dry_run_keep_nothing() {
    let folder = leadloop_testing::temp_dir();
    std::fs::write(folder.path().join("leadloop.toml"), CONFIG.replace("{store}", "\"sqlite:x.db\""))
        .unwrap();
    std::fs::write(folder.path().join("fair.csv"), sign_ins()).unwrap();
    let preview = import(folder.path(), &["--preview"]).json();
    assert_eq!((&preview["encoding"], &preview["form"]), (&"gb18030".into(), &"CSV".into()), "{preview}");
    let becomes: Vec<_> = preview["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["becomes"].as_str().unwrap())
        .collect();
    assert_eq!(becomes, ["name", "phone", "company", "requirement"]);
    assert_eq!(preview["rows"][0]["fields"]["姓名"], "测试甲");
    let dry = import(folder.path(), &["--dry-run"]).json();
    assert_eq!(counts(&dry), (6, 2, 1, 3), "{dry}");
    assert!(!folder.path().join("x.db").exists(), "nothing was kept");
    let wrong = leadloop(folder.path(), &["import", "fair.csv", "--source", "website"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("table_file") && wrong.err.contains("fair"), "{}", wrong.err);
    assert_eq!(leadloop(folder.path(), &["import", "none.csv", "--source", "fair"]).code, 1);
}

/// Rows, accepted, duplicates, quarantined.
fn counts(said: &Value) -> (u64, u64, u64, u64) {
    let number = |name: &str| said[name].as_u64().unwrap();
    (number("rows"), number("accepted"), number("duplicates"), number("quarantined"))
}

#[test]
fn what_cannot_be_taken_is_mended_and_taken_then() {
    on_both("import", CONFIG, |folder| {
        std::fs::write(folder.join("fair.csv"), sign_ins()).unwrap();
        let first = import(folder, &[]).json();
        assert_eq!(counts(&first), (6, 2, 1, 3), "{first}");
        assert_eq!(people(folder), ["测试丙", "测试甲"]);
        let rejected = folder.join("fair.csv.rejected.csv");
        let text = std::fs::read_to_string(&rejected).unwrap();
        assert!(text.contains("LL4001") && text.contains("测试丁"), "{text}");
        // Two ways: one record by its id, the others in the file of rejects.
        let held = leadloop(folder, &["quarantine", "list", "--output", "json", "--reveal"]).json();
        let records = held["records"].as_array().unwrap();
        assert_eq!(records.len(), 3, "{held}");
        let short = records.iter().find(|record| record["fields"]["姓名"] == "测试丁").unwrap();
        let id = short["id"].as_str().unwrap();
        let still = leadloop(folder, &["quarantine", "fix", id, "手机号码=123"]);
        assert_eq!(still.code, 1, "{}", still.out);
        leadloop(folder, &["quarantine", "fix", id, "手机号码=13900000004"]).ok();
        assert_eq!(people(folder), ["测试丁", "测试丙", "测试甲"]);
        let gone = leadloop(folder, &["quarantine", "fix", id, "手机号码=13900000004"]);
        assert_eq!(gone.code, 1);
        assert!(gone.err.contains("LL4110"), "{}", gone.err);
        std::fs::write(&rejected, text.replace("测试乙,,", "测试乙,13900000002,")).unwrap();
        let args = ["import", "fair.csv.rejected.csv", "--source", "fair", "--output", "json"];
        let again = leadloop(folder, &args).json();
        assert_eq!(again["accepted"], 1, "{again}");
        assert_eq!(people(folder), ["测试丁", "测试丙", "测试乙", "测试甲"]);
        let held = leadloop(folder, &["quarantine", "list", "--output", "json"]).json();
        let left = held["records"].as_array().unwrap();
        assert_eq!(left.len(), 1, "only the row without text is left: {held}");
        let id = left[0]["id"].as_str().unwrap();
        leadloop(folder, &["quarantine", "drop", id, "--yes"]).ok();
        let held = leadloop(folder, &["quarantine", "list"]).ok();
        assert!(held.out.contains("nothing is in quarantine"), "{}", held.out);
    });
}

#[test]
fn a_mended_mapping_lets_what_was_refused_in() {
    let config = CONFIG.replace("fields = [{ from = \"备注\", to = \"requirement\" }]", "");
    on_both("retry", &config, |folder| {
        std::fs::write(folder.join("fair.csv"), "Name,Rufnummer\nTest Person,+8613900000001\n").unwrap();
        let refused = import(folder, &[]);
        assert_eq!((refused.code, counts(&refused.any_json())), (1, (1, 0, 0, 1)), "{}", refused.out);
        let text = std::fs::read_to_string(folder.join("leadloop.toml")).unwrap();
        let mended = text
            .replace("touch = \"event_signed_in\"", "fields = [{ from = \"Rufnummer\", to = \"phone\" }]");
        assert_ne!(text, mended);
        std::fs::write(folder.join("leadloop.toml"), mended).unwrap();
        let taken = leadloop(folder, &["quarantine", "retry", "--source", "fair", "--output", "json"]).json();
        assert_eq!(taken["changed"], 1, "{taken}");
        // A shared database goes on under its active config until a node runs with the new one.
        let node = crate::node::Node::start(folder, "unused");
        let begun = std::time::Instant::now();
        while people(folder) != ["Test Person"] {
            assert!(
                begun.elapsed() < std::time::Duration::from_secs(60),
                "what was taken never reached the pool"
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        node.kill();
    });
}

#[test]
fn personal_data_is_masked_unless_asked_for() {
    let folder = leadloop_testing::temp_dir();
    std::fs::write(folder.path().join("leadloop.toml"), CONFIG.replace("{store}", "\"sqlite:x.db\""))
        .unwrap();
    std::fs::write(folder.path().join("fair.csv"), sign_ins()).unwrap();
    import(folder.path(), &[]).json();
    for args in [&["lead", "list"][..], &["quarantine", "list"], &["why", "13900000001"]] {
        let masked = leadloop(folder.path(), args).ok();
        assert!(!masked.out.contains("测试甲") && !masked.out.contains("13900000001"), "{}", masked.out);
        let mut json = args.to_vec();
        json.extend(["--output", "json"]);
        let masked = leadloop(folder.path(), &json).ok();
        assert!(!masked.out.contains("测试甲") && !masked.out.contains("13900000001"), "{}", masked.out);
    }
    let open = leadloop(folder.path(), &["why", "13900000001", "--reveal"]).ok();
    assert!(open.out.contains("测试甲") && open.out.contains("+8613900000001"), "{}", open.out);
    let by_company = leadloop(folder.path(), &["why", "示例机器人", "--output", "json"]).json();
    assert!(by_company.get("lead").is_some(), "{by_company}");
    assert_eq!(leadloop(folder.path(), &["why", "13911112222"]).code, 1);
}

#[test]
fn a_person_gets_everything_that_is_held_as_a_file_they_can_read() {
    use std::io::Read;
    let folder = leadloop_testing::temp_dir();
    let at = folder.path();
    std::fs::write(at.join("leadloop.toml"), CONFIG.replace("{store}", "\"sqlite:x.db\"")).unwrap();
    let row = "姓名,手机号码,公司名称,备注\n测试甲,13900000001,示例机器人有限公司,=HYPERLINK(\"http://evil.example\")\n";
    std::fs::write(at.join("one.csv"), row).unwrap();
    leadloop(at, &["import", "one.csv", "--source", "fair", "--output", "json"]).json();
    std::fs::write(at.join("fair.csv"), sign_ins()).unwrap();
    import(at, &[]).json();
    leadloop(at, &["lead", "tag", "add", "13900000001", "vip"]).ok();
    leadloop(at, &["lead", "note", "13900000001", "call", "after", "five"]).ok();
    let export = ["lead", "export", "--all", "13900000001", "--out"];
    let named = |file: &'static str| [&export[..], &[file]].concat();
    let said = leadloop(at, &named("person.zip")).ok();
    assert!(said.out.contains("touches: 2, raw pushes: 2"), "{}", said.out);
    let mut zip = zip::ZipArchive::new(std::fs::File::open(at.join("person.zip")).unwrap()).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    let mut read = |name: &str| {
        let mut bytes = Vec::new();
        zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let contents = read("README.txt");
    assert!(contents.contains("touches: 2") && contents.contains("2 次互动"), "{contents}");
    assert!(
        contents.contains("other people in them and left out: 1") && contents.contains("含他人数据"),
        "{contents}"
    );
    let profile: Value = serde_json::from_str(&read("profile.json")).unwrap();
    assert!(profile.to_string().contains("+8613900000001"), "{profile}");
    assert_eq!(profile["marks"]["remarks"][0]["text"], "call after five");
    assert!(!profile.to_string().contains("测试丙"), "nobody else's data");
    let timeline = read("timeline.csv");
    assert_eq!(timeline.lines().count(), 3, "{timeline}");
    let pushes: Vec<&String> = names.iter().filter(|name| name.starts_with("pushes/")).collect();
    let [push] = pushes.as_slice() else { panic!("what others are in is left out: {names:?}") };
    assert!(push.ends_with(".json") && read(push).contains("evil.example"), "{push}");
    // Nothing is written over, a JSON document is still to be had, other endings are refused.
    assert_eq!(leadloop(at, &named("person.zip")).code, 1);
    leadloop(at, &[&named("person.zip")[..], &["--force"]].concat()).ok();
    leadloop(at, &named("person.json")).ok();
    let text = std::fs::read_to_string(at.join("person.json")).unwrap();
    assert!(text.contains("evil.example") && text.contains("call after five"), "{text}");
    assert_eq!(leadloop(at, &named("person.pdf")).code, 1);
    assert!(!at.join("person.pdf").exists());
}
