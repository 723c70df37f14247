//! `[[notify]]`: channels, what each sends to whom and in which words.

use std::collections::BTreeSet;

use jiff::civil::Time;
use leadloop_connector_api::manifest::SystemKind;
use leadloop_sync_core::because::Language;
use leadloop_sync_core::ids::{LinkName, PersonKey};
use leadloop_sync_core::notice::{
    Audience, Channel, Event, NoticePolicy, OPEN, Own, PERSONAL, ReportTime, Sending, TextError,
    Words as Texts,
};
use leadloop_sync_core::policy::Person;

use super::Context;
use super::get::Get;
use super::limits::{limits, reserve, retry};
use super::names::{NOTIFY, with_names};
use crate::plan::LinkPlan;
use crate::problem::{Problem, Span, Words};
use crate::text::{At, Table, Tree};

/// Days of the week, as `[report]` names them.
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

type People = std::collections::BTreeMap<PersonKey, Person>;

/// All channels.
pub fn notices(
    ctx: &mut Context<'_>,
    people: &People,
    language: Language,
    public_url: bool,
) -> (Vec<LinkPlan>, NoticePolicy) {
    ctx.unique("notify", "name");
    let tables = ctx.many("notify");
    let names: BTreeSet<String> =
        tables.iter().filter_map(|at| at.value.text("name").map(str::to_owned)).collect();
    let (mut plans, mut channels) = (Vec::new(), Vec::new());
    for at in &tables {
        let fallback = at.value.text_at("fallback");
        if let Some(fallback) = &fallback {
            ctx.defined(NOTIFY, fallback, &names);
        }
        let Some((connector, link)) = ctx.settings_of(at, SystemKind::Notify) else { continue };
        let Some(manifest) = ctx.registry.get(&connector).map(|connector| connector.manifest()) else {
            continue;
        };
        let Some(address) = manifest.notify.as_ref().map(|reach| reach.address.clone()) else { continue };
        let reserve = reserve(at);
        let (limits, concurrent) = limits(ctx, at, manifest);
        let sends = sends(ctx, &at.value, &address, public_url);
        without_address(ctx, at, &address, &sends, people);
        channels.push(Channel {
            link: link.name.clone(),
            words: words(ctx, &at.value, address == "group", language),
            address,
            sends,
            fallback: fallback.map(|fallback| LinkName::from(fallback.value)),
            repeatable: manifest.repeatable.iter().any(|op| op == "notify"),
            quiet: quiet(ctx, &at.value),
            retry: retry(ctx, &at.value),
        });
        let kind = SystemKind::Notify;
        plans.push(LinkPlan { name: link.name.clone(), connector, kind, link, limits, concurrent, reserve });
    }
    circles(ctx, &tables, &channels);
    let report = report(ctx);
    (plans, NoticePolicy { channels, linked: public_url, report })
}

fn sends(ctx: &mut Context<'_>, table: &Table, address: &str, public_url: bool) -> Vec<Sending> {
    let mut sends = Vec::new();
    for at in table.tables("send") {
        let on: BTreeSet<Event> = at.value.texts("on").iter().filter_map(|name| Event::parse(name)).collect();
        let Some(to) = audience(at.value) else { continue };
        let sending = Sending {
            on,
            to,
            link: at.value.flag("link").unwrap_or(false),
            digest: at.value.duration("digest"),
            at_once: at.value.flag("at_once").unwrap_or(false),
        };
        if let Some(problem) = misfit(&at, &sending, address, public_url) {
            ctx.problems.push(problem);
        }
        sends.push(sending);
    }
    sends
}

fn audience(table: &Table) -> Option<Audience> {
    let at = table.get("to")?;
    Some(match &at.value {
        Tree::List(_) => Audience::Addresses(table.texts("to")),
        Tree::Text(word) => match word.as_str() {
            "owner" => Audience::Owner,
            "manager" => Audience::Manager,
            "deputy" => Audience::Deputy,
            "sdr" => Audience::Sdr,
            "group" => Audience::Group,
            address => Audience::Addresses(vec![address.to_owned()]),
        },
        _ => return None,
    })
}

