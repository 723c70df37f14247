//! What the cases of the loop need for notices, the answer page and the desk: channels from a line of text, answers as the
//! page makes them, and what was told to whom.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::expr::{Expected, Expr, Schema};
use leadloop_sync_core::answer_page::{self, Said};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::desk::DeskPolicy;
use leadloop_sync_core::facts::{self, Declared, Group};
use leadloop_sync_core::ids::{LinkName, PersonKey};
use leadloop_sync_core::notice::{Audience, Channel, Event, NoticePolicy, Sending, Words};
use leadloop_sync_core::outbox::{DeliveryState, Operation, Outcome, Purpose};
use leadloop_sync_core::policy::{ANSWERS, Length, Policy};
use leadloop_sync_core::time::Micros;

use super::{Play, Settings};
use crate::support::model::Model;

/// Puts channels, desk and the home of hand-overs into a policy.
pub(super) fn set_up(policy: &mut Policy, settings: &Settings) {
    for person in policy.people.values_mut() {
        let key = person.key.0.clone();
        person.manager = (key != "sun.hao").then(|| PersonKey::from("sun.hao"));
        if !settings.unreachable.contains(&key) {
            person.addresses.insert("mail".to_owned(), format!("{key}@shili.example"));
            person.addresses.insert("wecom_id".to_owned(), key.clone());
        }
    }
    let channels = settings.channels.iter().map(|line| channel(line, settings)).collect();
    policy.notices = NoticePolicy { channels, linked: true, ..NoticePolicy::default() };
    match settings.crm.as_deref() {
        Some("none") => {
            policy.crms.clear();
            policy.handoff.link = Some(LinkName::from(ANSWERS));
            for person in policy.people.values_mut() {
                person.crm_user.insert(LinkName::from(ANSWERS), person.key.0.clone());
            }
        }
        Some("when_accepted") => policy.handoff.when_accepted = true,
        None => {}
        Some(other) => panic!("`{other}` is no home of hand-overs"),
    }
    if let Some(when) = &settings.desk {
        let schema = facts::schema_of(
            Schema::builder(),
            &Declared::default(),
            &[Group::Lead, Group::Company, Group::Score],
        );
        let when = Expr::compile(when, &schema.build(), Expected::Bool).expect("a condition");
        policy.desk = Some(DeskPolicy {
            team: "inside_sales".to_owned(),
            when: Some(when),
            fill: vec!["requirement".to_owned(), "first_channel".to_owned()],
            answer_within: Some(Length::Working(Micros::hours(4))),
            track: Some("nurture".to_owned()),
        });
    }
    if let Some(rule) = policy.feedback.get_mut("lost_to_competitor") {
        rule.ask = vec!["competitor".to_owned()];
    }
}

/// `wecom by wecom_id else mail: on handed_over to owner`
fn channel(line: &str, settings: &Settings) -> Channel {
    let (head, rest) = line.split_once(": on ").expect("a channel says what it sends");
    let (on, to) = rest.split_once(" to ").expect("a channel says to whom");
    let mut words = head.split(' ');
    let name = words.next().expect("a name");
    let (mut address, mut fallback) = ("mail", None);
    while let (Some(word), Some(value)) = (words.next(), words.next()) {
        match word {
            "by" => address = value,
            "else" => fallback = Some(LinkName::from(value)),
            other => panic!("`{other}` says nothing of a channel"),
        }
    }
    let (to, link) = to.strip_suffix(" with link").map_or((to, false), |to| (to, true));
    let to = match to {
        "owner" => Audience::Owner,
        "manager" => Audience::Manager,
        "sdr" => Audience::Sdr,
        "group" => Audience::Group,
        address => Audience::Addresses(vec![address.to_owned()]),
    };
    let on: BTreeSet<Event> = on.split(", ").map(|name| Event::parse(name).expect("an event")).collect();
    let quiet = settings.quiet.as_deref().map(|text| {
        let (from, to) = text.split_once('-').expect("two times");
        let read = |text: &str| {
            let (hour, minute) = text.split_once(':').expect("a time");
            jiff::civil::time(hour.parse().expect("an hour"), minute.parse().expect("a minute"), 0, 0)
        };
        (read(from), read(to))
    });
    Channel {
        link: LinkName::from(name),
        address: address.to_owned(),
        sends: vec![Sending { on, to, link, digest: None, at_once: false }],
        fallback,
        repeatable: false,
        quiet,
        retry: Default::default(),
        words: Words::of(Language::Zh, &[]),
    }
}

