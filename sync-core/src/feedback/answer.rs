//! Understanding one answer, and what it does to lead and hand-over.

use leadloop_mapping::Value;

use super::next::{self, Return, give_back};
use super::{crm_id, meaning_of, remote_of};
use crate::because::{Language, Reason};
use crate::capture::{Captured, Identifier};
use crate::case::{Case, short};
use crate::effect::{Alarm, Effect, Feedback, Reaction};
use crate::fuse::{self, Kind};
use crate::handoff::{Handoff, HandoffState};
use crate::ids::{LinkName, SourceName};
use crate::lead::{Binding, Fact, Owner, RemoteRef, Stage};
use crate::mirror_read::{OPPORTUNITY, PEOPLE};
use crate::notice::{self, Event, Happened};
use crate::policy::{FeedbackRule, Policy, StatusMeaning};
use crate::time::Micros;
use crate::{deleted, origin, sla, tell, transfer};

/// Most characters of a remark that are kept.
const MOST_REMARK: usize = 2_000;
/// Most characters of an answer to an extra question.
const MOST_ASKED: usize = 200;

/// An answer that was held by hand so long is no fresh news about an owner.
const WAITED: Micros = Micros::minutes(1);

/// One answer, understood.
#[derive(Debug, Default)]
pub(super) struct Answer<'p> {
    rule: Option<&'p FeedbackRule>,
    meaning: Option<StatusMeaning>,
    /// `Some(None)`: released to the public pool.
    owner: Option<Option<Owner>>,
    amount: Option<f64>,
    remark: Option<String>,
    by: Option<String>,
    converted: bool,
    deleted: bool,
    restored: bool,
    merged_into: Option<String>,
    remote: Option<RemoteRef>,
}

/// Why an answer cannot be understood: it waits for a person, who adds the value to the config and retries.
pub(super) struct Refused {
    code: &'static str,
    what: String,
    detail: String,
}

impl Refused {
    pub(super) fn park(self, mut case: Case<'_>, captured: &Captured) -> Reaction {
        let at = case.now();
        let alarm = Alarm {
            key: format!("answer/{}", self.what),
            code: self.code.to_owned(),
            detail: self.detail.clone(),
            raised: true,
            at,
        };
        case.push(Effect::Alarm(alarm));
        hold(case, captured, self.code, &self.detail)
    }
}

/// The answer waits for a person.
pub(super) fn hold(case: Case<'_>, captured: &Captured, code: &str, detail: &str) -> Reaction {
    let parked = super::parked(captured, code, detail);
    let (mut effects, mut because) = case.into_parts();
    effects.extend(parked.effects);
    because.reasons.extend(parked.because.reasons);
    Reaction { effects, because }
}

/// Whether an answer may change an owner now, where it does. What waited so long that the CRM says something else by now
/// changes nothing and is not counted.
pub(super) fn may_change_owner(
    case: &mut Case<'_>,
    captured: &Captured,
    answer: &Answer<'_>,
    handoff: Option<&Handoff>,
) -> Result<(), (&'static str, String)> {
    let (Some(owner), Some(remote)) = (&answer.owner, &answer.remote) else { return Ok(()) };
    if is_old_owner(case, captured, answer) || same_owner(case, owner.as_ref(), handoff) {
        return Ok(());
    }
    fuse::count(case, &remote.link, Kind::OwnersThere)
}

/// Whether a record of the lead may count as deleted now, where the answer says so.
pub(super) fn may_be_deleted(case: &mut Case<'_>, answer: &Answer<'_>) -> Result<(), (&'static str, String)> {
    let Some(remote) = answer.remote.as_ref().filter(|_| answer.deleted && answer.merged_into.is_none())
    else {
        return Ok(());
    };
    if !case.lead.remotes.contains(remote) || deleted::is_there(case, remote) {
        return Ok(());
    }
    fuse::count(case, &remote.link, Kind::Deletions)
}

