//! Stage 7, feedback: what sales answered, and the next action that answer prescribes.
//!
//! Answers come as captures of kind feedback: from the CRM's mirror ([`crate::settle`] makes them), from files and tools
//! (`answer.*` fields), from an answer page. A stage may go backwards: recycling is normal. What a value means is read
//! here; the next action is carried out in [`next`].

mod answer;
mod next;
mod revise;

use leadloop_mapping::{Record, Value};

use crate::because::{Because, Reason};
use crate::book::{Book, Needs};
use crate::capture::{CaptureEnd, Captured};
use crate::case::Case;
use crate::effect::{Effect, Reaction};
use crate::handoff::Handoff;
use crate::ids::{HandoffId, LinkName};
use crate::lead::{Lead, RemoteRef, Stage};
use crate::matching::{self, Subject};
use crate::mirror::MirrorRow;
use crate::mirror_read::{OPPORTUNITY, roles_in};
use crate::moment::Moment;
use crate::policy::{CrmPolicy, Policy, StatusMeaning};
use crate::{agree, desk, fuse, routing};

pub(crate) use next::{Return, Wake, give_back, overdue_key, take_over, wake};
pub use revise::ANSWER_PAGE;

/// The value of a CRM record's identifier (kind `crm_id`): `sales/lead/42`.
#[must_use]
pub fn crm_id(remote: &RemoteRef) -> String {
    format!("{}/{}/{}", remote.link, remote.object, remote.id)
}

/// What a status value means; `None` where the config does not say.
#[must_use]
pub fn meaning_of(crm: &CrmPolicy, object: &str, value: &str) -> Option<StatusMeaning> {
    let policy = crm.status.iter().find(|status| status.object == object)?;
    policy.read.get(value).or_else(|| policy.read.get("*")).copied()
}

/// Where a row's answers stand: the name of the answer, the CRM's field, its value as text.
pub(crate) fn told(crm: &CrmPolicy, row: &MirrorRow) -> Vec<(&'static str, String, Option<String>)> {
    let object = row.remote.object.as_str();
    let roles = roles_in(crm, object);
    let value = |field: &str| {
        let value = row.fields.get(field).filter(|value| !value.is_blank())?;
        Some(value.to_display().trim().to_owned())
    };
    let answers = crm.feedback.as_ref().filter(|feedback| feedback.object == object);
    let named = crm.status.iter().any(|status| status.object == object);
    let fields = [
        ("answer.status", roles.status.as_deref().filter(|_| named)),
        ("answer.amount", roles.amount.as_deref()),
        ("answer.feedback", answers.map(|feedback| feedback.field.as_str())),
        ("answer.remark", answers.and_then(|feedback| feedback.remark.as_deref())),
        ("answer.released", answers.and_then(|feedback| feedback.released.as_deref())),
        // Whoever works on an opportunity need not be who follows the person.
        ("answer.owner", roles.owner.as_deref().filter(|_| object != OPPORTUNITY)),
    ];
    let known = fields.into_iter().filter_map(|(name, field)| field.map(|field| (name, field)));
    known.map(|(name, field)| (name, field.to_owned(), value(field))).collect()
}

/// What a row says by its roles alone, where the config names no status: won, lost, converted, deleted, there again.
pub(crate) fn by_roles(crm: &CrmPolicy, before: Option<&MirrorRow>, row: &MirrorRow, fields: &mut Record) {
    let object = row.remote.object.as_str();
    let named = crm.status.iter().any(|status| status.object == object);
    let was = before.map(|row| &row.facts);
    if row.deleted {
        if before.is_none_or(|before| !before.deleted) {
            fields.set("answer.deleted", true);
            if let Some(survivor) = &row.facts.merged_into {
                fields.set("answer.merged_into", survivor.id.as_str());
            }
        }
        return;
    }
    if before.is_some_and(|before| before.deleted) {
        fields.set("answer.restored", true);
    }
    if !named && row.facts.won != was.and_then(|was| was.won) {
        let stage = match row.facts.won {
            Some(true) => Stage::Won,
            Some(false) => Stage::Lost,
            None => Stage::Opportunity,
        };
        fields.set("answer.stage", stage.as_str());
    } else if !named && object == OPPORTUNITY && before.is_none() {
        fields.set("answer.stage", Stage::Opportunity.as_str());
    }
    let converted = |facts: &crate::mirror::MirrorFacts| !facts.converted.is_empty();
    if converted(&row.facts) && !was.is_some_and(converted) {
        fields.set("answer.converted", true);
    }
}

/// The record an answer is about, where it names one.
#[must_use]
pub fn remote_of(captured: &Captured) -> Option<RemoteRef> {
    let text = |name: &str| captured.fields.get(name).map(Value::to_display).filter(|text| !text.is_empty());
    let link = LinkName(text("answer.link")?);
    Some(RemoteRef { link, object: text("answer.object")?, id: text("answer.id")? })
}

/// The hand-over an answer names by our own id.
#[must_use]
pub fn handoff_of(captured: &Captured) -> Option<HandoffId> {
    captured.fields.text("answer.handoff").and_then(|id| id.parse().ok())
}

