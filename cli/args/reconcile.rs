//! What can be asked about differences between pool and CRM.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct Reconcile {
    /// The CRM: the name of a [[crm]]; not needed where there is one only
    #[arg(long, value_name = "NAME")]
    pub crm: Option<String>,
    /// Only records the CRM changed since then: a date, a time, or a length such as `2h` or `3d`; what is gone is not noticed so
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Put right what can be; shows it first and asks
    #[arg(long)]
    pub repair: bool,
    /// Only show what a repair would do
    #[arg(long, requires = "repair")]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short, requires = "repair", conflicts_with = "dry_run")]
    pub yes: bool,
    /// Write every difference to this file: .csv, .xlsx or .json
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Show at most so many differences
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub limit: u32,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}
