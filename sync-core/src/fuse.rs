//! The fuses that hold mass changes for a person: where more than allowed happen within an hour, the further ones wait.
//!
//! What sales (or a script of theirs) change is held as an answer, what we would change as a delivery, conflicts that ask a
//! person with their link; all of it is listed and released by hand. The fuse on new records, which only waits for the next hour, is in [`crate::transfer`].

use leadloop_mapping::Value;
use serde_json::{Value as Json, json};

use crate::book::Book;
use crate::case::Case;
use crate::effect::{Alarm, Effect};
use crate::ids::LinkName;
use crate::mirror_read::roles_in;
use crate::outbox::{Delivery, DeliveryState, Operation};
use crate::policy::{CrmPolicy, Policy};
use crate::time::{Micros, Timestamp};

/// The alarm that too many records were to be made within the hour. Its key is the name of the counter.
pub const CREATES: &str = "LL4201";

/// Whether that alarm is over: a whole hour passed below the limit since it was last raised.
#[must_use]
pub fn creates_are_over(counter: Option<&Json>, now: Timestamp) -> bool {
    let read = |name: &str| counter.and_then(|json| json.get(name)?.as_i64());
    let hour = now.0.div_euclid(Micros::hours(1).0);
    read("blown").or_else(|| read("hour")).is_none_or(|blown| hour >= blown + 2)
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Owners that the CRM changes: they come to the pool.
    OwnersThere,
    /// Owners that we change: they go to the CRM.
    OwnersHere,
    /// Records of ours that were deleted in the CRM.
    Deletions,
    /// Conflicts of fields that ask a person.
    Conflicts,
}

impl Kind {
    const ALL: [Self; 4] = [Self::OwnersThere, Self::OwnersHere, Self::Deletions, Self::Conflicts];

    const fn code(self) -> &'static str {
        match self {
            Self::OwnersThere => "LL4753",
            Self::OwnersHere => "LL4754",
            Self::Deletions => "LL4820",
            Self::Conflicts => "LL4822",
        }
    }

    const fn most(self, crm: &CrmPolicy) -> Option<u32> {
        match self {
            Self::OwnersThere | Self::OwnersHere => crm.owner_changes_per_hour,
            Self::Deletions => crm.deletes_per_hour,
            Self::Conflicts => crm.asks_per_hour,
        }
    }

    fn key(self, link: &LinkName) -> String {
        match self {
            Self::OwnersThere => format!("owners/in/{link}"),
            Self::OwnersHere => format!("owners/out/{link}"),
            Self::Deletions => format!("deletions/{link}"),
            Self::Conflicts => format!("conflicts/{link}"),
        }
    }

    fn detail(self, link: &LinkName, most: u32) -> String {
        match self {
            Self::OwnersThere => format!(
                "sales, or a script of theirs, change more than {most} owners of `{link}` within the hour; further changes \
                 wait for a person"
            ),
            Self::OwnersHere => format!(
                "leadloop would change more than {most} owners of `{link}` within the hour; further changes wait for a person"
            ),
            Self::Conflicts => format!(
                "more than {most} fields of `{link}` ask a person within the hour; further ones wait behind them until \
                 `leadloop conflicts release`"
            ),
            Self::Deletions => format!(
                "more than {most} records of ours were deleted in `{link}` within the hour; further ones wait for a person"
            ),
        }
    }
}

/// The counters that changes in a CRM read, where they have a limit.
pub(crate) fn counters(policy: &Policy, link: &LinkName) -> Vec<String> {
    let Some(crm) = policy.crms.get(link) else { return Vec::new() };
    let limited = Kind::ALL.into_iter().filter(|kind| kind.most(crm).is_some());
    limited.map(|kind| kind.key(link)).collect()
}

/// Counts one of a kind. `Err`: it must wait for a person, with the code and what is said about it.
pub(crate) fn count(case: &mut Case<'_>, link: &LinkName, kind: Kind) -> Result<(), (&'static str, String)> {
    let Some(most) = case.policy.crms.get(link).and_then(|crm| kind.most(crm)) else {
        return Ok(());
    };
    let hour = case.now().0.div_euclid(Micros::hours(1).0);
    let key = kind.key(link);
    // One reaction may count several.
    let just = case.effects.iter().rev().find_map(|effect| match effect {
        Effect::SetCounter { key: of, value } if *of == key => Some(value.clone()),
        _ => None,
    });
    let known = just.or_else(|| case.book.counters.get(&key).cloned());
    let read = |name: &str| known.as_ref().and_then(|json| json.get(name)?.as_i64());
    let same = read("hour") == Some(hour);
    let (count, blown) = (read("count").filter(|_| same).unwrap_or(0), read("blown") == Some(1));
    if count >= i64::from(most) {
        let detail = kind.detail(link, most);
        let now = case.now().0;
        case.counters([(key.clone(), json!({ "hour": hour, "count": count, "blown": 1, "at": now }))]);
        case.alarm(key, kind.code(), detail.clone(), true);
        return Err((kind.code(), detail));
    }
    // One that passes shows that the hour is over, or that the limit was raised.
    if blown {
        case.alarm(key.clone(), kind.code(), String::new(), false);
    }
    let last = read("at").map_or_else(|| json!({}), |at| json!({ "at": at }));
    let mut counted = json!({ "hour": hour, "count": count + 1 });
    if let (Some(counted), Some(last)) = (counted.as_object_mut(), last.as_object()) {
        counted.extend(last.clone());
    }
    case.counters([(key, counted)]);
    Ok(())
}

/// A person released what was held: the alarm ends, and counting begins anew.
pub(crate) fn released(link: &LinkName, kind: Kind, now: Timestamp) -> [Effect; 2] {
    let hour = now.0.div_euclid(Micros::hours(1).0);
    let (key, code) = (kind.key(link), kind.code().to_owned());
    let alarm = Alarm { key: key.clone(), code, detail: String::new(), raised: false, at: now };
    [Effect::SetCounter { key, value: json!({ "hour": hour, "count": 0 }) }, Effect::Alarm(alarm)]
}

/// Whether the fuse held anything since a time.
pub(crate) fn blew_since(book: &Book, link: &LinkName, kind: Kind, since: Timestamp) -> bool {
    let at = book.counters.get(&kind.key(link)).and_then(|json| json.get("at")?.as_i64());
    at.is_some_and(|at| at >= since.0)
}

/// Holds a delivery that would change an owner where too many do.
pub(crate) fn guard(case: &mut Case<'_>, delivery: &mut Delivery) {
    let Operation::Update { remote, record } = &delivery.operation else { return };
    let Some(crm) = case.policy.crms.get(&delivery.link) else { return };
    let Some(field) = roles_in(crm, &remote.object).owner else { return };
    // nobody (the public pool) is an owner like any other here
    let Some(wanted) = record.0.get(&field).map(Value::to_display) else { return };
    let row = case.book.mirror.get(remote);
    let held = row.map(|row| row.fields.get(&field).map(Value::to_display).unwrap_or_default());
    if held.is_some_and(|held| held == wanted) {
        return;
    }
    let link = delivery.link.clone();
    if let Err((code, detail)) = count(case, &link, Kind::OwnersHere) {
        delivery.state = DeliveryState::Parked { code: code.to_owned(), detail };
    }
}
