//! Who is one person, said by hand: merge, unmerge, apart, a new phone; and what people write on a lead.
//!
//! Part of [`crate::people`]. What follows from it is decided in `sync_core::person`; this module loads, waits for what is
//! on its way to sales, commits and notes who said so.

use std::time::Duration;

use leadloop_store::people::Audited;
use leadloop_store::{Stamp, StoreError, Tx, WriteLane};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::book::Book;
use leadloop_sync_core::effect::Reaction;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, DeliveryState};
use leadloop_sync_core::person::mark::{self, Mark};
use leadloop_sync_core::person::{Refusal, merge, part, phone};
use leadloop_sync_core::policy::Policy;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::orders::{Done, OrderError};
use crate::people::bounded;
use crate::react::turns;

/// How often it is tried while a delivery of the person is on its way, and how long between.
const TRIES: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(250);

/// Something that is said about people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What is said.
    pub said: Said,
    /// Who says it.
    pub who: String,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    /// Both are one person.
    Same {
        /// The one.
        one: LeadId,
        /// The other.
        other: LeadId,
    },
    /// They are two people, and no rule shall join them.
    Apart {
        /// The one.
        one: LeadId,
        /// The other.
        other: LeadId,
    },
    /// The merge of this lead was wrong.
    Unmerge {
        /// The lead that was merged into another.
        lead: LeadId,
    },
    /// The person has a new phone number.
    Phone {
        /// Whose.
        lead: LeadId,
        /// The number as somebody wrote it.
        number: String,
    },
    /// Somebody writes on a lead.
    Mark {
        /// Which.
        lead: LeadId,
        /// What.
        mark: Mark,
    },
}

impl Said {
    fn leads(&self) -> Vec<LeadId> {
        match self {
            Said::Same { one, other } | Said::Apart { one, other } => vec![*one, *other],
            Said::Unmerge { lead } | Said::Phone { lead, .. } | Said::Mark { lead, .. } => vec![*lead],
        }
    }

    /// What it is called where it is noted.
    const fn name(&self) -> &'static str {
        match self {
            Said::Same { .. } => "merge",
            Said::Apart { .. } => "apart",
            Said::Unmerge { .. } => "unmerge",
            Said::Phone { .. } => "change_phone",
            Said::Mark { mark: Mark::Add(_) | Mark::Remove(_), .. } => "tag",
            Said::Mark { .. } => "note",
        }
    }
}

/// Carries an order out; durable when it returns.
///
/// # Errors
/// See [`OrderError`].
pub async fn carry_out(node: &Node, order: Order) -> Result<Done, OrderError> {
    let order = Order { who: bounded(order.who, 200), ..order };
    for left in (0..TRIES).rev() {
        match attempt(node, &order).await {
            Ok(Some(leads)) => {
                note(node, &order, &leads).await?;
                return Ok(Done { changed: 1, leads, ..Done::default() });
            }
            Ok(None) | Err(Failed::Store(StoreError::Stale { .. })) if left > 0 => {
                tokio::time::sleep(BETWEEN).await
            }
            Ok(None) => break,
            Err(Failed::Store(error)) => return Err(error.into()),
            Err(Failed::Refused(refusal)) => return Err(refused(node, &refusal)),
        }
    }
    Err(refused(
        node,
        &Refusal {
            code: "LL4501",
            en: "something about this person is on its way to sales and has not come to its end: try again in a moment; \
                 `leadloop outbox list` shows it"
                .to_owned(),
            zh: "此人有内容正在发送给销售系统，尚未结束：请稍后再试；`leadloop outbox list` 可查看".to_owned(),
        },
    ))
}

fn refused(node: &Node, refusal: &Refusal) -> OrderError {
    let detail = match node.plan().policy.language {
        Language::En => &refusal.en,
        Language::Zh => &refusal.zh,
    };
    OrderError::input(refusal.code, detail.clone())
}

