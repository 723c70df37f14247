//! An `.exchange` file: a conversation as text that a person can review and a machine can play.
//!
//! ```text
//! # What it shows. Lines that start with # stay as they are.
//! settings
//!   {"url": "https://crm.shili.example"}
//! secrets
//!   {"client_secret": "fixture-secret"}
//! operation
//!   {"op":"create","object":"lead","record":{"name":"测试甲"},"mark":"h-1"}
//! request
//!   POST /leads
//!   {"name":"测试甲","mark":"h-1"}
//! answer 201
//!   {"id":991}
//! outcome
//!   {"done":{"written":{"link":"fixture","object":"lead","id":"991"}}}
//! ```
//!
//! or a push and what was read from it:
//!
//! ```text
//! push POST /path?query
//!   content-type: application/json
//!
//!   {"email":"jia@shili.example"}
//! received
//!   lead {"event_id":null,…}
//! ```
//!
//! A word at the start of a line begins a section, its content is indented by two blanks. `settings`, `secrets` (both
//! JSON), `moment` (time in microseconds, seed) and `described` (the file that describes the system) may stand first. Several operations, requests and outcomes may stand
//! one below the other. A body of one line may also be `@text "…"` (a JSON string, for line breaks that count),
//! `@hex …` (bytes) or `@file NAME` (beside the fixture).

use std::fmt::Write as _;

use crate::http::{Body, Method, Request};

/// One section of a fixture.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Comment lines before it, with their line breaks.
    pub before: String,
    /// The first word.
    pub word: String,
    /// What stands behind it on the line.
    pub rest: String,
    /// The indented lines, without the indent.
    pub lines: Vec<String>,
}

impl Section {
    /// A section that a play made.
    #[must_use]
    pub fn made(word: &str, rest: &str, content: &str) -> Self {
        Self {
            before: String::new(),
            word: word.to_owned(),
            rest: rest.to_owned(),
            lines: content.lines().map(str::to_owned).collect(),
        }
    }

    /// Its content as one text.
    #[must_use]
    pub fn content(&self) -> String {
        self.lines.join("\n")
    }
}

/// Splits a fixture into its sections.
///
/// # Errors
/// The line that is neither a section, nor content, nor a comment.
pub fn sections(text: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    let mut before = String::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            before.push_str(line);
            before.push('\n');
        } else if let Some(content) = line.strip_prefix("  ") {
            let section = sections.last_mut().ok_or("content before the first section")?;
            section.lines.push(content.to_owned());
        } else if line.trim().is_empty() {
            if let Some(section) = sections.last_mut() {
                section.lines.push(String::new());
            }
        } else if line.starts_with(|c: char| c.is_ascii_lowercase()) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            sections.push(Section {
                before: std::mem::take(&mut before),
                word: word.to_owned(),
                rest: rest.to_owned(),
                lines: vec![],
            });
        } else {
            return Err(format!("line {} is no section, no content (two blanks) and no comment", number + 1));
        }
    }
    for section in &mut sections {
        while section.lines.last().is_some_and(|line| line.trim().is_empty()) {
            section.lines.pop();
        }
    }
    Ok(sections)
}

/// The text of sections: what [`sections`] reads.
#[must_use]
pub fn render(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        text.push_str(&section.before);
        text.push_str(&section.word);
        if !section.rest.is_empty() {
            text.push(' ');
            text.push_str(&section.rest);
        }
        text.push('\n');
        for line in &section.lines {
            if line.is_empty() {
                text.push('\n');
            } else {
                text.push_str("  ");
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

/// The body that lines of a fixture stand for.
///
/// # Errors
/// A body that is written wrongly, or a file that is not there.
pub fn body(lines: &[String], file: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<u8>, String> {
    if let [line] = lines {
        if let Some(text) = line.strip_prefix("@text ") {
            let text: String = serde_json::from_str(text).map_err(|error| format!("@text: {error}"))?;
            return Ok(text.into_bytes());
        }
        if let Some(digits) = line.strip_prefix("@hex ") {
            return hex::decode(digits.trim()).map_err(|error| format!("@hex: {error}"));
        }
        if let Some(name) = line.strip_prefix("@file ") {
            return file(name.trim()).ok_or_else(|| format!("there is no file {name} beside the fixture"));
        }
    }
    Ok(lines.join("\n").into_bytes())
}

/// Header lines up to the first blank line or the first line that is none, and what follows.
#[must_use]
pub fn headers(lines: &[String]) -> (Vec<(String, String)>, &[String]) {
    let mut headers = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.is_empty() {
            return (headers, lines.get(at + 1..).unwrap_or_default());
        }
        match line.split_once(": ") {
            Some((name, value))
                if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') =>
            {
                headers.push((name.to_ascii_lowercase(), value.to_owned()));
            }
            _ => return (headers, lines.get(at..).unwrap_or_default()),
        }
    }
    (headers, &[])
}

/// A method's name.
#[must_use]
pub fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

/// A request as the lines of a fixture.
#[must_use]
pub fn request_text(request: &Request) -> String {
    let mut text = format!("{} {}", method_name(request.method), request.url);
    if !request.query.is_empty() {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
        let joint = if request.url.contains('?') { '&' } else { '?' };
        let _ = write!(text, "{joint}{query}");
    }
    for (name, value) in &request.headers {
        let _ = write!(text, "\n{name}: {value}");
    }
    match &request.body {
        Body::Empty => {}
        Body::Json(json) => {
            let _ = write!(text, "\n{json}");
        }
        Body::Form(pairs) => {
            let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            let _ = write!(text, "\nform {form}");
        }
        Body::Bytes(kind, bytes) => {
            let _ = write!(text, "\n{kind} {}", hex::encode(bytes));
        }
        Body::Sql(sql) => {
            let word = if sql.writes { "write" } else { "read" };
            let _ =
                write!(text, "\n{word} {}\nvalues {}", sql.text, serde_json::Value::from(sql.values.clone()));
        }
        Body::Mail(mail) => {
            let files: Vec<&str> = mail.files.iter().map(|(name, ..)| name.as_str()).collect();
            let mail = serde_json::json!({
                "id": mail.id, "from": mail.from, "to": mail.to, "subject": mail.subject, "text": mail.text,
                "html": mail.html, "files": files,
            });
            let _ = write!(text, "\nmail {mail}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixture_is_rendered_as_it_was_read() {
        let text =
            "# one\nsettings\n  {\"a\": 1}\npush POST /x?y=1\n  a: b\n\n  {\"c\":\n    2}\n# two\nreceived\n";
        let read = sections(text).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(render(&read), text);
        let (found, rest) = headers(&read[1].lines);
        assert_eq!(found, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(body(rest, &|_| None).unwrap(), b"{\"c\":\n  2}");
        assert!(sections("  content first").is_err() && sections("{}").is_err());
    }

    #[test]
    fn bodies_have_four_ways() {
        let read = |line: &str| body(&[line.to_owned()], &|name| (name == "a.csv").then(|| vec![1]));
        assert_eq!(read(r#"@text "a\r\nb""#).unwrap(), b"a\r\nb");
        assert_eq!(read("@hex 00ff").unwrap(), [0, 255]);
        assert_eq!(read("@file a.csv").unwrap(), [1]);
        assert_eq!(read("plain").unwrap(), b"plain");
        assert!(read("@file b.csv").is_err() && read("@hex 0").is_err() && read("@text x").is_err());
    }
}
