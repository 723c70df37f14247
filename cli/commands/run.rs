//! `leadloop run`: a node, until it is told to stop.

use std::io::IsTerminal;

use leadloop_store::Store;
use tracing_subscriber::EnvFilter;

use crate::args::{General, Run};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::{plan, signals};

/// What is logged where `RUST_LOG` does not say.
const LOGGED: &str = "info,sqlx=warn,hyper=warn,reqwest=warn";

/// Runs.
///
/// # Errors
/// Where config, store or port cannot be used.
pub async fn run(screen: &mut Screen, general: &General, args: &Run) -> Result<(), Failure> {
    log(args.log_json);
    let plan = plan::plan(screen, general)?;
    let stop = signals::listen();
    let store = Store::open(&plan::store_settings(&plan)).await?;
    let running = leadloop_server::start(plan, store).await?;
    stop.wait().await;
    tracing::info!("stopping: what is under way comes home; a second signal ends at once");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Log lines go to standard error, where service managers collect them.
pub fn log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber in one process is refused; the first goes on.
    let _ = if json {
        lines.json().try_init()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()).try_init()
    };
}
