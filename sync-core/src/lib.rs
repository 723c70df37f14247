//! The road of a lead, decided: capture → identity → pool → transfer → outbox → feedback.
//!
//! Pure: no I/O, no clock, no dice; what is known comes in as a [`book::Book`], time and dice as a [`moment::Moment`],
//! rules as a `Policy`; what shall be done goes out as a [`effect::Reaction`] with its reasons. Four verbs exist, for the
//! four things that can happen: something was captured, a delivery came to an end, sales answered, time passed.
//! Modules stand in the order of the road.

pub mod ids;
pub mod moment;
pub mod time;

pub mod calendar;

pub mod normal;

pub mod aliases;
pub mod capture;
pub mod intake;

pub mod identity;

pub mod enrich;
pub mod facts;
pub mod funnel;
pub mod fuse;
pub mod inform;
pub mod lead;
pub mod person;
pub mod pool;
pub mod score;
pub mod track;

pub mod mirror;
pub mod mirror_read;

pub mod companies;
pub mod desk;
pub mod fill;
pub mod handoff;
pub mod matching;
pub mod preview;
pub mod recompute;
pub mod reconcile;
pub mod rehearse;
pub mod routing;
pub mod shadow;
pub mod shape;
mod tell;
pub mod transfer;
pub mod vigil;
pub mod visit;

pub mod activity;
pub mod agree;
pub mod conversation;
pub mod describe;
pub mod gate;
pub mod join;
pub mod load;
pub mod origin;
pub mod outbox;
pub mod schema;
pub mod settle;
pub mod undo;

pub mod answer_page;
pub mod attribution;
pub mod deleted;
pub mod feedback;
pub mod notice;
pub mod sla;
pub mod tick;

pub mod absorb;
mod case;

pub mod because;
pub mod book;
pub mod effect;
pub mod erase;
pub mod policy;
