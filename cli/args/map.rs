//! What can be asked about mappings.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Map {
    /// Show field by field what a CRM would be told of a lead now; nothing is sent
    #[command(
        after_help = "Example:\n  leadloop map try --crm sales --lead 13800001104\n  leadloop map try --crm sales --lead 示例机器人 --object contact --reveal"
    )]
    Try(Try),
}

#[derive(Debug, Args)]
pub struct Try {
    /// The CRM: the name of a [[crm]]; not needed where there is one only
    #[arg(long, value_name = "NAME")]
    pub crm: Option<String>,
    /// Whose payload: a phone, mail address, company, CRM record id or lead id
    #[arg(long, value_name = "LEAD", required = true, num_args = 1..)]
    pub lead: Vec<String>,
    /// As this object of the CRM; else as the record that is ours, or the one a hand-over makes
    #[arg(long, value_name = "OBJECT")]
    pub object: Option<String>,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}
