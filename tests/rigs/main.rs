//! The whole product against CRMs that run for real: hand-over, note, update, owner, lost with a reason, won, converted, a
//! field that is not there, credentials that are wrong, a server that ends in the middle; and hundreds of leads and edits,
//! compared record by record.
//!
//! `scripts/rigs/*` fetch and start them; what they fetched is kept between runs. Where that cannot be had (no network), the
//! tests say so and are not run; with `CI=true` they fail.

#[cfg(test)]
mod many;
#[cfg(test)]
mod odoo;
#[cfg(test)]
mod rig;
#[cfg(test)]
#[path = "../it/running.rs"]
mod running;
#[cfg(test)]
mod tryton;
#[cfg(test)]
mod world;
