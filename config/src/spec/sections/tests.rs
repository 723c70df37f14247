//! `[[test]]`: rules tried without any network.

use super::super::Shape::{
    Bool, Choice, Duration, Int, List, Map, Name, OneOf, Open, Scalar, Table, Text, Time,
};
use super::super::{Key, Section, Shape, key, must};
use super::{MANY, NAMES, TEXTS};

const ANY: Shape = OneOf(&[Scalar, List(&Scalar)]);

const STAGES: Shape = Choice(&[
    "raw",
    "marketing",
    "with_sales",
    "accepted",
    "opportunity",
    "won",
    "lost",
    "resting",
    "closed",
]);

const OWNER_STATE: Shape = Choice(&["active", "on_leave", "left", "none"]);

/// What is said with a record, beside the pool's own fields.
const LEAD: &[Key] = &[
    key("source", Name, "\"website\"", "The source it comes from.", "来自哪个来源。"),
    key(
        "touch",
        Name,
        "\"form_submitted\"",
        "What happened, where it is not what the source says.",
        "互动类型（与来源默认不同时）。",
    ),
    key("consent", Choice(&["given", "refused"]), "\"given\"", "Consent to pass it on.", "转出授权。"),
];

const TOUCH: &[Key] = &[
    key("touch", Name, "\"content_downloaded\"", "What happened.", "互动类型。"),
    key("source", Name, "\"whitepaper\"", "The source; else that of `lead`.", "来源；默认同 `lead`。"),
    key("ago", Duration, "\"3d\"", "So long before `now`.", "距 `now` 多久之前。"),
    key("at", Time, "2026-12-01T10:00:00", "Or at this time.", "或具体时间。"),
    key("consent", Choice(&["given", "refused"]), "\"given\"", "Consent given with it.", "随之给出的授权。"),
];

const BEFORE: &[Key] = &[
    key("stage", STAGES, "\"resting\"", "Its stage.", "所处阶段。"),
    key("mql", Bool, "true", "Whether it was an MQL already.", "是否已是 MQL。"),
    key("days_in_stage", Int(0, 36_500), "40", "Days in that stage.", "处于该阶段的天数。"),
    key("days_since_first_touch", Int(0, 36_500), "90", "Days since its first touch.", "距首次互动天数。"),
    key("days_since_last_touch", Int(0, 36_500), "30", "Days since its last touch.", "距最近互动天数。"),
    key("touches", Int(1, 1_000_000), "4", "How many touches it had.", "互动次数。"),
    key("channel", Text, "\"官网\"", "Its first channel.", "首个渠道。"),
    key("campaign", Text, "\"fair-2026\"", "Its first campaign.", "首个活动。"),
    key("tags", TEXTS, "[\"vip\"]", "Its tags.", "标签。"),
    key("track", Name, "\"nurture\"", "Its nurture track.", "培育路径。"),
    key("feedback", Name, "\"need_unclear\"", "What sales answered last.", "销售最近的反馈。"),
    key("recycled", Int(0, 10_000), "1", "How often it came back from sales.", "从销售退回的次数。"),
    key(
        "returned",
        Int(0, 24),
        "2",
        "How often of these within a year: what `at_most` of [recycle] counts.",
        "其中一年内的次数，即 [recycle] 的 `at_most` 所计。",
    ),
    key("cooling", NAMES, "[\"li.na\"]", "Who does not get it again yet.", "冷却中的负责人。"),
    key("next_owner", Name, "\"li.na\"", "Who gets it next, whatever the route says.", "下次优先给谁。"),
];

