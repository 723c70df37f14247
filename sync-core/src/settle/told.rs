//! A write arrived: the hand-over is with sales, its clocks run, and both sides know what was agreed.

use leadloop_mapping::Record;

use super::Ending;
use crate::because::Reason;
use crate::capture::Identifier;
use crate::case::Case;
use crate::effect::{Effect, RemoteLink};
use crate::handoff::{Handoff, HandoffState};
use crate::ids::{HandoffId, SourceName};
use crate::lead::{Binding, RemoteRef, Stage};
use crate::mirror::{MirrorRow, RemoteRecord};
use crate::mirror_read;
use crate::notice::{self, Event, Happened};
use crate::outbox::{FindBy, Operation, PROBES, Purpose};
use crate::tell::{self, News};
use crate::time::Micros;
use crate::{agree, feedback, fill, sla, undo};

/// The record of a hand-over is there.
pub(super) fn written(case: &mut Case<'_>, end: &Ending<'_>, remote: &RemoteRef) {
    end.settled(case);
    let Some(mut handoff) = end.handoff(case) else { return };
    let record = match &end.delivery.operation {
        Operation::Create { record, .. } | Operation::Update { record, .. } => record.clone(),
        _ => Record::new(),
    };
    let told_of = case.book.links.get(remote).and_then(|link| link.handoff);
    let linked = link(case, Some(handoff.id), remote, &record);
    let row = mirror(case, remote, &record);
    agree::catch_up(case, linked, &row);
    check_later(case, end, &handoff);
    let first = told_of != Some(handoff.id);
    handoff.remote = Some(remote.clone());
    for (field, value) in &record.0 {
        handoff.agreed.0.insert(field.clone(), value.clone());
    }
    handoff.clocks.delivered.get_or_insert(case.moment.now);
    if matches!(handoff.state, HandoffState::Telling | HandoffState::Parked | HandoffState::Asking) {
        case.state(&mut handoff, HandoffState::WithSales);
        case.stage(Stage::WithSales);
        case.lead.owner.clone_from(&handoff.owner);
        case.lead.rest_until = None;
        case.lead.track = None;
        if let Some(owner) = &handoff.owner
            && let Some(reason) = tell::deputy_reason(case, &handoff.link, owner)
        {
            case.say(reason);
        }
        sla::start(case, &mut handoff);
        tell::brief(case, &handoff, remote, News::Handover);
        notice::raise(case, &Happened::of(Event::HandedOver, &handoff));
    } else if first && handoff.state == HandoffState::Accepted {
        // Said only when sales accepted: what they should know goes beside it.
        tell::brief(case, &handoff, remote, News::Handover);
        let stage = case.lead.stage;
        tell::status(case, &handoff, Some(stage), false);
    } else if !handoff.state.is_open() {
        ended_meanwhile(case, &handoff, remote);
    }
    case.put_handoff(handoff);
}

/// It ended while it was being told: the CRM must not believe otherwise. Where sales go on with the person by another record,
/// this one says so, and is taken from nobody.
fn ended_meanwhile(case: &mut Case<'_>, handoff: &Handoff, remote: &RemoteRef) {
    case.say(Reason::new("ended_while_told"));
    if handoff.state == HandoffState::Superseded {
        let other = case.book.open_handoff(case.lead.id).and_then(|kept| kept.remote.clone());
        return tell::brief(case, handoff, remote, News::SameAs(other.as_ref()));
    }
    let policy = case.policy;
    let release = policy.handoff.returned_to_public_pool;
    tell::status(case, handoff, policy.handoff.returned_status, release);
}

/// Keeps whose record it is and what was agreed, and that the lead is known by it.
pub(crate) fn link(
    case: &mut Case<'_>,
    handoff: Option<HandoffId>,
    remote: &RemoteRef,
    record: &Record,
) -> RemoteLink {
    let now = case.now();
    let known = case.book.links.get(remote);
    let mut link = RemoteLink {
        remote: remote.clone(),
        lead: case.lead.id,
        handoff: handoff.or_else(|| known.and_then(|link| link.handoff)),
        agreed: known.map(|link| link.agreed.clone()).unwrap_or_default(),
        at: now,
        pairs: known.map(|link| link.pairs.clone()).unwrap_or_default(),
        in_step: known.map(|link| link.in_step.clone()).unwrap_or_default(),
    };
    link.agreed.0.extend(record.0.clone());
    agree::written(&mut link, record);
    if case.lead.remotes.insert(remote.clone()) {
        let identifier = Identifier::new("crm_id", feedback::crm_id(remote));
        case.lead.identifiers.insert(identifier.clone());
        case.push(Effect::Bind(Binding {
            identifier,
            lead: case.lead.id,
            source: SourceName(format!("crm:{}", remote.link)),
            at: now,
            last_at: now,
        }));
    }
    link
}

