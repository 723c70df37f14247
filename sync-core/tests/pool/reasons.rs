//! Every code that is pushed anywhere has its words in both languages, and every entry is pushed somewhere.
#![expect(clippy::disallowed_methods, reason = "reads the sources of this crate")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leadloop_sync_core::because::{Language, Reason, catalogue};

/// The sources, without the catalogue itself.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("catalogue.rs") {
                let text = std::fs::read_to_string(&path).expect("readable");
                found.insert(path.display().to_string(), text);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 30, "only {} sources were read", found.len());
    found
}

/// What follows `Reason::new(`: a code, or an expression that gives one.
fn pushed(text: &str) -> Vec<&str> {
    let calls = text.split("Reason::new(").skip(1);
    calls.filter_map(|rest| rest.split([')', ',']).next()).map(str::trim).collect()
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
}

#[test]
fn every_code_has_words_and_every_word_its_code() {
    let known: BTreeSet<&str> = catalogue().iter().map(|(code, ..)| *code).collect();
    assert_eq!(known.len(), catalogue().len(), "a code stands twice");
    let sources = sources();
    let mut without_words = Vec::new();
    let mut computed = 0;
    for (path, text) in &sources {
        for code in pushed(text) {
            match code.strip_prefix('"').and_then(|code| code.strip_suffix('"')) {
                Some(code) if known.contains(code) => {}
                Some(code) => without_words.push(format!("{path}: {code}")),
                None => computed += 1,
            }
        }
    }
    assert!(without_words.is_empty(), "not in because/catalogue.rs:\n{}", without_words.join("\n"));
    // Codes chosen at run time stand in the sources as texts too, which the next check sees.
    assert!(computed <= 6, "{computed} reasons have computed codes; write them out");
    let all: String = sources.into_values().collect();
    let dead: Vec<_> = known.iter().filter(|code| !all.contains(&format!("\"{code}\""))).collect();
    assert!(dead.is_empty(), "nobody pushes {dead:?}");
}

#[test]
fn both_languages_see_the_same() {
    for (code, zh, en) in catalogue() {
        assert!(!zh.is_empty() && !en.is_empty(), "{code}");
        assert!(zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{code}: {zh}");
        let (zh, en) = (placeholders(zh), placeholders(en));
        assert!(zh == en, "{code}: {zh:?} and {en:?}");
    }
}

#[test]
fn what_a_text_shows_is_what_is_seen_somewhere() {
    let all: String = sources().into_values().collect();
    let mut wrong = Vec::new();
    for (code, _, en) in catalogue() {
        let start = format!("Reason::new(\"{code}\"");
        // All that is added to this reason, in all places, within the statement.
        let seen: BTreeSet<&str> = all
            .split(&start)
            .skip(1)
            .flat_map(|rest| {
                let rest = rest.get(..rest.floor_char_boundary(900)).unwrap_or(rest);
                rest.split(".with(").skip(1)
            })
            .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
            .collect();
        // Where the code is chosen at run time, the statement cannot be found.
        if !all.contains(&start) {
            continue;
        }
        wrong.extend(placeholders(en).difference(&seen).map(|name| format!("{code}: {name} is never seen")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn reasons_are_said_in_both_languages() {
    let reason = Reason::new("stage").with("from", "raw").with("to", "with_sales");
    assert_eq!(reason.say(Language::En), "stage raw → with sales (SQL)");
    assert_eq!(reason.say(Language::Zh), "阶段 原始 → 已转销售（SQL）");
    assert_eq!(Reason::new("held").say(Language::En), "held until – for team –");
    assert_eq!(Reason::new("not_there").with("a", 1).say(Language::Zh), "not_there a=1");
}
