//! Tests of the config as a whole: from texts to problems or a plan.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "tests read and write files and the environment; the crate does not"
)]

mod corpus;
mod ground;
mod json_schema;
mod mutate;
mod newcomer;
mod overlays;
mod real;
mod reference;
mod secrets;
mod trials;
mod valid;
