//! What no compiler checks: sizes, stray words, names, codes with their pages, links.
#![expect(clippy::string_slice, reason = "positions come from searches in the same text")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use leadloop_testing::root;

/// A file of more lines fails; above `LONG` it is named as a question.
const TOO_LONG: usize = 800;
const LONG: usize = 500;

/// Left behind by unfinished work, or true on one machine only. This file is not scanned.
const STRAY: [&str; 12] = [
    "TODO",
    "FIXME",
    "XXX",
    "HACK",
    "#[allow(",
    "#![allow(",
    "#[ignore",
    "todo!(",
    "unimplemented!(",
    "/root/",
    "/home/",
    "/work/",
];

/// Names that say nothing: whatever is put under them fits.
const EMPTY_NAMES: [&str; 5] = ["Manager", "Service", "Helper", "Helpers", "Util"];

const ENGLISH: [&str; 3] = ["## What happened", "## Why", "## What to do"];
const CHINESE: [&str; 3] = ["## 发生了什么", "## 为什么", "## 怎么办"];

/// Text files of the checkout whose name ends in one of `endings`, by path from the root.
fn files(endings: &[&str]) -> BTreeMap<PathBuf, String> {
    fn walk(folder: &Path, endings: &[&str], found: &mut BTreeMap<PathBuf, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                let built = name == "target" || name == "data" || name == "node_modules";
                if !built && !name.starts_with('.') && !path.join(".git").exists() {
                    walk(&path, endings, found);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let text = std::fs::read_to_string(&path)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                found.insert(path.strip_prefix(root()).unwrap().to_owned(), text);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root(), endings, &mut found);
    assert!(!found.is_empty(), "no file ends in {endings:?}");
    found
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches")
}

/// `word` standing alone, where it starts or ends in a letter.
fn holds_word(line: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = letter(word.chars().next()) && letter(line[..at].chars().next_back());
        let after = letter(word.chars().next_back()) && letter(line[at + word.len()..].chars().next());
        !before && !after
    })
}

#[test]
fn no_source_file_is_too_long() {
    let lengths = files(&[".rs", ".sql"]).into_iter().map(|(path, text)| (path, text.lines().count()));
    let long: Vec<(PathBuf, usize)> = lengths.filter(|(_, lines)| *lines > LONG).collect();
    for (path, lines) in &long {
        println!("is {} still one thing? {lines} lines", path.display());
    }
    let too_long: Vec<_> = long.iter().filter(|(_, lines)| *lines > TOO_LONG).collect();
    assert!(too_long.is_empty(), "more than {TOO_LONG} lines: {too_long:?}");
}

#[test]
fn no_stray_words() {
    let own = Path::new(file!());
    let mut found = Vec::new();
    for (path, text) in files(&[".rs", ".sql", ".toml", ".md", ".sh", ".html", ".css", ".js"]) {
        if path == own {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for word in STRAY.iter().filter(|word| holds_word(line, word)) {
                found.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "stray words:\n{}", found.join("\n"));
}

#[test]
fn no_name_is_empty() {
    let mut found = Vec::new();
    for (path, text) in files(&[".rs"]) {
        for (number, line) in text.lines().enumerate() {
            let mut words =
                line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
            while let Some(word) = words.next() {
                if !["struct", "enum", "trait", "type"].contains(&word) {
                    continue;
                }
                if let Some(name) =
                    words.next().filter(|name| EMPTY_NAMES.iter().any(|empty| name.ends_with(empty)))
                {
                    found.push(format!("{}:{}: {name}", path.display(), number + 1));
                }
            }
        }
        let stem = path.file_stem().unwrap().to_string_lossy();
        if ["common", "utils", "util", "helpers", "misc"].contains(&&*stem) {
            found.push(format!("{}: a module of that name collects what fits nowhere", path.display()));
        }
    }
    assert!(found.is_empty(), "names that say nothing:\n{}", found.join("\n"));
}

/// `LL` and four digits, the first 1 to 4, wherever they stand in `text`.
fn codes(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("LL").map(|(at, _)| &text[at..]);
    let codes = starts
        .filter_map(|rest| rest.get(..6).filter(|_| !rest[6..].starts_with(|c: char| c.is_ascii_digit())));
    let valid = |code: &&str| {
        code[2..3].contains(['1', '2', '3', '4']) && code[2..].bytes().all(|b| b.is_ascii_digit())
    };
    codes.filter(valid).map(str::to_owned).collect()
}

#[test]
fn every_error_code_has_its_page_and_every_page_its_code() {
    let sources = files(&[".rs", ".sql"]).into_iter().filter(|(path, _)| !is_test(path));
    let in_code: BTreeSet<String> = sources.flat_map(|(_, text)| codes(&text)).collect();
    let folder = Path::new("docs/errors");
    let pages = files(&[".md"])
        .into_iter()
        .filter(|(path, _)| path.parent() == Some(folder) && !path.ends_with("README.md"));
    let pages: BTreeMap<String, String> =
        pages.map(|(path, text)| (path.file_stem().unwrap().to_string_lossy().into_owned(), text)).collect();
    let in_pages: BTreeSet<String> = pages.keys().cloned().collect();
    let without_page: Vec<_> = in_code.difference(&in_pages).collect();
    assert!(without_page.is_empty(), "no page in docs/errors for {without_page:?}");
    let without_code: Vec<_> = in_pages.difference(&in_code).collect();
    assert!(without_code.is_empty(), "no source mentions {without_code:?}");
    for (code, text) in &pages {
        check_page(code, text);
    }
}

/// The form that docs/errors/README.md describes, each section with words in it.
fn check_page(code: &str, text: &str) {
    let title = format!("# {code} ");
    let wanted: Vec<&str> =
        [&title[..]].iter().chain(&ENGLISH).chain([&&title[..]]).chain(&CHINESE).copied().collect();
    let headings: Vec<&str> =
        text.lines().filter(|line| line.starts_with("# ") || line.starts_with("## ")).collect();
    let fits = headings.len() == wanted.len()
        && headings.iter().zip(&wanted).all(|(found, wanted)| {
            if wanted.ends_with(' ') { found.starts_with(wanted) } else { found == wanted }
        });
    assert!(fits, "docs/errors/{code}.md: headings are {headings:?}, not {wanted:?}");
    let mut empty = true;
    for line in text.lines().rev().filter(|line| !line.trim().is_empty()) {
        assert!(!(line.starts_with("## ") && empty), "docs/errors/{code}.md: nothing stands under {line:?}");
        empty = line.starts_with('#');
    }
}

/// Lines of a Markdown text outside of fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        if fence {
            fenced = !fenced;
        }
        !fenced && !fence
    })
}

