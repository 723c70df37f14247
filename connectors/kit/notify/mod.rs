//! Notices through Kit System: one message each, to the person the operation names.

use leadloop_connector_api::answers::Answers;
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Operation;
use serde_json::json;

use crate::notices;

/// The connector of Kit System.
struct KitName;

inventory::submit! { Registered(&KitName) }

// FACT? How many bytes a message may have: write the number here.
const MOST_BYTES: usize = 2_000;

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for KitName {
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
        // FACT? Path and body of a message, and the name under which it takes `notice.id` so that one sent twice is one: write them here.
        let body = json!({ "to": to, "text": notices::text(notice, MOST_BYTES), "id": notice.id });
        let request = Request::json(Method::Post, "/messages", body);
        let answers = Answers::of(description(), link, moment.now);
        // FACT? Where an answer says that the message was taken, and what it says then: write both here.
        Ok(notices::told_by(answers, request, "code", "0"))
    }
}
