//! What can be asked about a pool as records of a CRM.

use clap::Args;

#[derive(Debug, Args)]
pub struct Backfill {
    /// The CRM: the name of a [[crm]]; not needed where there is one only
    #[arg(value_name = "CRM")]
    pub crm: Option<String>,
    /// Only leads for which this holds, as for `leadloop lead list`; else everybody
    #[arg(long = "where", value_name = "FILTER")]
    pub filter: Option<String>,
    /// Do it; without it is only shown what would be done
    #[arg(long)]
    pub apply: bool,
    /// Do not ask
    #[arg(long, short, requires = "apply")]
    pub yes: bool,
    /// Show how far the last run is, and nothing else
    #[arg(long, conflicts_with_all = ["apply", "filter"])]
    pub progress: bool,
}
