//! Problems as a fragment of a page: for the console. Everything that comes from the config is escaped; there is no
//! script and no style in it, classes only.

use std::fmt::Write as _;

use leadloop_sync_core::because::Language;

use crate::problem::{Problem, Severity, Span, Words};
use crate::text::Texts;

/// Lines shown around a place.
const AROUND: usize = 1;
/// Most characters shown of one line.
const MOST_LINE: usize = 400;

/// All problems as one list.
#[must_use]
pub fn render(problems: &[Problem], texts: &Texts, language: Language) -> String {
    let mut page = String::from("<ol class=\"problems\">\n");
    for problem in problems {
        one(&mut page, problem, texts, language);
    }
    page.push_str("</ol>\n");
    page
}

fn one(page: &mut String, problem: &Problem, texts: &Texts, language: Language) {
    let (class, word) = match (problem.severity, language) {
        (Severity::Error, Language::En) => ("error", "error"),
        (Severity::Error, Language::Zh) => ("error", "错误"),
        (Severity::Warning, Language::En) => ("warning", "warning"),
        (Severity::Warning, Language::Zh) => ("warning", "警告"),
    };
    // Writing into a text cannot fail.
    let _ = writeln!(
        page,
        "<li class=\"problem {class}\"><p class=\"message\"><span class=\"severity\">{word}</span> \
         <a class=\"code\" href=\"/errors/{0}\">{0}</a> {1}</p>",
        problem.code,
        escape(problem.message.say(language)),
    );
    excerpt(page, texts, &problem.span, &problem.label, "primary", language);
    for (span, words) in &problem.related {
        excerpt(page, texts, span, words, "related", language);
    }
    if let Some(help) = &problem.help {
        let _ = writeln!(page, "<p class=\"help\">{}</p>", escape(help.say(language)));
    }
    page.push_str("</li>\n");
}

fn excerpt(page: &mut String, texts: &Texts, span: &Span, label: &Words, class: &str, language: Language) {
    let Some((name, text)) = texts.files.get(span.file) else { return };
    let (line, column) = texts.place(span.file, span.range.start);
    let _ = write!(
        page,
        "<figure class=\"{class}\"><figcaption>{}:{line}:{column} <span class=\"label\">{}</span></figcaption><pre>",
        escape(name),
        escape(label.say(language)),
    );
    let mut start = 0;
    for (number, written) in text.split_inclusive('\n').enumerate().map(|(at, written)| (at + 1, written)) {
        let content = written.trim_end_matches(['\n', '\r']);
        if number.abs_diff(line) <= AROUND {
            let marked = marked(content, start, span);
            let _ = writeln!(page, "<span class=\"line\" data-line=\"{number}\">{marked}</span>");
        }
        start += written.len();
        if number > line + AROUND {
            break;
        }
    }
    page.push_str("</pre></figure>\n");
}

/// A line with the part of it that is in the place marked.
fn marked(line: &str, start: usize, span: &Span) -> String {
    let from = span.range.start.saturating_sub(start).min(line.len());
    let to = span.range.end.saturating_sub(start).min(line.len());
    let ahead = span.range.start < start;
    let parts = (line.get(..from), line.get(from..to), line.get(to..));
    match parts {
        (Some(before), Some(inside), Some(after)) if !ahead && !inside.is_empty() => {
            format!("{}<mark>{}</mark>{}", escape(before), escape(inside), escape(after))
        }
        _ => escape(line),
    }
}

/// Text as text: markup, control characters and signs that turn the reading order lose their meaning.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().take(MOST_LINE) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' => escaped.push('\t'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_marked_and_nothing_of_the_config_is_markup() {
        let text = "[[source]]\nname = \"<script>alert(1)</script>\"\ntouchh = \"展会\"\n";
        let texts = Texts { files: vec![("lead<b>.toml".into(), text.into())] };
        let at = text.find("touchh").unwrap();
        let problem = Problem::error(
            "LL2002",
            &Span { file: 0, range: at..at + 6 },
            Words::new("`touchh` & <i>more</i>", "未知的键"),
            Words::new("no such key", "没有这个键"),
        )
        .help("did you mean `touch`?", "是否想写 `touch`？");
        let page = render(&[problem], &texts, Language::En);
        assert!(page.contains("<mark>touchh</mark> = &quot;展会&quot;"), "{page}");
        assert!(page.contains("lead&lt;b&gt;.toml:3:1") && page.contains("&lt;script&gt;"), "{page}");
        assert!(!page.contains("<script") && !page.contains("<i>"), "{page}");
        assert!(page.contains("data-line=\"2\"") && !page.contains("data-line=\"1\""), "{page}");
    }
}
