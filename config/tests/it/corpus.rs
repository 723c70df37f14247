//! Broken configs, one mistake each, with what is said of them. A case marks by itself where the mistake is, so that a
//! wrong place cannot slip into the expected text unseen.
//!
//! In a case, `#~ LL2002 mobil` says: on this line stands a problem of that code, underlining `mobil`; `#~v` says it of
//! the next line. `#@ file NAME` begins another file of the config, `#@ missing SECRET` takes the secret away,
//! `#@ overlay NAME` lays a file over, `#@ today DATE` says which day it is.
//! `UPDATE=1` writes the expected texts anew.

use leadloop_config::Loaded;
use leadloop_config::problem::Problem;
use leadloop_sync_core::because::Language;

use crate::ground::{Ground, is_update, rendered, tests_dir};

/// A problem that a case announces.
#[derive(Debug)]
struct Mark {
    file: String,
    line: usize,
    code: String,
    text: Option<String>,
}

/// A case: its files and what it announces.
fn read_case(text: &str) -> (Ground, Vec<Mark>) {
    let mut ground = Ground::new();
    let (mut marks, mut name, mut content) = (Vec::new(), "leadloop.toml".to_owned(), String::new());
    for line in text.split_inclusive('\n') {
        if let Some(order) = line.trim_end().strip_prefix("#@ ") {
            let (word, value) = order.split_once(' ').expect("an order has a value");
            match word {
                "file" => {
                    ground = ground.file(&name, std::mem::take(&mut content));
                    value.clone_into(&mut name);
                    continue;
                }
                "missing" => ground = ground.without(value),
                "overlay" => ground = ground.overlay(value),
                "today" => ground = ground.today(value.parse().expect("a date")),
                _ => panic!("`{word}` is no order"),
            }
        }
        content.push_str(line);
        let number = content.lines().count();
        if let Some((_, said)) = line.split_once("#~") {
            let (ahead, said) = said.strip_prefix('v').map_or((0, said), |said| (1, said));
            for said in said.split("#~") {
                let (code, text) = said.trim().split_once(' ').unwrap_or((said.trim(), ""));
                marks.push(Mark {
                    file: name.clone(),
                    line: number + ahead,
                    code: code.to_owned(),
                    text: Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
                });
            }
        }
    }
    (ground.file(&name, content), marks)
}

/// Whether a problem is the one announced: same code, its place begins on that line and is that text.
fn fits(mark: &Mark, problem: &Problem, loaded: &Loaded) -> bool {
    let Some((file, text)) = loaded.texts.files.get(problem.span.file) else {
        return mark.line == 1;
    };
    let (line, _) = loaded.texts.place(problem.span.file, problem.span.range.start);
    let (end_line, _) = loaded.texts.place(problem.span.file, problem.span.range.end);
    let spanned = text.get(problem.span.range.clone()).unwrap_or("");
    let same_text = mark.text.as_ref().is_none_or(|text| text == spanned.lines().next().unwrap_or(""));
    let inside = line == mark.line || (mark.text.is_none() && (line..=end_line).contains(&mark.line));
    *file == mark.file && inside && problem.code == mark.code && same_text
}

fn check(name: &str, case: &str) -> Result<String, String> {
    let (ground, marks) = read_case(case);
    let mut loaded = ground.load("leadloop.toml");
    loaded.try_rules();
    let english = rendered(&loaded, Language::En);
    let mut left: Vec<&Problem> = loaded.problems.iter().collect();
    for mark in &marks {
        match left.iter().position(|problem| fits(mark, problem, &loaded)) {
            Some(at) => {
                left.remove(at);
            }
            None => return Err(format!("{name}: nothing fits {mark:?} in\n{english}")),
        }
    }
    if marks.is_empty() || !left.is_empty() {
        let codes: Vec<&str> = left.iter().map(|problem| problem.code).collect();
        return Err(format!("{name}: not announced: {codes:?}\n{english}"));
    }
    for problem in &loaded.problems {
        if problem.help.is_none() {
            return Err(format!("{name}: {} does not say what to do:\n{english}", problem.code));
        }
        for (language, words) in [("English", &problem.message.en), ("Chinese", &problem.message.zh)] {
            if words.trim().is_empty() {
                return Err(format!("{name}: {} has no {language} words", problem.code));
            }
        }
    }
    Ok(format!("{english}\n{}", rendered(&loaded, Language::Zh)))
}

#[test]
fn every_broken_config_is_refused_where_it_is_broken() {
    let folder = tests_dir().join("broken");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    names.sort();
    assert!(names.len() >= 190, "the corpus is gone: {} cases", names.len());
    let mut wrong = Vec::new();
    for path in &names {
        let name = path.file_stem().expect("it has a name").to_string_lossy();
        let case = std::fs::read_to_string(path).expect("a case is UTF-8");
        let expected = path.with_extension("txt");
        match check(&name, &case) {
            Ok(shown) if is_update() => std::fs::write(&expected, shown).expect("it can be written"),
            Ok(shown) => {
                if std::fs::read_to_string(&expected).unwrap_or_default() != shown {
                    wrong.push(format!("{name}: says something else now (UPDATE=1 writes it):\n{shown}"));
                }
            }
            Err(why) => wrong.push(why),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), names.len(), wrong.join("\n"));
}
