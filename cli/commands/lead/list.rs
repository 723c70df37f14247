//! `leadloop lead list`: leads of the pool, newest first, on the screen or in a file.

use leadloop_config::plan::Plan;
use leadloop_mapping::expr::{Expr, ExprProblem};
use leadloop_store::read::pages::LeadAsk;
use leadloop_store::{FoundLeads, Store, Wanted};
use leadloop_sync_core::facts;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::export;
use crate::args::General;
use crate::args::lead::LeadList;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, pools, reveal, when, words};

/// Leads on the screen, where nobody says how many.
const SHOWN: u32 = 50;

/// Prints or writes leads.
///
/// # Errors
/// Where config or store cannot be read, a stage is not known, or the condition cannot be read.
pub async fn run(screen: &mut Screen, general: &General, args: &LeadList) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let which = Which::of(&plan, args)?;
    if let Some(file) = &args.export {
        return export::run(screen, &plan, &which, args, file).await;
    }
    let store = plan::reading(&plan).await?;
    let found = which.page(&store, &plan, None, args.limit.unwrap_or(SHOWN)).await;
    store.close().await;
    let found = found?;
    let ids: Vec<LeadId> = found.leads.iter().map(|lead| lead.id).collect();
    let privacy = reveal::privacy(&plan, args.reveal, "reveal", &ids, &which.words).await?;
    show(screen, &plan, &found, privacy)
}

/// Which leads are asked for.
pub struct Which {
    ask: LeadAsk,
    filter: Option<Expr>,
    now: Timestamp,
    /// What was asked for, as it was typed.
    pub words: String,
}

impl Which {
    /// From the command line.
    ///
    /// # Errors
    /// Where a stage is not known or the condition cannot be read.
    fn of(plan: &Plan, args: &LeadList) -> Result<Self, Failure> {
        let filter = args.filter.as_deref().map(|text| filter(plan, text)).transpose()?;
        let ask = LeadAsk {
            stage: args.stage.as_deref().map(stage_named).transpose()?,
            source: args.source.clone(),
            channel: args.channel.clone(),
            owner: args.owner.clone(),
            pools: pools::of(plan, &args.pools)?,
            text: args.text.clone(),
            after: None,
            limit: 0,
        };
        let flags = [
            ("--where", &args.filter),
            ("--stage", &args.stage),
            ("--source", &args.source),
            ("--channel", &args.channel),
            ("--owner", &args.owner),
            ("--text", &args.text),
        ];
        let given =
            flags.iter().filter_map(|(flag, value)| value.as_ref().map(|value| format!(" {flag} {value}")));
        let named = args.pools.names.iter().map(|pool| format!(" --pool {pool}"));
        let admin = args.pools.admin.iter().map(|person| format!(" --admin {person}"));
        let words = format!("lead list{}", given.chain(named).chain(admin).collect::<String>());
        Ok(Self { ask, filter, now: when::now(), words })
    }

    /// A page of them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn page(
        &self,
        store: &Store,
        plan: &Plan,
        after: Option<LeadId>,
        limit: u32,
    ) -> Result<FoundLeads, Failure> {
        let ask = LeadAsk { after, limit, ..self.ask.clone() };
        let Some(filter) = &self.filter else {
            let leads = store.leads(&ask).await?;
            let looked_at = u64::try_from(leads.len()).unwrap_or(u64::MAX);
            return Ok(FoundLeads { more: looked_at >= u64::from(limit), looked_at, leads });
        };
        let wanted = Wanted { ask: &ask, filter, policy: &plan.policy, now: self.now };
        Ok(Box::pin(store.leads_where(wanted)).await?)
    }
}

/// The condition that somebody typed.
fn filter(plan: &Plan, text: &str) -> Result<Expr, Failure> {
    Expr::filter(text, &facts::filter_schema(&plan.policy)).map_err(|problems| unreadable(text, &problems))
}

