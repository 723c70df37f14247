//! `leadloop company`: which names are one company. What the table and the names tell is decided by the core; what somebody
//! says is kept by the process that owns the store, and holds for later matches on every node.

use leadloop_config::plan::Plan;
use leadloop_server::companies;
use leadloop_server::orders::Order;
use leadloop_store::Store;
use leadloop_store::companies::{Pairs, StoredPair};
use leadloop_sync_core::because::word;
use leadloop_sync_core::book::Book;
use leadloop_sync_core::companies as known;
use leadloop_sync_core::enrich;
use leadloop_sync_core::matching::{self, Account, Subject};
use leadloop_sync_core::normal::company::{CompanyName, Tier, parse};
use leadloop_sync_core::policy::EnrichPolicy;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use crate::args::General;
use crate::args::company::{Company, CompanyPair};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, reveal, when};

/// Lists, shows, or judges.
///
/// # Errors
/// Where config or store cannot be used, or it is refused.
pub async fn run(screen: &mut Screen, general: &General, command: Company) -> Result<(), Failure> {
    match command {
        Company::List { limit } => list(screen, general, limit).await,
        Company::Show { name } => show(screen, general, &name.join(" ")).await,
        Company::Suspects { all, limit } => suspects(screen, general, all, limit).await,
        Company::Same(pair) => judge(screen, general, pair, true).await,
        Company::Apart(pair) => judge(screen, general, pair, false).await,
    }
}

async fn pairs(plan: &Plan, wanted: Pairs, limit: u32) -> Result<Vec<StoredPair>, Failure> {
    let store = plan::reading(plan).await?;
    let found = store.company_pairs(None, wanted, limit).await;
    store.close().await;
    Ok(found?)
}

async fn list(screen: &mut Screen, general: &General, limit: u32) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let judged = pairs(&plan, Pairs::Judged, limit).await?;
    let table = &plan.policy.companies;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    if screen.is_json() {
        let rows: Vec<Value> = table.rows().iter().take(most).map(|row| row_json(&plan, row)).collect();
        let judged: Vec<Value> = judged.iter().map(pair_json).collect();
        return Ok(screen.json(&json!({ "companies": rows, "judged": judged }))?);
    }
    if table.rows().is_empty() && judged.is_empty() {
        return Ok(screen.line(screen.words(
            "no table of companies is configured ([companies] table = …), and nobody judged a pair yet",
            "未配置公司表（[companies] table = …），也没有人工确认过的公司对",
        ))?);
    }
    if !table.rows().is_empty() {
        screen.head(screen.words("Table of companies", "公司表"))?;
        let mut rows = Rows::new(&[
            screen.words("name", "名称"),
            screen.words("also", "别名"),
            screen.words("credit code", "信用代码"),
            screen.words("domains", "域名"),
            screen.words("parent", "上级"),
        ]);
        for row in table.rows().iter().take(most) {
            let parent = row.parent.and_then(|parent| table.get(parent)).map(|parent| parent.name.clone());
            rows.push(vec![
                row.name.clone(),
                row.also.join(" | "),
                row.credit_code.clone().unwrap_or_default(),
                row.domains.join(" | "),
                parent.unwrap_or_default(),
            ]);
        }
        screen.table(&rows)?;
    }
    if !judged.is_empty() {
        screen.head(screen.words("Judged by hand", "人工确认"))?;
        print_pairs(screen, &plan, &judged)?;
    }
    Ok(())
}

fn row_json(plan: &Plan, row: &known::Company) -> Value {
    let parent = row.parent.and_then(|parent| plan.policy.companies.get(parent));
    json!({
        "name": row.name, "also": row.also, "credit_code": row.credit_code, "domains": row.domains,
        "parent": parent.map(|parent| &parent.name),
    })
}

