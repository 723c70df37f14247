//! What the notice channels share: the notice of an operation, its text within a vendor's bytes, answers that say
//! everything with 200.

use leadloop_connector_api::answers::{Answers, at, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::{Answer, Request};
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{Link, Refusal};
use leadloop_sync_core::notice::{Notice, PARTS};
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use secrecy::ExposeSecret;

/// The one notice of an exchange, and to whom it goes.
pub(crate) fn of(operations: &[Operation]) -> Result<(&str, &Notice), Refusal> {
    match operations.first() {
        Some(Operation::Notify { to, notice }) => Ok((to, notice)),
        other => Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
    }
}

/// Cuts a text to so many bytes, at a character, and shows that it was cut.
pub(crate) fn clip(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub('…'.len_utf8());
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// Title, lines and link as Markdown within so many bytes; the link is never cut.
pub(crate) fn markdown(notice: &Notice, head: &str, line_end: &str, most: usize) -> String {
    let link = match &notice.url {
        Some(url) => format!("{line_end}{line_end}[{}]({url})", plain(&notice.button)),
        None => String::new(),
    };
    let lines: Vec<String> = notice.text.lines().map(plain).collect();
    let body = format!("{head}{}{line_end}{}", plain(&notice.title), lines.join(line_end));
    format!("{}{link}", clip(&body, most.saturating_sub(link.len())))
}

/// A line as it is: what a person typed into a form must not become a link, a heading or markup.
fn plain(line: &str) -> String {
    line.chars()
        .filter_map(|c| match c {
            '[' => Some('［'),
            ']' => Some('］'),
            '<' => Some('＜'),
            '>' => Some('＞'),
            '`' => Some('｀'),
            '*' => Some('＊'),
            '#' => Some('＃'),
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect()
}

/// Title, lines and link as plain text within so many bytes; the link is never cut.
pub(crate) fn text(notice: &Notice, most: usize) -> String {
    let link = match &notice.url {
        Some(url) => format!("\n{}: {url}", notice.button),
        None => String::new(),
    };
    let body = format!("{}\n{}", notice.title, notice.text);
    format!("{}{link}", clip(&body, most.saturating_sub(link.len())))
}

/// Whether each entry of a table setting names a part that notices have.
pub(crate) fn check_parts(settings: &Settings, name: &str) -> Vec<Problem> {
    let prefix = format!("{name}.");
    let entries = settings.values.iter().filter_map(|(key, value)| {
        let part = value.to_display();
        key.strip_prefix(&prefix).filter(|_| !PARTS.contains(&part.as_str())).map(|slot| (slot, part))
    });
    entries
        .map(|(slot, part)| {
            let mut problem =
                Problem::new(name, ProblemKind::NotAllowed, format!("a notice has no part called `{part}`"))
                    .with_help(format!("its parts are: {}", PARTS.join(", ")))
                    .zh(format!("通知没有名为 `{part}` 的内容"))
                    .zh_help(format!("可用内容：{}", PARTS.join(", ")));
            problem.path.push(slot.to_owned());
            problem
        })
        .collect()
}

/// A setting's secret as text; empty where it is not set.
pub(crate) fn secret<'l>(link: &'l Link, name: &str) -> &'l str {
    link.secret(name).map_or("", |secret| secret.expose_secret())
}

/// One request, told where the value at `path` is `wanted`. What the manifest's rules say of the answer comes first.
pub(crate) fn told_by(
    answers: Answers,
    request: Request,
    path: &'static str,
    wanted: &'static str,
) -> Box<dyn Exchange> {
    single(request, move |answer| {
        vec![said(&answers, answer, path, wanted).map_or_else(|outcome| outcome, |_| told())]
    })
}

/// The answer, where the value at `path` is `wanted`.
pub(crate) fn said(
    answers: &Answers,
    answer: &Answer,
    path: &str,
    wanted: &str,
) -> Result<serde_json::Value, Outcome> {
    let json = answers.json("notice", answer)?;
    match at(&json, path).and_then(text_of) {
        Some(value) if value == wanted => Ok(json),
        _ => Err(odd("the answer does not say that the message was taken")),
    }
}

/// Somebody was told.
pub(crate) fn told() -> Outcome {
    Outcome::Done(Reply::Told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character_and_never_in_its_link() {
        assert_eq!(clip("示例科技", 12), "示例科技");
        assert_eq!(clip("示例科技", 11), "示例…");
        assert_eq!(clip("示例", 2), "…");
        let notice = Notice {
            title: "新线索".to_owned(),
            text: "需求：".repeat(2_000),
            url: Some("https://leads.example/a/x".to_owned()),
            button: "查看".to_owned(),
            ..Notice::default()
        };
        for most in [200, 512, 2_048] {
            let (markdown, text) = (markdown(&notice, "**", "\n", most), text(&notice, most));
            assert!(
                markdown.len() <= most && markdown.ends_with("(https://leads.example/a/x)"),
                "{markdown}"
            );
            assert!(text.len() <= most && text.ends_with("https://leads.example/a/x"), "{text}");
        }
    }

    #[test]
    fn what_a_person_typed_is_no_markup() {
        let notice = Notice {
            title: "[x](https://evil.example)".to_owned(),
            text: "# <font color=\"red\">`a`*b*".to_owned(),
            ..Notice::default()
        };
        let made = markdown(&notice, "", "\n", 1_000);
        assert!(!made.contains(['[', ']', '<', '>', '`', '*', '#']), "{made}");
    }
}
