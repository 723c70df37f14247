//! Records that carry one mark: an alarm that names them, until the CRM holds one of them at most.

use std::collections::{BTreeMap, BTreeSet};

use super::Ending;
use crate::because::Reason;
use crate::book::Book;
use crate::case::Case;
use crate::effect::{Alarm, Effect};
use crate::feedback::crm_id;
use crate::ids::LinkName;
use crate::lead::RemoteRef;
use crate::mirror::MirrorRow;
use crate::outbox::{Delivery, FindBy, Operation, Purpose};
use crate::policy::Policy;
use crate::time::Timestamp;

const CODE: &str = "LL4206";
/// The most alarms of a CRM that end by themselves.
const MOST: usize = 200;

/// The records of each alarm that stands.
type Doubles = BTreeMap<String, BTreeSet<String>>;

/// What is remembered of a CRM's doubles; `None` for what neither finds nor ends one.
pub(super) fn key(policy: &Policy, delivery: &Delivery) -> Option<String> {
    let by_mark = delivery.probe.is_some()
        || matches!(&delivery.operation, Operation::Find { by: FindBy::Mark(_), .. });
    let reads = by_mark || delivery.purpose == Purpose::Poll;
    (reads && policy.crms.contains_key(&delivery.link)).then(|| key_of(&delivery.link))
}

fn key_of(link: &LinkName) -> String {
    format!("double/{link}")
}

fn known(book: &Book, link: &LinkName) -> Doubles {
    let kept = book.counters.get(&key_of(link));
    kept.and_then(|json| serde_json::from_value(json.clone()).ok()).unwrap_or_default()
}

fn kept(link: &LinkName, doubles: &Doubles) -> Effect {
    let value = serde_json::to_value(doubles).unwrap_or_default();
    Effect::SetCounter { key: key_of(link), value }
}

/// A look-up by mark found these.
pub(super) fn found(case: &mut Case<'_>, end: &Ending<'_>, remotes: &[RemoteRef]) {
    let ([first, ..], true) = (remotes, remotes.len() > 1) else { return };
    let link = &end.delivery.link;
    let ids: Vec<&str> = remotes.iter().map(|remote| remote.id.as_str()).collect();
    let detail = format!(
        "`{link}` holds {} {} records of one hand-over: {}; merge them there",
        ids.len(),
        first.object,
        ids.join(", ")
    );
    case.say(Reason::new("double_in_crm"));
    let alarm = format!("double/{}", end.delivery.id);
    let mut doubles = known(case.book, link);
    if doubles.len() < MOST || doubles.contains_key(&alarm) {
        doubles.insert(alarm.clone(), remotes.iter().map(crm_id).collect());
        case.push(kept(link, &doubles));
    }
    case.alarm(alarm, CODE, detail, true);
}

/// Ends the alarms of which these rows leave one record at most: the others were merged or deleted.
pub(super) fn over(
    book: &Book,
    link: &LinkName,
    rows: &BTreeMap<RemoteRef, MirrorRow>,
    at: Timestamp,
) -> Vec<Effect> {
    let before = known(book, link);
    let gone: BTreeSet<String> = rows
        .values()
        .filter(|row| row.deleted || row.facts.merged_into.is_some())
        .map(|row| crm_id(&row.remote))
        .collect();
    let mut doubles = before.clone();
    doubles.values_mut().for_each(|records| records.retain(|record| !gone.contains(record)));
    if doubles == before {
        return Vec::new();
    }
    let mut effects = Vec::new();
    doubles.retain(|key, records| {
        let stands = records.len() > 1;
        if !stands {
            let (key, code) = (key.clone(), CODE.to_owned());
            effects.push(Effect::Alarm(Alarm { key, code, detail: String::new(), raised: false, at }));
        }
        stands
    });
    effects.push(kept(link, &doubles));
    effects
}
