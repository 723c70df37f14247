//! Sections about what is decided: scores, the MQL, transfer, people, response times, feedback.

use super::super::Shape::{
    Bool, Choice, Date, Duration, Expr, Int, Length, List, Map, Name, OneOf, Scalar, Table, Text,
};
use super::super::{Key, Section, Shape, key, must};
use super::{ASSIGN, MANY, NAMES, TEXTS};

const TRANSFER_DO: &[Key] = &[
    key(
        "create",
        Choice(&["lead", "contact"]),
        "\"lead\"",
        "Make a record of this object; the person's own record is updated where one exists.",
        "新建该对象的记录；若此人已有记录则更新。",
    ),
    key(
        "update",
        Choice(&["person", "company"]),
        "\"person\"",
        "Update the matched record.",
        "更新匹配到的记录。",
    ),
    key(
        "hold",
        Table(&[
            key("team", Name, "\"inside_sales\"", "Who decides.", "由谁裁决。"),
            must(
                "at_most",
                Length,
                "\"1 working day\"",
                "Then the next rules are tried.",
                "超时后继续尝试后续规则。",
            ),
        ]),
        "{ team = \"inside_sales\", at_most = \"1 working day\" }",
        "Wait for a person or until a time.",
        "等待人工或到期。",
    ),
    key("decline", Text, "\"competitor\"", "No hand-over, for this reason.", "不转出，并写明原因。"),
    key("assign", ASSIGN, "{ route = \"by_region\" }", "Who gets it.", "分配给谁。"),
    key(
        "link",
        Choice(&["company"]),
        "\"company\"",
        "Hang the record under the matched account.",
        "挂到匹配的客户下。",
    ),
    key(
        "notify",
        Table(&[must(
            "owner_of",
            Choice(&["person", "company"]),
            "\"person\"",
            "The owner of the match.",
            "匹配记录的负责人。",
        )]),
        "{ owner_of = \"person\" }",
        "Whom to tell.",
        "通知谁。",
    ),
    key("reason", Text, "\"owner inactive\"", "A reason for people.", "给人看的原因。"),
];

const SLA_STEP: &[Key] = &[
    must("clock", Choice(&["accept", "result"]), "\"accept\"", "Which clock.", "哪个时钟。"),
    must("after", Length, "\"1 working day\"", "After how long.", "多久之后。"),
    must(
        "do",
        Table(&[
            key("remind", Choice(&["owner"]), "\"owner\"", "Remind.", "提醒。"),
            key("tell", Choice(&["manager"]), "\"manager\"", "Escalate.", "升级。"),
            key("take_back", Bool, "true", "Take the lead back.", "收回线索。"),
            key(
                "assign",
                ASSIGN,
                "{ route = \"by_region\", except = \"owner\" }",
                "The next owner after a take-back.",
                "收回后的下一位负责人。",
            ),
        ]),
        "{ remind = \"owner\" }",
        "What happens.",
        "做什么。",
    ),
];

const MEMBER: Shape = Table(&[
    must("person", Name, "\"li.na\"", "Who.", "人员。"),
    key("weight", Int(1, 100), "2", "Share of the turns.", "轮转权重。"),
    key("cap_per_day", Int(1, 100_000), "15", "Most hand-overs a day.", "每日上限。"),
    key("open_at_most", Int(1, 100_000), "60", "Most open hand-overs at once.", "在跟上限。"),
]);

