//! A touch storm: something in the CRM writes many records again without changing what we know of them. The mirror takes
//! their times over and nothing else follows; an admin hears of it, since each touched record is read for nothing.

use serde_json::json;

use crate::book::Book;
use crate::effect::{Alarm, Effect, RemoteLink};
use crate::ids::LinkName;
use crate::mirror::MirrorRow;
use crate::outbox::{Delivery, Operation};
use crate::policy::CrmPolicy;
use crate::time::{Micros, Timestamp};

/// Records of one page that must have been touched before it is called a storm.
const STORM: usize = 50;
/// So many of a hundred changed records must say nothing new.
const SHARE: usize = 80;
/// It is over when so long none was seen.
const OVER: Micros = Micros::hours(1);

/// The counter of an object's storm; `None` for what is no poll.
pub(super) fn key(delivery: &Delivery) -> Option<String> {
    let Operation::Changes { object, .. } = &delivery.operation else { return None };
    let polls = delivery.standing.as_deref().is_some_and(|standing| standing.starts_with("poll/"));
    polls.then(|| key_of(&delivery.link, object))
}

fn key_of(link: &LinkName, object: &str) -> String {
    format!("touched/{link}/{object}")
}

/// What changed on a page by its time alone.
#[derive(Default)]
pub(super) struct Touches {
    changed: usize,
    touched: usize,
}

impl Touches {
    /// Counts a record. `true`: it was touched and says nothing new.
    pub(super) fn count(
        &mut self,
        crm: &CrmPolicy,
        known: Option<&MirrorRow>,
        row: &MirrorRow,
        link: Option<&RemoteLink>,
    ) -> bool {
        if known.is_some_and(|known| known.modified_at == row.modified_at) {
            return false;
        }
        self.changed += 1;
        let touched = known.is_some_and(|known| says_the_same(crm, known, row)) && !is_ours(crm, row, link);
        self.touched += usize::from(touched);
        touched
    }

    const fn is_storm(&self) -> bool {
        self.touched >= STORM && self.touched * 100 >= self.changed * SHARE
    }

    /// What an admin hears.
    pub(super) fn effects(
        &self,
        book: &Book,
        (link, object): (&LinkName, &str),
        now: Timestamp,
    ) -> Vec<Effect> {
        let key = key_of(link, object);
        let known = book.counters.get(&key);
        let read = |name: &str| known.and_then(|json| json.get(name)?.as_i64());
        let alarm = |detail: String, raised: bool| {
            Effect::Alarm(Alarm { key: key.clone(), code: "LL4755".to_owned(), detail, raised, at: now })
        };
        if self.is_storm() {
            let count =
                read("count").unwrap_or(0).saturating_add(i64::try_from(self.touched).unwrap_or(i64::MAX));
            let detail = format!(
                "something in `{link}` wrote {count} {object} records again without changing what leadloop knows of \
                 them; nothing was sent because of it"
            );
            let value = json!({ "count": count, "last": now.0 });
            return vec![Effect::SetCounter { key: key.clone(), value }, alarm(detail, true)];
        }
        match read("last") {
            Some(last) if now - Timestamp(last) >= OVER => {
                vec![Effect::SetCounter { key: key.clone(), value: json!({}) }, alarm(String::new(), false)]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether nothing differs but the time, and who wrote it.
fn says_the_same(crm: &CrmPolicy, known: &MirrorRow, row: &MirrorRow) -> bool {
    let mut facts = row.facts.clone();
    facts.last_activity_at = known.facts.last_activity_at;
    if known.deleted != row.deleted || known.facts != facts {
        return false;
    }
    match crm.mapping.get(&row.remote.object) {
        Some(mapping) => mapping.same(&known.fields, &row.fields),
        None => known.fields == row.fields,
    }
}

/// What we wrote a short while ago comes back with a new time, too.
fn is_ours(crm: &CrmPolicy, row: &MirrorRow, link: Option<&RemoteLink>) -> bool {
    link.zip(row.modified_at).is_some_and(|(link, at)| at - link.at < crm.look_back)
}
