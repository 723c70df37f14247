//! Time passed: a rest is over, a hold ran out, an answer is due, a tag is missing.
//!
//! A deadline is a wish of the past: each is checked against how things stand now, and what came in the meantime wins.
//! Claims that ran out are no deadlines; the shell settles them as unknown outcomes.

use crate::because::{Because, Reason};
use crate::book::{Book, Needs};
use crate::case::Case;
use crate::effect::{Deadline, Effect, Reaction};
use crate::feedback::{self, Return, Wake};
use crate::handoff::{Handoff, HandoffState};
use crate::ids::PersonKey;
use crate::lead::{Lead, Stage};
use crate::matching::{self, Subject};
use crate::mirror::OwnerState;
use crate::moment::Moment;
use crate::notice::{self, Audience, Event, Happened};
use crate::policy::{Assign, Length, Policy, SlaRule, SlaStep};
use crate::transfer::{self, Forced, Occasion};
use crate::{deleted, desk, enrich, funnel, routing, sla, track};

/// The deadline by which a person takes a hand-over back, and the one by which they give it to somebody else, whose key ends
/// the deadline's.
pub const TAKE_BACK: &str = "take_back";
/// See [`TAKE_BACK`].
pub const REASSIGN: &str = "reassign";
/// The deadline by which a hand-over is decided anew.
pub const AGAIN: &str = "again";

/// How long a take-back waits while the owner is away.
const OWNER_AWAY: Length = Length::WorkingDays(1);

/// What must be known first.
#[must_use]
pub fn needs(inputs: &[Deadline], _policy: &Policy) -> Needs {
    let mut needs = Needs::default();
    for deadline in inputs {
        needs.leads.insert(deadline.lead);
        needs.handoffs.extend(deadline.handoff);
        needs.touches_of.insert(deadline.lead);
        needs.counters.insert(routing::dealings_key(deadline.lead));
        needs.counters.extend(enrich::key_of_deadline(deadline));
    }
    needs
}

/// What must be known then: everything a decision reads.
#[must_use]
pub fn needs_more(book: &Book, inputs: &[Deadline], policy: &Policy) -> Needs {
    let mut subjects: Vec<Subject> =
        inputs.iter().filter_map(|deadline| whose(book, deadline)).map(Subject::of).collect();
    // What a registry says of the company counts in the decision that it is waited for.
    for key in inputs.iter().filter_map(enrich::key_of_deadline) {
        let known = enrich::Known::of(book, &key);
        let credit_codes = known.fields.text("company.credit_code").map(str::to_owned).into_iter().collect();
        subjects.push(Subject { credit_codes, ..Subject::default() });
    }
    let mut needs = matching::needs(&subjects, policy);
    for deadline in inputs {
        let handoff = deadline.handoff.and_then(|id| book.handoffs.get(&id));
        needs.remotes.extend(handoff.and_then(|handoff| handoff.remote.clone()));
        if let Some(lead) = whose(book, deadline) {
            if deadline.kind == enrich::DEADLINE {
                needs.counters.extend(enrich::keys_of(policy, lead));
            }
            needs.remotes.extend(lead.remotes.iter().cloned());
        }
    }
    needs
}

/// What follows from a deadline that has come.
#[must_use]
pub fn tick(book: &Book, deadline: &Deadline, policy: &Policy, moment: &mut Moment) -> Reaction {
    if deadline.kind == track::DEADLINE {
        return track::look(book, deadline, policy, moment);
    }
    let Some(before) = whose(book, deadline) else {
        let mut because = Because { lead: Some(deadline.lead), ..Because::default() };
        because.push(Reason::new("lead_gone"));
        return Reaction { effects: vec![Effect::ClearDeadline(deadline.key.clone())], because };
    };
    let mut lead = before.clone();
    let mut case = Case::new(book, policy, moment, &mut lead);
    case.because.handoff = deadline.handoff;
    case.say(Reason::new("time_passed").with("what", &deadline.kind));
    case.push(Effect::ClearDeadline(deadline.key.clone()));
    let handoff = deadline.handoff.and_then(|id| book.handoffs.get(&id)).cloned();
    match (deadline.kind.as_str(), handoff) {
        ("wake", _) => wake(&mut case, deadline),
        (enrich::DEADLINE, _) => enrich::go_on(&mut case, deadline),
        ("hold", Some(handoff)) => hold(&mut case, handoff),
        (AGAIN, Some(handoff)) => again(&mut case, handoff),
        ("sla", Some(handoff)) => step(&mut case, deadline, handoff),
        ("chase", Some(handoff)) => chase(&mut case, handoff),
        ("desk", Some(handoff)) => desk::late(&mut case, deadline.step, handoff),
        (TAKE_BACK, Some(handoff)) => by_hand(&mut case, deadline, handoff, None),
        (REASSIGN, Some(handoff)) => {
            let person = deadline.key.rsplit('/').next().map(PersonKey::from);
            by_hand(&mut case, deadline, handoff, person);
        }
        _ => case.say(Reason::new("deadline_unknown")),
    }
    case.finish(before)
}

