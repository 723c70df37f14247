//! `leadloop source`: which sources live, what they bring, what of it is refused.

mod canary;
mod fields;

use leadloop_config::plan::{Plan, SourcePlan};
use leadloop_server::{shapes, vigil};
use leadloop_store::Store;
use leadloop_store::read::sources::{Refusals, Span};
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::vigil::{Brought, Watched, Wrong, judge};
use serde_json::{Value, json};

use crate::args::General;
use crate::args::source::Source;
use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, when};

/// How far back refusals are told.
const REFUSED_FOR: Micros = Micros::days(7);

/// Lists sources, or shows one.
///
/// # Errors
/// Where config or store cannot be used, or there is no such source.
pub async fn run(screen: &mut Screen, general: &General, command: &Source) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    match command {
        Source::List => list(screen, &plan).await,
        Source::Show { name } => {
            let source = named(&plan, name)?;
            show(screen, &plan, &source.name, &source.connector).await
        }
        Source::Canary { name, url } => canary::run(screen, &plan, named(&plan, name)?, url.as_deref()).await,
    }
}

fn named<'p>(plan: &'p Plan, name: &str) -> Result<&'p SourcePlan, Failure> {
    plan.source(name).ok_or_else(|| {
        Failure::unknown(
            format!("there is no source `{name}`; `leadloop source list` shows those there are"),
            format!("没有来源 `{name}`；`leadloop source list` 列出已有来源"),
        )
    })
}

async fn list(screen: &mut Screen, plan: &Plan) -> Result<(), Failure> {
    let now = when::now();
    let store = plan::reading(plan).await?;
    let names: Vec<SourceName> = plan.sources.iter().map(|source| source.name.clone()).collect();
    let watched = vigil::watched(&store, &names, now).await?;
    store.close().await;
    if screen.is_json() {
        let list: Vec<Value> = plan
            .sources
            .iter()
            .zip(&watched)
            .map(|(source, watched)| {
                json!({
                    "source": source.name, "connector": source.connector, "last": watched.last.map(|at| at.to_string()),
                    "day": told(&watched.day), "same_day_last_week": told(&watched.before), "wrong": wrong_json(watched),
                })
            })
            .collect();
        return Ok(screen.json(&json!({ "sources": list }))?);
    }
    let mut table = Rows::new(&[
        screen.words("source", "来源"),
        screen.words("connector", "连接器"),
        screen.words("last heard", "最近"),
        screen.words("#last day", "#近一天"),
        screen.words("#a week ago", "#上周同日"),
        screen.words("#refused", "#拒收"),
        "",
    ]);
    for (source, watched) in plan.sources.iter().zip(&watched) {
        table.push(vec![
            source.name.to_string(),
            source.connector.clone(),
            watched.last.map_or_else(|| "–".to_owned(), |at| when::ago(at, now, screen.language())),
            watched.day.taken.to_string(),
            watched.before.taken.to_string(),
            watched.day.refused.to_string(),
            judge(watched).map(|wrong| said(screen, &wrong, now)).unwrap_or_default(),
        ]);
    }
    Ok(screen.table(&table)?)
}

async fn show(screen: &mut Screen, plan: &Plan, name: &SourceName, connector: &str) -> Result<(), Failure> {
    let now = when::now();
    let store = plan::reading(plan).await?;
    let watched = vigil::watched(&store, std::slice::from_ref(name), now).await?.pop().unwrap_or_default();
    let hours = this_hour(&store, name, now).await?;
    let refused = store.source_refusals(name, now - REFUSED_FOR).await?;
    let held = shapes::held(&store, name, now).await?;
    store.close().await;
    if screen.is_json() {
        let refused: Vec<Value> = refused
            .iter()
            .map(|one| json!({ "what": one.what, "code": one.code, "count": one.count, "last": one.last.to_string() }))
            .collect();
        return Ok(screen.json(&json!({
            "source": name, "connector": connector, "last": watched.last.map(|at| at.to_string()),
            "day": told(&watched.day), "same_day_last_week": told(&watched.before),
            "last_hour": hours.first().map(told), "same_hour_of_weeks_before": hours.iter().skip(1).map(told).collect::<Vec<_>>(),
            "refused": refused, "wrong": wrong_json(&watched), "fields": fields::json(&held),
        }))?);
    }
    let last = watched.last.map_or_else(
        || screen.words("never heard", "尚无数据").to_owned(),
        |at| when::ago(at, now, screen.language()),
    );
    screen.line(&format!("{}  {connector}  {last}", screen.paint(Style::Head, name.as_str())))?;
    if let Some(wrong) = judge(&watched) {
        screen.line(&screen.paint(Style::Bad, &format!("  {}", said(screen, &wrong, now))))?;
    }
    volumes(screen, &watched, &hours)?;
    fields::show(screen, &held)?;
    refusals(screen, &refused, now)
}

