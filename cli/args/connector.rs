//! What can be asked about connectors.

use clap::{Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Connector {
    /// List the systems that leadloop speaks with
    #[command(after_help = "Example:\n  leadloop connector list --kind source")]
    List {
        /// Only what can be used so
        #[arg(long, value_enum)]
        kind: Option<Kind>,
    },
    /// Show one: what it is used for, what an admin sets, its limits
    #[command(after_help = "Example:\n  leadloop connector show sensors")]
    Show {
        /// Its name
        name: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Source,
    Crm,
    Ma,
    Notify,
    Enrich,
}
