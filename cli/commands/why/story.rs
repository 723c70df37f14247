//! The story of a lead as one readable screen: who, where it stands, the clocks, what happened, why, what comes next.

use jiff::tz::TimeZone;
use leadloop_config::plan::Plan;
use leadloop_store::read::story::{Story, ToldDelivery};
use leadloop_sync_core::because::Reason;
use leadloop_sync_core::handoff::{Clocks, Handoff};
use leadloop_sync_core::lead::Touch;
use leadloop_sync_core::outbox::{DeliveryState, Purpose};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::Timestamp;

use super::decision;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style, one_line};
use crate::{when, words};

/// Most characters of a value in a line.
const SHOWN: usize = 60;

/// What reasons call somebody of sales.
const PERSONS: [&str; 4] = ["owner", "person", "to", "user"];

/// What the parts of the screen share.
pub struct Page<'p> {
    /// Where it is printed.
    pub screen: &'p Screen,
    /// Labels of tags, zone.
    pub policy: &'p Policy,
    /// What may be seen.
    pub privacy: Privacy,
    /// The time it is.
    pub now: Timestamp,
}

impl Page<'_> {
    /// The zone of all times.
    pub fn zone(&self) -> &TimeZone {
        &self.policy.zone
    }

    /// The label of a feedback tag.
    fn tag(&self, tag: &str) -> String {
        let Some(rule) = self.policy.feedback.get(tag) else { return tag.to_owned() };
        format!("{} ({tag})", self.screen.words(&rule.label.1, &rule.label.0))
    }

    /// The name of a salesperson.
    pub fn person(&self, key: &str) -> String {
        let by_user = || {
            let mut known = self.policy.people.values();
            known.find(|person| person.crm_user.values().any(|user| user == key))
        };
        match self.policy.people.get(key).or_else(by_user) {
            Some(person) if person.name != key => format!("{} ({key})", person.name),
            _ => key.to_owned(),
        }
    }

    /// A reason in words: people by name, times on the wall.
    pub fn reason(&self, reason: &Reason) -> String {
        reason.say_as(self.screen.language(), |name, value| {
            if PERSONS.contains(&name) {
                let named = self.person(value);
                return (named != value).then_some(named);
            }
            let at: jiff::Timestamp = value.ends_with('Z').then(|| value.parse().ok())??;
            Some(when::clock(at.into(), self.zone()))
        })
    }
}

/// Prints the story.
///
/// # Errors
/// Where the output cannot be written.
pub fn print(screen: &Screen, plan: &Plan, story: &Story, privacy: Privacy) -> Result<(), Failure> {
    let page = Page { screen, policy: &plan.policy, privacy, now: when::now() };
    who(&page, story)?;
    for handoff in &story.handoffs {
        handover(&page, story, handoff)?;
    }
    scores(&page, story)?;
    timeline(&page, story)?;
    for record in &story.decisions {
        decision::print(&page, record)?;
    }
    deliveries(&page, story)?;
    answers(&page, story)?;
    reasons(&page, story)?;
    next(&page, story)
}

fn who(page: &Page<'_>, story: &Story) -> Result<(), Failure> {
    let (screen, lead, privacy) = (page.screen, &story.lead, page.privacy);
    let name = privacy.text("name", lead.text("name").unwrap_or("?"));
    let head = [Some(name), lead.text("company").map(one_line), lead.text("title").map(one_line)];
    let head: Vec<String> = head.into_iter().flatten().collect();
    screen.line(&format!("{}   {}", screen.paint(Style::Head, &head.join(" · ")), lead.id))?;
    let mut table = Rows::new(&["", ""]).indent(2);
    let mut row = |en: &str, zh: &str, text: String| {
        if !text.is_empty() {
            table.push(vec![screen.words(en, zh).to_owned(), text]);
        }
    };
    let since = when::clock(lead.stage_since, page.zone());
    let mut stands =
        format!("{}, {} {since}", words::stage(lead.stage, screen.language()), screen.words("since", "自"));
    if let Some(owner) = &lead.owner {
        stands.push_str(screen.words(", owner ", "，负责人 "));
        stands.push_str(&page.person(&words::owner(owner)));
    }
    row("stands", "现状", stands);
    let who: Vec<String> = lead.identifiers.iter().map(|one| privacy.identifier(one)).collect();
    row("identifiers", "标识", who.join(", "));
    let origin = &lead.origin;
    let campaign = origin.campaign.clone().unwrap_or_default();
    let from = format!("{} · {} {campaign}", origin.source, origin.channel);
    row("came from", "来源", format!("{} ({})", from.trim(), when::clock(origin.at, page.zone())));
    let allowed: Vec<String> = lead
        .consent
        .iter()
        .map(|(purpose, consent)| {
            let word = if consent.given {
                screen.words("given", "同意")
            } else {
                screen.words("refused", "不同意")
            };
            format!("{purpose} {word} ({}, {})", consent.source, when::clock(consent.at, page.zone()))
        })
        .collect();
    row("consent", "授权", allowed.join(", "));
    let remotes: Vec<String> = lead
        .remotes
        .iter()
        .map(|remote| format!("{} {} {}", remote.link, remote.object, remote.id))
        .collect();
    row("records", "外部记录", remotes.join(", "));
    let merged: Vec<String> = story.merged.iter().map(|lead| lead.id.to_string()).collect();
    row("merged from", "合并自", merged.join(", "));
    row("requirement", "需求", lead.text("requirement").map(shortened).unwrap_or_default());
    row("tags", "标签", lead.tags.iter().cloned().collect::<Vec<_>>().join(", "));
    row("track", "培育路径", lead.track.clone().unwrap_or_default());
    Ok(screen.table(&table)?)
}

