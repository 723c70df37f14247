//! Rules for what registries tell of companies.

use std::collections::BTreeSet;

use crate::ids::{LinkName, SourceName};
use crate::outbox::RetryPolicy;
use crate::time::Micros;

/// One registry that is asked for companies.
#[derive(Clone, Debug, PartialEq)]
pub struct EnrichPolicy {
    /// The link it is asked through.
    pub link: LinkName,
    /// The source of what it says, same name.
    pub source: SourceName,
    /// Pool fields of the company that it fills, as `company.industry`.
    pub fills: BTreeSet<String>,
    /// How long the decision about a lead waits for its answer.
    pub wait: Micros,
    /// How long an answer is kept.
    pub keep: Micros,
    /// How long it is kept that it knows no such company.
    pub keep_misses: Micros,
    /// How failed look-ups are tried again.
    pub retry: RetryPolicy,
}
