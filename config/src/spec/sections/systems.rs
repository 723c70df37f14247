//! Sections about the systems we speak to: MAs, CRMs, and how their fields and status agree with ours.

use super::super::Shape::{
    Choice, Duration, Expr, Int, Later, List, Map, Name, Percent, Scalar, Settings, Table, Text,
};
use super::super::{Key, Section, key, must};
use super::{FIELD, LATER_LOOP, MANY, NAMES, TEXTS};

const LIMITS: &[Key] = &[
    key("per_second", Int(1, 100_000), "5", "Requests a second.", "每秒请求数。"),
    key("per_minute", Int(1, MANY), "100", "Requests a minute.", "每分钟请求数。"),
    key("per_day", Int(1, MANY), "20000", "Requests a day.", "每日请求数。"),
    key("concurrent", Int(1, 256), "8", "Requests under way at once.", "并发请求数。"),
    key("reserve_for_hot", Percent, "\"20%\"", "Kept for leads that sales wait for.", "为热线索保留的份额。"),
];

const RETRY: &[Key] = &[
    key("first", Duration, "\"2s\"", "Wait before the second attempt.", "首次重试等待。"),
    key("at_most", Duration, "\"15m\"", "Longest wait.", "最长等待。"),
    key("give_up", Duration, "\"72h\"", "After this age a person is asked.", "超过该时长转人工。"),
];

