//! What can be asked on the command line.

mod backfill;
pub mod company;
pub mod conflicts;
pub mod connector;
pub mod crm;
pub mod handoff;
pub mod lead;
pub mod map;
mod operate;
mod reconcile;
pub mod rehearse;
pub mod source;
mod undo;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use backfill::Backfill;
pub use operate::{Backup, Doctor, Planned};
pub use reconcile::Reconcile;
pub use undo::Undo;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// The middleware between marketing and sales: one pool, written transfer rules, exactly one hand-over.
///
/// 市场与销售之间的中间件：一个线索池，成文的转出规则，每条线索只转出一次。
#[derive(Debug, Parser)]
#[command(
    name = "leadloop",
    version,
    styles = STYLES,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = "Example:\n  leadloop demo            the whole road with sample data, in under a minute\n  leadloop init            a commented leadloop.toml that runs\n\nExit codes: 0 done, 1 something is wrong with what was given, 2 something failed outside."
)]
pub struct Cli {
    #[command(flatten)]
    pub general: General,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "General")]
pub struct General {
    /// The config
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "leadloop.toml",
        env = "LEADLOOP_CONFIG"
    )]
    pub config: PathBuf,
    /// Text for people or JSON for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Language; else the config's, else the environment's
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Tongue>,
    /// Colours; `auto` minds NO_COLOR and pipes
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub color: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tongue {
    Zh,
    En,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented leadloop.toml that runs as it is (生成配置)
    #[command(
        after_help = "Example:\n  leadloop init --lang zh\n  leadloop init --crm sandbox --source web_form --source table_file\n  leadloop check && leadloop sandbox & leadloop run\n\nAt a terminal it asks for what is not given; in a pipe it takes the sandbox, a web form and files."
    )]
    Init(Init),
    /// Find every mistake in the config, with its place and a way out (检查配置)
    #[command(
        after_help = "Example:\n  leadloop check --config /etc/leadloop/leadloop.toml\n  leadloop check --output json | jq '.problems[].code'"
    )]
    Check,
    /// Try the rules: run the [[test]]s of the config, or write one from a past decision (规则测试)
    #[command(
        after_help = "Example:\n  leadloop test\n  leadloop test --cover --output json        for CI: fails where a rule is tried by no test\n  leadloop test --record 13800001104 --to tests/recorded.toml"
    )]
    Test(Test),
    /// Hold the config against the living systems: connections, fields, values, people (体检)
    #[command(
        after_help = "Example:\n  leadloop doctor\n  leadloop doctor --prepare       make the mark field where the CRM allows it\n  leadloop doctor --output json | jq '.connections'\n\nWhat was checked is kept in leadloop.lock beside the config; `leadloop check` warns by it."
    )]
    Doctor(Doctor),
    /// The JSON Schema of the config, for editors (配置的 JSON Schema)
    #[command(
        after_help = "Example:\n  leadloop schema --to leadloop.schema.json\n\nThe first line of a config, `#:schema ./leadloop.schema.json`, makes editors with Taplo or Tombi complete and explain it."
    )]
    Schema(Schema),
    /// Show what a new config would change against the one in force (变更预览)
    #[command(
        after_help = "Example:\n  leadloop plan                 the config as it is on disk\n  leadloop plan next.toml --output json"
    )]
    Plan(Planned),
    /// Copy the database while work goes on (备份)
    #[command(
        after_help = "Example:\n  leadloop backup backups/2026-11-26.db\n\nOn PostgreSQL it runs pg_dump. A restored copy reads and writes nothing until `leadloop resume`."
    )]
    Backup(Backup),
    /// Let a restored database go on (恢复运行)
    #[command(after_help = "Example:\n  leadloop resume")]
    Resume,
    /// Listen to sources, decide, deliver (运行)
    #[command(
        after_help = "Example:\n  leadloop run\n  RUST_LOG=leadloop=debug leadloop run\n\nA config that changes on disk is taken while it runs, whole or not at all; SIGHUP reads it at once.\nSIGTERM or Ctrl-C lets what is under way come home and ends; a second one ends at once."
    )]
    Run(Run),
    /// Bring in a CSV or Excel file (导入)
    #[command(
        after_help = "Example:\n  leadloop import fair.csv --source fair-2026 --preview\n  leadloop import fair.csv --source fair-2026 --yes\n\nRows that were refused are written to FILE.rejected.csv with the reason; mend them there and import that file."
    )]
    Import(Import),
    /// Fields that pool and CRM both changed: look, say who is right (字段冲突)
    #[command(
        after_help = "Example:\n  leadloop conflicts list\n  leadloop conflicts take-pool sales/lead/L1001 phone\n  leadloop conflicts take-crm --all"
    )]
    Conflicts {
        #[command(subcommand)]
        command: conflicts::Conflicts,
    },
    /// Bring leads of the pool into a CRM as records, without handing them over; shows first what would be done (批量写入 CRM)
    #[command(
        after_help = "Example:\n  leadloop backfill sales --where 'score.fit >= 40'\n  leadloop backfill sales --where 'score.fit >= 40' --apply\n  leadloop backfill sales --progress\n\nNobody in sales is told; whoever stands in the CRM already is linked. Broken off, the same command goes on.\n`leadloop undo RUN` names what a run made."
    )]
    Backfill(Backfill),
    /// CRMs: how they describe their fields and what that breaks, how far their records are read (CRM 字段与首次读取)
    #[command(
        after_help = "Example:\n  leadloop crm schema --crm sales\n  leadloop crm schema --output json | jq '.crms[].objects[].broken'\n  leadloop crm load --watch"
    )]
    Crm {
        #[command(subcommand)]
        command: crm::Crm,
    },
    /// Try a mapping on a lead without sending anything (映射试算)
    #[command(after_help = "Example:\n  leadloop map try --crm sales --lead 13800001104")]
    Map {
        #[command(subcommand)]
        command: map::Map,
    },
    /// Hold the pool against a CRM, record by record, and put differences right (对账)
    #[command(
        after_help = "Example:\n  leadloop reconcile --crm sales --out differences.csv\n  leadloop reconcile --crm sales --repair --dry-run\n  leadloop reconcile --crm sales --repair --yes --output json\n\nWorks beside a running leadloop; repairs go out by its outbox, after everything live."
    )]
    Reconcile(Reconcile),
    /// Put back what stood in a CRM before it was written: a run, a version of the config, a time (撤销写入)
    #[command(
        after_help = "Example:\n  leadloop undo                             what was written, by run\n  leadloop undo repair-20261127-081502      shows what would be put back\n  leadloop undo --crm sales --since 2h --apply\n\nOnly fields that still hold our value are put back. Records that were made stay."
    )]
    Undo(Undo),
    /// Records that could not be taken: look, mend, take up again (隔离区)
    #[command(
        after_help = "Example:\n  leadloop quarantine list --source website\n  leadloop quarantine fix P-0190…/3 phone=13800001104"
    )]
    Quarantine {
        #[command(subcommand)]
        command: Quarantine,
    },
    /// Deliveries that need a person: look, take up again, drop (待处理投递)
    #[command(
        after_help = "Example:\n  leadloop outbox list\n  leadloop outbox retry --link sales --code LL3201"
    )]
    Outbox {
        #[command(subcommand)]
        command: Outbox,
    },
    /// The whole life of one lead, with the reasons (一条线索的来龙去脉)
    #[command(
        after_help = "Example:\n  leadloop why 13800001104\n  leadloop why 示例机器人 --lang en\n  leadloop why L1031 --output json"
    )]
    Why(Why),
    /// How many leads got how far (漏斗)
    #[command(
        after_help = "Example:\n  leadloop funnel --by channel\n  leadloop funnel --by month --from 2026-01-01 --output json"
    )]
    Funnel(Funnel),
    /// The week in numbers, as the mail of `weekly_report` says it (周报)
    #[command(
        after_help = "Example:\n  leadloop report\n  leadloop report --week 2026-11-16 --html week.html --csv week.csv"
    )]
    Report(Report),
    /// What waits, what failed, what to do about it (运行状况)
    #[command(after_help = "Example:\n  leadloop status\n  leadloop status --output json | jq .captures_due")]
    Status,
    /// The systems that leadloop speaks with, and what each needs (连接器)
    #[command(
        after_help = "Example:\n  leadloop connector list --kind source\n  leadloop connector show sensors"
    )]
    Connector {
        #[command(subcommand)]
        command: connector::Connector,
    },
    /// Sources: what each brought, what is usual, what was refused and why (来源)
    #[command(after_help = "Example:\n  leadloop source list\n  leadloop source show website")]
    Source {
        #[command(subcommand)]
        command: source::Source,
    },
    /// Leads of the pool (线索)
    #[command(after_help = "Example:\n  leadloop lead list --stage with_sales --owner li.na")]
    Lead {
        #[command(subcommand)]
        command: lead::Lead,
    },
    /// Companies: who is one company with whom (公司)
    #[command(after_help = "Example:\n  leadloop company suspects\n  leadloop company show 示例机器人")]
    Company {
        #[command(subcommand)]
        command: company::Company,
    },
    /// Score models (打分)
    #[command(after_help = "Example:\n  leadloop score recompute --dry-run")]
    Score {
        #[command(subcommand)]
        command: Score,
    },
    /// Hand-overs: who has them, what is overdue, change of hands (转出)
    #[command(
        after_help = "Example:\n  leadloop handoff list --overdue\n  leadloop handoff reassign --from wang.wei --to li.na"
    )]
    Handoff {
        #[command(subcommand)]
        command: handoff::Handoff,
    },
    /// The desk before sales: what waits, and what it decides (SDR 台)
    #[command(
        after_help = "Example:\n  leadloop sdr list\n  leadloop sdr confirm H-0190… --by zhao.min requirement=产线质检"
    )]
    Sdr {
        #[command(subcommand)]
        command: handoff::Sdr,
    },
    /// Decide past leads once more by other rules, and show what would have changed (预演)
    #[command(
        after_help = "Example:\n  leadloop rehearse new.toml --since 90d\n  leadloop rehearse new.toml --since 30d --output json | jq .owners\n\nNothing is written and nobody is told. Leads that never qualified are not in it: no facts were kept of them."
    )]
    Rehearse(rehearse::Rehearse),
    /// Where the second rule set of [shadow] decides otherwise than the live one (影子规则)
    #[command(
        after_help = "Example:\n  leadloop shadow --since 7d\n  leadloop shadow --output json | jq .agreed\n\nThe shadow decides every lead beside the live rules, after them; it writes to no CRM and tells nobody.\nLeads that the live rules do not find qualified are not in it."
    )]
    Shadow(rehearse::Shadow),
    /// The page of an error code (错误码说明)
    #[command(after_help = "Example:\n  leadloop explain LL4001 --lang zh")]
    Explain(Explain),
    /// A CRM and an MA to practise against (沙箱 CRM 与 MA)
    #[command(
        after_help = "Example:\n  leadloop sandbox --port 8090 --robot\n  leadloop sandbox --seed-file samples/crm_seed.json --file sandbox.jsonl"
    )]
    Sandbox(Box<Sandbox>),
    /// The whole road with sample data and a sandbox CRM (演示)
    #[command(
        after_help = "Example:\n  leadloop demo\n  leadloop demo --keep demo-data --stay     look at it afterwards"
    )]
    Demo(Demo),
}

