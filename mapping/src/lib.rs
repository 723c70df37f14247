//! Fields in the words of two systems, and how they agree. Pure: no I/O, no clock, no dice.
//!
//! [`value`] holds the vocabulary (values and flat records). Everything else of the product speaks in it.

pub mod value;

pub use value::{Record, Value};