/// Every problem under its place.
pub(crate) fn unreadable(text: &str, problems: &[ExprProblem]) -> Failure {
    let draw = |language: fn(&ExprProblem) -> (&str, Option<&str>)| {
        let mut drawn = String::new();
        for problem in problems {
            let (message, help) = language(problem);
            let before = text.get(..problem.range.start).unwrap_or_default();
            let marked = text.get(problem.range.clone()).unwrap_or_default();
            let help = help.map_or_else(String::new, |help| format!("; {help}"));
            let (gap, marks) = (" ".repeat(before.width()), "^".repeat(marked.width().max(1)));
            drawn.push_str(&format!(
                "\n  {}\n  {gap}{marks} {message}{help}",
                text.replace(['\n', '\t'], " ")
            ));
        }
        drawn
    };
    let en = draw(|problem| (&problem.message.en, problem.help.as_ref().map(|help| help.en.as_str())));
    let zh = draw(|problem| (&problem.message.zh, problem.help.as_ref().map(|help| help.zh.as_str())));
    Failure::input(format!("the condition cannot be used:{en}"), format!("条件无法使用：{zh}")).code("LL4401")
}

fn show(screen: &Screen, plan: &Plan, found: &FoundLeads, privacy: Privacy) -> Result<(), Failure> {
    let leads = &found.leads;
    if screen.is_json() {
        let list: Vec<Value> = leads.iter().map(|lead| to_json(lead, privacy)).collect();
        return Ok(screen.json(&json!({ "leads": list, "more": found.more }))?);
    }
    if leads.is_empty() {
        return Ok(screen.line(screen.words("no such leads", "没有符合条件的线索"))?);
    }
    let mut table = Rows::new(&[
        screen.words("lead", "线索"),
        screen.words("name", "姓名"),
        screen.words("company", "公司"),
        screen.words("stage", "阶段"),
        screen.words("channel", "渠道"),
        screen.words("owner", "负责人"),
        screen.words("#touches", "#互动"),
        screen.words("last touch", "最近互动"),
    ]);
    for lead in leads {
        table.push(vec![
            lead.id.to_string(),
            privacy.text("name", lead.text("name").unwrap_or("")),
            lead.text("company").unwrap_or("").to_owned(),
            words::stage(lead.stage, screen.language()).to_owned(),
            lead.origin.channel.clone(),
            lead.owner.as_ref().map_or_else(String::new, words::owner),
            lead.touches.to_string(),
            when::clock(lead.last_touch_at, &plan.policy.zone),
        ]);
    }
    screen.table(&table)?;
    if found.more {
        let note = screen.words(
            "there may be more: raise --limit, narrow down with --where, or write all with --export FILE.csv",
            "可能还有更多：可调大 --limit、用 --where 缩小范围，或用 --export 文件.csv 全部导出",
        );
        screen.line(&screen.paint(Style::Note, note))?;
    }
    Ok(())
}

fn stage_named(name: &str) -> Result<Stage, Failure> {
    Stage::parse(name).ok_or_else(|| {
        let known = Stage::ALL.map(Stage::as_str).join(", ");
        Failure::unknown(format!("there is no stage `{name}`"), format!("没有阶段 `{name}`"))
            .help(format!("one of: {known}"), format!("可选：{known}"))
    })
}

/// A lead in lists.
pub fn to_json(lead: &Lead, privacy: Privacy) -> Value {
    json!({
        "id": lead.id.to_string(),
        "name": lead.text("name").map(|name| privacy.text("name", name)),
        "company": lead.text("company"),
        "pool": lead.pool,
        "stage": lead.stage.as_str(),
        "stage_since": lead.stage_since.to_string(),
        "mql": lead.mql,
        "mql_of": lead.mql_of,
        "channel": lead.origin.channel,
        "source": lead.origin.source,
        "campaign": lead.origin.campaign,
        "owner": lead.owner.as_ref().map(words::owner),
        "feedback": lead.feedback,
        "touches": lead.touches,
        "last_touch_at": lead.last_touch_at.to_string(),
    })
}