#[derive(Debug, Args)]
pub struct Init {
    /// The connector of the CRM to hand over to, `sandbox` to practise, `none` to pool and score only; asked at a terminal
    #[arg(long, value_name = "CONNECTOR")]
    pub crm: Option<String>,
    /// Connectors of the sources to start with; asked at a terminal
    #[arg(long = "source", value_name = "CONNECTOR")]
    pub sources: Vec<String>,
    /// The connector of the marketing automation, where there is one
    #[arg(long, value_name = "CONNECTOR")]
    pub ma: Option<String>,
    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Schema {
    /// Write it to this file instead of showing it
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Test {
    /// Only tests whose name contains one of these
    pub names: Vec<String>,
    /// Fail where a transfer rule decides in no test
    #[arg(long, conflicts_with = "names")]
    pub cover: bool,
    /// Show rules tried and reasons of every test, not only of those that fail
    #[arg(long)]
    pub reasons: bool,
    /// Write a test from the last decision on this lead: a phone, mail address, company, lead id or hand-over
    #[arg(long, value_name = "LEAD", conflicts_with_all = ["names", "cover", "reasons"])]
    pub record: Option<String>,
    /// Add the test to this file instead of showing it
    #[arg(long, value_name = "FILE", requires = "record")]
    pub to: Option<PathBuf>,
    /// The name of the recorded test
    #[arg(long, value_name = "TEXT", requires = "record")]
    pub name: Option<String>,
    /// Keep names, numbers and addresses as they are; else made-up ones take their place
    #[arg(long, requires = "record")]
    pub reveal: bool,
}

#[derive(Debug, Args)]
pub struct Run {
    /// Log lines as JSON
    #[arg(long)]
    pub log_json: bool,
}

#[derive(Debug, Args)]
pub struct Import {
    /// The file: CSV (any separator, UTF-8, GB18030…) or Excel
    pub file: PathBuf,
    /// The source it belongs to: a [[source]] whose connector is table_file
    #[arg(long)]
    pub source: String,
    /// Show columns, mapping and first rows, and end
    #[arg(long)]
    pub preview: bool,
    /// Read and judge every row, keep nothing
    #[arg(long, conflicts_with = "preview")]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// List records in quarantine and pushes that could not be read
    #[command(after_help = "Example:\n  leadloop quarantine list --code LL4001 --limit 50")]
    List {
        /// Only of this source
        #[arg(long)]
        source: Option<String>,
        /// Only with this code
        #[arg(long)]
        code: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Show personal data
        #[arg(long)]
        reveal: bool,
    },
    /// Show one record, push or capture
    #[command(
        after_help = "Example:\n  leadloop quarantine show P-0190…/3 --reveal\n  leadloop quarantine show C-0190…"
    )]
    Show {
        /// The push, push/position of a record, or the capture, as `list` shows it
        id: String,
        /// Show personal data
        #[arg(long)]
        reveal: bool,
    },
    /// Change fields of a record and take it up again
    #[command(
        after_help = "Example:\n  leadloop quarantine fix P-0190…/3 phone=13800001104 company=示例机器人"
    )]
    Fix {
        /// push/position of the record
        id: String,
        /// New values, in the source's own field names
        #[arg(required = true, value_name = "FIELD=VALUE")]
        fields: Vec<String>,
    },
    /// Give pushes and records up: nobody is asked about them any more
    #[command(after_help = "Example:\n  leadloop quarantine drop P-0190…/3 --yes")]
    Drop {
        /// Pushes, or push/position of records
        #[arg(required = true)]
        ids: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Read pushes and records again under today's config
    #[command(
        after_help = "Example:\n  leadloop quarantine retry --source website      after the mapping was mended\n  leadloop quarantine retry P-0190…"
    )]
    Retry {
        /// Pushes, or push/position of records; none: all that fit the options
        ids: Vec<String>,
        /// Only of this source
        #[arg(long)]
        source: Option<String>,
        /// Only with this code
        #[arg(long)]
        code: Option<String>,
    },
}

