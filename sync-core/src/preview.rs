//! What a CRM would be told of a lead now, field by field, without anything being told: the mapping as a person sees it.
//!
//! A record of ours is compared three ways as it would be ([`crate::agree`]); where there is none, the record that a
//! hand-over would make is shown. Which rule hands over, to whom, and whether a record of the person is found there is for
//! [`crate::transfer`]; here nothing is decided.

use leadloop_mapping::Value;
use leadloop_mapping::apply::{Line, Purpose as Writing};
use leadloop_mapping::merge::{Merged, Verdict};
use leadloop_mapping::refusal::Why;
use leadloop_mapping::rule::Way;
use leadloop_mapping::{Mapping, Record};

use crate::agree;
use crate::book::{Book, Needs};
use crate::case::Case;
use crate::effect::RemoteLink;
use crate::handoff::{Clocks, Handoff, HandoffState};
use crate::ids::{LeadId, LinkName};
use crate::lead::{RemoteRef, Stage};
use crate::mirror::MirrorRow;
use crate::mirror_read::{PEOPLE, roles_in};
use crate::moment::Moment;
use crate::policy::{CrmPolicy, Policy};
use crate::tell;

/// What a record would be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Whose.
    pub lead: LeadId,
    /// The CRM's object.
    pub object: String,
    /// The record, where it is one of ours already; else one would be made.
    pub remote: Option<RemoteRef>,
    /// Rule by rule.
    pub lines: Vec<Shown>,
    /// Fields beside the mapping.
    pub beside: Vec<Beside>,
    /// What would be sent of mapped fields.
    pub record: Record,
    /// Whether a required field has no value, so that nothing can be made of it (`LL4202`).
    pub incomplete: bool,
}

/// What becomes of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The rule with its values and what each step made of them.
    pub line: Line,
    /// What the CRM holds, where that is known; one value for each field.
    pub held: Vec<Value>,
    /// What becomes of it.
    pub becomes: Becomes,
}

/// What becomes of a rule's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// They are sent.
    Sent,
    /// The CRM holds them, or what stands for them, already.
    InStep,
    /// There is nothing to say.
    Blank,
    /// The rule counts only when a record is made.
    OnlyWhenMade,
    /// Sales' value stays: what was there when we met, or what wins.
    Theirs,
    /// The CRM's newer value goes to the pool.
    ToPool,
    /// Both changed it: a person is asked (`leadloop conflicts`).
    Asked,
    /// They do not get across.
    Refused(Why),
    /// The step leaves the CRM's value as it is.
    Kept,
    /// Such a text is written when a hand-over is told, and not kept in step.
    WithHandover,
}

impl Becomes {
    /// The stable name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Becomes::Sent => "sent",
            Becomes::InStep => "in_step",
            Becomes::Blank => "blank",
            Becomes::OnlyWhenMade => "only_when_made",
            Becomes::Theirs => "theirs",
            Becomes::ToPool => "to_pool",
            Becomes::Asked => "asked",
            Becomes::Refused(_) => "refused",
            Becomes::Kept => "kept",
            Becomes::WithHandover => "with_handover",
        }
    }
}

/// A field that no rule of the mapping fills.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    /// The CRM's field.
    pub field: String,
    /// What would stand there, where that is known before a rule decides.
    pub value: Option<Value>,
    /// Why: `mark`, `owner`, `status`, `name`.
    pub why: &'static str,
}

/// Why nothing can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// There is no such lead.
    Lead,
    /// There is no such CRM.
    Crm,
    /// The CRM has no such object.
    Object,
}

/// What must be known first; `more` when the lead is loaded.
#[must_use]
pub fn needs(lead: LeadId, more: Option<&Book>) -> Needs {
    let mut needs = Needs::default();
    needs.leads.insert(lead);
    needs.touches_of.insert(lead);
    if let Some(lead) = more.and_then(|book| book.resolve(lead)) {
        needs.remotes.extend(lead.remotes.iter().cloned());
    }
    needs
}

