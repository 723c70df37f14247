//! Holds every connector to the same list, over the registry and the folders, with no wiring per connector.
//!
//! Pure like the rest: the test that calls [`conformance`] reads the folders and, with `UPDATE=1`, writes what comes back
//! in [`Report::rewritten`]. See [`fixture`] for what an `.exchange` file looks like.

pub mod fixture;
mod mutate;
mod play;
pub mod record;
mod scrub;

use std::collections::{BTreeMap, BTreeSet};

use crate::connector::{Connector, Registry};

pub use play::{Ending, Played, play};

/// The files of one connector's folder, by path within it.
pub type Folder = BTreeMap<String, Vec<u8>>;

/// What [`conformance`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Everything that is wrong, each naming its connector and file.
    pub problems: Vec<String>,
    /// Fixtures whose expectations differ from what happened, rewritten: path (`acme/fixtures/x.exchange`) → text.
    pub rewritten: BTreeMap<String, String>,
}

/// Runs the list over every connector of `registry`; `folders` are those beside `connectors/lib.rs` that hold a
/// `manifest.toml`.
#[must_use]
pub fn conformance(registry: &Registry, folders: &BTreeMap<String, Folder>) -> Report {
    let mut report = Report::default();
    let registered: BTreeSet<&str> = registry.names().collect();
    let found: BTreeSet<&str> = folders.keys().map(String::as_str).collect();
    for name in registered.difference(&found) {
        report.problems.push(format!("{name} is registered but has no folder of that name"));
    }
    for name in found.difference(&registered) {
        report.problems.push(format!("the folder {name} has no connector of that name"));
    }
    for (name, folder) in folders {
        if let Some(connector) = registry.get(name) {
            one(connector, folder, &mut report);
        }
    }
    report
}

/// What the fixtures of one connector showed.
#[derive(Default)]
struct Shown {
    /// (operation, ending).
    spoken: BTreeSet<(String, Ending)>,
    heard: bool,
    refused: bool,
    unsigned: bool,
    signed: bool,
}

fn one(connector: &'static dyn Connector, folder: &Folder, report: &mut Report) {
    let manifest = connector.manifest();
    let name = manifest.name.as_str();
    let say = |problems: &mut Vec<String>, text: String| problems.push(format!("{name}: {text}"));
    for wrong in manifest.check() {
        say(&mut report.problems, format!("manifest.toml: {wrong}"));
    }
    if folder.get("README.md").is_none_or(|text| text.len() < 200) {
        say(&mut report.problems, "README.md does not say how an admin sets it up".to_owned());
    }
    for (path, bytes) in folder {
        let text = String::from_utf8_lossy(bytes);
        let missing = facts_in(&text);
        report.problems.extend(
            missing.map(|(line, fact)| format!("{name}/{path} line {line}: a fact is missing: {fact}")),
        );
    }
    let mut shown = Shown::default();
    for (path, bytes) in folder.iter().filter(|(path, _)| path.ends_with(".exchange")) {
        let place = format!("{name}/{path}");
        let Ok(text) = std::str::from_utf8(bytes) else {
            report.problems.push(format!("{place}: not UTF-8"));
            continue;
        };
        report.problems.extend(secrets_in(text).map(|line| format!("{place}: {line}")));
        let file = |file: &str| folder.get(&format!("fixtures/{file}")).cloned();
        match play(connector, text, &file) {
            Ok(played) => {
                report.problems.extend(played.problems.iter().map(|problem| format!("{place}: {problem}")));
                if played.text != text {
                    let differs = first_difference(text, &played.text);
                    report.problems.push(format!("{place}: {differs}"));
                    report.rewritten.insert(place, played.text.clone());
                }
                shown.note(played);
            }
            Err(problem) => report.problems.push(format!("{place}: {problem}")),
        }
    }
    shown.check(connector, &mut report.problems);
}

impl Shown {
    fn note(&mut self, played: Played) {
        for ending in played.endings {
            match ending {
                Ending::Received => {
                    self.heard = true;
                    self.signed |= played.signed;
                }
                Ending::Unsigned => {
                    self.refused = true;
                    self.unsigned = true;
                }
                Ending::NotTaken => self.refused = true,
                ending => {
                    self.spoken.insert((played.operation.clone(), ending));
                }
            }
        }
    }