fn headings(text: &str) -> Vec<(usize, &str)> {
    let level = |line: &str| line.bytes().take_while(|b| *b == b'#').count();
    prose(text)
        .map(|line| (level(line), line))
        .filter(|(level, line)| *level > 0 && line[*level..].starts_with(' '))
        .map(|(level, line)| (level, line[level..].trim()))
        .collect()
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let documents = files(&[".md"]);
    let mut broken = Vec::new();
    for (path, text) in &documents {
        for line in prose(text) {
            for (at, _) in line.match_indices("](") {
                let target = line[at + 2..].split([')', ' ']).next().unwrap();
                if target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                let (file, fragment) =
                    target.split_once('#').map_or((target, None), |(file, fragment)| (file, Some(fragment)));
                let full = if file.is_empty() {
                    root().join(path)
                } else {
                    root().join(path).parent().unwrap().join(file)
                };
                let there = match fragment {
                    None => full.exists(),
                    Some(fragment) => std::fs::read_to_string(&full).is_ok_and(|text| {
                        headings(&text).iter().any(|(_, heading)| anchor(heading) == fragment)
                    }),
                };
                if !there {
                    broken.push(format!("{}: {target}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// `tests/it/tidy.rs` in a text means that file; one that moved leaves the text behind.
#[test]
fn files_that_the_documents_name_exist() {
    let mut missing = Vec::new();
    for (path, text) in files(&[".md"]) {
        for token in prose(&text).flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let plain = token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
            let top = token.split('/').next().unwrap();
            let file = token.contains('/') && Path::new(token).extension().is_some();
            let ours = !top.is_empty() && (root().join(top).is_dir() || top == ".ci");
            if plain && ours && (file || top == "scripts" || top == ".ci") && !root().join(token).exists() {
                missing.push(format!("{}: {token}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "the documents name what is not there:\n{}", missing.join("\n"));
}

#[test]
fn both_readmes_are_built_alike() {
    let read = |name: &str| {
        std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let (english, chinese) = (read("README.md"), read("README.zh-CN.md"));
    let shape = |text: &str| headings(text).iter().map(|(level, _)| *level).collect::<Vec<_>>();
    let names = |text: &str| {
        headings(text)
            .iter()
            .map(|(level, name)| format!("{} {name}", "#".repeat(*level)))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(
        shape(&english) == shape(&chinese),
        "sections differ:\n{}\n\n{}",
        names(&english),
        names(&chinese)
    );
    let rows = |text: &str| prose(text).filter(|line| line.starts_with('|')).count();
    assert_eq!(rows(&english), rows(&chinese), "rows of the tables");
    let commands = |text: &str| {
        let mut fenced = false;
        let mut lines = Vec::new();
        for line in text.lines() {
            if line.starts_with("```") {
                fenced = !fenced;
            } else if fenced && line.starts_with(|c: char| c.is_ascii_lowercase()) {
                lines.push(line.split("  #").next().unwrap().trim_end().to_owned());
            }
        }
        lines
    };
    assert_eq!(commands(&english), commands(&chinese), "commands");
}

#[test]
fn scripts_start_with_their_shell_and_stop_at_mistakes() {
    let mut folders = vec![root().join("scripts")];
    let mut scripts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { scripts.push(path) }
        }
    }
    assert!(!scripts.is_empty());
    for path in scripts {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("#!/usr/bin/env bash\n# "),
            "{}: no shell or no word of what it is for",
            path.display()
        );
        assert!(
            text.contains("\nset -euo pipefail\n") || text.contains("\nset -uo pipefail\n"),
            "{}: runs on after a mistake",
            path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scans_find_what_they_look_for() {
        assert_eq!(
            codes("LL2007, \"LL1001\" LL5001 LL20071 LL20 ALL1234"),
            ["LL1001", "LL1234", "LL2007"].map(String::from).into()
        );
        assert!(holds_word("// FIXME: later", "FIXME") && !holds_word("mktemp XXXXXX", "XXX"));
        assert_eq!(anchor("The road, as a picture"), "the-road-as-a-picture");
        assert_eq!(headings("# a\n```\n# no\n```\n## b c"), [(1, "a"), (2, "b c")]);
    }
}
