//! Stage 5, before sales: a desk that sees a lead first (`[sdr]`): it waits in a queue, its need is confirmed, it is nurtured
//! on, or dropped with a reason.
//!
//! A hand-over at the desk is open like any other and has a clock. Confirmed, it goes the way of all hand-overs
//! ([`crate::transfer`]); what the desk found out becomes part of the profile, with who said it.

use leadloop_mapping::expr::Expr;
use leadloop_mapping::{Record, Value};
use serde_json::json;

use crate::because::Reason;
use crate::capture::Captured;
use crate::case::{Case, short};
use crate::effect::{Effect, Feedback};
use crate::facts::{self, Scene};
use crate::handoff::{Handoff, HandoffState};
use crate::ids::{HandoffId, PersonKey, SourceName};
use crate::lead::{Fact, Stage};
use crate::matching;
use crate::notice::{self, Audience, Event, Happened};
use crate::policy::{Length, Policy};
use crate::transfer;

/// The counter of whose turn it is at the desk.
pub const TURN: &str = "desk/turn";
/// Time at the desk where the config gives none.
const ANSWER_WITHIN: Length = Length::WorkingDays(1);
/// Most characters of a value that the desk fills in.
const MOST_VALUE: usize = 2_000;

/// A desk before sales.
#[derive(Clone, Debug)]
pub struct DeskPolicy {
    /// The team that sits there.
    pub team: String,
    /// Which leads it sees first; all where none is said.
    pub when: Option<Expr>,
    /// Fields it fills in.
    pub fill: Vec<String>,
    /// How long it may take.
    pub answer_within: Option<Length>,
    /// The track of leads it nurtures on, where it names none.
    pub track: Option<String>,
}

impl DeskPolicy {
    fn within(&self) -> Length {
        self.answer_within.unwrap_or(ANSWER_WITHIN)
    }
}

/// Whether the desk sees this lead first.
pub(crate) fn wants(case: &Case<'_>) -> bool {
    let Some(desk) = &case.policy.desk else { return false };
    let Some(when) = &desk.when else { return true };
    let facts = facts::of(&Scene { lead: case.lead, touch: None, policy: case.policy, now: case.moment.now });
    when.eval_bool(&facts).unwrap_or(false)
}

/// A lead takes its place in the queue. Puts the hand-over.
pub(crate) fn queue(case: &mut Case<'_>, mut handoff: Handoff) {
    let Some(desk) = &case.policy.desk else { return transfer::decide_or_ask(case, handoff, None) };
    let Some(person) = whose_turn(case, desk) else {
        case.say(Reason::new("desk_empty").with("team", &desk.team));
        return transfer::decide_or_ask(case, handoff, None);
    };
    case.say(Reason::new("at_desk").with("team", &desk.team).with("person", &person));
    case.state(&mut handoff, HandoffState::AtDesk);
    let until = desk.within().after(&case.policy.calendar, case.now());
    handoff.desk = Some(person);
    handoff.due = Some(until);
    case.deadline("desk", key(handoff.id), 0, until, Some(handoff.id));
    tell(case, &handoff);
    case.put_handoff(handoff);
}

fn tell(case: &mut Case<'_>, handoff: &Handoff) {
    let until = handoff.due.map_or(String::new(), |due| notice::clock(due, case.policy));
    let happened = Happened {
        only: Some(Audience::Sdr),
        ..Happened::of(Event::AtDesk, handoff).with("desk.until", until)
    };
    notice::raise(case, &happened);
}

/// The next of the team who is there.
fn whose_turn(case: &mut Case<'_>, desk: &DeskPolicy) -> Option<PersonKey> {
    let team = case.policy.teams.get(&desk.team)?;
    let now = case.now();
    let there: Vec<&PersonKey> = team
        .members
        .iter()
        .map(|member| &member.person)
        .filter(|person| matching::on_leave(case.policy, person, now).is_none())
        .collect();
    let turn = case.book.counters.get(TURN).and_then(serde_json::Value::as_u64).unwrap_or(0);
    let count = u64::try_from(there.len()).ok().filter(|count| *count > 0)?;
    case.counters([(TURN.to_owned(), json!(turn + 1))]);
    there.get(usize::try_from(turn % count).ok()?).map(|person| (*person).clone())
}