fn notices(model: &Model) -> impl Iterator<Item = (&leadloop_sync_core::outbox::Delivery, &str, &str)> {
    model.deliveries.iter().filter(|delivery| delivery.purpose == Purpose::Notice).map(|delivery| {
        let Operation::Notify { to, notice } = &delivery.operation else { panic!("a notice says something") };
        (delivery, to.as_str(), notice.event.as_str())
    })
}

/// What was told, in order: `handed_over>li.na@shili.example`.
pub(super) fn told(model: &Model) -> String {
    let done = notices(model).filter(|(delivery, ..)| delivery.state == DeliveryState::Settled);
    done.map(|(delivery, to, event)| line(delivery.link.as_str(), to, event)).collect::<Vec<_>>().join(" ")
}

/// What waits to be told.
pub(super) fn telling(model: &Model) -> String {
    let due = notices(model).filter(|(delivery, ..)| delivery.state != DeliveryState::Settled);
    due.map(|(delivery, to, event)| line(delivery.link.as_str(), to, event)).collect::<Vec<_>>().join(" ")
}

fn line(link: &str, to: &str, event: &str) -> String {
    let who = to.split('@').next().unwrap_or_default();
    format!("{link}:{event}>{}", if who.is_empty() { "group" } else { who })
}

impl Play {
    /// Opens the page of the latest hand-over as somebody, and answers.
    pub(super) fn page(&mut self, given: &BTreeMap<String, String>) {
        let get = |name: &str| given.get(name).cloned().unwrap_or_default();
        let handoff = self.model.handoff(self.lead).expect("a hand-over").id;
        let person = Some(get("by")).filter(|by| !by.is_empty()).map(|by| PersonKey::from(by.as_str()));
        let desk = given.contains_key("desk");
        let policy = self.model.policy.clone();
        let mut moment = self.model.moment.clone();
        let book = &self.model.book;
        let view =
            answer_page::view(book, handoff, person.as_ref(), desk, Language::Zh, &policy, &mut moment)
                .expect("a page");
        self.page_standing = format!("{:?}", view.standing).to_lowercase();
        let said = Said {
            answer: if desk { get("desk") } else { get("tag") },
            remark: get("remark"),
            track: get("track"),
            fields: given
                .iter()
                .filter_map(|(name, value)| Some((name.strip_prefix("field.")?.to_owned(), value.clone())))
                .collect(),
        };
        if said.answer.is_empty() || !matches!(self.page_standing.as_str(), "open" | "answered") {
            return;
        }
        let record = answer_page::fields(&view, &said, handoff, person.as_ref()).expect("an answer");
        let once = format!("{handoff}/{}", view.version);
        let push = self.model.moment.id();
        let captured = answer_page::capture(record, once, push, &mut self.model.moment);
        self.model.inbox.push(captured);
        self.model.listen();
    }

    /// What comes of the next message.
    pub(super) fn channel(&mut self, words: &[&str]) {
        let outcome = match words {
            ["rejects"] => Outcome::Rejected {
                field: Some("to".to_owned()),
                code: "invaliduser".to_owned(),
                detail: "nobody of that name".to_owned(),
            },
            ["is", "down"] => Outcome::Unavailable { sent: false, detail: "503".to_owned() },
            ["loses", "answer"] => Outcome::Unavailable { sent: true, detail: "timeout".to_owned() },
            ["is", "locked"] => Outcome::Unauthorized { detail: "invalid secret".to_owned() },
            other => panic!("a channel cannot `{other:?}`"),
        };
        let claimed = self.model.claim();
        let mut rest = Vec::new();
        let mut answered = false;
        for (delivery, operation) in claimed {
            if !answered && delivery.purpose == Purpose::Notice {
                answered = true;
                self.model.settle(&delivery, &outcome);
            } else {
                rest.push((delivery, operation));
            }
        }
        assert!(answered, "no message is due");
        for (delivery, operation) in rest {
            if let crate::support::crm::Seen::Outcome(outcome) = self.crm.call(&operation, self.model.now()) {
                self.model.settle(&delivery, &outcome);
            }
        }
    }
}