/// What `link` would be told of a lead, as `object` where one is named.
///
/// # Errors
/// See [`Unseen`].
pub fn preview(
    book: &Book,
    lead: LeadId,
    (link, object): (&LinkName, Option<&str>),
    policy: &Policy,
    moment: &mut Moment,
) -> Result<Preview, Unseen> {
    let mut lead = book.resolve(lead).cloned().ok_or(Unseen::Lead)?;
    let crm = policy.crms.get(link).ok_or(Unseen::Crm)?;
    let known =
        object.is_none_or(|object| crm.roles.contains_key(object) || crm.mapping.contains_key(object));
    if !known {
        return Err(Unseen::Object);
    }
    let ours = lead.remotes.iter().filter(|remote| remote.link == *link).find_map(|remote| {
        let wanted =
            object.map_or(PEOPLE.contains(&remote.object.as_str()), |object| object == remote.object);
        let row = book.mirror.get(remote).filter(|row| wanted && !row.deleted && !agree::moved_on(row))?;
        Some((book.links.get(remote)?, row))
    });
    let case = Case::new(book, policy, moment, &mut lead);
    match ours {
        Some((link, row)) => Ok(update(&case, crm, link, row)),
        None => Ok(create(&case, crm, object.unwrap_or_else(|| made_as(crm)))),
    }
}

/// What a hand-over makes where no rule says otherwise.
fn made_as(crm: &CrmPolicy) -> &str {
    let people = PEOPLE.iter().rev().find(|object| crm.mapping.contains_key(**object));
    people.copied().or_else(|| crm.mapping.keys().next().map(String::as_str)).unwrap_or("lead")
}

fn create(case: &Case<'_>, crm: &CrmPolicy, object: &str) -> Preview {
    let pool = tell::pool_record(case, &brief(case, crm));
    let (lines, record, incomplete) = match crm.mapping.get(object) {
        Some(mapping) => made(mapping, &pool),
        None => by_roles(crm, object, &pool),
    };
    let roles = roles_in(crm, object);
    let mut beside = Vec::new();
    let mut named = record.clone();
    tell::name_it(&mut named, &roles, &pool);
    if let Some(field) = roles.name.filter(|field| named.get(field) != record.get(field)) {
        beside.push(Beside { value: named.get(&field).cloned(), field, why: "name" });
    }
    if let Some(field) = roles.owner {
        beside.push(Beside { field, value: None, why: "owner" });
    }
    let mut status = Record::new();
    tell::set_status(&mut status, crm, object, Stage::WithSales);
    beside.extend(status.0.into_iter().map(|(field, value)| Beside {
        field,
        value: Some(value),
        why: "status",
    }));
    if PEOPLE.contains(&object) {
        beside.push(Beside { field: crm.mark.clone(), value: None, why: "mark" });
    }
    Preview { lead: case.lead.id, object: object.to_owned(), remote: None, lines, beside, record, incomplete }
}

fn made(mapping: &Mapping, pool: &Record) -> (Vec<Shown>, Record, bool) {
    let applied = mapping.outward(pool, Writing::Create);
    let shown = |mut line: Line| {
        let missing = applied.refusals.iter().find(|refusal| refusal.rule == Some(line.rule));
        line.refused = line.refused.or_else(|| missing.map(|refusal| refusal.why.clone()));
        let becomes = match &line.refused {
            Some(why) => Becomes::Refused(why.clone()),
            None if line.to.is_empty() => Becomes::Kept,
            None if line.to.iter().all(|(_, value)| value.is_blank()) => Becomes::Blank,
            None => Becomes::Sent,
        };
        Shown { line, held: Vec::new(), becomes }
    };
    let incomplete = applied.is_incomplete();
    (mapping.lines(pool).into_iter().map(shown).collect(), applied.record, incomplete)
}

/// An object without a mapping is written by the roles of its fields.
fn by_roles(crm: &CrmPolicy, object: &str, pool: &Record) -> (Vec<Shown>, Record, bool) {
    let mut record = Record::new();
    let mut lines = Vec::new();
    for (field, from) in tell::plainest(crm, object) {
        let value = pool.get(from).cloned().unwrap_or_default();
        let becomes = if value.is_blank() { Becomes::Blank } else { Becomes::Sent };
        let line = Line {
            rule: lines.len(),
            name: format!("{from} → {field}"),
            from: vec![(from.to_owned(), value.clone())],
            steps: Vec::new(),
            fields: vec![field.clone()],
            to: vec![(field.clone(), value.clone())],
            refused: None,
            notes: Vec::new(),
            once: false,
        };
        lines.push(Shown { line, held: Vec::new(), becomes });
        if !value.is_blank() {
            record.set(field, value);
        }
    }
    (lines, record, false)
}

