//! A DingTalk work notice to one person.

use leadloop_connector_api::answers::Answers;
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::notice::Notice;
use leadloop_sync_core::outbox::Operation;
use serde_json::json;

use crate::notices;

/// The connector.
struct Dingtalk;

inventory::submit! { Registered(&Dingtalk) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Dingtalk {
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
        let message = match &notice.url {
            Some(url) => json!({
                "msgtype": "action_card",
                "action_card": {
                    "title": notices::clip(&notice.title, 100),
                    "markdown": notices::markdown(&without_link(notice), "### ", "\n\n", MOST_BYTES),
                    "single_title": notices::clip(&notice.button, 20),
                    "single_url": url,
                },
            }),
            None => json!({
                "msgtype": "markdown",
                "markdown": {
                    "title": notices::clip(&notice.title, 100),
                    "text": notices::markdown(notice, "### ", "\n\n", MOST_BYTES),
                },
            }),
        };
        let body = json!({ "agent_id": link.int("agent_id"), "userid_list": to, "msg": message });
        let answers = Answers::of(description(), link, moment.now);
        // DingTalk drops the same content to the same person on the same day: repeating does no harm.
        let path = "/topapi/message/corpconversation/asyncsend_v2";
        let request = Request::json(Method::Post, path, body).repeatable();
        Ok(notices::told_by(answers, request, "errcode", "0"))
    }
}

/// Most bytes of a message's text; the whole message may have 2048.
const MOST_BYTES: usize = 1_300;

/// The card has the link on its button.
fn without_link(notice: &Notice) -> Notice {
    Notice { url: None, ..notice.clone() }
}
