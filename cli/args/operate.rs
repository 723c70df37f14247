//! What can be asked about running leadloop: doctor, plan, backup.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct Doctor {
    /// Make the field of our mark where it is missing and the CRM lets us
    #[arg(long)]
    pub prepare: bool,
    /// How long one system may take for all its answers
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub timeout: u32,
    /// Leave leadloop.lock as it is
    #[arg(long)]
    pub no_lock: bool,
}

#[derive(Debug, Args)]
pub struct Planned {
    /// The new config; none: the one named by --config
    #[arg(value_name = "FILE")]
    pub new: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Backup {
    /// The file to make; it must not be there yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
