//! A hosted page to sign in at an event: by the QR code of the event or of a salesperson's poster, or on one tablet that
//! everybody uses. A lost connection loses nobody: the page keeps what was entered and sends it again under the same id.
//!
//! `page` writes the page, the sheet of codes and what keeps the page there without a network; `entry` makes a record of
//! what was entered.

mod entry;
mod page;

use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Value;
use serde_json::json;

/// The connector of the sign-in page.
struct SignInPage;

inventory::submit! { Registered(&SignInPage) }

/// Fields that the page knows how to ask.
const FIELDS: [&str; 7] = ["name", "phone", "email", "company", "title", "province", "requirement"];

impl Connector for SignInPage {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let Some(Value::List(fields)) = settings.values.get("fields") else { return vec![] };
        let known = |field: &str| FIELDS.contains(&field.trim_end_matches('!'));
        let mut problems: Vec<Problem> = (0..)
            .zip(fields)
            .filter(|(_, field)| !field.as_text().is_some_and(known))
            .map(|(at, field): (usize, _)| {
                let list = FIELDS.join(", ");
                let mut problem = Problem::new(
                    "fields",
                    ProblemKind::NotAllowed,
                    format!("the page cannot ask {:?}", field.to_display()),
                )
                .zh(format!("页面不能询问 {:?}", field.to_display()))
                .with_help(format!("one of: {list}"))
                .zh_help(format!("可选：{list}"));
                problem.path.push(at.to_string());
                problem
            })
            .collect();
        let reaches = |field: &Value| {
            field.as_text().is_some_and(|field| matches!(field.trim_end_matches('!'), "phone" | "email"))
        };
        if !fields.iter().any(reaches) {
            problems.push(
                Problem::new("fields", ProblemKind::NotAllowed, "nobody can be reached by what is asked")
                    .zh("所询问的内容无法联系到人".to_owned())
                    .with_help("ask phone or email")
                    .zh_help("请加入 phone 或 email".to_owned()),
            );
        }
        problems
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        if push.method == Method::Get {
            return Err(Refusal::Handshake(Box::new(page::show(link, push))));
        }
        if !push.path.trim_matches('/').is_empty() {
            let answer = Answer::with_body(
                404,
                "text/plain; charset=utf-8",
                "Sign-ins are posted to the page itself.\n",
            );
            return Err(Refusal::Handshake(Box::new(answer)));
        }
        let mut received = entry::read(link, push)?;
        received.answer = Some(if page::wants_html(push) {
            page::thanks(link, push)
        } else {
            Answer::with_body(200, "application/json", json!({ "ok": true }).to_string())
        });
        Ok(received)
    }
}

/// The fields that are asked, each with whether it must be filled.
fn asked(link: &Link) -> Vec<(&str, bool)> {
    let own: Vec<(&str, bool)> =
        link.list("fields").map(|field| (field.trim_end_matches('!'), field.ends_with('!'))).collect();
    if own.is_empty() {
        return vec![("name", true), ("phone", true), ("company", false), ("title", false)];
    }
    own
}

/// The salesperson a poster belongs to, where there is one of that key.
fn salesperson<'a>(link: &'a Link, key: &str) -> Option<(&'a str, &'a str)> {
    link.table("salespeople")
        .find(|(known, _)| *known == key)
        .and_then(|(known, name)| Some((known, name.as_text()?)))
}

#[cfg(test)]
mod tests;
