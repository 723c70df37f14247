//! Tests of the whole product, in one binary because linking is the slow part.
//!
//! `cfg(test)` on each module lets clippy see helper functions as test code.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod backfill;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod command;
#[cfg(test)]
mod deleted;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod handoffs;
#[cfg(test)]
mod import;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod load;
#[cfg(test)]
mod no_room;
#[cfg(test)]
mod node;
#[cfg(test)]
mod olist;
#[cfg(test)]
mod place;
#[cfg(test)]
mod record;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod running;
#[cfg(test)]
mod sales_input;
#[cfg(test)]
mod schema_watch;
#[cfg(test)]
mod sealed;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod torture;
#[cfg(test)]
mod undo;