fn pair_json(stored: &StoredPair) -> Value {
    let pair = &stored.pair;
    json!({
        "one": pair.one, "other": pair.other, "reason": pair.reason,
        "lead": pair.lead.map(|lead| lead.to_string()),
        "record": pair.remote.as_ref().map(leadloop_sync_core::feedback::crm_id),
        "at": pair.at.to_string(),
        "verdict": stored.verdict.as_ref().map(|verdict| json!({
            "same": verdict.same, "who": verdict.who, "at": verdict.at.to_string(),
        })),
    })
}

fn print_pairs(screen: &Screen, plan: &Plan, pairs: &[StoredPair]) -> Result<(), Failure> {
    let zone = &plan.policy.zone;
    let mut rows = Rows::new(&[
        screen.words("one", "其一"),
        screen.words("other", "其二"),
        screen.words("why in doubt", "存疑原因"),
        screen.words("noticed", "发现于"),
        screen.words("said", "结论"),
    ]);
    for stored in pairs {
        let pair = &stored.pair;
        let said = stored.verdict.as_ref().map_or_else(String::new, |verdict| {
            let what = if verdict.same {
                screen.words("one company", "同一家")
            } else {
                screen.words("two companies", "不同公司")
            };
            format!("{what}, {} {}", verdict.who, when::clock(verdict.at, zone))
        });
        rows.push(vec![
            pair.one.clone(),
            pair.other.clone(),
            word(&pair.reason, screen.language()).to_owned(),
            when::clock(pair.at, zone),
            said,
        ]);
    }
    Ok(screen.table(&rows)?)
}

async fn suspects(screen: &mut Screen, general: &General, all: bool, limit: u32) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let mut found = pairs(&plan, if all { Pairs::All } else { Pairs::Open }, limit + 1).await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > most;
    found.truncate(most);
    if screen.is_json() {
        let list: Vec<Value> = found.iter().map(pair_json).collect();
        return Ok(screen.json(&json!({ "suspects": list, "more": more }))?);
    }
    if found.is_empty() {
        return Ok(screen.line(screen.words("no pair of companies waits for a word", "没有待确认的公司对"))?);
    }
    print_pairs(screen, &plan, &found)?;
    let note = screen.words(
        "one company: `leadloop company same NAME NAME`; two: `leadloop company apart NAME NAME`. Neither is asked about again.",
        "同一家：`leadloop company same 名称 名称`；不同公司：`leadloop company apart 名称 名称`。之后不再询问。",
    );
    screen.line(&format!("\n{}", screen.paint(Style::Note, note)))?;
    if more {
        screen.line(screen.words("there are more: --limit", "还有更多：使用 --limit"))?;
    }
    Ok(())
}

async fn judge(screen: &mut Screen, general: &General, pair: CompanyPair, same: bool) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let CompanyPair { one, other } = pair;
    let desk = Desk::open(&plan).await?;
    let order = companies::Order { one: one.clone(), other: other.clone(), same, who: reveal::who() };
    let done = desk.carry_out(Order::Company(order)).await;
    desk.close().await?;
    let done = done?;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "one": one, "other": other, "same": same, "judged": done.changed }))?);
    }
    let (en, zh) = if same {
        (
            format!(
                "`{one}` and `{other}` are one company from now on; hand-overs that wait for it are decided anew"
            ),
            format!("“{one}”与“{other}”今后视为同一家公司；等待中的转出将重新判断"),
        )
    } else {
        (
            format!(
                "`{one}` and `{other}` are two companies from now on; hand-overs that wait for it are decided anew"
            ),
            format!("“{one}”与“{other}”今后视为两家公司；等待中的转出将重新判断"),
        )
    };
    Ok(screen.line(screen.words(&en, &zh))?)
}

/// What is known of a name.
struct Seen {
    name: CompanyName,
    book: Book,
    accounts: Vec<Account>,
    /// What each registry said of it.
    registries: Vec<(String, enrich::Known)>,
}

