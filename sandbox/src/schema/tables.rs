//! The tables themselves: picklists and fields of each object.

use super::{Field, Kind, Label, Likeness, Schema, Sort, at};

const fn field(name: &'static str, sort: Sort, en: &'static str, zh: &'static str) -> Field {
    Field { name, label: Label { en, zh }, sort, required: false, writable: true, search: None }
}

const fn text(name: &'static str, max: usize, en: &'static str, zh: &'static str) -> Field {
    field(name, Sort::Text(max), en, zh)
}

impl Field {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn read_only(mut self) -> Self {
        self.writable = false;
        self
    }

    const fn found(mut self, likeness: Likeness) -> Self {
        self.search = Some(likeness);
        self
    }

    const fn loose(self) -> Self {
        self.found(Likeness::Loose)
    }
}

const fn label(en: &'static str, zh: &'static str) -> Label {
    Label { en, zh }
}

const INDUSTRY: &[(i64, Label)] = &[
    (1, label("manufacturing", "制造业")),
    (2, label("automotive", "汽车")),
    (3, label("pharma", "医药")),
    (4, label("it", "信息技术")),
    (5, label("finance", "金融")),
    (6, label("retail", "零售")),
    (7, label("education", "教育")),
    (8, label("energy", "能源")),
    (9, label("other", "其他")),
];
const SOURCE: &[(i64, Label)] = &[
    (1, label("website", "官网")),
    (2, label("whitepaper", "白皮书")),
    (3, label("baidu_sem", "百度 SEM")),
    (4, label("live", "直播")),
    (5, label("fair", "展会")),
    (6, label("wecom", "企业微信")),
    (7, label("call_centre", "呼叫中心")),
    (8, label("referral", "转介绍")),
    (9, label("other", "其他")),
    (10, label("marketing_automation", "营销自动化")),
    (11, label("file_import", "文件导入")),
    (12, label("partner", "合作伙伴")),
];
const STATUS: &[(i64, Label)] = &[
    (1, label("new", "新线索")),
    (2, label("with_sales", "已转销售")),
    (3, label("accepted", "已接受")),
    (4, label("opportunity", "已转商机")),
    (5, label("returned", "已退回")),
    (6, label("resting", "休眠")),
];
const FEEDBACK: &[(i64, Label)] = &[
    (1, label("accepted", "已接受")),
    (2, label("buys in a year", "一年后采购")),
    (3, label("need unclear", "需求不明确")),
    (4, label("lost to a competitor", "被竞争对手拿下")),
    (5, label("wrong contact", "联系人无效")),
    (6, label("no budget", "无预算")),
    (7, label("already a customer", "已是客户")),
    (8, label("other", "其他")),
];
const STAGE: &[(i64, Label)] = &[
    (1, label("qualification", "初步接触")),
    (2, label("proposal", "方案报价")),
    (3, label("negotiation", "商务谈判")),
    (4, label("won", "赢单")),
    (5, label("lost", "输单")),
];
const LOST_REASON: &[(i64, Label)] = &[
    (1, label("price", "价格")),
    (2, label("competitor", "竞争对手")),
    (3, label("no budget", "无预算")),
    (4, label("no decision", "未决策")),
];
const USER_STATE: &[(&str, Label)] = &[
    ("active", label("active", "在职")),
    ("on_leave", label("on leave", "休假")),
    ("left", label("left", "离职")),
];
const ACTIVITY_KIND: &[(&str, Label)] = &[
    ("note", label("note", "备注")),
    ("task", label("task", "任务")),
    ("call", label("call", "电话")),
    ("visit", label("visit", "拜访")),
    ("mail", label("mail", "邮件")),
];

const MARK: Field = text("leadloop_id", 64, "leadloop mark", "leadloop 标记").found(Likeness::Exact);
const OWNER: Field = field("owner_id", Sort::Ref(Kind::Users), "Owner", "负责人");
const LAST_ACTIVITY: Field =
    field("last_activity_at", Sort::Time, "Last activity", "最近跟进时间").read_only();
