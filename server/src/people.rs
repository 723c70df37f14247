//! What a command asks to be done with people: noting who saw personal data, joining, parting, erasing.
//!
//! Part of [`crate::orders`]: plain data, carried out by the process that owns the store.

use std::collections::BTreeSet;

use leadloop_store::erase::{Erasure, Forget};
use leadloop_store::people::Audited;
use leadloop_store::{Stamp, StoreError, WriteLane};
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::erase;
use leadloop_sync_core::ids::LeadId;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::orders::{Done, OrderError};
use crate::persons;

/// How often an erasure is tried anew where the person changed meanwhile.
const ROUNDS: u32 = 5;

/// Something to be done with people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "people", rename_all = "snake_case")]
pub enum Order {
    /// Note that somebody sees personal data.
    Note(Seen),
    /// Forget a person.
    Erase {
        /// Whom.
        lead: LeadId,
        /// Who does it.
        who: String,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Let somebody be taken in again who was erased.
    Readmit {
        /// By which identifiers.
        identifiers: Vec<Identifier>,
        /// Who does it.
        who: String,
    },
    /// Say who is one person, or has a new phone.
    Persons(persons::Order),
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
        Order::Erase { lead, who, reason } => {
            let (who, reason) = (bounded(who, 200), reason.map(|reason| bounded(reason, 500)));
            let erasure = forget(node, lead, (&who, reason.as_deref()), Vec::new()).await?;
            Ok(Done { changed: 1, erasure: Some(erasure), ..Done::default() })
        }
        Order::Readmit { identifiers, who } => {
            let noted = Audited {
                seq: 0,
                at: node.clock.now(),
                who: bounded(who, 200),
                what: "readmit".to_owned(),
                lead: None,
                count: 1,
                detail: String::new(),
            };
            let identifiers = identifiers.into_iter().take(100).collect();
            Ok(Done { changed: node.store.readmit(&identifiers, &noted).await?, ..Done::default() })
        }
        Order::Persons(order) => persons::carry_out(node, order).await,
    }
}

/// Forgets a person, in one transaction with the receipt and with what follows from it besides. `by`: who does it, and why.
pub(crate) async fn forget(
    node: &Node,
    lead: LeadId,
    by: (&str, Option<&str>),
    also: Vec<Effect>,
) -> Result<Erasure, OrderError> {
    let (who, reason) = by;
    let plan = node.plan();
    for _ in 0..ROUNDS {
        let mut tx = node.store.begin(WriteLane::Hot).await?;
        let first = Needs { leads: [lead].into(), ..Needs::default() };
        let mut book = tx.load(&first).await?;
        let Some(person) = book.resolve(lead).map(|lead| lead.id) else {
            tx.undo().await?;
            return Err(OrderError::input("LL4406", format!("there is no lead {lead}")));
        };
        let leads = erase::members(&book, person);
        let handoffs = tx.handoffs_of(&leads).await?;
        tx.load_more(&mut book, &Needs { handoffs, ..Needs::default() }).await?;
        let mut moment = node.clock.moment();
        let Some(mut reaction) = erase::erase(&book, person, &plan.policy, &mut moment) else {
            tx.undo().await?;
            return Err(OrderError::input("LL4406", format!("there is no lead {lead}")));
        };
        reaction.effects.extend(also.iter().cloned());
        let bound = book.identifiers.values().filter(|binding| leads.contains(&binding.lead));
        let identifiers: BTreeSet<Identifier> = bound.map(|binding| binding.identifier.clone()).collect();
        let records = erase::records(&book, &leads);
        let asked = Forget { leads: &leads, identifiers: &identifiers, records: &records, who, reason };
        let stamp = Stamp { verb: "erase", config: plan.hash.clone(), now: moment.now };
        match tx.forget(&asked, &stamp, &reaction).await {
            Ok(Some(erasure)) => return Ok(erasure),
            Ok(None) => {
                return Err(OrderError::input(
                    "LL4523",
                    "something about this person is being sent right now; nothing was erased: try again in a minute",
                ));
            }
            Err(StoreError::Stale { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(OrderError::input(
        "LL4523",
        "this person changes all the time; nothing was erased: try again in a minute",
    ))
}

/// A text of at most so many characters, without NUL.
pub(crate) fn bounded(text: String, most: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(most).collect()
}
