//! Response time: how long sales may take, and what happens when. The clocks start when the CRM acknowledged.
//!
//! What a step does when its time has come is for [`crate::tick`].

use leadloop_mapping::expr::{Facts, SchemaBuilder, Type};
use serde_json::json;

use crate::because::Reason;
use crate::case::Case;
use crate::facts::{self, Scene};
use crate::handoff::{Handoff, HandoffState};
use crate::ids::HandoffId;
use crate::lead::Stage;
use crate::policy::{Policy, SlaRule, SlaStep};

/// Declares what response times may ask about the hand-over: `handoff.*`.
#[must_use]
pub fn handoff_schema(builder: SchemaBuilder) -> SchemaBuilder {
    builder
        .field("handoff.rule", Type::text().nullable())
        .field("handoff.owner", Type::text().nullable())
        .field("handoff.object", Type::text().nullable())
        .field("handoff.recycled", Type::at_least(0))
}

/// Starts the clocks of a hand-over: its first due time and a deadline for each step.
pub(crate) fn start(case: &mut Case<'_>, handoff: &mut Handoff) {
    let Some(rule) = rule_of(case, handoff) else {
        handoff.due = None;
        return;
    };
    let from = handoff.clocks.delivered.unwrap_or(case.moment.now);
    let calendar = &case.policy.calendar;
    let within = rule.accept_within.or(rule.result_within);
    handoff.due = within.map(|length| length.after(calendar, from));
    case.say(
        Reason::new("response_time")
            .with("rule", &rule.name)
            .with("due", handoff.due.map_or(String::new(), |due| due.to_string())),
    );
    for (at, step) in rule.steps.iter().enumerate() {
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        let due = step.after.after(&case.policy.calendar, from);
        case.deadline("sla", key(handoff.id, number, &rule.name), number, due, Some(handoff.id));
    }
}

/// The answer to the first clock came: the second one's time is due now.
pub(crate) fn accepted(case: &Case<'_>, handoff: &mut Handoff) {
    let rule = rule_of(case, handoff);
    let from = handoff.clocks.delivered.unwrap_or(handoff.opened_at);
    handoff.due =
        rule.and_then(|rule| rule.result_within).map(|length| length.after(&case.policy.calendar, from));
}

/// The response time that holds for a hand-over.
fn rule_of<'a>(case: &Case<'a>, handoff: &Handoff) -> Option<&'a SlaRule> {
    if case.policy.sla.is_empty() {
        return None; // the facts are not worth gathering
    }
    let mut facts =
        facts::json(&Scene { lead: case.lead, touch: None, policy: case.policy, now: case.moment.now });
    let owner = handoff.owner.as_ref();
    facts["handoff"] = json!({
        "rule": handoff.rule,
        "owner": owner.and_then(|owner| owner.person.as_ref()).map(|person| person.as_str()),
        "object": handoff.remote.as_ref().map(|remote| remote.object.as_str()),
        "recycled": case.lead.recycled,
    });
    let facts = Facts::from_json(&facts);
    case.policy.sla.iter().find(|rule| rule.when.eval_bool(&facts).unwrap_or(false))
}

/// The deadline of a step.
pub(crate) fn key(handoff: HandoffId, step: u32, rule: &str) -> String {
    format!("sla/{handoff}/{step}/{rule}")
}

/// The step a deadline stands for; `None` where the config has it no more.
pub(crate) fn step_of<'p>(policy: &'p Policy, key: &str, step: u32) -> Option<(&'p SlaRule, &'p SlaStep)> {
    let name = key.splitn(4, '/').nth(3)?;
    let rule = policy.sla.iter().find(|rule| rule.name == name)?;
    Some((rule, rule.steps.get(usize::try_from(step).ok()?)?))
}

/// Whether the clock of a step still runs: `accept` until sales said anything, `result` until there is one.
pub(crate) fn runs(handoff: &Handoff, stage: Stage, clock: &str) -> bool {
    let waits = match clock {
        "result" => matches!(handoff.state, HandoffState::WithSales | HandoffState::Accepted),
        _ => handoff.state == HandoffState::WithSales && handoff.clocks.answered.is_none(),
    };
    waits && !matches!(stage, Stage::Opportunity | Stage::Won | Stage::Lost)
}
