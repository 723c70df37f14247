//! `leadloop lead`: leads of the pool, one file a verb.

mod erase;
mod everything;
mod export;
pub(crate) mod list;
mod mark;
mod same;
mod scores;
mod search;
mod show;
mod suspects;
pub mod who;

pub use list::to_json;

use crate::args::General;
use crate::args::lead::{Lead, LeadTag};
use crate::failure::Failure;
use crate::screen::Screen;

/// Does what was asked.
///
/// # Errors
/// Where config or store cannot be used, or what was asked for is not there.
pub async fn run(screen: &mut Screen, general: &General, command: Lead) -> Result<(), Failure> {
    match command {
        Lead::List(args) => list::run(screen, general, &args).await,
        Lead::Show(args) => show::run(screen, general, &args).await,
        Lead::Search(args) => search::run(screen, general, &args).await,
        Lead::Export(args) => everything::run(screen, general, &args).await,
        Lead::Erase(args) => erase::erase(screen, general, &args).await,
        Lead::Readmit(args) => erase::readmit(screen, general, &args).await,
        Lead::Suspects(args) => suspects::run(screen, general, &args).await,
        Lead::Merge(args) => same::merge(screen, general, &args).await,
        Lead::Unmerge(args) => same::unmerge(screen, general, &args).await,
        Lead::Apart(args) => same::apart(screen, general, &args).await,
        Lead::Phone(args) => same::phone(screen, general, &args).await,
        Lead::Tag(LeadTag::Add(args)) => mark::add(screen, general, args).await,
        Lead::Tag(LeadTag::Remove(args)) => mark::remove(screen, general, args).await,
        Lead::Note(args) => mark::note(screen, general, args).await,
    }
}
