//! Notices as JSON to any address, signed by Standard Webhooks.

use leadloop_connector_api::answers::{Answers, at, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::{Body, Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{Algorithm, Encoding, encode, hmac, webhook_key};
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome};
use serde_json::{Value as Json, json};

use crate::notices;

/// The connector.
struct NotifyWebhook;

inventory::submit! { Registered(&NotifyWebhook) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for NotifyWebhook {
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
        let body = json!({
            "id": notice.id,
            "event": notice.event,
            "to": to,
            "title": notice.title,
            "text": notice.text,
            "url": notice.url,
            "parts": notice.parts,
        });
        let seconds = moment.now.0.div_euclid(1_000_000).to_string();
        let mut request = Request::json(Method::Post, notices::secret(link, "url"), json!({})).repeatable();
        let bytes = body.to_string();
        request.headers.push(("webhook-id".to_owned(), notice.id.clone()));
        request.headers.push(("webhook-timestamp".to_owned(), seconds.clone()));
        if let Some(key) = webhook_key(notices::secret(link, "secret")) {
            let parts: [&[u8]; 5] = [notice.id.as_bytes(), b".", seconds.as_bytes(), b".", bytes.as_bytes()];
            let signature = encode(Encoding::Base64, &hmac(Algorithm::Sha256, &key, &parts));
            request.headers.push(("webhook-signature".to_owned(), format!("v1,{signature}")));
        }
        request.body = Body::Bytes("application/json".to_owned(), bytes.into_bytes());
        let answers = Answers::of(description(), link, moment.now);
        Ok(single(request, move |answer| {
            vec![if (200..300).contains(&answer.status) && is_plain_yes(&answer.body) {
                notices::told()
            } else {
                answers.json("notice", answer).map_or_else(|outcome| outcome, |json| heard(&json))
            }]
        }))
    }
}

/// Where an answer says that the message was taken, and with which words. A page that some proxy sends says none of them.
const YES: [(&str, &str); 6] = [
    ("ok", "true"),
    ("success", "true"),
    ("code", "0"),
    ("errcode", "0"),
    ("status", "ok"),
    ("status", "success"),
];

/// Nothing, or one word: what small receivers answer with a good status. No proxy says so little.
fn is_plain_yes(body: &[u8]) -> bool {
    let words = body.trim_ascii();
    words.is_empty() || ["ok", "success"].iter().any(|yes| words.eq_ignore_ascii_case(yes.as_bytes()))
}

fn heard(json: &Json) -> Outcome {
    let said =
        YES.iter().any(|(path, word)| at(json, path).and_then(text_of).is_some_and(|said| said == *word));
    if said {
        notices::told()
    } else {
        odd("the answer does not say that the message was taken; answer 204, or 200 with {\"ok\": true}")
    }
}
