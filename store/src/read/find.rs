//! Finding leads by whatever a person has at hand.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;
use uuid::Uuid;

use crate::Store;
use crate::cell::{Rows, args};
use crate::doc::fold;
use crate::error::StoreError;
use crate::load::load_into;
use crate::read::parts;
use crate::statement::{FIND_KEYS, FIND_NAMES, FIND_PARTS};

type Result<T> = std::result::Result<T, StoreError>;

/// What somebody asks for, in the forms it may stand for. Everything given is tried; the caller normalises.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Question {
    /// Identifiers the text may be, normalised: a phone, a mail address, an id of the MA.
    pub identifiers: Vec<Identifier>,
    /// The text itself: a lead id or hand-over mark (or the start of one, from 6 hex digits), a value of any
    /// identifier kind, an id of a CRM record, a company's name or a part of it, a person's name.
    pub text: String,
}

/// How a lead was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoundBy {
    /// By its id or the start of it.
    LeadId,
    /// By the id of one of its hand-overs or the start of it.
    HandoffId,
    /// By an identifier.
    Identifier,
    /// By a record of a CRM.
    Remote,
    /// By the name of the company.
    Company,
    /// By the name of the person.
    Name,
}

/// A lead that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Which (the survivor, where it was merged).
    pub lead: Lead,
    /// How, best way first.
    pub by: FoundBy,
    /// The lead that was found first, where it was merged into `lead` since.
    pub through: Option<LeadId>,
}

impl FoundBy {
    fn of(rank: i64) -> Self {
        match rank {
            0 => FoundBy::LeadId,
            1 => FoundBy::HandoffId,
            2 => FoundBy::Identifier,
            3 => FoundBy::Remote,
            4 => FoundBy::Company,
            _ => FoundBy::Name,
        }
    }
}

/// A start of an id shorter than this is rather a word.
const ID_DIGITS: usize = 6;

impl Store {
    /// Finds leads, best way first: ids, identifiers, CRM records, names that start so, and only where there is nothing
    /// of these, names that contain it. Merged leads lead to their survivor.
    ///
    /// # Errors
    /// Where the database does not answer or a lead cannot be read.
    pub async fn find(&self, question: &Question, limit: u32) -> Result<Vec<Found>> {
        let text = question.text.trim();
        let (lead_from, lead_to) = id_range(text, 'L');
        let (handoff_from, handoff_to) = id_range(text, 'H');
        let mut identifiers = Rows::of(&FIND_KEYS, 5);
        for identifier in &question.identifiers {
            identifiers.add(&identifier.kind.0).add(&identifier.value);
        }
        let mut values = Rows::of(&FIND_KEYS, 6);
        let mut remotes = Rows::of(&FIND_KEYS, 7);
        let last = text.rsplit('/').next().unwrap_or(text);
        for value in BTreeSet::from([text.to_owned(), text.to_lowercase(), last.to_owned()]) {
            if !value.is_empty() {
                values.add(&value);
                remotes.add(value);
            }
        }
        let mut work = self.pools().read().await?;
        let args = args![lead_from, lead_to, handoff_from, handoff_to, identifiers, values, remotes, limit];
        let mut rows = work.rows(&FIND_KEYS, args).await?;
        let folded = fold(text);
        let sealed = work.vault().is_some();
        if rows.is_empty() && !folded.is_empty() {
            let end = format!("{folded}\u{10FFFF}");
            rows = work.rows(&FIND_NAMES, args![folded.clone(), end, limit, folded.clone()]).await?;
        }
        let mut ranks: Vec<(LeadId, i64)> = Vec::new();
        if rows.is_empty() && sealed && !folded.is_empty() {
            ranks = parts::named(&mut work, &folded, limit).await?;
        } else if rows.is_empty() && folded.chars().count() >= 2 {
            rows = work.rows(&FIND_PARTS, args![folded, limit]).await?;
        }
        for row in rows {
            ranks.push((row.get(0)?, row.get(1)?));
        }
        let mut book = Book::default();
        let leads = ranks.iter().map(|(lead, _)| *lead).collect();
        load_into(&mut work, &mut book, &Needs { leads, ..Needs::default() }).await?;
        work.undo().await?;
        Ok(found(&book, &ranks))
    }
}

/// Each survivor once, by the best way.
fn found(book: &Book, ranks: &[(LeadId, i64)]) -> Vec<Found> {
    let mut best: BTreeMap<LeadId, usize> = BTreeMap::new();
    let mut all: Vec<Found> = Vec::new();
    for (id, rank) in ranks {
        let Some(lead) = book.resolve(*id) else { continue };
        if best.contains_key(&lead.id) {
            continue;
        }
        best.insert(lead.id, all.len());
        let through = (lead.id != *id).then_some(*id);
        all.push(Found { lead: lead.clone(), by: FoundBy::of(*rank), through });
    }
    all
}

/// The first and the last id that start like `text`, where it can be the start of an id with or without `letter`.
fn id_range(text: &str, letter: char) -> (Option<Uuid>, Option<Uuid>) {
    let lower = text.to_ascii_lowercase();
    let bare = lower
        .strip_prefix(letter.to_ascii_lowercase())
        .and_then(|rest| rest.strip_prefix('-'))
        .unwrap_or(&lower);
    let digits: String = bare.chars().filter(|c| *c != '-').collect();
    let fits =
        (ID_DIGITS..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !fits {
        return (None, None);
    }
    let filled = |filling: char| {
        let missing = std::iter::repeat_n(filling, 32 - digits.len());
        Uuid::parse_str(&digits.chars().chain(missing).collect::<String>()).ok()
    };
    (filled('0'), filled('f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_an_id_is_a_range() {
        let (from, to) = id_range("L-0190abcd", 'L');
        assert_eq!(from.unwrap().to_string(), "0190abcd-0000-0000-0000-000000000000");
        assert_eq!(to.unwrap().to_string(), "0190abcd-ffff-ffff-ffff-ffffffffffff");
        for text in ["0190a", "示例科技", "L-xyz", ""] {
            assert_eq!(id_range(text, 'L'), (None, None), "{text}");
        }
    }
}
