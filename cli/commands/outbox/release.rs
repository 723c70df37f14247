//! `leadloop outbox fix`, `retry` and `drop`: deliveries that need a person are mended, taken up again or given up, one or a
//! million, with progress.

use indicatif::{ProgressBar, ProgressStyle};
use leadloop_mapping::{Record, Value};
use leadloop_server::orders::{Order, Parked};
use serde_json::json;

use crate::args::{General, ParkedArgs};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::Screen;
use crate::{plan, question};

/// Deliveries of one order: between two of them the progress is shown, and other orders get their turn.
const AT_ONCE: u32 = 20_000;

/// Makes deliveries due again.
///
/// # Errors
/// Where config or store cannot be used, or an id is none.
pub(super) async fn retry(screen: &mut Screen, general: &General, which: &ParkedArgs) -> Result<(), Failure> {
    let count = release(screen, general, which, Order::RetryDeliveries).await?;
    told(screen, count, |count| {
        (format!("{count} deliveries are due again"), format!("{count} 个投递已重新排队"))
    })
}

/// Gives deliveries up, once it is confirmed.
///
/// # Errors
/// As [`retry`].
pub(super) async fn drop(
    screen: &mut Screen,
    general: &General,
    which: &ParkedArgs,
    yes: bool,
) -> Result<(), Failure> {
    let question =
        screen.words("dropped deliveries are never sent; drop them?", "放弃的投递不会再发送，确定放弃？");
    if !yes && !question::confirmed(screen, question)? {
        return Ok(());
    }
    let count = release(screen, general, which, Order::DropDeliveries).await?;
    told(screen, count, |count| {
        (format!("{count} deliveries were dropped"), format!("已放弃 {count} 个投递"))
    })
}

fn told(screen: &mut Screen, count: u64, text: impl Fn(u64) -> (String, String)) -> Result<(), Failure> {
    if screen.is_json() {
        return Ok(screen.json(&json!({ "changed": count }))?);
    }
    let (en, zh) = text(count);
    Ok(screen.line(screen.words(&en, &zh))?)
}

/// Counts what is done; how much there is, is known at the end.
fn bar(screen: &Screen) -> ProgressBar {
    if !screen.draws() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}  {per_sec}") {
        bar.set_style(style);
    }
    bar
}

async fn release(
    screen: &mut Screen,
    general: &General,
    which: &ParkedArgs,
    order: impl Fn(Parked) -> Order,
) -> Result<u64, Failure> {
    let plan = plan::plan(screen, general)?;
    let asked = super::ask(which, AT_ONCE, &plan.policy.zone)?;
    let run = crate::commands::undo::name("retry", &plan);
    let desk = Desk::open(&plan).await?;
    let bar = bar(screen);
    let mut all = 0;
    let end = loop {
        let some = Parked {
            ids: asked.ids.clone(),
            link: asked.link.clone(),
            code: asked.code.clone(),
            since: asked.since,
            limit: AT_ONCE,
            run: Some(run.clone()),
        };
        match desk.carry_out(order(some)).await {
            Ok(done) => {
                all += done.changed;
                bar.set_position(all);
                if done.changed < u64::from(AT_ONCE) {
                    break Ok(all);
                }
            }
            Err(failure) => break Err(failure),
        }
    };
    bar.finish_and_clear();
    desk.close().await?;
    end
}

/// Changes fields of one delivery and makes it due again.
///
/// # Errors
/// Where config or store cannot be used, the id is none, or the delivery does not need a person.
pub(super) async fn fix(
    screen: &mut Screen,
    general: &General,
    id: &str,
    fields: &[String],
) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let id = super::delivery_id(id)?;
    let fields = fields.iter().map(|field| pair(field)).collect::<Result<Vec<_>, _>>()?;
    let mut record = Record::new();
    for (name, value) in fields {
        record = record.with(name.as_str(), value);
    }
    let desk = Desk::open(&plan).await?;
    let done = desk.carry_out(Order::FixDelivery { id, fields: record, by: crate::reveal::who() }).await;
    desk.close().await?;
    let count = done?.changed;
    told(screen, count, |_| {
        ("the delivery is due again with its new content".to_owned(), "投递已按新内容重新排队".to_owned())
    })
}

/// `field=value`: numbers and yes/no as such, text in quotes stays text, nothing behind `=` empties the field.
fn pair(text: &str) -> Result<(String, Value), Failure> {
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
        return Err(Failure::input(
            format!("`{text}` is not FIELD=VALUE"),
            format!("`{text}` 不是“字段=值”"),
        )
        .help("write title=Director", "请写成 title=总监"));
    };
    let value = match value {
        "" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        quoted if quoted.len() >= 2 && quoted.starts_with('"') && quoted.ends_with('"') => {
            Value::from(quoted.trim_matches('"'))
        }
        // Leading zeros and plus signs belong to codes and telephone numbers.
        number if number.parse::<i64>().is_ok_and(|parsed| parsed.to_string() == number) => {
            Value::Int(number.parse().unwrap_or_default())
        }
        text => Value::from(text),
    };
    Ok((name.trim().to_owned(), value))
}