/// The record of a lead that is not handed over is there. Nobody is told; from now on both sides keep in step.
pub(super) fn filled(case: &mut Case<'_>, end: &Ending<'_>, remote: &RemoteRef) {
    end.settled(case);
    let Operation::Create { record, .. } = &end.delivery.operation else { return };
    case.say(Reason::new("fill_written").with("record", feedback::crm_id(remote)));
    let linked = link(case, None, remote, record);
    let row = mirror(case, remote, record);
    agree::catch_up(case, linked, &row);
    fill::ended(case, end.delivery, |run| run.written += 1);
}

/// The mirror knows the record at once, so that the next decision does. The next poll brings the CRM's own version.
fn mirror(case: &mut Case<'_>, remote: &RemoteRef, record: &Record) -> MirrorRow {
    let known = case.book.mirror.get(remote);
    let mut fields = known.map(|row| row.fields.clone()).unwrap_or_default();
    fields.0.extend(record.0.clone());
    let record = RemoteRecord {
        object: remote.object.clone(),
        id: remote.id.clone(),
        fields,
        // Later than what was known: a page that was read before our write is told from one read after it.
        modified_at: known.and_then(|row| row.modified_at).map(|at| at + Micros(1)),
        deleted: false,
    };
    let mut row = mirror_read::read_by(case.policy, &remote.link, &record, case.now());
    row.facts.last_activity_at =
        row.facts.last_activity_at.max(known.and_then(|row| row.facts.last_activity_at));
    case.push(Effect::PutMirror(Box::new(row.clone())));
    row
}

/// After a second create the mark is looked up once more: should both have arrived, the double is said.
fn check_later(case: &mut Case<'_>, end: &Ending<'_>, handoff: &Handoff) {
    let Operation::Create { object, mark, .. } = &end.delivery.operation else { return };
    if end.delivery.probe != Some(PROBES) {
        return;
    }
    let operation = Operation::Find { object: object.clone(), by: FindBy::Mark(mark.clone()) };
    let mut check = case.delivery(&end.delivery.link, Purpose::Ask, operation);
    check.stream.push_str("/check");
    check.handoff = Some(handoff.id);
    if let Some(crm) = case.policy.crms.get(&end.delivery.link) {
        check.due_at = check.due_at + crm.find_late;
    }
    case.push(Effect::Enqueue(Box::new(check)));
}

/// A status or an owner was written: from now on that is agreed.
pub(super) fn status_written(case: &mut Case<'_>, end: &Ending<'_>) {
    end.settled(case);
    let Operation::Update { remote, record } = &end.delivery.operation else { return };
    let Some(known) = case.book.links.get(remote) else { return };
    let mut agreed = known.clone();
    match end.delivery.purpose {
        Purpose::Fields => {
            agree::written(&mut agreed, record);
            undo::written(case, &mut agreed, record, end.delivery.id);
        }
        _ => agreed.agreed.0.extend(record.0.clone()),
    }
    agreed.at = case.now();
    case.push(Effect::LinkRemote(Box::new(agreed)));
    mirror(case, remote, record);
}

/// The record as it stands now, before something is sent to it. The mirror does not learn of it here: what sales changed
/// on it is for the poll to tell.
pub(super) fn read_again(case: &mut Case<'_>, end: &Ending<'_>, records: &[RemoteRecord]) {
    end.settled(case);
    for record in records.iter().filter(|record| !record.deleted) {
        let row = mirror_read::read_by(case.policy, &end.delivery.link, record, case.now());
        agree::looked(case, &row);
    }
}

/// A record that is to go back to the public pool, as it stands now.
pub(super) fn read_for_release(case: &mut Case<'_>, end: &Ending<'_>, records: &[RemoteRecord]) {
    end.settled(case);
    let Some(handoff) = end.handoff(case) else { return };
    for record in records.iter().filter(|record| !record.deleted) {
        let row = mirror_read::read_by(case.policy, &end.delivery.link, record, case.now());
        tell::release::found(case, &handoff, &row);
    }
}
