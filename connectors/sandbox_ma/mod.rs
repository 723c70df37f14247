//! The small MA of `leadloop sandbox`: it pushes leads, mail clicks and points by signed webhook, and is told stage, owner,
//! feedback and nurture segment (`docs/reference/sandbox-api.md`, section 11).

mod events;
mod tell;

use leadloop_connector_api::answers::{Answers, odd};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::Request;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{TOLERANCE, standard_webhooks};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Record;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::Value as Json;

use crate::reading;

/// The connector of the sandbox MA.
struct SandboxMa;

inventory::submit! { Registered(&SandboxMa) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for SandboxMa {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        let secret = link.secret("webhook_secret").ok_or_else(|| {
            Refusal::Unsigned(
                "this link has no `webhook_secret`, so nobody can prove to be its MA".to_owned(),
            )
        })?;
        let id = standard_webhooks(push, secret, TOLERANCE)
            .map_err(|forged| Refusal::Unsigned(forged.to_string()))?;
        events::read(link, &reading::json::parse(&push.body, None)?, id)
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let answers = Answers::of(description(), link, moment.now);
        match operations.first() {
            Some(Operation::Check) => Ok(single(Request::get("/ma/api/v1/whoami"), move |answer| {
                vec![answers.json("contact", answer).map_or_else(|outcome| outcome, |json| checked(&json))]
            })),
            Some(Operation::Tell { .. }) => Ok(tell::tell(answers, operations)),
            other => Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        }
    }
}

fn checked(json: &Json) -> Outcome {
    match (json.get("client_id").and_then(Json::as_str), json.get("server_time").and_then(Json::as_i64)) {
        (Some(user), Some(time)) => {
            Outcome::Done(Reply::Checked(Record::new().with("user", user).with("time", time)))
        }
        _ => odd("the answer does not say who we are"),
    }
}
