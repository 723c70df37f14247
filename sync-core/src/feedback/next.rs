//! The next action an answer prescribes, carried out: rest, track, close, reopen, another owner, the source's quality.

use serde_json::json;

use crate::because::{Language, Reason};
use crate::case::Case;
use crate::effect::Deadline;
use crate::handoff::{Handoff, HandoffState};
use crate::ids::{HandoffId, LeadId, PersonKey, SourceName};
use crate::lead::Stage;
use crate::policy::{Length, NextAction};
use crate::tell;
use crate::time::Timestamp;

/// How long sales may leave a return without a tag before they are asked.
const CHASE_AFTER: Length = Length::WorkingDays(1);

/// How a hand-over comes back.
pub(crate) struct Return<'n> {
    /// `Returned` by sales, or `TakenBack` by us.
    pub(crate) state: HandoffState,
    /// What the tag prescribes; none where sales gave none.
    pub(crate) next: Option<&'n NextAction>,
    /// A stage of the pool that sales set themselves.
    pub(crate) stage: Option<Stage>,
    /// The owner does not get it again within the cool-down, whatever the tag says.
    pub(crate) cool: bool,
}

/// The deadline that wakes a resting lead.
pub(crate) fn wake_key(lead: LeadId) -> String {
    format!("wake/{}", lead.uuid().simple())
}

/// The deadline that wakes a lead whose rest came to it by way of another.
pub(crate) fn wake(lead: LeadId, at: Timestamp) -> Deadline {
    let step = Wake { same_owner: false, mql_again: true }.step();
    Deadline { key: wake_key(lead), at, kind: "wake".to_owned(), step, lead, handoff: None }
}

/// The deadline that asks for a missing tag.
pub(crate) fn chase_key(handoff: HandoffId) -> String {
    format!("chase/{handoff}")
}

/// The alarm of an overdue hand-over.
pub(crate) fn overdue_key(handoff: HandoffId) -> String {
    format!("overdue/{handoff}")
}

/// The counter of answers that speak against a source.
pub(crate) fn source_key(source: &SourceName) -> String {
    format!("source/{source}")
}

/// Whether a tag means that sales give the lead back.
pub(super) fn gives_back(next: &NextAction) -> bool {
    next.stage.is_none() && (next.rest.is_some() || next.close.is_some() || next.mql_again || next.same_owner)
}

/// A hand-over comes back to the pool: its history, the lead's place, the CRM's record. Says the next action in words
/// and when it is due. The caller puts the hand-over.
pub(crate) fn give_back(
    case: &mut Case<'_>,
    handoff: &mut Handoff,
    back: &Return<'_>,
) -> (String, Option<Timestamp>) {
    take_over(case, handoff, back);
    let stays = back.next.is_some_and(|next| next.same_owner);
    if !stays {
        case.lead.owner = None;
    }
    case.lead.mql = false;
    let policy = case.policy;
    let release = policy.handoff.returned_to_public_pool && !stays;
    tell::status(case, handoff, policy.handoff.returned_status, release);
    match back.next {
        Some(next) => finish(case, handoff, Some(next)),
        None => untagged(case, handoff, back),
    }
}

/// A hand-over ends and counts as a loop; where the lead goes next is the caller's business.
pub(crate) fn take_over(case: &mut Case<'_>, handoff: &mut Handoff, back: &Return<'_>) {
    let now = case.now();
    let person = handoff.owner.as_ref().and_then(|owner| owner.person.clone());
    let cools = back.cool || back.next.is_some_and(|next| next.cool_down_owner);
    let until = now + case.policy.recycle.cool_down;
    case.dealings().came_back(now, person.filter(|_| cools).map(|person| (person, until)));
    case.lead.recycled = case.lead.recycled.saturating_add(1);
    case.state(handoff, back.state);
    handoff.due = None;
}

/// A return without a tag: it waits in the pool, and sales are asked why.
fn untagged(case: &mut Case<'_>, handoff: &Handoff, back: &Return<'_>) -> (String, Option<Timestamp>) {
    if back.state != HandoffState::Returned {
        case.stage(Stage::Raw);
        return (String::new(), None);
    }
    case.stage(back.stage.unwrap_or(Stage::Resting));
    let at = CHASE_AFTER.after(&case.policy.calendar, case.now());
    case.deadline("chase", chase_key(handoff.id), 0, at, Some(handoff.id));
    let words = say(case, "等待销售补充反馈标签", "sales are asked for the reason");
    (words, Some(at))
}

