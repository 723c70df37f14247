//! What the CRM answered before a decision, and whether a mark stands twice.

use super::{Ending, doubles, poll};
use crate::because::Reason;
use crate::case::Case;
use crate::effect::Effect;
use crate::handoff::{Handoff, HandoffState};
use crate::lead::RemoteRef;
use crate::mirror::{MirrorRow, RemoteRecord};
use crate::mirror_read;
use crate::outbox::{FindBy, Operation};
use crate::transfer;

/// Most records of one answer that are read.
const MOST_FOUND: usize = 100;

/// The CRM answered.
pub(super) fn found(case: &mut Case<'_>, end: &Ending<'_>, records: &[RemoteRecord]) {
    let Operation::Find { object, by } = &end.delivery.operation else { return end.settled(case) };
    end.settled(case);
    if let FindBy::Mark(_) = by {
        let remotes: Vec<RemoteRef> =
            records.iter().map(|record| poll::remote_of(&end.delivery.link, record)).collect();
        doubles::found(case, end, &remotes);
        return;
    }
    let now = case.now();
    let rows: Vec<MirrorRow> = records
        .iter()
        .take(MOST_FOUND)
        .map(|record| mirror_read::read_by(case.policy, &end.delivery.link, record, now))
        .collect();
    for row in &rows {
        if poll::differs(case.book.mirror.get(&row.remote), row) {
            case.push(Effect::PutMirror(Box::new(row.clone())));
        }
    }
    case.say(Reason::new("crm_asked").with("object", object).with("found", rows.len()));
    let Some(mut handoff) = waiting(case, end) else { return };
    match by {
        FindBy::Id(id) if rows.is_empty() => {
            let detail =
                format!("the CRM named {object}/{id} as the record in the way, but does not show it");
            case.park(&mut handoff, "LL4208", &detail);
            case.put_handoff(handoff);
        }
        FindBy::Keys(_) if transfer::ask(case, &handoff, Some(object)) => case.put_handoff(handoff),
        _ => transfer::settle_decision(case, handoff, &rows, None),
    }
}

/// The CRM could not be asked: the mirror must do, and the decision says how old it is.
pub(super) fn in_vain(case: &mut Case<'_>, end: &Ending<'_>) {
    end.settled(case);
    if let Some(handoff) = waiting(case, end) {
        case.say(Reason::new("asked_in_vain"));
        transfer::settle_decision(case, handoff, &[], None);
    }
}

/// The hand-over, where it still waits for this answer.
fn waiting(case: &Case<'_>, end: &Ending<'_>) -> Option<Handoff> {
    end.handoff(case).filter(|handoff| handoff.state == HandoffState::Asking)
}
