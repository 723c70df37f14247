//! Fields in the words of two systems, and how they agree. Pure: no I/O, no clock, no dice.
//!
//! [`value`] holds the vocabulary (values and flat records) everything else speaks in; [`expr`] the conditions and
//! points that admins write.

pub mod expr;
pub mod value;

pub use value::{Record, Value};