/// The deadline of the desk.
pub(crate) fn key(handoff: HandoffId) -> String {
    format!("desk/{handoff}")
}

/// The desk's time is over: once it is reminded, then the lead goes on to sales without it.
pub(crate) fn late(case: &mut Case<'_>, step: u32, mut handoff: Handoff) {
    if handoff.state != HandoffState::AtDesk {
        case.say(Reason::new("answered_in_time"));
        return;
    }
    let within = case.policy.desk.as_ref().map_or(ANSWER_WITHIN, DeskPolicy::within);
    if step == 0 && case.policy.desk.is_some() {
        let until = within.after(&case.policy.calendar, case.now());
        let person = handoff.desk.clone().map_or(String::new(), |person| person.0);
        case.say(Reason::new("reminded").with("clock", "desk").with("whom", "sdr").with("person", person));
        case.deadline("desk", key(handoff.id), 1, until, Some(handoff.id));
        let happened = Happened {
            owner: handoff.desk.clone(),
            only: Some(Audience::Manager),
            ..Happened::of(Event::Overdue, &handoff)
                .with("clock", "desk")
                .with("step", words(within, case.policy))
        };
        notice::raise(case, &happened);
        return;
    }
    case.say(Reason::new("desk_too_slow"));
    handoff.due = None;
    case.state(&mut handoff, HandoffState::Asking);
    transfer::decide_or_ask(case, handoff, None);
}

/// A length as people read it.
pub(crate) fn words(length: Length, policy: &Policy) -> String {
    use crate::because::Language::{En, Zh};
    let hours = |micros: crate::time::Micros| micros.as_secs() / 3_600;
    match (length, policy.language) {
        (Length::WorkingDays(days), Zh) => format!("{days} 个工作日"),
        (Length::WorkingDays(1), En) => "1 working day".to_owned(),
        (Length::WorkingDays(days), En) => format!("{days} working days"),
        (Length::Working(length), Zh) => format!("{} 个工作小时", hours(length).max(1)),
        (Length::Working(length), En) => format!("{} working hours", hours(length).max(1)),
        (Length::Clock(length), Zh) if hours(length) == 0 => format!("{} 分钟", length.as_secs() / 60),
        (Length::Clock(length), En) if hours(length) == 0 => format!("{} minutes", length.as_secs() / 60),
        (Length::Clock(length), Zh) => format!("{} 小时", hours(length)),
        (Length::Clock(length), En) => format!("{} hours", hours(length)),
    }
}

/// What the desk decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is a need: on to sales.
    Confirm,
    /// Not yet: the MA goes on.
    Nurture,
    /// Never.
    Drop,
}

impl Verdict {
    /// The verdict of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "confirm" => Some(Verdict::Confirm),
            "nurture" => Some(Verdict::Nurture),
            "drop" => Some(Verdict::Drop),
            _ => None,
        }
    }
}

/// The verdict a capture carries, where it is the desk's.
#[must_use]
pub fn verdict_of(captured: &Captured) -> Option<Verdict> {
    captured.fields.text("answer.desk").and_then(Verdict::parse)
}