const PHONE: Field = text("phone", 40, "Phone", "电话").found(Likeness::Phone);
const EMAIL: Field = text("email", 120, "E-mail", "邮箱").loose();
const INDUSTRY_FIELD: Field = field("industry", Sort::Choice(INDUSTRY), "Industry", "行业");
const PROVINCE: Field = text("province", 60, "Province", "省份");
const CITY: Field = text("city", 60, "City", "城市");
const COMMENT: Field = text("comment", 2000, "Comment", "备注");

pub(super) const USER_FIELDS: &[Field] = &[
    text("name", 80, "Name", "姓名").required(),
    text("login", 80, "Login", "登录名").loose(),
    text("email", 120, "E-mail", "邮箱"),
    text("phone", 40, "Phone", "电话"),
    text("region", 60, "Region", "区域"),
    field("manager_id", Sort::Ref(Kind::Users), "Manager", "主管"),
    field("state", Sort::Word(USER_STATE), "State", "状态"),
];

pub(super) const ACCOUNT_FIELDS: &[Field] = &[
    text("name", 120, "Name", "客户名称").required().loose(),
    PHONE,
    text("website", 200, "Website", "网站"),
    INDUSTRY_FIELD,
    PROVINCE,
    CITY,
    field("employees", Sort::Int(0, 10_000_000), "Employees", "员工人数"),
    text("credit_code", 18, "Credit code", "统一社会信用代码").loose(),
    OWNER,
    COMMENT,
    LAST_ACTIVITY,
    MARK,
];

pub(super) const CONTACT_FIELDS: &[Field] = &[
    text("name", 80, "Name", "姓名").required().loose(),
    PHONE,
    EMAIL,
    text("title", 80, "Title", "职位"),
    field("account_id", Sort::Ref(Kind::Accounts), "Account", "客户"),
    OWNER,
    PROVINCE,
    CITY,
    COMMENT,
    field("lead_id", Sort::Ref(Kind::Leads), "Converted from", "来自线索").read_only(),
    LAST_ACTIVITY,
    MARK,
];

pub(super) const LEAD_FIELDS: &[Field] = &[
    text("name", 80, "Name", "姓名").required().loose(),
    PHONE,
    EMAIL,
    text("company", 120, "Company", "公司").loose(),
    text("title", 80, "Title", "职位"),
    INDUSTRY_FIELD,
    PROVINCE,
    CITY,
    field("source", Sort::Choice(SOURCE), "Source", "来源"),
    text("campaign", 120, "Campaign", "市场活动"),
    COMMENT,
    field("tags", Sort::List(60), "Tags", "标签"),
    field("score", Sort::Int(-100_000, 100_000), "Score", "得分"),
    field("status", Sort::Choice(STATUS), "Status", "状态"),
    field("feedback", Sort::Choice(FEEDBACK), "Feedback", "反馈"),
    text("feedback_remark", 500, "Feedback remark", "反馈说明"),
    text("release_reason", 200, "Release reason", "退回原因"),
    OWNER,
    field("account_id", Sort::Ref(Kind::Accounts), "Account", "客户"),
    LAST_ACTIVITY,
    field("converted", Sort::Bool, "Converted", "已转化").read_only(),
    field("contact_id", Sort::Ref(Kind::Contacts), "Contact", "联系人").read_only(),
    field("opportunity_id", Sort::Ref(Kind::Opportunities), "Opportunity", "商机").read_only(),
    field("converted_at", Sort::Time, "Converted at", "转化时间").read_only(),
    MARK,
];

pub(super) const OPPORTUNITY_FIELDS: &[Field] = &[
    text("name", 120, "Name", "商机名称").required().loose(),
    field("account_id", Sort::Ref(Kind::Accounts), "Account", "客户"),
    field("contact_id", Sort::Ref(Kind::Contacts), "Contact", "联系人"),
    field("lead_id", Sort::Ref(Kind::Leads), "Lead", "线索"),
    OWNER,
    field("stage", Sort::Choice(STAGE), "Stage", "阶段"),
    field("amount", Sort::Money, "Amount", "金额"),
    text("currency", 3, "Currency", "币种"),
    field("expected_close_at", Sort::Time, "Expected close", "预计成交"),
    field("lost_reason", Sort::Choice(LOST_REASON), "Lost reason", "输单原因"),
    text("competitor", 120, "Competitor", "竞争对手"),
    field("closed_at", Sort::Time, "Closed at", "结束时间").read_only(),
    LAST_ACTIVITY,
    MARK,
];

