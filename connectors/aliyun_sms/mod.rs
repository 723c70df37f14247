//! A text message by Alibaba Cloud, signed with ACS3-HMAC-SHA256.

mod sign;

use leadloop_connector_api::answers::Answers;
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, Settings};
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Operation;
use leadloop_sync_core::time::Timestamp;
use serde_json::json;

use crate::notices;

/// The connector.
struct AliyunSms;

inventory::submit! { Registered(&AliyunSms) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for AliyunSms {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        notices::check_parts(settings, "params")
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let (to, notice) = notices::of(operations)?;
        let mut params = serde_json::Map::new();
        for (name, part) in link.table("params") {
            let value = notice.parts.get(&part.to_display()).map(String::as_str).unwrap_or_default();
            params.insert(name.to_owned(), notices::clip(value, MOST_BYTES).into());
        }
        let domestic = to.strip_prefix("+86").unwrap_or(to);
        let query = vec![
            ("OutId".to_owned(), notice.id.clone()),
            ("PhoneNumbers".to_owned(), domestic.to_owned()),
            ("SignName".to_owned(), link.text("sign_name").unwrap_or_default().to_owned()),
            ("TemplateCode".to_owned(), link.text("template").unwrap_or_default().to_owned()),
            ("TemplateParam".to_owned(), json!(params).to_string()),
        ];
        let nonce = format!("{:016x}{:016x}", moment.throw(), moment.throw());
        let request = sign::signed(link, query, &date(moment.now), &nonce);
        let answers = Answers::of(description(), link, moment.now);
        Ok(notices::told_by(answers, request, "Code", "OK"))
    }
}

/// Most bytes of one value of the template.
const MOST_BYTES: usize = 100;

/// The time as the signature has it.
fn date(at: Timestamp) -> String {
    at.in_zone(&jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
