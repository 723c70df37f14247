//! Writing hand-overs, the decisions on them and the answers of sales.

use crate::cell::{Rows, args};
use crate::doc::text;
use crate::error::StoreError;
use crate::statement::{DECISION_PUT, FEEDBACK_PUT, HANDOFF_PUT};

use super::gather::Changes;
use super::queue::Queue;

type Result<T> = std::result::Result<T, StoreError>;

pub(super) async fn put(queue: &Queue, changes: &Changes<'_>) -> Result<()> {
    put_handoffs(queue, changes).await?;
    if !changes.decisions.is_empty() {
        let mut list = Rows::of(&DECISION_PUT, 1);
        for decision in &changes.decisions {
            list.add(decision.id).add(decision.handoff).add(decision.lead).add(decision.at);
            list.add(&decision.config).add(decision.rule.as_ref()).add(text(decision)?);
        }
        queue.run(&DECISION_PUT, args![list]).await?;
    }
    if !changes.feedback.is_empty() {
        let mut list = Rows::of(&FEEDBACK_PUT, 1);
        for said in &changes.feedback {
            list.add(said.handoff).add(said.capture).add(said.lead).add(said.at).add(&said.tag);
            list.add(said.remark.as_ref()).add(said.by.as_ref()).add(&said.next).add(said.next_at);
        }
        queue.run(&FEEDBACK_PUT, args![list]).await?;
    }
    Ok(())
}

async fn put_handoffs(queue: &Queue, changes: &Changes<'_>) -> Result<()> {
    if changes.handoffs.is_empty() {
        return Ok(());
    }
    let mut list = Rows::of(&HANDOFF_PUT, 1);
    // Closed ones first: where one takes the place of another in this batch, the place must be free before.
    let closed = changes.handoffs.values().filter(|handoff| !handoff.state.is_open());
    let open = changes.handoffs.values().filter(|handoff| handoff.state.is_open());
    for handoff in closed.chain(open) {
        let owner = handoff.owner.as_ref();
        list.add(handoff.id).add(handoff.version).add(handoff.lead).add(&handoff.link);
        list.add(handoff.state.as_str()).add(handoff.state.is_open()).add(handoff.state_since);
        list.add(handoff.opened_at).add(handoff.clocks.delivered).add(handoff.clocks.answered);
        list.add(handoff.due).add(handoff.rule.as_ref()).add(owner.map(|owner| &owner.crm_user));
        list.add(owner.and_then(|owner| owner.person.as_ref())).add(handoff.company_key.as_ref());
        list.add(handoff.feedback.as_ref()).add(handoff.parked.as_ref().map(|(code, _)| code));
        list.add(text(handoff)?);
    }
    let count = list.len();
    queue.run_all(&HANDOFF_PUT, args![list], count, "hand-over").await
}
