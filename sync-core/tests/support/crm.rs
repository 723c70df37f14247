//! A played CRM: records with marks, a duplicate rule, a slow index, changes in order; and faults drawn from dice.

use std::collections::BTreeMap;

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::describe::RemoteObject;
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};

use super::rows::{record, remote};

/// How many records a page of changes holds.
const PAGE: usize = 3;

/// What goes wrong, in chances out of a hundred.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost_answer: u64,
    pub(crate) throttle: u64,
    pub(crate) down: u64,
    pub(crate) expired: u64,
    pub(crate) node_dies: u64,
}

/// The played CRM.
pub(crate) struct Crm {
    pub(crate) records: BTreeMap<(String, String), Stored>,
    pub(crate) unique_marks: bool,
    pub(crate) duplicate_rule: bool,
    pub(crate) search_lag: Micros,
    pub(crate) faults: Faults,
    pub(crate) creates: u32,
    pub(crate) dice: Moment,
    last: Timestamp,
}

/// A record there.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) fields: Record,
    pub(crate) created_at: Timestamp,
    pub(crate) modified_at: Timestamp,
    pub(crate) deleted: bool,
}

/// What a node saw of a call.
pub(crate) enum Seen {
    /// This.
    Outcome(Outcome),
    /// Nothing: it died.
    Died,
}

