//! Sales changed their mind: an answer given on the answer page is taken back before the new one is taken in.

use crate::because::Reason;
use crate::capture::Captured;
use crate::case::Case;
use crate::effect::Effect;
use crate::handoff::{Handoff, HandoffState};
use crate::lead::Stage;
use crate::{sla, tell};

use super::next;

/// The source of answers given on the answer page.
pub const ANSWER_PAGE: &str = "answer_page";

/// Undoes a return that was said on the answer page, where nothing has come of it yet: the hand-over is with sales again as it
/// was, and the new answer is taken in like a first one.
pub(super) fn undo(case: &mut Case<'_>, captured: &Captured, handoff: &mut Handoff) {
    let page = captured.source.as_str() == ANSWER_PAGE;
    let rests = matches!(case.lead.stage, Stage::Resting | Stage::Raw | Stage::Closed);
    if !page || handoff.state != HandoffState::Returned || !rests || case.lead.mql {
        return;
    }
    case.say(Reason::new("answer_changed"));
    case.dealings().at.pop();
    if let Some(person) = handoff.owner.as_ref().and_then(|owner| owner.person.clone()) {
        case.dealings().cool.remove(&person);
    }
    case.dealings().prefer = None;
    case.lead.recycled = case.lead.recycled.saturating_sub(1);
    if case.lead.rest_until.take().is_some() {
        case.push(Effect::ClearDeadline(next::wake_key(case.lead.id)));
    }
    case.push(Effect::ClearDeadline(next::chase_key(handoff.id)));
    case.lead.track = None;
    case.lead.owner.clone_from(&handoff.owner);
    handoff.feedback = None;
    handoff.remark = None;
    case.stage(Stage::WithSales);
    case.state(handoff, HandoffState::WithSales);
    if case.policy.handoff.returned_to_public_pool {
        tell::owner_again(case, handoff);
    }
    sla::accepted(case, handoff);
}
