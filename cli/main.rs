//! The one binary. Reads what was asked, does it through the crates to its left, and prints; nothing is decided here.

#![expect(unreachable_pub, reason = "a binary has no outside; `pub` says what a module offers to the others")]

mod args;
mod commands;
mod failure;
mod files;
mod orders;
mod plan;
mod pools;
mod privacy;
mod question;
mod reveal;
mod said;
mod screen;
mod sheet;
mod signals;
mod when;
mod words;

use std::process::ExitCode;

use clap::Parser;
use failure::{Exit, Failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) => {
            // Help and version come this way too; clap prints each where it belongs.
            let _ = refused.print();
            return if refused.use_stderr() { Exit::Input.into() } else { ExitCode::SUCCESS };
        }
    };
    let mut screen = screen::Screen::new(&cli.general);
    match run(cli, &mut screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(&screen);
            failure.exit.into()
        }
    }
}

fn run(cli: args::Cli, screen: &mut screen::Screen) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::outside(format!("no threads can be started: {error}"), format!("无法启动线程：{error}"))
    })?;
    let done = runtime.block_on(Box::pin(commands::run(cli, screen)));
    // What still waits for the world (a name look-up) must not hold the command back.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    done
}