impl Crm {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            records: BTreeMap::new(),
            unique_marks: false,
            duplicate_rule: true,
            search_lag: Micros::seconds(30),
            faults: Faults::default(),
            creates: 0,
            dice: Moment::new(Timestamp(0), seed),
            last: Timestamp(0),
        }
    }

    /// Live records of an object.
    pub(crate) fn live<'c>(&'c self, object: &'c str) -> impl Iterator<Item = (&'c str, &'c Stored)> {
        let of_object = self.records.iter().filter(move |((of, _), stored)| of == object && !stored.deleted);
        of_object.map(|((_, id), stored)| (id.as_str(), stored))
    }

    /// A write as a salesperson makes it.
    pub(crate) fn sales(&mut self, object: &str, id: &str, set: Record, now: Timestamp) {
        let at = self.tick(now);
        let stored = self.records.get_mut(&(object.to_owned(), id.to_owned())).expect("the record is there");
        stored.fields.0.extend(set.0);
        stored.modified_at = at;
    }

    /// A record that sales made themselves.
    pub(crate) fn insert(&mut self, object: &str, fields: Record, now: Timestamp) -> String {
        let at = self.tick(now);
        let letter = object.get(..1).unwrap_or("x").to_uppercase();
        let id = format!("{letter}{}", 1001 + self.records.len());
        let stored = Stored { fields, created_at: at, modified_at: at, deleted: false };
        self.records.insert((object.to_owned(), id.clone()), stored);
        id
    }

    /// Strictly increasing times of change.
    fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.last = now.max(self.last + Micros(1));
        self.last
    }

    /// A call, with what may go wrong on its way.
    pub(crate) fn call(&mut self, operation: &Operation, now: Timestamp) -> Seen {
        let throw = self.dice.throw() % 100;
        let faults = self.faults;
        let mut bound = faults.throttle;
        if throw < bound {
            return Seen::Outcome(Outcome::Throttled { retry_after: Some(Micros::seconds(3)), quota: false });
        }
        bound += faults.down;
        if throw < bound {
            return Seen::Outcome(Outcome::Unavailable { sent: false, detail: "503".to_owned() });
        }
        bound += faults.expired;
        if throw < bound {
            return Seen::Outcome(Outcome::Unauthorized { detail: "token expired".to_owned() });
        }
        let outcome = self.answer(operation, now);
        bound += faults.lost_answer;
        if throw < bound {
            return Seen::Outcome(Outcome::Unavailable {
                sent: true,
                detail: "connection closed".to_owned(),
            });
        }
        bound += faults.node_dies;
        if throw < bound {
            return Seen::Died;
        }
        Seen::Outcome(outcome)
    }

    /// What the CRM does and says when all goes well.
    pub(crate) fn answer(&mut self, operation: &Operation, now: Timestamp) -> Outcome {
        match operation {
            Operation::Create { object, record, mark } => self.create(object, record, mark, now),
            Operation::Update { remote, record } => self.update(remote, record, now),
            Operation::Find { object, by } => Outcome::Done(Reply::Found(self.find(object, by, now))),
            Operation::Changes { object, cursor } => self.changes(object, cursor),
            Operation::Tell { .. } | Operation::Prepare { .. } | Operation::Notify { .. } => {
                Outcome::Done(Reply::Told)
            }
            Operation::Describe { object } => {
                Outcome::Done(Reply::Described(Box::new(RemoteObject::new(object.as_str(), object.as_str()))))
            }
            Operation::Check => Outcome::Done(Reply::Checked(Record::new())),
        }
    }

    fn create(&mut self, object: &str, fields: &Record, mark: &str, now: Timestamp) -> Outcome {
        if self.unique_marks
            && let Some((id, _)) = self.live(object).find(|(_, stored)| marked(stored, mark))
        {
            return Outcome::Conflict { remote: remote(object, id), same_mark: true };
        }
        if self.duplicate_rule && object == "lead" {
            let phone = fields.text("phone");
            let twin = self.live(object).find(|(_, stored)| {
                phone.is_some()
                    && stored.fields.text("phone") == phone
                    && stored.fields.get("contact_id").is_none()
            });
            if let Some((id, stored)) = twin {
                let same_mark = marked(stored, mark);
                return Outcome::Conflict { remote: remote(object, id), same_mark };
            }
        }
        self.creates += u32::from(object != "activity");
        let id = self.insert(object, fields.clone(), now);
        Outcome::Done(Reply::Written(remote(object, &id)))
    }

    fn update(&mut self, to: &RemoteRef, fields: &Record, now: Timestamp) -> Outcome {
        let at = self.tick(now);
        let Some(stored) = self.records.get_mut(&(to.object.clone(), to.id.clone())) else {
            return Outcome::Gone { detail: "not found".to_owned() };
        };
        if stored.deleted {
            return Outcome::Gone { detail: "deleted".to_owned() };
        }
        if let Some(contact) = stored.fields.text("contact_id").filter(|_| to.object == "lead") {
            return Outcome::Conflict { remote: remote("contact", contact), same_mark: false };
        }
        stored.fields.0.extend(fields.0.clone());
        stored.modified_at = at;
        Outcome::Done(Reply::Written(to.clone()))
    }

    fn find(&self, object: &str, by: &FindBy, now: Timestamp) -> Vec<RemoteRecord> {
        let indexed = |stored: &Stored| stored.created_at + self.search_lag <= now;
        let fits = |id: &str, stored: &Stored| match by {
            FindBy::Mark(mark) => indexed(stored) && marked(stored, mark),
            FindBy::Id(wanted) => id == wanted,
            FindBy::Keys(keys) => {
                indexed(stored)
                    && keys.iter().any(|(kind, value)| stored.fields.text(kind) == Some(value.as_str()))
            }
        };
        self.live(object)
            .filter(|(id, stored)| fits(id, stored))
            .map(|(id, stored)| record(object, id, stored.fields.clone(), stored.modified_at))
            .collect()
    }

    fn changes(&self, object: &str, cursor: &Cursor) -> Outcome {
        let since = (cursor.since.unwrap_or(Timestamp(i64::MIN)), cursor.after_id.clone());
        let mut changed: Vec<(&String, &Stored)> = self
            .records
            .iter()
            .filter(|((of, id), stored)| {
                let at = (stored.modified_at, Some(id.clone()));
                of == object && if since.1.is_some() { at > since } else { stored.modified_at >= since.0 }
            })
            .map(|((_, id), stored)| (id, stored))
            .collect();
        changed.sort_by_key(|(id, stored)| (stored.modified_at, (*id).clone()));
        let of = u64::try_from(changed.len()).ok();
        let more = changed.len() > PAGE;
        changed.truncate(PAGE);
        let next = changed.last().map_or_else(
            || cursor.clone(),
            |(id, stored)| Cursor {
                since: Some(stored.modified_at),
                after_id: Some((*id).clone()),
                token: None,
            },
        );
        let records = changed
            .into_iter()
            .map(|(id, stored)| RemoteRecord {
                deleted: stored.deleted,
                ..record(object, id, stored.fields.clone(), stored.modified_at)
            })
            .collect();
        Outcome::Done(Reply::Page { records, next, more, of })
    }
}

fn marked(stored: &Stored, mark: &str) -> bool {
    stored.fields.get("leadloop_id").map(Value::to_display).as_deref() == Some(mark)
}
