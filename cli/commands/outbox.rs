//! `leadloop outbox`: deliveries, above all those that need a person.

mod causes;
mod link;
mod release;
mod show;

use jiff::tz::TimeZone;
use leadloop_server::gates::Wish;
use leadloop_store::read::parked::ParkedAsk;
use leadloop_store::read::story::ToldDelivery;
use leadloop_sync_core::ids::{DeliveryId, LinkName};
use leadloop_sync_core::outbox::DeliveryState;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use crate::args::{General, Outbox, ParkedArgs};
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, when, words};

/// Lists, shows, retries or drops.
///
/// # Errors
/// Where config or store cannot be used, or an id is none.
pub async fn run(screen: &mut Screen, general: &General, command: Outbox) -> Result<(), Failure> {
    match command {
        Outbox::List { which, run, limit } => list(screen, general, (&which, run.as_deref()), limit).await,
        Outbox::Show { id, reveal } => show::run(screen, general, &id, reveal).await,
        Outbox::Causes { which } => causes::run(screen, general, &which).await,
        Outbox::Fix { id, fields } => release::fix(screen, general, &id, &fields).await,
        Outbox::Pause { link, drain } => {
            let wish = if drain { Wish::Drain } else { Wish::Pause };
            link::run(screen, general, &link, wish).await
        }
        Outbox::Resume { link } => link::run(screen, general, &link, Wish::Resume).await,
        Outbox::Retry { which } => release::retry(screen, general, &which).await,
        Outbox::Drop { which, yes } => release::drop(screen, general, &which, yes).await,
    }
}

/// A point in time as people type it: how long ago, or a date or time of the config's zone.
fn since(text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    when::since(text, zone).ok_or_else(|| {
        Failure::input(format!("`{text}` is no time"), format!("`{text}` 不是时间"))
            .help("write `2h`, `3d` or `2026-11-26 09:00`", "请写 `2h`、`3d` 或 `2026-11-26 09:00`")
    })
}

fn ask(which: &ParkedArgs, limit: u32, zone: &TimeZone) -> Result<ParkedAsk, Failure> {
    let ids = which.ids.iter().map(|id| delivery_id(id)).collect::<Result<Vec<_>, _>>()?;
    Ok(ParkedAsk {
        ids,
        link: which.link.as_deref().map(LinkName::from),
        code: which.code.clone(),
        since: which.since.as_deref().map(|text| since(text, zone)).transpose()?,
        after: None,
        limit,
    })
}

fn delivery_id(text: &str) -> Result<DeliveryId, Failure> {
    text.parse().map_err(|_| {
        Failure::input(format!("`{text}` is no delivery"), format!("`{text}` 不是投递编号"))
            .help("copy it from `leadloop outbox list`", "请从 `leadloop outbox list` 复制")
    })
}

fn parked(told: &ToldDelivery) -> (&str, &str) {
    match &told.delivery.state {
        DeliveryState::Parked { code, detail } => (code, detail),
        _ => ("", ""),
    }
}

async fn list(
    screen: &mut Screen,
    general: &General,
    (which, run): (&ParkedArgs, Option<&str>),
    limit: u32,
) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let ask = ask(which, limit, &plan.policy.zone)?;
    let store = plan::reading(&plan).await?;
    let told = match run {
        Some(run) => store.run_deliveries(run, &ask).await?,
        None => store.parked_deliveries(&ask).await?,
    };
    store.close().await;
    if screen.is_json() {
        let list: Vec<Value> = told.iter().map(|told| show::to_json(told, Privacy::masked())).collect();
        return Ok(screen.json(&json!({ "deliveries": list }))?);
    }
    if told.is_empty() {
        return Ok(screen.line(match run {
            Some(_) => screen.words(
                "nothing was ordered under that name, or it is no longer kept; `leadloop undo` lists runs",
                "没有该批次的投递，或已过保留期；`leadloop undo` 列出批次",
            ),
            None => screen.words("nothing needs a person", "没有待人工处理的投递"),
        })?);
    }
    let mut heads = vec![
        screen.words("delivery", "投递"),
        screen.words("to", "系统"),
        screen.words("for", "用途"),
        screen.words("says", "内容"),
        screen.words("#attempts", "#尝试"),
    ];
    heads.extend(run.map(|_| screen.words("is", "状态")));
    heads.extend([screen.words("code", "代码"), screen.words("what is wrong", "原因")]);
    let mut table = Rows::new(&heads);
    for told in &told {
        let (code, detail) = parked(told);
        let mut row = vec![
            told.delivery.id.to_string(),
            told.delivery.link.to_string(),
            words::purpose(told.delivery.purpose, screen.language()).to_owned(),
            words::operation(&told.delivery.operation),
            told.delivery.attempt.to_string(),
        ];
        row.extend(run.map(|_| state(screen, &told.delivery.state).to_owned()));
        row.extend([code.to_owned(), shortened(detail)]);
        table.push(row);
    }
    screen.table(&table)?;
    Ok(screen.line(&screen.paint(
        Style::Note,
        screen.words(
            "`leadloop outbox show ID` for the attempts, `leadloop explain CODE` for what to do",
            "`leadloop outbox show 编号` 查看每次尝试，`leadloop explain 代码` 查看处理办法",
        ),
    ))?)
}

/// How far a delivery got.
fn state(screen: &Screen, state: &DeliveryState) -> &'static str {
    match state {
        DeliveryState::Due => screen.words("due", "待发"),
        DeliveryState::Claimed { .. } => screen.words("under way", "进行中"),
        DeliveryState::Settled => screen.words("done", "完成"),
        DeliveryState::Parked { .. } => screen.words("needs a person", "待人工处理"),
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
