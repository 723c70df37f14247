//! TOML → checked plan. Pure: files and secrets are handed in ([`text::Files`], [`lower::Secrets`]), nothing is opened here.
//!
//! Phases, each a pure function of the one before: text (all syntax errors of all files) → shape (every key known, every
//! value of its kind) → names, cross references, expressions → [`plan::Plan`]. All problems of a config come in one run.

pub mod calendar;
pub mod compare;
mod damage;
mod fingerprint;
pub mod json_schema;
pub mod live;
pub mod lower;
mod mask;
mod outline;
pub mod overlay;
pub mod plan;
pub mod problem;
pub mod reference;
pub mod render;
pub mod shape;
pub mod spec;
pub mod suggest;
pub mod text;
pub mod trial;
pub mod units;
mod whole;

pub use load::{Beside, Inputs, Loaded, Rules, load, load_beside, load_from};

mod load;