pub(super) const ACTIVITY_FIELDS: &[Field] = &[
    field("kind", Sort::Word(ACTIVITY_KIND), "Kind", "类型").required(),
    text("subject", 200, "Subject", "主题").required(),
    text("body", 4000, "Body", "内容"),
    OWNER,
    field("lead_id", Sort::Ref(Kind::Leads), "Lead", "线索"),
    field("contact_id", Sort::Ref(Kind::Contacts), "Contact", "联系人"),
    field("account_id", Sort::Ref(Kind::Accounts), "Account", "客户"),
    field("opportunity_id", Sort::Ref(Kind::Opportunities), "Opportunity", "商机"),
    field("due_at", Sort::Time, "Due", "截止时间"),
    field("done", Sort::Bool, "Done", "已完成"),
    MARK,
];

pub(super) const MA_CONTACT_FIELDS: &[Field] = &[
    text("ma_id", 64, "MA id", "MA 编号").required().found(Likeness::Exact),
    text("name", 80, "Name", "姓名"),
    PHONE,
    EMAIL,
    text("company", 120, "Company", "公司"),
    text("title", 80, "Title", "职位"),
    field("points", Sort::Int(-1_000_000, 1_000_000), "Points", "积分"),
    field("clicks", Sort::Int(0, 1_000_000_000), "Mail clicks", "邮件点击").read_only(),
    field("segments", Sort::List(80), "Segments", "分群"),
    text("stage", 40, "Stage", "阶段"),
    text("owner", 80, "Owner", "负责人"),
    text("feedback", 80, "Feedback", "反馈"),
    text("track", 80, "Track", "培育路径"),
    field("tags", Sort::List(60), "Tags", "标签"),
    field("quiet", Sort::Bool, "Quiet", "静默"),
    field("may_mail", Sort::Bool, "May be mailed", "可发邮件"),
    field("may_sms", Sort::Bool, "May be texted", "可发短信"),
    field("may_phone", Sort::Bool, "May be called", "可致电"),
];

const fn schema(names: [&'static str; 2], prefix: char, label: Label, fields: &'static [Field]) -> Schema {
    let mark = at(fields, "leadloop_id");
    Schema {
        name: names[0],
        singular: names[1],
        prefix,
        label,
        api_writable: true,
        fields,
        mark: if mark == usize::MAX { None } else { Some(mark) },
        mark_always_unique: false,
    }
}

pub(super) static USERS: Schema =
    Schema { api_writable: false, ..schema(["users", "user"], 'U', label("User", "用户"), USER_FIELDS) };
pub(super) static ACCOUNTS: Schema =
    schema(["accounts", "account"], 'A', label("Account", "客户"), ACCOUNT_FIELDS);
pub(super) static CONTACTS: Schema =
    schema(["contacts", "contact"], 'C', label("Contact", "联系人"), CONTACT_FIELDS);
pub(super) static LEADS: Schema = schema(["leads", "lead"], 'L', label("Lead", "线索"), LEAD_FIELDS);
pub(super) static OPPORTUNITIES: Schema =
    schema(["opportunities", "opportunity"], 'O', label("Opportunity", "商机"), OPPORTUNITY_FIELDS);
pub(super) static ACTIVITIES: Schema =
    schema(["activities", "activity"], 'T', label("Activity", "活动"), ACTIVITY_FIELDS);
pub(super) static MA_CONTACTS: Schema = Schema {
    mark: Some(0),
    mark_always_unique: true,
    ..schema(["ma_contacts", "ma_contact"], 'M', label("MA contact", "MA 联系人"), MA_CONTACT_FIELDS)
};