fn shortened(text: &str) -> String {
    let mut short: String = one_line(text).chars().take(SHOWN).collect();
    if text.chars().count() > SHOWN {
        short.push('…');
    }
    short
}

/// One hand-over with its clocks; the slowest is named.
fn handover(page: &Page<'_>, story: &Story, handoff: &Handoff) -> Result<(), Failure> {
    let screen = page.screen;
    let state = words::handoff(handoff.state, screen.language());
    let name = screen.words("Hand-over", "转出");
    screen.head(&format!("{name} {}: {state}", handoff.id))?;
    let mut table = Rows::new(&["", ""]).indent(2);
    let mut row = |en: &str, zh: &str, text: String| {
        if !text.is_empty() {
            table.push(vec![screen.words(en, zh).to_owned(), text]);
        }
    };
    row("rule", "规则", handoff.rule.clone().unwrap_or_default());
    let owner = handoff.owner.as_ref().map(|owner| page.person(&words::owner(owner)));
    row("owner", "负责人", owner.unwrap_or_else(|| screen.words("public pool", "公海").to_owned()));
    let record =
        handoff.remote.as_ref().map(|remote| format!("{} {} {}", remote.link, remote.object, remote.id));
    row("CRM record", "CRM 记录", record.unwrap_or_default());
    row("clocks", "四个时钟", clocks(page, &handoff.clocks));
    let answer = handoff.feedback.as_ref().map(|tag| {
        let remark = handoff.remark.as_deref().map(|remark| format!(" “{}”", shortened(remark)));
        format!("{}{}", page.tag(tag), remark.unwrap_or_default())
    });
    row("answer", "反馈", answer.unwrap_or_default());
    if handoff.clocks.answered.is_none()
        && let Some(due) = handoff.due
    {
        let text =
            format!("{} ({})", when::clock(due, page.zone()), when::ago(due, page.now, screen.language()));
        row("answer due", "应答期限", text);
    }
    if let Some((code, detail)) = &handoff.parked {
        row("needs a person", "待人工", format!("{code} {}", one_line(detail)));
    }
    // A clock of somebody who owes no answer any more runs out without a sound.
    let sounds =
        |deadline: &&leadloop_sync_core::effect::Deadline| deadline.kind != "sla" || handoff.state.is_open();
    let waiting = story.deadlines.iter().filter(sounds).find(|deadline| deadline.handoff == Some(handoff.id));
    row("then", "之后", waiting.map(|deadline| coming(page, deadline)).unwrap_or_default());
    Ok(screen.table(&table)?)
}

/// Noticed, decided, delivered, answered: each counted from the one before.
pub fn spans(clocks: &Clocks) -> [(&'static str, &'static str, Option<i64>); 4] {
    let between = |from: Option<Timestamp>, to: Option<Timestamp>| Some((to? - from?).0.max(0));
    [
        ("noticed", "发现", between(clocks.happened, clocks.noticed)),
        ("decided", "决策", between(clocks.noticed, clocks.decided)),
        ("delivered", "投递", between(clocks.decided, clocks.delivered)),
        ("answered", "应答", between(clocks.delivered, clocks.answered)),
    ]
}

