//! A template message of a WeChat official account to a follower.

use leadloop_connector_api::answers::Answers;
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, Settings};
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Operation;
use serde_json::json;

use crate::notices;

/// The connector.
struct WechatTemplate;

inventory::submit! { Registered(&WechatTemplate) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for WechatTemplate {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        notices::check_parts(settings, "data")
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let (to, notice) = notices::of(operations)?;
        let mut data = serde_json::Map::new();
        for (slot, part) in link.table("data") {
            let part = part.to_display();
            let value = notice.parts.get(&part).map(String::as_str).unwrap_or_default();
            data.insert(slot.to_owned(), json!({ "value": fitted(slot, value) }));
        }
        let mut body = json!({
            "touser": to,
            "template_id": link.text("template_id"),
            "client_msg_id": notice.id.chars().take(32).collect::<String>(),
            "data": data,
        });
        if let (Some(url), Some(body)) = (&notice.url, body.as_object_mut()) {
            body.insert("url".to_owned(), url.as_str().into());
        }
        let answers = Answers::of(description(), link, moment.now);
        // `client_msg_id` keeps WeChat from telling it twice.
        let request = Request::json(Method::Post, "/cgi-bin/message/template/send", body).repeatable();
        Ok(notices::told_by(answers, request, "errcode", "0"))
    }
}

/// Most characters of a slot, by the kind of its name; WeChat refuses the whole message for one character more.
const SLOTS: [(&str, usize); 8] = [
    ("thing", 20),
    ("character_string", 32),
    ("phrase", 5),
    ("name", 10),
    ("const", 20),
    ("phone_number", 17),
    ("number", 32),
    ("letter", 32),
];

/// A value as its slot takes it: within its length, and never blank.
fn fitted(slot: &str, value: &str) -> String {
    let most = SLOTS.iter().find(|(kind, _)| slot.starts_with(kind)).map_or(200, |(_, most)| *most);
    let cut: String = value.trim().chars().take(most).collect();
    if cut.is_empty() { "-".to_owned() } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_gets_what_it_takes() {
        assert_eq!(fitted("thing1", &"示".repeat(30)).chars().count(), 20);
        assert_eq!(fitted("thing1", " "), "-");
        assert_eq!(fitted("phrase3", "待跟进的线索"), "待跟进的线");
    }
}
