//! One decision: the rules that were tried, what each saw, who was considered.

use leadloop_mapping::Value;
use leadloop_sync_core::because::word;
use leadloop_sync_core::handoff::{Action, Considered, DecisionRecord, Tried};

use super::story::Page;
use crate::failure::Failure;
use crate::screen::{Rows, Style, one_line};
use crate::{when, words};

/// Prints a decision.
///
/// # Errors
/// Where the output cannot be written.
pub fn print(page: &Page<'_>, record: &DecisionRecord) -> Result<(), Failure> {
    let screen = page.screen;
    let head = screen.words("Decision", "决策");
    screen.head(&format!(
        "{head} {}: {}",
        when::clock(record.at, page.zone()),
        outcome(page, &record.action)
    ))?;
    let mut table = Rows::new(&["", "", ""]).indent(2);
    for tried in &record.tried {
        let (mark, style) = match (tried.held, Some(&tried.rule) == record.rule.as_ref()) {
            (true, true) => ("✓", Style::Good),
            (true, false) => ("✓", Style::Note),
            (false, _) => ("✗", Style::Note),
        };
        table.push_marked(style, vec![mark.to_owned(), tried.rule.clone(), saw(page, tried)]);
    }
    screen.table(&table)?;
    if let Some(line) = company(page, record) {
        screen.line(&format!("  {line}"))?;
    }
    if !record.considered.is_empty() {
        let names: Vec<String> = record.considered.iter().map(|one| considered(page, one)).collect();
        screen.line(&format!("  {} {}", screen.words("considered:", "考虑过："), names.join(", ")))?;
    }
    let ages: Vec<String> =
        record.mirror_age.iter().map(|(object, age)| format!("{object} {age} s")).collect();
    if !ages.is_empty() {
        let text = screen.words("the CRM as mirrored, age:", "CRM 镜像数据的新旧：");
        screen.line(&screen.paint(Style::Note, &format!("  {text} {}", ages.join(", "))))?;
    }
    Ok(())
}

/// Which company the decision saw in the CRM, and why it counted as the lead's.
fn company(page: &Page<'_>, record: &DecisionRecord) -> Option<String> {
    let (screen, company) = (page.screen, record.facts.pointer("/crm/company")?);
    let yes = |name: &str| company.get(name).and_then(serde_json::Value::as_bool).unwrap_or(false);
    let text = |name: &str| company.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let head = match (yes("found"), yes("maybe")) {
        (true, _) => screen.words("company with sales:", "公司已在销售手中："),
        (_, true) => screen.words("company only similar:", "公司仅疑似："),
        _ => return None,
    };
    let by = company.get("by")?.as_array()?.iter().filter_map(serde_json::Value::as_str);
    let by: Vec<&str> = by.map(|code| word(code, screen.language())).collect();
    let named = [text("name"), text("id")].join(" ");
    Some(format!("{head} {} ({})", named.trim(), by.join(", ")))
}

fn saw(page: &Page<'_>, tried: &Tried) -> String {
    let one = |(name, value): &(String, Value)| {
        let field = name.rsplit('.').next().unwrap_or(name);
        let shown = match value {
            Value::Null => page.screen.words("nothing", "无").to_owned(),
            Value::Text(user) if name.ends_with(".owner.user") || name.ends_with(".owner.person") => {
                page.person(user)
            }
            value => page.privacy.field(field, value),
        };
        format!("{name} = {shown}")
    };
    tried.saw.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn considered(page: &Page<'_>, one: &Considered) -> String {
    let screen = page.screen;
    let outcome = match one.outcome.as_str() {
        "taken" => screen.words("taken", "选中"),
        "on_leave" => screen.words("on leave", "休假"),
        "left" => screen.words("left", "已离职"),
        "cap_per_day" => screen.words("has today's share", "已达当日上限"),
        "open_at_most" => screen.words("has enough open", "在跟已满"),
        "cool_down" => screen.words("had it before", "冷却期内"),
        "not_their_turn" => screen.words("not their turn", "未轮到"),
        "same_company" => screen.words("takes the company's other leads", "同公司线索"),
        "same_owner" => screen.words("keeps it", "保持原负责人"),
        "named" => screen.words("named by the rule", "规则指定"),
        "owner_of_person" => screen.words("follows this person", "该联系人负责人"),
        "owner_of_company" => screen.words("follows this company", "该公司负责人"),
        other => other,
    };
    format!("{} ({outcome})", page.person(&one.person))
}

fn outcome(page: &Page<'_>, action: &Action) -> String {
    let screen = page.screen;
    let owner = |owner: &Option<leadloop_sync_core::lead::Owner>| {
        owner.as_ref().map(|owner| page.person(&words::owner(owner)))
    };
    match action {
        Action::Create { object, owner: to, account } => {
            let to = owner(to).unwrap_or_else(|| screen.words("public pool", "公海").to_owned());
            let under = account.as_ref().map(|account| format!(" ({} {})", account.object, account.id));
            format!("{} {object} → {to}{}", screen.words("new", "新建"), under.unwrap_or_default())
        }
        Action::Update { remote, owner: to, release } => {
            let pool = || release.then(|| screen.words("public pool", "公海").to_owned());
            let to = owner(to).or_else(pool).map(|to| format!(" → {to}"));
            let name = screen.words("update", "更新");
            format!("{name} {} {}{}", remote.object, remote.id, to.unwrap_or_default())
        }
        Action::Hold { team, until } => {
            let until = when::clock(*until, page.zone());
            let team = team.clone().unwrap_or_default();
            format!("{} {until} {team}", screen.words("hold until", "等待至")).trim_end().to_owned()
        }
        Action::Decline { reason } => {
            format!("{}: {}", screen.words("no hand-over", "不转出"), one_line(reason))
        }
    }
}