const PERSON: &[Key] = &[
    key("name", Text, "\"王小明\"", "The name there; else the lead's.", "CRM 中的姓名；默认同线索。"),
    key("phone", Text, "\"13912345678\"", "The phone there; else the lead's.", "CRM 中的电话；默认同线索。"),
    key(
        "email",
        Text,
        "\"a@shili.example\"",
        "The address there; else the lead's.",
        "CRM 中的邮箱；默认同线索。",
    ),
    key("object", Choice(&["lead", "contact"]), "\"contact\"", "What record it is.", "记录类型。"),
    key("owner", Name, "\"li.na\"", "Who follows it.", "负责人。"),
    key("user", Text, "\"005X\"", "Or the owner's user id in the CRM.", "或负责人在 CRM 中的用户编号。"),
    key("owner_state", OWNER_STATE, "\"left\"", "Whether the owner is there.", "负责人状态。"),
    key("idle_days", Int(0, 36_500), "45", "Days since sales did something.", "销售多少天没有动作。"),
    key("open_opportunity", Bool, "true", "Whether an opportunity is open.", "是否有未结商机。"),
    key("customer", Bool, "true", "Whether one was won.", "是否已成交。"),
    key("status", Scalar, "3", "Its status, as the CRM has it.", "CRM 中的状态值。"),
];

const COMPANY: &[Key] = &[
    key("name", Text, "\"上海示例机器人\"", "The name there; else the lead's.", "CRM 中的名称；默认同线索。"),
    key(
        "credit_code",
        Text,
        "\"91310000MA1FL0000X\"",
        "Its credit code there.",
        "CRM 中的统一社会信用代码。",
    ),
    key("website", Text, "\"shili.example\"", "Its web site there.", "CRM 中的网站。"),
    key("owner", Name, "\"li.na\"", "Who follows it.", "负责人。"),
    key("user", Text, "\"005X\"", "Or the owner's user id in the CRM.", "或负责人在 CRM 中的用户编号。"),
    key("owner_state", OWNER_STATE, "\"active\"", "Whether the owner is there.", "负责人状态。"),
    key("idle_days", Int(0, 36_500), "45", "Days since sales did something.", "销售多少天没有动作。"),
    key("open_opportunity", Bool, "true", "Whether an opportunity is open.", "是否有未结商机。"),
    key("customer", Bool, "true", "Whether one was won.", "是否已成交。"),
    key("status", Scalar, "3", "Its status, as the CRM has it.", "CRM 中的状态值。"),
];

const IN_FLIGHT: &[Key] = &[
    key("count", Int(1, 100), "1", "How many hand-overs run.", "在途转出数量。"),
    key("owner", Name, "\"li.na\"", "Who got the latest.", "最近一条的负责人。"),
];

const CRM: &[Key] = &[
    key(
        "person",
        Table(PERSON),
        "{ owner = \"li.na\", idle_days = 3 }",
        "The CRM has this person: by the phone or address of the lead.",
        "CRM 中已有此人（按线索的电话或邮箱匹配）。",
    ),
    key(
        "company",
        Table(COMPANY),
        "{ name = \"上海示例机器人\", owner = \"li.na\" }",
        "The CRM has this account; whether it is the lead's company is for matching to say.",
        "CRM 中有此客户；是否为同一公司由匹配规则判断。",
    ),
    key(
        "in_flight",
        Table(IN_FLIGHT),
        "{ owner = \"li.na\" }",
        "A hand-over of a colleague is under way.",
        "同公司同事的转出正在进行。",
    ),
];

const STAFF: &[Key] = &[
    key(
        "state",
        Choice(&["active", "on_leave", "left"]),
        "\"left\"",
        "Their state in the CRM.",
        "在 CRM 中的状态。",
    ),
    key("open", Int(0, 100_000), "60", "Open hand-overs they have.", "在跟转出数。"),
    key("today", Int(0, 100_000), "15", "Hand-overs they got today.", "今日已分配数。"),
];