    fn check(&self, connector: &dyn Connector, problems: &mut Vec<String>) {
        let manifest = connector.manifest();
        for op in &manifest.speaks {
            for (ending, what) in [
                (Ending::Done, "succeeds"),
                (Ending::Throttled, "is throttled"),
                (Ending::Refused, "is refused"),
            ] {
                if !self.spoken.contains(&(op.clone(), ending)) {
                    problems.push(format!("{}: no fixture in which `{op}` {what}", manifest.name));
                }
            }
        }
        for (op, _) in self.spoken.iter().filter(|(op, _)| !manifest.speaks.contains(op)) {
            problems.push(format!("{}: speaks `{op}`, but its manifest does not say so", manifest.name));
        }
        if manifest.hears {
            for (shown, what) in [
                (self.heard, "a push that is taken"),
                (self.refused, "a push that is refused"),
                (!self.signed || self.unsigned, "a push with a broken signature"),
            ] {
                if !shown {
                    problems.push(format!("{}: no fixture of {what}", manifest.name));
                }
            }
        } else if self.heard {
            problems.push(format!("{}: hears pushes, but its manifest does not say so", manifest.name));
        }
    }
}

/// What stands before a fact that somebody still has to look up: the kit (`leadloop connector new`) writes such lines.
const FACT: &str = "FACT? ";

/// Facts that are still asked for, with their lines. Whoever writes the fact takes the line away.
fn facts_in(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.lines().enumerate().filter_map(|(number, line)| {
        let fact = line.split_once(FACT)?.1.trim_end_matches("-->").trim_end();
        Some((number + 1, fact.to_owned()))
    })
}

/// Lines that hold something shaped like a real secret. Secrets of fixtures say that they are: they hold `fixture`, or
/// are base64 of such a text (with `whsec_` before it).
fn secrets_in(text: &str) -> impl Iterator<Item = String> {
    const SHAPES: [&str; 9] =
        ["Bearer ", "Basic ", "eyJ", "AKIA", "-----BEGIN", "ghp_", "xoxb-", "sk_live", "whsec_"];
    text.lines().enumerate().flat_map(|(number, line)| {
        SHAPES.iter().filter_map(move |shape| {
            let rest = line.split_once(shape)?.1;
            let word: String =
                rest.chars().take_while(|c| !c.is_whitespace() && !"\"',".contains(*c)).collect();
            let made = line.contains("fixture")
                || word.len() < 8
                || *shape == "eyJ" && !word.contains('.') // packed JSON; a token has its parts between dots
                || crate::signature::from_base64(&word)
                    .is_some_and(|plain| String::from_utf8_lossy(&plain).contains("fixture"))
                || crate::signature::webhook_key(&format!("whsec_{word}"))
                    .is_some_and(|key| String::from_utf8_lossy(&key).contains("fixture"));
            (!made).then(|| format!("line {} holds something shaped like a secret ({shape}…)", number + 1))
        })
    })
}

fn first_difference(expected: &str, found: &str) -> String {
    let mut lines = expected.lines().zip(found.lines()).enumerate();
    match lines.find(|(_, (expected, found))| expected != found) {
        Some((at, (expected, found))) => {
            format!("line {} is\n    {found}\n  where the fixture has\n    {expected}", at + 1)
        }
        None => "it ends differently".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognised_by_their_shape() {
        for (line, bad) in [
            ("  authorization: Bearer fixture-token", false),
            ("  authorization: Bearer 8f2e9c1d7b6a5f4e", true),
            ("  {\"secret\":\"whsec_Zml4dHVyZS1zZWNyZXQtMDAwMQ==\"}", false),
            ("  {\"secret\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}", true),
            ("  eyJhbGciOiJIUzI1NiJ9.e30.abc", true),
            ("  authorization: Basic Zml4dHVyZS1rZXk6", false),
            ("  authorization: Basic a2V5OnNlY3JldA==", true),
            ("  data=eyJhIjoxfQ==", false),
            ("  {\"name\":\"测试甲\"}", false),
        ] {
            assert_eq!(secrets_in(line).count() > 0, bad, "{line}");
        }
    }
}
