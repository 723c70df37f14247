//! What a connector is: a translator between the product's words and one system's HTTP, without any I/O of its own.
//!
//! A connector reads what was pushed to us ([`Connector::receive`]) and turns operations into requests and answers into
//! outcomes ([`Connector::exchange`]). It never opens a socket, sleeps, retries, counts or logs a payload: the shell does
//! that once for all of them.
//!
//! A new connector is a folder with `manifest.toml` (what the system is), `mod.rs` (what data cannot say), `README.md`
//! (how an admin gets credentials) and `fixtures/` (recorded conversations), plus one `mod` line. `testkit` (a
//! feature, for tests) plays the fixtures and holds every connector to the same list.

pub mod answers;
pub mod canary;
pub mod chain;
pub mod connector;
pub mod exchange;
pub mod http;
pub mod manifest;
mod manifest_check;
pub mod origins;
pub mod profile;
pub mod settings;
pub mod signature;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use connector::{
    Claim, Connector, Flaw, Judge, Link, Many, Received, Refusal, Registered, Registry, Told, Wants,
};
pub use exchange::{Exchange, Step};
pub use http::{Answer, Body, Mail, Method, Push, Request, Sql};
