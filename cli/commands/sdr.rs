//! `leadloop sdr`: the desk before sales.

use leadloop_server::handoffs::{self, Decided};
use leadloop_server::orders::Order;
use leadloop_store::read::handoffs::HandoffAsk;
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::ids::LeadId;
use serde_json::json;

use super::handoff::{find, table};
use crate::args::General;
use crate::args::handoff::{Sdr, SdrAnswer, SdrList};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::Screen;
use crate::{plan, reveal};

/// Lists what waits, or decides.
///
/// # Errors
/// Where config or store cannot be used, or something does not fit.
pub async fn run(screen: &mut Screen, general: &General, command: Sdr) -> Result<(), Failure> {
    match command {
        Sdr::List(args) => list(screen, general, &args).await,
        Sdr::Confirm(args) => decide(screen, general, "confirm", args).await,
        Sdr::Nurture(args) => decide(screen, general, "nurture", args).await,
        Sdr::Drop(args) => decide(screen, general, "drop", args).await,
    }
}

async fn list(screen: &mut Screen, general: &General, args: &SdrList) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let ask = HandoffAsk {
        state: Some(HandoffState::AtDesk.as_str().to_owned()),
        limit: 10_000,
        ..HandoffAsk::default()
    };
    let found = store.handoffs(&ask).await;
    store.close().await;
    let mut found = found?;
    if let Some(owner) = &args.owner {
        found.retain(|(handoff, _)| handoff.desk.as_ref().is_some_and(|person| person.as_str() == owner));
    }
    found.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    let ids: Vec<LeadId> = found.iter().map(|(_, lead)| lead.id).collect();
    let privacy = reveal::privacy(&plan, args.reveal, "reveal", &ids, "sdr list").await?;
    table(screen, &plan, &found, privacy)
}

async fn decide(
    screen: &mut Screen,
    general: &General,
    verdict: &str,
    args: SdrAnswer,
) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let mut fields = Vec::new();
    for field in &args.fields {
        let Some((name, value)) = field.split_once('=') else {
            return Err(Failure::input(format!("`{field}` has no `=`"), format!("`{field}` 缺少 `=`"))
                .help("write FIELD=VALUE", "写成 字段=值"));
        };
        fields.push((name.trim().to_owned(), value.to_owned()));
    }
    let store = plan::reading(&plan).await?;
    let handoff = find(&store, &args.id).await;
    store.close().await;
    let decided = Decided {
        id: handoff?.id,
        verdict: verdict.to_owned(),
        by: args.by,
        remark: args.remark,
        track: args.track,
        fields,
    };
    let desk = Desk::open(&plan).await?;
    let done = desk.carry_out(Order::Handoffs(handoffs::Order::Desk(decided))).await;
    desk.close().await?;
    done?;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "changed": 1 }))?);
    }
    Ok(screen.line(screen.words("taken down", "已记录"))?)
}