#[derive(Clone, Debug, Args)]
pub struct ParkedArgs {
    /// Deliveries, as `list` shows them; none: all that fit the options
    pub ids: Vec<String>,
    /// Only to this system
    #[arg(long)]
    pub link: Option<String>,
    /// Only with this code
    #[arg(long)]
    pub code: Option<String>,
    /// Only what was parked since then: a date, a time, or a length such as `2h` or `3d`
    #[arg(long)]
    pub since: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// What needs a person, grouped by what is wrong
    #[command(after_help = "Example:\n  leadloop outbox causes --since 1d")]
    Causes {
        #[command(flatten)]
        which: ParkedArgs,
    },
    /// List deliveries that need a person, or all that one command ordered
    #[command(
        after_help = "Example:\n  leadloop outbox list --link sales\n  leadloop outbox list --run backfill-20261127-081502     what became of it"
    )]
    List {
        #[command(flatten)]
        which: ParkedArgs,
        /// What this run of `backfill`, `undo`, `reconcile --repair` or `outbox retry` ordered, however far it got
        #[arg(long)]
        run: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Show one delivery with its attempts and what was said in them
    #[command(after_help = "Example:\n  leadloop outbox show D-0190… --reveal")]
    Show {
        /// The delivery
        id: String,
        /// Show personal data
        #[arg(long)]
        reveal: bool,
    },
    /// Change fields of one delivery and make it due again
    #[command(after_help = "Example:\n  leadloop outbox fix D-0190… title=Director industry=9")]
    Fix {
        /// The delivery
        id: String,
        /// New values, in the system's own words
        #[arg(required = true, value_name = "FIELD=VALUE")]
        fields: Vec<String>,
    },
    /// Send nothing to a system until `resume`: what is under way comes home, the rest waits
    #[command(
        after_help = "Example:\n  leadloop outbox pause sales\n  leadloop outbox pause sales --drain     what is in the outbox now still goes out"
    )]
    Pause {
        /// The system: the name of a [[crm]] or [[ma]]
        link: String,
        /// Send what is in the outbox now, hold what is made later
        #[arg(long)]
        drain: bool,
    },
    /// Send to a system again
    #[command(after_help = "Example:\n  leadloop outbox resume sales")]
    Resume {
        /// The system
        link: String,
    },
    /// Make deliveries due again
    #[command(after_help = "Example:\n  leadloop outbox retry --code LL3201       however many")]
    Retry {
        #[command(flatten)]
        which: ParkedArgs,
    },
    /// Give deliveries up: they are never sent
    #[command(after_help = "Example:\n  leadloop outbox drop D-0190… --yes")]
    Drop {
        #[command(flatten)]
        which: ParkedArgs,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub struct Why {
    /// A phone, mail address, company, name, CRM record id, hand-over mark or lead id
    #[arg(required = true)]
    pub what: Vec<String>,
    /// Most touches shown
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub touches: u32,
    /// Show personal data
    #[arg(long)]
    pub reveal: bool,
}

#[derive(Debug, Args)]
pub struct Report {
    /// The week that holds this day; else the last one that is over
    #[arg(long, value_name = "DAY")]
    pub week: Option<jiff::civil::Date>,
    /// Write it as a page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write it as a table
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Funnel {
    /// What a line stands for
    #[arg(long, value_enum, default_value_t = By::Channel)]
    pub by: By,
    /// Only people whose first touch is on or after this day
    #[arg(long, value_name = "DAY")]
    pub from: Option<jiff::civil::Date>,
    /// Only people whose first touch is before or on this day
    #[arg(long, value_name = "DAY")]
    pub to: Option<jiff::civil::Date>,
    /// What the numbers are: counts, rates between steps, days of each step, or what sales answered
    #[arg(long, value_enum, default_value_t = Numbers::Counts, conflicts_with = "attribution")]
    pub show: Numbers,
    /// Divide won amounts among all touches before them, by channel, source or campaign
    #[arg(long, value_enum, value_name = "MODEL")]
    pub attribution: Option<Attribution>,
    /// What each line cost: CSV with `name` and `cost`; gives the return. Campaigns have theirs in the campaigns table
    #[arg(long, value_name = "FILE", requires = "attribution")]
    pub cost: Option<PathBuf>,
    /// The leads behind the line of this name; an empty name is the line without one
    #[arg(long, value_name = "NAME", conflicts_with = "show")]
    pub leads: Option<String>,
    /// Of them only those behind one number
    #[arg(long, value_enum, requires = "leads", conflicts_with = "attribution")]
    pub step: Option<Step>,
    /// Most leads shown
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Show personal data
    #[arg(long)]
    pub reveal: bool,
    #[command(flatten)]
    pub pools: lead::Pools,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Numbers {
    Counts,
    Rates,
    Days,
    Tags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Attribution {
    /// All to the first touch
    First,
    /// All to the last touch
    Last,
    /// The same to each touch
    Linear,
    /// Half for every week before
    TimeDecay,
    /// Two fifths each to the first and the last
    PositionBased,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    Channel,
    Source,
    Campaign,
    Pool,
    /// New, by referral, or a customer that asks again
    Origin,
    Owner,
    Month,
    /// Webinars, live streams and fairs, by their touches in the span
    Event,
}

/// One number of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Step {
    People,
    /// Events only
    Viewed,
    /// Events only
    Registered,
    /// Events only
    Attended,
    /// Events only: not known before
    New,
    Mql,
    Reactivated,
    /// SQL: handed over to sales
    HandedOver,
    Accepted,
    Opportunity,
    Won,
    Lost,
    Resting,
    /// With an amount won
    Amount,
}

impl Step {
    /// Whether only events have it.
    pub const fn of_events(self) -> bool {
        matches!(self, Step::Viewed | Step::Registered | Step::Attended | Step::New)
    }

    /// As the store knows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Step::People => "people",
            Step::Viewed => "viewed",
            Step::Registered => "registered",
            Step::Attended => "attended",
            Step::New => "new",
            Step::Mql => "marketing",
            Step::Reactivated => "reactivated",
            Step::HandedOver => "with_sales",
            Step::Accepted => "accepted",
            Step::Opportunity => "opportunity",
            Step::Won => "won",
            Step::Lost => "lost",
            Step::Resting => "resting",
            Step::Amount => "amount",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Score {
    /// Count everybody's scores anew under the models as they are now; shows what would change first
    #[command(
        after_help = "Example:\n  leadloop score recompute --dry-run\n  leadloop score recompute --yes\n\nNobody is handed over by it: that waits for the next thing that happens to a lead."
    )]
    Recompute(Recompute),
}

#[derive(Debug, Args)]
pub struct Recompute {
    /// Only compare: who would become or stop being an MQL
    #[arg(long)]
    pub dry_run: bool,
    /// Do not compare and do not ask
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// The code; none: all codes with their titles
    pub code: Option<String>,
}

#[derive(Debug, Args)]
pub struct Sandbox {
    /// Port to listen on
    #[arg(long, default_value_t = 8090)]
    pub port: u16,
    /// Whole address to listen on; other than this machine needs --admin-key
    #[arg(long, value_name = "ADDRESS", conflicts_with = "port")]
    pub listen: Option<SocketAddr>,
    /// Key of the admin calls and the page
    #[arg(long, env = "SANDBOX_ADMIN_KEY", hide_env_values = true)]
    pub admin_key: Option<String>,
    /// Records to start with (as samples/crm_seed.json)
    #[arg(long, value_name = "FILE")]
    pub seed_file: Option<PathBuf>,
    /// Contacts of the MA, pushed at the start (as samples/ma_contacts.jsonl)
    #[arg(long, value_name = "FILE", requires = "ma_target")]
    pub ma_file: Option<PathBuf>,
    /// Where the MA pushes to
    #[arg(long, value_name = "URL", requires = "ma_secret")]
    pub ma_target: Option<String>,
    /// The secret it signs with (whsec_…)
    #[arg(long, value_name = "SECRET", env = "SANDBOX_MA_SECRET", hide_env_values = true)]
    pub ma_secret: Option<String>,
    /// File that keeps all records over a restart
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Played salespeople work by themselves
    #[arg(long)]
    pub robot: bool,
    /// Time between two steps on the same record
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2_000, requires = "robot")]
    pub robot_delay: u32,
    /// Most requests a second
    #[arg(long, value_name = "REQUESTS")]
    pub per_second: Option<u32>,
    /// Most requests a day
    #[arg(long, value_name = "REQUESTS")]
    pub per_day: Option<u32>,
    /// How much later a written value is found by search
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    pub search_lag: u32,
    /// Seed of faults and played salespeople
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Keep database and config here; else a folder that is removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    /// Keep running at the end, for a look at the sandbox's page and the database
    #[arg(long)]
    pub stay: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Walks all commands, the innermost too.
    fn leaves(command: &clap::Command, found: &mut Vec<clap::Command>) {
        if command.has_subcommands() {
            for inner in command.get_subcommands() {
                leaves(inner, found);
            }
        } else {
            found.push(command.clone());
        }
    }

    #[test]
    fn every_command_has_an_example_and_says_what_it_does() {
        Cli::command().debug_assert();
        let mut found = Vec::new();
        leaves(&Cli::command(), &mut found);
        assert!(found.len() >= 15, "{}", found.len());
        for command in found {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Example:\n  leadloop"), "{} has no example", command.get_name());
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }
}
