//! The walls between the crates: who may use whom. A new edge is a visible line in a review.
//!
//! `UPDATE=1 cargo test --test it architecture` rewrites `architecture.txt`; the walls below stay.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use leadloop_testing::root;
use serde_json::Value;

/// Crates that decide and translate: no I/O, no clock, no dice.
const PURE: [&str; 5] = [
    "leadloop-mapping",
    "leadloop-sync-core",
    "leadloop-connector-api",
    "leadloop-connectors",
    "leadloop-config",
];

/// What no pure crate may name: runtimes, sockets, databases, dice, logs.
const IMPURE: [&str; 10] = [
    "tokio",
    "sqlx",
    "reqwest",
    "hyper",
    "axum",
    "rand",
    "tracing",
    "governor",
    "leadloop-store",
    "leadloop-server",
];

/// (crate, what it must not name): the rest of the walls.
const WALLS: [(&str, &[&str]); 6] = [
    ("leadloop-mapping", &["leadloop-sync-core", "leadloop-connector-api", "leadloop-config", "toml"]),
    ("leadloop-sync-core", &["leadloop-connector-api", "leadloop-connectors", "leadloop-config"]),
    ("leadloop-config", &["leadloop-connectors"]), // it is given a registry
    (
        "leadloop-store",
        &["leadloop-connector-api", "leadloop-connectors", "leadloop-config", "leadloop-server", "reqwest"],
    ),
    ("leadloop-server", &["sqlx", "toml"]), // it sees a checked plan, never TOML
    ("leadloop", &["sqlx", "reqwest"]),
];

struct Package {
    name: String,
    folder: String,
    /// (kind, name): kind is `uses`, `tests` or `builds`.
    edges: BTreeSet<(&'static str, String)>,
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let top = Path::new(metadata["workspace_root"].as_str().unwrap());
    let mut packages: Vec<Package> =
        metadata["packages"].as_array().unwrap().iter().map(|package| read(package, top)).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(packages.len() >= 9, "cargo metadata shows {} crates only", packages.len());
    packages
}

fn read(package: &Value, top: &Path) -> Package {
    let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
    let edges = package["dependencies"].as_array().unwrap().iter().map(|dependency| {
        let kind = match dependency["kind"].as_str() {
            Some("dev") => "tests",
            Some("build") => "builds",
            _ => "uses",
        };
        (kind, dependency["name"].as_str().unwrap().to_owned())
    });
    Package {
        name: package["name"].as_str().unwrap().to_owned(),
        folder: folder.strip_prefix(top).unwrap().display().to_string(),
        edges: edges.collect(),
    }
}

fn is_ours(name: &str) -> bool {
    name == "leadloop" || name.starts_with("leadloop-")
}

fn print(packages: &[Package]) -> String {
    let mut text = String::from(
        "# Crates of the workspace and what each names directly. Made by tests/it/architecture.rs.\n",
    );
    for package in packages {
        writeln!(
            text,
            "\n{} ({}/)",
            package.name,
            if package.folder.is_empty() { "." } else { &package.folder }
        )
        .unwrap();
        for kind in ["uses", "builds", "tests"] {
            for ours in [true, false] {
                let names = package.edges.iter().filter(|(k, name)| *k == kind && is_ours(name) == ours);
                let names: Vec<&str> = names
                    .map(|(_, name)| name.strip_prefix("leadloop-").filter(|_| ours).unwrap_or(name))
                    .collect();
                if !names.is_empty() {
                    let whose = if ours { "ours" } else { "packages" };
                    writeln!(text, "  {kind:<6} {whose:<8}  {}", names.join(" ")).unwrap();
                }
            }
        }
    }
    text
}

#[test]
fn the_crate_graph_is_the_committed_one() {
    let found = print(&packages());
    let file = root().join("tests/it/architecture.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let new: Vec<&str> = found.lines().filter(|line| !committed.lines().any(|old| old == *line)).collect();
    assert!(
        found == committed,
        "the crate graph changed:\n{}\nIf that is meant, run: UPDATE=1 cargo test --test it architecture",
        new.join("\n")
    );
}

#[test]
fn no_crate_names_what_it_must_not() {
    let packages = packages();
    let edges = |name: &str| {
        let package =
            packages.iter().find(|package| package.name == name).unwrap_or_else(|| panic!("no crate {name}"));
        let used: BTreeSet<&str> = package
            .edges
            .iter()
            .filter(|(kind, _)| *kind != "tests")
            .map(|(_, name)| name.as_str())
            .collect();
        used
    };
    let mut breaches = Vec::new();
    let pure = PURE.iter().map(|name| (*name, &IMPURE[..]));
    for (name, forbidden) in pure.chain(WALLS.iter().copied()) {
        for other in edges(name).intersection(&forbidden.iter().copied().collect()) {
            breaches.push(format!("{name} names {other}"));
        }
    }
    // The sandbox plays another company's system: what it shared with us would hide our mistakes.
    breaches.extend(
        edges("leadloop-sandbox")
            .iter()
            .filter(|other| is_ours(other))
            .map(|other| format!("leadloop-sandbox names {other}")),
    );
    for package in &packages {
        if edges(&package.name).contains("leadloop-testing") {
            breaches.push(format!("{} ships leadloop-testing", package.name));
        }
    }
    assert!(breaches.is_empty(), "walls broken:\n{}", breaches.join("\n"));
}

#[test]
fn time_zones_of_the_pure_crates_come_from_the_bundled_database() {
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let jiff = &manifest["workspace"]["dependencies"]["jiff"];
    assert_eq!(
        jiff["default-features"].as_bool(),
        Some(false),
        "jiff's default features read the host's zone files"
    );
    let features = jiff["features"].as_array().unwrap();
    let has = |name: &str| features.iter().any(|feature| feature.as_str() == Some(name));
    assert!(has("tzdb-bundle-always") && !has("tzdb-zoneinfo") && !has("tz-system"), "{features:?}");
}

#[test]
fn the_pure_crates_repeat_the_lint_settings_of_the_root() {
    let read = |folder: &str| -> toml::Table {
        std::fs::read_to_string(root().join(folder).join("clippy.toml")).unwrap().parse().unwrap()
    };
    let common = read("");
    let pure = read("mapping");
    // connectors/api finds the file of connectors/
    for folder in ["sync-core", "connectors", "config"] {
        assert_eq!(read(folder), pure, "{folder}/clippy.toml differs from mapping/clippy.toml");
    }
    for (key, value) in &common {
        assert_eq!(
            pure.get(key),
            Some(value),
            "{key} of the root's clippy.toml is not repeated in mapping/clippy.toml"
        );
    }
    let paths = |key: &str| -> BTreeSet<&str> {
        pure[key].as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect()
    };
    let methods = paths("disallowed-methods");
    for method in [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "jiff::Timestamp::now",
        "std::env::var",
        "std::fs::read",
    ] {
        assert!(methods.contains(method), "{method} is allowed in the pure crates");
    }
    assert!(
        paths("disallowed-types")
            .is_superset(&["std::collections::HashMap", "std::collections::HashSet"].into())
    );
}
