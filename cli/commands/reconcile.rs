//! `leadloop reconcile`: the pool held against a CRM, every difference with its cause, and the repair.

mod report;

use std::collections::BTreeSet;
use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_server::StartError;
use leadloop_server::clock::SystemClock;
use leadloop_server::orders::Order;
use leadloop_server::reconcile::{self, Comparison, ReconcileError, Report, SLICE, Scope};
use leadloop_server::run::lines;
use leadloop_server::wire::HttpWire;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::reconcile::Repair;

use crate::args::{General, Reconcile};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::Screen;
use crate::{plan, question, reveal, when};

/// Compares, and repairs where that was asked for.
///
/// # Errors
/// Where config or store cannot be used, the CRM does not give its records, or a file cannot be written.
pub async fn run(screen: &mut Screen, general: &General, args: &Reconcile) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let link = super::map::which(&plan, args.crm.as_deref())?;
    let since = match args.since.as_deref() {
        None => None,
        Some(text) => Some(when::since(text, &plan.policy.zone).ok_or_else(|| unread(text))?),
    };
    let found = compare(screen, &plan, Scope { link: link.clone(), since }).await?;
    let leads: BTreeSet<_> = found.differences.iter().filter_map(|difference| difference.lead).collect();
    let leads: Vec<_> = leads.into_iter().collect();
    let privacy = reveal::privacy(&plan, args.reveal, "reveal", &leads, "reconcile").await?;
    let page = report::Page { screen, privacy, link: &link, found: &found };
    if let Some(file) = &args.out {
        page.export(file, args.force)?;
    }
    let repairs: BTreeSet<Repair> =
        found.differences.iter().filter_map(|difference| difference.repair.clone()).collect();
    if !screen.is_json() {
        page.print(usize::try_from(args.limit).unwrap_or(usize::MAX))?;
    }
    let wanted = args.repair && !args.dry_run && !repairs.is_empty();
    let ordered = if wanted && (args.yes || sure(screen, repairs.len())?) {
        Some(repair(&plan, repairs.iter().cloned().collect()).await?)
    } else {
        None
    };
    if screen.is_json() {
        return Ok(screen.json(&page.json(&repairs, ordered))?);
    }
    page.end(args, repairs.len(), ordered)
}

fn unread(text: &str) -> Failure {
    Failure::input(format!("`{text}` is neither a time nor a length"), format!("`{text}` 不是时间或时长"))
        .help(
            "write `2026-11-26`, `2026-11-26 08:00` or `3d`",
            "请写 `2026-11-26`、`2026-11-26 08:00` 或 `3d`",
        )
}

async fn compare(screen: &Screen, plan: &Arc<Plan>, scope: Scope) -> Result<Report, Failure> {
    let registry = leadloop_connectors::registry();
    let mut lines = lines(plan, &registry)?;
    let link = scope.link.clone();
    let driven = lines.remove(&link).ok_or_else(|| not_asked(&link))?;
    let store = plan::reading(plan).await?;
    let wire = HttpWire::new().map_err(StartError::from)?;
    let bar = report::bar(screen);
    let comparison =
        Comparison { store: &store, plan, line: &driven.line, wire: &wire, clock: &SystemClock, scope };
    let found = comparison
        .run(&mut |so_far: &Report| {
            bar.set_message(so_far.records.values().sum::<u64>().to_string());
            bar.tick();
        })
        .await;
    bar.finish_and_clear();
    store.close().await;
    found.map_err(|error| match error {
        ReconcileError::Store(error) => error.into(),
        unread @ ReconcileError::Unread { .. } => {
            let detail = unread.to_string();
            Failure::outside(detail.clone(), detail).code("LL4751").help(
                "`leadloop doctor` shows whether the system is reached and what it allows",
                "`leadloop doctor` 可检查系统是否可达及权限",
            )
        }
    })
}

fn not_asked(link: &LinkName) -> Failure {
    Failure::input(format!("`{link}` cannot be asked"), format!("无法查询 `{link}`")).code("LL4751")
}

fn sure(screen: &Screen, count: usize) -> Result<bool, Failure> {
    if !screen.is_attended() {
        screen.aside(screen.words(
            "nothing was repaired; --yes does it without asking",
            "未修复任何内容；加 --yes 直接执行",
        ));
        return Ok(false);
    }
    let text = match screen.words("en", "zh") {
        "en" => format!("put {count} things right as shown?"),
        _ => format!("按上述结果修复 {count} 项？"),
    };
    question::confirmed(screen, &text)
}

async fn repair(plan: &Arc<Plan>, repairs: Vec<Repair>) -> Result<u64, Failure> {
    let desk = Desk::open(plan).await?;
    let mut ordered = 0;
    let run = super::undo::name("repair", plan);
    for some in repairs.chunks(SLICE) {
        let order = Order::Repair(reconcile::Order { repairs: some.to_vec(), run: Some(run.clone()) });
        match desk.carry_out(order).await {
            Ok(done) => ordered += done.changed,
            Err(failure) => {
                desk.close().await?;
                return Err(failure);
            }
        }
    }
    desk.close().await?;
    Ok(ordered)
}