/// Whether the CRM names another owner since the answer was given.
fn is_old_owner(case: &Case<'_>, captured: &Captured, answer: &Answer<'_>) -> bool {
    let (Some(owner), Some(remote)) = (&answer.owner, &answer.remote) else { return false };
    let waited = case.now() - captured.arrived > WAITED;
    let row = case.book.mirror.get(remote).filter(|row| waited && !row.deleted);
    row.is_some_and(|row| row.facts.owner.as_deref() != owner.as_ref().map(|owner| owner.crm_user.as_str()))
}

fn same_owner(case: &Case<'_>, owner: Option<&Owner>, handoff: Option<&Handoff>) -> bool {
    case.lead.owner.as_ref() == owner && handoff.is_none_or(|handoff| handoff.owner.as_ref() == owner)
}

/// Reads the `answer.*` fields of a capture.
pub(super) fn read<'p>(case: &Case<'p>, captured: &Captured) -> Result<Answer<'p>, Refused> {
    let policy = case.policy;
    let text = |name: &str| {
        captured
            .fields
            .get(name)
            .map(Value::to_display)
            .map(|text| text.trim().to_owned())
            .filter(|t| !t.is_empty())
    };
    let remote = remote_of(captured);
    let link = remote.as_ref().map(|remote| remote.link.clone()).or_else(|| policy.handoff.link.clone());
    let owner = captured.fields.get("answer.owner").map(|value| {
        let name = value.to_display().trim().to_owned();
        (!name.is_empty()).then(|| owner_named(policy, link.as_ref(), &name))
    });
    Ok(Answer {
        rule: rule_of(policy, link.as_ref(), text("answer.tag"), text("answer.feedback"))?,
        meaning: meaning(policy, remote.as_ref(), text("answer.stage"), text("answer.status"))?,
        owner,
        amount: captured.fields.get("answer.amount").and_then(number),
        remark: text("answer.remark")
            .or_else(|| text("answer.released"))
            .map(|text| short(&text, MOST_REMARK)),
        by: text("answer.by"),
        converted: captured.fields.get("answer.converted").and_then(Value::as_bool) == Some(true),
        deleted: captured.fields.get("answer.deleted").and_then(Value::as_bool) == Some(true),
        restored: captured.fields.get("answer.restored").and_then(Value::as_bool) == Some(true),
        merged_into: text("answer.merged_into"),
        remote,
    })
}

fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "amounts beyond 2^53 of the smallest unit do not occur"
        )]
        Value::Int(whole) => Some(*whole as f64),
        Value::Real(real) => Some(*real),
        other => {
            other.to_display().trim().replace([',', ' '], "").parse().ok().filter(|n: &f64| n.is_finite())
        }
    }
}

fn rule_of<'p>(
    policy: &'p Policy,
    link: Option<&LinkName>,
    tag: Option<String>,
    value: Option<String>,
) -> Result<Option<&'p FeedbackRule>, Refused> {
    if let Some(tag) = tag {
        let known = policy.feedback.get(&tag);
        return known.map(Some).ok_or_else(|| unknown_tag("tag", &tag));
    }
    let (Some(value), Some(link)) = (value, link) else { return Ok(None) };
    let known = policy
        .feedback
        .values()
        .find(|rule| rule.crm.get(link).is_some_and(|known| known.to_display().trim() == value));
    known.map(Some).ok_or_else(|| unknown_tag(link.as_str(), &value))
}

fn unknown_tag(of: &str, value: &str) -> Refused {
    Refused {
        code: "LL4301",
        what: format!("{of}/feedback/{}", short(value, 40)),
        detail: format!(
            "no [[feedback]] names `{}` ({of}); add it, then retry the capture",
            short(value, 80)
        ),
    }
}

