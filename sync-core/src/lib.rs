//! The road of a lead, decided: capture → identity → pool → transfer → outbox → feedback. Pure: no I/O, no clock, no dice.

pub mod normal;
