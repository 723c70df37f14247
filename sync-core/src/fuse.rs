//! The fuse on owners: where more records than allowed change their owner within an hour, further changes wait for a
//! person, whoever makes them. What sales (or a script of theirs) change is held as an answer, what we would change as a
//! delivery; both are listed and released by hand.

use leadloop_mapping::Value;
use serde_json::json;

use crate::case::Case;
use crate::ids::LinkName;
use crate::mirror_read::roles_in;
use crate::outbox::{Delivery, DeliveryState, Operation};
use crate::time::Micros;

/// Whose change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The CRM's: it comes to the pool.
    Them,
    /// Ours: it goes to the CRM.
    Us,
}

impl By {
    const fn code(self) -> &'static str {
        match self {
            Self::Them => "LL4753",
            Self::Us => "LL4754",
        }
    }
}

fn key(link: &LinkName, by: By) -> String {
    match by {
        By::Them => format!("owners/in/{link}"),
        By::Us => format!("owners/out/{link}"),
    }
}

/// The counters that a change of an owner reads.
pub(crate) fn counters(link: &LinkName) -> [String; 2] {
    [By::Them, By::Us].map(|by| key(link, by))
}

/// Counts a change of an owner. `Err`: it must wait for a person, with the code and what is said about it.
pub(crate) fn count(case: &mut Case<'_>, link: &LinkName, by: By) -> Result<(), (&'static str, String)> {
    let Some(most) = case.policy.crms.get(link).and_then(|crm| crm.owner_changes_per_hour) else {
        return Ok(());
    };
    let hour = case.now().0.div_euclid(Micros::hours(1).0);
    let key = key(link, by);
    let known = case.book.counters.get(&key);
    let read = |name: &str| known.and_then(|json| json.get(name)?.as_i64());
    let same = read("hour") == Some(hour);
    let (count, blown) = (read("count").filter(|_| same).unwrap_or(0), read("blown") == Some(1));
    if count >= i64::from(most) {
        let who = match by {
            By::Them => "sales, or a script of theirs, change",
            By::Us => "leadloop would change",
        };
        let detail = format!(
            "{who} more than {most} owners of `{link}` within the hour; further changes wait for a person"
        );
        case.counters([(key.clone(), json!({ "hour": hour, "count": count, "blown": 1 }))]);
        case.alarm(key, by.code(), detail.clone(), true);
        return Err((by.code(), detail));
    }
    // One that passes shows that the hour is over, or that the limit was raised.
    if blown {
        case.alarm(key.clone(), by.code(), String::new(), false);
    }
    case.counters([(key, json!({ "hour": hour, "count": count + 1 }))]);
    Ok(())
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
    if let Err((code, detail)) = count(case, &link, By::Us) {
        delivery.state = DeliveryState::Parked { code: code.to_owned(), detail };
    }
}
