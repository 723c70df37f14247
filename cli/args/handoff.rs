//! What can be asked about hand-overs, and decided at the desk before sales.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Handoff {
    /// List open hand-overs, soonest due first
    #[command(after_help = "Example:\n  leadloop handoff list --overdue --owner li.na")]
    List(HandoffList),
    /// Show one hand-over with its clocks and the decision
    #[command(after_help = "Example:\n  leadloop handoff show H-0190… --reveal")]
    Show {
        /// The hand-over, as `list` shows it; its beginning is enough where it is the only one
        id: String,
        /// Show personal data; who did is noted
        #[arg(long)]
        reveal: bool,
    },
    /// Give hand-overs to somebody else: a new hand-over with a new clock, the history is kept
    #[command(
        after_help = "Example:\n  leadloop handoff reassign --from wang.wei --to li.na        all that wang.wei has open\n  leadloop handoff reassign H-0190… --to li.na"
    )]
    Reassign {
        /// Hand-overs; none: all open ones of --from
        ids: Vec<String>,
        /// Whose
        #[arg(long, value_name = "PERSON", required_unless_present = "ids", conflicts_with = "ids")]
        from: Option<String>,
        /// To whom: a key of the people table
        #[arg(long, value_name = "PERSON")]
        to: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Take hand-overs back to the pool
    #[command(after_help = "Example:\n  leadloop handoff take-back H-0190… --yes")]
    TakeBack {
        /// Hand-overs
        #[arg(required = true)]
        ids: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Hand leads over again whose record was deleted in the CRM: nothing else makes it again
    #[command(after_help = "Example:\n  leadloop handoff again H-0190… --yes")]
    Again {
        /// Hand-overs that wait with LL4211, or ended because the record was deleted
        #[arg(required = true)]
        ids: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Make a new key for answer links; links of the key before this one still open, older ones do not
    #[command(
        after_help = "Example:\n  leadloop handoff new-key        twice, where a key may be known to others"
    )]
    NewKey,
}

#[derive(Debug, Args)]
pub struct HandoffList {
    /// Only those whose answer was due before now
    #[arg(long)]
    pub overdue: bool,
    /// Only of this person
    #[arg(long, value_name = "PERSON")]
    pub owner: Option<String>,
    /// Only in this state: at_desk, asking, telling, with_sales, accepted, parked, returned, answered, declined, taken_back
    #[arg(long)]
    pub state: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}

#[derive(Debug, Subcommand)]
pub enum Sdr {
    /// List leads that wait at the desk, soonest due first
    #[command(after_help = "Example:\n  leadloop sdr list --owner zhao.min")]
    List(SdrList),
    /// There is a need: the transfer rules decide
    #[command(after_help = "Example:\n  leadloop sdr confirm H-0190… --by zhao.min requirement=产线质检")]
    Confirm(SdrAnswer),
    /// Not yet: the MA nurtures on
    #[command(after_help = "Example:\n  leadloop sdr nurture H-0190… --by zhao.min --track nurture")]
    Nurture(SdrAnswer),
    /// Never: the lead is closed with a reason
    #[command(after_help = "Example:\n  leadloop sdr drop H-0190… --by zhao.min --remark 同行")]
    Drop(SdrAnswer),
}

#[derive(Debug, Args)]
pub struct SdrList {
    /// Only of this person
    #[arg(long, value_name = "PERSON")]
    pub owner: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Show personal data; who did is noted
    #[arg(long)]
    pub reveal: bool,
}

#[derive(Debug, Args)]
pub struct SdrAnswer {
    /// The hand-over
    pub id: String,
    /// What was found out, in fields that `fill` of [sdr] names
    #[arg(value_name = "FIELD=VALUE")]
    pub fields: Vec<String>,
    /// Who decides: a key of the people table
    #[arg(long, value_name = "PERSON")]
    pub by: String,
    /// A remark; for `drop` the reason
    #[arg(long, default_value = "")]
    pub remark: String,
    /// For `nurture`: the track
    #[arg(long, default_value = "")]
    pub track: String,
}
