//! Sensors Analytics 神策: its SDKs send to leadloop as they send to their own server, and see success.
//!
//! `wire` unpacks what a client sent (forms, base64, gzip, images), `event` makes records of it, `people` says who it
//! was. Clients retry for ever what is refused, so everything but a store that is down is answered 200; what cannot be
//! read waits in quarantine.

mod event;
mod people;
mod wire;

use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{Claim, Connector, Judge, Link, Push, Received, Refusal, Registered, manifest};

use secrecy::ExposeSecret as _;

use crate::reading::TOO_LARGE;
use crate::reading::uba::open_to_pages;

/// The connector of Sensors Analytics.
struct Sensors;

inventory::submit! { Registered(&Sensors) }

/// Headers that its clients may send from a page.
const HEADERS: &str = "content-type, dry-run";
/// One transparent pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

impl Connector for Sensors {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let keys = settings.values.iter().filter_map(|(key, value)| {
            Some((key.strip_prefix("identities.")?, value.as_text().unwrap_or_default()))
        });
        keys.filter(|(_, kind)| !people::KINDS.contains(kind))
            .map(|(key, kind)| {
                let kinds = people::KINDS.join(", ");
                let mut problem =
                    Problem::new("identities", ProblemKind::NotAllowed, format!("{kind:?} is no identifier"))
                        .zh(format!("{kind:?} 不是可用的标识"))
                        .with_help(format!("one of: {kinds}"))
                        .zh_help(format!("可选：{kinds}"));
                problem.path.push(key.to_owned());
                problem
            })
            .collect()
    }

    fn claims(&self, link: &Link, push: &Push) -> Option<Claim> {
        matches!(push.path.as_str(), "sa" | "sa.gif" | "debug").then(|| {
            let project = wire::in_query(push, "project");
            let mine = project.as_deref().unwrap_or("default") == project_of(link);
            if mine { Claim::Mine } else { Claim::Maybe }
        })
    }

    fn preflight(&self, _: &Link, push: &Push) -> Answer {
        let answer = Answer { status: 204, headers: vec![], body: vec![] };
        open_to_pages(answer, push.header("origin"), HEADERS)
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        receive(link, push, None)
    }

    fn receive_judged(&self, link: &Link, push: &Push, judge: &mut dyn Judge) -> Result<Received, Refusal> {
        receive(link, push, Some(judge))
    }

    fn canary(&self, link: &Link, canary: &Canary) -> Option<Push> {
        let millis = canary.at.0.div_euclid(1_000);
        let body = serde_json::json!([{ "type": "profile_set", "distinct_id": canary.id, "time": millis, "_flush_time": millis,
            "properties": canary.json() }]);
        let mut push = canary.post("sa", &body);
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("project", project_of(link));
        if let Some(token) = link.secret("token") {
            pairs.append_pair("token", token.expose_secret());
        }
        push.query = pairs.finish();
        Some(push)
    }
}

fn receive(link: &Link, push: &Push, judge: Option<&mut dyn Judge>) -> Result<Received, Refusal> {
    let door = Door::of(push)?;
    let unpacked = wire::unpacked(push).map_err(|refusal| door.refuse(push, refusal))?;
    let events = match &unpacked {
        None if push.body.is_empty() && push.query.is_empty() => {
            return Err(Refusal::Handshake(Box::new(door.answer(push)))); // somebody looks whether we are there
        }
        None => vec![],
        Some(unpacked) => wire::events(unpacked).map_err(|refusal| door.refuse(push, refusal))?,
    };
    let mut received = event::read_all(link, push, &events, judge);
    if door == Door::Debug && push.header("dry-run").is_some_and(|dry| dry.trim() == "true") {
        // only a check: what would be taken is said, nothing is kept
        let wrong = received.unreadable.first().map(|record| record.detail.clone());
        return Err(Refusal::Handshake(Box::new(door.verdict(push, wrong))));
    }
    received.answer = Some(door.answer(push));
    Ok(received)
}

fn project_of(link: &Link) -> &str {
    link.text("project").unwrap_or("default")
}

/// Where a push came in.
#[derive(Clone, Copy, PartialEq)]
enum Door {
    Events,
    Image,
    Debug,
}

impl Door {
    fn of(push: &Push) -> Result<Self, Refusal> {
        let last = push.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        match last {
            "sa.gif" if push.method == Method::Get => Ok(Door::Image),
            "" | "sa" | "sa.gif" => Ok(Door::Events),
            "debug" => Ok(Door::Debug),
            // The vendor's app also asks for its settings there; it goes on without them.
            _ => Err(Refusal::Handshake(Box::new(Answer::with_body(404, "text/plain", "")))),
        }
    }

    fn answer(self, push: &Push) -> Answer {
        let answer = match self {
            Door::Events => Answer { status: 200, headers: vec![], body: vec![] },
            Door::Image => Answer::with_body(200, "image/gif", PIXEL),
            Door::Debug => Answer::with_body(200, "application/json", "{}"),
        };
        open_to_pages(answer, push.header("origin"), HEADERS)
    }

    /// What the debug mode of an SDK shows its developer.
    fn verdict(self, push: &Push, wrong: Option<String>) -> Answer {
        match wrong {
            None => self.answer(push),
            Some(wrong) => open_to_pages(
                Answer::with_body(400, "text/plain; charset=utf-8", wrong),
                push.header("origin"),
                HEADERS,
            ),
        }
    }

    /// A body that nobody can read is kept and parked; the client is told only where telling does no harm.
    fn refuse(self, push: &Push, refusal: Refusal) -> Refusal {
        let answer = match &refusal {
            Refusal::Unreadable { code: TOO_LARGE, detail } => self.verdict(push, Some(detail.clone())),
            Refusal::Unreadable { detail, .. } if self == Door::Debug => {
                self.verdict(push, Some(detail.clone()))
            }
            _ => self.answer(push),
        };
        let too_large = matches!(&refusal, Refusal::Unreadable { code: TOO_LARGE, .. });
        refusal.answered(Answer { status: if too_large { 413 } else { answer.status }, ..answer })
    }
}

#[cfg(test)]
mod tests;
