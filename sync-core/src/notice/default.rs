//! The product's own words for each event: title and text, for a person and for a group, Chinese and English.

use super::Event;
use crate::because::Language;

/// Title and text.
pub(super) fn of(event: Event, group: bool, language: Language) -> (&'static str, &'static str) {
    let row = TEXTS.iter().find(|(of, in_group, ..)| *of == event && *in_group == group);
    match (row, language) {
        (Some((.., zh, _)), Language::Zh) => *zh,
        (Some((.., en)), Language::En) => *en,
        (None, _) => ("", ""),
    }
}

type Text = (&'static str, &'static str);

/// (event, for a group, Chinese, English)
const TEXTS: [(Event, bool, Text, Text); 22] = [
    (
        Event::HandedOver,
        false,
        (
            "新线索：{{ lead.company }} {{ lead.name }}",
            "{{ brief }}\n{% if lead.phone %}电话：{{ lead.phone }}\n{% endif %}{% if handoff.due %}请在 {{ handoff.due }} 前反馈{% endif %}",
        ),
        (
            "New lead: {{ lead.company }} {{ lead.name }}",
            "{{ brief }}\n{% if lead.phone %}Phone: {{ lead.phone }}\n{% endif %}{% if handoff.due %}Please answer by {{ handoff.due }}{% endif %}",
        ),
    ),
    (
        Event::HandedOver,
        true,
        (
            "新线索已转给 {{ owner.name }}",
            "渠道：{{ lead.channel }}{% if handoff.due %}\n反馈截止：{{ handoff.due }}{% endif %}",
        ),
        (
            "A new lead went to {{ owner.name }}",
            "Channel: {{ lead.channel }}{% if handoff.due %}\nAnswer due: {{ handoff.due }}{% endif %}",
        ),
    ),
    (
        Event::NewBehaviour,
        false,
        ("新动态：{{ lead.company }} {{ lead.name }}", "{{ touch }}"),
        ("New behaviour: {{ lead.company }} {{ lead.name }}", "{{ touch }}"),
    ),
    (
        Event::NewBehaviour,
        true,
        ("{{ owner.name }} 的线索有新动态", "渠道：{{ lead.channel }}"),
        ("A lead of {{ owner.name }} did something new", "Channel: {{ lead.channel }}"),
    ),
    (
        Event::PosterRegistration,
        false,
        ("有人通过您的海报报名：{{ lead.company }} {{ lead.name }}", "{{ touch }}"),
        ("Somebody registered through your poster: {{ lead.company }} {{ lead.name }}", "{{ touch }}"),
    ),
    (
        Event::PosterRegistration,
        true,
        ("{{ owner.name }} 的海报带来一次报名", "渠道：{{ lead.channel }}"),
        ("The poster of {{ owner.name }} brought a registration", "Channel: {{ lead.channel }}"),
    ),
    (
        Event::Overdue,
        false,
        (
            "请反馈：{{ lead.company }} {{ lead.name }}",
            "{% if clock == \"result\" %}这条线索尚无跟进结果{% else %}这条线索尚未反馈{% endif %}（时限 {{ step }}）\n负责人：{{ owner.name }}",
        ),
        (
            "Please answer: {{ lead.company }} {{ lead.name }}",
            "{% if clock == \"result\" %}There is no result yet{% else %}There is no answer yet{% endif %} for this lead (after {{ step }})\nOwner: {{ owner.name }}",
        ),
    ),
    (
        Event::Overdue,
        true,
        (
            "跟进超时：{{ owner.name }}",
            "一条线索{% if clock == \"result\" %}尚无跟进结果{% else %}尚未反馈{% endif %}（时限 {{ step }}）",
        ),
        (
            "Overdue: {{ owner.name }}",
            "A lead has {% if clock == \"result\" %}no result{% else %}no answer{% endif %} yet (after {{ step }})",
        ),
    ),
    (
        Event::TakenBack,
        false,
        (
            "线索已收回：{{ lead.company }} {{ lead.name }}",
            "超过 {{ step }} 未反馈，已从 {{ previous.name }} 收回",
        ),
        (
            "Taken back: {{ lead.company }} {{ lead.name }}",
            "There was no answer within {{ step }}; it was taken back from {{ previous.name }}",
        ),
    ),
    (
        Event::TakenBack,
        true,
        ("线索已收回：{{ previous.name }}", "超过 {{ step }} 未反馈"),
        ("A lead was taken back from {{ previous.name }}", "There was no answer within {{ step }}"),
    ),
    (
        Event::Returned,
        false,
        (
            "线索被退回：{{ lead.company }} {{ lead.name }}",
            "{{ owner.name }} 退回：{{ tag }}{% if remark %}\n备注：{{ remark }}{% endif %}",
        ),
        (
            "Returned: {{ lead.company }} {{ lead.name }}",
            "{{ owner.name }} returned it: {{ tag }}{% if remark %}\nRemark: {{ remark }}{% endif %}",
        ),
    ),
    (
        Event::Returned,
        true,
        ("{{ owner.name }} 退回一条线索", "{{ tag }}"),
        ("{{ owner.name }} returned a lead", "{{ tag }}"),
    ),
    (
        Event::TagMissing,
        false,
        ("请补充原因：{{ lead.company }} {{ lead.name }}", "这条线索已退回，但没有说明原因，请选择反馈标签"),
        (
            "Please say why: {{ lead.company }} {{ lead.name }}",
            "This lead was returned without a reason; please choose one",
        ),
    ),
    (
        Event::TagMissing,
        true,
        ("{{ owner.name }} 退回的线索缺少原因", "请补充反馈标签"),
        ("A return of {{ owner.name }} lacks its reason", "Please add the feedback tag"),
    ),
    (
        Event::AtDesk,
        false,
        (
            "待确认线索：{{ lead.company }} {{ lead.name }}",
            "{{ brief }}\n{% if lead.phone %}电话：{{ lead.phone }}\n{% endif %}请在 {{ desk.until }} 前确认",
        ),
        (
            "Lead to confirm: {{ lead.company }} {{ lead.name }}",
            "{{ brief }}\n{% if lead.phone %}Phone: {{ lead.phone }}\n{% endif %}Please confirm by {{ desk.until }}",
        ),
    ),
    (
        Event::AtDesk,
        true,
        ("有新的待确认线索", "渠道：{{ lead.channel }}，截止 {{ desk.until }}"),
        ("A new lead waits to be confirmed", "Channel: {{ lead.channel }}, by {{ desk.until }}"),
    ),
    (
        Event::OverdueDigest,
        false,
        (
            "今日超时线索 {{ count }} 条",
            "{% for item in items %}· {{ item.owner }}：{{ item.lead }}，应于 {{ item.due }} 前反馈\n{% endfor %}",
        ),
        (
            "{{ count }} overdue leads today",
            "{% for item in items %}· {{ item.owner }}: {{ item.lead }}, was due {{ item.due }}\n{% endfor %}",
        ),
    ),
    (
        Event::OverdueDigest,
        true,
        ("今日超时线索 {{ count }} 条", "请各位尽快反馈"),
        ("{{ count }} overdue leads today", "Please answer them soon"),
    ),
    (
        Event::SystemAlarm,
        false,
        ("{% if alarm.raised %}告警{% else %}恢复{% endif %} {{ alarm.code }}", "{{ alarm.detail }}"),
        ("{% if alarm.raised %}Alarm{% else %}All clear{% endif %} {{ alarm.code }}", "{{ alarm.detail }}"),
    ),
    (
        Event::SystemAlarm,
        true,
        (
            "{% if alarm.raised %}告警{% else %}恢复{% endif %} {{ alarm.code }}",
            "{% if alarm.raised %}详情请运行 leadloop status{% else %}该告警已解除{% endif %}",
        ),
        (
            "{% if alarm.raised %}Alarm{% else %}All clear{% endif %} {{ alarm.code }}",
            "{% if alarm.raised %}See `leadloop status`{% else %}This alarm is over{% endif %}",
        ),
    ),
    (Event::WeeklyReport, false, ("线索周报", "{{ report }}"), ("Leads of the week", "{{ report }}")),
    (
        Event::WeeklyReport,
        true,
        ("线索周报", "本周共 {{ count }} 条新线索"),
        ("Leads of the week", "{{ count }} new leads this week"),
    ),
];
