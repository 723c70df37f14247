//! What a command asks to be done with people: noting who saw personal data, joining, parting, erasing.
//!
//! Part of [`crate::orders`]: plain data, carried out by the process that owns the store.

use leadloop_store::people::Audited;
use leadloop_sync_core::ids::LeadId;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::orders::{Done, OrderError};

/// Something to be done with people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "people", rename_all = "snake_case")]
pub enum Order {
    /// Note that somebody sees personal data.
    Note(Seen),
}

/// Somebody sees personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Who.
    pub who: String,
    /// `reveal`, `export` or `export_data`.
    pub what: String,
    /// Whose.
    pub leads: Vec<LeadId>,
    /// What was asked for, without personal data.
    pub detail: String,
}

/// Carries an order out; durable when it returns.
///
/// # Errors
/// See [`OrderError`].
pub async fn carry_out(node: &Node, order: Order) -> Result<Done, OrderError> {
    match order {
        Order::Note(seen) => {
            let count = i64::try_from(seen.leads.len()).unwrap_or(i64::MAX);
            let noted = Audited {
                seq: 0,
                at: node.clock.now(),
                who: bounded(seen.who, 200),
                what: bounded(seen.what, 40),
                lead: None,
                count,
                detail: bounded(seen.detail, 2_000),
            };
            node.store.audit(&noted, &seen.leads).await?;
            Ok(Done { changed: u64::try_from(count).unwrap_or(0), ..Done::default() })
        }
    }
}

/// A text of at most so many characters, without NUL.
pub(crate) fn bounded(text: String, most: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(most).collect()
}
