//! Polyv 保利威 live streams: who registered and who watched how long, read channel by channel; when a stream begins or ends
//! a callback hurries the reading.
//!
//! A viewer is one person across both: `uba_id` holds his viewer id with the platform in front, his registration adds the
//! phone. Days are read in turn, so that an outage leaves no gap.

mod lists;

use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::Answer;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Operation;
use md5::{Digest, Md5};
use secrecy::ExposeSecret;

use crate::reading::{FOREIGN, in_query};

/// The connector of Polyv.
struct Polyv;

inventory::submit! { Registered(&Polyv) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Polyv {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn lists(&self, link: &Link) -> Vec<String> {
        link.list("channels").flat_map(|id| [format!("enroll/{id}"), format!("viewlog/{id}")]).collect()
    }

    /// `?channelId=…&status=live|end&timestamp=…&sign=…`
    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        let part = |name: &str| in_query(push, name).unwrap_or_default();
        let secret = link
            .secret("app_secret")
            .ok_or_else(|| Refusal::Unsigned("this source has no `app_secret`".to_owned()))?;
        let signed = md5_of(&[secret.expose_secret(), &part("timestamp")]);
        let given = leadloop_connector_api::signature::secret_fits(
            &part("sign").to_ascii_lowercase(),
            &signed.into(),
        );
        if !given {
            return Err(Refusal::Unsigned("`sign` does not fit: the appSecret differs".to_owned()));
        }
        let mut received =
            Received { answer: Some(Answer::with_body(200, "text/plain", "OK")), ..Received::default() };
        let channel = part("channelId");
        if link.list("channels").any(|known| known == channel) {
            received.hints = vec![format!("enroll/{channel}"), format!("viewlog/{channel}")];
        } else {
            received.ignore(FOREIGN);
        }
        Ok(received)
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        match operations.first() {
            Some(Operation::Changes { object, cursor }) => Ok(lists::read(link, object, cursor, moment.now)),
            other => Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        }
    }
}

/// The MD5 of texts, one after the other, in lower case.
fn md5_of(parts: &[&str]) -> String {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
