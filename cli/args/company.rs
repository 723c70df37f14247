//! What can be asked and said about companies.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Company {
    /// List the table of companies and the pairs that somebody judged
    #[command(after_help = "Example:\n  leadloop company list")]
    List {
        /// At most so many of each
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show how a name is read, what is known of the company, and which accounts of the CRM it matches and why
    #[command(after_help = "Example:\n  leadloop company show 上海示例机器人有限公司")]
    Show {
        /// The name
        #[arg(required = true)]
        name: Vec<String>,
    },
    /// List pairs of names that may be one company
    #[command(
        after_help = "Example:\n  leadloop company suspects\n  leadloop company suspects --all --output json"
    )]
    Suspects {
        /// Also those that somebody judged
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Say that two names are one company; it holds for every later match
    #[command(
        after_help = "Example:\n  leadloop company same 示例机器人有限公司 上海示例机器人有限公司\n  leadloop company same @shili.example 示例智能装备"
    )]
    Same(CompanyPair),
    /// Say that two names are two companies; it holds for every later match
    #[command(after_help = "Example:\n  leadloop company apart 示例机器人有限公司 上海示例机器人有限公司")]
    Apart(CompanyPair),
}

#[derive(Debug, Args)]
pub struct CompanyPair {
    /// A name, or @ and a mail domain
    pub one: String,
    /// Another
    pub other: String,
}
