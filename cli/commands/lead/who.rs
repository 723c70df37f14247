//! Which lead is meant.

use leadloop_config::plan::Plan;
use leadloop_store::Store;
use leadloop_store::read::find::Found;

use crate::commands::why::{ask, chosen, nobody};
use crate::failure::Failure;

/// Most leads that are named where several fit.
const MOST: u32 = 10;

/// The one lead that is meant.
///
/// # Errors
/// Where nobody fits, or several do.
pub async fn one(store: &Store, plan: &Plan, asked: &str) -> Result<Found, Failure> {
    // A whole id is meant as it stands, even where the lead was merged since.
    let found = store.find(&ask::question(asked, &plan.policy), MOST).await?;
    match chosen(&found) {
        Some(one) => Ok(one.clone()),
        None if found.is_empty() => Err(nobody(asked).code("LL4406")),
        None => Err(several(asked, &found)),
    }
}

fn several(asked: &str, found: &[Found]) -> Failure {
    let ids: Vec<String> = found.iter().map(|found| found.lead.id.to_string()).collect();
    let ids = ids.join(", ");
    Failure::input(
        format!("{} leads fit `{asked}`", found.len()),
        format!("有 {} 条线索符合 `{asked}`", found.len()),
    )
    .code("LL4406")
    .help(
        format!("name one of them: {ids}; `leadloop lead search` shows who they are"),
        format!("请指定其中一条：{ids}；`leadloop lead search` 显示它们是谁"),
    )
}
