//! What can be asked about taking writes back.

use clap::Args;

#[derive(Debug, Args)]
pub struct Undo {
    /// A run, a version of the config or a delivery, as the list shows it; none: the list
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Only writes to this CRM: the name of a [[crm]]
    #[arg(long, value_name = "NAME")]
    pub crm: Option<String>,
    /// Only what was written since then: a date, a time, or a length such as `2h` or `3d`
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only what was written until then
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Do it; without it is only shown what would be done
    #[arg(long)]
    pub apply: bool,
    /// Do not ask
    #[arg(long, short, requires = "apply")]
    pub yes: bool,
    /// Show at most so many fields
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub limit: u32,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}
