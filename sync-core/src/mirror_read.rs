//! Reading a CRM's record into the mirror: roles → facts, and the keys a row is found by.
//!
//! Leaves matching to [`crate::matching`].

use crate::mirror::{MirrorKey, MirrorRow};

/// The look-up keys of a mirror row.
#[must_use]
pub fn keys_of(row: &MirrorRow) -> Vec<MirrorKey> {
    let key = |kind: &str, value: &str| MirrorKey {
        link: row.remote.link.clone(),
        kind: kind.to_owned(),
        value: value.to_owned(),
    };
    let facts = &row.facts;
    let mut keys = Vec::new();
    if row.deleted {
        return keys;
    }
    keys.extend(facts.phones.iter().map(|phone| key("phone", phone)));
    keys.extend(facts.emails.iter().map(|email| key("email", email)));
    keys.extend(facts.credit_code.iter().map(|code| key("credit_code", code)));
    keys.extend(facts.domain.iter().map(|domain| key("domain", domain)));
    keys.extend(facts.mark.iter().map(|mark| key("mark", mark)));
    keys.extend(facts.account.iter().map(|account| key("account", account)));
    keys
}
