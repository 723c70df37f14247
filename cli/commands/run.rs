//! `leadloop run`: a node, until it is told to stop. A config that changes on disk is taken while it runs, whole or not at
//! all; so is one that is read again on SIGHUP.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use leadloop_config::problem::Severity;
use leadloop_server::Running;
use leadloop_server::clock::SystemClock;
use leadloop_server::reload::{refuse, reload};
use leadloop_server::run::{StartError, start_with};
use leadloop_server::wire::HttpWire;
use leadloop_store::Store;
use leadloop_sync_core::because::Language;
use tracing_subscriber::EnvFilter;

use crate::args::{General, Run};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::signals::Hangups;
use crate::{plan, signals};

/// What is logged where `RUST_LOG` does not say.
const LOGGED: &str = "info,sqlx=warn,hyper=warn,reqwest=warn";
/// How often the files of the config are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most problems of a config that are said in one alarm.
const MOST_SAID: usize = 5;

/// Runs.
///
/// # Errors
/// Where config, store or port cannot be used.
pub async fn run(screen: &mut Screen, general: &General, args: &Run) -> Result<(), Failure> {
    log(args.log_json);
    let plan = plan::plan(screen, general)?;
    let stop = signals::listen();
    let mut hangups = Hangups::listen();
    // The roots of trust are read while the store is opened.
    let wire = tokio::task::spawn_blocking(HttpWire::new);
    let store = Store::open(&plan::store_settings(&plan)).await?;
    let wire = Arc::new(wire.await.unwrap_or_else(|_| HttpWire::new()).map_err(StartError::from)?);
    let running = start_with(plan, store, Arc::new(SystemClock), wire).await?;
    let mut files = Files::of(&general.config);
    let mut stop = std::pin::pin!(stop.wait());
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = hangups.next() => take(&running, &general.config, &mut files).await,
            () = tokio::time::sleep(LOOK_EVERY) => if files.have_changed() {
                take(&running, &general.config, &mut files).await;
            },
        }
    }
    tracing::info!("stopping: what is under way comes home; a second signal ends at once");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Reads the config again and takes it, whole or not at all.
async fn take(running: &Running, config: &Path, files: &mut Files) {
    let (mut loaded, seen) = plan::read_seen(config);
    files.are_now(seen);
    let Some(plan) = loaded.plan.take() else {
        let errors = loaded.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let mut said: Vec<String> = Vec::new();
        for problem in errors {
            let (line, column) = loaded.texts.place(problem.span.file, problem.span.range.start);
            let file = loaded.texts.files.get(problem.span.file).map_or("", |(name, _)| name.as_str());
            said.push(format!(
                "{file}:{line}:{column} {} {}",
                problem.code,
                problem.message.say(Language::En)
            ));
        }
        let more = said.len().saturating_sub(MOST_SAID);
        said.truncate(MOST_SAID);
        if more > 0 {
            said.push(format!("and {more} more; see `leadloop check`"));
        }
        if said.is_empty() {
            said.push(format!("{} cannot be read", config.display()));
        }
        return refuse(&running.node, &said.join("; ")).await;
    };
    match reload(&running.node, Arc::new(plan)).await {
        Ok(done) => {
            let list = |links: &BTreeSet<leadloop_sync_core::ids::LinkName>| {
                links.iter().map(|link| link.0.as_str()).collect::<Vec<_>>().join(",")
            };
            let hash = &running.node.plan().hash;
            tracing::info!(
                config = %hash,
                version = done.version,
                started = list(&done.started),
                changed = list(&done.changed),
                stopped = list(&done.stopped),
                "the config was read again and is in force"
            );
        }
        Err(error) => refuse(&running.node, &error.to_string()).await,
    }
}

/// What is known of a file without reading it.
type Mark = Option<(SystemTime, u64)>;

/// The files a config is made of, secrets among them, and how they looked when they were read.
struct Files {
    seen: BTreeSet<PathBuf>,
    read: BTreeMap<PathBuf, Mark>,
    /// Looked otherwise a moment ago: half-written files are not read.
    other: Option<BTreeMap<PathBuf, Mark>>,
}

impl Files {
    fn of(config: &Path) -> Self {
        let (_, seen) = plan::read_seen(config);
        Self { read: marks(&seen), seen, other: None }
    }

    /// They were read just now.
    fn are_now(&mut self, seen: BTreeSet<PathBuf>) {
        // A file that could not be found stays watched: it may come back.
        self.seen.extend(seen);
        self.read = marks(&self.seen);
        self.other = None;
    }

    /// Whether they look other than when they were read, and have stood still since the last look.
    fn have_changed(&mut self) -> bool {
        let now = marks(&self.seen);
        if now == self.read {
            self.other = None;
            return false;
        }
        if self.other.as_ref() == Some(&now) {
            return true;
        }
        self.other = Some(now);
        false
    }
}

fn marks(files: &BTreeSet<PathBuf>) -> BTreeMap<PathBuf, Mark> {
    let mark = |path: &PathBuf| {
        let known = std::fs::metadata(path).ok()?;
        Some((known.modified().ok()?, known.len()))
    };
    files.iter().map(|path| (path.clone(), mark(path))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_again_once_they_stand_still() {
        let folder = tempfile::tempdir().unwrap();
        let (one, gone) = (folder.path().join("one"), folder.path().join("gone"));
        std::fs::write(&one, "1").unwrap();
        let seen = BTreeSet::from([one.clone(), gone.clone()]);
        let mut files = Files { read: marks(&seen), seen: seen.clone(), other: None };
        assert!(!files.have_changed());
        std::fs::write(&one, "12").unwrap();
        assert!(!files.have_changed(), "it may be half-written");
        std::fs::write(&one, "123").unwrap();
        assert!(!files.have_changed(), "it moved again");
        assert!(files.have_changed() && files.have_changed());
        files.are_now(BTreeSet::from([one]));
        assert!(!files.have_changed());
        std::fs::write(&gone, "").unwrap();
        assert!(!files.have_changed() && files.have_changed(), "what was missing is watched too");
    }
}
