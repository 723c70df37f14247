//! `leadloop score`: counting everybody's scores anew under changed models, with a comparison first.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use leadloop_config::plan::Plan;
use leadloop_server::orders::Order;
use leadloop_server::recount::{self, Slice};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::moment::Moment;
use serde_json::{Map, Value, json};

use crate::args::{General, Recompute, Score};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, question, when};

/// Leads that are named on the screen.
const NAMED: usize = 20;

/// Does what was asked.
///
/// # Errors
/// Where config or store cannot be used, or another config is in force.
pub async fn run(screen: &mut Screen, general: &General, command: Score) -> Result<(), Failure> {
    match command {
        Score::Recompute(args) => recompute(screen, general, &args).await,
    }
}

async fn recompute(screen: &mut Screen, general: &General, args: &Recompute) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    if args.dry_run || !args.yes {
        let compared = compare(screen, &plan).await?;
        show(screen, &compared, false)?;
        if args.dry_run || compared.changed == 0 {
            return Ok(());
        }
        if !screen.is_attended() {
            screen.aside(
                screen.words("nothing was written; --yes applies it", "未写入任何内容；加 --yes 执行"),
            );
            return Ok(());
        }
        let sure = screen.words("count everybody anew as shown?", "按上述结果重新计算？");
        if !question::confirmed(screen, sure)? {
            return Ok(());
        }
    }
    let applied = apply(screen, &plan).await?;
    show(screen, &applied, true)
}

async fn compare(screen: &Screen, plan: &Arc<Plan>) -> Result<Slice, Failure> {
    let store = plan::reading(plan).await?;
    let bar = bar(screen);
    let mut moment = Moment::new(when::now(), 1);
    let mut all = Slice::default();
    loop {
        let slice = recount::compare(&store, plan, all.last, &mut moment).await?;
        let Some(last) = slice.last else { break };
        all.add(slice);
        all.last = Some(last);
        bar.set_message(all.people.to_string());
        bar.tick();
    }
    bar.finish_and_clear();
    store.close().await;
    Ok(all)
}

async fn apply(screen: &Screen, plan: &Arc<Plan>) -> Result<Slice, Failure> {
    let desk = Desk::open(plan).await?;
    let bar = bar(screen);
    let mut all = Slice::default();
    // What broke off is taken up where it stopped.
    let mut after: Option<LeadId> = desk.recount_reached(plan).await?;
    loop {
        let order = Order::Recount(recount::Order { after, config: plan.hash.clone() });
        let slice = desk.carry_out(order).await?.recount.unwrap_or_default();
        let Some(last) = slice.last else { break };
        all.add(slice);
        after = Some(last);
        bar.set_message(all.people.to_string());
        bar.tick();
    }
    bar.finish_and_clear();
    desk.close().await?;
    Ok(all)
}

fn bar(screen: &Screen) -> ProgressBar {
    if !screen.draws() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar
}

fn show(screen: &Screen, slice: &Slice, done: bool) -> Result<(), Failure> {
    if screen.is_json() {
        return Ok(screen.json(&to_json(slice, done))?);
    }
    let mut table = Rows::new(&[
        screen.words("model", "模型"),
        screen.words("#other points", "#分数变化"),
        screen.words("#sum before", "#原总分"),
        screen.words("#sum after", "#新总分"),
    ]);
    for (name, shift) in &slice.models {
        let numbers = [shift.people.to_string(), shift.before.to_string(), shift.after.to_string()];
        table.push(std::iter::once(name.clone()).chain(numbers).collect());
    }
    screen.table(&table)?;
    screen.line(&summary(screen, slice, done))?;
    for (words, list) in [
        (screen.words("become an MQL:", "成为 MQL："), &slice.new_mqls),
        (screen.words("stop being an MQL:", "不再是 MQL："), &slice.lost_mqls),
    ] {
        name_some(screen, words, list)?;
    }
    if slice.too_long > 0 {
        let words = screen.words(
            "leads with more than 20,000 touches stay as they are:",
            "互动超过 2 万条的线索保持不变：",
        );
        screen.line(&format!("{words} {}", slice.too_long))?;
    }
    Ok(())
}

fn to_json(slice: &Slice, done: bool) -> Value {
    let shift = |shift: &recount::Shift| json!({ "people": shift.people, "before": shift.before, "after": shift.after });
    let models: Map<String, Value> =
        slice.models.iter().map(|(name, of)| (name.clone(), shift(of))).collect();
    let ids = |list: &[LeadId]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "applied": done, "people": slice.people, "changed": slice.changed, "moved": slice.moved,
        "too_long": slice.too_long, "become_mql": ids(&slice.new_mqls), "stop_mql": ids(&slice.lost_mqls),
        "models": models,
    })
}

fn summary(screen: &Screen, slice: &Slice, done: bool) -> String {
    let (people, changed, moved) = (slice.people, slice.changed, slice.moved);
    let (new, lost) = (slice.new_mqls.len(), slice.lost_mqls.len());
    match (screen.language(), done) {
        (Language::En, false) => format!(
            "{people} leads looked at, {changed} would change; {new} would become an MQL, {lost} would stop being one, \
             {moved} would change pools"
        ),
        (Language::En, true) => format!(
            "{people} leads counted anew, {changed} changed; {new} became an MQL, {lost} stopped being one, {moved} \
             changed pools"
        ),
        (Language::Zh, false) => format!(
            "共检查 {people} 条线索，{changed} 条将变化；{new} 条将成为 MQL，{lost} 条将不再是 MQL，{moved} 条将换线索池"
        ),
        (Language::Zh, true) => format!(
            "已重新计算 {people} 条线索，{changed} 条有变化；{new} 条成为 MQL，{lost} 条不再是 MQL，{moved} 条换了线索池"
        ),
    }
}

fn name_some(screen: &Screen, words: &str, list: &[LeadId]) -> Result<(), Failure> {
    if list.is_empty() {
        return Ok(());
    }
    screen.line(words)?;
    for lead in list.iter().take(NAMED) {
        screen.line(&format!("  {lead}"))?;
    }
    if list.len() > NAMED {
        let more = screen.words("all of them: --output json", "完整列表：--output json");
        screen.line(&screen.paint(Style::Note, &format!("  … {more}")))?;
    }
    Ok(())
}