enum Failed {
    Store(StoreError),
    Refused(Refusal),
}
impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// One try. `None`: something of the person is being told just now, or somebody was faster.
async fn attempt(node: &Node, order: &Order) -> Result<Option<Vec<LeadId>>, Failed> {
    let plan = node.plan();
    let policy = &plan.policy;
    let mut tx = node.store.begin(WriteLane::Background).await?;
    let (mut book, unsettled) = load(&mut tx, &order.said, policy).await?;
    // What is on its way to sales does not change by what somebody writes on the lead.
    let waits = !matches!(order.said, Said::Mark { .. });
    if waits && unsettled.iter().any(|delivery| matches!(delivery.state, DeliveryState::Claimed { .. })) {
        tx.undo().await?;
        return Ok(None);
    }
    let mut moment = node.clock.moment();
    let mut reactions = decide(&book, order, &unsettled, policy, &mut moment)?;
    for reaction in &reactions {
        book.apply(reaction);
    }
    let leads: Vec<LeadId> = order.said.leads().into_iter().collect();
    if matches!(order.said, Said::Same { .. } | Said::Unmerge { .. } | Said::Mark { .. }) {
        let roots: Vec<LeadId> =
            book.leads.values().filter(|lead| lead.merged_into.is_none()).map(|lead| lead.id).collect();
        for root in roots {
            let reaction = merge::reconsider(&book, root, policy, &mut moment);
            book.apply(&reaction);
            reactions.push(reaction);
        }
    }
    let stamp = Stamp { verb: "people", config: plan.hash.clone(), now: moment.now };
    let committed = tx.commit(&stamp, &reactions).await?;
    if !committed.stale.is_empty() {
        return Ok(None);
    }
    let mut now: Vec<LeadId> = leads.iter().filter_map(|id| book.resolve(*id)).map(|lead| lead.id).collect();
    now.dedup();
    Ok(Some(now))
}

/// What must be known, in turn with whoever decides about the same people.
async fn load(tx: &mut Tx, said: &Said, policy: &Policy) -> Result<(Book, Vec<Delivery>), Failed> {
    let mut needs = merge::needs(&said.leads());
    if let Said::Phone { number, .. } = said {
        needs.identifiers.insert(phone::identifier(number, policy)?.1);
    }
    tx.hold_leads(&needs).await?;
    tx.take_turns(&turns(&needs)).await?;
    let mut book = tx.load(&needs).await?;
    let known: Vec<LeadId> = book.leads.keys().copied().collect();
    let mut more = merge::needs_more(&book, policy);
    more.handoffs = tx.handoffs_of(&known.iter().copied().collect()).await?;
    tx.take_turns(&turns(&more)).await?;
    tx.load_more(&mut book, &more).await?;
    let unsettled = tx.unsettled(&known).await?;
    Ok((book, unsettled))
}

fn decide(
    book: &Book,
    order: &Order,
    unsettled: &[Delivery],
    policy: &Policy,
    moment: &mut Moment,
) -> Result<Vec<Reaction>, Refusal> {
    let who = order.who.as_str();
    match &order.said {
        Said::Same { one, other } => {
            merge::merge(book, (*one, *other), unsettled, who, policy, moment).map(|reaction| vec![reaction])
        }
        Said::Apart { one, other } => {
            merge::apart(book, (*one, *other), who, moment).map(|reaction| vec![reaction])
        }
        Said::Unmerge { lead } => part::part(book, *lead, who, policy, moment),
        Said::Phone { lead, number } => {
            phone::change(book, (*lead, number), who, policy, moment).map(|reaction| vec![reaction])
        }
        Said::Mark { lead, mark } => {
            mark::mark(book, (*lead, mark), who, policy, moment).map(|reaction| vec![reaction])
        }
    }
}

/// Notes who said it; why it followed stands with the reasons, in the same commit.
async fn note(node: &Node, order: &Order, leads: &[LeadId]) -> Result<(), OrderError> {
    let mut about = order.said.leads();
    about.extend(leads);
    about.sort_unstable();
    about.dedup();
    let names: Vec<String> = order.said.leads().iter().map(LeadId::to_string).collect();
    let noted = Audited {
        seq: 0,
        at: node.clock.now(),
        who: order.who.clone(),
        what: order.said.name().to_owned(),
        lead: None,
        count: i64::try_from(about.len()).unwrap_or(i64::MAX),
        detail: names.join(" "),
    };
    Ok(node.store.audit(&noted, &about).await?)
}
