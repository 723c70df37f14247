//! What people ask: reads for the command line, the console and reconciliation. Nothing here changes anything.

pub mod activities;
pub mod before;
mod conflicts;
mod conversations;
pub mod find;
pub mod funnel;
pub mod handoffs;
pub mod pages;
pub mod parked;
pub(crate) mod parts;
pub mod quarantine;
mod reconcile;
pub mod sent;
pub mod sources;
pub mod status;
pub mod story;
pub mod walk;
pub mod week;
