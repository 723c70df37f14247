//! What connectors to CRMs have in common: look-ups for many at once, pages of changes, results of batches.

use std::collections::BTreeMap;

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::manifest::Manifest;
use leadloop_mapping::Value;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;

/// Fewest digits of a phone that are compared where its country code may be missing there.
const DIGITS: usize = 9;

/// An id as a part of a path; ids come from records we read, and may be anything there.
pub(crate) fn escaped(id: &str) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    escaped.replace('+', "%20")
}

/// An object that a connector's manifest does not have.
pub(crate) fn unknown_object(system: &str, object: &str) -> Outcome {
    Outcome::Rejected {
        field: None,
        code: "unknown_object".to_owned(),
        detail: format!("this connector has no object {object:?} of {system}"),
    }
}

/// Look-ups of one object, with their places.
pub(crate) type Wanted = Vec<(usize, FindBy)>;

/// The look-ups of one conversation, sorted by object: each object is searched once for all of them.
pub(crate) struct Lookups {
    outcomes: Vec<Option<Outcome>>,
    groups: Vec<(String, Wanted)>,
}

impl Lookups {
    /// Sorts look-ups; `has` says whether an object has anything to look for them by.
    pub(crate) fn of(
        manifest: &Manifest,
        operations: &[Operation],
        has: impl Fn(&str, &FindBy) -> bool,
    ) -> Self {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; operations.len()];
        let mut groups: BTreeMap<String, Wanted> = BTreeMap::new();
        for ((place, operation), slot) in operations.iter().enumerate().zip(&mut outcomes) {
            let Operation::Find { object, by } = operation else { continue };
            if manifest.object(object).is_none() {
                *slot = Some(unknown_object(&manifest.title.en, object));
            } else if has(object, by) {
                groups.entry(object.clone()).or_default().push((place, by.clone()));
            } else {
                *slot = Some(Outcome::Done(Reply::Found(vec![])));
            }
        }
        Self { outcomes, groups: groups.into_iter().collect() }
    }

    /// The next object, and what is looked for there.
    pub(crate) fn next(&mut self) -> Option<(String, Wanted)> {
        self.groups.pop()
    }

    /// Gives each look-up its own of what was found for many.
    pub(crate) fn settle(
        &mut self,
        wanted: Wanted,
        found: &Result<Vec<RemoteRecord>, Outcome>,
        fits: impl Fn(&RemoteRecord, &FindBy) -> bool,
    ) {
        for (place, by) in wanted {
            let outcome = match found {
                Ok(records) => {
                    let hits = records.iter().filter(|record| fits(record, &by)).cloned().collect();
                    Outcome::Done(Reply::Found(hits))
                }
                Err(outcome) => outcome.clone(),
            };
            if let Some(slot) = self.outcomes.get_mut(place) {
                *slot = Some(outcome);
            }
        }
    }

    /// The end: one outcome for each look-up.
    pub(crate) fn done(self) -> Next {
        Next::Done(
            self.outcomes.into_iter().map(|it| it.unwrap_or_else(|| odd("nothing was asked"))).collect(),
        )
    }
}

/// Whether a record is one that a look-up asked for, by the roles of its object; `mark` is the field of our mark.
pub(crate) fn answers_to(
    manifest: &Manifest,
    record: &RemoteRecord,
    by: &FindBy,
    mark: Option<&str>,
) -> bool {
    let text = |field: &str| record.fields.get(field).map(Value::to_display).unwrap_or_default();
    let keys = match by {
        FindBy::Id(id) => return record.id == *id,
        FindBy::Mark(wanted) => return mark.is_some_and(|field| text(field) == *wanted),
        FindBy::Keys(keys) => keys,
    };
    let Some(roles) = manifest.object(&record.object).map(|object| &object.roles) else { return false };
    keys.iter().any(|(kind, value)| match kind.as_str() {
        "phone" => roles.phones.iter().any(|field| digits(&text(field)).ends_with(&tail(value))),
        "email" => roles.emails.iter().any(|field| {
            text(field).to_lowercase().split([';', ',', ' ']).any(|one| one == value.to_lowercase())
        }),
        "credit_code" => roles.credit_code.iter().any(|field| text(field).eq_ignore_ascii_case(value)),
        _ => false,
    })
}

pub(crate) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The last digits of a phone. Not with two zeros in front: some CRMs take those for the start of an international number.
pub(crate) fn tail(phone: &str) -> String {
    let all = digits(phone.split(';').next().unwrap_or(phone));
    (DIGITS..)
        .map_while(|most| all.get(all.len().checked_sub(most)?..))
        .find(|tail| !tail.starts_with("00"))
        .map_or_else(|| all.clone(), str::to_owned)
}

/// The spellings in which people type a phone that is looked for exactly: with and without the country code.
pub(crate) fn spellings(e164: &str) -> Vec<String> {
    let e164 = e164.split(';').next().unwrap_or(e164);
    let bare = e164.trim_start_matches('+');
    let mut all = vec![e164.to_owned(), bare.to_owned()];
    all.extend(e164.strip_prefix("+86").or_else(|| e164.strip_prefix("+1")).map(str::to_owned));
    all.dedup();
    all
}

