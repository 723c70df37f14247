//! A text cut into statements, whether or not it is valid TOML: where each key or header begins and ends, which bracket
//! or quote in it is never closed, which full-width signs stand outside of texts.
//!
//! TOML's own reader names the place where it gave up; this names the place where the writer slipped.

use std::ops::Range;

/// A header or a key with its value.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Statement {
    /// Its bytes, without the line break behind it.
    pub(super) range: Range<usize>,
    /// Whether it is `[section]` or `[[section]]`.
    pub(super) header: bool,
    /// The bracket that is never closed.
    pub(super) open: Option<(usize, char)>,
    /// The quote that is never closed.
    pub(super) quote: Option<usize>,
    /// The first full-width sign outside of texts and remarks.
    pub(super) wide: Option<(usize, char)>,
    /// The bytes of its texts, quotes included.
    pub(super) texts: Vec<Range<usize>>,
    /// Where its remark begins, on the last line.
    pub(super) remark: Option<usize>,
}

impl Statement {
    /// Whether a byte is within one of its texts.
    pub(super) fn in_text(&self, byte: usize) -> bool {
        self.texts.iter().any(|text| text.contains(&byte))
    }
}

/// The half-width sign that a full-width one stands for.
pub(super) fn half_width(c: char) -> Option<char> {
    Some(match c {
        '“' | '”' | '„' | '＂' | '「' | '」' | '『' | '』' => '"',
        '‘' | '’' | '＇' => '\'',
        '，' | '、' => ',',
        '＝' => '=',
        '：' => ':',
        '［' | '【' => '[',
        '］' | '】' => ']',
        '｛' => '{',
        '｝' => '}',
        '＃' => '#',
        '\u{3000}' | '\u{a0}' => ' ',
        _ => return None,
    })
}

/// All statements, in order.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = next_start(text, at) {
        let statement = Scan { text, at: start, brackets: Vec::new(), made: Statement::default() }.run(start);
        at = statement.range.end.max(start + 1);
        found.push(statement);
    }
    found
}

/// The first byte at or behind `at` that is neither blank nor remark.
fn next_start(text: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = text.get(at..)?;
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        at += rest.len() - trimmed.len();
        if trimmed.is_empty() {
            return None;
        }
        if !trimmed.starts_with('#') {
            return Some(at);
        }
        at += trimmed.find('\n').unwrap_or(trimmed.len());
    }
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    brackets: Vec<(usize, char)>,
    made: Statement,
}

impl Scan<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn run(mut self, start: usize) -> Statement {
        self.made.header = self.rest().starts_with('[');
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\n' if self.made.header || self.brackets.is_empty() || self.next_line_is_a_statement() => {
                    break;
                }
                '"' | '\'' => self.quoted(c),
                '#' => self.remark(),
                '[' | '{' if !self.made.header => self.brackets.push((self.at, c)),
                ']' | '}' if !self.made.header => self.close(if c == ']' { '[' } else { '{' }),
                _ => {
                    if self.made.wide.is_none() && half_width(c).is_some() {
                        self.made.wide = Some((self.at, c));
                    }
                }
            }
            if !matches!(c, '"' | '\'' | '#') {
                self.at += c.len_utf8();
            }
        }
        self.made.open = self.made.open.or_else(|| self.brackets.last().copied());
        self.made.range = start..self.at.min(self.text.len());
        self.made
    }

    /// A closing bracket; brackets between it and its partner were never closed.
    fn close(&mut self, wanted: char) {
        match self.brackets.iter().rposition(|(_, open)| *open == wanted) {
            Some(partner) => {
                self.made.open = self.made.open.or_else(|| self.brackets.get(partner + 1).copied());
                self.brackets.truncate(partner);
            }
            None => self.brackets.clear(),
        }
    }

    fn remark(&mut self) {
        self.made.remark = Some(self.at);
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    fn quoted(&mut self, quote: char) {
        let start = self.at;
        let triple = [quote; 3].iter().collect::<String>();
        let many = self.rest().starts_with(&triple);
        let closing = if many { triple } else { quote.to_string() };
        self.at += closing.len();
        let mut escaped = false;
        while let Some(c) = self.rest().chars().next() {
            if c == '\n' && !many {
                break;
            }
            if !escaped && self.rest().starts_with(&closing) {
                self.at += closing.len();
                // A text in three quotes may end in one or two more.
                while many && self.rest().starts_with(quote) {
                    self.at += quote.len_utf8();
                }
                self.made.texts.push(start..self.at);
                return;
            }
            escaped = c == '\\' && quote == '"' && !escaped;
            self.at += c.len_utf8();
        }
        self.made.quote = self.made.quote.or(Some(start));
        // What was swallowed may have held the closing brackets.
        let swallowed: Vec<char> = self.text.get(start..self.at).unwrap_or_default().chars().collect();
        for c in swallowed {
            match c {
                ']' => self.close('['),
                '}' => self.close('{'),
                _ => {}
            }
        }
        self.made.texts.push(start..self.at);
    }

    /// Whether the next line begins a statement of its own though a bracket is open.
    fn next_line_is_a_statement(&self) -> bool {
        let Some(start) = next_start(self.text, self.at) else { return false };
        let line = self.text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
        let innermost = self.brackets.last().map_or(' ', |(_, open)| *open);
        let goes_on = matches!(self.last_sign(), Some(',' | '[' | '{'));
        if is_header(line) {
            return innermost == '{' || !goes_on;
        }
        is_assignment(line) && (innermost == '[' || !goes_on)
    }

    /// The last sign before the line break that is neither blank nor remark.
    fn last_sign(&self) -> Option<char> {
        let line_start = self.text.get(..self.at)?.rfind('\n').map_or(0, |at| at + 1);
        let end = self.made.remark.filter(|remark| *remark >= line_start).unwrap_or(self.at);
        self.text.get(..end)?.trim_end().chars().next_back()
    }
}

