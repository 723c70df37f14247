//! Problems with an excerpt of the source, as compilers show them; columns count what is seen, so that underlines stand
//! under Chinese text too.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};
use leadloop_sync_core::because::Language;

use crate::problem::{Problem, Severity, Span};
use crate::text::Texts;

/// How it shall look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The language of the messages.
    pub language: Language,
    /// With colours.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// One problem with its places.
#[must_use]
pub fn render(problem: &Problem, texts: &Texts, look: Look) -> String {
    let language = look.language;
    let level = level(problem.severity, language);
    let title = normalize_untrusted_str(problem.message.say(language));
    let mut group = Group::with_title(level.primary_title(title).id(problem.code));
    let mut files: Vec<usize> = vec![problem.span.file];
    for (span, _) in &problem.related {
        if !files.contains(&span.file) {
            files.push(span.file);
        }
    }
    for file in files {
        let Some((name, text)) = texts.files.get(file) else { continue };
        let mut snippet = Snippet::source(text.as_str()).path(name.as_str()).fold(true);
        if problem.span.file == file {
            let label = normalize_untrusted_str(problem.label.say(language));
            snippet =
                snippet.annotation(AnnotationKind::Primary.span(shown(text, &problem.span)).label(label));
        }
        for (span, words) in problem.related.iter().filter(|(span, _)| span.file == file) {
            let label = normalize_untrusted_str(words.say(language));
            snippet = snippet.annotation(AnnotationKind::Context.span(shown(text, span)).label(label));
        }
        group = group.element(snippet);
    }
    if let Some(help) = &problem.help {
        let name = if language == Language::Zh { "建议" } else { "help" };
        group =
            group.element(Level::HELP.with_name(name).message(normalize_untrusted_str(help.say(language))));
    }
    let renderer = if look.colour { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Unicode).term_width(look.width).render(&[group])
}

fn level(severity: Severity, language: Language) -> Level<'static> {
    match (severity, language) {
        (Severity::Error, Language::En) => Level::ERROR,
        (Severity::Warning, Language::En) => Level::WARNING,
        (Severity::Error, Language::Zh) => Level::ERROR.with_name("错误"),
        (Severity::Warning, Language::Zh) => Level::WARNING.with_name("警告"),
    }
}

/// The part of a place that is underlined: within the text, at borders of characters, and of one line only, since a
/// whole table would bury the message.
fn shown(text: &str, span: &Span) -> std::ops::Range<usize> {
    let mut start = span.range.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.range.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let line_end = text.get(start..end).and_then(|part| part.find('\n')).map_or(end, |at| start + at);
    start..line_end
}

/// The last line: how many there are.
#[must_use]
pub fn summary(problems: &[Problem], language: Language) -> String {
    let (errors, warnings) = super::counts(problems);
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (language, errors, warnings) {
        (Language::En, 0, 0) => "no problems found".to_owned(),
        (Language::Zh, 0, 0) => "未发现问题".to_owned(),
        (Language::En, _, _) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
        (Language::Zh, _, _) => format!("{errors} 个错误，{warnings} 个警告"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Words;

    fn texts() -> Texts {
        Texts {
            files: vec![
                ("leadloop.toml".into(), "[leadloop]\n# 注释\n[[source]]\nname = \"展会\", x = 1\n".into()),
                ("more.toml".into(), "[[source]]\nname = \"展会\"\n".into()),
            ],
        }
    }

    fn problem(texts: &Texts) -> Problem {
        let at = texts.files[0].1.find("x = 1").unwrap();
        let other = texts.files[1].1.find("\"展会\"").unwrap();
        Problem::error(
            "LL2002",
            &Span { file: 0, range: at..at + 1 },
            Words::new("`x` is not a key of [[source]]", "[[source]] 中没有 `x`"),
            Words::new("no such key", "未知的键"),
        )
        .help("did you mean `name`?", "是否想写 `name`？")
        .also(&Span { file: 1, range: other..other + 8 }, "the other one", "另一处")
    }

    #[test]
    fn underlines_stand_under_chinese_text() {
        let texts = texts();
        let look = Look { language: Language::En, colour: false, width: 100 };
        let shown = render(&problem(&texts), &texts, look);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "error[LL2002]: `x` is not a key of [[source]]");
        assert!(lines[1].contains("leadloop.toml:4:14"), "columns are characters: {shown}");
        let line = lines.iter().position(|line| line.contains("x = 1")).unwrap();
        // The two wide characters take four columns: the mark stands two further right than characters say.
        let mark = lines[line + 1].chars().position(|c| c == '━').unwrap();
        let x = lines[line].chars().position(|c| c == 'x').unwrap();
        assert_eq!(mark, x + 2, "{shown}");
        assert!(shown.contains("more.toml:2:8") && shown.contains("the other one"), "{shown}");
        assert!(shown.contains("help: did you mean `name`?"), "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }

    #[test]
    fn chinese_and_colours_are_asked_for() {
        let texts = texts();
        let look = Look { language: Language::Zh, colour: true, width: 100 };
        let shown = render(&problem(&texts), &texts, look);
        assert!(shown.contains("错误") && shown.contains("是否想写") && shown.contains('\u{1b}'), "{shown}");
        assert_eq!(summary(&[problem(&texts)], Language::Zh), "1 个错误，0 个警告");
        assert_eq!(summary(&[], Language::En), "no problems found");
    }

    #[test]
    fn a_place_outside_the_text_and_control_characters_do_no_harm() {
        let texts = texts();
        let mut bad = problem(&texts);
        bad.span.range = 10_000..20_000;
        bad.message.en = "evil\u{1b}[31m text".into();
        let shown = render(&bad, &texts, Look { language: Language::En, colour: false, width: 80 });
        assert!(!shown.contains('\u{1b}'), "{shown}");
        let none = render(&bad, &Texts::default(), Look { language: Language::En, colour: false, width: 80 });
        assert!(none.contains("LL2002"));
    }
}
