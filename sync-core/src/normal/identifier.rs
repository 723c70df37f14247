//! Identifiers that machines make (unionid, openid, cookie, UBA distinct id): kept to the letter, empty ones refused.
//!
//! A value that many people share, such as `null` or an unfilled template, would make one person of all of them, so
//! everything that looks like "nothing" is refused here. Limits per kind and shared devices are for identity.

use serde::{Deserialize, Serialize};

use super::text;

/// Longest identifier, in characters. Longer ones are refused, not cut: two long ones could become the same.
pub const MAX_IDENTIFIER: usize = 256;

/// Why a value identifies nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierProblem {
    /// Nothing but white space and invisible marks.
    #[error("the identifier is blank")]
    Blank,
    /// More than [`MAX_IDENTIFIER`] characters.
    #[error("the identifier is longer than 256 characters")]
    TooLong,
    /// `null`, `undefined`, `unknown`, `-`.
    #[error("the identifier is a word for nothing")]
    Nothing,
    /// Zeros only, or one character over and over.
    #[error("the identifier is one character repeated")]
    Repeated,
    /// `{{user_id}}`, `__OAID__`, `[object Object]`: the sender did not fill it in.
    #[error("the identifier is a template that was not filled in")]
    Template,
    /// The digest of an empty text.
    #[error("the identifier is the digest of an empty text")]
    EmptyDigest,
}

impl IdentifierProblem {
    /// The stable word for this problem, as stored and exported.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            IdentifierProblem::Blank => "blank",
            IdentifierProblem::TooLong => "too_long",
            IdentifierProblem::Nothing => "nothing",
            IdentifierProblem::Repeated => "repeated",
            IdentifierProblem::Template => "template",
            IdentifierProblem::EmptyDigest => "empty_digest",
        }
    }
}

/// The identifier without what surrounds it. Case is kept: openids differ by it.
///
/// # Errors
/// Why it identifies nobody.
pub fn parse(value: &str) -> Result<String, IdentifierProblem> {
    let value = value.trim_matches(|c: char| c.is_whitespace() || text::is_invisible(c));
    if value.is_empty() {
        return Err(IdentifierProblem::Blank);
    }
    // By bytes first (a character has at most four), so that ten megabytes are not counted.
    if value.len() > MAX_IDENTIFIER * 4 || value.chars().count() > MAX_IDENTIFIER {
        return Err(IdentifierProblem::TooLong);
    }
    let lower = value.to_lowercase();
    if is_nothing(&lower) {
        return Err(IdentifierProblem::Nothing);
    }
    if is_template(&lower) {
        return Err(IdentifierProblem::Template);
    }
    if is_repeated(&lower) {
        return Err(IdentifierProblem::Repeated);
    }
    if EMPTY_DIGESTS.contains(&lower.as_str()) {
        return Err(IdentifierProblem::EmptyDigest);
    }
    Ok(value.to_owned())
}

/// MD5, SHA-1 and SHA-256 of the empty text.
const EMPTY_DIGESTS: [&str; 3] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

fn is_nothing(lower: &str) -> bool {
    const WORDS: [&str; 30] = [
        "(null)",
        "<null>",
        "-1",
        "0",
        "anonymous",
        "blank",
        "default",
        "empty",
        "false",
        "guest",
        "n/a",
        "na",
        "nan",
        "nil",
        "none",
        "not set",
        "(not set)",
        "not_set",
        "null",
        "test",
        "true",
        "unassigned",
        "undefined",
        "unknown",
        "user",
        "userid",
        "user_id",
        "无",
        "空",
        "未知",
    ];
    WORDS.contains(&lower) || !lower.chars().any(char::is_alphanumeric)
}

fn is_template(lower: &str) -> bool {
    let framed = [("{", "}"), ("${", "}"), ("<", ">"), ("%%", "%%"), ("__", "__"), ("[object", "]")];
    framed
        .iter()
        .any(|(start, end)| lower.starts_with(start) && lower.ends_with(end) && lower.len() > end.len())
        || matches!(lower, "%s" | "%d" | "$1")
}

/// Zeros with any dashes between them (the nil UUID too), or four and more of one character.
fn is_repeated(lower: &str) -> bool {
    let mut letters = lower.chars().filter(|c| c.is_alphanumeric());
    let Some(first) = letters.next() else { return false };
    letters.all(|c| c == first) && (first == '0' || lower.chars().count() >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_to_the_letter() {
        for value in [
            "oABCd_-1234567890",
            "a1B2-c3",
            "GA1.2.123.456",
            "7",
            "示例",
            "00000000-0000-4000-8000-000000000001",
        ] {
            assert_eq!(parse(&format!(" \u{feff}{value}\n")), Ok(value.to_owned()));
        }
        assert_eq!(parse(&"ab".repeat(128)), Ok("ab".repeat(128)));
    }

    #[test]
    fn what_identifies_nobody() {
        use IdentifierProblem as P;
        let refused = [
            ("", P::Blank),
            (" \u{200b}\t", P::Blank),
            ("null", P::Nothing),
            ("UNDEFINED", P::Nothing),
            ("0", P::Nothing),
            ("--", P::Nothing),
            ("无", P::Nothing),
            ("0000", P::Repeated),
            ("00", P::Repeated),
            ("00000000-0000-0000-0000-000000000000", P::Repeated),
            ("xxxxxxxx", P::Repeated),
            ("{{user_id}}", P::Template),
            ("${uid}", P::Template),
            ("__OAID__", P::Template),
            ("[object Object]", P::Template),
            ("D41D8CD98F00B204E9800998ECF8427E", P::EmptyDigest),
        ];
        for (value, problem) in refused {
            assert_eq!(parse(value), Err(problem), "{value:?}");
        }
        assert_eq!(parse(&"ab".repeat(129)), Err(P::TooLong));
        assert_eq!(parse(&"x1".repeat(5_000_000)), Err(P::TooLong));
    }
}
