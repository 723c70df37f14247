//! Writing leads, their identifiers, their touches and the stages they reached.

use leadloop_sync_core::companies;
use leadloop_sync_core::lead::Lead;
use leadloop_sync_core::origin;

use crate::cell::{Rows, args};
use crate::doc::{fold, text};
use crate::error::StoreError;
use crate::statement::{
    COMPANY_SUSPECT_PUT, COMPANY_VERDICT_PUT, IDENTIFIER_DROP, IDENTIFIER_NEW, IDENTIFIER_PUT,
    IDENTIFIER_SEEN, LEAD_AGAIN, LEAD_PUT, MILESTONE_PUT, SUSPECT_PUT, TOUCH_PUT, TOUCH_RECEIPTS,
    VERDICT_PUT,
};

use super::check::{Checked, Indexed};
use super::gather::Changes;
use super::queue::Queue;

type Result<T> = std::result::Result<T, StoreError>;

/// Writes leads and what is theirs; `checked` knows what is there already.
pub(super) async fn put(queue: &Queue, changes: &Changes<'_>, checked: &Checked) -> Result<()> {
    put_leads(queue, changes, checked).await?;
    put_identifiers(queue, changes, checked).await?;
    put_suspects(queue, changes).await?;
    put_companies(queue, changes).await?;
    put_touches(queue, changes).await
}

async fn put_leads(queue: &Queue, changes: &Changes<'_>, checked: &Checked) -> Result<()> {
    let (mut put, mut again) = (Rows::of(&LEAD_PUT, 1), Rows::of(&LEAD_AGAIN, 1));
    for lead in changes.leads.values() {
        let indexed = Indexed {
            stage: lead.stage.as_str().to_owned(),
            merged_into: lead.merged_into,
            name: lead.text("name").map(fold),
            company: lead.text("company").map(fold),
        };
        let list = if checked.leads.get(&lead.id) == Some(&indexed) { &mut again } else { &mut put };
        add_lead(list, lead, indexed)?;
    }
    for (statement, list) in [(&LEAD_PUT, put), (&LEAD_AGAIN, again)] {
        if !list.is_empty() {
            let count = list.len();
            queue.run_all(statement, args![list], count, "lead").await?;
        }
    }
    if !changes.milestones.is_empty() {
        let mut list = Rows::of(&MILESTONE_PUT, 1);
        for ((lead, stage), at) in &changes.milestones {
            list.add(*lead).add(*stage).add(*at);
        }
        queue.run(&MILESTONE_PUT, args![list]).await?;
    }
    Ok(())
}

fn add_lead(list: &mut Rows, lead: &Lead, indexed: Indexed) -> Result<()> {
    let owner = lead.owner.as_ref();
    list.add(lead.id).add(lead.version).add(indexed.stage);
    list.add(&lead.origin.source).add(&lead.origin.channel).add(lead.origin.campaign.as_ref());
    list.add(owner.map(|owner| &owner.crm_user));
    list.add(owner.and_then(|owner| owner.person.as_ref()));
    list.add(lead.origin.at).add(lead.created_at).add(lead.last_touch_at).add(lead.touches);
    list.add(lead.mql_at).add(lead.rest_until).add(indexed.merged_into);
    list.add(indexed.name).add(indexed.company);
    list.add(lead.won_amount).add(lead.pool.as_ref());
    list.add(lead.text(origin::KIND)).add(text(lead)?);
    Ok(())
}

