//! Leads for which an expression holds.
//!
//! The expression is the truth. What SQL can say of it narrows down the rows ([`narrowed`]); every row that is left is put
//! to the expression itself, page by page, so the result does not depend on how much SQL could say. This is the one place
//! where SQL is not a fixed text; all values are bound.

mod clause;
mod leaf;

use std::collections::BTreeSet;

use leadloop_mapping::expr::{Expr, Outline};
use leadloop_sync_core::facts::{self, Scene};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::Timestamp;
use uuid::Uuid;

use crate::Store;
use crate::cell::Cell;
use crate::doc::fold;
use crate::error::StoreError;
use crate::read::pages::LeadAsk;
use crate::read::parts;
use crate::text::Engine;
use clause::{Clause, Piece, pieces, spell};
use leaf::Around;

type Result<T> = std::result::Result<T, StoreError>;

/// Rows looked at in one read, so that a read ends soon however few of them fit.
const PAGE: u32 = 500;

/// Which leads are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What holds beside the expression, and the page.
    pub ask: &'a LeadAsk,
    /// The expression: a condition over `lead.*`, `company.*`, `score.*`.
    pub filter: &'a Expr,
    /// The rules, for scores.
    pub policy: &'a Policy,
    /// The time it is, for ages and scores.
    pub now: Timestamp,
}

/// Leads that were found.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FoundLeads {
    /// The leads, newest first.
    pub leads: Vec<Lead>,
    /// Whether there may be more behind the last one.
    pub more: bool,
    /// How many rows the database gave for them.
    pub looked_at: u64,
}

impl Store {
    /// A page of leads for which an expression holds, newest first; merged ones are left out. A condition that cannot be
    /// decided for a lead does not hold.
    ///
    /// # Errors
    /// Where the database does not answer or a lead cannot be read.
    pub async fn leads_where(&self, wanted: Wanted<'_>) -> Result<FoundLeads> {
        let sealed = self.pools().vault.is_some();
        let narrowed = narrowed(&wanted, self.engine_kind(), sealed);
        // Where names and identifiers are sealed, SQL cannot look into them.
        let part = wanted.ask.text.as_deref().map(fold).filter(|text| sealed && !text.is_empty());
        let mut found = FoundLeads::default();
        let mut after = wanted.ask.after;
        let limit = usize::try_from(wanted.ask.limit).unwrap_or(usize::MAX);
        loop {
            let (sql, cells) = spell(
                statement(wanted.ask, &narrowed, after, self.engine_kind(), sealed),
                self.engine_kind(),
            );
            let mut work = self.pools().read().await?;
            let rows = work.found(sql, cells).await?;
            let last = u32::try_from(rows.len()).unwrap_or(u32::MAX) < PAGE;
            let mut leads = rows.iter().map(|row| row.doc(0)).collect::<Result<Vec<Lead>>>()?;
            let end = leads.last().map(|lead| lead.id);
            if let Some(part) = &part {
                leads = parts::with_part(&mut work, leads, part).await?;
            }
            work.undo().await?;
            for lead in leads {
                found.looked_at += 1;
                if holds(&wanted, &lead) {
                    found.leads.push(lead);
                    if found.leads.len() >= limit {
                        found.more = true;
                        return Ok(found);
                    }
                }
            }
            after = end;
            if last {
                return Ok(found);
            }
        }
    }
}

/// Whether the expression holds for a lead.
fn holds(wanted: &Wanted<'_>, lead: &Lead) -> bool {
    let scene = Scene { lead, touch: None, policy: wanted.policy, now: wanted.now };
    wanted.filter.eval_bool(&facts::of(&scene)).unwrap_or(false)
}

/// What SQL can say of an expression: holds for every row for which the expression does.
fn narrowed(wanted: &Wanted<'_>, engine: Engine, sealed: bool) -> Clause {
    let fields = facts::own_fields(wanted.policy);
    let groups = fields.iter().filter_map(|field| field.rsplit_once('.').map(|(group, _)| group.to_owned()));
    let bounds = Bounds { engine, sealed, now: wanted.now.0, groups: groups.collect() };
    bounds.upper(&wanted.filter.outline())
}

/// A condition enclosed from both sides, because what is unknown must not exclude a row, not even behind a `not`.
#[derive(Clone, Debug)]
struct Bounds {
    engine: Engine,
    /// Documents are sealed: only columns can be asked.
    sealed: bool,
    now: i64,
    /// Names of fields that other fields have in front (`budget` where there is `budget.currency`): the group may hide
    /// the value.
    groups: BTreeSet<String>,
}

impl Bounds {
    fn around(&self, unknown: bool) -> Around {
        Around { engine: self.engine, sealed: self.sealed, now: self.now, unknown }
    }

