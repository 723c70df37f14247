//! The pool's half of the core: from a source's record to the person with profile, scores and stage.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by it")]

mod absorbed;
mod enrich;
mod facts;
mod funnel;
mod persons;
mod properties;
mod read;
mod reasons;
mod rules;
mod samples;
mod scores;
mod world;