/// What a sending asks for that its channel cannot do, or must not.
fn misfit(at: &At<&Table>, sending: &Sending, address: &str, public_url: bool) -> Option<Problem> {
    let place = |key: &str| at.value.get(key).map_or_else(|| at.span.clone(), |value| value.span.clone());
    let group = sending.to == Audience::Group;
    let robot = address == "group";
    if robot != group && address != "key" {
        let (en, zh, label) = if robot {
            (
                "this channel reaches a group, not a person",
                "该渠道只能发到群，不能发给个人",
                ("write `to = \"group\"`", "请写 `to = \"group\"`"),
            )
        } else {
            (
                "this channel reaches people, not a group",
                "该渠道只能发给个人，不能发到群",
                ("name a role, or use a robot's connector", "请写角色，或改用群机器人连接器"),
            )
        };
        let problem = Problem::error(
            "LL2133",
            &place("to"),
            Words::new(en, zh),
            Words::new("nobody is there", "无法送达"),
        );
        return Some(problem.help(label.0, label.1));
    }
    if group && sending.link {
        return Some(
            Problem::error(
                "LL2134",
                &place("link"),
                Words::new("a group message carries no answer link", "群消息不能附带反馈链接"),
                Words::new("everybody in the group could answer", "群内任何人都能代为反馈"),
            )
            .help("take `link` out, or send to `owner`", "请删除 `link`，或发给 `owner`"),
        );
    }
    if sending.link && !public_url {
        return Some(
            Problem::error(
                "LL2135",
                &place("link"),
                Words::new("the answer page has no address", "反馈页没有可访问的地址"),
                Words::new("nobody knows how to reach it", "无法生成链接"),
            )
            .help(
                "add `public_url = \"https://…\"` to [server]",
                "请在 [server] 中添加 `public_url = \"https://…\"`",
            ),
        );
    }
    let alone = |event: &Event| matches!(event, Event::SystemAlarm | Event::WeeklyReport);
    let role = !matches!(sending.to, Audience::Group | Audience::Addresses(_));
    let alone = sending.on.iter().find(|event| role && alone(event))?;
    Some(
        Problem::error(
            "LL2136",
            &place("to"),
            Words::new(
                format!("`{}` is about no lead, so it has no such receiver", alone.as_str()),
                format!("`{}` 与具体线索无关，没有这样的接收人", alone.as_str()),
            ),
            Words::new("nobody", "没有人"),
        )
        .help("name addresses: `to = [\"it@example.com\"]`", "请写地址：`to = [\"it@example.com\"]`"),
    )
}

/// A channel by an address that nobody in the people table has.
fn without_address(ctx: &mut Context<'_>, at: &At<Table>, address: &str, sends: &[Sending], people: &People) {
    let roles = sends.iter().any(|send| !matches!(send.to, Audience::Group | Audience::Addresses(_)));
    if !roles || address == "key" || people.is_empty() {
        return;
    }
    let missing: Vec<&str> = people
        .values()
        .filter(|person| !person.addresses.contains_key(address))
        .map(|p| p.key.as_str())
        .collect();
    let covered = at.value.get("fallback").is_some() && missing.len() < people.len();
    if missing.is_empty() || covered {
        return;
    }
    let list = missing.iter().take(10).copied().collect::<Vec<_>>().join(", ");
    let span = at.value.get("name").map_or_else(|| at.span.clone(), |name| name.span.clone());
    ctx.problems.push(
        Problem::warning(
            "LL2137",
            &span,
            Words::new(
                format!("it cannot reach {list}: no `{address}` in the people table"),
                format!("无法送达 {list}：人员表中没有 `{address}`"),
            ),
            Words::new("they would hear nothing", "他们收不到通知"),
        )
        .help(
            format!("fill the column `{address}`, or name a `fallback` that reaches them"),
            format!("请填写 `{address}` 列，或设置能送达的 `fallback`"),
        ),
    );
}

/// Templates of a channel: the product's, and the config's in place of some.
fn words(ctx: &mut Context<'_>, table: &Table, group: bool, language: Language) -> Texts {
    let mut own: Vec<Own> = Vec::new();
    let texts = table.table("texts").map(|table| table.entries.clone()).unwrap_or_default();
    for (event, at) in texts {
        let Some(known) = Event::parse(&event.value) else {
            let said = Problem::error(
                "LL2132",
                &event.span,
                Words::new(
                    format!("there is no event `{}`", event.value),
                    format!("没有事件 `{}`", event.value),
                ),
                Words::new("no such event", "没有这个事件"),
            );
            let names = Event::ALL.iter().map(|event| event.as_str());
            ctx.problems.push(with_names(said, &event.value, names));
            continue;
        };
        let Tree::Table(parts) = &at.value else { continue };
        let mut part = |key: &str| {
            let text = parts.text_at(key)?;
            match Texts::check(text.value, group) {
                Ok(()) => Some(text.value.to_owned()),
                Err(error) => {
                    ctx.problems.push(bad_text(&text.span, &error));
                    None
                }
            }
        };
        let (title, text) = (part("title"), part("text"));
        own.push((known, group, title, text));
    }
    Texts::of(language, &own)
}

