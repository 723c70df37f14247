//! What connectors to CRMs have in common.

use std::collections::BTreeMap;

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_connector_api::manifest::Manifest;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::outbox::{FindBy, Operation, Outcome, Reply};

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

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
