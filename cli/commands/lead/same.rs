//! `leadloop lead merge|unmerge|apart|phone`: who is one person, said by hand. What follows is decided by the core and done
//! by the process that owns the store.

use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_server::orders::Order;
use leadloop_server::people;
use leadloop_server::persons::{self, Said};
use leadloop_sync_core::ids::LeadId;
use serde_json::json;

use super::who;
use crate::args::General;
use crate::args::lead::{LeadPair, LeadPhone, LeadUnmerge};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::Screen;
use crate::{plan, reveal};

/// Says that two leads are one person.
///
/// # Errors
/// Where nobody fits, or it is refused.
pub async fn merge(screen: &mut Screen, general: &General, args: &LeadPair) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let (one, other) = pair(&plan, args).await?;
    let leads = order(&plan, Said::Same { one, other }).await?;
    let survivor = leads.first().copied().unwrap_or(one);
    let absorbed = if survivor == one { other } else { one };
    tell(
        screen,
        &leads,
        format!("{absorbed} was merged into {survivor}; `leadloop lead unmerge {absorbed}` takes it back"),
        format!("{absorbed} 已并入 {survivor}；可用 `leadloop lead unmerge {absorbed}` 撤销"),
    )
}

/// Says that two leads are different people.
///
/// # Errors
/// As [`merge`].
pub async fn apart(screen: &mut Screen, general: &General, args: &LeadPair) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let (one, other) = pair(&plan, args).await?;
    let leads = order(&plan, Said::Apart { one, other }).await?;
    tell(
        screen,
        &leads,
        format!("{one} and {other} are different people: no rule joins them any more"),
        format!("{one} 与 {other} 不是同一人：今后任何规则都不会合并它们"),
    )
}

/// Takes a merge back.
///
/// # Errors
/// As [`merge`].
pub async fn unmerge(screen: &mut Screen, general: &General, args: &LeadUnmerge) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let lead: LeadId = args.lead.parse().map_err(|_| {
        Failure::input(format!("`{}` is no lead id", args.lead), format!("`{}` 不是线索编号", args.lead))
            .code("LL4406")
            .help(
                "name the lead that was merged into another by its id (L-…); `leadloop lead show` lists them under \"Merged into it\"",
                "请用编号（L-…）指定被合并的线索；`leadloop lead show` 的“已并入”一栏会列出",
            )
    })?;
    let leads = order(&plan, Said::Unmerge { lead }).await?;
    tell(
        screen,
        &leads,
        format!(
            "{lead} stands by itself again; sales get corrections where their records held what is not theirs"
        ),
        format!("{lead} 已恢复为独立线索；销售系统中混入的内容将收到更正"),
    )
}

/// Gives a person a new phone number.
///
/// # Errors
/// As [`merge`].
pub async fn phone(screen: &mut Screen, general: &General, args: &LeadPhone) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let lead = id(&plan, &args.who).await?;
    let leads = order(&plan, Said::Phone { lead, number: args.number.clone() }).await?;
    tell(
        screen,
        &leads,
        format!("{lead} has a new phone; the old number is kept as evidence and still leads here"),
        format!("{lead} 的手机已更换；原号码保留为依据，仍指向此人"),
    )
}

async fn pair(plan: &Arc<Plan>, args: &LeadPair) -> Result<(LeadId, LeadId), Failure> {
    Ok((id(plan, &args.one).await?, id(plan, &args.other).await?))
}

/// The lead that is meant; an id is taken as it stands.
pub(super) async fn id(plan: &Arc<Plan>, asked: &str) -> Result<LeadId, Failure> {
    if asked.starts_with("L-")
        && let Ok(id) = asked.parse()
    {
        return Ok(id);
    }
    let store = plan::reading(plan).await?;
    let found = who::one(&store, plan, asked).await;
    store.close().await;
    found.map(|found| found.lead.id)
}

pub(super) async fn order(plan: &Arc<Plan>, said: Said) -> Result<Vec<LeadId>, Failure> {
    let desk = Desk::open(plan).await?;
    let order = persons::Order { said, who: reveal::who() };
    let done = desk.carry_out(Order::People(people::Order::Persons(order))).await;
    desk.close().await?;
    done.map(|done| done.leads)
}

pub(super) fn tell(screen: &Screen, leads: &[LeadId], en: String, zh: String) -> Result<(), Failure> {
    if screen.is_json() {
        let leads: Vec<String> = leads.iter().map(LeadId::to_string).collect();
        return Ok(screen.json(&json!({ "leads": leads }))?);
    }
    Ok(screen.line(screen.words(&en, &zh))?)
}
