//! The story of a lead as JSON.

use leadloop_config::plan::Plan;
use leadloop_store::read::story::Story;
use leadloop_sync_core::handoff::Handoff;
use leadloop_sync_core::lead::ScoreState;
use leadloop_sync_core::outbox::DeliveryState;
use leadloop_sync_core::policy::ScoreModel;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value, json};

use super::story::spans;
use crate::privacy::Privacy;
use crate::{when, words};

/// The whole story.
pub fn story(story: &Story, plan: &Plan, privacy: Privacy) -> Value {
    let lead = &story.lead;
    let now = when::now();
    let profile: Map<String, Value> = lead
        .profile
        .iter()
        .map(|(name, fact)| {
            let said = json!({
                "value": privacy.field(name, &fact.value), "source": fact.source, "at": fact.at.to_string(),
            });
            (name.clone(), said)
        })
        .collect();
    let scores: Map<String, Value> = plan
        .policy
        .scores
        .iter()
        .filter_map(|model| {
            Some((model.name.clone(), json!(score(model, lead.scores.get(&model.name)?, now))))
        })
        .collect();
    json!({
        "lead": {
            "id": lead.id.to_string(), "stage": lead.stage.as_str(), "stage_since": lead.stage_since.to_string(),
            "profile": profile, "scores": scores, "mql": lead.mql, "mql_at": lead.mql_at.map(|at| at.to_string()),
            "identifiers": lead.identifiers.iter().map(|one| privacy.identifier(one)).collect::<Vec<_>>(),
            "origin": {
                "source": lead.origin.source, "channel": lead.origin.channel, "campaign": lead.origin.campaign,
                "at": lead.origin.at.to_string(),
            },
            "consent": lead.consent.iter().map(|(purpose, consent)| (purpose.clone(), json!({
                "given": consent.given, "at": consent.at.to_string(), "source": consent.source,
                "text_version": consent.text_version,
            }))).collect::<Map<_, _>>(),
            "owner": lead.owner.as_ref().map(words::owner),
            "records": lead.remotes, "tags": lead.tags, "track": lead.track, "feedback": lead.feedback,
            "rest_until": lead.rest_until.map(|at| at.to_string()), "recycled": lead.recycled,
            "won_amount": lead.won_amount,
        },
        "merged": story.merged.iter().map(|lead| lead.id.to_string()).collect::<Vec<_>>(),
        "handoffs": story.handoffs.iter().map(handoff).collect::<Vec<_>>(),
        "touches_total": story.touches_total,
        "touches": story.touches.iter().map(|touch| json!({
            "at": touch.at.to_string(), "kind": touch.kind, "source": touch.source, "channel": touch.channel,
            "points": touch.points,
            "fields": touch.fields.iter().map(|(name, value)| (name.to_owned(), json!(privacy.field(name, value))))
                .collect::<Map<_, _>>(),
        })).collect::<Vec<_>>(),
        "decisions": decisions(story, privacy),
        "deliveries": deliveries(story),
        "answers": story.feedback.iter().map(|answer| json!({
            "at": answer.at.to_string(), "tag": answer.tag, "remark": answer.remark, "by": answer.by,
            "next": answer.next, "next_at": answer.next_at.map(|at| at.to_string()),
        })).collect::<Vec<_>>(),
        "deadlines": story.deadlines.iter().map(|deadline| json!({
            "at": deadline.at.to_string(), "kind": deadline.kind,
            "handoff": deadline.handoff.map(|handoff| handoff.to_string()),
        })).collect::<Vec<_>>(),
        "reasons": story.reasons.iter().map(|kept| json!({
            "at": kept.at.to_string(), "verb": kept.verb, "config": kept.config,
            "reasons": kept.reasons.iter().map(|reason| json!({
                "code": reason.code, "args": reason.args,
                "en": reason.say(leadloop_sync_core::because::Language::En),
                "zh": reason.say(leadloop_sync_core::because::Language::Zh),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

/// The points of a model now: what was earned, faded, within the model's range.
pub fn score(model: &ScoreModel, state: &ScoreState, now: Timestamp) -> i64 {
    leadloop_sync_core::score::points(model, state, now)
}

fn handoff(handoff: &Handoff) -> Value {
    let clocks: Map<String, Value> = spans(&handoff.clocks)
        .into_iter()
        .map(|(name, _, micros)| (format!("{name}_us"), json!(micros)))
        .collect();
    json!({
        "id": handoff.id.to_string(), "crm": handoff.link, "state": handoff.state.as_str(),
        "since": handoff.state_since.to_string(), "opened_at": handoff.opened_at.to_string(),
        "rule": handoff.rule, "owner": handoff.owner.as_ref().map(words::owner), "record": handoff.remote,
        "feedback": handoff.feedback, "remark": handoff.remark, "due": handoff.due.map(|at| at.to_string()),
        "clocks": clocks, "parked": handoff.parked.as_ref().map(|(code, detail)| json!({ "code": code, "detail": detail })),
    })
}

fn decisions(story: &Story, privacy: Privacy) -> Vec<Value> {
    let tried = |tried: &leadloop_sync_core::handoff::Tried| {
        let saw: Map<String, Value> = tried
            .saw
            .iter()
            .map(|(name, value)| {
                let field = name.rsplit('.').next().unwrap_or(name);
                (name.clone(), json!(privacy.field(field, value)))
            })
            .collect();
        json!({ "rule": tried.rule, "held": tried.held, "saw": saw })
    };
    story
        .decisions
        .iter()
        .map(|record| {
            json!({
                "id": record.id.to_string(), "handoff": record.handoff.to_string(), "at": record.at.to_string(),
                "config": record.config, "rule": record.rule, "action": record.action,
                "tried": record.tried.iter().map(tried).collect::<Vec<_>>(),
                "considered": record.considered.iter().map(|one| json!({
                    "person": one.person, "outcome": one.outcome,
                })).collect::<Vec<_>>(),
                "mirror_age_secs": record.mirror_age,
            })
        })
        .collect()
}

fn deliveries(story: &Story) -> Vec<Value> {
    story
        .deliveries
        .iter()
        .map(|told| {
            let delivery = &told.delivery;
            let state = match &delivery.state {
                DeliveryState::Due => json!("due"),
                DeliveryState::Claimed { .. } => json!("claimed"),
                DeliveryState::Settled => json!("settled"),
                DeliveryState::Parked { code, detail } => json!({ "parked": { "code": code, "detail": detail } }),
            };
            json!({
                "id": delivery.id.to_string(), "link": delivery.link, "purpose": delivery.purpose,
                "operation": words::operation(&delivery.operation), "state": state, "attempt": delivery.attempt,
                "created_at": delivery.created_at.to_string(), "due_at": delivery.due_at.to_string(),
                "settled_at": told.settled_at.map(|at| at.to_string()),
                "attempts": told.attempts.iter().map(|note| json!({
                    "at": note.at.to_string(), "class": note.class, "detail": note.detail,
                })).collect::<Vec<_>>(),
            })
        })
        .collect()
}
