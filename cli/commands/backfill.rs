//! `leadloop backfill`: leads of the pool as records of a CRM, without handing them over: looked at first, then done, slice by
//! slice, with progress. What was broken off goes on when it is asked for again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use leadloop_config::plan::Plan;
use leadloop_mapping::expr::Expr;
use leadloop_server::fill::{self, Order as Slice};
use leadloop_server::orders::Order;
use leadloop_sync_core::facts;
use leadloop_sync_core::fill::{Fate, Run, Tally};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::moment::Moment;
use serde_json::{Value, json};

use super::lead::list::unreadable;
use crate::args::{Backfill, General};
use crate::failure::Failure;
use crate::orders::{Desk, refused};
use crate::screen::{Rows, Screen, Style};
use crate::{plan, question, when};

/// The pause while enough is on its way.
const PAUSE: Duration = Duration::from_millis(400);
/// Where nothing comes through for so long, nobody sends, or the CRM takes nothing: the command ends, and goes on another time.
const STALLED: Duration = Duration::from_secs(60);
/// So often a line is written where nobody looks at a terminal.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Does what was asked.
///
/// # Errors
/// Where config or store cannot be used, the filter cannot be read, or the mirror is not fresh (`LL4890`).
pub async fn run(screen: &mut Screen, general: &General, args: &Backfill) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let link = super::map::which(&plan, args.crm.as_deref())?;
    let filter = args.filter.as_deref().map(|text| read(&plan, text)).transpose()?;
    let store = plan::reading(&plan).await?;
    let last = fill::last(&store, &link).await?;
    if args.progress {
        store.close().await;
        let last = last.as_ref().map(|(last, run)| (last.run.as_str(), run));
        return progress(screen, &plan, last);
    }
    fill::ready(&store, &plan, &link, when::now()).await.map_err(refused)?;
    let would = look(screen, &store, &plan, &link, filter.as_ref()).await?;
    store.close().await;
    // A run that was broken off, or whose records are still on their way.
    let known =
        last.filter(|(last, run)| last.filter == args.filter && (!run.decided || run.under_way() > 0));
    if !screen.is_json() {
        show(screen, &would)?;
    }
    let wanted = would.of(Fate::Make) + would.of(Fate::Link) > 0 || known.is_some();
    let apply = args.apply && wanted && (args.yes || sure(screen, &would)?);
    if !apply {
        return end(screen, args, &would);
    }
    let name = known.map_or_else(|| super::undo::name("backfill", &plan), |(last, _)| last.run);
    let order = Slice {
        link,
        filter: args.filter.clone(),
        run: name.clone(),
        config: plan.hash.clone(),
        at_once: false,
    };
    let run = carry_out(screen, &plan, order, would.of(Fate::Make)).await?;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "would": tally_json(&would), "run": run_json(&name, &run) }))?);
    }
    progress(screen, &plan, Some((&name, &run)))
}

fn read(plan: &Plan, text: &str) -> Result<Expr, Failure> {
    Expr::filter(text, &facts::filter_schema(&plan.policy)).map_err(|problems| unreadable(text, &problems))
}

/// The dry run.
async fn look(
    screen: &Screen,
    store: &leadloop_store::Store,
    plan: &Plan,
    link: &LinkName,
    filter: Option<&Expr>,
) -> Result<Tally, Failure> {
    let bar = ProgressBar::new_spinner();
    if !screen.draws() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let (mut tally, mut after) = (Tally::default(), None);
    let mut moment = Moment::new(when::now(), 1);
    while let Some((some, last)) = fill::look(store, plan, (link, filter), after, &mut moment).await? {
        tally.add(some);
        after = Some(last);
        bar.set_message(tally.all().to_string());
        bar.tick();
    }
    bar.finish_and_clear();
    Ok(tally)
}

