//! What expressions may name, by where they stand: the core's own facts, and the fields, scores, sources, tracks and
//! tags this config declares. A name is known only where it has a value, so that no rule waits for what never comes.

use std::collections::BTreeSet;

use leadloop_mapping::expr::Schema;
use leadloop_sync_core::facts::{self, Declared, Group};
use leadloop_sync_core::{matching, sla};

use super::Context;
use super::fields::declared_fields;
use super::get::Get;
use super::names::Names;
use super::pool::own_fields;
use super::rules::range_of;

/// The names known at each place.
#[derive(Clone, Debug)]
pub struct Schemas {
    /// A record that is no lead yet: `keep` of a source.
    pub record: Schema,
    /// A touch alone: the channel rules of `[campaign]`.
    pub touch: Schema,
    /// A lead without its scores: points for its profile.
    pub profile: Schema,
    /// A lead without its scores, with the touch at hand: points for touches.
    pub touched: Schema,
    /// A lead without its scores and ages: the parts of the pool.
    pub pool: Schema,
    /// A lead with its scores: MQL, tracks.
    pub lead: Schema,
    /// The same with the touch at hand: `also` of the MQL.
    pub lead_touched: Schema,
    /// A lead with what the CRM knows of it: transfer rules.
    pub transfer: Schema,
    /// A lead with its hand-over: response times.
    pub sla: Schema,
}

/// The names of this config.
#[must_use]
pub fn schemas(ctx: &Context<'_>, names: &Names) -> Schemas {
    let declared = declared(ctx, names);
    let of = |groups: &[Group]| facts::schema_of(Schema::builder(), &declared, groups);
    let (profile, scored) = ([Group::Lead, Group::Company], [Group::Lead, Group::Company, Group::Score]);
    Schemas {
        record: facts::record_schema(Schema::builder(), &declared).build(),
        touch: of(&[Group::Touch]).build(),
        profile: of(&profile).build(),
        pool: facts::still_schema(&declared),
        touched: of(&[Group::Lead, Group::Company, Group::Touch]).build(),
        lead: of(&scored).build(),
        lead_touched: of(&Group::ALL).build(),
        transfer: matching::crm_schema(of(&scored)).build(),
        sla: sla::handoff_schema(of(&scored)).build(),
    }
}

/// What this config adds to the core's names.
fn declared(ctx: &Context<'_>, names: &Names) -> Declared {
    let scores = ctx.sections.get("score").map(Vec::as_slice).unwrap_or_default();
    let fields: BTreeSet<String> =
        declared_fields(ctx).into_iter().filter(|field| is_profile(field)).collect();
    Declared {
        fields,
        scores: scores
            .iter()
            .filter_map(|at| Some((at.value.text("name")?.to_owned(), range_of(&at.value))))
            .collect(),
        sources: names.sources.clone(),
        tracks: names.tracks.clone(),
        tags: names.tags.clone(),
        types: own_fields(ctx).into_iter().map(|(name, field)| (name, field.holds.type_of())).collect(),
        pools: names.pools.clone(),
    }
}

/// Whether a field becomes part of the profile; the others describe the touch, the consent or an answer.
fn is_profile(field: &str) -> bool {
    !["touch.", "score.", "consent.", "answer."].iter().any(|group| field.starts_with(group))
}

/// Where a group of names is known, for the help of an unknown one.
#[must_use]
pub fn home_of(group: &str) -> Option<(&'static str, &'static str)> {
    Some(match group {
        "crm" => ("`crm.*` is known in [[transfer]] only", "`crm.*` 仅在 [[transfer]] 中可用"),
        "handoff" => ("`handoff.*` is known in [[sla]] only", "`handoff.*` 仅在 [[sla]] 中可用"),
        "touch" => (
            "`touch.*` is known where a touch is at hand: `keep`, channels, `touches` of a score, `also` of [mql]",
            "`touch.*` 仅在有互动时可用：`keep`、渠道规则、打分的 `touches`、[mql] 的 `also`",
        ),
        "score" => (
            "`score.*` is known in [mql], [[track]], [[transfer]] and [[sla]]",
            "`score.*` 在 [mql]、[[track]]、[[transfer]]、[[sla]] 中可用",
        ),
        "lead" | "company" => (
            "`lead.*` and `company.*` are not known to channel rules: they see the touch alone",
            "渠道规则中没有 `lead.*` 与 `company.*`，只能使用 `touch.*`",
        ),
        _ => return None,
    })
}
