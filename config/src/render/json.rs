//! Problems as JSON: for editors, CI and scripts. Lines and columns count from 1, columns in characters.

use serde::Serialize;

use crate::problem::{Problem, Severity, Span, Words};
use crate::text::Texts;

/// A place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file as named in the config; none where there is no file at all.
    pub file: Option<String>,
    /// Its first line.
    pub line: usize,
    /// Its first column.
    pub column: usize,
    /// The line behind its end.
    pub end_line: usize,
    /// The column behind its end.
    pub end_column: usize,
}

/// Another place that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What is there.
    pub message: Words,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its code.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong.
    pub message: Words,
    /// A few words at the place.
    pub label: Words,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<Words>,
    /// Other places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
}

/// All problems.
#[must_use]
pub fn render(problems: &[Problem], texts: &Texts) -> Vec<Shown> {
    let shown = |problem: &Problem| Shown {
        code: problem.code,
        severity: problem.severity,
        place: place(&problem.span, texts),
        message: problem.message.clone(),
        label: problem.label.clone(),
        help: problem.help.clone(),
        related: problem
            .related
            .iter()
            .map(|(span, words)| Related { place: place(span, texts), message: words.clone() })
            .collect(),
    };
    problems.iter().map(shown).collect()
}

fn place(span: &Span, texts: &Texts) -> Place {
    let (line, column) = texts.place(span.file, span.range.start);
    let (end_line, end_column) = texts.place(span.file, span.range.end);
    let file = texts.files.get(span.file).map(|(name, _)| name.clone());
    Place { file, line, column, end_line, end_column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let texts = Texts { files: vec![("leadloop.toml".into(), "a = 1\n\"展会\" = 2\n".into())] };
        let span = Span { file: 0, range: 15..16 };
        let problem = Problem::warning(
            "LL2024",
            &span,
            Words::new("never holds", "永不成立"),
            Words::new("here", "此处"),
        );
        let json = serde_json::to_value(render(&[problem], &texts)).unwrap();
        assert_eq!(
            json,
            serde_json::json!([{
                "code": "LL2024", "severity": "warning", "file": "leadloop.toml",
                "line": 2, "column": 6, "end_line": 2, "end_column": 7,
                "message": { "en": "never holds", "zh": "永不成立" }, "label": { "en": "here", "zh": "此处" },
            }])
        );
    }
}
