//! The brief: what sales read, as plain lines, in the product's language.

use leadloop_mapping::Value;

use super::News;
use crate::because::Language;
use crate::case::{Case, short};
use crate::handoff::Handoff;
use crate::lead::{RemoteRef, Touch};
use crate::policy::ScoreModel;
use crate::score;

/// Most characters of a brief: what the narrowest CRM takes, with room to spare.
const MOST: usize = 3_500;
/// Most characters of one line.
const MOST_LINE: usize = 300;
/// Touches shown where the config names no number.
const TOUCHES: usize = 10;
/// Details of a touch that are shown.
const MOST_DETAILS: usize = 4;

/// The subject line.
pub(super) fn subject(case: &Case<'_>, news: News<'_>) -> String {
    let who = case.lead.text("name").or_else(|| case.lead.text("company")).unwrap_or_default();
    let text = match (case.policy.language, news) {
        (Language::Zh, News::Handover) => format!("市场线索：{who}"),
        (Language::En, News::Handover) => format!("Marketing lead: {who}"),
        (Language::Zh, News::Touch(touch)) => format!("新动态：{who} {}", touch_words(case, &touch.kind)),
        (Language::En, News::Touch(touch)) => {
            format!("New behaviour: {who} {}", touch_words(case, &touch.kind))
        }
        (Language::Zh, News::SameAs(_)) => format!("重复线索：{who}"),
        (Language::En, News::SameAs(_)) => format!("The same person: {who}"),
        (Language::Zh, News::Parted(_)) => format!("线索更正：{who}"),
        (Language::En, News::Parted(_)) => format!("Correction: {who}"),
    };
    short(text.trim(), 120)
}

/// The body.
pub(super) fn text(case: &Case<'_>, handoff: &Handoff, news: News<'_>) -> String {
    let mut lines = Vec::new();
    match news {
        News::Handover => {
            for part in &case.policy.handoff.brief {
                part_lines(case, handoff, part, &mut lines);
            }
        }
        News::Touch(touch) => lines.push(touch_line(case, touch)),
        News::SameAs(other) => lines.push(same_as(case, other)),
        News::Parted(fields) => parted(case, fields, &mut lines),
    }
    let lines: Vec<String> = lines.iter().map(|line| short(line, MOST_LINE)).collect();
    short(&lines.join("\n"), MOST)
}

/// That another record is about the same person.
fn same_as(case: &Case<'_>, other: Option<&RemoteRef>) -> String {
    let record = other.map(|other| format!("{} {}", other.object, other.id)).unwrap_or_default();
    match case.policy.language {
        Language::Zh => format!("此记录与 {record} 是同一人，请在后者继续跟进；本条转出已结束"),
        Language::En => {
            format!("This record and {record} are one person: go on there; this hand-over has ended")
        }
    }
}

/// That a person was two, and what was put right.
fn parted(case: &Case<'_>, fields: &[String], lines: &mut Vec<String>) {
    lines.push(say(
        case,
        "此前误将两个人的信息合并在一起，现已拆分；本记录只属于其中一人",
        "Two people had been taken for one and were parted; this record is about one of them only",
    ));
    if !fields.is_empty() {
        lines.push(format!(
            "{}{}",
            say(case, "已更正：", "Corrected: "),
            fields.join(say(case, "、", ", ").as_str())
        ));
    }
}

fn say(case: &Case<'_>, zh: &str, en: &str) -> String {
    match case.policy.language {
        Language::Zh => zh.to_owned(),
        Language::En => en.to_owned(),
    }
}

fn part_lines(case: &Case<'_>, handoff: &Handoff, part: &str, lines: &mut Vec<String>) {
    match part {
        "requirement" => {
            if let Some(text) = case.lead.text("requirement") {
                lines.push(format!("{}{text}", say(case, "需求：", "Requirement: ")));
            }
        }
        "remarks" => {
            for field in ["remark", "remarks", "sdr_remark"] {
                if let Some(text) = case.lead.text(field) {
                    lines.push(format!("{}{text}", say(case, "备注：", "Remark: ")));
                }
            }
        }
        "tags" => {
            if !case.lead.tags.is_empty() {
                let tags: Vec<&str> = case.lead.tags.iter().map(String::as_str).collect();
                lines.push(format!(
                    "{}{}",
                    say(case, "标签：", "Tags: "),
                    tags.join(say(case, "、", ", ").as_str())
                ));
            }
        }
        "scores" => {
            let scores: Vec<String> = scores(case)
                .iter()
                .map(|(model, points)| format!("{model} {}", points.to_display()))
                .collect();
            if !scores.is_empty() {
                lines.push(format!("{}{}", say(case, "得分：", "Scores: "), scores.join(", ")));
            }
        }
        "why" => why(case, handoff, lines),
        other => {
            let number = other.split(' ').find_map(|word| word.parse().ok());
            if other.contains("touch") {
                touches(case, number.unwrap_or(TOUCHES), lines);
            }
        }
    }
}

