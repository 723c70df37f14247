//! `leadloop doctor`: the config held against the living systems: connections, fields, lengths, values, owners, the mark.

mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use leadloop_config::live::lock::{Lock, LockFile, LockedCrm};
use leadloop_config::live::{Live, LiveLink};
use leadloop_config::plan::Plan;
use leadloop_config::problem::{Problem, Severity};
use leadloop_config::{Beside, Loaded};
use leadloop_server::StartError;
use leadloop_server::clock::SystemClock;
use leadloop_server::doctor::{ask, live};
use leadloop_server::wire::HttpWire;

use crate::args::{Doctor, General};
use crate::failure::{Exit, Failure};
use crate::plan;
use crate::screen::Screen;

/// Codes of a system that was not reached: the config may be right all the same.
const UNREACHED: [&str; 6] = ["LL1130", "LL1131", "LL1132", "LL1133", "LL1135", "LL1136"];

/// Checks.
///
/// # Errors
/// With exit code 1 where config and systems disagree, 2 where only a system was not reached.
pub async fn run(screen: &mut Screen, general: &General, args: &Doctor) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let registry = leadloop_connectors::registry();
    let wire = Arc::new(HttpWire::new().map_err(StartError::from)?);
    let within = Duration::from_secs(u64::from(args.timeout));
    let asked = ask(&plan, &registry, wire, Arc::new(SystemClock), within, args.prepare).await?;
    let said = live(&asked);
    let place = lock_of(&general.config);
    let before = std::fs::read_to_string(&place).ok();
    let text = before.as_deref().map_or(LockFile::Missing, LockFile::Text);
    let alone = plan::read(&general.config);
    let mut checked = plan::read_beside(&general.config, &Beside { lock: text, live: Some(&said) });
    // What `check` says anyway is left to it.
    checked.problems.retain(|problem| !alone.problems.contains(problem));
    let locked = match args.no_lock {
        true => Locked::AsBefore,
        false => write_lock(&place, before.as_deref(), &plan, &said, &checked),
    };
    report::print(screen, &asked, &checked, &place, &locked)?;
    match ending(&checked.problems) {
        Exit::Done => Ok(()),
        exit => Err(Failure::said(exit)),
    }
}

/// `leadloop.lock` beside `leadloop.toml`.
pub fn lock_of(config: &Path) -> PathBuf {
    config.with_extension("lock")
}

fn ending(problems: &[Problem]) -> Exit {
    let mut errors = problems.iter().filter(|problem| problem.severity == Severity::Error).peekable();
    if errors.peek().is_none() {
        return Exit::Done;
    }
    if errors.all(|problem| UNREACHED.contains(&problem.code)) { Exit::Outside } else { Exit::Input }
}

/// What became of the lock file.
enum Locked {
    Written,
    AsBefore,
    Failed(String),
}

/// Writes down how each CRM looked that the config agrees with; of the others it keeps what is there.
fn write_lock(place: &Path, before: Option<&str>, plan: &Plan, said: &Live, checked: &Loaded) -> Locked {
    let known = before.and_then(|text| Lock::read(text).ok()).unwrap_or_default();
    let mut lock = Lock::default();
    let disagree =
        |problem: &Problem| problem.severity == Severity::Error && !UNREACHED.contains(&problem.code);
    let sound = !checked.problems.iter().any(disagree);
    let today = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    for (name, crm) in &plan.policy.crms {
        let whole = |link: &LiveLink| !link.objects.is_empty() && link.objects.values().all(Result::is_ok);
        let now = said.links.get(name).filter(|link| sound && whole(link)).map(|link| {
            let connector = plan.link(name.as_str()).map(|link| link.connector.clone()).unwrap_or_default();
            LockedCrm::now(&connector, &plan.outline, crm, link, today.clone())
        });
        let old = known.crm.get(name.as_str()).cloned();
        let entry = match (now, old) {
            // Only the time is other: the file stays as it is, so that nobody has to commit it again.
            (Some(now), Some(old)) if now.config == old.config && now.schema == old.schema => old,
            (Some(now), _) => now,
            (None, Some(old)) => old,
            (None, None) => continue,
        };
        lock.crm.insert(name.0.clone(), entry);
    }
    if lock.crm.is_empty() {
        return Locked::AsBefore;
    }
    let text = match lock.write() {
        Ok(text) if before == Some(text.as_str()) => return Locked::AsBefore,
        Ok(text) => text,
        Err(why) => return Locked::Failed(why),
    };
    let draft = place.with_extension("lock.new");
    match std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, place)) {
        Ok(()) => Locked::Written,
        Err(error) => Locked::Failed(error.to_string()),
    }
}
