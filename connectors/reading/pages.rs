//! Doors that pages of the company post through: which pages may, what their browsers are told, what can be agreed to.

use leadloop_connector_api::http::Answer;
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{Link, Push, Refusal, origins};
use leadloop_mapping::Value;

/// Purposes that consent can be given for.
pub(crate) const PURPOSES: [&str; 4] = ["transfer", "mail", "sms", "phone"];

/// The problems of settings that list origins.
pub(crate) fn check_origins(settings: &Settings, names: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for name in names {
        let Some(Value::List(entries)) = settings.values.get(*name) else {
            continue;
        };
        for (at, entry) in entries.iter().enumerate() {
            let entry = entry.as_text().unwrap_or_default();
            if !origins::is_origin(entry) {
                let mut problem = Problem::new(
                    name,
                    ProblemKind::NotAllowed,
                    format!("{entry:?} is no origin of a web page"),
                )
                .with_help(
                    "scheme and host without a path: https://www.shili.example or https://*.shili.example",
                );
                problem.path.push(at.to_string());
                problems.push(problem);
            }
        }
    }
    problems
}

/// The page that posts has to be an allowed one. Scripts that send no origin are taken only where the source says so.
///
/// # Errors
/// That it is not.
pub(crate) fn check_origin(link: &Link, push: &Push) -> Result<(), Refusal> {
    if link.list("allowed_origins").next().is_none() {
        return Ok(());
    }
    let origin = push.header("origin").filter(|origin| *origin != "null").map(str::to_owned);
    match origin.or_else(|| push.header("referer").and_then(origins::of_page)) {
        Some(origin) if origins::is_allowed(&origin, link.list("allowed_origins")) => Ok(()),
        Some(origin) => Err(Refusal::Forbidden(format!(
            "pages of {} may not post here: add it to `allowed_origins`",
            super::cut(&origin, 200)
        ))),
        None if link.is_on("origin_optional") => Ok(()),
        None => Err(Refusal::Forbidden(
            "the post names no origin: set `origin_optional` where programs post here".to_owned(),
        )),
    }
}

/// Lets a made post come from a page that may post here.
pub(crate) fn come_from(link: &Link, push: &mut Push) {
    if let Some(origin) = link.list("allowed_origins").next() {
        push.headers.push(("origin".to_owned(), origin.replace("//*.", "//www.")));
    }
}

/// Headers that let a page read our answer: an allowed one, any where the source names none.
pub(crate) fn open(link: &Link, push: &Push, mut answer: Answer) -> Answer {
    answer.headers.push(("cache-control".to_owned(), "no-store".to_owned()));
    if let Some(origin) = push.header("origin") {
        let mut allowed = link.list("allowed_origins").peekable();
        if allowed.peek().is_some() {
            answer.headers.extend(origins::cors_headers(origin, allowed));
        } else {
            answer.headers.push(("access-control-allow-origin".to_owned(), "*".to_owned()));
        }
    }
    answer
}
