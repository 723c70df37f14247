//! What taking writes back would do, field by field. A record that was converted or merged since is followed: where what it
//! became has the field and still holds our value, it is put back there.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::Value;

use super::{BeforeImage, Change, Fate, Item, Made, Plan, alike, held, mapping_of};
use crate::book::{Book, Needs};
use crate::lead::RemoteRef;
use crate::mirror::MirrorRow;
use crate::policy::Policy;
use crate::{agree, fuse};

/// What must be known to plan.
#[must_use]
pub fn needs<'i>(images: impl IntoIterator<Item = &'i BeforeImage>, policy: &Policy) -> Needs {
    let mut needs = Needs::default();
    for image in images {
        needs.remotes.insert(image.remote.clone());
        needs.leads.insert(image.lead);
        if policy.crms.contains_key(&image.remote.link) {
            needs.counters.extend(fuse::counters(policy, &image.remote.link));
        }
    }
    needs
}

/// What must be known then: what those records became.
#[must_use]
pub fn needs_more<'i>(book: &Book, images: impl IntoIterator<Item = &'i BeforeImage>) -> Needs {
    let rows = images.into_iter().filter_map(|image| book.mirror.get(&image.remote));
    Needs { remotes: rows.flat_map(became).cloned().collect(), ..Needs::default() }
}

/// What a record was converted to or merged into.
fn became(row: &MirrorRow) -> impl Iterator<Item = &RemoteRef> {
    let all = row.facts.converted.iter().chain(row.facts.merged_into.as_ref());
    all.filter(|other| **other != row.remote)
}

/// Writes to one field of one record, as it is found today.
#[derive(Default)]
struct Writes<'i> {
    /// Nothing stands for the record in which the field could be put back.
    lost: bool,
    images: Vec<(&'i BeforeImage, &'i Change)>,
}

/// What taking these writes back would do, as far as is known without asking the CRM. Nothing is changed.
#[must_use]
pub fn plan(book: &Book, images: &[BeforeImage], policy: &Policy) -> Plan {
    let mut plan = Plan::default();
    let mut by_field: BTreeMap<(RemoteRef, &String), Writes<'_>> = BTreeMap::new();
    for image in images {
        if image.created {
            plan.made.push(Made { remote: image.remote.clone(), lead: image.lead, at: image.at });
        }
        for (field, change) in &image.fields {
            let found = today(book, policy, &image.remote, field);
            let writes = by_field.entry((found.unwrap_or(&image.remote).clone(), field)).or_default();
            writes.lost = found.is_none();
            writes.images.push((image, change));
        }
    }
    for ((remote, field), mut writes) in by_field {
        writes.images.sort_by_key(|(image, _)| (image.at, image.delivery));
        plan.items.extend(item(book, policy, remote, field, &writes));
    }
    plan
}

/// The record in which a field stands today that was written to `remote`; `None`: that was converted, and nothing it became
/// has the field.
fn today<'b>(book: &'b Book, policy: &Policy, remote: &'b RemoteRef, field: &str) -> Option<&'b RemoteRef> {
    let Some(row) = book.mirror.get(remote).filter(|row| agree::moved_on(row)) else { return Some(remote) };
    became(row).find(|other| {
        let there = book.mirror.get(*other).is_some_and(|row| !row.deleted && !agree::moved_on(row));
        there
            && book.links.contains_key(*other)
            && mapping_of(policy, other).is_some_and(|mapping| mapping.names(field))
    })
}

fn item(
    book: &Book,
    policy: &Policy,
    remote: RemoteRef,
    field: &str,
    Writes { lost, images }: &Writes<'_>,
) -> Option<Item> {
    let written: Vec<&Change> = images.iter().map(|(_, change)| *change).collect();
    let mapping = mapping_of(policy, &remote);
    let same = |one: &Value, other: &Value| alike(mapping, field, one, other);
    let row = book.mirror.get(&remote);
    let now = row.and_then(|row| held(mapping, row, field));
    let ours = |value: &Value| written.iter().rposition(|change| same(&change.ours, value));
    // The last of our values that still stands there; where nothing is known of it, the last one.
    let standing = match &now {
        Some(now) => ours(now),
        None => written.len().checked_sub(1),
    };
    let at = standing.unwrap_or(written.len().checked_sub(1)?);
    let last = written.get(at)?;
    // What stood there before is another value of ours where one write followed another.
    let mut before = last.before.clone();
    for change in written.iter().take(at).rev() {
        if before.as_ref().is_some_and(|before| same(before, &change.ours)) {
            before.clone_from(&change.before);
        } else {
            break;
        }
    }
    let ours_no_more = row.is_some_and(|row| row.deleted)
        || !book.links.contains_key(&remote)
        || !policy.crms.contains_key(&remote.link);
    let fate = match (&before, standing) {
        _ if *lost => Fate::Converted,
        _ if ours_no_more => Fate::Gone,
        (Some(before), Some(_)) if same(before, &last.ours) => Fate::There,
        (Some(_), Some(_)) => Fate::Back,
        (None, Some(_)) => Fate::Unknown,
        (before, None) => {
            let there = now.as_ref().zip(before.as_ref()).is_some_and(|(now, before)| same(now, before));
            if there { Fate::There } else { Fate::Changed }
        }
    };
    let wrote_to: BTreeSet<RemoteRef> = images.iter().map(|(image, _)| image.remote.clone()).collect();
    let (lead, field, ours) = (images.first()?.0.lead, field.to_owned(), last.ours.clone());
    Some(Item { remote, wrote_to, lead, field, ours, before, now, fate })
}