async fn look(plan: &Plan, store: &Store, asked: &str) -> Result<Seen, Failure> {
    let name = parse(asked).map_err(|problem| {
        Failure::input(
            format!("`{asked}` names no company: {problem}"),
            format!("`{asked}` 不是公司名称（{}）", problem.code()),
        )
        .code("LL4620")
        .help("write the name as a lead or the CRM has it", "请写线索或 CRM 中的公司名")
    })?;
    let subject = Subject { companies: [asked.to_owned()].into(), ..Subject::default() };
    let mut needs = matching::with_similar(matching::needs(&[subject], &plan.policy));
    needs.counters.extend(enrich::keys(&plan.policy, Some(asked), None));
    needs.judged.insert(known::key_of(&name));
    let book = store.look(&needs).await?;
    let accounts = match &plan.policy.handoff.link {
        Some(link) => matching::accounts(&book, &plan.policy, link, asked),
        None => Vec::new(),
    };
    let asked_for = |rule: &EnrichPolicy| {
        let key = enrich::key(&rule.link, Some(asked), None)?;
        Some((rule.link.to_string(), enrich::Known::of(&book, &key)))
    };
    let registries = plan.policy.enrich.iter().filter_map(asked_for).collect();
    Ok(Seen { name, book, accounts, registries })
}

async fn show(screen: &mut Screen, general: &General, asked: &str) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let seen = look(&plan, &store, asked).await;
    store.close().await;
    let seen = seen?;
    let (name, table) = (&seen.name, &plan.policy.companies);
    let row = table.by_name(name).and_then(|row| table.get(row));
    if screen.is_json() {
        let accounts: Vec<Value> = seen.accounts.iter().map(account_json).collect();
        let judged: Vec<Value> = seen.book.judged.values().map(|said| json!(said)).collect();
        return Ok(screen.json(&json!({
            "name": name, "table": row.map(|row| row_json(&plan, row)), "judged": judged, "accounts": accounts,
            "registries": seen.registries.iter().map(|(name, known)| registry_json(name, known)).collect::<Vec<_>>(),
        }))?);
    }
    screen.line(&screen.paint(Style::Head, &name.display))?;
    print_name(screen, name)?;
    if let Some(row) = row {
        screen.head(screen.words("In the table of companies", "公司表"))?;
        let parent = row.parent.and_then(|parent| table.get(parent)).map(|parent| parent.name.clone());
        let mut rows = Rows::new(&["", ""]).indent(2);
        let mut add = |label: &str, value: String| {
            if !value.is_empty() {
                rows.push(vec![label.to_owned(), value]);
            }
        };
        add(screen.words("name", "名称"), row.name.clone());
        add(screen.words("also", "别名"), row.also.join(" | "));
        add(screen.words("credit code", "信用代码"), row.credit_code.clone().unwrap_or_default());
        add(screen.words("domains", "域名"), row.domains.join(" | "));
        add(screen.words("parent", "上级"), parent.unwrap_or_default());
        screen.table(&rows)?;
    }
    if !seen.book.judged.is_empty() {
        screen.head(screen.words("Judged by hand", "人工确认"))?;
        for said in seen.book.judged.values() {
            let what = if said.same { "=" } else { "≠" };
            let at = when::clock(said.at, &plan.policy.zone);
            screen.line(&format!("  {} {what} {}  {} {at}", said.one, said.other, said.who))?;
        }
    }
    print_registries(screen, &plan, &seen.registries)?;
    screen.head(screen.words("Accounts in the CRM", "CRM 客户"))?;
    if seen.accounts.is_empty() {
        return Ok(screen.line(screen.words("  none that fits", "  没有匹配的客户"))?);
    }
    let mut rows = Rows::new(&["", "", "", "", ""]).indent(2);
    for account in &seen.accounts {
        let (mark, style) = if account.sure { ("✓", Style::Good) } else { ("?", Style::Warn) };
        rows.push_marked(
            style,
            vec![
                mark.to_owned(),
                account.name.clone(),
                account.remote.id.clone(),
                word(account.by, screen.language()).to_owned(),
                account.owner.clone().unwrap_or_default(),
            ],
        );
    }
    screen.table(&rows)?;
    let note =
        screen.words("✓ the same company; ? in doubt, a person decides", "✓ 同一家公司；? 存疑，由人确认");
    Ok(screen.line(&format!("\n{}", screen.paint(Style::Note, note)))?)
}