/// Takes in what the desk said. `false` where the lead is not at the desk (any more).
pub(crate) fn take(
    case: &mut Case<'_>,
    captured: &Captured,
    verdict: Verdict,
    handoff: Option<Handoff>,
) -> bool {
    let Some(mut handoff) = handoff.filter(|handoff| handoff.state == HandoffState::AtDesk) else {
        case.say(Reason::new("late_answer"));
        return false;
    };
    let by = captured.fields.text("answer.by").map(str::to_owned);
    fill(case, captured, by.as_deref());
    case.push(Effect::ClearDeadline(key(handoff.id)));
    handoff.due = None;
    let remark = captured.fields.text("answer.remark").map(|text| short(text.trim(), MOST_VALUE));
    if remark.is_some() {
        handoff.remark.clone_from(&remark);
    }
    let (tag, next) = match verdict {
        Verdict::Confirm => {
            case.say(Reason::new("desk_confirmed"));
            ("desk_confirmed", String::new())
        }
        Verdict::Nurture => {
            let named =
                captured.fields.text("answer.track").filter(|name| case.policy.tracks.contains_key(*name));
            let track = named
                .map(str::to_owned)
                .or_else(|| case.policy.desk.as_ref().and_then(|desk| desk.track.clone()));
            case.say(Reason::new("desk_nurtures").with("track", track.as_deref().unwrap_or_default()));
            case.state(&mut handoff, HandoffState::Declined);
            case.lead.mql = false;
            case.stage(Stage::Raw);
            case.lead.track.clone_from(&track);
            ("desk_nurture", track.unwrap_or_default())
        }
        Verdict::Drop => {
            let why = remark.clone().unwrap_or_default();
            case.say(Reason::new("desk_dropped").with("reason", &why));
            case.state(&mut handoff, HandoffState::Declined);
            case.lead.mql = false;
            case.stage(Stage::Closed);
            ("desk_drop", why)
        }
    };
    keep(case, captured, &handoff, tag, remark, by, next);
    if verdict == Verdict::Confirm {
        case.state(&mut handoff, HandoffState::Asking);
        transfer::decide_or_ask(case, handoff, None);
    } else {
        case.put_handoff(handoff);
    }
    true
}

fn keep(
    case: &mut Case<'_>,
    captured: &Captured,
    handoff: &Handoff,
    tag: &str,
    remark: Option<String>,
    by: Option<String>,
    next: String,
) {
    let lead = case.lead.id;
    case.push(Effect::KeepFeedback(Box::new(Feedback {
        capture: captured.id,
        handoff: handoff.id,
        lead,
        at: captured.at,
        tag: tag.to_owned(),
        remark,
        by,
        next,
        next_at: None,
    })));
}

/// What was found out becomes part of the profile; only fields the desk is asked for, and no blank.
fn fill(case: &mut Case<'_>, captured: &Captured, by: Option<&str>) {
    let Some(desk) = &case.policy.desk else { return };
    let source = SourceName(format!("sdr:{}", by.unwrap_or(&desk.team)));
    let mut changed = Vec::new();
    for field in &desk.fill {
        let said = captured.fields.text(&format!("answer.fill.{field}")).map(str::trim);
        let Some(said) = said.filter(|said| !said.is_empty()) else { continue };
        changed.push(field.clone());
        if field == "first_channel" {
            case.lead.origin.channel = short(said, 100);
            continue;
        }
        let value = Value::text(short(said, MOST_VALUE));
        case.lead.profile.insert(field.clone(), Fact { value, source: source.clone(), at: captured.at });
    }
    if let Some(remark) = captured.fields.text("answer.remark").map(str::trim).filter(|text| !text.is_empty())
    {
        let value = Value::text(short(remark, MOST_VALUE));
        case.lead.profile.insert("sdr_remark".to_owned(), Fact { value, source, at: captured.at });
    }
    if !changed.is_empty() {
        case.say(Reason::new("profile").with("fields", changed.join(", ")));
    }
}

/// The fields of a capture that carries a verdict: what answer page and commands make.
#[must_use]
pub fn answer(verdict: &str, by: &str, remark: &str, track: &str, fills: &[(String, String)]) -> Record {
    let mut fields = Record::new().with("answer.desk", verdict);
    for (name, value) in [("answer.by", by), ("answer.remark", remark), ("answer.track", track)] {
        if !value.trim().is_empty() {
            fields.set(name, value.trim());
        }
    }
    for (field, value) in fills.iter().filter(|(_, value)| !value.trim().is_empty()) {
        fields.set(format!("answer.fill.{field}"), value.trim());
    }
    fields
}