fn meaning(
    policy: &Policy,
    remote: Option<&RemoteRef>,
    stage: Option<String>,
    status: Option<String>,
) -> Result<Option<StatusMeaning>, Refused> {
    if let Some(stage) = stage {
        let known = match stage.as_str() {
            "returned" => Some(StatusMeaning::Returned),
            other => Stage::parse(other).map(StatusMeaning::Stage),
        };
        return known.map(Some).ok_or_else(|| unknown_status("answer.stage", &stage));
    }
    let (Some(status), Some(remote)) = (status, remote) else { return Ok(None) };
    let Some(crm) = policy.crms.get(&remote.link) else { return Ok(None) };
    let known = meaning_of(crm, &remote.object, &status);
    known.map(Some).ok_or_else(|| unknown_status(&format!("{}/{}", remote.link, remote.object), &status))
}

fn unknown_status(of: &str, value: &str) -> Refused {
    Refused {
        code: "LL4302",
        what: format!("{of}/status/{}", short(value, 40)),
        detail: format!(
            "no [[status]] says what `{}` of {of} means; add it, then retry the capture",
            short(value, 80)
        ),
    }
}

/// Somebody named in an answer: by our key, by their user id in the CRM, or just as they are called.
fn owner_named(policy: &Policy, link: Option<&LinkName>, name: &str) -> Owner {
    let by_user = |(_, person): &(_, &crate::policy::Person)| {
        link.and_then(|link| person.crm_user.get(link)).is_some_and(|user| user == name)
    };
    let person = policy.people.get_key_value(name).or_else(|| policy.people.iter().find(by_user));
    let user = person.and_then(|(_, person)| person.crm_user.get(link?)).cloned();
    Owner { person: person.map(|(key, _)| key.clone()), crm_user: user.unwrap_or_else(|| name.to_owned()) }
}

/// Takes an answer in. `false` where it says nothing new.
pub(super) fn take(
    case: &mut Case<'_>,
    captured: &Captured,
    answer: &Answer<'_>,
    handoff: Option<Handoff>,
) -> bool {
    let (lead, known, before) = (case.lead.clone(), handoff.clone(), case.effects.len());
    let mut handoff = handoff;
    let elsewhere = handoff.as_ref().is_some_and(|handoff| {
        !handoff.state.is_open()
            && case.book.open_handoff(case.lead.id).is_some_and(|open| open.id != handoff.id)
    });
    if elsewhere {
        case.say(Reason::new("late_answer"));
        return false;
    }
    if let Some(handoff) = &mut handoff {
        super::revise::undo(case, captured, handoff);
    }
    asked(case, captured, answer);
    records(case, answer, handoff.as_mut());
    if !answer.deleted {
        if is_old_owner(case, captured, answer) {
            case.say(Reason::new("owner_moved_on"));
        } else {
            owner(case, answer, handoff.as_mut());
        }
        verdict(case, captured, answer, handoff.as_mut());
    }
    let changed = *case.lead != lead || handoff != known || case.effects.len() != before;
    if let Some(handoff) = handoff.filter(|handoff| Some(handoff) != known.as_ref()) {
        if known.is_some_and(|known| known.due.is_some_and(|due| due <= case.moment.now))
            && handoff.due.is_none()
        {
            case.alarm(next::overdue_key(handoff.id), "LL4209", String::new(), false);
        }
        case.put_handoff(handoff);
    }
    changed
}

/// Answers to the extra questions of a tag become part of the profile.
fn asked(case: &mut Case<'_>, captured: &Captured, answer: &Answer<'_>) {
    let Some(rule) = answer.rule else { return };
    let by = answer.by.as_deref().unwrap_or("sales");
    for field in &rule.ask {
        let said = captured.fields.text(&format!("answer.ask.{field}")).map(str::trim);
        let Some(said) = said.filter(|said| !said.is_empty()) else { continue };
        let fact = Fact {
            value: Value::text(short(said, MOST_ASKED)),
            source: SourceName(format!("sales:{by}")),
            at: captured.at,
        };
        case.lead.profile.insert(field.clone(), fact);
        case.say(Reason::new("profile").with("fields", field));
    }
}

