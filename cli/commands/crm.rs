//! `leadloop crm schema` (and `crm load`, in a file of its own): what each CRM last said its objects are like, what changed, what of the config that breaks, and how
//! many of the last 30 days' leads it would have kept from getting through.

mod load;

use std::collections::{BTreeMap, BTreeSet};

use leadloop_config::plan::Plan;
use leadloop_mapping::Value as FieldValue;
use leadloop_server::orders::Order;
use leadloop_store::Store;
use leadloop_sync_core::ids::{LeadId, LinkName};
use leadloop_sync_core::schema::{self, Break, Broken, Changed, Known, What};
use leadloop_sync_core::time::Micros;
use serde_json::{Value, json};

use crate::args::General;
use crate::args::crm::{Crm, Schema};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, when};

/// Writes of so long are held against the description, and changes of so long are shown.
const SHOWN: Micros = Micros::days(30);
/// Writes that are read at once.
const PAGE: u32 = 500;

/// Does what was asked.
///
/// # Errors
/// Where config or store cannot be used, or there is no such CRM.
pub async fn run(screen: &mut Screen, general: &General, command: Crm) -> Result<(), Failure> {
    match command {
        Crm::Schema(args) => show(screen, general, &args).await,
        Crm::Load(args) => load::run(screen, general, &args).await,
    }
}

/// One object, and what its description means for the config.
struct Object {
    name: String,
    known: Known,
    /// Leads that were written within the time shown.
    leads: usize,
    /// Of each thing that breaks, how many of them it concerns.
    failed: Vec<(Broken, usize)>,
}

async fn show(screen: &mut Screen, general: &General, args: &Schema) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let links: Vec<LinkName> = match args.crm.as_deref() {
        Some(name) => vec![super::map::which(&plan, Some(name))?],
        None => plan.policy.crms.keys().cloned().collect(),
    };
    if args.read {
        return read_now(screen, &plan, links).await;
    }
    let store = plan::reading(&plan).await?;
    let mut all = Vec::new();
    for link in links {
        let objects = objects(&store, &plan, &link, args.object.as_deref()).await?;
        all.push((link, objects));
    }
    store.close().await;
    if screen.is_json() {
        let list: Vec<Value> = all.iter().map(|(link, objects)| to_json(&plan, link, objects)).collect();
        return Ok(screen.json(&json!({ "crms": list }))?);
    }
    for (link, objects) in &all {
        screen.head(link.as_str())?;
        if !describes(&plan, link) {
            screen.line(screen.words(
                "  this connector does not describe the CRM's fields: nothing is watched; what it refuses waits in the outbox with its words",
                "  该连接器不提供字段描述，无法监视；被拒绝的写入连同 CRM 的说明留在待发队列",
            ))?;
            continue;
        }
        for object in objects {
            print(screen, &plan, object, args.fields)?;
        }
    }
    Ok(())
}

fn describes(plan: &Plan, link: &LinkName) -> bool {
    plan.policy.crms.get(link).is_some_and(|crm| !crm.described.is_empty())
}

async fn read_now(screen: &Screen, plan: &std::sync::Arc<Plan>, links: Vec<LinkName>) -> Result<(), Failure> {
    let desk = Desk::open(plan).await?;
    let mut count = 0;
    for link in links {
        match desk.carry_out(Order::Describe { link }).await {
            Ok(done) => count += done.changed,
            Err(failure) => {
                desk.close().await?;
                return Err(failure);
            }
        }
    }
    desk.close().await?;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "asked": count }))?);
    }
    let said = screen.words(
        "{n} descriptions are read by `leadloop run`; look in a moment",
        "{n} 份字段描述由 `leadloop run` 读取，请稍后查看",
    );
    Ok(screen.line(&said.replace("{n}", &count.to_string()))?)
}

