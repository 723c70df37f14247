//! A page of changes: to the mirror; and what sales changed on records of ours becomes captures, taken in like any source.
//!
//! What we wrote ourselves comes back too; it equals what was last agreed and says nothing. The cursor looks back a
//! little each time, since a record may become visible later than its time of change.

use std::collections::BTreeMap;

use leadloop_mapping::merge::Agreed;
use leadloop_mapping::{Record, Value};

use super::touch::Touches;
use super::{auth_key, doubles, load, note, retry_of, sweep};
use crate::agree::{self, InStep};
use crate::because::{Because, Reason};
use crate::book::Book;
use crate::capture::{CaptureKind, Captured, DedupKey, Identifier, Ties};
use crate::effect::{Alarm, Effect, Reaction, RemoteLink};
use crate::feedback;
use crate::ids::{LinkName, SourceName};
use crate::lead::RemoteRef;
use crate::mirror::{MirrorFacts, MirrorRow, RemoteRecord, Roles};
use crate::mirror_read::{self, ACTIVITY, OPPORTUNITY, PEOPLE, Reading};
use crate::moment::Moment;
use crate::outbox::{Cursor, Delivery, DeliveryState, FindBy, Operation, Outcome, Reply, delay};
use crate::policy::{CrmPolicy, Policy};
use crate::time::{Micros, Timestamp};

/// Most characters of a value that enter the key of an event.
const MOST_KEY: usize = 60;
/// The clocks of two nodes are not further apart than this.
const AHEAD: Micros = Micros::minutes(1);
/// The wait after an answer that no retry will change.
const AFTER_REFUSAL: Micros = Micros::minutes(20);

/// The reference of a record.
pub(super) fn remote_of(link: &LinkName, record: &RemoteRecord) -> RemoteRef {
    RemoteRef { link: link.clone(), object: record.object.clone(), id: record.id.clone() }
}

/// Whether a row says something the mirror does not.
pub(super) fn differs(known: Option<&MirrorRow>, row: &MirrorRow) -> bool {
    known.is_none_or(|known| {
        known.deleted != row.deleted
            || known.modified_at != row.modified_at
            || known.fields != row.fields
            || known.facts != row.facts
    })
}

/// What follows from the end of a poll.
pub(super) fn settle(
    book: &Book,
    delivery: &Delivery,
    outcome: &Outcome,
    policy: &Policy,
    moment: &mut Moment,
) -> Reaction {
    let mut page = Page {
        book,
        policy,
        link: &delivery.link,
        moment,
        effects: Vec::new(),
        because: Because { delivery: Some(delivery.id), ..Because::default() },
        links: BTreeMap::new(),
        rows: BTreeMap::new(),
        whole: sweep::key(delivery).is_some(),
    };
    match outcome {
        Outcome::Done(Reply::Page { records, next, more, of }) => {
            page.take(delivery, records, (next, *more), *of);
        }
        Outcome::Done(Reply::Found(records)) => page.read(delivery, records),
        Outcome::Gone { .. } if delivery.standing.is_none() => page.read(delivery, &[]),
        other => page.failed(delivery, other),
    }
    page.effects.extend(doubles::over(book, page.link, &page.rows, page.moment.now));
    Reaction { effects: page.effects, because: page.because }
}

/// A page being taken in.
struct Page<'a> {
    book: &'a Book,
    policy: &'a Policy,
    link: &'a LinkName,
    moment: &'a mut Moment,
    effects: Vec<Effect>,
    because: Because,
    /// Links and rows as this page made them.
    links: BTreeMap<RemoteRef, RemoteLink>,
    rows: BTreeMap<RemoteRef, MirrorRow>,
    /// Everything is read: each row is noted as seen.
    whole: bool,
}

