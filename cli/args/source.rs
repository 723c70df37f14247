//! What can be asked about sources.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Source {
    /// List the sources of the config: last sign of life, what the last day brought, what is wrong
    #[command(after_help = "Example:\n  leadloop source list --output json")]
    List,
    /// Show one source: what is usual at this hour, and what was refused by reason
    #[command(after_help = "Example:\n  leadloop source show website")]
    Show {
        /// Its name in the config
        name: String,
    },
}
