//! The shell: carries out what the core decides. Four loops ([`ingress`], [`absorb`], [`deliver`], [`tick`]) that share
//! nothing but the store, the limits and the token cache, so that a node may die at any line.
//!
//! Business choices are not made here; vendors are not known here; TOML is not read here.

pub mod bounds;
mod bundle;
pub mod clock;

pub mod auth;
pub mod converse;
pub mod leases;
pub mod limits;
pub mod rates;
pub mod recount;
mod scrub;
pub mod transcript;
pub mod wire;

pub mod node;
pub mod react;

pub mod absorb;
pub mod answer;
pub mod canary;
mod deleted;
pub mod deliver;
pub mod doctor;
pub mod folder;
pub mod gates;
pub mod import;
pub mod ingress;
pub mod probe;
pub mod shadow;
pub mod shapes;
pub mod stepped;
pub mod tick;
pub mod tidy;
pub mod trouble;
pub mod undo;
pub mod vigil;
pub mod visits;

pub mod companies;
mod database;
pub mod fields;
pub mod fill;
pub mod local;
pub mod notices;
pub mod orders;
pub mod people;
pub mod persons;
mod post;
pub mod reconcile;
pub mod record;
mod spared;

pub mod backup;
pub mod handoffs;
pub mod health;
pub mod metrics;
pub mod reload;
pub mod report;
pub mod run;
pub mod serve;
pub mod watch;

pub use run::{Running, StartError, start, start_with};