/// Records that took the place of ours, and records that are gone.
fn records(case: &mut Case<'_>, answer: &Answer<'_>, handoff: Option<&mut Handoff>) {
    let Some(remote) = &answer.remote else { return };
    let converted = case.book.mirror.get(remote).map(|row| row.facts.converted.clone()).unwrap_or_default();
    let merged = answer.merged_into.clone().map(|id| RemoteRef { id, ..remote.clone() });
    let person = converted.iter().find(|remote| PEOPLE.contains(&remote.object.as_str())).cloned();
    if answer.converted || merged.is_some() {
        for next in converted.iter().chain(merged.as_ref()) {
            known_by(case, next);
        }
        if let Some(handoff) = handoff
            && let Some(next) = merged.or(person)
        {
            case.say(Reason::new("record_moved").with("to", crm_id(&next)));
            handoff.remote = Some(next);
        }
        return;
    }
    if answer.deleted {
        deleted::take(case, remote, handoff);
    } else if answer.restored {
        known_by(case, remote);
        deleted::restored(case, remote, handoff);
    }
}

/// The lead is known by one more record.
fn known_by(case: &mut Case<'_>, remote: &RemoteRef) {
    if !PEOPLE.contains(&remote.object.as_str()) && remote.object != OPPORTUNITY {
        return;
    }
    if case.lead.remotes.insert(remote.clone()) {
        let identifier = Identifier::new("crm_id", crm_id(remote));
        case.lead.identifiers.insert(identifier.clone());
        let (lead, now) = (case.lead.id, case.now());
        let source = SourceName(format!("crm:{}", remote.link));
        case.push(Effect::Bind(Binding { identifier, lead, source, at: now, last_at: now }));
    }
}

/// Sales changed who follows it.
fn owner(case: &mut Case<'_>, answer: &Answer<'_>, handoff: Option<&mut Handoff>) {
    let Some(owner) = &answer.owner else { return };
    if same_owner(case, owner.as_ref(), handoff.as_deref()) {
        return;
    }
    match owner {
        Some(owner) => case.say(Reason::new("owner_changed").with("owner", &owner.crm_user)),
        None => case.say(Reason::new("released_to_public_pool")),
    }
    let running = handoff.as_ref().is_none_or(|handoff| handoff.state.is_open());
    if let Some(handoff) = handoff.filter(|handoff| handoff.state.is_open()) {
        handoff.owner.clone_from(owner);
    }
    if running {
        case.lead.owner.clone_from(owner);
    }
}

/// What the answer decides.
fn verdict(case: &mut Case<'_>, captured: &Captured, answer: &Answer<'_>, handoff: Option<&mut Handoff>) {
    let own = answer.rule.and_then(|rule| rule.next.stage);
    let back = answer.rule.is_some_and(|rule| next::gives_back(&rule.next));
    let stage = match answer.meaning {
        Some(StatusMeaning::Stage(stage)) => Some(stage),
        Some(StatusMeaning::Returned) => None,
        None if answer.converted => {
            let remote = answer.remote.as_ref().and_then(|remote| case.book.mirror.get(remote));
            let deal = remote.is_some_and(|row| row.facts.converted.iter().any(|r| r.object == OPPORTUNITY));
            Some(if deal { Stage::Opportunity } else { Stage::Accepted })
        }
        None => None,
    };
    // A tag and a status may speak at once: sales are as far as the further of the two says.
    let stage = further(own, stage);
    let pool = stage
        .is_some_and(|stage| matches!(stage, Stage::Raw | Stage::Marketing | Stage::Resting | Stage::Closed));
    let returned = answer.meaning == Some(StatusMeaning::Returned) || back || pool;
    let mut handoff = handoff;
    if let Some(stage) = stage.filter(|_| !pool) {
        reached(case, captured, answer, handoff.as_deref_mut(), stage, back);
    }
    if returned {
        came_back(case, captured, answer, handoff, stage.filter(|_| pool));
    } else if stage.is_none() && (answer.rule.is_some() || answer.remark.is_some()) {
        noted(case, captured, answer, handoff);
    }
}

