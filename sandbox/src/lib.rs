//! The sandbox: a practice CRM and a practice MA behind one real HTTP server.
//!
//! It is as strict as a real CRM (limits, duplicate rules, slow indexes, expiring tokens) and breaks on demand, so that the
//! demo, an admin's configuration and the tests meet everything a real CRM does. It knows nothing of leadloop: whoever talks
//! to it goes over HTTP, and only a simulation without sockets hands its requests in ([`Inside`]). The API is described in `docs/reference/sandbox-api.md`.
//!
//! A request travels `serve` (connection, faults) → `gate` (token, windows) → `api`, `batch`, `ma` → `world` (rules, records).

mod admin;
mod api;
mod batch;
mod clock;
mod counts;
mod dice;
mod draft;
mod faults;
mod gate;
mod hooks;
mod inside;
mod journal;
mod ma;
mod options;
mod page;
mod post;
mod push;
mod record;
mod refusal;
mod robot;
mod routes;
mod schema;
mod seed;
mod serve;
mod shared;
mod sign;
mod start;
mod take;
mod token;
mod windows;
mod wire;
mod world;

pub use faults::{FaultKind, FaultSpec};
pub use inside::Inside;
pub use journal::JournalError;
pub use options::{
    DuplicateRule, Limits, MarkMode, Mix, NewUser, NewWebhook, Options, Precision, Robot, Target, Tuning,
    WindowKind,
};
pub use start::{Handle, Sandbox, StartError};
