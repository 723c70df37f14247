//! Fields in the words of two systems, and how they agree. Pure: no I/O, no clock, no dice.
//!
//! - [`value`]: values and flat records, the vocabulary everything else of the product speaks in;
//! - [`expr`]: the conditions and points that admins write, checked and compiled once;
//! - [`schema`]: what a field accepts, here or in a CRM;
//! - [`rule`] and [`step`]: mapping rules as they are written;
//! - [`mod@compile`]: rules and both schemas become a [`Mapping`], or every problem at once;
//! - [`apply`]: a record carried over, outward or inward, each refusal with its rule and reason;
//! - [`merge`]: three-way merge against the last agreed values ([`agreed`]), so that only a change on both sides is a conflict;
//! - [`mod@patch`]: least change, and taking a write back.
//!
//! Nothing here knows what a field means, which CRM it belongs to, or when anything is sent.

pub mod agreed;
pub mod apply;
pub mod compile;
pub mod expr;
pub mod merge;
pub mod patch;
pub mod refusal;
pub mod rule;
pub mod schema;
pub mod step;
pub mod transform;
pub mod value;

pub use agreed::Agreed;
pub use apply::{Applied, Purpose};
pub use compile::{Ground, MapProblem, Mapping, compile};
pub use merge::{Merged, Sides};
pub use refusal::{Note, Refusal, Why};
pub use rule::Rule;
pub use schema::{FieldKind, FieldSchema, ObjectSchema};
pub use value::{Record, Value};