async fn put_identifiers(queue: &Queue, changes: &Changes<'_>, checked: &Checked) -> Result<()> {
    let mut new = Rows::of(&IDENTIFIER_NEW, 1);
    let mut moved = Rows::of(&IDENTIFIER_PUT, 1);
    let mut seen = Rows::of(&IDENTIFIER_SEEN, 1);
    let mut dropped = Rows::of(&IDENTIFIER_DROP, 1);
    for (identifier, binding) in &changes.identifiers {
        match binding {
            Some(binding) => {
                let list = match checked.taken.get(*identifier) {
                    Some(lead) if *lead == binding.lead => &mut seen,
                    Some(_) => &mut moved,
                    None => &mut new,
                };
                list.add(&identifier.kind.0).add(&identifier.value).add(binding.lead);
                list.add(&binding.source).add(binding.at).add(binding.last_at);
            }
            None => {
                dropped.add(&identifier.kind.0).add(&identifier.value);
            }
        }
    }
    if !new.is_empty() {
        let count = new.len();
        queue.run_all(&IDENTIFIER_NEW, args![new], count, "identifier").await?;
    }
    if !moved.is_empty() {
        queue.run(&IDENTIFIER_PUT, args![moved]).await?;
    }
    if !seen.is_empty() {
        queue.run(&IDENTIFIER_SEEN, args![seen]).await?;
    }
    if !dropped.is_empty() {
        queue.run(&IDENTIFIER_DROP, args![dropped]).await?;
    }
    Ok(())
}

async fn put_suspects(queue: &Queue, changes: &Changes<'_>) -> Result<()> {
    if !changes.suspects.is_empty() {
        let mut list = Rows::of(&SUSPECT_PUT, 1);
        for ((lead, other), suspect) in &changes.suspects {
            list.add(*lead).add(*other).add(&suspect.by.kind.0).add(&suspect.by.value);
            list.add(&suspect.reason).add(suspect.at);
        }
        queue.run(&SUSPECT_PUT, args![list]).await?;
    }
    if !changes.verdicts.is_empty() {
        let mut list = Rows::of(&VERDICT_PUT, 1);
        for ((lead, other), verdict) in &changes.verdicts {
            list.add(*lead).add(*other).add(if verdict.same { "same" } else { "apart" });
            list.add(&verdict.who).add(verdict.at);
        }
        queue.run(&VERDICT_PUT, args![list]).await?;
    }
    Ok(())
}

async fn put_companies(queue: &Queue, changes: &Changes<'_>) -> Result<()> {
    if !changes.company_suspects.is_empty() {
        let mut list = Rows::of(&COMPANY_SUSPECT_PUT, 1);
        for (keys, pair) in &changes.company_suspects {
            // A name stands on the side of its key.
            let as_told = companies::key(&pair.one).as_ref() == Some(&keys.0);
            let (one, other) = if as_told { (&pair.one, &pair.other) } else { (&pair.other, &pair.one) };
            let remote = pair.remote.as_ref();
            list.add(&keys.0).add(&keys.1).add(one).add(other).add(&pair.reason).add(pair.lead);
            list.add(remote.map(|remote| &remote.link)).add(remote.map(|remote| &remote.object));
            list.add(remote.map(|remote| &remote.id)).add(pair.at);
        }
        queue.run(&COMPANY_SUSPECT_PUT, args![list]).await?;
    }
    if !changes.company_verdicts.is_empty() {
        let mut list = Rows::of(&COMPANY_VERDICT_PUT, 1);
        for (keys, verdict) in &changes.company_verdicts {
            list.add(&keys.0).add(&keys.1).add(&verdict.one).add(&verdict.other);
            list.add(if verdict.same { "same" } else { "apart" }).add(&verdict.who).add(verdict.at);
        }
        queue.run(&COMPANY_VERDICT_PUT, args![list]).await?;
    }
    Ok(())
}

async fn put_touches(queue: &Queue, changes: &Changes<'_>) -> Result<()> {
    if !changes.touches.is_empty() {
        put_new_touches(queue, changes).await?;
    }
    if changes.receipts.is_empty() {
        return Ok(());
    }
    let mut list = Rows::of(&TOUCH_RECEIPTS, 1);
    for (id, touch) in &changes.receipts {
        list.add(*id).add(text(*touch)?);
    }
    queue.run(&TOUCH_RECEIPTS, args![list]).await
}

async fn put_new_touches(queue: &Queue, changes: &Changes<'_>) -> Result<()> {
    let mut list = Rows::of(&TOUCH_PUT, 1);
    for touch in &changes.touches {
        list.add(touch.id).add(touch.lead).add(touch.capture).add(touch.at).add(&touch.kind);
        list.add(&touch.source).add(&touch.channel);
        list.add(touch.fields.text("campaign")).add(touch.fields.text("activity")).add(text(touch)?);
    }
    queue.run(&TOUCH_PUT, args![list]).await
}