/// Carries out what a tag prescribes for a hand-over that came back.
pub(super) fn finish(
    case: &mut Case<'_>,
    handoff: &Handoff,
    next: Option<&NextAction>,
) -> (String, Option<Timestamp>) {
    let Some(next) = next else { return (String::new(), None) };
    let person = handoff.owner.as_ref().and_then(|owner| owner.person.clone());
    apply(case, next, person)
}

/// Carries out a next action on the lead. Says it in words, and when it is due.
pub(super) fn apply(
    case: &mut Case<'_>,
    next: &NextAction,
    owner: Option<PersonKey>,
) -> (String, Option<Timestamp>) {
    let mut words = Vec::new();
    let mut due = None;
    if let Some(reason) = &next.close {
        case.stage(Stage::Closed);
        case.lead.rest_until = None;
        words.push(say(case, &format!("关闭：{reason}"), &format!("closed: {reason}")));
    } else if let Some(rest) = next.rest {
        let until = case.now() + rest;
        case.stage(Stage::Resting);
        case.lead.rest_until = Some(until);
        let step = Wake { same_owner: next.same_owner, mql_again: next.mql_again }.step();
        case.deadline("wake", wake_key(case.lead.id), step, until, None);
        due = Some(until);
        let day = until.in_zone(&case.policy.zone).date();
        words.push(say(case, &format!("休眠至 {day}"), &format!("rests until {day}")));
    } else if next.stage.is_none() {
        // Reopened: it stands in the pool again and may qualify by what it does next.
        case.stage(Stage::Raw);
        words.push(say(case, "回到市场线索池", "back in the pool"));
    }
    if next.same_owner {
        case.dealings().prefer = owner;
        words.push(say(case, "之后仍由原负责人跟进", "then the same owner again"));
    } else if next.mql_again {
        words.push(say(case, "之后重新评估", "then qualified again"));
    }
    if let Some(track) = &next.track {
        case.lead.track = Some(track.clone());
        words.push(say(case, &format!("培育路径 {track}"), &format!("track {track}")));
    }
    lower_source(case, next);
    case.say(Reason::new("next_action").with("what", words.join("; ")));
    (words.join(&say(case, "；", "; ")), due)
}

/// What a tag prescribes beside the lead's place in the funnel.
pub(super) fn side_effects(case: &mut Case<'_>, next: &NextAction, handoff: Option<&Handoff>) {
    if let Some(track) = &next.track {
        case.lead.track = Some(track.clone());
    }
    if next.cool_down_owner
        && let Some(person) = handoff.and_then(|handoff| handoff.owner.as_ref()?.person.clone())
    {
        let until = case.now() + case.policy.recycle.cool_down;
        case.dealings().cool.insert(person, until);
    }
    lower_source(case, next);
}

fn lower_source(case: &mut Case<'_>, next: &NextAction) {
    if !next.lower_source {
        return;
    }
    let key = source_key(&case.lead.origin.source);
    let known = case.book.counters.get(&key).and_then(|json| json.get("invalid")?.as_u64()).unwrap_or(0);
    case.say(Reason::new("source_lowered").with("source", &case.lead.origin.source));
    case.counters([(key, json!({ "invalid": known + 1 }))]);
}

/// What shall happen when a rest is over; kept as the step of the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wake {
    /// It goes to the same owner, without a new definition.
    pub(crate) same_owner: bool,
    /// It goes to sales where the definition holds then.
    pub(crate) mql_again: bool,
}

impl Wake {
    pub(crate) const fn step(self) -> u32 {
        (self.same_owner as u32) | ((self.mql_again as u32) << 1)
    }
    pub(crate) const fn of(step: u32) -> Self {
        Self { same_owner: step & 1 == 1, mql_again: step & 2 == 2 }
    }
}

fn say(case: &Case<'_>, zh: &str, en: &str) -> String {
    match case.policy.language {
        Language::Zh => zh.to_owned(),
        Language::En => en.to_owned(),
    }
}
