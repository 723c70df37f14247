//! A Feishu app that writes to one person, with the answer page behind a button.

use leadloop_connector_api::answers::Answers;
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Operation;
use serde_json::json;

use crate::notices;

/// The connector.
struct Feishu;

inventory::submit! { Registered(&Feishu) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Feishu {
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
        let mut elements = vec![json!({
            "tag": "div",
            "text": { "tag": "plain_text", "content": notices::clip(&notice.text, MOST_BYTES) },
        })];
        if let Some(url) = &notice.url {
            elements.push(json!({
                "tag": "action",
                "actions": [{
                    "tag": "button",
                    "type": "primary",
                    "text": { "tag": "plain_text", "content": notice.button },
                    "url": url,
                }],
            }));
        }
        let card = json!({
            "header": { "title": { "tag": "plain_text", "content": notices::clip(&notice.title, 200) } },
            "elements": elements,
        });
        // `uuid` keeps Feishu from telling it twice within an hour.
        let body = json!({
            "receive_id": to,
            "msg_type": "interactive",
            "content": card.to_string(),
            "uuid": notice.id.chars().take(50).collect::<String>(),
        });
        let answers = Answers::of(description(), link, moment.now);
        let request = Request::json(Method::Post, "/open-apis/im/v1/messages", body)
            .with_query("receive_id_type", link.text("id_type").unwrap_or("open_id"))
            .repeatable();
        Ok(notices::told_by(answers, request, "code", "0"))
    }
}

/// Most bytes of a message's text.
const MOST_BYTES: usize = 12_000;