    /// Holds wherever the condition does.
    fn upper(&self, outline: &Outline) -> Clause {
        match outline {
            Outline::All(parts) => parts.iter().map(|part| self.upper(part)).fold(Clause::True, Clause::and),
            Outline::Any(parts) => parts.iter().map(|part| self.upper(part)).fold(Clause::False, Clause::or),
            Outline::Not(inner) => self.lower(inner).not(),
            Outline::Asks(asks) => leaf::clause(asks, self.around(true)),
            Outline::Always(holds) => Clause::always(*holds),
            Outline::Other => Clause::True,
        }
    }

    /// Holds only where the condition does.
    fn lower(&self, outline: &Outline) -> Clause {
        match outline {
            Outline::All(parts) => parts.iter().map(|part| self.lower(part)).fold(Clause::True, Clause::and),
            // A part that fails takes the whole condition with it, even where another would hold.
            Outline::Any(parts) if parts.iter().any(may_fail) => Clause::False,
            Outline::Any(parts) => parts.iter().map(|part| self.lower(part)).fold(Clause::False, Clause::or),
            Outline::Not(inner) if may_fail(inner) => Clause::False,
            Outline::Not(inner) => self.upper(inner).not(),
            Outline::Asks(asks) if self.groups.contains(field_of(&asks.name)) => Clause::False,
            Outline::Asks(asks) => leaf::clause(asks, self.around(false)),
            Outline::Always(holds) => Clause::always(*holds),
            Outline::Other => Clause::False,
        }
    }
}

/// The pool field that a name may stand for.
fn field_of(name: &str) -> &str {
    name.strip_prefix("lead.").unwrap_or(name)
}

/// Whether the evaluator may fail on a part, so that it neither holds nor not.
fn may_fail(outline: &Outline) -> bool {
    match outline {
        Outline::All(parts) | Outline::Any(parts) => parts.iter().any(may_fail),
        Outline::Not(inner) => may_fail(inner),
        Outline::Asks(asks) => leaf::may_fail(asks),
        Outline::Always(_) => false,
        Outline::Other => true,
    }
}

/// The whole statement of one page.
fn statement(
    ask: &LeadAsk,
    narrowed: &Clause,
    after: Option<LeadId>,
    engine: Engine,
    sealed: bool,
) -> Vec<Piece> {
    let before = after.map_or_else(Uuid::max, |after| after.uuid());
    let mut sql = pieces!["SELECT l.body FROM lead l"];
    if engine == Engine::Postgres && !sealed {
        // Read once for a row, however many values of it are asked for.
        sql.push(Piece::Sql(" CROSS JOIN LATERAL (SELECT l.body::jsonb AS doc OFFSET 0) d"));
    }
    sql.extend(pieces![" WHERE l.merged_into IS NULL AND l.id < ", Cell::from(before)]);
    let mut only = |words: &'static str, value: Option<&str>, behind: &'static str| {
        if let Some(value) = value {
            sql.extend(pieces![words, Cell::from(value), behind]);
        }
    };
    only(" AND l.stage = ", ask.stage.map(Stage::as_str), "");
    only(" AND l.source = ", ask.source.as_deref(), "");
    only(" AND l.channel = ", ask.channel.as_deref(), "");
    only(" AND ", ask.owner.as_deref(), " IN (l.owner_person, l.owner_user)");
    if let Some(pools) = &ask.pools {
        sql.push(Piece::Sql(" AND l.pool IN ("));
        for (place, pool) in pools.iter().enumerate() {
            sql.extend(pieces![if place == 0 { "" } else { ", " }, Cell::from(pool.as_str())]);
        }
        sql.push(Piece::Sql(")"));
    }
    if let Some(text) = ask.text.as_deref().map(fold).filter(|text| !sealed && !text.is_empty()) {
        let at = if engine == Engine::Sqlite { "instr(" } else { "strpos(" };
        let text = || Cell::from(text.as_str());
        sql.extend(pieces![" AND (COALESCE(", at, "l.company_fold, ", text(), "), 0) > 0"]);
        sql.extend(pieces![" OR COALESCE(", at, "l.name_fold, ", text(), "), 0) > 0"]);
        sql.extend(pieces![" OR EXISTS (SELECT 1 FROM identifier i WHERE i.lead = l.id AND "]);
        sql.extend(pieces![at, "i.value, ", text(), ") > 0))"]);
    }
    if *narrowed != Clause::True {
        sql.push(Piece::Sql(" AND "));
        sql.extend(narrowed.clone().into_pieces());
    }
    sql.extend(pieces![" ORDER BY l.id DESC LIMIT ", Cell::from(PAGE)]);
    sql
}
