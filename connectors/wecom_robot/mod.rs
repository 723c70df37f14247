//! A robot in a WeCom group: one Markdown message, no receiver, no answer page.

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
struct WecomRobot;

inventory::submit! { Registered(&WecomRobot) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for WecomRobot {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let (_, notice) = notices::of(operations)?;
        let content = notices::markdown(notice, "**", "\n", MOST_BYTES).replacen('\n', "**\n", 1);
        let body = json!({ "msgtype": "markdown", "markdown": { "content": content } });
        let answers = Answers::of(description(), link, moment.now);
        let request = Request::json(Method::Post, notices::secret(link, "url"), body);
        Ok(notices::told_by(answers, request, "errcode", "0"))
    }
}

/// Most bytes of a Markdown message, with room for what closes its title.
const MOST_BYTES: usize = 4_090;
