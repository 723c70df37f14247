//! Mautic: contacts, points, forms, page hits and opened mails come by signed webhook; stage, owner, answer, tags, track and
//! segment go back through its API.
//!
//! `events` reads what is pushed, `tell` writes back: fields of contacts in one batch, then who enters or leaves a segment.

mod events;
mod tell;

use leadloop_connector_api::answers::{Answers, odd};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::Request;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::signature::{Algorithm, Encoding, hmac_fits, rotated};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Record;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};

use crate::reading::{self, json};

/// The connector of Mautic.
struct Mautic;

inventory::submit! { Registered(&Mautic) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Mautic {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        reading::only_post(push)?;
        let unsigned = |why: &str| Refusal::Unsigned(why.to_owned());
        let secret =
            link.secret("webhook_secret").ok_or_else(|| unsigned("this link has no `webhook_secret`"))?;
        let given = push.header("webhook-signature").ok_or_else(|| {
            unsigned("the header `Webhook-Signature` is missing: set a secret for the webhook in Mautic")
        })?;
        let fits = rotated(secret)
            .any(|key| hmac_fits(Algorithm::Sha256, Encoding::Base64, key.as_bytes(), &[&push.body], given));
        if !fits {
            return Err(unsigned("the signature does not fit the body: the secret differs"));
        }
        events::read(link, &json::parse(&push.body, None)?)
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let answers = Answers::of(description(), link, moment.now);
        match operations.first() {
            Some(Operation::Check) => {
                let request = Request::get("/contacts").with_query("limit", "1").with_query("minimal", "1");
                let user = link.text("user").unwrap_or_default().to_owned();
                Ok(single(request, move |answer| {
                    vec![match answers.json("contact", answer) {
                        Ok(json) if json.get("contacts").is_some() => {
                            Outcome::Done(Reply::Checked(Record::new().with("user", user)))
                        }
                        Ok(_) => odd("the answer does not list contacts"),
                        Err(outcome) => outcome,
                    }]
                }))
            }
            Some(Operation::Tell { .. }) => Ok(tell::tell(answers, link, operations)),
            other => Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        }
    }
}

#[cfg(test)]
mod tests;
