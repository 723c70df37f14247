//! A WeCom application that writes to one person: a text card where there is an answer page, else text.

use leadloop_connector_api::answers::{Answers, at, text_of};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome};
use serde_json::{Value as Json, json};

use crate::notices;

/// The connector.
struct WecomApp;

inventory::submit! { Registered(&WecomApp) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for WecomApp {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let (to, notice) = notices::of(operations)?;
        let agent = link.int("agent_id").unwrap_or_default();
        let mut body = json!({
            "touser": to,
            "agentid": agent,
            "enable_duplicate_check": 1,
            "duplicate_check_interval": 1_800,
        });
        let (kind, content) = match &notice.url {
            Some(url) => (
                "textcard",
                json!({
                    "title": notices::clip(&notice.title, MOST_TITLE),
                    "description": notices::clip(&escaped(&notice.text), MOST_CARD),
                    "url": url,
                    "btntxt": notice.button.chars().take(4).collect::<String>(),
                }),
            ),
            None => ("text", json!({ "content": notices::text(notice, MOST_TEXT) })),
        };
        if let Some(body) = body.as_object_mut() {
            body.insert("msgtype".to_owned(), kind.into());
            body.insert(kind.to_owned(), content);
        }
        let answers = Answers::of(description(), link, moment.now);
        // WeCom drops the same content to the same person within half an hour: repeating does no harm.
        let request = Request::json(Method::Post, "/cgi-bin/message/send", body).repeatable();
        Ok(single(request, move |answer| {
            vec![
                notices::said(&answers, answer, "errcode", "0")
                    .map_or_else(|outcome| outcome, |json| reached(&json)),
            ]
        }))
    }
}

/// Most bytes of a card's title.
const MOST_TITLE: usize = 128;
/// Most bytes of a card's text.
const MOST_CARD: usize = 512;
/// Most bytes of a text.
const MOST_TEXT: usize = 2_048;

/// A card's text is a little HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// It says "ok" even where nobody was reached.
fn reached(json: &Json) -> Outcome {
    let missed = ["invaliduser", "unlicenseduser"]
        .iter()
        .find_map(|field| at(json, field).and_then(text_of).map(|user| (*field, user)));
    match missed {
        None => notices::told(),
        Some((field, user)) => Outcome::Rejected {
            field: Some("to".to_owned()),
            code: field.to_owned(),
            detail: format!(
                "WeCom does not reach `{user}`: not a member, or outside the application's scope"
            ),
        },
    }
}
