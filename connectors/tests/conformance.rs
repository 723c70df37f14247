//! Every connector against the same list. `UPDATE=1 cargo test -p leadloop-connectors` rewrites expectations of fixtures.
#![expect(clippy::disallowed_methods, reason = "the test reads the folders, which the connectors must not")]
#![expect(clippy::unwrap_used, reason = "a test without its folders has to fail")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leadloop_connector_api::testkit::{Folder, conformance};

fn connectors() -> PathBuf {
    leadloop_testing::root().join("connectors")
}

fn read(folder: &Path, below: &str, files: &mut Folder) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            read(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

/// The files of each profile, as the folder it would be: `acme.toml`, `acme.md`, `acme.pushed.exchange`.
fn profiles(folders: &mut BTreeMap<String, Folder>) {
    let mut files = Folder::new();
    read(&connectors().join("profiles"), "", &mut files);
    for (path, bytes) in files {
        let (name, rest) = path.split_once('.').unwrap();
        let place = match rest {
            "toml" => "profile.toml".to_owned(),
            "md" => "README.md".to_owned(),
            rest => format!("fixtures/{rest}"),
        };
        folders.entry(name.to_owned()).or_default().insert(place, bytes);
    }
}

#[test]
fn every_connector_keeps_to_the_list() {
    let mut folders = BTreeMap::new();
    for entry in std::fs::read_dir(connectors()).unwrap() {
        let path = entry.unwrap().path();
        if path.join("manifest.toml").is_file() {
            let mut files = Folder::new();
            read(&path, "", &mut files);
            folders.insert(path.file_name().unwrap().to_string_lossy().into_owned(), files);
        }
    }
    profiles(&mut folders);
    let report = conformance(&leadloop_connectors::registry(), &folders);
    if std::env::var_os("UPDATE").is_some() {
        for (path, text) in &report.rewritten {
            let place = connectors().join(path);
            let of_profile = path.replacen("/fixtures/", ".", 1);
            let place = if place.is_file() { place } else { connectors().join("profiles").join(of_profile) };
            std::fs::write(place, text).unwrap();
        }
    }
    assert!(report.problems.is_empty(), "\n{}\n", report.problems.join("\n"));
}
