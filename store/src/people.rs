//! What people do with people: who looked at personal data or changed whose it is.

use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::time::Timestamp;

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::lanes::WriteLane;
use crate::statement::{AUDIT_LIST, AUDIT_PUT};

type Result<T> = std::result::Result<T, StoreError>;

/// Most leads that are noted one by one; of more only how many.
const NAMED: usize = 50;

/// Somebody did something with personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Order of noting; 0 before.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who: an account of the machine or of the console.
    pub who: String,
    /// What: `reveal`, `export`, `export_data`, `merge`, `unmerge`, `apart`, `change_phone`, `erase`, `readmit`.
    pub what: String,
    /// Whose data; `None` where it were many.
    pub lead: Option<LeadId>,
    /// How many leads.
    pub count: i64,
    /// What was asked for, without personal data.
    pub detail: String,
}

impl Store {
    /// Notes that somebody did something with the data of these leads (of none in particular where none is named): one
    /// row for each, or one row for all of them where they are many. Durable when it returns, so that nothing is shown
    /// that was not noted.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn audit(&self, noted: &Audited, leads: &[LeadId]) -> Result<()> {
        let mut work = self.pools().write(WriteLane::Background).await?;
        note(&mut work, noted, leads).await?;
        work.commit().await
    }

    /// What was noted, latest first: of these leads, or of all where none is named (`before`: the last of the page
    /// before).
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn audited(&self, leads: &[LeadId], before: Option<i64>, limit: u32) -> Result<Vec<Audited>> {
        let mut work = self.pools().read().await?;
        let found = of_leads(&mut work, leads, before, limit).await?;
        work.undo().await?;
        Ok(found)
    }
}

/// As [`Store::audit`], within a transaction.
pub(crate) async fn note(work: &mut Work, noted: &Audited, leads: &[LeadId]) -> Result<()> {
    let mut list = Rows::of(&AUDIT_PUT, 1);
    let mut add = |lead: Option<LeadId>, count: i64| {
        list.add(noted.at).add(&noted.who).add(&noted.what).add(lead).add(count).add(&noted.detail);
    };
    if leads.is_empty() || leads.len() > NAMED {
        let count =
            if leads.is_empty() { noted.count } else { i64::try_from(leads.len()).unwrap_or(i64::MAX) };
        add(None, count);
    } else {
        leads.iter().for_each(|lead| add(Some(*lead), 1));
    }
    work.run(&AUDIT_PUT, args![list]).await.map(drop)
}

pub(crate) async fn of_leads(
    work: &mut Work,
    leads: &[LeadId],
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Audited>> {
    let mut ids = Rows::of(&AUDIT_LIST, 3);
    for lead in leads {
        ids.add(*lead);
    }
    let rows =
        work.rows(&AUDIT_LIST, args![before.unwrap_or(i64::MAX), leads.is_empty(), ids, limit]).await?;
    rows.iter().map(audited_of).collect()
}

/// Columns: seq, at, who, what, lead, count, detail.
fn audited_of(row: &Row) -> Result<Audited> {
    Ok(Audited {
        seq: row.get(0)?,
        at: row.get(1)?,
        who: row.get(2)?,
        what: row.get(3)?,
        lead: row.get(4)?,
        count: row.get(5)?,
        detail: row.opened(6)?,
    })
}
