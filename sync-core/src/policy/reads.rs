//! Which facts some expressions read, as `facts::judging` finds out once for a config.

use std::collections::BTreeSet;

/// The names that some expressions read; the default is everything.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Reads(pub(crate) Option<Wanted>);

/// What is read, where it is known.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// Places in the table of names, in order.
    pub(crate) names: Vec<usize>,
    /// All of it as expressions name it.
    pub(crate) paths: BTreeSet<String>,
    /// Whether fields of the touch are among them.
    pub(crate) touch: bool,
    /// Whether scores are.
    pub(crate) scores: bool,
}
