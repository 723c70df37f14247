//! A robot in a DingTalk group, signed where the robot asks for it.

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
struct DingtalkRobot;

inventory::submit! { Registered(&DingtalkRobot) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for DingtalkRobot {
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
        let text = notices::markdown(notice, "### ", "\n\n", MOST_BYTES);
        let body = json!({
            "msgtype": "markdown",
            "markdown": { "title": notices::clip(&notice.title, 100), "text": text },
            "msgUuid": notice.id,
        });
        let mut request = Request::json(Method::Post, notices::secret(link, "url"), body).repeatable();
        let secret = notices::secret(link, "secret");
        if !secret.is_empty() {
            let millis = (moment.now.0 / 1_000).to_string();
            let sign = sign(&millis, secret);
            request = request.with_query("timestamp", millis).with_query("sign", sign);
        }
        let answers = Answers::of(description(), link, moment.now);
        Ok(notices::told_by(answers, request, "errcode", "0"))
    }
}

/// Most bytes of a message.
const MOST_BYTES: usize = 18_000;

/// The robot's signature of a time in milliseconds.
fn sign(millis: &str, secret: &str) -> String {
    let mac = hmac(Algorithm::Sha256, secret.as_bytes(), &[millis.as_bytes(), b"\n", secret.as_bytes()]);
    encode(Encoding::Base64, &mac)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_signature_is_the_vendors() {
        assert_eq!(
            super::sign("1730000000000", "SECabc1234567890"),
            "QUn1ZUVNLJ1I08BPdhZOJ4LWvHZmIWnEukabs7hXKIg="
        );
    }
}
