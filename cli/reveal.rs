//! Personal data is shown to who asks for it, once it is noted who that is.

use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_server::orders::Order;
use leadloop_server::people::{self, Seen};
use leadloop_sync_core::ids::LeadId;

use crate::failure::Failure;
use crate::orders::Desk;
use crate::privacy::{Privacy, running};

/// How personal data may be shown: masked, or, where it was asked for, as it is; that is noted first.
///
/// # Errors
/// Where it cannot be noted: then nothing is shown.
pub async fn privacy(
    plan: &Arc<Plan>,
    reveal: bool,
    what: &str,
    leads: &[LeadId],
    detail: &str,
) -> Result<Privacy, Failure> {
    if !reveal {
        return Ok(Privacy::masked());
    }
    let seen = Seen { who: who(), what: what.to_owned(), leads: leads.to_vec(), detail: running(detail) };
    let desk = Desk::open(plan).await?;
    desk.carry_out(Order::People(people::Order::Note(seen))).await?;
    desk.close().await?;
    Ok(Privacy::open())
}

/// Who sits here: the account's name as the environment says, and its number as the system does.
pub fn who() -> String {
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = ["SUDO_USER", "USER", "LOGNAME", "USERNAME"].iter().find_map(set);
    let name = name.unwrap_or_else(|| "unknown".to_owned());
    match number() {
        Some(number) => format!("{name} (uid {number})"),
        None => name,
    }
}

#[cfg(unix)]
fn number() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    // What a process is, is owned by who runs it.
    std::fs::metadata("/proc/self").ok().map(|own| own.uid())
}

#[cfg(not(unix))]
fn number() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_noted_without_whom_it_names() {
        assert_eq!(
            running("lead.stage == \"raw\" and score.fit >= 40"),
            "lead.stage == \"raw\" and score.fit >= 40"
        );
        let text = running("lead.phone == \"+8613800001104\" or lead.email == \"jia.ceshi@mail.example\"");
        assert!(!text.contains("13800001104") && !text.contains("jia.ceshi"), "{text}");
        let id = "L-0190abcd0190abcd0190abcd0190abcd";
        assert_eq!(running(id), id);
    }

    #[test]
    fn somebody_is_always_named() {
        assert!(!who().is_empty());
    }
}