impl Page<'_> {
    fn take(
        &mut self,
        delivery: &Delivery,
        records: &[RemoteRecord],
        (next, more): (&Cursor, bool),
        of: Option<u64>,
    ) {
        let Some(crm) = self.policy.crms.get(self.link) else { return self.retire(delivery) };
        let Operation::Changes { object, .. } = &delivery.operation else { return self.retire(delivery) };
        let reading = Reading::of(self.policy);
        let roles = mirror_read::roles_in(crm, object);
        let (mut changed, mut raced) = (0_u32, false);
        let mut touches = Touches::default();
        for record in records {
            let row = mirror_read::read(self.link, record, &roles, &reading, self.moment.now);
            if self.may_be_older(&row, delivery.due_at) {
                raced = true;
                continue;
            }
            let link = self.link_of(&row.remote);
            let touched = touches.count(crm, self.row(&row.remote), &row, link.as_ref());
            if self.record(crm, &roles, row) && !touched {
                changed += 1;
            }
        }
        let now = self.moment.now;
        if raced {
            return self.again(delivery);
        }
        if self.whole {
            return self.swept(delivery, next, more);
        }
        if delivery.attempt > 1 {
            self.alarm(auth_key(self.link), "LL3201", String::new(), false);
            self.alarm(refused_key(delivery), "LL3202", String::new(), false);
        }
        self.because.push(Reason::new("polled").with("object", object).with("changed", changed));
        let turned = load::Turned { records: records.len(), of, next, more };
        let (effects, polls_on) = load::turn(self.book, crm, delivery, &turned, self.moment);
        self.effects.extend(effects);
        if !polls_on {
            return;
        }
        self.polled(crm, delivery, (next, more), changed);
        self.effects.extend(touches.effects(self.book, (self.link, object), now));
    }

    /// Where the poll goes on, and when.
    fn polled(&mut self, crm: &CrmPolicy, delivery: &Delivery, (next, more): (&Cursor, bool), changed: u32) {
        let (now, object) = (self.moment.now, delivery.operation.object().to_owned());
        if !more && !load::runs(self.book, delivery) {
            let (link, object) = (self.link.clone(), object.clone());
            self.effects.push(Effect::MirrorSeen { link, object, at: now });
        }
        let (cursor, due) = match (more, changed) {
            (true, _) => (next.clone(), now),
            (false, 0) => (look_back(next, crm.look_back), now + crm.every_idle),
            (false, _) => (look_back(next, crm.look_back), now + crm.every_busy),
        };
        self.effects.push(Effect::MoveDelivery {
            id: delivery.id,
            attempt: delivery.attempt,
            to: DeliveryState::Due,
            due_at: due,
            probe: None,
            operation: Some(Box::new(Operation::Changes { object, cursor })),
            reset: true,
            note: note(&Outcome::Done(Reply::Told), now),
        });
    }

    /// One record was read by itself: it counts as if a page had brought it. Where it is not there, it was deleted.
    fn read(&mut self, delivery: &Delivery, records: &[RemoteRecord]) {
        let Some(crm) = self.policy.crms.get(self.link) else { return self.retire(delivery) };
        let Operation::Find { object, by: FindBy::Id(id) } = &delivery.operation else {
            return self.retire(delivery);
        };
        let now = self.moment.now;
        let remote = RemoteRef { link: self.link.clone(), object: object.clone(), id: id.clone() };
        let roles = mirror_read::roles_in(crm, object);
        let row = match records.iter().find(|record| record.id == *id) {
            Some(record) => {
                Some(mirror_read::read(self.link, record, &roles, &Reading::of(self.policy), now))
            }
            None => self.tombstone(&remote),
        };
        if let Some(row) = row {
            if self.may_be_older(&row, delivery.due_at) {
                return self.again(delivery);
            }
            self.record(crm, &roles, row);
        }
        self.because.push(Reason::new("read_again").with("record", feedback::crm_id(&remote)));
        self.moved(delivery, DeliveryState::Settled, now, &Outcome::Done(Reply::Told));
    }

    /// What stands for a record that is gone without a word.
    fn tombstone(&mut self, remote: &RemoteRef) -> Option<MirrorRow> {
        let known = self.row(remote).cloned();
        if known.is_none() && self.link_of(remote).is_none() {
            return None;
        }
        let now = self.moment.now;
        let fields = known.as_ref().map(|known| known.fields.clone()).unwrap_or_default();
        let facts = known.as_ref().map(|known| known.facts.clone()).unwrap_or_default();
        self.because
            .push(Reason::new("record_gone").with("record", format!("{}/{}", remote.object, remote.id)));
        let facts = MirrorFacts { open: false, ..facts };
        Some(MirrorRow {
            remote: remote.clone(),
            facts,
            fields,
            modified_at: Some(now),
            seen_at: now,
            deleted: true,
        })
    }

    /// Whether a record says something new, but may have been read before we wrote it ourselves: the page was asked for
    /// at `due` or later, our write was acknowledged since. What it says then may be what stood there before, not what
    /// sales made of it.
    fn may_be_older(&self, row: &MirrorRow, due: Timestamp) -> bool {
        // A time that has not come yet is of a clock that was set back since: what was written by then was written before.
        let ahead = self.moment.now + AHEAD;
        let written = |link: &RemoteLink| link.at > due && (link.at <= ahead || due > ahead);
        let written = self.book.links.get(&row.remote).is_some_and(written);
        written && differs(self.row(&row.remote), row)
    }

    /// A page of a whole reading was taken in: the next one, or, at the end, a look at what did not come.
    fn swept(&mut self, delivery: &Delivery, next: &Cursor, more: bool) {
        let object = delivery.operation.object().to_owned();
        let page = sweep::page(self.book, self.policy, delivery, (next, more), &self.rows, self.moment);
        self.because.push(Reason::new("swept").with("object", &object).with("missing", page.missing));
        self.effects.extend(page.effects);
    }

    /// The same page once more, at once: by then our own writes are older than it.
    fn again(&mut self, delivery: &Delivery) {
        let now = self.moment.now;
        self.because.push(Reason::new("polled_again").with("object", delivery.operation.object()));
        self.effects.push(Effect::MoveDelivery {
            id: delivery.id,
            attempt: delivery.attempt,
            to: DeliveryState::Due,
            due_at: now,
            probe: None,
            operation: None,
            reset: true,
            note: note(&Outcome::Done(Reply::Told), now),
        });
    }

    /// The poll belongs to nothing any more (its CRM left the config).
    fn retire(&mut self, delivery: &Delivery) {
        let now = self.moment.now;
        self.moved(delivery, DeliveryState::Settled, now, &Outcome::Done(Reply::Told));
    }

    /// A poll is never given up: it waits and says so.
    fn failed(&mut self, delivery: &Delivery, outcome: &Outcome) {
        if delivery.standing.is_none()
            && matches!(outcome, Outcome::Rejected { .. } | Outcome::Conflict { .. })
        {
            // Nobody waits for it, and the poll that stands brings what it can.
            self.because.push(Reason::new("poll_failed").with("object", delivery.operation.object()));
            return self.moved(delivery, DeliveryState::Settled, self.moment.now, outcome);
        }
        let (due, alarm) = after_failure(self.policy, delivery, outcome, self.moment.now);
        if let Some((key, code, detail)) = alarm {
            self.alarm(key, code, detail, true);
        }
        self.because.push(Reason::new("poll_failed").with("object", delivery.operation.object()));
        self.moved(delivery, DeliveryState::Due, due, outcome);
    }

    fn moved(&mut self, delivery: &Delivery, to: DeliveryState, due_at: Timestamp, outcome: &Outcome) {
        self.effects.push(Effect::MoveDelivery {
            id: delivery.id,
            attempt: delivery.attempt,
            to,
            due_at,
            probe: None,
            operation: None,
            reset: false,
            note: note(outcome, self.moment.now),
        });
    }

    fn alarm(&mut self, key: String, code: &str, detail: String, raised: bool) {
        let at = self.moment.now;
        self.effects.push(Effect::Alarm(Alarm { key, code: code.to_owned(), detail, raised, at }));
    }

    fn row(&self, remote: &RemoteRef) -> Option<&MirrorRow> {
        self.rows.get(remote).or_else(|| self.book.mirror.get(remote))
    }

    fn link_of(&self, remote: &RemoteRef) -> Option<RemoteLink> {
        self.links.get(remote).or_else(|| self.book.links.get(remote)).cloned()
    }

    /// One record. `true` where it says something new.
    fn record(&mut self, crm: &CrmPolicy, roles: &Roles, mut row: MirrorRow) -> bool {
        if row.remote.object == ACTIVITY {
            return self.activity(&row, roles);
        }
        let known = self.row(&row.remote).cloned();
        // A page that was read before our last write reached the mirror: what it says of this record is no news, and its
        // old answer is no answer to a hand-over made since.
        if let (Some(read), Some(kept)) =
            (row.modified_at, known.as_ref().and_then(|known| known.modified_at))
            && read < kept
            && !same_second(read, kept)
        {
            return false;
        }
        // Activities are told by a list of their own: a record that is silent about them takes nothing back.
        let known_activity = known.as_ref().and_then(|known| known.facts.last_activity_at);
        row.facts.last_activity_at = row.facts.last_activity_at.max(known_activity);
        if !differs(known.as_ref(), &row) {
            if self.whole {
                self.put(&row);
            }
            return false;
        }
        self.put(&row);
        let linked = self.link_of(&row.remote).or_else(|| self.adopt(&row));
        if let Some(linked) = linked {
            self.answer(crm, known.as_ref(), &row, linked.clone());
            self.follow_conversion(crm, &row, &linked);
        }
        true
    }

    fn put(&mut self, row: &MirrorRow) {
        self.effects.push(Effect::PutMirror(Box::new(row.clone())));
        self.rows.insert(row.remote.clone(), row.clone());
    }

    /// A note, call or task of sales: the people it is about were worked on. Our own briefs do not count.
    fn activity(&mut self, row: &MirrorRow, roles: &Roles) -> bool {
        let ours = row.facts.mark.as_deref().is_some_and(|mark| mark.starts_with("D-"));
        let Some(at) = row.modified_at.filter(|_| !ours && !row.deleted && roles.mark.is_some()) else {
            return false;
        };
        let mut changed = false;
        for about in &row.facts.people {
            let Some(parent) = self.row(about).filter(|parent| parent.facts.last_activity_at < Some(at))
            else {
                continue;
            };
            let mut parent = parent.clone();
            parent.facts.last_activity_at = Some(at);
            self.put(&parent);
            changed = true;
        }
        changed
    }

    /// A new opportunity about a record of ours is ours too: all it says is news.
    fn adopt(&mut self, row: &MirrorRow) -> Option<RemoteLink> {
        if row.remote.object != OPPORTUNITY || row.deleted {
            return None;
        }
        let about = row.facts.people.iter().find_map(|person| self.link_of(person))?;
        Some(self.link_anew(&row.remote, &about, Record::new()))
    }

    fn link_anew(&mut self, remote: &RemoteRef, like: &RemoteLink, agreed: Record) -> RemoteLink {
        let link = RemoteLink {
            remote: remote.clone(),
            lead: like.lead,
            handoff: like.handoff,
            agreed,
            at: self.moment.now,
            pairs: Agreed::default(),
            in_step: InStep::default(),
        };
        self.links.insert(remote.clone(), link.clone());
        self.effects.push(Effect::LinkRemote(Box::new(link.clone())));
        link
    }

    /// What a record of ours was converted to is ours as well; what an opportunity among it says already is news.
    fn follow_conversion(&mut self, crm: &CrmPolicy, row: &MirrorRow, linked: &RemoteLink) {
        let survivors = row.facts.converted.iter().chain(row.facts.merged_into.as_ref());
        for remote in survivors.cloned().collect::<Vec<_>>() {
            let object = remote.object.as_str();
            if !(PEOPLE.contains(&object) || object == OPPORTUNITY) || self.link_of(&remote).is_some() {
                continue;
            }
            let known = self.row(&remote).cloned();
            // A record that takes this one's place starts where this one stood; an opportunity has everything to say.
            let agreed =
                if remote.object == row.remote.object { linked.agreed.clone() } else { Record::new() };
            let link = self.link_anew(&remote, linked, agreed);
            if let Some(known) = known.filter(|known| !known.deleted) {
                self.answer(crm, None, &known, link);
            }
        }
    }

    /// What sales changed since it was last agreed, as a capture.
    fn answer(&mut self, crm: &CrmPolicy, before: Option<&MirrorRow>, row: &MirrorRow, mut link: RemoteLink) {
        let now = self.moment.now;
        let told = feedback::told(crm, row);
        let mut fields = Record::new();
        for (name, field, value) in told {
            let agreed = link.agreed.get(&field).map(Value::to_display).unwrap_or_default();
            if agreed.trim() != value.as_deref().unwrap_or_default() {
                fields.set(name, value.clone().unwrap_or_default());
                let value = row.fields.get(&field).cloned().unwrap_or_default();
                link.agreed.0.insert(field, value);
            }
        }
        feedback::by_roles(crm, before, row, &mut fields);
        heard(crm, row, &link, &mut fields);
        if fields.is_empty() {
            return;
        }
        let stamp = row.modified_at.unwrap_or(now);
        let values: Vec<String> = fields
            .iter()
            .filter(|(name, _)| !matches!(*name, "answer.phones" | "answer.emails"))
            .map(|(name, value)| crate::case::short(&format!("{name}={}", value.to_display()), MOST_KEY))
            .collect();
        let key = format!("{}/{}/{}", feedback::crm_id(&row.remote), stamp.0, values.join("&"));
        fields.set("answer.link", row.remote.link.as_str());
        fields.set("answer.object", row.remote.object.as_str());
        fields.set("answer.id", row.remote.id.as_str());
        let captured = Captured {
            id: self.moment.id(),
            push: None,
            position: 0,
            source: SourceName(format!("crm:{}", self.link)),
            key: DedupKey::Event(key),
            at: stamp.min(now),
            arrived: now,
            kind: CaptureKind::Feedback,
            touch: "answer".to_owned(),
            who: vec![Identifier::new("crm_id", feedback::crm_id(&row.remote))],
            fields,
            ties: Ties::default(),
        };
        self.because.push(Reason::new("sales_changed").with("record", feedback::crm_id(&row.remote)));
        self.effects.push(Effect::Keep(Box::new(captured)));
        link.at = now;
        self.links.insert(link.remote.clone(), link.clone());
        self.effects.push(Effect::LinkRemote(Box::new(link)));
    }
}

