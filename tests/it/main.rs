//! Tests of the whole product, in one binary because linking is the slow part.
//!
//! `cfg(test)` on each module lets clippy see helper functions as test code.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod node;
#[cfg(test)]
mod tidy;