fn is_header(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim();
    let Some(inner) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return false };
    let inner = inner.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(inner).trim();
    inner.starts_with(|c: char| c.is_ascii_alphabetic())
        && inner.chars().all(|c| c.is_ascii_alphanumeric() || "_-.\"".contains(c))
        && !["true", "false", "inf", "nan"].contains(&inner)
}

fn is_assignment(line: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else { return false };
    let key = key.trim();
    !key.is_empty()
        && !value.starts_with('=')
        && key.chars().all(|c| c.is_alphanumeric() || "_-.\"'".contains(c))
        && !key.starts_with('.')
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "ranges of statements lie on character boundaries")]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        statements(text).iter().map(|statement| &text[statement.range.clone()]).collect()
    }

    #[test]
    fn statements_end_where_people_think_they_do() {
        let text = "# remark\n[a]\nx = [1,\n  2]\ny = \"\"\"\nz = 1\n\"\"\"\n[[b.c]] # remark\nk = {\n a = 1,\n b = 2 }\n";
        assert_eq!(
            cut(text),
            [
                "[a]",
                "x = [1,\n  2]",
                "y = \"\"\"\nz = 1\n\"\"\"",
                "[[b.c]] # remark",
                "k = {\n a = 1,\n b = 2 }"
            ]
        );
        assert!(statements(text).iter().all(|s| s.open.is_none() && s.quote.is_none()));
    }

    #[test]
    fn what_is_never_closed_is_named_and_does_not_swallow_the_rest() {
        let text =
            "a = [\"x\" # y\n\n[server]\nb = { c = 1\nd = 2\ne = \"f\ng = [{ h = 1 ]\ni = [\"j]\nk = 1\n";
        let found = statements(text);
        let shown: Vec<(&str, Option<char>, bool)> = found
            .iter()
            .map(|s| (text[s.range.clone()].trim(), s.open.map(|(_, c)| c), s.quote.is_some()))
            .collect();
        assert_eq!(
            shown,
            [
                ("a = [\"x\" # y", Some('['), false),
                ("[server]", None, false),
                ("b = { c = 1", Some('{'), false),
                ("d = 2", None, false),
                ("e = \"f", None, true),
                ("g = [{ h = 1 ]", Some('{'), false),
                ("i = [\"j]", None, true),
                ("k = 1", None, false),
            ]
        );
    }

    #[test]
    fn full_width_signs_outside_of_texts_are_seen() {
        let found = statements("a ＝ \"，\"\nb = [\"，\"， 1]\n");
        assert_eq!(found[0].wide, Some((2, '＝')));
        assert_eq!(found[1].wide.map(|(_, c)| c), Some('，'));
    }
}
