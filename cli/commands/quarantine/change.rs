//! Mending, retrying and giving up what is held for a person.

use leadloop_mapping::Record;
use leadloop_server::orders::{Done, Held, HeldId, Mended, Order};
use leadloop_sync_core::ids::{Id, SourceName};
use serde_json::json;

use super::place;
use crate::args::General;
use crate::failure::{Exit, Failure};
use crate::orders::Desk;
use crate::screen::{Rows, Screen};
use crate::{plan, question};

/// A capture, a push, or a record of one.
pub fn held(text: &str) -> Result<HeldId, Failure> {
    if text.starts_with("C-")
        && let Ok(capture) = text.parse::<Id<_>>()
    {
        return Ok(HeldId::Capture(capture));
    }
    Ok(match place(text)? {
        (push, Some(position)) => HeldId::Record(push, position),
        (push, None) => HeldId::Push(push),
    })
}

fn name(id: HeldId) -> String {
    match id {
        HeldId::Push(push) => push.to_string(),
        HeldId::Record(push, position) => format!("{push}/{position}"),
        HeldId::Capture(capture) => capture.to_string(),
    }
}

/// Changes fields of a record and takes it up again.
///
/// # Errors
/// Where the record is not there, or still cannot be taken.
pub async fn fix(screen: &mut Screen, general: &General, id: &str, fields: &[String]) -> Result<(), Failure> {
    let HeldId::Record(push, position) = held(id)? else {
        return Err(Failure::input(
            format!("`{id}` is a whole push; a record of it is meant"),
            format!("`{id}` 是整个推送，请指定其中的记录"),
        )
        .help(
            "write PUSH/POSITION, as `leadloop quarantine list` shows it",
            "写成 推送/序号，见 `leadloop quarantine list`",
        ));
    };
    let mut record = Record::default();
    for field in fields {
        let Some((name, value)) = field.split_once('=') else {
            return Err(Failure::input(format!("`{field}` has no `=`"), format!("`{field}` 缺少 `=`"))
                .help("write FIELD=VALUE", "写成 字段=值"));
        };
        record.set(name.trim(), value);
    }
    let order = Order::Mend { records: vec![Mended { push, position, fields: record }] };
    give(screen, general, order).await
}

/// Reads what is held again.
///
/// # Errors
/// Where something that was named is not there, or still cannot be taken.
pub async fn retry(
    screen: &mut Screen,
    general: &General,
    ids: &[String],
    source: Option<String>,
    code: Option<String>,
) -> Result<(), Failure> {
    let ids = ids.iter().map(|id| held(id)).collect::<Result<Vec<_>, _>>()?;
    let source = source.as_deref().map(SourceName::from);
    give(screen, general, Order::Retry(Held { ids, source, code })).await
}

/// Gives pushes and records up.
///
/// # Errors
/// Where something that was named is not there.
pub async fn give_up(
    screen: &mut Screen,
    general: &General,
    ids: &[String],
    yes: bool,
) -> Result<(), Failure> {
    let ids = ids.iter().map(|id| held(id)).collect::<Result<Vec<_>, _>>()?;
    let text =
        screen.words("what is dropped never becomes a lead; drop it?", "放弃后不会成为线索，确定放弃？");
    if !yes && !question::confirmed(screen, text)? {
        return Ok(());
    }
    give(screen, general, Order::Drop { ids }).await
}

async fn give(screen: &mut Screen, general: &General, order: Order) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let desk = Desk::open(&plan).await?;
    let done = desk.carry_out(order).await;
    desk.close().await?;
    say(screen, &done?)
}

fn say(screen: &Screen, done: &Done) -> Result<(), Failure> {
    let gone: Vec<String> = done.gone.iter().map(|id| name(*id)).collect();
    if screen.is_json() {
        screen.json(&json!({
            "changed": done.changed, "duplicates": done.duplicates.len(), "unwanted": done.unwanted, "gone": gone,
            "refused": done.refused.iter().map(|one| json!({
                "id": format!("{}/{}", one.push, one.position), "code": one.code, "detail": one.detail,
            })).collect::<Vec<_>>(),
        }))?;
    } else {
        let mut table = Rows::new(&["", "#"]);
        let mut row = |en: &str, zh: &str, count: u64| {
            if count > 0 {
                table.push(vec![screen.words(en, zh).to_owned(), count.to_string()]);
            }
        };
        row("done", "已处理", done.changed);
        row("told before", "此前已有", u64::try_from(done.duplicates.len()).unwrap_or(0));
        row("not wanted", "不需要", done.unwanted);
        row("still refused", "仍被拒绝", u64::try_from(done.refused.len()).unwrap_or(0));
        if !table.is_empty() {
            screen.table(&table)?;
        } else if gone.is_empty() {
            screen.line(screen.words("nothing to do", "无需处理"))?;
        }
        for one in done.refused.iter().take(20) {
            screen.line(&format!("  {}/{}  {} {}", one.push, one.position, one.code, one.detail))?;
        }
    }
    if let Some(first) = gone.first() {
        return Err(Failure::input(
            format!("`{first}` is not in quarantine"),
            format!("隔离区没有 `{first}`"),
        )
        .code("LL4110"));
    }
    if done.refused.is_empty() { Ok(()) } else { Err(Failure::said(Exit::Input)) }
}