/// The sections of this part of the road, in order.
pub(super) const PART: &[Section] = &[
    Section {
        name: "score",
        many: true,
        doc: ("A score model.", "打分模型。"),
        keys: &[
            must("name", Name, "\"fit\"", "`score.NAME` in conditions.", "条件中写作 `score.名称`。"),
            key("range", List(&Int(-MANY, MANY)), "[0, 100]", "Least and most.", "下限与上限。"),
            key("half_life", Duration, "\"14d\"", "Touch points halve in this time.", "行为分半衰期。"),
            key("cap_per_day", Int(1, MANY), "40", "Most points of touches a day.", "每日行为分上限。"),
            key(
                "from",
                Name,
                "\"nurturing\"",
                "The points are sent by this MA or source.",
                "分数由该 MA 或来源提供。",
            ),
            key(
                "add",
                List(&Table(&[
                    must("points", Int(-MANY, MANY), "30", "Points, may be negative.", "分值，可为负。"),
                    must("when", Expr, "'company.employees >= 200'", "When.", "条件。"),
                ])),
                "[{ points = 20, when = '(company.employees ?? 0) >= 200' }]",
                "Points for what the profile says.",
                "属性分。",
            ),
            key(
                "touches",
                List(&Table(&[
                    must("touch", Name, "\"form_submitted\"", "Kind of touch.", "互动类型。"),
                    must("points", Int(-MANY, MANY), "30", "Points.", "分值。"),
                    key(
                        "at_most",
                        Int(1, MANY),
                        "45",
                        "Most points of this rule for one lead.",
                        "该规则累计上限。",
                    ),
                    key("when", Expr, "'touch.event == \"PricingViewed\"'", "Only when.", "附加条件。"),
                    key(
                        "plus",
                        Expr,
                        "'touch.minutes >= 30 ? 10 : 0'",
                        "More points, computed.",
                        "附加分（表达式）。",
                    ),
                ])),
                "[{ touch = \"form_submitted\", points = 30 }]",
                "Points for touches.",
                "行为分。",
            ),
        ],
    },
    Section {
        name: "mql",
        many: false,
        doc: (
            "When a lead is marketing-qualified; `[[mql]]` with names for several product lines.",
            "市场合格线索（MQL）定义；多条产品线写成带名称的 `[[mql]]`。",
        ),
        keys: &[
            key("name", Text, "\"机器人\"", "Its name, where there are several.", "名称（有多个定义时）。"),
            must("when", Expr, "'score.fit >= 40'", "The definition.", "定义。"),
            key(
                "also",
                List(&Expr),
                "['touch.kind == \"form_submitted\"']",
                "Or one of these.",
                "或满足其一。",
            ),
            key("leave", Expr, "'score.interest < 15'", "When it stops being one.", "何时不再是 MQL。"),
            key(
                "cool_down",
                Duration,
                "\"30d\"",
                "After that it is none again for so long, unless `also` holds.",
                "此后在该时长内不再成为 MQL，除非满足 `also`。",
            ),
        ],
    },
    Section {
        name: "sdr",
        many: false,
        doc: ("A desk before sales.", "SDR 台。"),
        keys: &[
            must("team", Name, "\"inside_sales\"", "The team that sits there.", "SDR 所在团队。"),
            key(
                "when",
                Expr,
                "'lead.requirement == null'",
                "Which leads it sees first; all where none is said.",
                "哪些线索先经 SDR；不写则全部。",
            ),
            key("fill", NAMES, "[\"requirement\"]", "Fields it fills in.", "由 SDR 补全的字段。"),
            key(
                "answer_within",
                Length,
                "\"4 working hours\"",
                "How long it may take; after twice that the lead goes on without it.",
                "处理时限；超过两倍后直接进入转出规则。",
            ),
            key(
                "track",
                Name,
                "\"nurture\"",
                "The track of leads it nurtures on.",
                "判断继续培育时进入的路径。",
            ),
        ],
    },
    Section {
        name: "transfer",
        many: true,
        doc: ("A transfer rule; the first that holds decides.", "转出规则，第一条成立者生效。"),
        keys: &[
            must("name", Text, "\"everyone else\"", "Its name.", "名称。"),
            must("when", Expr, "'true'", "When it holds.", "条件。"),
            must(
                "do",
                Table(TRANSFER_DO),
                "{ create = \"lead\", assign = { route = \"by_region\" } }",
                "What follows.",
                "动作。",
            ),
        ],
    },
    Section {
        name: "shadow",
        many: false,
        doc: (
            "A second rule set that decides every lead beside this one and changes nothing.",
            "影子规则：与现行规则并行判断每条线索，不产生任何改动。",
        ),
        keys: &[must("file", Text, "\"new.toml\"", "The config with its rules.", "含其规则的配置文件。")],
    },
    Section {
        name: "people",
        many: false,
        doc: ("Salespeople.", "销售人员。"),
        keys: &[
            must(
                "table",
                Text,
                "\"people.csv\"",
                "CSV: key, name, crm_user, wecom_id, mobile, mail, manager, deputy.",
                "CSV：key, name, crm_user, wecom_id, mobile, mail, manager, deputy。",
            ),
            key(
                "leave",
                Text,
                "\"leave.csv\"",
                "CSV: key, from, to, deputy.",
                "CSV：key, from, to, deputy。",
            ),
        ],
    },
    Section {
        name: "leave",
        many: true,
        doc: ("An absence.", "休假。"),
        keys: &[
            must("person", Name, "\"wang.wei\"", "Who.", "人员。"),
            must("from", Date, "2026-12-01", "First day.", "首日。"),
            must("to", Date, "2026-12-05", "Last day.", "末日。"),
            key("deputy", Name, "\"li.na\"", "Who stands in.", "代理人。"),
        ],
    },
    Section {
        name: "team",
        many: true,
        doc: ("A team.", "团队。"),
        keys: &[
            must("name", Name, "\"east\"", "Its name.", "名称。"),
            must("members", List(&MEMBER), "[{ person = \"li.na\", weight = 2 }]", "Its members.", "成员。"),
        ],
    },
    Section {
        name: "route",
        many: true,
        doc: ("A route: from a field's value to a team.", "路由：按字段值到团队。"),
        keys: &[
            must("name", Name, "\"by_region\"", "Its name.", "名称。"),
            key("by", Text, "\"lead.province\"", "The field.", "依据字段。"),
            key(
                "table",
                OneOf(&[Text, Map(&Name)]),
                "\"routes/regions.csv\"",
                "CSV value, team; or a table right here.",
                "CSV：值, 团队；或直接写表。",
            ),
            key(
                "pick",
                Choice(&["round_robin"]),
                "\"round_robin\"",
                "How one of the team is picked.",
                "团队内分配方式。",
            ),
            key("fallback", Name, "\"sales_desk\"", "The team when nothing fits.", "兜底团队。"),
            key("sticky", Bool, "true", "Leads of one company stay with one owner.", "同公司归同一负责人。"),
        ],
    },
    Section {
        name: "handoff",
        many: false,
        doc: ("How hand-overs are made.", "转出方式。"),
        keys: &[
            key(
                "create",
                Choice(&["at_once", "when_accepted"]),
                "\"at_once\"",
                "When the CRM record is made.",
                "何时建 CRM 记录。",
            ),
            key(
                "answer_for",
                Duration,
                "\"30d\"",
                "How long the link of an answer page lives, and an answer may be changed.",
                "反馈页链接的有效期，期间可修改反馈。",
            ),
            key(
                "brief",
                TEXTS,
                "[\"requirement\", \"scores\", \"why\"]",
                "What sales see.",
                "销售看到的摘要。",
            ),
            key(
                "one_open_per",
                Choice(&["person"]),
                "\"person\"",
                "A second MQL while one is open updates it.",
                "一人同时只有一个在途转出。",
            ),
            key(
                "returned",
                Table(&[
                    key(
                        "owner",
                        Choice(&["public_pool", "keep"]),
                        "\"public_pool\"",
                        "The owner of a returned record; whom sales chose in their CRM meanwhile keeps it.",
                        "退回后的负责人；销售在 CRM 中已另行指定的负责人保持不变。",
                    ),
                    key(
                        "status",
                        Choice(&["resting", "raw", "closed"]),
                        "\"resting\"",
                        "The status of a returned record.",
                        "退回后的状态。",
                    ),
                ]),
                "{ owner = \"public_pool\", status = \"resting\" }",
                "What a return writes into the CRM.",
                "退回时写入 CRM 的内容。",
            ),
        ],
    },
    Section {
        name: "sla",
        many: true,
        doc: ("A response time; the first that holds.", "跟进时效，第一条成立者生效。"),
        keys: &[
            must("name", Text, "\"everyone else\"", "Its name.", "名称。"),
            must("when", Expr, "'true'", "For which hand-overs.", "适用条件。"),
            key("accept_within", Length, "\"1 working day\"", "How long until sales accept.", "接受时限。"),
            key(
                "result_within",
                Length,
                "\"5 working days\"",
                "How long until a first result.",
                "首次结果时限。",
            ),
            key("steps", List(&Table(SLA_STEP)), "[]", "What happens when.", "到时动作。"),
        ],
    },
    Section {
        name: "feedback",
        many: true,
        doc: ("An answer of sales and its next action.", "销售反馈及下一步动作。"),
        keys: &[
            must("tag", Name, "\"need_unclear\"", "Its stable tag.", "稳定标签。"),
            key(
                "label",
                Table(&[
                    must("zh", Text, "\"需求不明确\"", "In Chinese.", "中文。"),
                    must("en", Text, "\"Need unclear\"", "In English.", "英文。"),
                ]),
                "{ zh = \"需求不明确\", en = \"Need unclear\" }",
                "Its label.",
                "显示名称。",
            ),
            key(
                "crm",
                Map(&Scalar),
                "{ sales = 3 }",
                "Its value in each CRM's feedback field.",
                "在各 CRM 反馈字段中的值。",
            ),
            key("ask", NAMES, "[\"competitor\"]", "Extra questions.", "附加问题。"),
            must(
                "do",
                Table(&[
                    key(
                        "stage",
                        Choice(&["raw", "marketing", "accepted", "opportunity", "won", "lost", "closed"]),
                        "\"accepted\"",
                        "Move to this stage.",
                        "进入阶段。",
                    ),
                    key("rest", Duration, "\"30d\"", "Rest so long.", "休眠时长。"),
                    key("track", Name, "\"nurture\"", "Enter this track.", "进入培育路径。"),
                    key(
                        "then",
                        Choice(&["mql_again"]),
                        "\"mql_again\"",
                        "After the rest: qualify again.",
                        "休眠后重新判定。",
                    ),
                    key(
                        "to",
                        Choice(&["same_owner"]),
                        "\"same_owner\"",
                        "After the rest: to the same owner.",
                        "休眠后回到原负责人。",
                    ),
                    key("close", Text, "\"invalid\"", "Close with this reason.", "关闭并写明原因。"),
                    key(
                        "cool_down_owner",
                        Bool,
                        "true",
                        "The owner does not get it again soon.",
                        "原负责人冷却。",
                    ),
                    key("lower_source", Bool, "true", "Count it against the source.", "计入来源质量。"),
                ]),
                "{ rest = \"30d\" }",
                "The next action.",
                "下一步动作。",
            ),
        ],
    },
    Section {
        name: "recycle",
        many: false,
        doc: ("Loops back into the pool.", "回流。"),
        keys: &[
            key("at_most", Int(0, 1000), "3", "Loops per person and year.", "每人每年回流上限。"),
            key(
                "cool_down",
                Duration,
                "\"90d\"",
                "Before the same owner gets it again.",
                "同一负责人冷却期。",
            ),
        ],
    },
    super::tests::TEST,
];