/// Whether a system that counts whole seconds can have changed a record at `read` after we wrote it at `kept`. What its
/// page says then is news: one that was asked for before our write was acknowledged is asked for again anyway.
fn same_second(read: Timestamp, kept: Timestamp) -> bool {
    const SECOND: i64 = 1_000_000;
    read.0 % SECOND == 0 && kept.0 - read.0 < SECOND
}

/// Mapped fields that the CRM changed, with who the record says it is now.
fn heard(crm: &CrmPolicy, row: &MirrorRow, link: &RemoteLink, fields: &mut Record) {
    let older = link.in_step.as_of.is_some_and(|as_of| row.modified_at.is_some_and(|at| at < as_of));
    let Some(mapping) = crm.mapping.get(&row.remote.object).filter(|_| !older && !row.deleted) else {
        return;
    };
    let told = agree::told(mapping, row);
    let news = mapping.heard(&told, &link.pairs);
    if news.is_empty() {
        return;
    }
    fields.set("answer.fields", news.join(","));
    let list =
        |values: &[String]| Value::List(values.iter().map(|value| Value::text(value.as_str())).collect());
    fields.set("answer.phones", list(&row.facts.phones));
    fields.set("answer.emails", list(&row.facts.emails));
}

/// When a poll that failed runs again, and the alarm it raises: (key, code, words).
pub(super) fn after_failure(
    policy: &Policy,
    delivery: &Delivery,
    outcome: &Outcome,
    now: Timestamp,
) -> (Timestamp, Option<(String, &'static str, String)>) {
    let (link, object) = (&delivery.link, delivery.operation.object());
    let retry = retry_of(policy, link);
    let hint = match outcome {
        Outcome::Throttled { retry_after, quota } => {
            retry_after.or(quota.then_some(retry.at_most)).map(|hint| Micros(hint.0.max(0)))
        }
        Outcome::Rejected { .. } | Outcome::Gone { .. } | Outcome::Conflict { .. } => Some(AFTER_REFUSAL),
        _ => None,
    };
    let words = note(outcome, now).detail;
    let alarm = match outcome {
        Outcome::Unauthorized { .. } => {
            Some((auth_key(link), "LL3201", format!("`{link}` refuses our credentials: {words}")))
        }
        Outcome::Rejected { .. } | Outcome::Gone { .. } | Outcome::Conflict { .. } => {
            let detail = format!("`{link}` does not list changes of `{object}`: {words}");
            Some((refused_key(delivery), "LL3202", detail))
        }
        _ => None,
    };
    (now + delay(&retry, delivery.id, delivery.attempt, hint), alarm)
}

pub(super) fn refused_key(delivery: &Delivery) -> String {
    format!("poll/{}/{}", delivery.link, delivery.operation.object())
}

/// Where the next run begins: a little before this one did, by the system's own clock, since a change may become visible
/// later than it was made. A system's own cursor is kept as it is.
pub(super) fn look_back(next: &Cursor, by: Micros) -> Cursor {
    match next.since {
        Some(since) if next.token.is_none() => {
            Cursor { since: Some(since - by), after_id: None, token: None }
        }
        _ => next.clone(),
    }
}
