//! `leadloop outbox causes`: what needs a person, grouped by what is wrong, so that one decision settles many.

use leadloop_store::read::parked::Cause;
use serde_json::json;

use crate::args::{General, ParkedArgs};
use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, when};

/// Most groups that are shown.
const MOST: u32 = 200;

/// Prints the groups.
///
/// # Errors
/// Where config or store cannot be used, or an option is none.
pub(super) async fn run(screen: &mut Screen, general: &General, which: &ParkedArgs) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let ask = super::ask(which, MOST, &plan.policy.zone)?;
    let store = plan::reading(&plan).await?;
    let causes = store.parked_causes(&ask).await?;
    store.close().await;
    if screen.is_json() {
        let list: Vec<_> = causes.iter().map(to_json).collect();
        return Ok(screen.json(&json!({ "causes": list }))?);
    }
    if causes.is_empty() {
        return Ok(screen.line(screen.words("nothing needs a person", "没有待人工处理的投递"))?);
    }
    let now = when::now();
    let mut table = Rows::new(&[
        screen.words("#deliveries", "#投递"),
        screen.words("to", "系统"),
        screen.words("says", "内容"),
        screen.words("code", "代码"),
        screen.words("since", "始于"),
        screen.words("what is wrong", "原因"),
    ]);
    for cause in &causes {
        table.push(vec![
            cause.count.to_string(),
            cause.link.to_string(),
            format!("{} {}", cause.kind, cause.object),
            cause.code.clone(),
            when::ago(cause.first, now, screen.language()),
            super::shortened(&cause.detail),
        ]);
    }
    screen.table(&table)?;
    Ok(screen.line(&screen.paint(
        Style::Note,
        screen.words(
            "mend the cause (`leadloop explain CODE`), then `leadloop outbox retry --code CODE`: however many",
            "先排除原因（`leadloop explain 代码`），再执行 `leadloop outbox retry --code 代码`，数量不限",
        ),
    ))?)
}

fn to_json(cause: &Cause) -> serde_json::Value {
    json!({
        "link": cause.link, "operation": cause.kind, "object": cause.object, "code": cause.code,
        "detail": cause.detail, "count": cause.count, "first": cause.first.to_string(), "last": cause.last.to_string(),
    })
}
