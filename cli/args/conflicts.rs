//! What can be asked about fields that pool and CRM both changed.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Conflicts {
    /// List fields that wait for a person
    #[command(after_help = "Example:\n  leadloop conflicts list --reveal")]
    List {
        /// At most so many records
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Show personal data; who did is noted
        #[arg(long)]
        reveal: bool,
    },
    /// Put fields into the list that `fuse.asks_per_hour` keeps from it
    #[command(after_help = "Example:\n  leadloop conflicts release --crm sales")]
    Release {
        /// Only of this CRM
        #[arg(long, value_name = "NAME")]
        crm: Option<String>,
    },
    /// The CRM is right: its value comes to the pool
    #[command(after_help = "Example:\n  leadloop conflicts take-crm sales/lead/L1001 phone")]
    TakeCrm(Meant),
    /// The pool is right: its value goes to the CRM
    #[command(after_help = "Example:\n  leadloop conflicts take-pool sales/lead/L1001")]
    TakePool(Meant),
}

#[derive(Debug, Args)]
pub struct Meant {
    /// The record, as the list shows it: CRM/OBJECT/ID
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub record: Option<String>,
    /// Only this field of it, by the CRM's name
    #[arg(requires = "record")]
    pub field: Option<String>,
    /// All conflicts that wait
    #[arg(long)]
    pub all: bool,
}
