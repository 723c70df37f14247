//! Company names as keys: the one place where matching asks how two names compare.

use std::collections::BTreeSet;

use crate::capture::Identifier;
use crate::companies::Companies;
use crate::normal::{company, email, matching as normal};

/// The key of a company name: two spellings of one company that match strongly have the same, so hand-overs in flight are
/// compared by it. `None` where the text names no company.
#[must_use]
pub fn company_key(name: &str) -> Option<String> {
    company::parse(name).ok().map(|parsed| normal::first_key(&parsed))
}

/// The keys under which a company name is stored and looked up, the most telling first: two names of one company share
/// one, and most that may be one do.
#[must_use]
pub fn company_keys(name: &str) -> Vec<String> {
    company::parse(name).map(|parsed| normal::lookup_keys(&parsed)).unwrap_or_default()
}

/// Further keys, under which names meet that differ by a slip of the hand. Many, so only accounts are stored under them.
#[must_use]
pub fn similar_company_keys(name: &str) -> Vec<String> {
    company::parse(name).map(|parsed| normal::similar_keys(&parsed)).unwrap_or_default()
}

/// The company domains among identifiers: of mail addresses that are not a mail provider's.
pub(super) fn domains(identifiers: &BTreeSet<Identifier>, table: &Companies) -> BTreeSet<String> {
    identifiers
        .iter()
        .filter(|identifier| identifier.kind.0 == "email")
        .filter_map(|identifier| email::parse(&identifier.value).ok())
        .filter(|address| !address.is_free_mail())
        .filter_map(|address| address.registrable_domain().map(str::to_owned))
        .filter(|domain| !table.is_free_mail(domain))
        .collect()
}

/// The company key of somebody whose company is known by its mail domain only.
pub(super) fn domain_key(domain: &str) -> String {
    format!("@{domain}")
}