fn bad_text(span: &Span, error: &TextError) -> Problem {
    match error {
        TextError::Syntax(line, why) => {
            let line = line.map_or(String::new(), |line| format!(" (line {line})"));
            Problem::error(
                "LL2130",
                span,
                Words::new(format!("this is no template{line}: {why}"), format!("模板语法错误{line}：{why}")),
                Words::new("cannot be read", "无法解析"),
            )
            .help(
                "names stand in double braces: `{{ lead.company }}`",
                "变量写在双花括号中：`{{ lead.company }}`",
            )
        }
        TextError::Unknown(name) => {
            let said = Problem::error(
                "LL2131",
                span,
                Words::new(format!("a template knows no `{name}`"), format!("模板中没有 `{name}`")),
                Words::new("no such name", "没有这个名称"),
            );
            with_names(said, name, PERSONAL.into_iter())
        }
        TextError::Personal(name) => Problem::error(
            "LL2131",
            span,
            Words::new(
                format!("`{name}` must not stand in a group message"),
                format!("群消息中不能出现 `{name}`"),
            ),
            Words::new("tells who the lead is", "会暴露线索身份"),
        )
        .help(format!("a group may see: {}", OPEN.join(", ")), format!("群消息可用：{}", OPEN.join("、"))),
    }
}

/// `08:00`.
fn wall(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// `[report]`.
fn report(ctx: &mut Context<'_>) -> ReportTime {
    let mut time = ReportTime::default();
    let Some(table) = ctx.one("report").map(|at| at.value) else { return time };
    let day = table.text("on").and_then(|day| DAYS.iter().position(|known| *known == day));
    time.day = day.and_then(|day| i8::try_from(day).ok()).unwrap_or(time.day);
    if let Some(at) = table.text_at("at") {
        match wall(at.value) {
            Some(wall) => time.at = wall,
            None => ctx.problems.push(
                Problem::error(
                    "LL2170",
                    &at.span,
                    Words::new("this is no time of the day", "这不是一天中的时间"),
                    Words::new("cannot be read", "无法识别"),
                )
                .help("for example `at = \"08:00\"`", "例如 `at = \"08:00\"`"),
            ),
        }
    }
    time
}

/// The hours in which nobody is disturbed.
fn quiet(ctx: &mut Context<'_>, table: &Table) -> Option<(Time, Time)> {
    let at = table.text_at("quiet")?;
    let hours = at.value.split_once('-').and_then(|(from, to)| Some((wall(from)?, wall(to)?)));
    let hours = hours.filter(|(from, to)| from != to);
    if hours.is_none() {
        ctx.problems.push(
            Problem::error(
                "LL2138",
                &at.span,
                Words::new("quiet hours have a beginning and an end", "免打扰时段须有起止时间"),
                Words::new("not two times", "不是起止时间"),
            )
            .help("for example `quiet = \"21:00-08:00\"`", "例如 `quiet = \"21:00-08:00\"`"),
        );
    }
    hours
}

/// A channel that stands in for itself, in however many steps.
fn circles(ctx: &mut Context<'_>, tables: &[At<Table>], channels: &[Channel]) {
    let next = |name: &LinkName| {
        channels.iter().find(|channel| channel.link == *name).and_then(|channel| channel.fallback.clone())
    };
    for channel in channels {
        let mut at = channel.fallback.clone();
        let mut steps = 0;
        while let Some(name) = at.filter(|_| steps <= channels.len()) {
            if name == channel.link {
                let table = tables.iter().find(|at| at.value.text("name") == Some(name.as_str()));
                let Some(span) = table.and_then(|at| at.value.text_at("fallback")).map(|at| at.span) else {
                    break;
                };
                ctx.problems.push(
                    Problem::error(
                        "LL2139",
                        &span,
                        Words::new(
                            format!("`{name}` ends up standing in for itself"),
                            format!("`{name}` 最终成为自己的替代渠道"),
                        ),
                        Words::new("a circle", "形成循环"),
                    )
                    .help("name a channel that does not lead back", "请改为不会绕回来的渠道"),
                );
                break;
            }
            at = next(&name);
            steps += 1;
        }
    }
}
