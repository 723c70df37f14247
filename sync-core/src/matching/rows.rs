//! Mirror rows as matching sees them: what was read just now wins over the book.

use std::collections::BTreeMap;

use super::{Follower, Question};
use crate::book::{Book, ROWS_PER_KEY};
use crate::ids::LinkName;
use crate::lead::RemoteRef;
use crate::mirror::{MirrorKey, MirrorRow, OwnerState};
use crate::mirror_read::{self, USER};
use crate::policy::Policy;
use crate::time::Timestamp;

/// Microseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000_000;

impl<'a> Question<'a> {
    /// The row of a record, deleted ones too.
    pub(super) fn row(&self, remote: &RemoteRef) -> Option<&'a MirrorRow> {
        self.read.iter().rev().find(|row| row.remote == *remote).or_else(|| self.book.mirror.get(remote))
    }

    /// The live rows under a key, in the order of their references.
    pub(super) fn rows(&self, key: &MirrorKey) -> Vec<&'a MirrorRow> {
        let read_anew = |remote: &RemoteRef| self.read.iter().any(|row| row.remote == *remote);
        let read = self.read.iter().filter(|row| mirror_read::keys_of(row).contains(key));
        let known = self.book.keys.get(key).into_iter().flatten();
        let known =
            known.filter(|remote| !read_anew(remote)).filter_map(|remote| self.book.mirror.get(remote));
        if self.read.is_empty() {
            return known.filter(|row| !row.deleted).take(ROWS_PER_KEY as usize).collect();
        }
        let rows: BTreeMap<&RemoteRef, &MirrorRow> =
            known.chain(read).filter(|row| !row.deleted).map(|row| (&row.remote, row)).collect();
        rows.into_values().take(ROWS_PER_KEY as usize).collect()
    }

    /// The live rows of opportunities about a record.
    pub(super) fn deals(&self, about: &RemoteRef) -> Vec<&'a MirrorRow> {
        self.rows(&mirror_read::deal_key(about))
    }

    /// Who follows a row.
    pub(super) fn follower_of(&self, row: &MirrorRow) -> Follower {
        follower(self.book, self.policy, self.link, row.facts.owner.as_deref(), self.now)
    }

    /// Whole days since sales last did something about a row. A CRM that does not tell counts by the last change.
    pub(super) fn idle_days(&self, row: &MirrorRow) -> i64 {
        (self.now - last_activity(row)).0.max(0) / DAY
    }
}

/// When sales last did something about a row, as far as its CRM tells.
pub(super) fn last_activity(row: &MirrorRow) -> Timestamp {
    row.facts.last_activity_at.or(row.modified_at).unwrap_or(row.seen_at)
}

/// Who a user of a CRM is, and whether they work there: by the CRM's own user record and by our table of absences.
#[must_use]
pub fn follower(
    book: &Book,
    policy: &Policy,
    link: &LinkName,
    crm_user: Option<&str>,
    now: Timestamp,
) -> Follower {
    let Some(user) = crm_user.filter(|user| !user.is_empty()) else { return Follower::default() };
    let person = policy.people.values().find(|person| person.crm_user.get(link).is_some_and(|id| id == user));
    let remote = RemoteRef { link: link.clone(), object: USER.to_owned(), id: user.to_owned() };
    let told = book.mirror.get(&remote).map(|row| {
        if row.deleted { OwnerState::Left } else { row.facts.user_state.unwrap_or(OwnerState::Active) }
    });
    let away = person.is_some_and(|person| on_leave(policy, &person.key, now).is_some());
    let state = match told.unwrap_or(OwnerState::Active) {
        OwnerState::Left => OwnerState::Left,
        _ if away => OwnerState::OnLeave,
        state => state,
    };
    Follower { state, person: person.map(|person| person.key.clone()), crm_user: Some(user.to_owned()) }
}

/// The absence of a person that covers `now`.
pub(crate) fn on_leave<'p>(
    policy: &'p Policy,
    person: &crate::ids::PersonKey,
    now: Timestamp,
) -> Option<&'p crate::policy::Leave> {
    policy.leave.iter().find(|leave| leave.person == *person && leave.from <= now && now < leave.to)
}
