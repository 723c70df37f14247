//! What people are told beside single leads: alarms and their all-clear, what is overdue today, the week in numbers.
//!
//! Looked at once a minute. Each message has a standing key of its own (the alarm and its beginning, the day, the week), so
//! that several nodes and a restart tell nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};
use leadloop_store::read::handoffs::HandoffAsk;
use leadloop_store::{Stamp, StoreError, WriteLane};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::handoff::{Handoff, HandoffState};
use leadloop_sync_core::ids::PersonKey;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::notice::{Announcement, Event, announce};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::Timestamp;
use serde_json::json;

use crate::answer;
use crate::node::Node;
use crate::report;

/// Alarms looked at in one go.
const ALARMS: u32 = 100;
/// Overdue hand-overs a digest looks at.
const OVERDUE: u32 = 1_000;
/// Lines of one digest.
const LINES: usize = 50;
/// Alarms of single hand-overs: their people hear of them by name.
const OF_HANDOFFS: [&str; 2] = ["LL4209", "LL4210"];
/// The hour of the digest where the calendar has no working hours.
const DIGEST_AT: Time = Time::constant(9, 0, 0, 0);

/// What this node told today and this week: only to spare work, the keys of the messages decide.
#[derive(Default)]
pub struct Told {
    digest: Option<Date>,
    report: Option<Date>,
}

/// Tells what there is to tell.
///
/// # Errors
/// When the store cannot be reached.
pub async fn look(node: &Node, told: &mut Told) -> Result<(), StoreError> {
    // Another node may have made a new key: its links shall open here too.
    answer::load_keys(node).await?;
    let plan = node.plan();
    let policy = &plan.policy;
    let wanted: BTreeSet<Event> = policy
        .notices
        .channels
        .iter()
        .flat_map(|channel| &channel.sends)
        .flat_map(|send| send.on.clone())
        .collect();
    if wanted.contains(&Event::SystemAlarm) {
        alarms(node, policy).await?;
    }
    let wall = node.clock.now().in_zone(&policy.zone);
    let (day, time) = (wall.date(), wall.time());
    let opens = policy.calendar.hours.first().map_or(DIGEST_AT, |(from, _)| *from);
    if wanted.contains(&Event::OverdueDigest)
        && told.digest != Some(day)
        && policy.calendar.works_on(day)
        && time >= opens
    {
        digest(node, policy, day).await?;
        told.digest = Some(day);
    }
    let monday = report::monday_of(day);
    if wanted.contains(&Event::WeeklyReport)
        && told.report != Some(monday)
        && is_time(policy, wall.datetime())
    {
        let week = report::read(&node.store, policy, monday).await?;
        let said = week.announcement(policy.language);
        send(node, announce_all(Event::WeeklyReport, &[said], policy, node)).await?;
        told.report = Some(monday);
    }
    Ok(())
}

/// Whether the report of the week before is due: from its hour on, until the same hour a day later, for nodes that were not
/// there in time.
fn is_time(policy: &Policy, now: DateTime) -> bool {
    let time = policy.notices.report;
    let begins = report::monday_of(now.date()).to_datetime(time.at).checked_add(Span::new().days(time.day));
    begins.is_ok_and(|begins| {
        begins <= now && begins.checked_add(Span::new().days(1)).is_ok_and(|ends| now < ends)
    })
}

fn announce_all(event: Event, said: &[Announcement], policy: &Policy, node: &Node) -> Vec<Effect> {
    let mut moment = node.clock.moment();
    said.iter().flat_map(|said| announce(event, said, policy, &mut moment)).collect()
}

async fn send(node: &Node, effects: Vec<Effect>) -> Result<(), StoreError> {
    if effects.is_empty() {
        return Ok(());
    }
    let tx = node.store.begin(WriteLane::Hot).await?;
    let stamp = Stamp { verb: "notice", config: node.plan().hash.clone(), now: node.clock.now() };
    tx.commit(&stamp, &[Reaction { effects, ..Reaction::default() }]).await.map(|_| ())
}

async fn alarms(node: &Node, policy: &Policy) -> Result<(), StoreError> {
    let alarms = node.store.untold_alarms(ALARMS).await?;
    if alarms.is_empty() {
        return Ok(());
    }
    let said: Vec<Announcement> = alarms
        .iter()
        .filter(|alarm| !OF_HANDOFFS.contains(&alarm.code.as_str()))
        .map(|alarm| Announcement {
            thing: format!("{}-{}-{}", alarm.key.replace('/', ":"), alarm.since.0, u8::from(alarm.raised)),
            facts: json!({
                "alarm": { "code": alarm.code, "detail": alarm.detail, "raised": alarm.raised },
                "count": 1,
            }),
            ..Announcement::default()
        })
        .collect();
    send(node, announce_all(Event::SystemAlarm, &said, policy, node)).await?;
    node.store.alarms_told(&alarms).await
}

/// What is overdue: to each manager what their people owe, to groups and addresses all of it.
async fn digest(node: &Node, policy: &Policy, day: Date) -> Result<(), StoreError> {
    let now = node.clock.now();
    let ask = HandoffAsk { due_before: Some(now), limit: OVERDUE, ..HandoffAsk::default() };
    let overdue = node.store.handoffs(&ask).await?;
    if overdue.is_empty() {
        return Ok(());
    }
    let mut by_manager: BTreeMap<PersonKey, Vec<&(Handoff, Lead)>> = BTreeMap::new();
    for entry in &overdue {
        let person = match entry.0.state {
            HandoffState::AtDesk => entry.0.desk.as_ref(),
            _ => entry.0.owner.as_ref().and_then(|owner| owner.person.as_ref()),
        };
        let manager = person.and_then(|key| policy.people.get(key)).and_then(|person| person.manager.clone());
        if let Some(manager) = manager {
            by_manager.entry(manager).or_default().push(entry);
        }
    }
    let mut said: Vec<Announcement> = by_manager
        .into_iter()
        .map(|(manager, entries)| announcement(&entries, Some(manager), day, policy))
        .collect();
    said.push(announcement(&overdue.iter().collect::<Vec<_>>(), None, day, policy));
    send(node, announce_all(Event::OverdueDigest, &said, policy, node)).await
}

fn announcement(
    entries: &[&(Handoff, Lead)],
    person: Option<PersonKey>,
    day: Date,
    policy: &Policy,
) -> Announcement {
    let clock = |at: Timestamp| at.in_zone(&policy.zone).strftime("%Y-%m-%d %H:%M").to_string();
    let items: Vec<serde_json::Value> = entries
        .iter()
        .take(LINES)
        .map(|(handoff, lead)| {
            let owner = handoff.owner.as_ref().map_or("-", |owner| {
                owner.person.as_ref().map_or(owner.crm_user.as_str(), |person| person.as_str())
            });
            let name = policy.people.get(owner).map_or(owner, |person| person.name.as_str());
            let who =
                [lead.text("company"), lead.text("name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
            json!({ "owner": name, "lead": who, "due": handoff.due.map_or(String::new(), clock) })
        })
        .collect();
    Announcement {
        thing: day.to_string(),
        person,
        facts: json!({ "items": items, "count": entries.len() }),
        ..Announcement::default()
    }
}
