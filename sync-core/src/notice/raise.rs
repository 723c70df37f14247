//! Something happened: who is told, through which channel, in which words, and when.

use std::collections::BTreeMap;

use jiff::civil::Time;
use serde_json::{Value as Json, json};

use super::{AnswerLink, Attachment, Audience, Channel, Event, Notice, Sending};
use crate::because::{Language, Reason};
use crate::case::Case;
use crate::effect::Effect;
use crate::handoff::Handoff;
use crate::ids::{DeliveryId, PersonKey};
use crate::lead::Lead;
use crate::moment::Moment;
use crate::outbox::{Delivery, DeliveryState, Lane, Operation, Purpose};
use crate::policy::Policy;
use crate::time::{Micros, Timestamp};
use crate::{matching, tell};

/// The alarm of people who cannot be reached.
const UNREACHED: &str = "LL4600";

/// Something that happened about a lead.
pub(crate) struct Happened<'a> {
    /// What.
    pub(crate) event: Event,
    /// About what, uniquely: the same thing is told once.
    pub(crate) thing: String,
    /// On which hand-over.
    pub(crate) handoff: Option<&'a Handoff>,
    /// Whose it is, where that is not the hand-over's owner.
    pub(crate) owner: Option<PersonKey>,
    /// Only this audience of people is meant (`owner`, `manager`), besides groups and addresses.
    pub(crate) only: Option<Audience>,
    /// More names for the templates.
    pub(crate) facts: Vec<(&'static str, Json)>,
}

impl<'a> Happened<'a> {
    /// Something about a hand-over.
    pub(crate) fn of(event: Event, handoff: &'a Handoff) -> Self {
        let thing = handoff.id.uuid().simple().to_string();
        Self { event, thing, handoff: Some(handoff), owner: None, only: None, facts: Vec::new() }
    }

    /// Adds a name for the templates.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        self.facts.push((name, value.into()));
        self
    }
}

/// One receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Receiver {
    /// Unique within the event.
    key: String,
    /// Their address; none where they have none for this channel.
    address: Option<String>,
    person: Option<PersonKey>,
    group: bool,
}

/// Tells everybody whom the config names. Nothing happens twice for the same thing.
pub(crate) fn raise(case: &mut Case<'_>, happened: &Happened<'_>) {
    let policy = case.policy;
    let owner = happened.owner.clone().or_else(|| {
        happened.handoff.and_then(|handoff| handoff.owner.as_ref()).and_then(|owner| owner.person.clone())
    });
    let mut told = false;
    let sends: Vec<(&Channel, &Sending)> = sendings(policy, happened);
    for (channel, sending) in sends {
        for receiver in receivers(policy, channel, sending, happened, owner.as_ref(), case.now()) {
            told |= tell_one(case, happened, owner.as_ref(), channel, sending, &receiver);
        }
    }
    if told {
        case.say(Reason::new("noticed").with("event", happened.event.as_str()));
    }
}

/// What is sent on an event. A step of a response time names a person to be told: where no channel says how, they are
/// told as the owner is told of a new lead.
fn sendings<'p>(policy: &'p Policy, happened: &Happened<'_>) -> Vec<(&'p Channel, &'p Sending)> {
    let on = |event: Event| {
        policy.notices.channels.iter().flat_map(move |channel| {
            channel.sends.iter().filter(move |sending| sending.on.contains(&event)).map(move |s| (channel, s))
        })
    };
    let fits = |sending: &Sending| match (&happened.only, &sending.to) {
        (None, _) | (_, Audience::Group | Audience::Addresses(_)) => true,
        (Some(only), to) => only == to,
    };
    let mut found: Vec<_> = on(happened.event).filter(|(_, sending)| fits(sending)).collect();
    let personal =
        |(_, sending): &(&Channel, &Sending)| !matches!(sending.to, Audience::Group | Audience::Addresses(_));
    if happened.only.is_some() && !found.iter().any(personal) {
        found.extend(on(Event::HandedOver).filter(|(_, sending)| sending.to == Audience::Owner));
    }
    found
}

fn receivers(
    policy: &Policy,
    channel: &Channel,
    sending: &Sending,
    happened: &Happened<'_>,
    owner: Option<&PersonKey>,
    now: Timestamp,
) -> Vec<Receiver> {
    let person = |key: &PersonKey| Receiver {
        key: key.0.clone(),
        address: address_of(policy, channel, key),
        person: Some(key.clone()),
        group: false,
    };
    let known = owner.and_then(|key| policy.people.get(key));
    let away = owner.and_then(|key| matching::on_leave(policy, key, now));
    let deputy = away
        .and_then(|leave| leave.deputy.clone())
        .or_else(|| known.and_then(|person| person.deputy.clone()));
    let to = match (&happened.only, &sending.to) {
        (Some(only), Audience::Owner) => only,
        (_, to) => to,
    };
    match to {
        Audience::Owner => {
            owner.into_iter().cloned().chain(away.and(deputy)).map(|key| person(&key)).collect()
        }
        Audience::Manager => known.and_then(|known| known.manager.as_ref()).map(person).into_iter().collect(),
        Audience::Deputy => deputy.as_ref().map(person).into_iter().collect(),
        Audience::Sdr => {
            happened.handoff.and_then(|handoff| handoff.desk.as_ref()).map(person).into_iter().collect()
        }
        Audience::Group => vec![group()],
        Audience::Addresses(addresses) => addresses.iter().map(|address| plain(address)).collect(),
    }
}

