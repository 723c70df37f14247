//! Sections written once: who is who, campaigns, how hand-overs are made.

use std::collections::BTreeSet;

use leadloop_mapping::Value;
use leadloop_mapping::expr::{Expected, Schema};
use leadloop_sync_core::activity::ActivityPolicy;
use leadloop_sync_core::capture::IdentifierKind;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::policy::{Campaign, CampaignPolicy, HandoffPolicy, IdentityPolicy};
use leadloop_sync_core::time::Micros;

use super::get::Get;
use super::names::{KIND, with_names};
use super::rows::bad_row;
use super::{Context, normal_identifier};
use crate::problem::{Problem, Words};
use crate::text::At;
use crate::units;

/// What sales can be shown.
const BRIEF: [&str; 6] = ["requirement", "remarks", "tags", "scores", "last 20 touches", "why"];

/// Kinds of identifiers, stronger first, where the config does not say.
const ORDER: [&str; 10] =
    ["crm_id", "phone", "email", "wecom_id", "unionid", "login_id", "ma_id", "openid", "uba_id", "cookie"];

/// How long a phone number is silent before another name makes it somebody else's, where the config does not say.
const RECYCLED_AFTER: Micros = Micros::days(180);

/// `[identity]`.
pub fn identity(ctx: &mut Context<'_>, region: &str) -> IdentityPolicy {
    let table = ctx.one("identity").map(|at| at.value).unwrap_or_default();
    let kinds = kinds(ctx);
    for at in table.texts_at("order") {
        ctx.defined(KIND, &at, &kinds);
    }
    for (key, _) in table.table("limits").map(|table| table.entries.as_slice()).unwrap_or_default() {
        ctx.defined(KIND, &At { value: key.value.as_str(), span: key.span.clone() }, &kinds);
    }
    let written = table.texts("order");
    let order = if written.is_empty() {
        ORDER.iter().map(|kind| IdentifierKind::from(*kind)).collect()
    } else {
        written.iter().map(|kind| IdentifierKind::from(kind.as_str())).collect()
    };
    let limits = table
        .map("limits")
        .into_iter()
        .filter_map(|(kind, limit)| Some((IdentifierKind(kind), units::limit_in(&limit.to_display())?)))
        .collect();
    let blocked = table.texts("blocked").iter().map(|value| normal_identifier(value, region)).collect();
    let recycled = table.duration("recycled_after").unwrap_or(RECYCLED_AFTER);
    let recycled_after = Some(recycled).filter(|after| after.0 > 0);
    IdentityPolicy { order, limits, blocked, recycled_after }
}

/// The kinds of identifiers there are: the product's own and those a source declares.
fn kinds(ctx: &Context<'_>) -> BTreeSet<String> {
    let mut kinds: BTreeSet<String> = ORDER.iter().map(|kind| (*kind).to_owned()).collect();
    for section in ["source", "ma"] {
        for at in ctx.sections.get(section).map(Vec::as_slice).unwrap_or_default() {
            kinds.extend(at.value.map("identifiers").values().map(Value::to_display));
        }
    }
    kinds
}

/// `[campaign]`.
pub fn campaign(ctx: &mut Context<'_>, schema: &Schema) -> CampaignPolicy {
    let Some(at) = ctx.one("campaign") else { return CampaignPolicy::default() };
    let channels = at
        .value
        .tables("channel")
        .iter()
        .filter_map(|rule| {
            let when = rule.value.text_at("when").and_then(|when| ctx.expr(&when, schema, Expected::Bool))?;
            Some((rule.value.text("name")?.to_owned(), when))
        })
        .collect();
    let mut table = std::collections::BTreeMap::new();
    if let Some(file) = at.value.text_at("table") {
        for row in ctx.rows(&file, &["code", "name"]) {
            let (Some(code), Some(name)) = (row.get("code"), row.get("name")) else { continue };
            let cost = row.get("cost").map(|cost| cost.replace(',', "").parse::<f64>());
            if let Some(Err(_)) = cost {
                ctx.problems.push(
                    bad_row(row.at("cost"), "the cost is no number", "费用不是数字")
                        .help("write it like 12000.50", "请写成 12000.50"),
                );
            }
            let campaign = Campaign {
                name: name.to_owned(),
                channel: row.get("channel").map(str::to_owned),
                product: row.get("product").map(str::to_owned),
                cost: cost.and_then(Result::ok),
            };
            if table.insert(code.to_owned(), campaign).is_some() {
                let (en, zh) = (format!("the code `{code}` stands twice"), format!("代码 `{code}` 重复出现"));
                ctx.problems.push(bad_row(row.at("code"), en, zh));
            }
        }
    }
    let activity = at.value.table("activity");
    let told = |name: &str| activity.map(|table| table.texts(name)).unwrap_or_default();
    let activity =
        ActivityPolicy::new(&told("named_by"), &told("viewed"), &told("registered"), &told("attended"));
    CampaignPolicy { code: at.value.texts("code"), keep: at.value.texts("keep"), channels, table, activity }
}

/// Whether sales can be shown that: a word, or `last 20 touches`.
fn is_brief(part: &str) -> bool {
    let words: Vec<&str> = part.split_whitespace().collect();
    match words.as_slice() {
        ["last", number, "touches" | "touch"] => {
            number.parse::<u8>().is_ok_and(|number| (1..=20).contains(&number))
        }
        [word] => BRIEF.contains(word),
        _ => false,
    }
}

/// `[handoff]`.
pub fn handoff(ctx: &mut Context<'_>, link: Option<LinkName>, linked: bool) -> HandoffPolicy {
    let table = ctx.one("handoff").map(|at| at.value).unwrap_or_default();
    let returned = table.table("returned");
    let brief = table.texts("brief");
    for at in table.texts_at("brief") {
        if !is_brief(at.value) {
            let said = Problem::error(
                "LL2006",
                &at.span,
                Words::new(
                    format!("`{}` is no part of a brief", at.value),
                    format!("摘要中没有 `{}` 这一项", at.value),
                ),
                Words::new("not a known part", "未知的项"),
            );
            ctx.problems.push(with_names(said, at.value, BRIEF.into_iter()));
        }
    }
    let when_accepted = table.text("create") == Some("when_accepted");
    if let Some(at) = table.text_at("create").filter(|_| when_accepted && !linked) {
        ctx.problems.push(
            Problem::error(
                "LL2141",
                &at.span,
                Words::new(
                    "sales must be told before they can accept, and nothing tells them",
                    "接受后建档需要先通知销售，但没有任何渠道会通知",
                ),
                Words::new("no channel carries the answer link", "没有渠道附带反馈链接"),
            )
            .help(
                "add a [[notify]] that sends `handed_over` to `owner` with `link = true`",
                "请添加 [[notify]]，把 `handed_over` 发给 `owner` 并写 `link = true`",
            ),
        );
    }
    HandoffPolicy {
        link,
        when_accepted,
        link_for: table.duration("answer_for").unwrap_or(Micros::days(30)),
        brief: if brief.is_empty() {
            ["requirement", "remarks", "tags", "scores", "last 20 touches", "why"].map(str::to_owned).to_vec()
        } else {
            brief
        },
        returned_to_public_pool: returned.and_then(|returned| returned.text("owner")) != Some("keep"),
        returned_status: returned
            .and_then(|returned| returned.text("status"))
            .and_then(Stage::parse)
            .or(Some(Stage::Resting)),
    }
}