fn registry_json(name: &str, known: &enrich::Known) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "name": name, "found": known.found, "fields": known.fields.to_json(), "answered": time(known.answered),
        "kept_until": time(known.until), "asked": time(known.asked), "failed": known.failed,
    })
}

/// What registries said of it, and when.
fn print_registries(
    screen: &Screen,
    plan: &Plan,
    registries: &[(String, enrich::Known)],
) -> Result<(), Failure> {
    let clock = |at: Timestamp| when::clock(at, &plan.policy.zone);
    for (name, known) in registries {
        screen.head(&format!("{} {name}", screen.words("Registry", "企业数据")))?;
        let mut rows = Rows::new(&["", "", ""]).indent(2);
        let answered = known.answered.map(clock).unwrap_or_default();
        for (field, value) in known.fields.iter() {
            rows.push(vec![field.to_owned(), value.to_display(), format!("{name}, {answered}")]);
        }
        if !known.fields.is_empty() {
            screen.table(&rows)?;
        }
        let state = match (known.asked, known.until, known.failed.is_some()) {
            (Some(at), ..) => {
                let (en, zh) = (
                    format!("asked {}, no answer yet", clock(at)),
                    format!("{} 已查询，尚无答复", clock(at)),
                );
                screen.words(&en, &zh).to_owned()
            }
            (None, Some(at), true) => {
                let (en, zh) = (
                    format!("the last look-up failed; asked again after {}", clock(at)),
                    format!("上次查询失败；{} 之后再查", clock(at)),
                );
                screen.words(&en, &zh).to_owned()
            }
            (None, Some(at), false) if known.found => {
                let (en, zh) = (format!("kept until {}", clock(at)), format!("保留至 {}", clock(at)));
                screen.words(&en, &zh).to_owned()
            }
            (None, Some(at), false) => {
                let (en, zh) = (
                    format!("it knows no such company; asked again after {}", clock(at)),
                    format!("查无此企业；{} 之后再查", clock(at)),
                );
                screen.words(&en, &zh).to_owned()
            }
            (None, None, _) => screen.words("never asked", "从未查询").to_owned(),
        };
        screen.line(&format!("  {state}"))?;
    }
    Ok(())
}

fn account_json(account: &Account) -> Value {
    json!({
        "record": leadloop_sync_core::feedback::crm_id(&account.remote), "name": account.name, "by": account.by,
        "sure": account.sure, "owner": account.owner,
    })
}

/// How the name is read.
fn print_name(screen: &Screen, name: &CompanyName) -> Result<(), Failure> {
    let mut rows = Rows::new(&["", ""]).indent(2);
    let mut add = |label: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            rows.push(vec![label.to_owned(), value]);
        }
    };
    add(screen.words("core", "主体"), Some(name.key.clone()));
    add(screen.words("brand", "字号"), name.brand.clone());
    add(screen.words("place", "地区"), name.region.as_ref().map(ToString::to_string));
    add(screen.words("legal form", "组织形式"), name.legal_form.map(|form| form.code()));
    let tier = match name.tier {
        Tier::Plain => None,
        Tier::Group => Some(screen.words("group", "集团")),
        Tier::Holding => Some(screen.words("holding", "控股")),
    };
    add(screen.words("level", "层级"), tier.map(str::to_owned));
    add(screen.words("branch", "分支"), name.branch.clone());
    add(screen.words("second name", "另一名称"), name.alias.clone());
    Ok(screen.table(&rows)?)
}
