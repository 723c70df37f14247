//! `leadloop lead erase`, `lead readmit`: a person's right to be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_server::orders::Order;
use leadloop_server::people;
use leadloop_store::erase::Erasure;
use leadloop_store::read::story::Story;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::ids::LeadId;
use serde_json::{Value, json};

use super::who;
use crate::args::General;
use crate::args::lead::{LeadErase, LeadReadmit};
use crate::commands::why::ask;
use crate::failure::Failure;
use crate::orders::Desk;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, question, reveal};

/// Shows what is held of a person and forgets it.
///
/// # Errors
/// Where nobody fits, the store fails, or something about the person is being sent right now.
pub async fn erase(screen: &mut Screen, general: &General, args: &LeadErase) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let asked = args.who.join(" ");
    let store = plan::reading(&plan).await?;
    let found = who::one(&store, &plan, &asked).await?;
    let story = store.story(found.lead.id, 1).await?;
    let Some(story) = story else {
        return Err(crate::commands::why::nobody(&asked).code("LL4406"));
    };
    let leads: BTreeSet<LeadId> =
        std::iter::once(story.lead.id).chain(story.merged.iter().map(|lead| lead.id)).collect();
    let held = store.held(&leads).await?;
    let pushes = store.pushes_of(&leads).await?;
    store.close().await;
    let shared = pushes.iter().filter(|(_, shared)| *shared).count();
    let records: Vec<String> = story
        .lead
        .remotes
        .iter()
        .map(|remote| format!("{} {} {}", remote.link, remote.object, remote.id))
        .collect();
    let plan_of = Held { story: &story, held: &held, own: pushes.len() - shared, shared, records: &records };
    if !screen.is_json() {
        plan_of.print(screen)?;
    } else if !args.yes {
        return Ok(screen.json(&plan_of.to_json())?);
    }
    if !args.yes {
        let sure = screen.words("forget this person for ever?", "永久删除此人的数据？");
        if !screen.is_attended() {
            screen.aside(screen.words("nothing was done; --yes does it", "未执行；加 --yes 执行"));
            return Ok(());
        }
        if !question::confirmed(screen, sure)? {
            return Ok(());
        }
    }
    let order = people::Order::Erase { lead: story.lead.id, who: reveal::who(), reason: args.reason.clone() };
    let desk = Desk::open(&plan).await?;
    let done = desk.carry_out(Order::People(order)).await;
    desk.close().await?;
    let Some(erasure) = done?.erasure else { return Ok(()) };
    receipt(screen, &erasure)
}

/// What is held of a person.
struct Held<'a> {
    story: &'a Story,
    held: &'a BTreeMap<String, i64>,
    own: usize,
    shared: usize,
    records: &'a [String],
}

impl Held<'_> {
    fn to_json(&self) -> Value {
        json!({
            "lead": self.story.lead.id.to_string(), "held": self.held, "pushes": self.own,
            "shared_pushes": self.shared, "records": self.records, "done": false,
        })
    }

    fn print(&self, screen: &Screen) -> Result<(), Failure> {
        let lead = &self.story.lead;
        let name = Privacy::masked().text("name", lead.text("name").unwrap_or("-"));
        screen.line(&screen.paint(Style::Head, &format!("{name}  {}", lead.id)))?;
        let mut table = Rows::new(&[
            screen.words("what", "内容"),
            screen.words("#held", "#数量"),
            screen.words("what becomes of it", "处理方式"),
        ]);
        let pushes = [("push", self.own), ("shared", self.shared)];
        let pushes = pushes.map(|(kind, count)| (kind, i64::try_from(count).unwrap_or(i64::MAX)));
        let held = self.held.iter().map(|(kind, count)| (kind.as_str(), *count));
        for (kind, count) in held.chain(pushes).filter(|(_, count)| *count > 0) {
            let (what, fate) = kind_words(screen, kind);
            table.push(vec![what.to_owned(), count.to_string(), fate.to_owned()]);
        }
        for record in self.records {
            let fate = screen.words("emptied through the outbox", "经投递队列清空个人字段");
            table.push(vec![record.clone(), "1".to_owned(), fate.to_owned()]);
        }
        screen.table(&table)?;
        let by_hand = screen.words(
            "by hand: backups and files that were imported; they are not leadloop's to change",
            "需人工处理：备份与导入过的文件，leadloop 不会改动它们",
        );
        Ok(screen.line(&screen.paint(Style::Note, by_hand))?)
    }
}