fn clocks(page: &Page<'_>, clocks: &Clocks) -> String {
    let screen = page.screen;
    let spans = spans(clocks);
    let slowest = spans.iter().filter_map(|(_, _, span)| *span).max().filter(|most| *most > 0);
    let mut marked = false;
    let parts: Vec<String> = spans
        .iter()
        .map(|(en, zh, span)| {
            let name = screen.words(en, zh);
            let Some(micros) = span else { return format!("{name} –") };
            let length = when::length(leadloop_sync_core::time::Micros(*micros), screen.language());
            if slowest == Some(*micros) && !marked {
                marked = true;
                let slowest = screen.paint(Style::Warn, screen.words("(slowest)", "（最慢）"));
                return format!("{name} {length} {slowest}");
            }
            format!("{name} {length}")
        })
        .collect();
    parts.join(" → ")
}

fn scores(page: &Page<'_>, story: &Story) -> Result<(), Failure> {
    let screen = page.screen;
    if story.lead.scores.is_empty() {
        return Ok(());
    }
    screen.head(screen.words("Scores", "得分"))?;
    let mut table = Rows::new(&["", "#", "", ""]).indent(2);
    for model in &page.policy.scores {
        let Some(state) = story.lead.scores.get(&model.name) else { continue };
        let mut by_kind: std::collections::BTreeMap<&str, i64> = std::collections::BTreeMap::new();
        for touch in &story.touches {
            if let Some(points) = touch.points.get(&model.name).filter(|points| **points != 0) {
                *by_kind.entry(touch.kind.as_str()).or_default() += points;
            }
        }
        let mut parts: Vec<String> =
            by_kind.iter().map(|(kind, micro)| format!("{kind} +{}", micro / 1_000_000)).collect();
        if state.attributes != 0 {
            parts.insert(0, format!("{} {:+}", screen.words("profile", "属性"), state.attributes));
        }
        let total = super::json::score(model, state, page.now);
        let faded = model.half_life.map(|life| {
            format!("{} {}", screen.words("halves in", "半衰期"), when::length(life, screen.language()))
        });
        table.push(vec![model.name.clone(), total.to_string(), parts.join(", "), faded.unwrap_or_default()]);
    }
    screen.table(&table)?;
    let definition = match (story.lead.mql, story.lead.mql_at) {
        (true, Some(at)) => {
            format!("{} {}", screen.words("MQL since", "MQL，自"), when::clock(at, page.zone()))
        }
        (false, Some(at)) => format!(
            "{} {}",
            screen.words("no MQL any more; was one since", "不再是 MQL；曾于"),
            when::clock(at, page.zone())
        ),
        _ => screen.words("not an MQL", "尚非 MQL").to_owned(),
    };
    Ok(screen.line(&format!("  {definition}"))?)
}

fn timeline(page: &Page<'_>, story: &Story) -> Result<(), Failure> {
    let screen = page.screen;
    let total = story.touches_total;
    let shown = story.touches.len();
    let head = screen.words("What happened", "互动时间线");
    let of = if i64::try_from(shown).unwrap_or(0) < total {
        format!(" ({shown} / {total})")
    } else {
        String::new()
    };
    screen.head(&format!("{head}{of}"))?;
    let mut table = Rows::new(&["", "", "", ""]).indent(2);
    for touch in story.touches.iter().rev() {
        table.push(vec![
            when::clock(touch.at, page.zone()),
            touch.kind.clone(),
            format!("{} · {}", touch.source, touch.channel),
            said(page, touch),
        ]);
    }
    Ok(screen.table(&table)?)
}

/// What a touch said, in a few words.
fn said(page: &Page<'_>, touch: &Touch) -> String {
    let mut parts: Vec<String> = touch
        .points
        .iter()
        .filter(|(_, micro)| **micro != 0)
        .map(|(model, micro)| format!("{model} {:+}", micro / 1_000_000))
        .collect();
    for (name, value) in touch.fields.iter().take(6) {
        parts.push(format!("{name}={}", shortened(&page.privacy.field(name, value))));
    }
    parts.join("  ")
}

fn deliveries(page: &Page<'_>, story: &Story) -> Result<(), Failure> {
    let screen = page.screen;
    if story.deliveries.is_empty() {
        return Ok(());
    }
    screen.head(screen.words("Said to other systems", "对外投递"))?;
    let mut table = Rows::new(&["", "", "", "", ""]).indent(2);
    for told in &story.deliveries {
        let delivery = &told.delivery;
        let what = words::purpose(delivery.purpose, screen.language());
        table.push(vec![
            when::clock(delivery.created_at, page.zone()),
            format!("{} → {}", what, delivery.link),
            words::operation(&delivery.operation),
            state_of(page, told),
            attempts(page, told),
        ]);
    }
    Ok(screen.table(&table)?)
}

