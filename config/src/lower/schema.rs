//! What expressions may name: the core's own fields plus what this config declares.

use leadloop_mapping::expr::{Schema, Type};

use super::Context;
use super::get::Get;

/// The typed names of `lead.*`, `company.*`, `score.*`, `touch.*`, `crm.*`.
#[must_use]
pub fn schema(ctx: &Context<'_>) -> Schema {
    let mut builder = Schema::builder().open("touch").open("lead").open("company").open("crm");
    for at in ctx.many("score") {
        if let Some(name) = at.value.text("name") {
            builder = builder.field(&format!("score.{name}"), Type::number().present());
        }
    }
    builder.build()
}
