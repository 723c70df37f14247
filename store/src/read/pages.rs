//! Leads page by page: for lists and for comparing the pool with a CRM.

use std::collections::BTreeMap;

use leadloop_sync_core::effect::{RemoteLink, Suspect, Verdict};
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::time::Timestamp;
use uuid::Uuid;

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::doc::fold;
use crate::engine::Work;
use crate::error::StoreError;
use crate::read::parts;
use crate::read::story::suspect_of;
use crate::statement::{LEAD_PAGE, LEAD_WALK, STORY_LINKS, SUSPECT_LIST};

type Result<T> = std::result::Result<T, StoreError>;

/// A lead and its records in other systems.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkedLead {
    /// The lead.
    pub lead: Lead,
    /// Its records in other systems.
    pub links: Vec<RemoteLink>,
}

/// Which leads to list, newest lead first.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LeadAsk {
    /// Only in this stage.
    pub stage: Option<Stage>,
    /// Only of this first source.
    pub source: Option<String>,
    /// Only of this first channel.
    pub channel: Option<String>,
    /// Only of this owner (our key of the person, or the CRM's user id).
    pub owner: Option<String>,
    /// Only in these parts of the pool; `None`: in all, and in none.
    pub pools: Option<Vec<String>>,
    /// Only where name, company or an identifier contains this.
    pub text: Option<String>,
    /// After this one: the last of the page before.
    pub after: Option<LeadId>,
    /// At most so many.
    pub limit: u32,
}

impl Store {
    /// A page of leads, newest first; merged ones are left out.
    ///
    /// # Errors
    /// Where the database does not answer or a lead cannot be read.
    pub async fn leads(&self, ask: &LeadAsk) -> Result<Vec<Lead>> {
        let text = ask.text.as_deref().map(fold).filter(|text| !text.is_empty());
        let mut work = self.pools().read().await?;
        let found = match text {
            Some(text) if work.vault().is_some() => page_with(&mut work, ask, &text).await,
            text => page(&mut work, ask, ask.after, text, ask.limit).await,
        };
        work.undo().await?;
        found
    }

    /// A page of pairs that may be one person, by their ids (`after`: the last of the page before): those that nobody has
    /// judged yet, or `all`.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn suspects(
        &self,
        after: Option<(LeadId, LeadId)>,
        all: bool,
        limit: u32,
    ) -> Result<Vec<(Suspect, Option<Verdict>)>> {
        let (lead, other) =
            after.map_or((Uuid::nil(), Uuid::nil()), |(lead, other)| (lead.uuid(), other.uuid()));
        let mut work = self.pools().read().await?;
        let rows = work.rows(&SUSPECT_LIST, args![lead, other, all, limit]).await?;
        work.undo().await?;
        rows.iter().map(|row| Ok((suspect_of(row)?, verdict_of(row)?))).collect()
    }

    /// A page of leads with their records in other systems, by id: for comparing the pool with a CRM.
    ///
    /// # Errors
    /// Where the database does not answer or a row cannot be read.
    pub async fn linked_leads(&self, after: Option<LeadId>, limit: u32) -> Result<Vec<LinkedLead>> {
        let after = after.map_or_else(Uuid::nil, |after| after.uuid());
        let mut work = self.pools().read().await?;
        let rows = work.rows(&LEAD_WALK, args![after, limit]).await?;
        let leads = rows.iter().map(|row| row.doc(0)).collect::<Result<Vec<Lead>>>()?;
        let mut ids = Rows::of(&STORY_LINKS, 1);
        for lead in &leads {
            ids.add(lead.id);
        }
        let rows = if leads.is_empty() { Vec::new() } else { work.rows(&STORY_LINKS, args![ids]).await? };
        work.undo().await?;
        let mut links: BTreeMap<LeadId, Vec<RemoteLink>> = BTreeMap::new();
        for row in rows {
            let link: RemoteLink = row.doc(0)?;
            links.entry(link.lead).or_default().push(link);
        }
        let with_links = |lead: Lead| LinkedLead { links: links.remove(&lead.id).unwrap_or_default(), lead };
        Ok(leads.into_iter().map(with_links).collect())
    }
}

/// A page of leads behind `after`.
async fn page(
    work: &mut Work,
    ask: &LeadAsk,
    after: Option<LeadId>,
    text: Option<String>,
    limit: u32,
) -> Result<Vec<Lead>> {
    let before = after.map_or_else(Uuid::max, |after| after.uuid());
    let mut pools = Rows::of(&LEAD_PAGE, 8);
    for pool in ask.pools.iter().flatten() {
        pools.add(pool);
    }
    let args = args![
        before,
        ask.stage.map(Stage::as_str),
        ask.source.as_ref(),
        ask.channel.as_ref(),
        ask.owner.as_ref(),
        text,
        ask.pools.is_none(),
        pools,
        limit
    ];
    work.rows(&LEAD_PAGE, args).await?.iter().map(|row| row.doc(0)).collect()
}

/// As [`page`], where what contains the text is sealed.
async fn page_with(work: &mut Work, ask: &LeadAsk, text: &str) -> Result<Vec<Lead>> {
    let most = usize::try_from(ask.limit).unwrap_or(usize::MAX);
    let (mut found, mut after) = (Vec::new(), ask.after);
    while found.len() < most {
        let leads = page(work, ask, after, None, parts::PAGE).await?;
        after = leads.last().map(|lead| lead.id);
        let last = u32::try_from(leads.len()).unwrap_or(u32::MAX) < parts::PAGE;
        found.extend(parts::with_part(work, leads, text).await?);
        if last {
            break;
        }
    }
    found.truncate(most);
    Ok(found)
}

/// Columns: as of a suspect, then verdict, judged_by, judged_at.
fn verdict_of(row: &Row) -> Result<Option<Verdict>> {
    let Some(verdict) = row.get::<Option<String>>(6)? else { return Ok(None) };
    Ok(Some(Verdict {
        lead: row.get(0)?,
        other: row.get(1)?,
        same: verdict == "same",
        who: row.get::<Option<String>>(7)?.unwrap_or_default(),
        at: row.get::<Option<Timestamp>>(8)?.unwrap_or(Timestamp(0)),
    }))
}
