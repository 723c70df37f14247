//! `leadloop lead show --scores`: every point of a score with its receipt.

use leadloop_config::plan::Plan;
use leadloop_store::read::story::Story;
use leadloop_sync_core::facts::{self, Scene};
use leadloop_sync_core::policy::ScoreModel;
use leadloop_sync_core::score::{self, Part, Receipt};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};
use crate::when;

/// Touches whose receipts are read.
pub const MOST: u32 = 500;

fn receipts(model: &ScoreModel, story: &Story, plan: &Plan, now: Timestamp) -> Vec<Receipt> {
    let scene = Scene { lead: &story.lead, touch: None, policy: &plan.policy, now };
    score::explain(model, &story.lead, &story.touches, &facts::of(&scene), now)
}

/// Prints what each score is made of: what gave points, how many, and what is left of them.
///
/// # Errors
/// Where the output cannot be written.
pub fn print(screen: &Screen, plan: &Plan, story: &Story) -> Result<(), Failure> {
    let now = when::now();
    let points = score::all(&story.lead, &plan.policy, now);
    for model in &plan.policy.scores {
        let total = points.get(&model.name).copied().unwrap_or(0);
        screen.head(&format!("{}  {total}", model.name))?;
        if let Some(life) = model.half_life {
            let words = screen.words("points of touches halve in", "行为分半衰期");
            let text = format!("  {words} {}", when::length(life, screen.language()));
            screen.line(&screen.paint(Style::Note, &text))?;
        }
        let mut table = Rows::new(&[
            screen.words("for", "来由"),
            screen.words("when", "时间"),
            screen.words("#given", "#给分"),
            screen.words("#left today", "#今日剩余"),
        ])
        .indent(2);
        for receipt in receipts(model, story, plan, now) {
            let (what, at) = words(screen, plan, &receipt.part);
            table.push(vec![what, at, score::shown(receipt.given), score::shown(receipt.left)]);
        }
        if !table.is_empty() {
            screen.table(&table)?;
        }
    }
    Ok(())
}

fn words(screen: &Screen, plan: &Plan, part: &Part) -> (String, String) {
    let none = String::new;
    match part {
        Part::Attribute(when) => (when.clone(), none()),
        Part::Touch { kind, at, source } => {
            (format!("{kind} ({source})"), when::clock(*at, &plan.policy.zone))
        }
        Part::Others => (screen.words("touches before these", "更早的互动").to_owned(), none()),
        Part::Sent(from) => (format!("{} {from}", screen.words("sent by", "由其给出：")), none()),
        Part::Range => (screen.words("beyond the range of the model", "超出模型范围").to_owned(), none()),
    }
}

/// The same as JSON.
pub fn to_json(plan: &Plan, story: &Story) -> Value {
    let now = when::now();
    let points = score::all(&story.lead, &plan.policy, now);
    let models: Map<String, Value> = plan
        .policy
        .scores
        .iter()
        .map(|model| {
            let lines: Vec<Value> = receipts(model, story, plan, now)
                .into_iter()
                .map(|receipt| {
                    let micro = |points: i64| json!(score::shown(points));
                    json!({ "part": receipt.part, "given": micro(receipt.given), "left": micro(receipt.left) })
                })
                .collect();
            let total = points.get(&model.name).copied().unwrap_or(0);
            (model.name.clone(), json!({ "points": total, "receipts": lines }))
        })
        .collect();
    Value::Object(models)
}