async fn objects(
    store: &Store,
    plan: &Plan,
    link: &LinkName,
    only: Option<&str>,
) -> Result<Vec<Object>, Failure> {
    let mut keys = schema::keys(&plan.policy, link);
    keys.retain(|(object, _)| only.is_none_or(|only| only == object));
    if keys.is_empty() && only.is_some() && describes(plan, link) {
        let only = only.unwrap_or_default();
        let known: Vec<String> =
            schema::keys(&plan.policy, link).into_iter().map(|(object, _)| object).collect();
        let known = known.join(", ");
        return Err(Failure::unknown(
            format!("the description of `{only}` of `{link}` is not watched"),
            format!("未监视 `{link}` 的 `{only}`"),
        )
        .help(format!("there are: {known}"), format!("可选：{known}")));
    }
    let names: Vec<String> = keys.iter().map(|(_, key)| key.clone()).collect();
    let found = store.counters(&names).await?;
    let mut objects = Vec::new();
    for (name, key) in keys {
        let known = Known::read(found.get(&key));
        let (leads, failed) = concerned(store, link, &name, &known).await?;
        objects.push(Object { name, known, leads, failed });
    }
    Ok(objects)
}

/// How many leads were written lately, and how many of them each thing that breaks would have kept from getting through.
async fn concerned(
    store: &Store,
    link: &LinkName,
    object: &str,
    known: &Known,
) -> Result<(usize, Vec<(Broken, usize)>), Failure> {
    let mut leads: BTreeSet<LeadId> = BTreeSet::new();
    let mut failed: BTreeMap<&Broken, BTreeSet<LeadId>> =
        known.broken.iter().map(|broken| (broken, BTreeSet::new())).collect();
    let (since, mut after) = (when::now() - SHOWN, 0);
    // Where nothing breaks nobody would have been concerned.
    while !known.broken.is_empty() {
        let page = store.sent(link, object, since, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for sent in &page {
            leads.insert(sent.lead);
            for (broken, concerned) in &mut failed {
                if broken.concerns(known, &sent.record, sent.made) {
                    concerned.insert(sent.lead);
                }
            }
        }
    }
    Ok((leads.len(), failed.into_iter().map(|(broken, leads)| (broken.clone(), leads.len())).collect()))
}

fn print(screen: &Screen, plan: &Plan, object: &Object, fields: bool) -> Result<(), Failure> {
    let zone = &plan.policy.zone;
    let known = &object.known;
    let read = match known.at {
        Some(at) => screen
            .words("{n} fields, read {at}", "{n} 个字段，读取于 {at}")
            .replace("{n}", &known.fields.len().to_string())
            .replace("{at}", &when::clock(at, zone)),
        None => screen.words("not read yet", "尚未读取").to_owned(),
    };
    screen.line(&format!("\n  {}  {read}", object.name))?;
    if let Some(why) = &known.unseen {
        let said = screen.words("could not be read last: ", "上次未能读取：");
        screen.line(&screen.paint(Style::Bad, &format!("    {said}{why}")))?;
    }
    for (broken, count) in &object.failed {
        let said = screen
            .words("{n} of {all} leads of 30 days would have failed", "30 天内 {all} 条线索中 {n} 条会失败")
            .replace("{n}", &count.to_string())
            .replace("{all}", &object.leads.to_string());
        let text = format!(
            "    {} {}: {} ({}); {said}",
            broken.what.code(),
            if broken.field.is_empty() { &object.name } else { &broken.field },
            breaks(screen, broken),
            broken.by
        );
        screen.line(&screen.paint(Style::Bad, &text))?;
    }
    let from = when::now() - SHOWN;
    let lately: Vec<&Changed> = known.changes.iter().filter(|changed| changed.at >= from).collect();
    if !lately.is_empty() {
        let mut rows = Rows::new(&[
            screen.words("since", "发现于"),
            screen.words("field", "字段"),
            screen.words("what changed", "变化"),
        ])
        .indent(4);
        for changed in lately {
            rows.push(vec![
                when::clock(changed.at, zone),
                changed.field.clone(),
                what(screen, &changed.what),
            ]);
        }
        screen.table(&rows)?;
    } else if known.at.is_some() && object.failed.is_empty() {
        screen.line(
            screen.words("    nothing changed in 30 days, nothing breaks", "    30 天内无变化，配置不受影响"),
        )?;
    }
    if fields { list(screen, known) } else { Ok(()) }
}

fn list(screen: &Screen, known: &Known) -> Result<(), Failure> {
    let mut rows = Rows::new(&[
        screen.words("field", "字段"),
        screen.words("label", "名称"),
        screen.words("kind", "类型"),
        screen.words("#most", "#长度"),
        screen.words("needed", "必填"),
        screen.words("written", "可写"),
        screen.words("values", "取值"),
    ])
    .indent(4);
    let yes = |yes: bool| if yes { screen.words("yes", "是") } else { "" }.to_owned();
    for (name, field) in &known.fields {
        let schema = &field.schema;
        let values: Vec<String> = schema.options.iter().take(12).map(FieldValue::to_display).collect();
        let more = if schema.options.len() > 12 { " …" } else { "" };
        rows.push(vec![
            name.clone(),
            field.label.clone(),
            schema.kind.as_str().to_owned(),
            schema.max.map(|max| max.most.to_string()).unwrap_or_default(),
            yes(schema.required),
            yes(schema.writable),
            format!("{}{more}", values.join(", ")),
        ]);
    }
    Ok(screen.table(&rows)?)
}

fn breaks(screen: &Screen, broken: &Broken) -> String {
    let value = broken.value.as_deref().unwrap_or_default();
    match broken.what {
        Break::Gone => screen.words("is not there", "不存在").to_owned(),
        Break::ValueGone => screen.words("does not take `{v}`", "不接受取值 `{v}`").replace("{v}", value),
        Break::Required => {
            screen.words("is needed, and is not always filled", "为必填，但并非总有值").to_owned()
        }
        Break::Kind => screen.words("is of another kind now", "类型已变").to_owned(),
        Break::Shorter => screen.words("takes shorter texts now", "长度上限变短").to_owned(),
        Break::NotWritable => screen.words("may not be written", "不可写").to_owned(),
    }
}

fn what(screen: &Screen, what: &What) -> String {
    let length = |most: &Option<usize>| most.map_or_else(|| "–".to_owned(), |most| most.to_string());
    match what {
        What::New => screen.words("new", "新增").to_owned(),
        What::Gone => screen.words("gone", "消失").to_owned(),
        What::Renamed { to } => format!("{} {to}", screen.words("renamed to", "更名为")),
        What::Kind { from, to } => {
            format!("{} {} → {}", screen.words("kind", "类型"), from.as_str(), to.as_str())
        }
        What::Length { from, to } => {
            format!("{} {} → {}", screen.words("length", "长度"), length(from), length(to))
        }
        What::Required { now: true } => screen.words("needed for a new record", "新建时必填").to_owned(),
        What::Required { now: false } => screen.words("not needed any more", "不再必填").to_owned(),
        What::Writable { now: true } => screen.words("may be written again", "可写").to_owned(),
        What::Writable { now: false } => screen.words("may not be written any more", "不再可写").to_owned(),
        What::ValueNew { value } => format!("{} {value}", screen.words("new value", "新增取值")),
        What::ValueGone { value } => format!("{} {value}", screen.words("value gone", "取值消失")),
    }
}

fn to_json(plan: &Plan, link: &LinkName, objects: &[Object]) -> Value {
    let list: Vec<Value> = objects
        .iter()
        .map(|object| {
            let known = &object.known;
            let broken: Vec<Value> = object
                .failed
                .iter()
                .map(|(broken, failed)| {
                    json!({
                        "field": broken.field, "what": broken.what, "code": broken.what.code(), "by": broken.by,
                        "value": broken.value, "leads": object.leads, "leads_failed": failed,
                    })
                })
                .collect();
            let changes: Vec<Value> = known
                .changes
                .iter()
                .map(|changed| {
                    let mut told = serde_json::to_value(&changed.what).unwrap_or_default();
                    if let Some(told) = told.as_object_mut() {
                        told.insert("field".to_owned(), json!(changed.field));
                        told.insert("at".to_owned(), json!(changed.at.to_string()));
                    }
                    told
                })
                .collect();
            json!({
                "object": object.name, "read_at": known.at.map(|at| at.to_string()), "unseen": known.unseen,
                "fields": known.fields, "changes": changes, "broken": broken,
            })
        })
        .collect();
    json!({ "crm": link, "describes": describes(plan, link), "objects": list })
}
