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
    /// Begin a new one in a checkout: a folder that compiles and says which facts it still needs
    #[command(
        after_help = "Example:\n  leadloop connector new acme_forms --kind source\n  leadloop connector new acme_hooks --kind source --profile"
    )]
    New {
        /// Its name: lower-case letters, digits and `_`
        name: String,
        /// What it is for
        #[arg(long, value_enum)]
        kind: NewKind,
        /// A source without code: the connector `webhook` with settings of its own
        #[arg(long)]
        profile: bool,
        /// The checkout
        #[arg(long = "in", value_name = "FOLDER", default_value = ".")]
        folder: std::path::PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NewKind {
    Source,
    Crm,
    Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Source,
    Crm,
    Ma,
    Notify,
    Enrich,
}