/// The rule, how often it came back before, where it came from.
fn why(case: &Case<'_>, handoff: &Handoff, lines: &mut Vec<String>) {
    let channel = case.lead.origin.channel.as_str();
    lines.push(format!("{}{channel}", say(case, "首次来源：", "First channel: ")));
    if let Some(rule) = &handoff.rule {
        lines.push(format!("{}{rule}", say(case, "转出依据：", "Handed over by the rule: ")));
    }
    if case.lead.recycled > 0 {
        let times = case.lead.recycled;
        lines.push(match case.policy.language {
            Language::Zh => format!("此前退回 {times} 次，最近反馈：{}", last_feedback(case)),
            Language::En if times == 1 => {
                format!("Returned once before, last answer: {}", last_feedback(case))
            }
            Language::En => format!("Returned {times} times before, last answer: {}", last_feedback(case)),
        });
    }
}

fn last_feedback(case: &Case<'_>) -> String {
    let Some(tag) = &case.lead.feedback else { return "-".to_owned() };
    let rule = case.policy.feedback.get(tag);
    rule.map_or_else(|| tag.clone(), |rule| say(case, &rule.label.0, &rule.label.1))
}

fn touches(case: &Case<'_>, most: usize, lines: &mut Vec<String>) {
    let person = |id| case.book.resolve(id).map_or(id, |lead| lead.id);
    let of_person = case.book.touches.iter().filter(|(id, _)| person(**id) == case.lead.id);
    let mut latest: Vec<&Touch> = of_person.flat_map(|(_, touches)| touches).collect();
    if latest.is_empty() {
        return;
    }
    lines.push(say(case, "最近互动：", "Last touches:"));
    latest.sort_by_key(|touch| (std::cmp::Reverse(touch.at), touch.id));
    lines.extend(latest.into_iter().take(most).map(|touch| touch_line(case, touch)));
}

/// One touch: when, what, through which channel, with its telling details.
pub(super) fn touch_line(case: &Case<'_>, touch: &Touch) -> String {
    let at = touch.at.in_zone(&case.policy.zone).strftime("%Y-%m-%d %H:%M").to_string();
    let details: Vec<String> = touch
        .fields
        .iter()
        .filter(|(name, value)| !value.is_blank() && tells(name))
        .map(|(name, value)| format!("{name}={}", short(&value.to_display(), 40)))
        .take(MOST_DETAILS)
        .collect();
    let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
    format!("· {at} {} · {}{details}", touch_words(case, &touch.kind), touch.channel)
}

/// Whether a detail of a touch says what was done: who it is stands elsewhere, and consent is no news for sales.
fn tells(field: &str) -> bool {
    !matches!(field, "name" | "phone" | "email" | "company") && !field.starts_with("consent.")
}

/// What kinds of touches are called.
fn touch_words(case: &Case<'_>, kind: &str) -> String {
    const WORDS: [(&str, &str, &str); 14] = [
        ("form_submitted", "提交表单", "submitted a form"),
        ("content_downloaded", "下载资料", "downloaded content"),
        ("event_registered", "报名活动", "registered for an event"),
        ("event_signed_in", "活动签到", "signed in at an event"),
        ("live_registered", "预约直播", "registered for a live stream"),
        ("live_attended", "观看直播", "watched a live stream"),
        ("web_event", "访问网站", "visited the web site"),
        ("mail_opened", "打开邮件", "opened a mail"),
        ("mail_clicked", "点击邮件链接", "clicked in a mail"),
        ("call_answered", "接听电话", "took a call"),
        ("call_made", "来电咨询", "called"),
        ("chat_started", "在线咨询", "chatted"),
        ("wecom_added", "添加企业微信", "added us on WeCom"),
        ("list_imported", "名单导入", "came with a list"),
    ];
    let known = WORDS.iter().find(|(code, ..)| *code == kind);
    known.map_or_else(|| kind.to_owned(), |(_, zh, en)| say(case, zh, en))
}

/// Points of each score model now.
pub(super) fn scores(case: &Case<'_>) -> Vec<(String, Value)> {
    let points = score::all(case.lead, case.policy, case.moment.now);
    let of = |model: &ScoreModel| Some((model.name.clone(), Value::Int(*points.get(&model.name)?)));
    case.policy.scores.iter().filter_map(of).collect()
}