/// Whose it is: of the lead that has the hand-over today, which may have been parted from the one it was set for.
fn whose<'b>(book: &'b Book, deadline: &Deadline) -> Option<&'b Lead> {
    let handoff = deadline.handoff.and_then(|id| book.handoffs.get(&id));
    book.resolve(handoff.map_or(deadline.lead, |handoff| handoff.lead))
}

/// A rest is over.
fn wake(case: &mut Case<'_>, deadline: &Deadline) {
    let now = case.now();
    if case.lead.stage != Stage::Resting || case.lead.rest_until.is_none_or(|until| until > now) {
        case.say(Reason::new("awake_already"));
        return;
    }
    case.lead.rest_until = None;
    case.lead.track = None;
    let wake = Wake::of(deadline.step);
    let holds = wake.mql_again && funnel::holds(case.lead, case.policy, now);
    if !(wake.same_owner || holds) {
        case.stage(Stage::Raw);
        return;
    }
    case.lead.mql = true;
    case.lead.mql_at = Some(now);
    case.stage(Stage::Marketing);
    if case.book.open_handoff(case.lead.id).is_some() {
        return;
    }
    if let Some(link) = transfer::allowed(case) {
        let occasion = Occasion { happened: deadline.at, noticed: now, touch: None };
        transfer::begin(case, link, &occasion, None);
    }
}

/// A hold ran out, or the fuse's hour is over: the next rules are asked.
fn hold(case: &mut Case<'_>, mut handoff: Handoff) {
    if handoff.state != HandoffState::Asking {
        case.say(Reason::new("hold_over_already"));
        return;
    }
    handoff.due = None;
    case.say(Reason::new("hold_over"));
    transfer::decide_or_ask(case, handoff, None);
}

/// A person asks for a hand-over that needs one to be decided anew.
fn again(case: &mut Case<'_>, mut handoff: Handoff) {
    if deleted::is_detached(case, &handoff) {
        return deleted::again(case, &handoff);
    }
    if !matches!(handoff.state, HandoffState::Parked | HandoffState::Asking) {
        case.say(Reason::new("hold_over_already"));
        return;
    }
    handoff.rules_tried = 0;
    handoff.due = None;
    case.state(&mut handoff, HandoffState::Asking);
    case.say(Reason::new("decided_again"));
    transfer::decide_or_ask(case, handoff, None);
}

/// A step of a response time.
fn step(case: &mut Case<'_>, deadline: &Deadline, handoff: Handoff) {
    let Some((rule, step)) = sla::step_of(case.policy, &deadline.key, deadline.step) else {
        case.say(Reason::new("response_time_gone"));
        return;
    };
    if !sla::runs(&handoff, case.lead.stage, &step.clock) {
        case.say(Reason::new("answered_in_time"));
        return;
    }
    if step.does == "take_back" {
        return take_back(case, deadline, handoff, rule, step);
    }
    let whom = step.whom.as_deref().unwrap_or("owner");
    let owner = handoff.owner.as_ref();
    let person = owner.and_then(|owner| owner.person.as_ref()).and_then(|key| case.policy.people.get(key));
    let told = match (whom, person) {
        ("manager", Some(person)) => person.manager.as_ref().map(|manager| manager.0.clone()),
        (_, Some(person)) => Some(person.key.0.clone()),
        (_, None) => owner.map(|owner| owner.crm_user.clone()),
    };
    let told = told.unwrap_or_default();
    case.say(Reason::new("reminded").with("clock", &step.clock).with("whom", whom).with("person", &told));
    let detail = format!(
        "no {} from {} for hand-over {} within the response time `{}`; {whom} {told} is to hear of it",
        if step.clock == "result" { "result" } else { "answer" },
        owner.map_or("the public pool", |owner| owner.crm_user.as_str()),
        handoff.id,
        rule.name,
    );
    case.alarm(feedback::overdue_key(handoff.id), "LL4209", detail, true);
    let only = if whom == "manager" { Audience::Manager } else { Audience::Owner };
    let thing = format!("{}-{}", handoff.id.uuid().simple(), deadline.step);
    let length = desk::words(step.after, case.policy);
    let happened = Happened { thing, only: Some(only), ..Happened::of(Event::Overdue, &handoff) }
        .with("clock", step.clock.as_str())
        .with("step", length);
    notice::raise(case, &happened);
}

