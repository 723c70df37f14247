//! Pairs of company names: those in doubt, and what somebody said of them.

use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::companies::{CompanyPair, CompanyVerdict};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::lead::RemoteRef;

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::{COMPANY_PAIR_LIST, LOAD_JUDGED};

type Result<T> = std::result::Result<T, StoreError>;

/// Which pairs are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// Those that wait for somebody.
    Open,
    /// Those that somebody judged.
    Judged,
    /// Both.
    All,
}

/// A pair of company names, with the keys it stands under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPair {
    /// Its keys, the smaller first.
    pub keys: (String, String),
    /// The pair.
    pub pair: CompanyPair,
    /// What somebody said of it.
    pub verdict: Option<CompanyVerdict>,
}

impl Store {
    /// Pairs in the order of their keys (`after`: the last of the page before).
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn company_pairs(
        &self,
        after: Option<&(String, String)>,
        wanted: Pairs,
        limit: u32,
    ) -> Result<Vec<StoredPair>> {
        let mut work = self.pools().read().await?;
        let (one, other) = after.map_or(("", ""), |(one, other)| (one.as_str(), other.as_str()));
        let (judged, open) = (wanted != Pairs::Open, wanted != Pairs::Judged);
        let rows = work.rows(&COMPANY_PAIR_LIST, args![one, other, judged, open, limit]).await?;
        let found = rows.iter().map(pair_of).collect();
        work.undo().await?;
        found
    }
}

/// Columns: one_key, other_key, one, other, reason, lead, link, object, remote, at, verdict, judged_by, judged_at.
fn pair_of(row: &Row) -> Result<StoredPair> {
    let (one, other): (String, String) = (row.get(2)?, row.get(3)?);
    let (link, object, id): (Option<String>, Option<String>, Option<String>) =
        (row.get(6)?, row.get(7)?, row.get(8)?);
    let remote =
        link.zip(object).zip(id).map(|((link, object), id)| RemoteRef { link: LinkName(link), object, id });
    let verdict: Option<String> = row.get(10)?;
    let verdict = match verdict {
        Some(verdict) => Some(CompanyVerdict {
            one: one.clone(),
            other: other.clone(),
            same: verdict == "same",
            who: row.get::<Option<String>>(11)?.unwrap_or_default(),
            at: row.get::<Option<_>>(12)?.unwrap_or_default(),
        }),
        None => None,
    };
    Ok(StoredPair {
        keys: (row.get(0)?, row.get(1)?),
        pair: CompanyPair { one, other, reason: row.get(4)?, lead: row.get(5)?, remote, at: row.get(9)? },
        verdict,
    })
}

/// What was said of the companies that are asked for.
pub(crate) async fn load(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<()> {
    if needs.judged.is_empty() {
        return Ok(());
    }
    let mut keys = Rows::of(&LOAD_JUDGED, 1);
    for key in &needs.judged {
        keys.add(key);
    }
    for row in work.rows(&LOAD_JUDGED, args![keys]).await? {
        let verdict: String = row.get(4)?;
        let said = CompanyVerdict {
            one: row.get(2)?,
            other: row.get(3)?,
            same: verdict == "same",
            who: row.get::<Option<String>>(5)?.unwrap_or_default(),
            at: row.get::<Option<_>>(6)?.unwrap_or_default(),
        };
        book.judged.entry((row.get(0)?, row.get(1)?)).or_insert(said);
    }
    Ok(())
}
