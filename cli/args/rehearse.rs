//! What can be asked of a rehearsal, and of a shadow.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct Rehearse {
    /// The config with the new rules
    pub new: PathBuf,
    /// How far back: 30d, 90d
    #[arg(long, default_value = "90d", value_name = "TIME")]
    pub since: String,
    /// Leads shown whose owner or rule would change
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub samples: u32,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}

#[derive(Debug, Args)]
pub struct Shadow {
    /// How far back: 7d, 30d
    #[arg(long, default_value = "30d", value_name = "TIME")]
    pub since: String,
    /// Leads shown whose owner or rule differs
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub samples: u32,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}
