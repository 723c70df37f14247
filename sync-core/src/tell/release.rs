//! A record goes back to the public pool: only from whom we gave it to. It is read first, since sales may have chosen
//! somebody else meanwhile, in their CRM or by an answer of their own, and their word counts.

use leadloop_mapping::{Record, Value};

use super::{set_answer, set_status, write_status};
use crate::because::Reason;
use crate::case::Case;
use crate::handoff::Handoff;
use crate::ids::HandoffId;
use crate::lead::RemoteRef;
use crate::mirror::MirrorRow;
use crate::mirror_read::roles_in;
use crate::outbox::{Delivery, FindBy, Operation, Purpose};
use crate::policy::Policy;

/// Reads the record; what follows is [`found`]. `false` where the CRM's records have no owner to take away.
pub(super) fn look_first(case: &mut Case<'_>, handoff: &Handoff, remote: &RemoteRef) -> bool {
    let crm = case.policy.crms.get(&handoff.link);
    if crm.is_none_or(|crm| roles_in(crm, &remote.object).owner.is_none()) {
        return false;
    }
    let mut delivery = case.delivery(&handoff.link, Purpose::Status, look_up(remote));
    delivery.handoff = Some(handoff.id);
    case.push(crate::effect::Effect::Enqueue(Box::new(delivery)));
    true
}

fn look_up(remote: &RemoteRef) -> Operation {
    Operation::Find { object: remote.object.clone(), by: FindBy::Id(remote.id.clone()) }
}

/// What is tried instead of a release that did not get through: whose the record is may have changed by then.
pub(crate) fn once_more(policy: &Policy, delivery: &Delivery) -> Option<Operation> {
    let Operation::Update { remote, record } = &delivery.operation else { return None };
    let owner = roles_in(policy.crms.get(&delivery.link)?, &remote.object).owner?;
    let releases = delivery.purpose == Purpose::Status && record.0.get(&owner) == Some(&Value::Null);
    releases.then(|| look_up(remote))
}

/// The record as it stands now. Where sales go on with it, by another hand-over, nothing is said.
pub(crate) fn found(case: &mut Case<'_>, handoff: &Handoff, row: &MirrorRow) {
    let Some(crm) = case.policy.crms.get(&handoff.link) else { return };
    if handoff.state.is_open() || is_handed_over(case, handoff.id, &row.remote) {
        return case.say(Reason::new("record_goes_on"));
    }
    let ours = handoff.owner.as_ref().map(|owner| &owner.crm_user);
    let mut record = Record::new();
    match &row.facts.owner {
        Some(chosen) if Some(chosen) != ours => case.say(Reason::new("owner_kept").with("owner", chosen)),
        _ => {
            if let Some(stage) = case.policy.handoff.returned_status {
                set_status(&mut record, crm, &row.remote.object, stage);
            }
            if let Some(field) = roles_in(crm, &row.remote.object).owner {
                record.set(field, Value::Null);
            }
        }
    }
    set_answer(&mut record, case, crm, handoff, &row.remote);
    write_status(case, handoff, &row.remote, record, Some(&row.fields));
}

/// Whether another open hand-over goes with the record.
fn is_handed_over(case: &Case<'_>, but: HandoffId, remote: &RemoteRef) -> bool {
    let mut others = case.book.handoffs.values().filter(|other| other.id != but && other.state.is_open());
    others.any(|other| other.remote.as_ref() == Some(remote))
}
