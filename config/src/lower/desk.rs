//! `[sdr]`: the desk before sales; and whether hand-overs live on the answer page.

use leadloop_mapping::expr::{Expected, Schema};
use leadloop_sync_core::desk::DeskPolicy;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::notice::NoticePolicy;
use leadloop_sync_core::policy::ANSWERS;

use super::Context;
use super::get::Get;
use super::names::{Names, TEAM, TRACK};
use crate::problem::{Problem, Words};
use crate::units;

/// The desk before sales, where there is one.
pub fn desk(ctx: &mut Context<'_>, schema: &Schema, names: &Names) -> Option<DeskPolicy> {
    let at = ctx.one("sdr")?;
    let team = at.value.text_at("team")?;
    ctx.defined(TEAM, &team, &names.teams);
    if let Some(track) = at.value.text_at("track") {
        ctx.defined(TRACK, &track, &names.tracks);
    }
    for field in at.value.texts_at("fill") {
        if ["touch.", "score.", "consent.", "answer.", "crm."]
            .iter()
            .any(|group| field.value.starts_with(group))
        {
            ctx.problems.push(
                Problem::error(
                    "LL2140",
                    &field.span,
                    Words::new(
                        format!("`{}` is nothing the desk could fill in", field.value),
                        format!("`{}` 不是 SDR 可以填写的字段", field.value),
                    ),
                    Words::new("no field of the profile", "不是档案字段"),
                )
                .help(
                    "name fields of the profile, such as `requirement`, or `first_channel`",
                    "请写档案字段，例如 `requirement`，或 `first_channel`",
                ),
            );
        }
    }
    let when = at.value.text_at("when").and_then(|when| ctx.expr(&when, schema, Expected::Bool));
    Some(DeskPolicy {
        team: team.value.to_owned(),
        when,
        fill: at.value.texts("fill"),
        answer_within: at.value.text("answer_within").and_then(units::length),
        track: at.value.text("track").map(str::to_owned),
    })
}

/// Where hand-overs go: to the first CRM, else to the answer page where a channel carries its link.
#[must_use]
pub fn home(crm: Option<LinkName>, notices: &NoticePolicy) -> Option<LinkName> {
    let linked = notices.channels.iter().flat_map(|channel| &channel.sends).any(|send| send.link);
    crm.or_else(|| linked.then(|| LinkName::from(ANSWERS)))
}