/// How far sales are at a stage; nothing for stages that are not theirs.
fn progress(stage: Stage) -> Option<u8> {
    match stage {
        Stage::Accepted => Some(1),
        Stage::Opportunity => Some(2),
        Stage::Won | Stage::Lost => Some(3),
        _ => None,
    }
}

/// The further of what the tag and what the status says; where one is no progress of sales, the tag counts.
fn further(tag: Option<Stage>, status: Option<Stage>) -> Option<Stage> {
    match (tag, status) {
        (Some(tag), Some(status)) if progress(tag).is_some() && progress(tag) < progress(status) => {
            Some(status)
        }
        (tag, status) => tag.or(status),
    }
}

/// Whether a person's record says less than the deal that was made of it: the deal's answer may have come first.
fn behind_its_deal(case: &Case<'_>, answer: &Answer<'_>, stage: Stage) -> bool {
    let of_deal = answer.remote.as_ref().is_none_or(|remote| remote.object == OPPORTUNITY);
    let has_deal = case.lead.remotes.iter().any(|remote| remote.object == OPPORTUNITY);
    !of_deal && has_deal && progress(stage).is_some() && progress(stage) < progress(case.lead.stage)
}

/// Sales took it, and how far they got.
fn reached(
    case: &mut Case<'_>,
    captured: &Captured,
    answer: &Answer<'_>,
    handoff: Option<&mut Handoff>,
    stage: Stage,
    back: bool,
) {
    if stage == Stage::Won {
        let amount = answer.amount.or_else(|| {
            answer
                .remote
                .as_ref()
                .and_then(|remote| case.book.mirror.get(remote))
                .and_then(|row| row.facts.amount)
        });
        let all = amount.map(|amount| origin::won_in_all(case.lead, amount));
        case.lead.won_amount = all.or(case.lead.won_amount);
    }
    let ended = matches!(stage, Stage::Won | Stage::Lost);
    let tag = answer.rule.map_or(stage.as_str(), |rule| rule.tag.as_str());
    let Some(handoff) = handoff else {
        if case.lead.stage != stage {
            awake(case);
            case.stage(stage);
        }
        return;
    };
    if behind_its_deal(case, answer, stage) {
        case.say(Reason::new("late_answer"));
        return;
    }
    let state = if ended { HandoffState::Answered } else { HandoffState::Accepted };
    // Being told what we wrote ourselves is no answer.
    if stage == Stage::WithSales {
        if !handoff.state.is_open() && handoff.state != HandoffState::Answered {
            return;
        }
        if handoff.state == HandoffState::Accepted {
            case.state(handoff, HandoffState::WithSales);
            case.stage(stage);
        }
        return;
    }
    if handoff.state == state && case.lead.stage == stage && handoff.feedback.as_deref() == Some(tag) {
        return;
    }
    handoff.clocks.answered.get_or_insert(captured.at);
    case.state(handoff, state);
    awake(case);
    case.stage(stage);
    case.lead.feedback = Some(tag.to_owned());
    handoff.feedback = Some(tag.to_owned());
    if answer.remark.is_some() {
        handoff.remark.clone_from(&answer.remark);
    }
    if stage == Stage::Accepted {
        sla::accepted(case, handoff);
    } else {
        handoff.due = None;
    }
    if !back {
        keep(case, captured, answer, handoff, tag, String::new(), None);
        if captured.source.as_str().strip_prefix("crm:") != Some(handoff.link.as_str()) {
            transfer::record_now(case, handoff);
            tell::status(case, handoff, Some(stage), false);
        }
    }
}

