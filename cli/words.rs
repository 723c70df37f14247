//! Words for people: stages, states and kinds in both languages.

use leadloop_sync_core::because::Language;
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::lead::{Owner, Stage};
use leadloop_sync_core::outbox::{Operation, Purpose};

fn pick(language: Language, en: &'static str, zh: &'static str) -> &'static str {
    match language {
        Language::En => en,
        Language::Zh => zh,
    }
}

/// A stage.
pub fn stage(stage: Stage, language: Language) -> &'static str {
    match stage {
        Stage::Raw => pick(language, "raw", "未合格"),
        Stage::Marketing => pick(language, "MQL", "MQL（市场合格）"),
        Stage::WithSales => pick(language, "SQL (with sales)", "SQL（已转销售）"),
        Stage::Accepted => pick(language, "accepted by sales", "销售已接受"),
        Stage::Opportunity => pick(language, "opportunity", "商机"),
        Stage::Won => pick(language, "won", "赢单"),
        Stage::Lost => pick(language, "lost", "输单"),
        Stage::Resting => pick(language, "resting in the pool", "休眠（回池）"),
        Stage::Closed => pick(language, "closed", "已关闭"),
    }
}

/// The state of a hand-over.
pub fn handoff(state: HandoffState, language: Language) -> &'static str {
    match state {
        HandoffState::Asking => pick(language, "asking", "核实中"),
        HandoffState::AtDesk => pick(language, "at the desk", "SDR 确认中"),
        HandoffState::Telling => pick(language, "being delivered", "投递中"),
        HandoffState::WithSales => pick(language, "with sales", "已到销售"),
        HandoffState::Accepted => pick(language, "accepted", "已接受"),
        HandoffState::Answered => pick(language, "answered", "已答复"),
        HandoffState::Declined => pick(language, "not handed over", "未转出"),
        HandoffState::Returned => pick(language, "returned by sales", "销售退回"),
        HandoffState::TakenBack => pick(language, "taken back", "已收回"),
        HandoffState::Superseded => pick(language, "superseded", "已被替代"),
        HandoffState::Parked => pick(language, "needs a person", "待人工处理"),
    }
}

/// What a clock of a hand-over is called.
pub fn clock(name: &str, language: Language) -> &'static str {
    match name {
        "noticed" => pick(language, "noticed", "获知"),
        "decided" => pick(language, "decided", "决定"),
        "delivered" => pick(language, "delivered", "送达"),
        "answered" => pick(language, "answered", "反馈"),
        _ => pick(language, "happened", "发生"),
    }
}

/// What a delivery is for.
pub fn purpose(purpose: Purpose, language: Language) -> &'static str {
    match purpose {
        Purpose::Handover => pick(language, "hand-over", "转出"),
        Purpose::Fill => pick(language, "record without a hand-over", "写入记录（不转出）"),
        Purpose::Brief => pick(language, "brief", "摘要"),
        Purpose::Ask => pick(language, "look-up", "查询"),
        Purpose::Status => pick(language, "status", "状态"),
        Purpose::Fields => pick(language, "fields", "字段"),
        Purpose::Poll => pick(language, "poll", "轮询"),
        Purpose::Inform => pick(language, "tell the MA", "告知 MA"),
        Purpose::Notice => pick(language, "notice", "通知"),
        Purpose::Enrich => pick(language, "company look-up", "企业查询"),
    }
}

/// What a delivery says: `create lead`, `update lead L1031`.
pub fn operation(operation: &Operation) -> String {
    let object = match operation {
        Operation::Create { object, .. }
        | Operation::Find { object, .. }
        | Operation::Describe { object }
        | Operation::Prepare { object, .. }
        | Operation::Changes { object, .. } => {
            format!(" {object}")
        }
        Operation::Update { remote, .. } => format!(" {} {}", remote.object, remote.id),
        Operation::Tell { id, .. } => format!(" {id}"),
        Operation::Notify { notice, .. } => format!(" {}", notice.event),
        Operation::Check => String::new(),
    };
    format!("{}{object}", operation.kind())
}

/// An owner: our key of the person, else the user id of the CRM.
pub fn owner(owner: &Owner) -> String {
    owner.person.as_ref().map_or_else(|| owner.crm_user.clone(), |person| person.0.clone())
}
