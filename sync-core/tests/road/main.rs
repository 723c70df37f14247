//! The road behind the pool, tried from outside: decisions as tables, the loop with sales step by step, and whatever
//! the dice bring.

#![expect(clippy::expect_used, clippy::panic, reason = "tests fail by it")]
#![expect(clippy::disallowed_methods, reason = "the cases lie in files beside the tests")]

#[path = "../support/mod.rs"]
mod support;

mod activity;
mod companies;
mod decisions;
mod described;
mod dice;
mod erased;
mod fills;
mod nine;
mod persons;
mod races;
mod said;
mod steps;
mod storm;
mod year;
