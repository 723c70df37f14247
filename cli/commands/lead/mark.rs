//! `leadloop lead tag add|remove`, `leadloop lead note`: what people of the house write on a lead.

use leadloop_server::persons::Said;
use leadloop_sync_core::person::mark::Mark;

use super::same::{id, order, tell};
use crate::args::General;
use crate::args::lead::{LeadNote, LeadTags};
use crate::failure::Failure;
use crate::plan;
use crate::screen::Screen;

/// Adds tags.
///
/// # Errors
/// Where nobody fits, or it is refused.
pub async fn add(screen: &mut Screen, general: &General, args: LeadTags) -> Result<(), Failure> {
    let tags = args.tags.join(", ");
    write(screen, general, (&args.who, Mark::Add(args.tags)), |lead| {
        (format!("{lead} is tagged: {tags}"), format!("{lead} 已添加标签：{tags}"))
    })
    .await
}

/// Removes tags.
///
/// # Errors
/// As [`add`].
pub async fn remove(screen: &mut Screen, general: &General, args: LeadTags) -> Result<(), Failure> {
    let tags = args.tags.join(", ");
    write(screen, general, (&args.who, Mark::Remove(args.tags)), |lead| {
        (format!("{lead} is no longer tagged: {tags}"), format!("{lead} 已移除标签：{tags}"))
    })
    .await
}

/// Writes a remark or the requirement.
///
/// # Errors
/// As [`add`].
pub async fn note(screen: &mut Screen, general: &General, args: LeadNote) -> Result<(), Failure> {
    let text = args.text.join(" ");
    let mark = if args.requirement { Mark::Requirement(text) } else { Mark::Remark(text) };
    write(screen, general, (&args.who, mark), |lead| {
        (
            format!("noted; `leadloop lead show {lead}` shows it"),
            format!("已记录；可用 `leadloop lead show {lead}` 查看"),
        )
    })
    .await
}

async fn write(
    screen: &mut Screen,
    general: &General,
    (who, mark): (&str, Mark),
    words: impl Fn(String) -> (String, String),
) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let lead = id(&plan, who).await?;
    let leads = order(&plan, Said::Mark { lead, mark }).await?;
    let (en, zh) = words(leads.first().copied().unwrap_or(lead).to_string());
    tell(screen, &leads, en, zh)
}