/// Where a run by keyset stands: behind (time, id), at the `repeat`th page of one and the same time; written as the token of a
/// cursor. The time of the run's own start is the cursor's `since`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keyset {
    /// Records changed at or after.
    pub(crate) since: Option<Timestamp>,
    /// The last id read at `since`.
    pub(crate) after: Option<String>,
    /// Pages of one and the same time that were read.
    pub(crate) repeat: u32,
    /// When this run began, by the CRM's clock.
    started: Option<Timestamp>,
}

impl Keyset {
    /// Where a cursor stands.
    pub(crate) fn of(cursor: &Cursor) -> Self {
        let within = cursor.token.as_deref().and_then(|token| {
            let mut parts = token.splitn(3, '@');
            let since = parts.next()?.parse::<i64>().ok().map(Timestamp)?;
            let repeat = parts.next()?.parse().ok()?;
            let after = parts.next().filter(|id| !id.is_empty()).map(str::to_owned);
            Some(Self {
                since: Some(since).filter(|since| since.0 > 0),
                after,
                repeat,
                started: cursor.since,
            })
        });
        within.unwrap_or_else(|| Self { since: cursor.since.filter(|since| since.0 > 0), ..Self::default() })
    }

    /// The same for lists in the order of their ids: a record that changes while one reads keeps its place, and is read again by the
    /// next run.
    pub(crate) fn turn_by_id(
        self,
        records: Vec<RemoteRecord>,
        full: bool,
        clock: Option<Timestamp>,
    ) -> Outcome {
        let latest = records.iter().filter_map(|record| record.modified_at).max();
        let since = self.started.or(clock).or(latest).or(self.since);
        let from = self.since.map_or(0, |since| since.0);
        let token = records.last().filter(|_| full).map(|last| format!("{from}@0@{}", last.id));
        let more = token.is_some();
        Outcome::Done(Reply::Page { records, next: Cursor { since, after_id: None, token }, more, of: None })
    }

    /// The page, and where to go on: behind its last record while pages are full, else at the time the CRM's clock showed when the
    /// run began, or at the latest change that was seen.
    pub(crate) fn turn(self, records: Vec<RemoteRecord>, full: bool, clock: Option<Timestamp>) -> Outcome {
        let last = records.last().filter(|_| full);
        let time = last.and_then(|last| last.modified_at);
        let latest = records.iter().filter_map(|record| record.modified_at).max();
        let since = self.started.or(clock).or(latest).or(self.since);
        let token = match (last, time) {
            (Some(last), Some(time)) => {
                let repeat = if self.since == Some(time) { self.repeat.saturating_add(1) } else { 0 };
                Some(format!("{}@{repeat}@{}", time.0, last.id))
            }
            (Some(_), None) => return odd("the last record of a page does not say when it was changed"),
            _ => None,
        };
        let more = token.is_some();
        Outcome::Done(Reply::Page { records, next: Cursor { since, after_id: None, token }, more, of: None })
    }
}

/// The page, with how many records the system says there are from it on.
pub(crate) fn counted(mut outcome: Outcome, count: Option<u64>) -> Outcome {
    if let Outcome::Done(Reply::Page { of, .. }) = &mut outcome {
        *of = count;
    }
    outcome
}

/// A time as most APIs write it, to the second.
pub(crate) fn iso(time: Timestamp) -> String {
    let exact = jiff::Timestamp::from_microsecond(time.0).unwrap_or_default();
    exact.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time in any of the forms APIs write.
pub(crate) fn time_of(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text, &jiff::tz::TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadloop_mapping::Record;

    #[test]
    fn phones_are_compared_by_their_last_digits() {
        for (phone, last) in [
            ("+8613900000001", "900000001"),
            ("+861390000001", "390000001"),
            ("+861380013800", "380013800"),
            ("+8613000000123", "3000000123"),
            ("+4912", "4912"),
            ("+8610000000001", "10000000001"),
            ("", ""),
        ] {
            assert_eq!(tail(phone), last, "{phone}");
        }
        assert_eq!(spellings("+8613900000001"), ["+8613900000001", "8613900000001", "13900000001"]);
    }

    #[test]
    fn a_run_goes_on_behind_the_last_record() {
        let record = |id: &str, at: i64| RemoteRecord {
            object: "lead".into(),
            id: id.into(),
            fields: Record::new(),
            modified_at: Some(Timestamp(at)),
            deleted: false,
        };
        let first = Keyset::of(&Cursor::default());
        let Outcome::Done(Reply::Page { next, more, .. }) =
            first.turn(vec![record("a", 5), record("b", 7)], true, Some(Timestamp(100)))
        else {
            panic!()
        };
        assert_eq!((next.since, next.token.as_deref(), more), (Some(Timestamp(100)), Some("7@0@b"), true));
        let second = Keyset::of(&next);
        assert_eq!((second.since, second.after.as_deref()), (Some(Timestamp(7)), Some("b")));
        let Outcome::Done(Reply::Page { next, .. }) = second.clone().turn(vec![record("c", 7)], true, None)
        else {
            panic!()
        };
        assert_eq!(next.token.as_deref(), Some("7@1@c"), "the same time again");
        let Outcome::Done(Reply::Page { next, more, .. }) = second.turn(vec![record("c", 9)], false, None)
        else {
            panic!()
        };
        assert_eq!(
            (next.since, next.token, more),
            (Some(Timestamp(100)), None, false),
            "the clock of the run's start"
        );
    }
}
