//! What a connector is: a translator between the product's words and one system's HTTP, without any I/O of its own.
//!
//! A connector reads what was pushed to us ([`Connector::receive`]) and turns operations into requests and answers into
//! outcomes ([`Connector::exchange`]). It never opens a socket, sleeps, retries, counts or logs a payload: the shell does
//! that once for all of them.

pub mod connector;
pub mod exchange;
pub mod http;
pub mod manifest;

pub use connector::{Connector, Link, Received, Refusal, Registered, Registry};
pub use exchange::{Exchange, Step};
pub use http::{Answer, Body, Method, Push, Request};
