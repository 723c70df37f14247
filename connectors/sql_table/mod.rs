//! A table or view of a database of others, by its rows: read as a source, written to as a CRM whose only object is `lead`.
//!
//! `dialect` holds what the three engines say differently, `catalogue` asks which columns there are, `cell` turns cells into
//! values and back. `page` reads by keyset, `leads` makes records of a source of the rows, `write` and `find` serve the CRM.
//! Statements are carried out by the shell; here they are only written.

mod catalogue;
mod cell;
mod dialect;
mod find;
mod leads;
mod page;
mod write;

use jiff::tz::TimeZone;
use leadloop_connector_api::answers::{Answers, odd};
use leadloop_connector_api::chain::{Next, chain};
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{Answer, Connector, Link, Refusal, Registered, Request, manifest};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

use catalogue::{Column, Table};
use dialect::{Dialect, Words};

use crate::reading;

/// The connector.
struct SqlTable;

inventory::submit! { Registered(&SqlTable) }

/// The one list of a source.
const ROWS: &str = "rows";
/// The one object of a CRM.
const LEAD: &str = "lead";
/// Most rows of a page.
const MOST_ROWS: i64 = 2_000;
/// Most bytes of an identifier: more than any engine takes.
const LONGEST_NAME: usize = 128;

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for SqlTable {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let mut problems: Vec<Problem> = reading::check_zone(settings).into_iter().collect();
        match (settings.secrets.contains_key("url"), settings.text("file")) {
            (true, Some(_)) => problems.push(
                Problem::new("file", ProblemKind::Contradiction, "`file` and `url` are both set")
                    .with_help("keep one of them: `file` for SQLite, `url` for the others")
                    .zh("同时设置了 `file` 和 `url`")
                    .zh_help("请只保留一个：SQLite 用 `file`，其他用 `url`"),
            ),
            (false, None) => problems.push(
                Problem::new("", ProblemKind::Missing, "neither `url` nor `file` says where the database is")
                    .with_help("add `url = { env = \"SHOP_DATABASE\" }`, or `file = \"shop.db\"` for SQLite")
                    .zh("`url` 与 `file` 均未设置，不知道数据库在哪里")
                    .zh_help("请添加 `url = { env = \"SHOP_DATABASE\" }`；SQLite 则写 `file = \"shop.db\"`"),
            ),
            _ => {}
        }
        for name in ["table", "id", "changed", "at", "kind"] {
            let named = settings.text(name);
            if named.is_some_and(|text| {
                text.trim().is_empty() || text.len() > LONGEST_NAME || text.contains('\0')
            }) {
                let said = format!("`{name}` is no name: it has 1 to {LONGEST_NAME} bytes");
                let zh = format!("`{name}` 不是有效名称：长度须为 1 到 {LONGEST_NAME} 字节");
                problems.push(Problem::new(name, ProblemKind::NotAllowed, said).zh(zh));
            }
        }
        let page = settings.values.get("page").and_then(Value::as_int).unwrap_or(1);
        if !(1..=MOST_ROWS).contains(&page) {
            let said = format!("`page` is {page}, not within 1…{MOST_ROWS}");
            let zh = format!("`page` 为 {page}，应在 1…{MOST_ROWS} 之间");
            problems.push(Problem::new("page", ProblemKind::NotAllowed, said).zh(zh));
        }
        if let Some(since) = settings.text("since") {
            if Timestamp::parse(since, &TimeZone::UTC).is_none() {
                let said = format!("{since:?} is no day and no time");
                problems.push(
                    Problem::new("since", ProblemKind::NotAllowed, said)
                        .with_help("write \"2026-11-01\" or \"2026-11-01 08:00\"")
                        .zh(format!("{since:?} 不是日期或时间"))
                        .zh_help("请写 \"2026-11-01\" 或 \"2026-11-01 08:00\""),
                );
            } else if settings.text("changed").is_none() {
                problems.push(
                    Problem::new("since", ProblemKind::Contradiction, "`since` needs `changed`")
                        .with_help("name the column with the time of the last change in `changed`, or take `since` out")
                        .zh("`since` 需要同时设置 `changed`")
                        .zh_help("请在 `changed` 中写最后修改时间所在列，或删除 `since`"),
                );
            }
        }
        problems
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let talk = Talk {
            answers: Answers::of(description(), link, moment.now),
            dialect: Dialect::of(link),
            zone: reading::zone(link),
            now: moment.now,
            link: link.clone(),
        };
        let first = match operations.first() {
            Some(Operation::Check) => talk.check(),
            Some(Operation::Changes { object, cursor }) if object == ROWS || object == LEAD => {
                talk.changes(object, cursor)
            }
            Some(Operation::Describe { object }) if object == LEAD => talk.describe(),
            Some(Operation::Find { object, by }) if object == LEAD => talk.find(by.clone()),
            Some(Operation::Create { object, record, mark }) if object == LEAD => {
                talk.create(record.clone(), mark.clone())
            }
            Some(Operation::Update { remote, record }) if remote.object == LEAD => {
                talk.update(remote.clone(), record.clone())
            }
            Some(
                operation @ (Operation::Changes { .. }
                | Operation::Describe { .. }
                | Operation::Find { .. }
                | Operation::Create { .. }
                | Operation::Update { .. }),
            ) => Next::end(crate::crm::unknown_object("a table", operation.object())),
            other => return Err(Refusal::NotSpoken(other.map_or("nothing", Operation::kind))),
        };
        Ok(chain(first))
    }
}

