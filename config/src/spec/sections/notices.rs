//! Telling our own people: channels, what each sends to whom, and in which words.

use super::super::Shape::{Bool, Choice, Duration, List, Map, Name, OneOf, Settings, Table, Text};
use super::super::{Key, Section, key, must};
use super::TEXTS;
use super::systems::{LIMITS, RETRY};

const EVENTS: &[&str] = &[
    "handed_over",
    "new_behaviour",
    "poster_registration",
    "overdue",
    "taken_back",
    "returned",
    "tag_missing",
    "at_desk",
    "overdue_digest",
    "system_alarm",
    "weekly_report",
];

const DAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const SENDING: &[Key] = &[
    must("on", List(&Choice(EVENTS)), "[\"handed_over\"]", "On which events.", "触发事件。"),
    must(
        "to",
        OneOf(&[Choice(&["owner", "manager", "deputy", "sdr", "group"]), TEXTS]),
        "\"owner\"",
        "Who is told: a role, `group` for a robot, or a list of addresses.",
        "通知对象：角色、群机器人写 `group`，或地址列表。",
    ),
    key("link", Bool, "true", "With the link to the answer page.", "附带反馈页链接。"),
    key(
        "digest",
        Duration,
        "\"4h\"",
        "Messages to one receiver are put together and sent so often.",
        "同一接收人的消息合并后按此间隔发送。",
    ),
    key("at_once", Bool, "true", "Waits for no quiet hours.", "不受免打扰时段限制。"),
];

const NOTICE_TEXT: &[Key] = &[
    key("title", Text, "\"{{ lead.company }}\"", "The title.", "标题。"),
    key("text", Text, "\"{{ brief }}\"", "The text.", "正文。"),
];

/// The sections of this part, in order.
pub(super) const PART: &[Section] = &[
    Section {
        name: "notify",
        many: true,
        doc: ("Telling people.", "通知。"),
        keys: &[
            must("name", Name, "\"wecom-sales\"", "Its name.", "名称。"),
            must("connector", Name, "\"wecom_app\"", "Its connector.", "连接器。"),
            key(
                "settings",
                Settings,
                "{ corp_id = \"ww01\" }",
                "The connector's own settings.",
                "连接器自己的设置。",
            ),
            must(
                "send",
                List(&Table(SENDING)),
                "[{ on = [\"handed_over\"], to = \"owner\", link = true }]",
                "What is sent to whom.",
                "发送内容与对象。",
            ),
            key(
                "fallback",
                Name,
                "\"mail\"",
                "The channel that stands in when this one fails, or does not reach somebody.",
                "发送失败或无法送达时的替代渠道。",
            ),
            key(
                "quiet",
                Text,
                "\"21:00-08:00\"",
                "Hours in which nobody is disturbed; messages wait for their end.",
                "免打扰时段，消息等到时段结束再发。",
            ),
            key(
                "texts",
                Map(&Table(NOTICE_TEXT)),
                "{ handed_over = { title = \"{{ lead.company }}\" } }",
                "Own templates (MiniJinja) in place of the product's, by event.",
                "按事件替换内置文案（MiniJinja 模板）。",
            ),
            key(
                "limits",
                Table(LIMITS),
                "{ per_minute = 10 }",
                "Limits, at most the vendor's.",
                "速率限制，不超过厂商上限。",
            ),
            key(
                "retry",
                Table(RETRY),
                "{ give_up = \"2h\" }",
                "How failed messages are retried.",
                "失败重试方式。",
            ),
        ],
    },
    Section {
        name: "report",
        many: false,
        doc: (
            "When the report of the week before is sent, to whom a channel sends `weekly_report`.",
            "周报的发送时间；收件人为各通知渠道中 `weekly_report` 的接收者。",
        ),
        keys: &[
            key("on", Choice(DAYS), "\"monday\"", "The day of the week.", "星期几发送。"),
            key("at", Text, "\"08:00\"", "The time of the day.", "几点发送。"),
        ],
    },
];
