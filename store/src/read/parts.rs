//! Search by a part of a name or an identifier where they are sealed: page by page, opened, in the program. The answers
//! are those that SQL gives of a store in clear; it takes longer, since every lead is looked at.

use std::collections::BTreeMap;

use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use uuid::Uuid;

use crate::cell::{Rows, args};
use crate::doc::fold;
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::{FIND_WALK, LOAD_IDENTIFIERS};

type Result<T> = std::result::Result<T, StoreError>;

/// Leads that are opened at once.
pub(crate) const PAGE: u32 = 500;

/// The leads whose name, company or identifier contains a folded text.
pub(crate) async fn with_part(work: &mut Work, leads: Vec<Lead>, folded: &str) -> Result<Vec<Lead>> {
    let values = identifiers_of(work, &leads).await?;
    let holds = |lead: &Lead| {
        contains(lead, "company", folded)
            || contains(lead, "name", folded)
            || values.get(&lead.id).into_iter().flatten().any(|value| value.contains(folded))
    };
    Ok(leads.into_iter().filter(holds).collect())
}

fn folded_field(lead: &Lead, field: &str) -> Option<String> {
    lead.text(field).map(fold)
}

fn contains(lead: &Lead, field: &str, folded: &str) -> bool {
    folded_field(lead, field).is_some_and(|text| text.contains(folded))
}

async fn identifiers_of(work: &mut Work, leads: &[Lead]) -> Result<BTreeMap<LeadId, Vec<String>>> {
    let mut values: BTreeMap<LeadId, Vec<String>> = BTreeMap::new();
    let mut ids = Rows::of(&LOAD_IDENTIFIERS, 1);
    for lead in leads {
        ids.add(lead.id);
    }
    if ids.is_empty() {
        return Ok(values);
    }
    for row in work.rows(&LOAD_IDENTIFIERS, args![ids]).await? {
        values.entry(row.get(2)?).or_default().push(row.opened(1)?);
    }
    Ok(values)
}

/// Leads whose company or name starts with a folded text, and where there is none, those of which one contains it; with
/// their rank as a find statement gives it (4: the company, 5: the person).
pub(crate) async fn named(work: &mut Work, folded: &str, limit: u32) -> Result<Vec<(LeadId, i64)>> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut starts: Vec<(LeadId, i64)> = Vec::new();
    let mut parts: Vec<(LeadId, i64)> = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let rows = work.rows(&FIND_WALK, args![after, PAGE]).await?;
        for row in &rows {
            let lead: Lead = row.doc(0)?;
            after = lead.id.uuid();
            for (field, rank) in [("company", 4), ("name", 5)] {
                let Some(text) = folded_field(&lead, field).filter(|text| text.contains(folded)) else {
                    continue;
                };
                let found = if text.starts_with(folded) { &mut starts } else { &mut parts };
                found.push((lead.id, rank));
                break;
            }
        }
        if u32::try_from(rows.len()).unwrap_or(u32::MAX) < PAGE {
            break;
        }
    }
    // One character is enough for a start, but too little for a part.
    let mut found = match (starts.is_empty(), folded.chars().nth(1)) {
        (false, _) => starts,
        (true, Some(_)) => parts,
        (true, None) => Vec::new(),
    };
    found.sort_by_key(|(lead, rank)| (*rank, *lead));
    found.truncate(most);
    Ok(found)
}
