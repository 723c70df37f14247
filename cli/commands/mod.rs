//! One file a command; each reads its arguments, asks the crates to its left, and prints.

mod backfill;
mod backup;
mod check;
mod company;
mod conflicts;
mod connector;
mod crm;
mod demo;
mod doctor;
mod explain;
mod funnel;
mod handoff;
mod import;
mod init;
mod lead;
mod map;
mod outbox;
mod plan;
mod quarantine;
mod reconcile;
mod rehearse;
mod report;
mod run;
mod sandbox;
mod schema;
mod score;
mod sdr;
mod shadow;
mod source;
mod status;
mod test;
mod undo;
mod why;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::screen::Screen;

/// Does what was asked.
///
/// # Errors
/// See [`Failure`].
pub async fn run(cli: Cli, screen: &mut Screen) -> Result<(), Failure> {
    let general = &cli.general;
    match cli.command {
        Command::Check => check::run(screen, general),
        Command::Backfill(args) => backfill::run(screen, general, &args).await,
        Command::Backup(args) => backup::backup(screen, general, &args).await,
        Command::Resume => backup::resume(screen, general).await,
        Command::Plan(args) => plan::run(screen, general, &args).await,
        Command::Doctor(args) => doctor::run(screen, general, &args).await,
        Command::Company { command } => company::run(screen, general, command).await,
        Command::Conflicts { command } => conflicts::run(screen, general, command).await,
        Command::Connector { command } => connector::run(screen, general, &command).await,
        Command::Crm { command } => crm::run(screen, general, command).await,
        Command::Demo(args) => demo::run(screen, &args).await,
        Command::Explain(args) => explain::run(screen, &args),
        Command::Funnel(args) => funnel::run(screen, general, &args).await,
        Command::Handoff { command } => handoff::run(screen, general, command).await,
        Command::Sdr { command } => sdr::run(screen, general, command).await,
        Command::Lead { command } => lead::run(screen, general, command).await,
        Command::Map { command } => map::run(screen, general, command).await,
        Command::Outbox { command } => outbox::run(screen, general, command).await,
        Command::Quarantine { command } => quarantine::run(screen, general, command).await,
        Command::Report(args) => report::run(screen, general, &args).await,
        Command::Reconcile(args) => reconcile::run(screen, general, &args).await,
        Command::Rehearse(args) => rehearse::run(screen, general, &args).await,
        Command::Shadow(args) => shadow::run(screen, general, &args).await,
        Command::Run(args) => run::run(screen, general, &args).await,
        Command::Score { command } => score::run(screen, general, command).await,
        Command::Sandbox(args) => sandbox::run(screen, *args).await,
        Command::Undo(args) => undo::run(screen, general, &args).await,
        Command::Why(args) => why::run(screen, general, &args).await,
        Command::Source { command } => source::run(screen, general, &command).await,
        Command::Status => status::run(screen, general).await,
        Command::Schema(args) => schema::run(screen, &args),
        Command::Test(args) => test::run(screen, general, &args).await,
        Command::Import(args) => import::run(screen, general, &args).await,
        Command::Init(args) => init::run(screen, general, &args),
    }
}
