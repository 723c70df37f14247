//! The MA hears where its people stand: stage, owner, answer, tags, track and whether it may write to them, whenever one
//! of them changes.
//!
//! Used by every verb that changes a lead. What an MA is told is in pool words; its connector knows its own. Deliveries of
//! one person to one MA are said in order.

use std::collections::BTreeSet;

use leadloop_mapping::{Record, Value};

use crate::effect::Effect;
use crate::facts;
use crate::ids::{DeliveryId, LeadId, LinkName};
use crate::lead::{Lead, Stage};
use crate::moment::Moment;
use crate::outbox::{Delivery, DeliveryState, Lane, Operation, Purpose};
use crate::policy::{MaPolicy, Policy};

/// The stream of what one MA hears about one lead.
#[must_use]
pub fn stream(lead: LeadId, link: &LinkName) -> String {
    format!("lead/{}/{link}", lead.uuid().simple())
}

/// What the MAs that know the person are to be told, given how the lead was and how it is.
#[must_use]
pub fn changes(before: Option<&Lead>, after: &Lead, policy: &Policy, moment: &mut Moment) -> Vec<Effect> {
    let mut effects = Vec::new();
    for ma in policy.mas.values() {
        let known: BTreeSet<String> = before.map(|lead| ids(lead, &ma.link)).unwrap_or_default();
        for id in ids(after, &ma.link) {
            // An id the lead did not have before knows nothing yet: it is told all there is.
            let record = if known.contains(&id) {
                differences(before, after, ma, policy)
            } else {
                differences(None, after, ma, policy)
            };
            if record.is_empty() {
                continue;
            }
            let delivery: DeliveryId = moment.id();
            effects.push(Effect::Enqueue(Box::new(Delivery {
                id: delivery,
                seq: 0,
                link: ma.link.clone(),
                stream: stream(after.id, &ma.link),
                lane: Lane::Normal,
                purpose: Purpose::Inform,
                operation: Operation::Tell { id, record },
                lead: Some(after.id),
                handoff: None,
                state: DeliveryState::Due,
                due_at: moment.now,
                attempt: 0,
                probe: None,
                created_at: moment.now,
                joined: None,
                standing: None,
                run: None,
            })));
        }
    }
    effects
}

/// The person's ids at an MA.
pub(crate) fn ids(lead: &Lead, link: &LinkName) -> BTreeSet<String> {
    let of_link = lead.identifiers.iter().filter(|identifier| identifier.kind.0 == "ma_id");
    of_link
        .filter_map(|identifier| identifier.value.strip_prefix(link.as_str())?.strip_prefix('/'))
        .map(str::to_owned)
        .collect()
}

/// What the MA wants to hear of what differs. For a lead it knows nothing of, a raw one without track and tags is nothing
/// new.
fn differences(before: Option<&Lead>, after: &Lead, ma: &MaPolicy, policy: &Policy) -> Record {
    let was = before.map(|lead| told(lead, ma, policy)).unwrap_or_else(|| {
        let free = facts::PURPOSES.iter().filter(|purpose| **purpose != "transfer");
        let free = free.map(|purpose| (format!("may_{purpose}"), Value::Bool(true)));
        free.collect::<Record>().with("stage", "raw").with("quiet", false)
    });
    let mut record = told(after, ma, policy);
    record.0.retain(|name, value| was.get(name).cloned().unwrap_or_default() != *value);
    record
}

/// All that an MA is told of a lead; what is not there is null, so that it can be taken back.
fn told(lead: &Lead, ma: &MaPolicy, policy: &Policy) -> Record {
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    let mut record = Record::new();
    let gives = |what: &str| ma.gives.contains(what);
    if gives("stage") {
        record.set("stage", lead.stage.as_str());
    }
    if gives("owner") {
        let owner = lead.owner.as_ref();
        let person = owner.and_then(|owner| owner.person.as_ref());
        let named = person.and_then(|key| policy.people.get(key)).map(|person| person.name.as_str());
        let fallback =
            owner.map(|owner| owner.person.as_ref().map_or(owner.crm_user.as_str(), |key| key.as_str()));
        record.set("owner", text(named.or(fallback)));
    }
    if gives("feedback") {
        record.set("feedback", text(lead.feedback.as_deref()));
    }
    if gives("tags") && !lead.tags.is_empty() {
        let tags = lead.tags.iter().map(|tag| Value::text(tag.as_str()));
        record.set("tags", Value::List(tags.collect()));
    }
    if gives("track") {
        // A track of another MA is none of this one's business.
        let track = lead.track.as_ref().and_then(|name| policy.tracks.get(name));
        let own = track.filter(|track| track.ma == ma.link);
        record.set("track", text(own.map(|track| track.name.as_str())));
        record.set("segment", text(own.map(|track| track.segment.as_str())));
    }
    if !ma.quiet_while.is_empty() {
        record.set("quiet", is_quiet(lead.stage, ma));
    }
    // Whether it may write to the person is not for the MA to choose to hear.
    for purpose in facts::PURPOSES.iter().filter(|purpose| **purpose != "transfer") {
        if policy.consent.others.contains_key(*purpose) || lead.consent.contains_key(*purpose) {
            record.set(format!("may_{purpose}"), policy.consent.allows(lead, purpose));
        }
    }
    record
}

fn is_quiet(stage: Stage, ma: &MaPolicy) -> bool {
    ma.quiet_while.contains(&stage)
}