fn group() -> Receiver {
    Receiver { key: "group".to_owned(), address: Some(String::new()), person: None, group: true }
}

fn plain(address: &str) -> Receiver {
    Receiver { key: address.to_owned(), address: Some(address.to_owned()), person: None, group: false }
}

/// A person's address at a channel.
fn address_of(policy: &Policy, channel: &Channel, person: &PersonKey) -> Option<String> {
    if channel.address == "key" {
        return Some(person.0.clone());
    }
    let known = policy.people.get(person)?;
    known.addresses.get(&channel.address).filter(|address| !address.trim().is_empty()).cloned()
}

/// Tells one receiver, or who stands in for the channel. Whether somebody was told.
fn tell_one(
    case: &mut Case<'_>,
    happened: &Happened<'_>,
    owner: Option<&PersonKey>,
    channel: &Channel,
    sending: &Sending,
    receiver: &Receiver,
) -> bool {
    let policy = case.policy;
    let mut via = channel;
    let mut address = receiver.address.clone();
    if address.is_none()
        && let Some(person) = &receiver.person
        && let Some(other) = channel.fallback.as_ref().and_then(|link| policy.notices.channel(link))
    {
        via = other;
        address = address_of(policy, other, person);
    }
    let Some(to) = address else {
        case.say(Reason::new("not_reachable").with("person", &receiver.key).with("channel", &channel.link));
        let detail = format!(
            "{} has no `{}` in the people table, so `{}` cannot tell them anything",
            receiver.key, channel.address, channel.link
        );
        case.alarm(format!("unreached/{}/{}", channel.link, receiver.key), UNREACHED, detail, true);
        return false;
    };
    let facts = facts(case, happened, owner, receiver);
    let (title, text) = via.words.say(happened.event, receiver.group, &facts, policy.language);
    let id: DeliveryId = case.moment.id();
    let mut notice = Notice {
        id: id.to_string(),
        event: happened.event.as_str().to_owned(),
        title,
        text,
        button: button(policy.language, happened.event).to_owned(),
        ..Notice::default()
    };
    if !receiver.group {
        notice.parts = parts(&facts, &notice.title, happened, case.moment.now, policy);
        notice.link = link_of(case, happened, sending, receiver);
    }
    let mut delivery = delivery_of(
        via,
        sending,
        happened.event,
        &happened.thing,
        receiver,
        to,
        notice,
        id,
        case.moment.now,
        policy,
    );
    delivery.lead = Some(case.lead.id);
    delivery.handoff = happened.handoff.map(|handoff| handoff.id);
    case.push(Effect::Enqueue(Box::new(delivery)));
    true
}

fn link_of(
    case: &Case<'_>,
    happened: &Happened<'_>,
    sending: &Sending,
    receiver: &Receiver,
) -> Option<AnswerLink> {
    let wanted = sending.link && case.policy.notices.linked && receiver.person.is_some();
    let handoff = happened.handoff.filter(|_| wanted)?;
    let until = case.moment.now + case.policy.handoff.link_for;
    let desk = happened.event == Event::AtDesk;
    Some(AnswerLink { handoff: handoff.id, person: receiver.person.clone(), until, desk })
}

