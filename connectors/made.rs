//! What the kit writes and what the guide shows, compiled and held to the conformance list as it stands.

#![expect(
    clippy::disallowed_methods,
    reason = "the test reads the guide and rewrites expectations on request"
)]

include!(concat!(env!("OUT_DIR"), "/made.rs"));

use std::collections::BTreeMap;

use leadloop_connector_api::testkit::{Folder, conformance};
use leadloop_connector_api::{Connector, Registry, profile};

use crate::kit::{self, FACT, Kind};

/// The folders in which such files stand, as the conformance list wants them.
fn folders(files: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, Folder> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    for (path, text) in files {
        let (first, rest) = path.split_once('/').unwrap();
        let (name, place) = match (first, rest.split_once('.')) {
            ("profiles", Some((name, "toml"))) => (name, "profile.toml".to_owned()),
            ("profiles", Some((name, "md"))) => (name, "README.md".to_owned()),
            ("profiles", Some((name, rest))) => (name, format!("fixtures/{rest}")),
            _ => (first, rest.to_owned()),
        };
        folders.entry(name.to_owned()).or_default().insert(place, text.into_bytes());
    }
    folders
}

/// The connectors of such folders: those with code entered by themselves, profiles are read.
fn registry(folders: &BTreeMap<String, Folder>) -> Registry {
    let all = Registry::all();
    let one = |(name, folder): (&String, &Folder)| -> &'static dyn Connector {
        match folder.get("profile.toml") {
            None => all.get(name).unwrap_or_else(|| panic!("{name} did not enter the registry")),
            Some(text) => profile::read(std::str::from_utf8(text).unwrap(), |base| all.get(base)).unwrap(),
        }
    };
    Registry::of(folders.iter().map(one))
}

fn held(files: &[(String, String)]) -> leadloop_connector_api::testkit::Report {
    let folders = folders(files.iter().cloned());
    conformance(&registry(&folders), &folders)
}

fn of_the_kit() -> impl Iterator<Item = (Kind, Vec<(String, String)>)> {
    Kind::ALL.into_iter().map(|kind| (kind, kit::files(&format!("made_{kind:?}").to_lowercase(), kind)))
}

#[test]
fn a_new_connector_compiles_and_wants_nothing_but_facts() {
    for (kind, files) in of_the_kit() {
        for (path, text) in &files {
            let compiled = FILES.iter().find(|(known, _)| known == path).map(|(_, text)| *text);
            assert_eq!(compiled, Some(text.as_str()), "{path}: this is what was compiled");
        }
        let report = held(&files);
        if std::env::var_os("UPDATE").is_some() {
            let folder = format!("{}/kit/{kind:?}/", env!("CARGO_MANIFEST_DIR")).to_lowercase();
            for (path, text) in &report.rewritten {
                let (_, file) = path.split_once('/').unwrap();
                let file = if kind == Kind::Profile { file.trim_start_matches("fixtures/") } else { file };
                std::fs::write(format!("{folder}{file}"), text).unwrap();
            }
            continue;
        }
        let (facts, others): (Vec<_>, Vec<_>) =
            report.problems.into_iter().partition(|problem| problem.contains("a fact is missing: "));
        assert!(others.is_empty(), "{kind:?}:\n{}", others.join("\n"));
        let asked: usize = files.iter().map(|(_, text)| text.matches(FACT).count()).sum();
        assert!(
            facts.len() == asked && asked > 4,
            "{kind:?}: {asked} facts are asked for:\n{}",
            facts.join("\n")
        );
        for fact in &facts {
            let (place, what) = fact.split_once(": a fact is missing: ").unwrap();
            let line = place.rsplit_once(" line ").map(|(_, line)| line.parse::<usize>().unwrap());
            assert!(line.is_some() && what.len() > 20, "it says where and what: {fact}");
        }
    }
}

#[test]
fn a_connector_whose_facts_are_written_passes() {
    if std::env::var_os("UPDATE").is_some() {
        return; // what it reads is being rewritten
    }
    for (kind, mut files) in of_the_kit() {
        for (_, text) in &mut files {
            let written: Vec<&str> = text.lines().filter(|line| !line.contains(FACT)).collect();
            *text = format!("{}\n", written.join("\n"));
        }
        let report = held(&files);
        assert!(report.problems.is_empty(), "{kind:?}:\n{}", report.problems.join("\n"));
    }
}

#[test]
fn a_new_connector_carries_its_own_name_everywhere() {
    for kind in Kind::ALL {
        for (path, text) in kit::files("night_owl", kind) {
            let place = format!("{path}\n{text}");
            assert!(!place.to_lowercase().contains("kit_name") && !place.contains("KitName"), "{place}");
            assert!(!place.contains("Kit System"), "{place}");
            let of_another = place.to_lowercase().contains("made_") || place.contains("Made ");
            assert!(!of_another, "an expectation holds the name of another connector: {place}");
        }
    }
}

#[test]
fn the_line_of_a_new_connector_stands_in_its_place() {
    let lib = "//! x\n\nmod alpha;\nmod gamma;\n\nmod zeta;\n";
    for (name, wanted) in [
        ("beta", "//! x\n\nmod alpha;\nmod beta;\nmod gamma;\n\nmod zeta;\n"),
        ("aaa", "//! x\n\nmod aaa;\nmod alpha;\nmod gamma;\n\nmod zeta;\n"),
        ("omega", "//! x\n\nmod alpha;\nmod gamma;\nmod omega;\n\nmod zeta;\n"),
    ] {
        assert_eq!(kit::taken_in(lib, name).as_deref(), Some(wanted));
    }
    assert_eq!(kit::taken_in("fn main() {}\n", "beta"), None);
}

#[test]
fn the_connectors_of_the_guide_compile_and_pass() {
    let guides = ["connector.md", "connector.zh-CN.md"]
        .map(|file| format!("{}/../docs/guide/{file}", env!("CARGO_MANIFEST_DIR")));
    let texts = guides.each_ref().map(|guide| std::fs::read_to_string(guide).unwrap());
    let shown = kit::shown(&texts[0]);
    assert_eq!(shown, kit::shown(&texts[1]), "both languages show the same files");
    for (path, text) in &shown {
        assert!(FILES.contains(&(path.as_str(), text.as_str())), "{path}: this is what was compiled");
    }
    assert!(shown.iter().any(|(path, _)| path.ends_with("/mod.rs")), "a native connector is shown");
    assert!(shown.iter().any(|(path, _)| path.starts_with("profiles/")), "a profile is shown");
    let begun = kit::files("acme_forms", Kind::Source);
    let (path, manifest) = begun.iter().find(|(path, _)| path.ends_with("/manifest.toml")).unwrap();
    let mut lines = manifest.lines().zip(1..);
    let (fact, line) = lines.find(|(text, _)| text.contains("FACT? The limits")).unwrap();
    let said = fact.replacen("# FACT? ", &format!("{path} line {line}: a fact is missing: "), 1);
    assert!(texts.iter().all(|text| text.contains(&said)), "the guide quotes what is said: {said}");
    let report = held(&shown);
    if std::env::var_os("UPDATE").is_some() {
        for (guide, mut text) in guides.iter().zip(texts) {
            for (path, new) in &report.rewritten {
                let profile = format!("profiles/{}", path.replacen("/fixtures/", ".", 1));
                let (_, old) = shown.iter().find(|(known, _)| [path, &profile].contains(&known)).unwrap();
                text = text.replace(old, new);
            }
            std::fs::write(guide, text).unwrap();
        }
        return;
    }
    assert!(report.problems.is_empty(), "{}", report.problems.join("\n"));
}