/// What must be known before answers can be understood, beside the leads of their identifiers.
#[must_use]
pub fn needs(captured: &[Captured]) -> Needs {
    let mut needs = Needs::default();
    for captured in captured {
        needs.remotes.extend(remote_of(captured));
        needs.handoffs.extend(handoff_of(captured));
        needs.identifiers.extend(captured.who.iter().cloned());
        needs.identifiers.extend(agree::identifiers(captured));
    }
    needs
}

/// What must be known then: what is remembered of the leads they are about.
#[must_use]
pub fn needs_more(book: &Book, captured: &[Captured], policy: &Policy) -> Needs {
    let mut needs = Needs::default();
    for captured in captured {
        if let Some((lead, handoff)) = whose(book, captured) {
            needs.counters.insert(routing::dealings_key(lead.id));
            needs.counters.insert(next::source_key(&lead.origin.source));
            let remote = remote_of(captured).map(|remote| remote.link);
            let links = remote.into_iter().chain(handoff.map(|handoff| handoff.link.clone()));
            needs.counters.extend(links.flat_map(|link| fuse::counters(policy, &link)));
            let by_its_row = ["answer.owner", "answer.deleted", "answer.restored"];
            let by_its_row = by_its_row.iter().any(|name| captured.fields.get(name).is_some());
            needs.rows.extend(remote_of(captured).filter(|_| by_its_row));
            needs.rows.extend(handoff.and_then(|handoff| handoff.remote.clone()));
            needs.rows.extend(lead.remotes.iter().filter(|_| agree::concerns(captured)).cloned());
            if let Some(crate::handoff::Action::Update { remote, .. }) =
                handoff.and_then(|handoff| handoff.action.as_ref())
            {
                needs.rows.insert(remote.clone());
            }
            needs.touches_of.insert(lead.id);
            if desk::verdict_of(captured).is_some() {
                needs.extend(matching::needs(&[Subject::of(lead)], policy));
            }
        }
    }
    needs
}

/// Whose answer it is, and on which hand-over: by the record's link, else by who it names.
fn whose<'b>(book: &'b Book, captured: &Captured) -> Option<(&'b Lead, Option<&'b Handoff>)> {
    // The answer page and commands name the hand-over itself.
    if let Some(handoff) = handoff_of(captured).and_then(|id| book.handoffs.get(&id)) {
        return Some((book.resolve(handoff.lead)?, Some(handoff)));
    }
    let link = remote_of(captured).and_then(|remote| book.links.get(&remote));
    let lead = match link {
        Some(link) => book.resolve(link.lead)?,
        None => captured.who.iter().find_map(|identifier| book.lead_of(identifier))?,
    };
    let named = link.and_then(|link| link.handoff).and_then(|id| book.handoffs.get(&id));
    let latest = || {
        let of_person =
            |handoff: &&Handoff| book.resolve(handoff.lead).is_some_and(|whose| whose.id == lead.id);
        book.handoffs.values().filter(of_person).max_by_key(|handoff| handoff.opened_at)
    };
    Some((lead, named.or_else(|| book.open_handoff(lead.id)).or_else(latest)))
}

/// Takes in an answer of sales.
#[must_use]
pub fn listen(book: &Book, captured: &Captured, policy: &Policy, moment: &mut Moment) -> Reaction {
    let Some((lead, handoff)) = whose(book, captured) else {
        let detail =
            "no lead has these identifiers, and no record of ours has this id; import the lead, then retry";
        return parked(captured, "LL4303", detail);
    };
    let handoff = handoff.cloned();
    let before = lead.clone();
    let mut lead = lead.clone();
    let mut case = Case::new(book, policy, moment, &mut lead);
    case.because.capture = Some(captured.id);
    if let Some(verdict) = desk::verdict_of(captured) {
        let (id, on) = (captured.id, handoff.as_ref().map(|handoff| handoff.id));
        let news = desk::take(&mut case, captured, verdict, handoff);
        let lead = case.lead.id;
        let end = if news { CaptureEnd::Answered { lead, handoff: on } } else { CaptureEnd::Nothing };
        case.push(Effect::FinishCapture { id, end });
        return case.finish(&before);
    }
    let read = match answer::read(&case, captured) {
        Ok(read) => read,
        Err(refused) => return refused.park(case, captured),
    };
    let may = answer::may_change_owner(&mut case, captured, &read, handoff.as_ref())
        .and_then(|()| answer::may_be_deleted(&mut case, &read));
    if let Err((code, detail)) = may {
        return answer::hold(case, captured, code, &detail);
    }
    let id = captured.id;
    let on = handoff.as_ref().map(|handoff| handoff.id);
    let mut news = answer::take(&mut case, captured, &read, handoff);
    if let Some(remote) = remote_of(captured).filter(|_| agree::concerns(captured)) {
        news |= agree::listen(&mut case, &remote, captured);
    }
    let end = if news {
        CaptureEnd::Answered { lead: case.lead.id, handoff: on }
    } else {
        case.say(Reason::new("nothing_new"));
        CaptureEnd::Nothing
    };
    case.push(Effect::FinishCapture { id, end });
    case.finish(&before)
}

fn parked(captured: &Captured, code: &str, detail: &str) -> Reaction {
    let end = CaptureEnd::Parked { code: code.to_owned(), detail: detail.to_owned() };
    let mut because = Because { capture: Some(captured.id), ..Because::default() };
    because.push(Reason::new("parked").with("code", code));
    Reaction { effects: vec![Effect::FinishCapture { id: captured.id, end }], because }
}