/// What every conversation with one table needs.
#[derive(Clone)]
struct Talk {
    answers: Answers,
    link: Link,
    dialect: Dialect,
    zone: TimeZone,
    now: Timestamp,
}

impl Talk {
    /// The names of a setting.
    fn setting(&self, name: &str) -> &str {
        self.link.text(name).unwrap_or_default()
    }

    /// Sends what was written and goes on with its rows, or ends with what the answer meant instead.
    fn ask(self, words: Words, then: impl FnOnce(Self, Answered) -> Next + Send + 'static) -> Next {
        let request = Request::sql(words.text, words.values, words.writes).repeatable();
        Next::ask(request, move |answer| match self.answered(answer) {
            Ok(answered) => then(self, answered),
            Err(outcome) => Next::end(outcome),
        })
    }

    fn answered(&self, answer: &Answer) -> Result<Answered, Outcome> {
        let json = self.answers.json(LEAD, answer)?;
        Answered::read(&json).ok_or_else(|| odd("the answer is not what a database's answer looks like"))
    }

    /// Asks for the columns and goes on, or ends where there is no such table.
    fn with_table(self, then: impl FnOnce(Self, Table) -> Next + Send + 'static) -> Next {
        let words = catalogue::question(self.dialect, self.setting("table"));
        self.ask(words, move |talk, answered| match Table::read(talk.dialect, &answered.rows) {
            None => Next::end(odd("the list of columns is not what it looks like")),
            Some(table) if table.columns.is_empty() => Next::end(refused(
                "no_table",
                format!("there is no table or view `{}` that we may see", talk.setting("table")),
            )),
            Some(table) => then(talk, table),
        })
    }

    /// The columns that a reading is about: the key, then all that are read.
    fn read_columns(&self, table: &Table) -> Result<Vec<Column>, Outcome> {
        let named: Vec<&str> = self.link.list("columns").collect();
        let mut columns: Vec<Column> = Vec::new();
        for name in named.iter().copied() {
            let column = table.column(name)?;
            if column.holds_bytes() {
                let said =
                    format!("the column `{name}` holds bytes, which are not read: take it out of `columns`");
                return Err(refused("bytes", said));
            }
            columns.push(column.clone());
        }
        if named.is_empty() {
            columns = table.columns.iter().filter(|column| !column.holds_bytes()).cloned().collect();
        }
        for name in ["id", "changed", "at", "kind"] {
            let Some(name) = self.link.text(name) else { continue };
            let column = table.column(name)?;
            if !columns.iter().any(|known| known.name == column.name) {
                columns.push(column.clone());
            }
        }
        columns.truncate(reading::MOST_FIELDS);
        Ok(columns)
    }

    /// Who we are there, and whether all that the settings name is there.
    fn check(self) -> Next {
        let words = Words::new(self.dialect, false).add(self.dialect.who());
        self.ask(words, |talk, answered| {
            let Some([user, version]) = answered.rows.first().map(Vec::as_slice) else {
                return Next::end(odd("the database does not say who we are"));
            };
            let (Some(user), Some(version)) = (user.as_str(), version.as_str()) else {
                return Next::end(odd("the database does not say who we are"));
            };
            let record = Record::new()
                .with("user", user)
                .with("product", talk.dialect.product(version))
                .with("version", reading::cut(version, 100));
            talk.with_table(move |talk, table| {
                Next::end(talk.checked(record, &table).unwrap_or_else(|no| no))
            })
        })
    }

    fn checked(&self, mut record: Record, table: &Table) -> Result<Outcome, Outcome> {
        self.read_columns(table)?;
        let key = self.link.text("changed").unwrap_or_else(|| self.setting("id"));
        if !table.is_view && !table.column(key)?.indexed {
            record.set("unindexed", key);
        }
        let skipped: Vec<&str> = table
            .columns
            .iter()
            .filter(|column| column.holds_bytes())
            .map(|column| column.name.as_str())
            .collect();
        if !skipped.is_empty() && self.link.list("columns").next().is_none() {
            record.set("skipped", skipped.join(", "));
        }
        Ok(Outcome::Done(Reply::Checked(record)))
    }

    fn describe(self) -> Next {
        self.with_table(|talk, table| {
            let described = table.described(LEAD, talk.setting("table"));
            Next::end(Outcome::Done(Reply::Described(Box::new(described))))
        })
    }
}

/// What a statement brought.
struct Answered {
    rows: Vec<Vec<Json>>,
    cut: bool,
    changed: u64,
}

impl Answered {
    fn read(json: &Json) -> Option<Self> {
        let width = json.get("columns")?.as_array()?.len();
        let rows = json.get("rows")?.as_array()?;
        let rows: Option<Vec<Vec<Json>>> = rows.iter().map(|row| row.as_array().cloned()).collect();
        let rows = rows.filter(|rows| rows.iter().all(|row| row.len() == width))?;
        let changed = json.get("changed")?;
        let changed = changed.as_u64().or_else(|| changed.as_str()?.parse().ok())?;
        Some(Self { rows, cut: json.get("cut")?.as_bool()?, changed })
    }
}

/// The database, or we in its place, say no for good.
fn refused(code: &str, detail: impl Into<String>) -> Outcome {
    Outcome::Rejected { field: None, code: code.to_owned(), detail: detail.into() }
}