fn receipt(screen: &Screen, erasure: &Erasure) -> Result<(), Failure> {
    if screen.is_json() {
        return Ok(screen.json(&json!({ "done": true, "erasure": erasure }))?);
    }
    screen.head(&format!("{} {}", screen.words("Receipt", "回执"), erasure.id))?;
    let mut table = Rows::new(&["", "#"]).indent(2);
    for (kind, count) in erasure.gone.iter().filter(|(_, count)| **count > 0) {
        table.push(vec![kind_words(screen, kind).0.to_owned(), count.to_string()]);
    }
    screen.table(&table)?;
    for (link, delivery) in &erasure.told {
        let words = screen.words("is told by delivery", "将由投递告知");
        screen.line(&format!("  {link} {words} {delivery}"))?;
    }
    let marks: u64 = erasure.marks.values().sum();
    let words = screen.words(
        "identifiers are not taken in again; `leadloop lead readmit` lifts that",
        "个标识不会再被接收；`leadloop lead readmit` 可解除",
    );
    Ok(screen.line(&format!("  {marks} {words}"))?)
}

/// What a kind of row is called, and what becomes of it.
fn kind_words<'s>(screen: &'s Screen, kind: &'s str) -> (&'s str, &'s str) {
    let gone = ("deleted", "删除");
    let (en, zh, (fate_en, fate_zh)) = match kind {
        "lead" => (
            "leads",
            "线索",
            ("a skeleton stays: source, stage, owner, amount", "保留骨架：来源、阶段、负责人、金额"),
        ),
        "identifier" => (
            "identifiers",
            "标识",
            (
                "deleted; a keyed hash stays, so that they are not taken in again",
                "删除；保留带密钥的散列，避免再次导入",
            ),
        ),
        "touch" => ("touches", "互动", gone),
        "capture" => ("captures", "采集记录", gone),
        "waiting" => ("captures that wait", "待处理采集", gone),
        "handoff" => (
            "hand-overs",
            "转出",
            ("a skeleton stays: state, rule, owner, times", "保留骨架：状态、规则、负责人、时间"),
        ),
        "decision" => ("decisions", "决策", gone),
        "feedback" => {
            ("answers of sales", "销售反馈", ("the tag stays, the remark goes", "保留标签，删除备注"))
        }
        "deadline" => ("deadlines", "到期任务", gone),
        "delivery" => ("deliveries", "投递", gone),
        "attempt" => ("attempts of deliveries", "投递尝试", gone),
        "link" => ("links to records", "记录关联", gone),
        "reason" => ("reasons", "原因记录", gone),
        "suspect" => ("suspects", "疑似同一人", gone),
        "company_pair" => (
            "doubtful pairs of companies it raised",
            "由其引出的疑似公司",
            ("the pair stays, the lead is forgotten", "保留公司对，删除线索关联"),
        ),
        "mirror" => ("mirrored records", "CRM 镜像", gone),
        "visit" => ("counted visits", "访问计数", gone),
        "quarantine" => ("records in quarantine", "隔离记录", gone),
        "push" => ("raw pushes", "原始推送", ("emptied", "清空")),
        "shared" => (
            "raw pushes with other people in them",
            "含他人数据的原始推送",
            ("go with their retention of 30 days", "按 30 天保留期删除"),
        ),
        other => (other, other, gone),
    };
    (screen.words(en, zh), screen.words(fate_en, fate_zh))
}

/// Lets a person who was erased be taken in again.
///
/// # Errors
/// Where the value is neither phone nor address, or the store fails.
pub async fn readmit(screen: &mut Screen, general: &General, args: &LeadReadmit) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let identifiers: Vec<Identifier> = ask::question(&args.value, &plan.policy).identifiers;
    if identifiers.is_empty() {
        return Err(Failure::input(
            format!("`{}` is neither a phone nor a mail address", args.value),
            format!("`{}` 不是电话或邮箱", args.value),
        )
        .code("LL4406"));
    }
    let desk = Desk::open(&plan).await?;
    let order = people::Order::Readmit { identifiers, who: reveal::who() };
    let done = desk.carry_out(Order::People(order)).await;
    desk.close().await?;
    let changed = done?.changed;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "readmitted": changed }))?);
    }
    Ok(screen.line(if changed > 0 {
        screen.words("they may be taken in again", "已解除，可再次接收")
    } else {
        screen.words("they are not on the list of the erased", "不在已删除名单中")
    })?)
}
