//! How a command gets something changed: by the process that owns the store, or by itself where nobody does.

use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_server::import::Hand;
use leadloop_server::local::Door;
use leadloop_server::node::Node;
use leadloop_server::orders::{self, Done, Order, OrderError};
use leadloop_server::recount;
use leadloop_server::run::{absorb_all, absorb_beside, quiet};
use leadloop_store::Store;
use leadloop_sync_core::ids::LeadId;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::plan;

/// The code of a store that another process owns.
const HELD: &str = "LL1102";

/// Where orders are given.
pub enum Desk {
    /// This process owns the store for a moment.
    Here(Arc<Node>),
    /// A running leadloop does.
    There(Door),
}

impl Desk {
    /// Opens the store, or finds the process that has it.
    ///
    /// # Errors
    /// Where neither works.
    pub async fn open(plan: &Arc<Plan>) -> Result<Self, Failure> {
        match Store::open(&plan::store_settings(plan)).await {
            Ok(store) => Ok(Self::Here(quiet(Arc::clone(plan), store)?)),
            Err(error) if error.code() == Some(HELD) => match plan::database(plan) {
                Some(database) => Ok(Self::There(Door::to(&database).map_err(refused)?)),
                None => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Has an order carried out.
    ///
    /// # Errors
    /// Where it is refused, or the world fails.
    pub async fn carry_out(&self, order: Order) -> Result<Done, Failure> {
        Hand::carry_out(self, order).await.map_err(refused)
    }

    /// Where counting everybody anew broke off under this config. Where this process owns an SQLite store, the config
    /// is the one in force from now on.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn recount_reached(&self, plan: &Plan) -> Result<Option<LeadId>, Failure> {
        let Self::Here(node) = self else {
            let store = plan::reading(plan).await?;
            let reached = recount::reached(&store, plan).await;
            store.close().await;
            return Ok(reached?);
        };
        if node.store.engine() == "sqlite" || node.store.active_config().await?.is_none() {
            leadloop_server::run::put_in_force(node).await?;
        }
        Ok(recount::reached(&node.store, plan).await?)
    }

    /// Lets what is due now happen, where no running leadloop does it.
    ///
    /// # Errors
    /// Where the store fails; nothing that was ordered is lost.
    pub async fn pass_time(&self) -> Result<(), Failure> {
        if let Self::Here(node) = self {
            absorb_all(node).await?;
            leadloop_server::tick::due(node).await?;
        }
        Ok(())
    }

    /// Takes what is ordered into the pool meanwhile, where no running leadloop does it; [`Desk::close`] takes the rest.
    pub fn meanwhile(&self) -> Meanwhile {
        let done = CancellationToken::new();
        let work = match self {
            Self::Here(node) => Some(tokio::spawn(absorb_beside(Arc::clone(node), done.clone()))),
            Self::There(_) => None,
        };
        Meanwhile { work, done }
    }

    /// Whether a running leadloop takes what was ordered further by itself.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::There(_))
    }

    /// Whether nobody sends while this command runs: the store is one file, and this process has it.
    pub fn is_alone(&self) -> bool {
        matches!(self, Self::Here(node) if node.store.engine() == "sqlite")
    }

    /// Takes what was ordered into the pool where no running leadloop does it, and closes the store.
    ///
    /// # Errors
    /// Where the store fails; nothing that was ordered is lost.
    pub async fn close(self) -> Result<(), Failure> {
        if let Self::Here(node) = self {
            absorb_all(&node).await?;
            node.stop.cancel();
            node.store.close().await;
        }
        Ok(())
    }
}

/// Work beside an import.
pub struct Meanwhile {
    work: Option<tokio::task::JoinHandle<()>>,
    done: CancellationToken,
}

impl Meanwhile {
    /// Lets it come to an end between two batches.
    pub async fn end(self) {
        self.done.cancel();
        if let Some(work) = self.work {
            // It fails only where the program is wrong; what it left is taken when the desk closes.
            let _ = work.await;
        }
    }
}

impl Hand for Desk {
    async fn carry_out(&self, order: Order) -> Result<Done, OrderError> {
        match self {
            Self::Here(node) => orders::carry_out(node, order).await,
            Self::There(door) => door.send(&order).await,
        }
    }
}

/// An order that was not carried out.
pub fn refused(error: OrderError) -> Failure {
    let failure = match error.outside {
        true => Failure::outside(error.detail.clone(), error.detail),
        false => Failure::input(error.detail.clone(), error.detail),
    };
    match error.code {
        Some(code) => failure.code(code),
        None => failure,
    }
}
