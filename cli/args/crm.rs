//! What can be asked about CRMs: how they describe themselves, how far their records are read.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Crm {
    /// Show each object as it was last described, what changed, and which mappings that breaks for how many leads
    #[command(
        after_help = "Example:\n  leadloop crm schema --crm sales\n  leadloop crm schema --crm sales --object lead --fields\n  leadloop crm schema --read      have it read now; show it in a moment"
    )]
    Schema(Schema),
    /// Show how far the first reading of each CRM into the mirror is, with pace and time left
    #[command(
        after_help = "Example:\n  leadloop crm load\n  leadloop crm load --crm sales --watch        until all is read; lines where nobody looks at a terminal\n  leadloop crm load --output json | jq .done"
    )]
    Load(Loading),
}

#[derive(Debug, Args)]
pub struct Loading {
    /// Only this CRM: the name of a [[crm]]
    #[arg(long, value_name = "NAME")]
    pub crm: Option<String>,
    /// Stay until all is read
    #[arg(long, short)]
    pub watch: bool,
}

#[derive(Debug, Args)]
pub struct Schema {
    /// Only this CRM: the name of a [[crm]]
    #[arg(long, value_name = "NAME")]
    pub crm: Option<String>,
    /// Only this object: lead, contact, account…
    #[arg(long, value_name = "OBJECT")]
    pub object: Option<String>,
    /// All fields as they were last described
    #[arg(long)]
    pub fields: bool,
    /// Have the descriptions read now by the running leadloop
    #[arg(long, conflicts_with_all = ["object", "fields"])]
    pub read: bool,
}
