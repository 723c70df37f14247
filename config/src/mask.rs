//! Secrets and personal data in texts that are shown: excerpts go to terminals, CI logs and the console, so what must not
//! be read there is blotted out before anything is rendered. Bytes keep their number, so that places stay true.

use std::ops::Range;

use crate::lower::files::Form;
use crate::problem::Problem;
use crate::text::Texts;

/// Endings of key names whose literal values are blotted out, whether or not a connector knows the key.
const SECRET_NAMES: [&str; 9] =
    ["password", "passwd", "pwd", "secret", "token", "aes_key", "api_key", "apikey", "private_key"];
/// Digits in a row that may be a phone number.
const PHONE_DIGITS: usize = 7;
/// What a blotted byte becomes.
const BLOT: u8 = b'*';

/// Blots out secrets in the config's own files and personal data in its tables.
pub(crate) fn blot(texts: &mut Texts, forms: &[Form], problems: &mut [Problem]) {
    for problem in &mut *problems {
        // A message may repeat what was written.
        for words in [&mut problem.message, &mut problem.label].into_iter().chain(&mut problem.help) {
            for text in [&mut words.en, &mut words.zh] {
                let ranges = url_passwords(text);
                if !ranges.is_empty() {
                    *text = blotted(text, ranges);
                }
            }
        }
    }
    for (file, (_, text)) in texts.files.iter_mut().enumerate() {
        let mut ranges = match forms.get(file) {
            Some(Form::Table) => personal(text),
            _ => secrets(text),
        };
        let literal = problems.iter().filter(|problem| problem.code == "LL2008" && problem.span.file == file);
        ranges.extend(literal.map(|problem| problem.span.range.clone()));
        if !ranges.is_empty() {
            *text = blotted(text, ranges);
        }
    }
}

/// The text with its ranges blotted out: letters, digits and signs, but no quotes, brackets or line breaks.
fn blotted(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    ranges.sort_by_key(|range| range.start);
    let mut ranges = ranges.into_iter().peekable();
    let mut hidden_to = 0;
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        while let Some(range) = ranges.next_if(|range| range.start <= at) {
            hidden_to = hidden_to.max(range.end);
        }
        if at < hidden_to && !matches!(c, '"' | '\'' | '\n' | '\r' | '{' | '}') {
            (0..c.len_utf8()).for_each(|_| out.push(char::from(BLOT)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Literal values of keys that sound like a secret, and passwords within URLs. Found in the text, not in the tree: a
/// file that cannot be read as TOML is shown too.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        ranges.extend(values(line).into_iter().map(|range| start + range.start..start + range.end));
        ranges.extend(url_passwords(line).into_iter().map(|range| start + range.start..start + range.end));
        start += line.len();
    }
    ranges
}

/// Behind `password = "` up to the closing quote or the end of the line.
fn values(line: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (at, _) in line.match_indices('=') {
        let key = line.get(..at).unwrap_or_default().trim_end().trim_end_matches(['"', '\'']);
        let key = key.rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).next().unwrap_or("");
        if !sounds_secret(key) {
            continue;
        }
        let rest = line.get(at + 1..).unwrap_or_default();
        let value = rest.trim_start();
        if value.starts_with('{') {
            continue; // a reference
        }
        let from = at + 1 + (rest.len() - value.len());
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let inner = quote.map_or(value, |quote| value.trim_start_matches(quote));
        let from = from + (value.len() - inner.len());
        let length = match quote {
            Some(quote) => inner.find(quote).unwrap_or(inner.len()),
            None => inner.find([',', '}', '#']).unwrap_or(inner.len()),
        };
        ranges.push(from..from + length);
    }
    ranges
}

/// Whether a key may hold a secret, misspelt or not.
pub(crate) fn sounds_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace('-', "_");
    let last = key.rsplit('_').next().unwrap_or(&key);
    SECRET_NAMES.iter().any(|name| {
        key.ends_with(name) || (name.len() >= 6 && strsim::damerau_levenshtein(last, name) <= name.len() / 3)
    })
}

/// The password in `scheme://user:password@host`.
fn url_passwords(line: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (at, mark) in line.match_indices("://") {
        let start = at + mark.len();
        let rest = line.get(start..).unwrap_or_default();
        let end = rest.find(['/', '"', '\'', ' ', '\n']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@')
            && let Some((name, _)) = user.split_once(':')
        {
            ranges.push(start + name.len() + 1..start + user.len());
        }
    }
    ranges
}

/// Phone numbers but for their ends, and mail addresses but for their first letter and their domain.
fn personal(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut digits: Option<usize> = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_ascii_digit(), digits) {
            (true, None) => digits = Some(at),
            (false, Some(from)) => {
                if at - from >= PHONE_DIGITS {
                    ranges.push(from + 3..at - 2);
                }
                digits = None;
            }
            _ => {}
        }
    }
    for (at, _) in text.match_indices('@') {
        let before = text.get(..at).unwrap_or_default();
        let word = before.rsplit(|c: char| !(c.is_alphanumeric() || ".-_+".contains(c))).next().unwrap_or("");
        let first = word.chars().next().map_or(0, char::len_utf8);
        ranges.push(at - word.len() + first..at);
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, form: Form) -> String {
        let mut texts = Texts { files: vec![("x".into(), text.into())] };
        blot(&mut texts, &[form], &mut []);
        assert_eq!(texts.files[0].1.len(), text.len(), "places would move");
        texts.files.remove(0).1
    }

    #[test]
    fn literal_secrets_are_never_shown() {
        for (text, expected) in [
            ("password = \"hunter2\" # x", "password = \"*******\" # x"),
            (
                "settings = { user = \"a\", client_secret = 'x y' }",
                "settings = { user = \"a\", client_secret = '***' }",
            ),
            ("\"aes-key\" = \"密钥\"", "\"aes-key\" = \"******\""),
            ("password = \"never closed\nname = \"a\"", "password = \"************\nname = \"a\""),
            ("token = abc, x = 1", "token = ***, x = 1"),
            ("token = { env = \"TOKEN\" }", "token = { env = \"TOKEN\" }"),
            ("url = \"postgres://u:p@ss@db.example/x\"", "url = \"postgres://u:****@db.example/x\""),
            ("tokens = 3", "tokens = 3"),
        ] {
            assert_eq!(shown(text, Form::Toml), expected);
        }
    }

    #[test]
    fn people_in_tables_are_half_hidden() {
        let text = "li.na,李娜,13912345678,li.na@shili.example";
        assert_eq!(shown(text, Form::Table), "li.na,李娜,139******78,l****@shili.example");
    }
}
