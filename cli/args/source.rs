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
    /// Send one made lead through a source of the running node, up to the decision; nothing of it is kept or told
    #[command(
        after_help = "Example:\n  leadloop source canary website\n  leadloop source canary website --url https://leads.example.com"
    )]
    Canary {
        /// Its name in the config
        name: String,
        /// Where the node is reached; where it listens by itself (name the public address to try the way through a proxy)
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
}
