//! Sections about where leads come from and who they are.

use super::super::Shape::{
    Bool, Choice, Duration, Expr, Int, LimitIn, List, Map, Name, Rate, Scalar, Secret, Settings, Table, Text,
    TextOrSecret,
};
use super::super::{Key, Section, Shape, key, must};
use super::systems::{LIMITS, RETRY};
use super::{FIELD, NAMES, TEXTS};

const ALLOWED: Shape = Choice(&["given", "not refused"]);

const CALENDAR: &[Key] = &[
    key("work_days", Text, "\"mon-fri\"", "Working weekdays.", "工作日。"),
    key(
        "hours",
        TEXTS,
        "\"09:00-18:00\"",
        "Working hours; a list where there is a break.",
        "工作时间；有午休时写成列表。",
    ),
    key(
        "holidays",
        Text,
        "\"cn\"",
        "`cn` (with make-up working days), or a CSV file: date, off|work.",
        "`cn`（含调休），或 CSV 文件：日期, off|work。",
    ),
];

const ENCRYPTION: &[Key] = &[
    must(
        "key",
        Secret,
        "{ env = \"STORE_KEY\" }",
        "The master key: 64 hexadecimal digits (`openssl rand -hex 32`). Without it nothing can be read.",
        "主密钥：64 位十六进制数字（`openssl rand -hex 32`）。丢失后数据无法读取。",
    ),
    key(
        "old_keys",
        List(&Secret),
        "[{ env = \"STORE_KEY_OLD\" }]",
        "Master keys before it; a database under one of them goes under `key` at the next start.",
        "以前的主密钥；使用旧密钥的数据库在下次启动时换用 `key`。",
    ),
];