const EXPECT: &[Key] = &[
    key("rule", Text, "\"everyone else\"", "The transfer rule that decides.", "生效的转出规则。"),
    key("handed_over", Bool, "false", "Whether there is a hand-over at all.", "是否转出。"),
    key(
        "action",
        Choice(&["create", "update", "hold", "decline"]),
        "\"create\"",
        "What is done.",
        "执行的动作。",
    ),
    key(
        "object",
        Choice(&["lead", "contact"]),
        "\"lead\"",
        "The record that is made or updated.",
        "新建或更新的记录。",
    ),
    key("owner", Name, "\"li.na\"", "Who gets it.", "分配给谁。"),
    key("user", Text, "\"005X\"", "The same, by the user id in the CRM.", "同上，按 CRM 用户编号。"),
    key("public_pool", Bool, "true", "Whether nobody gets it: the public pool.", "是否进入公海。"),
    key(
        "held",
        OneOf(&[Bool, Name]),
        "\"inside_sales\"",
        "Whether it waits for a person; or for which team.",
        "是否等待人工；或等待哪个团队。",
    ),
    key(
        "declined",
        OneOf(&[Bool, Text]),
        "\"competitor\"",
        "Whether a rule says no; or with which reason.",
        "规则是否拒绝；或以何原因。",
    ),
    key("mql", Bool, "true", "Whether it is an MQL in the end.", "最终是否为 MQL。"),
    key("stage", STAGES, "\"with_sales\"", "Its stage in the end.", "最终阶段。"),
    key("track", Name, "\"nurture\"", "Its nurture track in the end.", "最终培育路径。"),
    key("score", Map(&Int(-MANY, MANY)), "{ fit = 55 }", "Points in the end.", "最终分数。"),
    key(
        "because",
        NAMES,
        "[\"no_consent\"]",
        "Reasons that are given, by their codes.",
        "给出的原因（代码）。",
    ),
    key("quarantined", Name, "\"LL4001\"", "The record is refused with this code.", "记录被隔离的错误码。"),
];

/// The section.
pub(super) const TEST: Section = Section {
    name: "test",
    many: true,
    doc: (
        "A test of the rules: `leadloop check` and `leadloop test` run it without any network.",
        "规则测试：`leadloop check` 与 `leadloop test` 在不联网的情况下运行。",
    ),
    keys: &[
        must("name", Text, "\"a large company goes to key accounts\"", "What it shows.", "测试说明。"),
        must(
            "lead",
            Open(LEAD, &ANY),
            "{ phone = \"13912345678\", company = \"示例公司\", source = \"website\", consent = \"given\" }",
            "Who comes in: fields of the pool.",
            "进来的线索：线索池字段。",
        ),
        key(
            "touches",
            List(&Open(TOUCH, &ANY)),
            "[{ touch = \"content_downloaded\", ago = \"3d\" }, { touch = \"form_submitted\" }]",
            "What they do, in order; else one touch of the source. Other keys describe the touch.",
            "依次发生的互动；默认为来源的一次互动。其他键描述该互动。",
        ),
        key(
            "now",
            Time,
            "2026-12-02T10:00:00",
            "The time it is; else ten in the morning of 2026-01-07, a Wednesday.",
            "当前时间；默认 2026-01-07（周三）上午十点。",
        ),
        key(
            "before",
            Table(BEFORE),
            "{ stage = \"resting\" }",
            "The lead was there already.",
            "线索此前已存在。",
        ),
        key(
            "score",
            Map(&Int(-MANY, MANY)),
            "{ fit = 50 }",
            "Points that stand whatever the model says.",
            "直接指定的分数。",
        ),
        key(
            "crm",
            Table(CRM),
            "{ company = { owner = \"li.na\" } }",
            "What the CRM knows.",
            "CRM 已知信息。",
        ),
        key(
            "people",
            Map(&Table(STAFF)),
            "{ \"li.na\" = { open = 60 } }",
            "How salespeople stand.",
            "销售人员的情况。",
        ),
        key(
            "counters",
            Map(&Text),
            "{ \"turns/east\" = '{\"li.na\":1}' }",
            "Turns of teams, as a decision keeps them.",
            "团队轮转计数（决策记录中的原样）。",
        ),
        must("expect", Table(EXPECT), "{ rule = \"everyone else\" }", "What must come out.", "期望的结果。"),
    ],
};
