//! A bot in a Feishu group, signed where the bot asks for it.

use leadloop_connector_api::answers::Answers;
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{Algorithm, Encoding, encode, hmac};
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Operation;
use serde_json::json;

use crate::notices;

/// The connector.
struct FeishuRobot;

inventory::submit! { Registered(&FeishuRobot) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for FeishuRobot {
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
        let card = json!({
            "header": { "title": { "tag": "plain_text", "content": notices::clip(&notice.title, 200) } },
            "elements": [{ "tag": "div", "text": { "tag": "plain_text", "content": notices::clip(&notice.text, MOST_BYTES) } }],
        });
        let mut body = json!({ "msg_type": "interactive", "card": card });
        let secret = notices::secret(link, "secret");
        if !secret.is_empty()
            && let Some(body) = body.as_object_mut()
        {
            let seconds = moment.now.0.div_euclid(1_000_000).to_string();
            body.insert("sign".to_owned(), sign(&seconds, secret).into());
            body.insert("timestamp".to_owned(), seconds.into());
        }
        let answers = Answers::of(description(), link, moment.now);
        let request = Request::json(Method::Post, notices::secret(link, "url"), body);
        Ok(notices::told_by(answers, request, "code", "0"))
    }
}

/// Most bytes of a message's text; the whole body may have 20 KB.
const MOST_BYTES: usize = 12_000;

/// The bot's signature of a time in seconds: time and secret are the key, the message is empty.
fn sign(seconds: &str, secret: &str) -> String {
    let key = format!("{seconds}\n{secret}");
    encode(Encoding::Base64, &hmac(Algorithm::Sha256, key.as_bytes(), &[]))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_signature_is_the_vendors() {
        assert_eq!(super::sign("1730000000", "demo_secret"), "H/TxRsB4JMA6CY4617nkIhNnFxK3FXHODCWGRds2ePk=");
    }
}