/// Orders slice after slice, and stays until all came through, or somebody interrupts: what was ordered goes on.
async fn carry_out(screen: &Screen, plan: &Arc<Plan>, mut order: Slice, would: u64) -> Result<Run, Failure> {
    let desk = Desk::open(plan).await?;
    order.at_once = desk.is_alone();
    let end = {
        let interrupted = tokio::signal::ctrl_c();
        tokio::select! {
            end = drive(screen, &desk, &order, would) => end,
            ended = interrupted => {
                ended?;
                let so_far = desk.carry_out(Order::Fill(order.clone())).await?.fill;
                so_far.map(|slice| slice.run).ok_or_else(broken)
            }
        }
    };
    desk.close().await?;
    end
}

async fn drive(screen: &Screen, desk: &Desk, order: &Slice, would: u64) -> Result<Run, Failure> {
    let bar = bar(screen);
    let mut said = Instant::now();
    let mut before: Option<u64> = None;
    let (mut moved, mut seen) = (Instant::now(), (0, 0));
    loop {
        let slice = desk.carry_out(Order::Fill(order.clone())).await?.fill.ok_or_else(broken)?;
        let run = slice.run;
        let through = run.written + run.met + run.refused;
        let from = *before.get_or_insert(through);
        if !run.decided || run.under_way() > 0 {
            bar.set_length(would.max(run.tally.of(Fate::Make)));
            if from > 0 && bar.position() == 0 {
                // What came through before does not count as pace.
                bar.reset_eta();
            }
            bar.set_position(through);
            if !screen.draws() && said.elapsed() >= SAID_EVERY {
                screen.aside(&line(screen, &run, would));
                said = Instant::now();
            }
        }
        if seen != (through, run.tally.all()) {
            (moved, seen) = (Instant::now(), (through, run.tally.all()));
        }
        let ends = run.decided && (order.at_once || run.under_way() == 0);
        if ends || moved.elapsed() > STALLED {
            bar.finish_and_clear();
            return Ok(run);
        }
        if slice.waits || run.decided {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn broken() -> Failure {
    Failure::outside("the running leadloop is of another version", "运行中的 leadloop 版本不同")
}

fn bar(screen: &Screen) -> ProgressBar {
    if !screen.draws() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let form = screen.words(
        "{bar:30} {pos}/{len} records  {per_sec}  {eta} left",
        "{bar:30} {pos}/{len} 条记录  {per_sec}  剩余 {eta}",
    );
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar
}

fn line(screen: &Screen, run: &Run, would: u64) -> String {
    let all = would.max(run.tally.of(Fate::Make));
    let through = run.written + run.met + run.refused;
    let took = u64::try_from((run.at - run.begun).as_secs()).unwrap_or(0).max(1);
    let left = (all.saturating_sub(through)).saturating_mul(took) / through.max(1);
    screen
        .words(
            "{n}/{all} records, {r} refused, about {s} s left",
            "{n}/{all} 条记录，{r} 条被拒绝，约剩 {s} 秒",
        )
        .replace("{n}", &through.to_string())
        .replace("{all}", &all.to_string())
        .replace("{r}", &run.refused.to_string())
        .replace("{s}", &left.to_string())
}

fn sure(screen: &Screen, would: &Tally) -> Result<bool, Failure> {
    if !screen.is_attended() {
        screen.aside(
            screen.words("nothing was done; --yes does it without asking", "未执行；加 --yes 直接执行"),
        );
        return Ok(false);
    }
    let text = screen
        .words("make {n} records and link {m} as shown?", "按上述结果创建 {n} 条记录并关联 {m} 条？")
        .replace("{n}", &would.of(Fate::Make).to_string())
        .replace("{m}", &would.of(Fate::Link).to_string());
    question::confirmed(screen, &text)
}

const fn words(fate: Fate) -> (&'static str, &'static str) {
    match fate {
        Fate::Make => ("a record is made, without an owner", "创建记录，无负责人"),
        Fate::Link => ("in the CRM already: linked, not made again", "已在 CRM 中：关联，不重复创建"),
        Fate::There => ("has its record", "已有记录"),
        Fate::UnderWay => ("its record is on its way", "记录正在创建"),
        Fate::WithSales => ("a hand-over runs", "转出进行中"),
        Fate::OfAnother => ("its record belongs to another lead", "记录属于另一条线索"),
        Fate::DeletedThere => ("its record was deleted in the CRM", "记录已在 CRM 中删除"),
        Fate::Unreachable => ("no phone and no mail", "没有手机号和邮箱"),
        Fate::NoConsent => ("no consent to be passed on", "未同意转出"),
        Fate::Closed => ("closed", "已关闭"),
        Fate::Incomplete => ("what the CRM needs is missing (LL4202)", "缺少 CRM 必填字段（LL4202）"),
    }
}

fn show(screen: &Screen, tally: &Tally) -> Result<(), Failure> {
    let mut table = Rows::new(&[screen.words("#leads", "#线索"), ""]);
    for fate in Fate::ALL {
        let count = tally.of(fate);
        if count > 0 || fate == Fate::Make {
            let (en, zh) = words(fate);
            table.push(vec![count.to_string(), screen.words(en, zh).to_owned()]);
        }
    }
    screen.table(&table)?;
    for (why, count) in &tally.incomplete {
        screen.line(&screen.paint(Style::Bad, &format!("  {count}  {why}")))?;
    }
    Ok(())
}

fn end(screen: &Screen, args: &Backfill, would: &Tally) -> Result<(), Failure> {
    if screen.is_json() {
        return Ok(screen.json(&json!({ "would": tally_json(would), "run": Value::Null }))?);
    }
    if args.apply {
        return Ok(());
    }
    let text = screen.words("nothing was done; --apply does it", "未执行；加 --apply 执行");
    Ok(screen.line(&screen.paint(Style::Note, text))?)
}

fn progress(screen: &Screen, plan: &Plan, run: Option<(&str, &Run)>) -> Result<(), Failure> {
    if screen.is_json() {
        let run = run.map(|(name, run)| run_json(name, run));
        return Ok(screen.json(&json!({ "run": run }))?);
    }
    let Some((name, run)) = run else {
        return Ok(screen.line(screen.words("nothing was ordered yet", "尚未执行过"))?);
    };
    screen.head(&format!("{name}  {}", when::clock(run.begun, &plan.policy.zone)))?;
    show(screen, &run.tally)?;
    let text = screen
        .words(
            "{w} records were made, {m} linked that the CRM knew better, {r} refused, {u} on their way",
            "已创建 {w} 条，CRM 判重后关联 {m} 条，被拒绝 {r} 条，途中 {u} 条",
        )
        .replace("{w}", &run.written.to_string())
        .replace("{m}", &run.met.to_string())
        .replace("{r}", &run.refused.to_string())
        .replace("{u}", &run.under_way().to_string());
    screen.line(&text)?;
    if let Some(last) = &run.last_refusal {
        let said = screen.words("last refusal: ", "最近一次拒绝：");
        screen.line(&screen.paint(Style::Bad, &format!("{said}{last}")))?;
    }
    let next = match (run.decided, run.under_way()) {
        (false, _) => {
            screen.words("broken off: the same command goes on", "已中断：重新执行同一命令即可继续")
        }
        (true, 0) => return Ok(()),
        (true, _) => {
            screen.words("`leadloop run` sends what is on its way", "由 `leadloop run` 发送途中的记录")
        }
    };
    Ok(screen.line(&screen.paint(Style::Note, next))?)
}

fn tally_json(tally: &Tally) -> Value {
    let fates: serde_json::Map<String, Value> =
        Fate::ALL.iter().map(|fate| (fate.as_str().to_owned(), tally.of(*fate).into())).collect();
    json!({ "leads": tally.all(), "fates": fates, "incomplete": tally.incomplete })
}

fn run_json(name: &str, run: &Run) -> Value {
    json!({
        "name": name, "begun_at": run.begun.to_string(), "decided": run.decided, "tally": tally_json(&run.tally),
        "written": run.written, "met": run.met, "refused": run.refused, "under_way": run.under_way(),
        "last_refusal": run.last_refusal,
    })
}
