//! The config as a whole: what is right by itself and wrong together. Rules that can never fire, teams nobody is in, loops
//! that come back before sales could answer, names nobody uses. Runs on the lowered policy; places come from the tables.

mod loops;
pub(crate) mod order;
mod people;
mod reach;
mod regions;
mod until;

use jiff::civil::Date;
use leadloop_sync_core::policy::Policy;

use crate::lower::Context;
use crate::lower::get::Get;
use crate::problem::{Severity, Span};
use crate::text::{At, Table};

/// Looks at the whole. What is missing elsewhere would look like a mistake here, so errors come first.
pub(crate) fn check(ctx: &mut Context<'_>, policy: &Policy, today: Option<Date>) {
    order::check(ctx, policy);
    if ctx.problems.iter().any(|problem| problem.severity == Severity::Error) {
        return;
    }
    loops::check(ctx, policy);
    people::check(ctx, policy, today);
    reach::check(ctx, policy);
    regions::check(ctx, policy);
    if let Some(today) = today {
        until::check(ctx, policy, today);
    }
}

/// The place of a key of a table; of the table where it is not there.
fn place(at: &At<Table>, key: &str) -> Span {
    at.value.get(key).map_or_else(|| at.span.clone(), |value| value.span.clone())
}

/// The table of a section that has this name.
fn named<'t>(tables: &'t [At<Table>], name: &str) -> Option<&'t At<Table>> {
    tables.iter().find(|at| at.value.text("name") == Some(name))
}