fn state_of(page: &Page<'_>, told: &ToldDelivery) -> String {
    let screen = page.screen;
    match &told.delivery.state {
        DeliveryState::Settled => screen.words("done", "完成").to_owned(),
        DeliveryState::Claimed { .. } => screen.words("under way", "进行中").to_owned(),
        DeliveryState::Parked { code, .. } => format!("{} {code}", screen.words("needs a person", "待人工")),
        DeliveryState::Due if told.delivery.purpose == Purpose::Poll => String::new(),
        DeliveryState::Due => {
            let due = when::ago(told.delivery.due_at, page.now, screen.language());
            format!("{} {due}", screen.words("due", "待发"))
        }
    }
}

fn attempts(page: &Page<'_>, told: &ToldDelivery) -> String {
    let note = |note: &leadloop_sync_core::effect::AttemptNote| {
        let at = note.at.in_zone(page.zone()).strftime("%H:%M:%S").to_string();
        format!("{at} {}", shortened(&format!("{} {}", note.class, note.detail)))
    };
    let last = told.attempts.len().saturating_sub(3);
    let mut parts: Vec<String> = told.attempts.iter().skip(last).map(note).collect();
    if last > 0 {
        parts.insert(0, format!("… {last}"));
    }
    parts.join("; ")
}

fn answers(page: &Page<'_>, story: &Story) -> Result<(), Failure> {
    let screen = page.screen;
    if story.feedback.is_empty() {
        return Ok(());
    }
    screen.head(screen.words("What sales answered", "销售反馈"))?;
    let mut table = Rows::new(&["", "", "", ""]).indent(2);
    for answer in &story.feedback {
        let remark = answer.remark.as_deref().map(|remark| format!("“{}”", shortened(remark)));
        let at = answer.next_at.map(|at| format!(" ({})", when::clock(at, page.zone())));
        table.push(vec![
            when::clock(answer.at, page.zone()),
            page.tag(&answer.tag),
            remark.unwrap_or_default(),
            format!("→ {}{}", one_line(&answer.next), at.unwrap_or_default()),
        ]);
    }
    Ok(screen.table(&table)?)
}

fn reasons(page: &Page<'_>, story: &Story) -> Result<(), Failure> {
    let screen = page.screen;
    if story.reasons.iter().all(|kept| kept.reasons.is_empty()) {
        return Ok(());
    }
    screen.head(screen.words("Why", "原因"))?;
    let mut table = Rows::new(&["", "", ""]).indent(2);
    for kept in &story.reasons {
        for (at, reason) in kept.reasons.iter().enumerate() {
            let (time, verb) = if at == 0 {
                (when::clock(kept.at, page.zone()), kept.verb.clone())
            } else {
                Default::default()
            };
            table.push(vec![time, verb, one_line(&page.reason(reason))]);
        }
    }
    Ok(screen.table(&table)?)
}

fn coming(page: &Page<'_>, deadline: &leadloop_sync_core::effect::Deadline) -> String {
    let screen = page.screen;
    let what = match deadline.kind.as_str() {
        "wake" => screen.words("wakes from rest", "休眠结束"),
        "hold" => screen.words("the hold ends, the next rules are tried", "等待到期，继续后续规则"),
        "desk" => screen.words("the desk is reminded, or the lead goes on", "提醒 SDR，或直接转出"),
        "sla" => screen.words("sales are reminded, or it is escalated", "提醒或升级"),
        "chase" => screen.words("feedback is asked for", "催问反馈"),
        other => other,
    };
    format!("{} {what}", when::clock(deadline.at, page.zone()))
}

fn next(page: &Page<'_>, story: &Story) -> Result<(), Failure> {
    let screen = page.screen;
    let of_lead: Vec<_> = story.deadlines.iter().filter(|deadline| deadline.handoff.is_none()).collect();
    if of_lead.is_empty() && story.lead.rest_until.is_none() {
        return Ok(());
    }
    screen.head(screen.words("Next", "接下来"))?;
    for deadline in &of_lead {
        screen.line(&format!("  {}", coming(page, deadline)))?;
    }
    if let Some(until) = story.lead.rest_until.filter(|_| of_lead.is_empty()) {
        let text = screen.words("rests until", "休眠至");
        screen.line(&format!("  {text} {}", when::clock(until, page.zone())))?;
    }
    Ok(())
}
