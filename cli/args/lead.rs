//! What can be asked about leads.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Lead {
    /// List leads, newest first; or write them to a CSV or Excel file
    #[command(
        after_help = "Example:\n  leadloop lead list --stage marketing --channel 官网 --limit 20\n  leadloop lead list --where 'lead.stage == \"raw\" and company.employees >= 200'\n  leadloop lead list --where 'score.fit >= 40' --export leads.xlsx\n\nNames in a filter: lead.* (stage, title, province, tags, touches, days_since_last_touch, consent.transfer, …),\ncompany.* (name, industry, employees, …), score.*. A comparison with something unknown does not hold."
    )]
    List(LeadList),
    /// Show one lead: every field with its source and time, identifiers, consent, scores
    #[command(
        after_help = "Example:\n  leadloop lead show 13800001104\n  leadloop lead show L-0190… --reveal"
    )]
    Show(LeadShow),
    /// Find leads by a phone, mail address, company, name, CRM record id or lead id, or a part of it
    #[command(after_help = "Example:\n  leadloop lead search 示例机器人\n  leadloop lead search 138****")]
    Search(LeadSearch),
    /// Write everything that is held of a person into a file (a person's right of access)
    #[command(
        after_help = "Example:\n  leadloop lead export --all 13800001104 --out person.zip\n  leadloop lead export --all 13800001104 --out person.json"
    )]
    Export(LeadExport),
    /// Forget a person: shows what is held, deletes it, tells CRM and MA, keeps a receipt
    #[command(
        after_help = "Example:\n  leadloop lead erase 13800001104\n  leadloop lead erase 13800001104 --yes --reason 'request of 2026-11-20'"
    )]
    Erase(LeadErase),
    /// Let a person who was erased be taken in again
    #[command(after_help = "Example:\n  leadloop lead readmit 13800001104")]
    Readmit(LeadReadmit),
    /// List pairs that may be one person
    #[command(
        after_help = "Example:\n  leadloop lead suspects\n  leadloop lead suspects --all --output json"
    )]
    Suspects(LeadSuspects),
    /// Say that two leads are one person
    #[command(
        after_help = "Example:\n  leadloop lead merge L-0190… L-0191…\n  leadloop lead merge 13800001104 jia.ceshi@mail.example\n\nThe older lead survives; nothing is moved, so `lead unmerge` takes it back. It waits a few seconds for what is on its way to sales."
    )]
    Merge(LeadPair),
    /// Take a merge back: each lead gets what came through it, sales get corrections
    #[command(after_help = "Example:\n  leadloop lead unmerge L-0191…")]
    Unmerge(LeadUnmerge),
    /// Say that two leads are different people: no rule joins them any more
    #[command(after_help = "Example:\n  leadloop lead apart L-0190… L-0191…")]
    Apart(LeadPair),
    /// Give a person a new phone number; the old one stays as evidence
    #[command(after_help = "Example:\n  leadloop lead phone 13800001104 13900001104")]
    Phone(LeadPhone),
    /// Add tags to a lead, or remove some
    #[command(subcommand)]
    Tag(LeadTag),
    /// Write a remark on a lead, or its requirement: sales read it in the brief
    #[command(
        after_help = "Example:\n  leadloop lead note 13800001104 \"wants an offer before May\"\n  leadloop lead note 13800001104 --requirement \"MES for two plants\""
    )]
    Note(LeadNote),
}

#[derive(Debug, Subcommand)]
pub enum LeadTag {
    /// Add tags
    #[command(
        after_help = "Example:\n  leadloop lead tag add 13800001104 vip 展会2026\n\nConditions read them: `\"vip\" in lead.tags`."
    )]
    Add(LeadTags),
    /// Remove tags
    #[command(after_help = "Example:\n  leadloop lead tag remove 13800001104 vip")]
    Remove(LeadTags),
}

#[derive(Debug, Args)]
pub struct LeadTags {
    /// A lead id, phone or mail address
    pub who: String,
    /// The tags
    #[arg(required = true, value_name = "TAG")]
    pub tags: Vec<String>,
}

#[derive(Debug, Args)]
pub struct LeadNote {
    /// A lead id, phone or mail address
    pub who: String,
    /// What is to be remembered
    #[arg(required = true, value_name = "TEXT")]
    pub text: Vec<String>,
    /// It is what they need; it stands in place of what is known of that
    #[arg(long)]
    pub requirement: bool,
}

#[derive(Debug, Args)]
pub struct LeadSuspects {
    /// Also those that somebody judged
    #[arg(long)]
    pub all: bool,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}

#[derive(Debug, Args)]
pub struct LeadPair {
    /// A lead id, phone or mail address
    pub one: String,
    /// Another
    pub other: String,
}

#[derive(Debug, Args)]
pub struct LeadUnmerge {
    /// The id of the lead that was merged into another
    pub lead: String,
}

#[derive(Debug, Args)]
pub struct LeadPhone {
    /// A lead id, the old phone or a mail address
    pub who: String,
    /// The new number
    pub number: String,
}

#[derive(Debug, Args)]
pub struct LeadList {
    /// Only those for which this condition holds
    #[arg(long = "where", value_name = "CONDITION")]
    pub filter: Option<String>,
    /// Only in this stage: raw, marketing, with_sales, accepted, opportunity, won, lost, resting, closed
    #[arg(long)]
    pub stage: Option<String>,
    /// Only of this first source
    #[arg(long)]
    pub source: Option<String>,
    /// Only of this first channel
    #[arg(long)]
    pub channel: Option<String>,
    /// Only of this owner
    #[arg(long)]
    pub owner: Option<String>,
    #[command(flatten)]
    pub pools: Pools,
    /// Only where name, company or an identifier contains this
    #[arg(long)]
    pub text: Option<String>,
    /// At most so many; 50 on the screen, all in a file
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Write them to this file instead: FILE.csv or FILE.xlsx
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// Write over the file where it is there
    #[arg(long, requires = "export")]
    pub force: bool,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}

/// Which parts of the pool.
#[derive(Clone, Debug, Default, Args)]
pub struct Pools {
    /// Only in these parts of the pool
    #[arg(long = "pool", value_name = "NAME")]
    pub names: Vec<String>,
    /// Only in the parts of the pool that this person looks after
    #[arg(long, value_name = "PERSON", conflicts_with = "names")]
    pub admin: Option<String>,
}

#[derive(Debug, Args)]
pub struct LeadShow {
    /// A phone, mail address, company, name, CRM record id, hand-over mark or lead id
    #[arg(required = true)]
    pub who: Vec<String>,
    /// Show what each score is made of, event by event
    #[arg(long)]
    pub scores: bool,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}

#[derive(Debug, Args)]
pub struct LeadExport {
    /// A phone, mail address, company, name, CRM record id, hand-over mark or lead id
    #[arg(required = true)]
    pub who: Vec<String>,
    /// Everything: fields, history, captures, decisions, deliveries, who looked at it
    #[arg(long, required = true)]
    pub all: bool,
    /// The file: FILE.zip for people (contents, timeline as a table, raw messages), FILE.json for programs
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write over the file where it is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct LeadErase {
    /// A phone, mail address, company, name, CRM record id, hand-over mark or lead id
    #[arg(required = true)]
    pub who: Vec<String>,
    /// Why; it stands in the receipt
    #[arg(long)]
    pub reason: Option<String>,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct LeadReadmit {
    /// A phone or mail address
    pub value: String,
}

#[derive(Debug, Args)]
pub struct LeadSearch {
    /// What somebody has at hand
    #[arg(required = true)]
    pub what: Vec<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}