/// No answer in time: it is taken back, and goes to somebody else where the step says so.
fn take_back(case: &mut Case<'_>, deadline: &Deadline, mut handoff: Handoff, rule: &SlaRule, step: &SlaStep) {
    let user = handoff.owner.as_ref().map(|owner| owner.crm_user.as_str());
    let follower = matching::follower(case.book, case.policy, &handoff.link, user, case.now());
    if follower.state == OwnerState::OnLeave {
        // Nothing is taken from people on leave: the clock waits for them.
        let at = OWNER_AWAY.after(&case.policy.calendar, case.now());
        case.say(Reason::new("clock_waits_for_owner").with("until", at));
        case.deadline(&deadline.kind, deadline.key.clone(), deadline.step, at, Some(handoff.id));
        return;
    }
    let except = follower.person.clone();
    let (link, noticed) = (handoff.link.clone(), case.now());
    let happened = handoff.clocks.happened.unwrap_or(handoff.opened_at);
    let reassigned = step.assign.as_ref();
    case.alarm(feedback::overdue_key(handoff.id), "LL4209", String::new(), false);
    let ends = Return { state: HandoffState::TakenBack, next: None, stage: None, cool: step.except_owner };
    if reassigned.is_some() {
        feedback::take_over(case, &mut handoff, &ends);
    } else {
        let _ = feedback::give_back(case, &mut handoff, &ends);
    }
    taken_back(case, &handoff, &desk::words(step.after, case.policy));
    case.put_handoff(handoff);
    let Some(assign) = reassigned else { return };
    let Some(_) = transfer::allowed(case) else { return };
    let occasion = Occasion { happened, noticed, touch: None };
    let forced = Forced { name: &rule.name, assign, except: except.as_ref().filter(|_| step.except_owner) };
    transfer::begin(case, link, &occasion, Some(forced));
}

/// Tells of a take-back.
fn taken_back(case: &mut Case<'_>, handoff: &Handoff, length: &str) {
    let person = handoff.owner.as_ref().and_then(|owner| owner.person.as_ref());
    let name = person.and_then(|key| case.policy.people.get(key)).map(|person| person.name.clone());
    let name =
        name.or_else(|| handoff.owner.as_ref().map(|owner| owner.crm_user.clone())).unwrap_or_default();
    let happened = Happened::of(Event::TakenBack, handoff).with("previous.name", name).with("step", length);
    notice::raise(case, &happened);
}

/// A person takes a hand-over back, or gives it to somebody else: no clock of it is lost.
fn by_hand(case: &mut Case<'_>, deadline: &Deadline, mut handoff: Handoff, to: Option<PersonKey>) {
    if !matches!(handoff.state, HandoffState::WithSales | HandoffState::Accepted | HandoffState::Parked) {
        case.say(Reason::new("hold_over_already"));
        return;
    }
    let (link, noticed) = (handoff.link.clone(), case.now());
    let happened = handoff.clocks.happened.unwrap_or(handoff.opened_at);
    case.say(Reason::new("by_hand").with("to", to.as_ref().map_or("", |person| person.as_str())));
    case.alarm(feedback::overdue_key(handoff.id), "LL4209", String::new(), false);
    let ends = Return { state: HandoffState::TakenBack, next: None, stage: None, cool: false };
    let Some(person) = to else {
        let _ = feedback::give_back(case, &mut handoff, &ends);
        taken_back(case, &handoff, "-");
        return case.put_handoff(handoff);
    };
    // A change of hands is no loop: neither the limit nor the cool-down counts it.
    case.state(&mut handoff, HandoffState::Superseded);
    handoff.due = None;
    case.put_handoff(handoff);
    let Some(_) = transfer::allowed(case) else { return };
    let occasion = Occasion { happened, noticed, touch: None };
    let assign = Assign::Person(person);
    let forced = Forced { name: &deadline.kind, assign: &assign, except: None };
    transfer::begin(case, link, &occasion, Some(forced));
}

/// Sales gave it back without a tag, and none came.
fn chase(case: &mut Case<'_>, handoff: Handoff) {
    if handoff.state != HandoffState::Returned || handoff.feedback.as_deref() != Some("returned") {
        case.say(Reason::new("tag_came"));
        return;
    }
    case.say(Reason::new("tag_missing"));
    let owner = handoff.owner.as_ref().map_or("sales", |owner| owner.crm_user.as_str()).to_owned();
    let detail = format!("{owner} returned hand-over {} without a feedback tag; ask for it", handoff.id);
    case.alarm(format!("chase/{}", handoff.id), "LL4210", detail, true);
    notice::raise(case, &Happened::of(Event::TagMissing, &handoff));
    if case.lead.stage == Stage::Resting && case.lead.rest_until.is_none() {
        case.stage(Stage::Raw);
    }
}
