//! Configs changed at random: whatever somebody types, the loader answers, and what it says has a place and can be shown.
//!
//! A few thousand tries each time; `LEADLOOP_FUZZ_SECS` gives it time instead (60 in CI, ten minutes by `scripts/fuzz`),
//! `LEADLOOP_FUZZ_SEED` another beginning. A failure prints the seed of its try: that seed alone repeats it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use leadloop_config::Loaded;
use leadloop_config::problem::Severity;
use leadloop_config::render::{html, json};
use leadloop_sync_core::because::Language;

use crate::ground::{Ground, rendered, tests_dir};

/// Tries where no time is given.
const TRIES: u64 = 2_000;
/// Seconds in CI.
const CI_SECS: u64 = 60;
/// Most changes of one try.
const MOST_CHANGES: u64 = 6;

/// Pieces that configs are made of, and some that they should not be made of.
const PIECES: [&str; 52] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "=",
    ",",
    ".",
    "#",
    "\n",
    "\r\n",
    "\t",
    "\\",
    "\\u00",
    ":",
    "true",
    "0",
    "-1",
    "99999999999999999999",
    "1e999",
    "nan",
    "2026-13-45",
    "1979-05-27T07:32:00Z",
    "“",
    "，",
    "＝",
    "总",
    "\u{feff}",
    "\u{0}",
    "\u{202e}",
    "🧑‍🤝‍🧑",
    "e\u{301}",
    "when",
    "do",
    "[[transfer]]\n",
    "[mql]\n",
    "name = \"x\"\n",
    "{ env = \"X\" }",
    "include = [\"*.toml\"]\n",
    "'true'",
    " and ",
    "score.fit >= ",
    "crm.person.found",
    "matches(lead.title, \"(\")",
    "(((((((((",
    "[[[[[[[[[[",
    "{a={a={a={a=",
];

/// Dice that a seed decides alone (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % (most.max(1) as u64)).expect("it is below a usize")
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

/// One random change of a text.
fn change(dice: &mut Dice, text: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = dice.below(text.len() + 1);
    let to = (at + dice.below(40)).min(text.len());
    match dice.below(9) {
        0 => {
            text.drain(at..to);
        }
        1 => {
            let piece = dice.pick(&PIECES).as_bytes();
            text.splice(at..at, piece.iter().copied());
        }
        2 => {
            let piece = dice.pick(&PIECES).as_bytes();
            text.splice(at..to, piece.iter().copied());
        }
        3 => {
            let byte = u8::try_from(dice.below(256)).expect("it is a byte");
            text.insert(at, byte);
        }
        4 if at < text.len() => text[at] ^= 1 << dice.below(8),
        5 => {
            let part: Vec<u8> = text[at..to].to_vec();
            let elsewhere = dice.below(text.len() + 1);
            text.splice(elsewhere..elsewhere, part);
        }
        6 => lines(dice, text, |dice, lines| {
            let (a, b) = (dice.below(lines.len()), dice.below(lines.len()));
            lines.swap(a, b);
        }),
        7 => lines(dice, text, |dice, lines| {
            let at = dice.below(lines.len());
            lines.remove(at);
        }),
        _ => {
            let other = dice.pick(seeds);
            let from = dice.below(other.len() + 1);
            let part = other[from..(from + dice.below(400)).min(other.len())].to_vec();
            text.splice(at..at, part);
        }
    }
}

fn lines(dice: &mut Dice, text: &mut Vec<u8>, change: impl Fn(&mut Dice, &mut Vec<Vec<u8>>)) {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if !lines.is_empty() {
        change(dice, &mut lines);
        *text = lines.concat();
    }
}

/// What must hold of whatever was loaded.
fn check(loaded: &Loaded) {
    let errors = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    assert_eq!(loaded.plan.is_some(), errors == 0, "a plan, or a reason why not");
    for problem in &loaded.problems {
        for span in std::iter::once(&problem.span).chain(problem.related.iter().map(|(span, _)| span)) {
            let Some((_, text)) = loaded.texts.files.get(span.file) else {
                assert!(loaded.texts.files.is_empty(), "{} points to a file nobody read", problem.code);
                continue;
            };
            assert!(
                span.range.start <= span.range.end && span.range.end <= text.len(),
                "{}: {span:?}",
                problem.code
            );
            let whole = text.is_char_boundary(span.range.start) && text.is_char_boundary(span.range.end);
            assert!(whole, "{} points into a character: {span:?}", problem.code);
        }
        assert!(problem.help.is_some(), "{} does not say what to do", problem.code);
    }
    for language in [Language::En, Language::Zh] {
        let text = rendered(loaded, language);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{0}'), "control characters reach the terminal");
        let page = html::render(&loaded.problems, &loaded.texts, language);
        assert!(!page.contains("<script"), "markup of the config reaches the page");
    }
    let places = json::render(&loaded.problems, &loaded.texts);
    assert_eq!(places.len(), loaded.problems.len());
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for folder in [tests_dir().join("broken"), tests_dir().join("valid")] {
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .expect("the corpus is there")
            .map(|entry| entry.expect("it can be read").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
            .collect();
        paths.sort();
        seeds.extend(paths.iter().map(|path| std::fs::read(path).expect("it can be read")));
    }
    seeds
}

fn one(seed: u64, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut dice = Dice(seed);
    let mut text = dice.pick(seeds).clone();
    for _ in 0..=dice.next() % MOST_CHANGES {
        change(&mut dice, &mut text, seeds);
    }
    text
}

#[test]
fn whatever_is_typed_is_answered() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let budget = number("LEADLOOP_FUZZ_SECS").or(in_ci.then_some(CI_SECS)).map(Duration::from_secs);
    let first = number("LEADLOOP_FUZZ_SEED").unwrap_or(1);
    let (seeds, started) = (seeds(), Instant::now());
    let mut seed = first;
    loop {
        let text = one(seed, &seeds);
        let tried = catch_unwind(AssertUnwindSafe(|| {
            let ground = Ground::new().file("more.toml", "[server]\n").file("leadloop.toml", text.clone());
            let mut loaded = ground.load("leadloop.toml");
            check(&loaded);
            let had_plan = loaded.plan.is_some();
            loaded.try_rules();
            // A failing test is a problem like any other, but no reason to have no plan.
            let problems = loaded.problems.iter().filter(|problem| problem.code != "LL2060");
            assert_eq!(had_plan, !problems.clone().any(|problem| problem.severity == Severity::Error));
            assert_eq!(json::render(&loaded.problems, &loaded.texts).len(), loaded.problems.len());
        }));
        if tried.is_err() {
            panic!(
                "LEADLOOP_FUZZ_SEED={seed} cargo test -p leadloop-config --test it mutate\n{}",
                String::from_utf8_lossy(&text)
            );
        }
        seed += 1;
        let done = match budget {
            Some(budget) => started.elapsed() >= budget,
            None => seed - first >= TRIES,
        };
        if done {
            break;
        }
    }
    println!("{} tries from seed {first}, {:.1?}", seed - first, started.elapsed());
}