fn update(case: &Case<'_>, crm: &CrmPolicy, link: &RemoteLink, row: &MirrorRow) -> Preview {
    let object = &link.remote.object;
    let compared = crm.mapping.get(object).zip(agree::merge(case, link, row));
    let (lines, record) = match compared {
        Some((mapping, merged)) => {
            let pool = tell::pool_record(case, &brief(case, crm));
            let brief = mapping.fed_by("brief");
            let lines =
                mapping.lines(&pool).into_iter().map(|line| merged_line(mapping, line, &merged, row, &brief));
            let back = taken(mapping, &merged, row);
            (lines.chain(back).collect(), merged.to_crm.clone())
        }
        // Without a mapping nothing is kept in step: the record was filled when it was made.
        None => {
            let (mut lines, ..) = by_roles(crm, object, &tell::pool_record(case, ""));
            for shown in &mut lines {
                shown.becomes = Becomes::OnlyWhenMade;
                let held = |field: &String| row.fields.get(field).cloned().unwrap_or_default();
                shown.held = shown.line.fields.iter().map(held).collect();
            }
            (lines, Record::new())
        }
    };
    let remote = Some(link.remote.clone());
    let (lead, beside) = (case.lead.id, Vec::new());
    Preview { lead, object: object.clone(), remote, lines, beside, record, incomplete: false }
}

fn merged_line(mapping: &Mapping, line: Line, merged: &Merged, row: &MirrorRow, brief: &[&str]) -> Shown {
    let held = held(mapping, &line.fields, row);
    let becomes = match merged.verdicts.get(line.rule) {
        _ if line.once => Becomes::OnlyWhenMade,
        _ if line.fields.iter().any(|field| brief.contains(&field.as_str())) => Becomes::WithHandover,
        Some(Verdict::Sent) => Becomes::Sent,
        Some(Verdict::Taken) => Becomes::ToPool,
        _ if merged
            .conflicts
            .iter()
            .any(|conflict| conflict.rule == line.rule && conflict.winner.is_none()) =>
        {
            Becomes::Asked
        }
        _ if line.refused.is_some() => line.refused.clone().map_or(Becomes::Kept, Becomes::Refused),
        _ if line.to.is_empty() => Becomes::Kept,
        _ if same(&line, &held) => Becomes::InStep,
        _ => Becomes::Theirs,
    };
    Shown { line, held, becomes }
}

fn same(line: &Line, held: &[Value]) -> bool {
    let ours = line.to.iter().map(|(_, value)| value.to_display());
    ours.eq(held.iter().map(Value::to_display))
}

fn held(mapping: &Mapping, fields: &[String], row: &MirrorRow) -> Vec<Value> {
    let told = agree::told(mapping, row);
    fields.iter().map(|field| told.get(field).cloned().unwrap_or_default()).collect()
}

/// Rules that only bring the CRM's values to the pool, where they have something to bring.
fn taken<'a>(
    mapping: &'a Mapping,
    merged: &'a Merged,
    row: &'a MirrorRow,
) -> impl Iterator<Item = Shown> + 'a {
    let inward = mapping.source().iter().enumerate().filter(|(_, rule)| rule.way == Way::ToPool);
    inward.filter(|(at, _)| merged.verdicts.get(*at) == Some(&Verdict::Taken)).map(|(at, rule)| {
        let fields = rule.crm.list().to_vec();
        let held = held(mapping, &fields, row);
        let line = Line {
            rule: at,
            name: rule.to_string(),
            from: Vec::new(),
            steps: Vec::new(),
            fields,
            to: Vec::new(),
            refused: None,
            notes: Vec::new(),
            once: false,
        };
        Shown { line, held, becomes: Becomes::ToPool }
    })
}

/// The brief as it would stand: of the hand-over that runs, else of one that began now.
fn brief(case: &Case<'_>, crm: &CrmPolicy) -> String {
    let now = case.now();
    match case.book.open_handoff(case.lead.id) {
        Some(open) => tell::brief_text(case, open),
        None => {
            let id = crate::ids::HandoffId::new(case.lead.id.uuid());
            let begun = Handoff {
                id,
                version: 0,
                lead: case.lead.id,
                link: crm.link.clone(),
                state: HandoffState::Asking,
                state_since: now,
                opened_at: now,
                decision: None,
                rule: None,
                action: None,
                owner: None,
                remote: None,
                company_key: None,
                agreed: Record::new(),
                feedback: None,
                remark: None,
                due: None,
                clocks: Clocks::default(),
                parked: None,
                by: None,
                rules_tried: 0,
                desk: None,
            };
            tell::brief_text(case, &begun)
        }
    }
}
