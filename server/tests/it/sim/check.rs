//! What must hold when a play has come to its rest. The checks themselves are those of the core tier
//! ([`leadloop_testing::nine`]); here the database and the CRM are asked for what they need.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_testing::nine;
use serde_json::Value;

use super::plan::ALLOWED;
use super::world::World;

/// What does not hold, by the number of its property; 0: it does not come to rest.
pub(super) async fn found(world: &World) -> BTreeMap<u8, String> {
    let leads = world.crm.records("leads").await;
    let checks = [
        (0, world.restless.clone()),
        (1, captures_end_once(world).await),
        (2, one_owner(world, &leads).await),
        (3, one_record_for_each_mark(world, &leads).await),
        (4, in_order(world).await),
        (5, within_limits(world)),
        (6, comes_to_an_end(world).await),
        (7, each_its_own(world, &leads).await),
    ];
    checks.into_iter().filter_map(|(number, broken)| Some((number, broken?))).collect()
}

fn text<'a>(record: &'a Value, field: &str) -> Option<&'a str> {
    record[field].as_str().filter(|text| !text.is_empty())
}

/// Every submission that was acknowledged was kept once, and ended as one touch, or parked with a code.
async fn captures_end_once(world: &World) -> Option<String> {
    let kept = world.texts("SELECT id FROM capture").await;
    let ends = "SELECT c.id FROM touch t JOIN capture c ON c.id = t.capture WHERE c.state = 'done' UNION ALL \
        SELECT id FROM capture WHERE ending IN ('answered', 'nothing') UNION ALL \
        SELECT id FROM capture WHERE state = 'parked' AND code IS NOT NULL";
    let mut ended: BTreeMap<String, u32> = BTreeMap::new();
    for id in world.texts(ends).await {
        *ended.entry(id).or_default() += 1;
    }
    let told = world.texts("SELECT id FROM capture WHERE kind = 'touch'").await.len();
    let acknowledged = world.acknowledged.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len();
    if told != acknowledged {
        return Some(format!("{acknowledged} were acknowledged, {told} are kept"));
    }
    let all: BTreeSet<String> = kept.into_iter().collect();
    (!nine::ends_once(&all, &ended)).then(|| format!("{} were kept; ends: {ended:?}", all.len()))
}

/// Of records that no human touched, of people of whom no human said who they are: one owner for a person. With sales once,
/// whoever was merged with them.
async fn one_owner(world: &World, leads: &[Value]) -> Option<String> {
    let twice = world.open_twice().await;
    if !twice.is_empty() {
        return Some(format!("with sales more than once: {twice:?}"));
    }
    let said = world.phones_named().await;
    let leads = leads.iter().filter(|lead| text(lead, "phone").is_none_or(|phone| !said.contains(phone)));
    let ours = leads.filter(|lead| text(lead, "id").is_none_or(|id| !world.human.contains(id)));
    let ours = ours.filter(|lead| lead["converted"] != true);
    let twice =
        nine::owned_twice(ours.filter_map(|lead| Some((text(lead, "phone")?, text(lead, "owner_id")?))));
    (!twice.is_empty()).then(|| format!("{twice:?}"))
}

async fn one_record_for_each_mark(world: &World, leads: &[Value]) -> Option<String> {
    let activities = world.crm.records("activities").await;
    let of = |object, records: &[Value]| -> Vec<(&'static str, String)> {
        records.iter().filter_map(|record| Some((object, text(record, "leadloop_id")?.to_owned()))).collect()
    };
    let marks = [of("lead", leads), of("activity", &activities)].concat();
    let twice = nine::marked_twice(marks.iter().map(|(object, mark)| (*object, mark.as_str())));
    (!twice.is_empty()).then(|| format!("{twice:?}"))
}

/// Attempts are numbered as they are settled: those that brought something follow the order of making.
async fn in_order(world: &World) -> Option<String> {
    let applied = "SELECT d.stream || ' ' || printf('%012d', d.seq) FROM attempt a JOIN delivery d ON d.id = a.delivery \
        WHERE a.class IN ('done', 'joined') AND d.standing IS NULL ORDER BY a.seq";
    let applied = world.texts(applied).await;
    let parts: Vec<(&str, &str)> = applied.iter().filter_map(|one| one.rsplit_once(' ')).collect();
    (!nine::in_order(parts)).then(|| format!("{applied:?}"))
}

fn within_limits(world: &World) -> Option<String> {
    let mut sent = world.crm.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    sent.sort_unstable();
    ALLOWED.into_iter().find_map(|(allowed, seconds)| {
        let most = nine::most_within(&sent, i64::from(seconds) * 1_000_000);
        (most > allowed as usize).then(|| format!("{most} requests in {seconds} s, {allowed} are allowed"))
    })
}

/// Nothing is still being asked or told; who has it with no answer has a clock, and heard when it was over.
async fn comes_to_an_end(world: &World) -> Option<String> {
    let late = "SELECT id || ' ' || state FROM handoff h WHERE state IN ('asking', 'telling') OR state = 'with_sales' AND ( \
        due_at IS NULL OR NOT EXISTS (SELECT 1 FROM deadline d WHERE d.handoff = h.id AND d.kind = 'sla') \
        OR due_at < (SELECT max(at) FROM reason) - 60000000 \
            AND NOT EXISTS (SELECT 1 FROM reason r WHERE r.handoff = h.id AND r.body LIKE '%\"reminded\"%'))";
    let late = world.texts(late).await;
    (!late.is_empty()).then(|| format!("{late:?}"))
}

/// What is the CRM's was never written by us, and what is ours never read from it; whom sales chose stays the owner.
async fn each_its_own(world: &World, leads: &[Value]) -> Option<String> {
    let written = world.crm.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    if let Some((path, body)) = written.iter().find(|(_, body)| body.to_string().contains("\"title\"")) {
        return Some(format!("{path}: {body}"));
    }
    let read = world.texts("SELECT body FROM lead").await;
    if let Some(lead) = read.iter().find(|body| body.contains("销售写的")) {
        return Some(lead.clone());
    }
    let of = |id: &str| leads.iter().find(|lead| lead["id"] == id);
    let owner = |id: &str| of(id).map(|lead| lead["owner_id"].clone());
    let wrong =
        world.chosen.iter().find(|(id, chosen)| owner(id).is_some_and(|owner| owner != chosen.as_str()));
    wrong.map(|(id, chosen)| format!("{id} was given to {chosen} by hand, and has {:?}", owner(id)))
}

/// What is left in the end, without ids, times and whose turn it was.
pub(super) async fn rest(world: &World) -> Vec<String> {
    let mut people: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for lead in world.crm.records("leads").await {
        let of = people.entry(text(&lead, "phone").unwrap_or_default().to_owned()).or_default();
        of.0 += 1;
        of.1 += u32::from(text(&lead, "owner_id").is_some());
    }
    let notes = world.crm.records("activities").await.len();
    let mut rest = world.texts("SELECT state FROM handoff ORDER BY state").await;
    rest.extend(world.texts("SELECT kind || ' ' || state FROM capture ORDER BY kind, state").await);
    rest.push(format!("{people:?}, {notes} notes"));
    rest
}
