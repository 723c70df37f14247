//! An encrypted database through the whole product: people are taken in, handed over, answered about, merged, parted,
//! exported and forgotten by command, and nothing of them stands in the database. The same in clear shows that it would.

use std::path::Path;

use leadloop_testing::{file_bytes, fresh_database, traces};

use crate::command::leadloop;
use crate::handoffs::{CONFIG, at_the_desk, change_of_hands, folder};

const TEXTS: [&str; 4] = ["13900000003", "13911112222", "zhang.san42@kehu.example", "测试四十二"];

fn config(store: &str, encrypted: bool) -> String {
    let encryption = if encrypted { "\nencryption = { key = { file = \"store.key\" } }" } else { "" };
    CONFIG.replace("{store}", &format!("{store}{encryption}"))
}

fn lives(at: &Path) {
    folder(at);
    std::fs::write(at.join("store.key"), "5a".repeat(32)).unwrap();
    let more = "phone,email,name,company,province,requirement\n\
                13911112222,zhang.san42@kehu.example,测试四十二,Shili 9,上海,call 13911112222\n\
                none,zhang.san42,测试四十二,,,\n";
    std::fs::write(at.join("more.csv"), more).unwrap();
    leadloop(at, &["import", "leads.csv", "--source", "list", "--yes"]).ok();
    at_the_desk(at);
    change_of_hands(at);
    leadloop(at, &["import", "more.csv", "--source", "list", "--yes"]);
    let again =
        leadloop(at, &["import", "more.csv", "--source", "list", "--yes", "--output", "json"]).any_json();
    assert_eq!(again["duplicates"], 1, "{again}");
    for who in ["13911112222", "zhang.san42@kehu.example", "测试四十二"] {
        let found = leadloop(at, &["why", who, "--reveal"]).ok().out;
        assert!(found.contains("+8613911112222") && found.contains("call 13911112222"), "{who}: {found}");
    }
    let part = leadloop(at, &["lead", "list", "--text", "san42@kehu", "--reveal", "--output", "json"]).json();
    assert_eq!(part["leads"].as_array().unwrap().len(), 1, "{part}");
    let where_mail = r#"endsWith(lead.email, "@kehu.example")"#;
    let asked = leadloop(at, &["lead", "list", "--where", where_mail, "--output", "json"]).json();
    assert_eq!(asked["leads"].as_array().unwrap().len(), 1, "{asked}");
    merged_and_parted(at);
    leadloop(at, &["lead", "export", "--all", "13911112222", "--out", "person.json", "--force"]).ok();
    let held = std::fs::read_to_string(at.join("person.json")).unwrap();
    assert!(held.contains("zhang.san42@kehu.example") && held.contains("测试四十二"), "{held}");
    let reason = "asked by 13900000003";
    leadloop(at, &["lead", "erase", "13900000009", "--yes", "--reason", reason]).ok();
    let refused =
        leadloop(at, &["import", "leads.csv", "--source", "list", "--yes", "--output", "json"]).any_json();
    assert!(refused.to_string().contains("LL4522") || refused["erased"] == 1, "{refused}");
}

/// Two people become one and two again; the one that was absorbed is found by its number all the time.
fn merged_and_parted(at: &Path) {
    let id = |phone: &str| {
        let found = leadloop(at, &["lead", "list", "--text", phone, "--output", "json"]).json();
        found["leads"].as_array().unwrap().iter().map(|lead| lead["id"].to_string()).collect::<Vec<_>>()
    };
    let before = [id("13900000003"), id("13900000006")];
    leadloop(at, &["lead", "merge", "13900000003", "13900000006"]).ok();
    let after = [id("13900000003"), id("13900000006")];
    let absorbed = before.iter().flatten().find(|one| !after.iter().flatten().any(|left| left == *one));
    leadloop(at, &["lead", "unmerge", absorbed.expect("one of the two").trim_matches('"')]).ok();
    assert_eq!([id("13900000003"), id("13900000006")], before);
}

#[test]
fn nothing_of_people_stands_in_an_encrypted_database() {
    for encrypted in [true, false] {
        let at = leadloop_testing::temp_dir();
        let path = at.path();
        std::fs::write(path.join("leadloop.toml"), config("\"sqlite:data/leadloop.db\"", encrypted)).unwrap();
        lives(path);
        let found = traces(&file_bytes(&path.join("data/leadloop.db")), &TEXTS);
        assert_eq!(found.is_empty(), encrypted, "SQLite: {found:?}");

        let at = leadloop_testing::temp_dir();
        let path = at.path();
        let database = fresh_database("sealed_product");
        std::fs::write(path.join("store_url"), database.url()).unwrap();
        std::fs::write(path.join("leadloop.toml"), config("{ file = \"store_url\" }", encrypted)).unwrap();
        lives(path);
        for (table, rows) in database.dump() {
            let found = traces(rows.as_bytes(), &TEXTS);
            assert!(found.is_empty() || !encrypted, "{table}: {found:?}");
            assert!(encrypted || table != "lead" || !found.is_empty(), "the search finds what stands there");
        }
    }
}