/// The sections of this part of the road, in order.
pub(super) const PART: &[Section] = &[
    Section {
        name: "ma",
        many: true,
        doc: ("A marketing automation.", "营销自动化系统。"),
        keys: &[
            must(
                "name",
                Name,
                "\"nurturing\"",
                "Its name; it pushes to `/in/NAME`.",
                "名称；推送到 `/in/名称`。",
            ),
            must("connector", Name, "\"sandbox_ma\"", "Its connector.", "连接器。"),
            key("settings", Settings, "{ }", "What only the connector understands.", "连接器专有设置。"),
            key(
                "takes",
                List(&Choice(&["leads", "touches", "scores"])),
                "[\"leads\", \"touches\", \"scores\"]",
                "What it sends us.",
                "它提供什么。",
            ),
            key(
                "gives",
                List(&Choice(&["stage", "owner", "feedback", "tags", "track"])),
                "[\"stage\", \"owner\"]",
                "What it is told.",
                "告诉它什么。",
            ),
            key(
                "quiet_while",
                List(&Choice(&[
                    "raw",
                    "marketing",
                    "with_sales",
                    "accepted",
                    "opportunity",
                    "won",
                    "lost",
                    "resting",
                    "closed",
                ])),
                "[\"with_sales\"]",
                "Stages in which it is quiet.",
                "静默阶段。",
            ),
            key(
                "limits",
                Table(LIMITS),
                "{ per_second = 5 }",
                "Never above what the vendor allows.",
                "限速，不高于厂商允许。",
            ),
            key(
                "retry",
                Table(RETRY),
                "{ first = \"2s\" }",
                "How failed deliveries are retried.",
                "重试策略。",
            ),
            key(
                "require",
                TEXTS,
                "[\"phone or email\"]",
                "Each must hold, else the record is quarantined.",
                "必填条件，不满足则隔离。",
            ),
            key(
                "fields",
                List(&Table(FIELD)),
                "[{ from = \"mobile\", to = \"phone\" }]",
                "Incoming name → pool field.",
                "字段映射。",
            ),
        ],
    },
    Section {
        name: "track",
        many: true,
        doc: ("A nurture track; the MA runs it.", "培育路径，由 MA 执行。"),
        keys: &[
            must("name", Name, "\"nurture\"", "Its name.", "名称。"),
            must("ma", Name, "\"nurturing\"", "The MA that runs it.", "执行的 MA。"),
            must("segment", Text, "\"nurture-general\"", "The segment there.", "MA 中的分群。"),
            key(
                "when",
                Expr,
                "'lead.stage == \"raw\"'",
                "Leads that enter by rule; none: by feedback only.",
                "按规则进入；不写则仅由反馈进入。",
            ),
        ],
    },
    Section {
        name: "crm",
        many: true,
        doc: ("A CRM.", "CRM 系统。"),
        keys: &[
            must("name", Name, "\"sales\"", "Its name.", "名称。"),
            must("connector", Name, "\"sandbox\"", "Its connector.", "连接器。"),
            key(
                "settings",
                Settings,
                "{ url = \"http://127.0.0.1:8090\" }",
                "What only the connector understands.",
                "连接器专有设置。",
            ),
            key(
                "mirror",
                Table(&[
                    key("objects", NAMES, "[\"lead\", \"account\"]", "What is mirrored.", "镜像对象。"),
                    key(
                        "every_busy",
                        Duration,
                        "\"60s\"",
                        "Wait between polls while something moves.",
                        "繁忙时轮询间隔。",
                    ),
                    key(
                        "every_idle",
                        Duration,
                        "\"20m\"",
                        "Wait between polls while nothing moves.",
                        "空闲时轮询间隔。",
                    ),
                    key("look_back", Duration, "\"5m\"", "How far a poll looks back.", "回看时长。"),
                    key(
                        "full_check",
                        Later(
                            "the daily full comparison comes with the two-way sync issue",
                            "每日全量比对将在后续版本提供",
                        ),
                        "\"daily 03:00\"",
                        "When everything is compared.",
                        "全量比对时间。",
                    ),
                    key(
                        "decide_within",
                        Duration,
                        "\"15m\"",
                        "Older facts are asked for.",
                        "更旧的事实会重新询问。",
                    ),
                ]),
                "{ every_busy = \"60s\" }",
                "The local copy of the CRM.",
                "CRM 镜像。",
            ),
            key(
                "limits",
                Table(LIMITS),
                "{ per_second = 5, per_day = 20000 }",
                "Never above what the vendor allows.",
                "限速，不高于厂商允许。",
            ),
            key(
                "retry",
                Table(RETRY),
                "{ first = \"2s\", at_most = \"15m\", give_up = \"72h\" }",
                "How failed deliveries are retried.",
                "重试策略。",
            ),
            key(
                "fuse",
                Table(&[
                    key(
                        "creates_per_hour",
                        Int(1, MANY),
                        "500",
                        "More creates than that stop the link.",
                        "每小时新建上限。",
                    ),
                    key(
                        "owner_changes_per_hour",
                        Later(
                            "the fuse on owner changes comes with the two-way sync issue",
                            "负责人变更熔断将在后续版本提供",
                        ),
                        "200",
                        "More owner changes than that stop the link.",
                        "每小时改负责人上限。",
                    ),
                ]),
                "{ creates_per_hour = 500 }",
                "Stop and ask, rather than flood the CRM.",
                "熔断。",
            ),
            key(
                "mark",
                Text,
                "\"leadloop_id\"",
                "The CRM field that holds our hand-over id.",
                "保存转出编号的 CRM 字段。",
            ),
            key(
                "feedback",
                Table(&[
                    must("object", Name, "\"lead\"", "The object.", "对象。"),
                    must("field", Text, "\"feedback\"", "The field with the tag's value.", "反馈字段。"),
                    key("remark", Text, "\"feedback_remark\"", "The field with the remark.", "备注字段。"),
                    key(
                        "released",
                        Text,
                        "\"release_reason\"",
                        "The field with the reason of a release.",
                        "释放原因字段。",
                    ),
                ]),
                "{ object = \"lead\", field = \"feedback\" }",
                "Where sales answer.",
                "销售反馈所在字段。",
            ),
        ],
    },
    Section {
        name: "mapping",
        many: true,
        doc: ("How fields agree.", "字段映射。"),
        keys: &[
            must("crm", Name, "\"sales\"", "Which CRM.", "哪个 CRM。"),
            must("object", Name, "\"lead\"", "Which object.", "哪个对象。"),
            must(
                "fields",
                List(&Table(&[
                    key("pool", Text, "\"name\"", "The pool field.", "线索池字段。"),
                    key("fixed", Scalar, "\"x\"", "A fixed value instead of a pool field.", "固定值。"),
                    must("crm", Text, "\"name\"", "The CRM field.", "CRM 字段。"),
                    key("way", Choice(&["to_crm", "to_pool", "both"]), "\"both\"", "Which way.", "方向。"),
                    key(
                        "wins",
                        Choice(&["newest", "crm", "pool", "crm unless blank", "ask"]),
                        "\"newest\"",
                        "Who wins when both changed.",
                        "双方都改时谁优先。",
                    ),
                    key("steps", List(&Scalar), "[\"cn_mobile\"]", "Steps on the way out.", "转换步骤。"),
                    key(
                        "choose",
                        Map(&Scalar),
                        "{ \"制造业\" = 1 }",
                        "Pool value → CRM value.",
                        "取值对照。",
                    ),
                    key("otherwise", Scalar, "9", "Any other value.", "其他值。"),
                    key("max", Int(1, 1_000_000), "2000", "Most characters.", "最大字符数。"),
                ])),
                "[{ pool = \"name\", crm = \"name\" }]",
                "The fields.",
                "字段。",
            ),
        ],
    },
    Section {
        name: "status",
        many: true,
        doc: ("Two-way status.", "双向状态。"),
        keys: &[
            must("crm", Name, "\"sales\"", "Which CRM.", "哪个 CRM。"),
            must("object", Name, "\"lead\"", "Which object.", "哪个对象。"),
            must("field", Text, "\"status\"", "The field.", "字段。"),
            key("write", Map(&Scalar), "{ with_sales = 2 }", "What we write at a stage.", "各阶段写入的值。"),
            key("read", Map(&Text), "{ 3 = \"accepted\" }", "What the CRM's values mean.", "CRM 值的含义。"),
            key(
                "unknown",
                Choice(&["ask"]),
                "\"ask\"",
                "A value we do not know waits for a person.",
                "未知值等待人工。",
            ),
            key("amount", Text, "\"amount\"", "The field with the amount.", "金额字段。"),
        ],
    },
    Section { name: "notify", many: true, doc: ("Telling people.", "通知。"), keys: LATER_LOOP },
];