/// The last hour, then the same hour of each of the weeks before.
async fn this_hour(store: &Store, name: &SourceName, now: Timestamp) -> Result<Vec<Brought>, Failure> {
    use leadloop_sync_core::vigil::WEEKS;
    let spans: Vec<Span> = (0..=WEEKS)
        .map(|week| now - Micros::days(7 * week))
        .map(|ends| Span { source: name.clone(), begins: ends - Micros::hours(1), ends })
        .collect();
    Ok(store.source_spans(&spans).await?)
}

fn volumes(screen: &Screen, watched: &Watched, hours: &[Brought]) -> Result<(), Failure> {
    screen.head(screen.words("What it brings", "数据量"))?;
    let mut table = Rows::new(&[
        "",
        screen.words("#pushes", "#推送"),
        screen.words("#taken", "#接收"),
        screen.words("#refused", "#拒收"),
    ])
    .indent(2);
    let mut row = |what: String, brought: &Brought| {
        table.push(vec![
            what,
            brought.pushes.to_string(),
            brought.taken.to_string(),
            brought.refused.to_string(),
        ]);
    };
    row(screen.words("last day", "近一天").to_owned(), &watched.day);
    row(screen.words("the same a week ago", "上周同日").to_owned(), &watched.before);
    for (week, hour) in hours.iter().enumerate() {
        let what = match (week, screen.words("en", "zh")) {
            (0, "en") => "last hour".to_owned(),
            (0, _) => "近一小时".to_owned(),
            (week, "en") => format!("the same hour {week} weeks ago"),
            (week, _) => format!("{week} 周前同一时段"),
        };
        row(what, hour);
    }
    Ok(screen.table(&table)?)
}

fn refusals(screen: &Screen, refused: &[Refusals], now: Timestamp) -> Result<(), Failure> {
    screen.head(screen.words("Refused within a week", "一周内拒收"))?;
    if refused.is_empty() {
        return Ok(screen.line(screen.words("  nothing", "  无"))?);
    }
    let mut table = Rows::new(&[
        screen.words("code", "代码"),
        screen.words("#how many", "#数量"),
        screen.words("what", "内容"),
        screen.words("last", "最近"),
    ])
    .indent(2);
    for one in refused {
        let what = match one.what.as_str() {
            "push" => screen.words("unreadable pushes", "无法读取的推送"),
            _ => screen.words("records in quarantine", "隔离的记录"),
        };
        table.push(vec![
            one.code.clone(),
            one.count.to_string(),
            what.to_owned(),
            when::ago(one.last, now, screen.language()),
        ]);
    }
    screen.table(&table)?;
    let next = screen.words(
        "`leadloop explain CODE` says what to do, `leadloop quarantine list` shows them",
        "`leadloop explain 代码` 说明如何处理，`leadloop quarantine list` 列出明细",
    );
    Ok(screen.line(&screen.paint(Style::Note, next))?)
}

fn said(screen: &Screen, wrong: &Wrong, now: Timestamp) -> String {
    match (wrong, screen.words("en", "zh")) {
        (Wrong::Silent { since, usual }, "en") => {
            format!("silent since {}, where {usual} are usual", when::ago(*since, now, screen.language()))
        }
        (Wrong::Silent { since, usual }, _) => {
            format!("{}起无数据，往常同时段 {usual} 条", when::ago(*since, now, screen.language()))
        }
        (Wrong::Refused { share, usual }, "en") => format!("{share} % refused, where {usual} % are usual"),
        (Wrong::Refused { share, usual }, _) => format!("拒收 {share}%，往常 {usual}%"),
    }
}

fn told(brought: &Brought) -> Value {
    json!({ "pushes": brought.pushes, "taken": brought.taken, "refused": brought.refused })
}

fn wrong_json(watched: &Watched) -> Value {
    match judge(watched) {
        None => Value::Null,
        Some(Wrong::Silent { since, usual }) => {
            json!({ "code": "LL4780", "since": since.to_string(), "usual": usual })
        }
        Some(Wrong::Refused { share, usual }) => {
            json!({ "code": "LL4781", "percent": share, "usual_percent": usual })
        }
    }
}