/// Sales gave it back.
fn came_back(
    case: &mut Case<'_>,
    captured: &Captured,
    answer: &Answer<'_>,
    handoff: Option<&mut Handoff>,
    stage: Option<Stage>,
) {
    let tag = answer.rule.map_or("returned", |rule| rule.tag.as_str());
    let Some(handoff) = handoff else {
        if let Some(rule) = answer.rule {
            next::apply(case, &rule.next, None);
            case.lead.feedback = Some(rule.tag.clone());
        } else if let Some(stage) = stage {
            case.stage(stage);
        }
        return;
    };
    let ended = !handoff.state.is_open() && handoff.state != HandoffState::Answered;
    let completes = handoff.state == HandoffState::Returned
        && answer.rule.is_some()
        && handoff.feedback.as_deref() == Some("returned");
    if ended && !completes {
        case.say(Reason::new("late_answer"));
        return;
    }
    handoff.clocks.answered.get_or_insert(captured.at);
    handoff.feedback = Some(tag.to_owned());
    case.lead.feedback = Some(tag.to_owned());
    if answer.remark.is_some() {
        handoff.remark.clone_from(&answer.remark);
    }
    let (next, next_at) = if completes {
        case.push(Effect::ClearDeadline(next::chase_key(handoff.id)));
        next::finish(case, handoff, answer.rule.map(|rule| &rule.next))
    } else {
        give_back(
            case,
            handoff,
            &Return {
                state: HandoffState::Returned,
                next: answer.rule.map(|rule| &rule.next),
                stage,
                cool: false,
            },
        )
    };
    keep(case, captured, answer, handoff, tag, next, next_at);
    returned(case, captured, handoff, tag);
}

/// Tells of a return.
fn returned(case: &mut Case<'_>, captured: &Captured, handoff: &Handoff, tag: &str) {
    let rule = case.policy.feedback.get(tag);
    let label = match (rule, case.policy.language) {
        (Some(rule), Language::Zh) => rule.label.0.clone(),
        (Some(rule), Language::En) => rule.label.1.clone(),
        (None, language) => crate::because::word(tag, language).to_owned(),
    };
    let thing = captured.id.uuid().simple().to_string();
    let remark = handoff.remark.clone().unwrap_or_default();
    let happened = Happened {
        thing,
        ..Happened::of(Event::Returned, handoff).with("tag", label).with("remark", remark)
    };
    notice::raise(case, &happened);
}

/// A tag or a remark that changes nothing else.
fn noted(case: &mut Case<'_>, captured: &Captured, answer: &Answer<'_>, handoff: Option<&mut Handoff>) {
    let Some(handoff) = handoff else { return };
    if let Some(rule) = answer.rule {
        if handoff.feedback.as_deref() == Some(rule.tag.as_str()) && answer.remark.is_none() {
            return;
        }
        handoff.feedback = Some(rule.tag.clone());
        handoff.clocks.answered.get_or_insert(captured.at);
        case.lead.feedback = Some(rule.tag.clone());
        next::side_effects(case, &rule.next, Some(handoff));
    }
    if answer.remark.is_some() {
        handoff.remark.clone_from(&answer.remark);
    }
    if let Some(tag) = handoff.feedback.clone() {
        keep(case, captured, answer, handoff, &tag, String::new(), None);
        if captured.source.as_str().strip_prefix("crm:") != Some(handoff.link.as_str()) {
            tell::status(case, handoff, None, false);
        }
    }
}

/// A lead that sales work on rests no longer.
fn awake(case: &mut Case<'_>) {
    if case.lead.rest_until.take().is_some() {
        case.push(Effect::ClearDeadline(next::wake_key(case.lead.id)));
    }
    case.lead.track = None;
}

fn keep(
    case: &mut Case<'_>,
    captured: &Captured,
    answer: &Answer<'_>,
    handoff: &Handoff,
    tag: &str,
    next: String,
    next_at: Option<crate::time::Timestamp>,
) {
    case.say(Reason::new("answered").with("tag", tag));
    let lead = case.lead.id;
    case.push(Effect::KeepFeedback(Box::new(Feedback {
        capture: captured.id,
        handoff: handoff.id,
        lead,
        at: captured.at,
        tag: tag.to_owned(),
        remark: answer.remark.clone(),
        by: answer.by.clone().or_else(|| handoff.owner.as_ref().map(|owner| owner.crm_user.clone())),
        next,
        next_at,
    })));
}
