//! What can be asked about connectors.

use clap::{Args, Subcommand, ValueEnum};

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
    /// Make a fixture of what a live account says, scrubbed: it plays in the connector's test
    #[command(
        after_help = "Example:\n  leadloop connector record sales check --out check.exchange\n  leadloop connector record sales find --phone +8613900000001\n  leadloop connector record website --listen 127.0.0.1:8099 --out push.exchange"
    )]
    Record(Record),
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

/// What is recorded.
#[derive(Debug, Args)]
pub struct Record {
    /// The link of the config: a CRM, MA, source…
    pub link: String,
    /// check, describe, changes, find, or an operation as JSON, as the fixtures have it
    pub operation: Option<String>,
    /// The object or list; the connector's first where it is not named
    #[arg(long)]
    pub object: Option<String>,
    /// Find by this phone
    #[arg(long)]
    pub phone: Option<String>,
    /// Find by this e-mail address
    #[arg(long)]
    pub email: Option<String>,
    /// Find by this id of the system's
    #[arg(long)]
    pub id: Option<String>,
    /// The operation changes something there, and that is meant
    #[arg(long)]
    pub write: bool,
    /// Wait here for one push instead, such as 127.0.0.1:8099
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["operation", "object", "phone", "email", "id", "write"])]
    pub listen: Option<String>,
    /// Seconds to wait for it
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub within: u64,
    /// The fixture's file; printed where none is named
    #[arg(long, value_name = "FILE")]
    pub out: Option<std::path::PathBuf>,
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