fn button(language: Language, event: Event) -> &'static str {
    match (language, event) {
        (Language::Zh, Event::AtDesk) => "去确认",
        (Language::En, Event::AtDesk) => "Confirm",
        (Language::Zh, _) => "去反馈",
        (Language::En, _) => "Answer",
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one delivery, put together in one place")]
fn delivery_of(
    channel: &Channel,
    sending: &Sending,
    event: Event,
    thing: &str,
    receiver: &Receiver,
    to: String,
    notice: Notice,
    id: DeliveryId,
    now: Timestamp,
    policy: &Policy,
) -> Delivery {
    let hot = matches!(event, Event::HandedOver | Event::AtDesk | Event::Overdue);
    let due_at = when(channel, sending, now, policy);
    // What waits to be put together with others is not held up by them.
    let stream = match sending.digest {
        Some(_) => format!("notice/{}/{id}", receiver.key),
        None => format!("notice/{}", receiver.key),
    };
    Delivery {
        id,
        seq: 0,
        link: channel.link.clone(),
        stream,
        lane: if hot { Lane::Hot } else { Lane::Normal },
        purpose: Purpose::Notice,
        operation: Operation::Notify { to, notice: Box::new(notice) },
        lead: None,
        handoff: None,
        state: DeliveryState::Due,
        due_at,
        attempt: 0,
        probe: None,
        created_at: now,
        joined: None,
        standing: Some(format!("notice/{}/{}/{thing}/{}", channel.link, event.as_str(), receiver.key)),
        run: None,
    }
}

/// When it may be sent: at the next digest, and never in quiet hours.
fn when(channel: &Channel, sending: &Sending, now: Timestamp, policy: &Policy) -> Timestamp {
    let mut at = now;
    if let Some(every) = sending.digest.filter(|every| every.0 > 0) {
        let midnight =
            now.in_zone(&policy.zone).start_of_day().map_or(Timestamp(0), |day| day.timestamp().into());
        let passed = (now - midnight).0.div_euclid(every.0);
        at = midnight + Micros((passed + 1).saturating_mul(every.0));
    }
    match channel.quiet.filter(|_| !sending.at_once) {
        Some(quiet) => after_quiet(quiet, at, policy),
        None => at,
    }
}

/// The end of the quiet hours that `at` lies in, else `at`.
fn after_quiet((from, to): (Time, Time), at: Timestamp, policy: &Policy) -> Timestamp {
    let zoned = at.in_zone(&policy.zone);
    let wall = zoned.time();
    let within = if from <= to { from <= wall && wall < to } else { wall >= from || wall < to };
    if !within {
        return at;
    }
    let day = zoned.date();
    let day = if from > to && wall >= from { day.tomorrow().unwrap_or(day) } else { day };
    day.at(to.hour(), to.minute(), 0, 0)
        .to_zoned(policy.zone.clone())
        .map_or(at, |end| Timestamp::from(end.timestamp()).max(at))
}

/// The names of the templates.
fn facts(case: &Case<'_>, happened: &Happened<'_>, owner: Option<&PersonKey>, receiver: &Receiver) -> Json {
    let policy = case.policy;
    let name = |key: Option<&PersonKey>| {
        key.map_or(String::new(), |key| {
            policy.people.get(key).map_or_else(|| key.0.clone(), |p| p.name.clone())
        })
    };
    let handoff = happened.handoff;
    let owner_name = match (owner, handoff.and_then(|handoff| handoff.owner.as_ref())) {
        (None, Some(owner)) => owner.crm_user.clone(),
        (owner, _) => name(owner),
    };
    let mut facts = json!({
        "lead": lead(case.lead, receiver.group),
        "owner": { "name": owner_name },
        "previous": { "name": "" },
        "to": { "name": name(receiver.person.as_ref()) },
        "handoff": {
            "id": handoff.map_or(String::new(), |handoff| handoff.id.to_string()),
            "rule": handoff.and_then(|handoff| handoff.rule.clone()).unwrap_or_default(),
            "due": handoff.and_then(|handoff| handoff.due).map_or(String::new(), |due| clock(due, policy)),
            "recycled": case.lead.recycled,
        },
        "brief": handoff.filter(|_| !receiver.group).map_or(String::new(), |handoff| tell::brief_text(case, handoff)),
        "touch": "", "clock": "", "step": "", "tag": "", "remark": "", "count": 1, "items": [], "report": "",
        "desk": { "until": "" },
    });
    for (name, value) in &happened.facts {
        set(&mut facts, name, value.clone());
    }
    facts
}

/// Sets a name, `a.b` within its group.
fn set(facts: &mut Json, name: &str, value: Json) {
    match name.split_once('.') {
        Some((group, field)) => {
            if let Some(group) = facts.get_mut(group).and_then(Json::as_object_mut) {
                group.insert(field.to_owned(), value);
            }
        }
        None => {
            if let Some(facts) = facts.as_object_mut() {
                facts.insert(name.to_owned(), value);
            }
        }
    }
}

/// What is said of a lead; in a group nothing that tells who it is.
fn lead(lead: &Lead, group: bool) -> Json {
    let text = |name: &str| lead.text(name).unwrap_or_default().to_owned();
    let open = json!({ "province": text("province"), "channel": lead.origin.channel });
    if group {
        return open;
    }
    json!({
        "name": text("name"), "company": text("company"), "title": text("title"), "phone": text("phone"),
        "email": text("email"), "province": text("province"), "requirement": text("requirement"),
        "channel": lead.origin.channel, "tags": lead.tags.iter().cloned().collect::<Vec<_>>().join(", "),
    })
}

/// A time as people read it.
pub(crate) fn clock(at: Timestamp, policy: &Policy) -> String {
    at.in_zone(&policy.zone).strftime("%Y-%m-%d %H:%M").to_string()
}

fn parts(
    facts: &Json,
    title: &str,
    happened: &Happened<'_>,
    now: Timestamp,
    policy: &Policy,
) -> BTreeMap<String, String> {
    let at = |path: &str| {
        let found = path.split('.').try_fold(facts, |json, name| json.get(name));
        found.and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    let number = happened.handoff.map_or(String::new(), |handoff| {
        handoff.id.uuid().simple().to_string().chars().rev().take(8).collect::<String>()
    });
    [
        ("title", title.to_owned()),
        ("company", at("lead.company")),
        ("name", at("lead.name")),
        ("owner", at("owner.name")),
        ("requirement", at("lead.requirement")),
        ("channel", at("lead.channel")),
        ("due", at("handoff.due")),
        ("time", clock(now, policy)),
        ("event", happened.event.as_str().to_owned()),
        ("tag", at("tag")),
        ("remark", at("remark")),
        ("number", number),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// A failed message through another channel: the same words under the other's address.
pub(crate) fn in_place_of(failed: &Delivery, policy: &Policy, moment: &mut Moment) -> Option<Delivery> {
    let Operation::Notify { notice, .. } = &failed.operation else { return None };
    let channel = policy.notices.channel(&failed.link)?;
    let other = channel.fallback.as_ref().and_then(|link| policy.notices.channel(link))?;
    let standing = failed.standing.as_deref()?;
    let rest = standing.strip_prefix("notice/")?.strip_prefix(channel.link.as_str())?;
    let receiver = rest.rsplit('/').next().unwrap_or_default();
    let to = match (receiver, other.address.as_str()) {
        ("group", "group") => String::new(),
        ("group", _) => return None,
        (key, _) => address_of(policy, other, &PersonKey::from(key))?,
    };
    let id: DeliveryId = moment.id();
    let mut notice = notice.clone();
    notice.id = id.to_string();
    Some(Delivery {
        id,
        seq: 0,
        link: other.link.clone(),
        stream: failed.stream.clone(),
        operation: Operation::Notify { to, notice },
        state: DeliveryState::Due,
        due_at: moment.now,
        attempt: 0,
        probe: None,
        created_at: moment.now,
        joined: None,
        standing: Some(format!("notice/{}{rest}", other.link)),
        ..failed.clone()
    })
}

/// Something that is about no single lead: an alarm, a digest, a report.
#[derive(Clone, Debug, Default)]
pub struct Announcement {
    /// Unique: the same is told once.
    pub thing: String,
    /// Only to this person (and to groups and addresses where `person` is none).
    pub person: Option<PersonKey>,
    /// Names for the templates.
    pub facts: Json,
    /// The same as HTML, for mail.
    pub html: Option<String>,
    /// Files, for mail.
    pub files: Vec<Attachment>,
}

/// Tells people of something that is about no single lead.
#[must_use]
pub fn announce(event: Event, said: &Announcement, policy: &Policy, moment: &mut Moment) -> Vec<Effect> {
    let mut effects = Vec::new();
    for channel in &policy.notices.channels {
        for sending in channel.sends.iter().filter(|sending| sending.on.contains(&event)) {
            let receivers: Vec<Receiver> = match (&sending.to, &said.person) {
                (Audience::Group, None) => vec![group()],
                (Audience::Addresses(addresses), None) => {
                    addresses.iter().map(|address| plain(address)).collect()
                }
                (Audience::Manager | Audience::Owner, Some(person)) => {
                    let address = address_of(policy, channel, person);
                    vec![Receiver {
                        key: person.0.clone(),
                        address,
                        person: Some(person.clone()),
                        group: false,
                    }]
                }
                _ => Vec::new(),
            };
            for receiver in receivers {
                let Some(to) = receiver.address.clone() else { continue };
                let (title, text) = channel.words.say(event, receiver.group, &said.facts, policy.language);
                let id: DeliveryId = moment.id();
                let whole = !receiver.group;
                let notice = Notice {
                    id: id.to_string(),
                    event: event.as_str().to_owned(),
                    parts: BTreeMap::from([
                        ("title".to_owned(), title.clone()),
                        ("time".to_owned(), clock(moment.now, policy)),
                        ("event".to_owned(), event.as_str().to_owned()),
                    ]),
                    title,
                    text,
                    html: said.html.clone().filter(|_| whole),
                    files: if whole { said.files.clone() } else { Vec::new() },
                    ..Notice::default()
                };
                let delivery = delivery_of(
                    channel,
                    sending,
                    event,
                    &said.thing,
                    &receiver,
                    to,
                    notice,
                    id,
                    moment.now,
                    policy,
                );
                effects.push(Effect::Enqueue(Box::new(delivery)));
            }
        }
    }
    effects
}