/// The sections of this part of the road, in order.
pub(super) const PART: &[Section] = &[
    Section {
        name: "leadloop",
        many: false,
        doc: ("The business.", "企业基本设置。"),
        keys: &[
            key(
                "timezone",
                Text,
                "\"Asia/Shanghai\"",
                "IANA time zone of the business.",
                "业务时区（IANA）。",
            ),
            key(
                "language",
                Choice(&["zh", "en"]),
                "\"zh\"",
                "Language of notices and reasons.",
                "通知与原因的语言。",
            ),
            key(
                "region",
                Text,
                "\"CN\"",
                "Region of phones without a country code (ISO 3166).",
                "无国家码电话所属地区（ISO 3166）。",
            ),
            key(
                "mobile_prefixes",
                Text,
                "\"mobile-prefixes.csv\"",
                "CSV: prefix, province, city; for `mobile prefix` in [fill].",
                "CSV：prefix, province, city；供 [fill] 的 `mobile prefix` 使用。",
            ),
            key(
                "calendar",
                Table(CALENDAR),
                "{ work_days = \"mon-fri\", hours = \"09:00-18:00\", holidays = \"cn\" }",
                "Working time.",
                "工作时间。",
            ),
        ],
    },
    Section {
        name: "store",
        many: false,
        doc: ("Where the data lies.", "数据存储位置。"),
        keys: &[
            must(
                "url",
                TextOrSecret,
                "\"sqlite:data/leadloop.db\"",
                "`sqlite:PATH`, or `postgres://…` (as a secret where it holds a password).",
                "`sqlite:路径` 或 `postgres://…`（含密码时用密钥引用）。",
            ),
            key(
                "encryption",
                Table(ENCRYPTION),
                "{ key = { env = \"STORE_KEY\" } }",
                "Personal data is sealed before it is stored. Settled with the first start of an empty database.",
                "个人数据加密后存储；只能在空数据库首次启动时决定。",
            ),
        ],
    },
    Section {
        name: "server",
        many: false,
        doc: ("Where we listen.", "监听地址。"),
        keys: &[
            key("listen", Text, "\"127.0.0.1:8080\"", "Address and port.", "地址与端口。"),
            key(
                "public_url",
                Text,
                "\"https://leads.example.com\"",
                "How others reach us.",
                "外部访问地址。",
            ),
            key(
                "answer_key",
                Secret,
                "{ env = \"ANSWER_KEY\" }",
                "The secret of answer links, for nodes with stores of their own; two separated by a blank while it changes. Else the store keeps its own.",
                "反馈链接的密钥，更换期间可写两个并以空格分隔；不写则由数据库自行生成。",
            ),
        ],
    },
    Section {
        name: "retention",
        many: false,
        doc: ("What is kept how long.", "数据保留。"),
        keys: &[
            key(
                "conversations",
                Choice(&["all", "failed", "off"]),
                "\"all\"",
                "Requests and answers that are kept beside the attempts of deliveries: of every write and every failed read, of what failed only, or none.",
                "随投递保留的请求与应答：全部写入与失败的读取，仅失败的，或不保留。",
            ),
            key("conversation_days", Int(1, 90), "30", "So many days they are kept.", "保留天数。"),
        ],
    },
    Section {
        name: "source",
        many: true,
        doc: ("Where leads come from.", "线索来源。"),
        keys: &[
            must(
                "name",
                Name,
                "\"website\"",
                "Its name: the last part of `/in/NAME`.",
                "名称，即 `/in/名称`。",
            ),
            must("connector", Name, "\"web_form\"", "Its connector.", "连接器。"),
            key("settings", Settings, "{ }", "What only the connector understands.", "连接器专有设置。"),
            key(
                "touch",
                Name,
                "\"form_submitted\"",
                "Kind of touch where the record does not say.",
                "互动类型（记录未写明时）。",
            ),
            key(
                "channel",
                Text,
                "\"官网\"",
                "Channel where no campaign rule says otherwise.",
                "渠道（无渠道规则时）。",
            ),
            key(
                "brings",
                Choice(&["touches", "answers"]),
                "\"touches\"",
                "Touches of people, or answers of sales.",
                "带来互动，还是销售反馈。",
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
                "Incoming name → pool field; well-known names map by themselves.",
                "字段映射；常见名称自动识别。",
            ),
            key(
                "fixed",
                Map(&Scalar),
                "{ \"consent\" = \"given\" }",
                "Pool fields every record of this source gets.",
                "固定字段值。",
            ),
            key(
                "identifiers",
                Map(&Name),
                "{ olist_id = \"olist_id\" }",
                "Pool field → identifier kind.",
                "字段 → 标识类型。",
            ),
            key(
                "allowed_origins",
                TEXTS,
                "[\"https://www.example.com\"]",
                "Origins a browser form may come from.",
                "允许的浏览器来源。",
            ),
            key(
                "rate_limit",
                Rate,
                "\"20 per minute per address\"",
                "Most requests of one address.",
                "单地址频率上限。",
            ),
            key(
                "duplicate_within",
                Duration,
                "\"10m\"",
                "The same content within this time is one event.",
                "相同内容在此时间内视为一次。",
            ),
            key(
                "shared_device",
                Bool,
                "true",
                "Cookies of this source never bind people.",
                "共享设备：Cookie 不用于识别人。",
            ),
            key(
                "keep",
                Expr,
                "'touch.event == \"PricingViewed\"'",
                "Only records for which this holds.",
                "仅保留满足条件的记录。",
            ),
            key(
                "consent",
                Choice(&["given", "refused"]),
                "\"given\"",
                "Consent that comes with every record, where the record says nothing.",
                "记录未写明时的授权。",
            ),
            key(
                "every",
                Duration,
                "\"5m\"",
                "How often it is read, where it does not push or to catch up.",
                "读取间隔（不推送的来源，或用于补拉）。",
            ),
            key(
                "canary",
                Duration,
                "\"1h\"",
                "How often a made lead is sent through it, up to the decision; one that does not come through is an alarm.",
                "每隔多久发送一条探测线索走到决策为止；未通过即告警。",
            ),
        ],
    },
    Section {
        name: "identity",
        many: false,
        doc: ("Who is who.", "统一身份。"),
        keys: &[
            key(
                "order",
                NAMES,
                "[\"phone\", \"email\", \"cookie\"]",
                "Identifier kinds, stronger first.",
                "标识优先级，强者在前。",
            ),
            key(
                "limits",
                Map(&LimitIn),
                "{ phone = 3, cookie = \"5 in 7d\" }",
                "More than that on one person is a suspect, not a merge.",
                "每人标识数量上限，超过只标记嫌疑。",
            ),
            key("blocked", TEXTS, "[\"13800000000\"]", "Values that identify nobody.", "不用于识别的值。"),
            key(
                "recycled_after",
                Duration,
                "\"180d\"",
                "A phone number that was silent for so long and comes under another name is somebody else's: a suspect, not a merge. `0d`: never.",
                "手机号沉默超过该时长后以另一姓名出现，视为号码易主：只标记疑似，不合并。`0d` 表示不判断。",
            ),
        ],
    },
    Section {
        name: "consent",
        many: false,
        doc: ("What a person must have allowed.", "授权要求。"),
        keys: &[
            key("transfer", ALLOWED, "\"given\"", "Needed before a hand-over.", "转出前的授权要求。"),
            key(
                "mail",
                ALLOWED,
                "\"not refused\"",
                "Needed before mail; the MA is told.",
                "发邮件前的授权要求，会告知 MA。",
            ),
            key(
                "sms",
                ALLOWED,
                "\"not refused\"",
                "Needed before text messages; the MA is told.",
                "发短信前的授权要求，会告知 MA。",
            ),
            key(
                "phone",
                ALLOWED,
                "\"not refused\"",
                "Needed before calls; the MA is told.",
                "致电前的授权要求，会告知 MA。",
            ),
        ],
    },
    Section {
        name: "campaign",
        many: false,
        doc: ("Campaigns and channels.", "活动与渠道。"),
        keys: &[
            key(
                "table",
                Text,
                "\"campaigns.csv\"",
                "CSV: code, name, channel, product, cost; further columns are yours.",
                "CSV：code, name, channel, product, cost；其余列自用。",
            ),
            key(
                "code",
                TEXTS,
                "[\"utm_campaign\", \"campaign\"]",
                "Where the code is found.",
                "活动代码所在字段。",
            ),
            key(
                "keep",
                TEXTS,
                "[\"utm_source\", \"utm_medium\"]",
                "Attribution fields kept with the touch.",
                "保留的归因字段。",
            ),
            key(
                "channel",
                List(&Table(&[
                    must("name", Text, "\"百度 SEM\"", "The channel.", "渠道。"),
                    must("when", Expr, "'touch.utm_source == \"baidu\"'", "When.", "条件。"),
                ])),
                "[{ name = \"百度 SEM\", when = 'touch.utm_source == \"baidu\"' }]",
                "First that holds names the channel.",
                "第一个成立的规则决定渠道。",
            ),
            key(
                "activity",
                Table(&[
                    key(
                        "named_by",
                        TEXTS,
                        "[\"event\", \"webinar\", \"channel_id\"]",
                        "Fields of the touch that name it; else the campaign, else the source.",
                        "标明活动名称的互动字段；都没有时取活动代码，再取来源名。",
                    ),
                    key(
                        "viewed",
                        TEXTS,
                        "[\"live_viewed\"]",
                        "Touches that are views of it.",
                        "视为浏览的互动。",
                    ),
                    key(
                        "registered",
                        TEXTS,
                        "[\"live_registered\"]",
                        "Touches that are registrations.",
                        "视为报名的互动。",
                    ),
                    key(
                        "attended",
                        TEXTS,
                        "[\"live_attended\"]",
                        "Touches of who was there.",
                        "视为到场的互动。",
                    ),
                ]),
                "{ registered = [\"live_registered\"], attended = [\"live_attended\"] }",
                "Webinars, live streams and fairs: which touches belong to them. What is not written keeps its usual names.",
                "网络研讨会、直播、线下活动由哪些互动组成；未写的项用默认名称。",
            ),
        ],
    },
    Section {
        name: "companies",
        many: false,
        doc: (
            "Companies: their other names, codes, domains and parents, kept by you.",
            "公司：由管理员维护的别名、信用代码、域名与上级公司。",
        ),
        keys: &[
            key(
                "table",
                Text,
                "\"companies.csv\"",
                "CSV: name, also, credit_code, domains, parent; several values of a cell are separated by `|`. Further \
                 columns are yours.",
                "CSV：name, also, credit_code, domains, parent；一格多值用 `|` 分隔；其余列自用。",
            ),
            key(
                "free_mail",
                TEXTS,
                "[\"mail.example\"]",
                "Mail domains that name no company, beyond the usual mail providers.",
                "不代表公司的邮箱域名（常见邮箱服务商已内置）。",
            ),
        ],
    },
    Section {
        name: "enrich",
        many: true,
        doc: ("A registry that is asked for companies.", "企业数据补全（工商信息）。"),
        keys: &[
            must(
                "name",
                Name,
                "\"registry\"",
                "Its name; the source of what it says.",
                "名称，也是所补字段的来源。",
            ),
            must("connector", Name, "\"qichacha\"", "Its connector.", "连接器。"),
            key("settings", Settings, "{ }", "What only the connector understands.", "连接器专有设置。"),
            must(
                "fills",
                TEXTS,
                "[\"company.industry\", \"company.employees\"]",
                "Fields of the company that it fills; a field of the person only where [fill] names it.",
                "补全的企业字段；个人字段仅在 [fill] 中写明时补全。",
            ),
            key(
                "wait",
                Duration,
                "\"30s\"",
                "How long the decision about a lead waits for its answer at most; 30s.",
                "线索的判断最多等待多久，默认 30s。",
            ),
            key("keep", Duration, "\"90d\"", "How long an answer is kept; 90d.", "答复保留多久，默认 90d。"),
            key(
                "keep_misses",
                Duration,
                "\"7d\"",
                "How long it is kept that it knows no such company; 7d.",
                "“查无此企业”保留多久，默认 7d。",
            ),
            key(
                "limits",
                Table(LIMITS),
                "{ per_day = 500 }",
                "Never above what the vendor allows; `per_day` caps what it costs.",
                "限速，不高于厂商允许；`per_day` 限制每日费用。",
            ),
            key(
                "retry",
                Table(RETRY),
                "{ give_up = \"24h\" }",
                "How failed look-ups are tried again.",
                "重试策略。",
            ),
        ],
    },
    Section {
        name: "fill",
        many: false,
        doc: ("Who may fill a field, the preferred first.", "字段由谁填写，优先者在前。"),
        keys: &[key(
            "*",
            TEXTS,
            "[\"form\", \"registry\", \"mobile prefix\"]",
            "A field and its sources: names of sources, their connectors, `form`, `file`, `crm`; `mobile prefix` and \
             `area code`: the place of the number; `others`: everybody else, who may not fill it otherwise.",
            "字段及其来源：来源名、连接器名、`form`、`file`、`crm`；`mobile prefix` 与 `area code` 为号码归属地；`others` 为其余来源\
             （不写则其余来源不得填写）。",
        )],
    },
    Section {
        name: "field",
        many: true,
        doc: ("A field of your own.", "自定义字段。"),
        keys: &[
            must(
                "name",
                Text,
                "\"budget\"",
                "Its name; `company.` in front for a field of the company.",
                "名称；企业字段以 `company.` 开头。",
            ),
            key(
                "type",
                Choice(&["text", "integer", "number", "bool", "date", "choice"]),
                "\"number\"",
                "What it holds; text where nothing is said.",
                "类型，默认为文本。",
            ),
            key("values", TEXTS, "[\"自建\", \"云\"]", "The values of a choice.", "`choice` 的可选值。"),
            key(
                "max",
                Int(1, 8_000),
                "200",
                "Most characters of a text; more is cut.",
                "文本最大长度，超出截断。",
            ),
            key(
                "label",
                Table(&[
                    must("zh", Text, "\"预算\"", "Chinese.", "中文。"),
                    must("en", Text, "\"Budget\"", "English.", "英文。"),
                ]),
                "{ zh = \"预算\", en = \"Budget\" }",
                "What people call it.",
                "显示名称。",
            ),
        ],
    },
    Section {
        name: "pool",
        many: true,
        doc: ("A part of the pool; the first that holds is the lead's.", "分线索池，第一条成立者生效。"),
        keys: &[
            must("name", Text, "\"华东\"", "Its name.", "名称。"),
            must("when", Expr, "'lead.province in [\"上海\", \"江苏\"]'", "Which leads are in it.", "条件。"),
            key("admin", NAMES, "[\"zhao.min\"]", "Who looks after it.", "管理员。"),
        ],
    },
];
