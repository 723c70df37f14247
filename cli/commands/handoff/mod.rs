//! `leadloop handoff`: open hand-overs, what is overdue, change of hands, handing over again.

mod list;
mod show;

use leadloop_server::handoffs;
use leadloop_server::orders::Order;
use leadloop_store::Store;
use leadloop_store::read::handoffs::HandoffAsk;
use leadloop_sync_core::handoff::{Handoff as Kept, HandoffState};
use leadloop_sync_core::ids::{HandoffId, PersonKey};
use serde_json::json;
use uuid::Uuid;

use crate::args::General;
use crate::args::handoff::Handoff;
use crate::failure::Failure;
use crate::orders::Desk;
use crate::screen::Screen;
use crate::{plan, question};

pub use list::table;

/// Most hand-overs that change hands at once.
const MOST: u32 = 10_000;

/// Lists, shows or changes.
///
/// # Errors
/// Where config or store cannot be used, or an id is none.
pub async fn run(screen: &mut Screen, general: &General, command: Handoff) -> Result<(), Failure> {
    match command {
        Handoff::List(args) => list::run(screen, general, &args).await,
        Handoff::Show { id, reveal } => show::run(screen, general, &id, reveal).await,
        Handoff::Reassign { ids, from, to, yes } => {
            let whom = Whom { ids, from };
            change(screen, general, &whom, Change::Reassign(PersonKey::from(to.as_str())), yes).await
        }
        Handoff::TakeBack { ids, yes } => {
            change(screen, general, &Whom { ids, from: None }, Change::TakeBack, yes).await
        }
        Handoff::Again { ids, yes } => {
            change(screen, general, &Whom { ids, from: None }, Change::Again, yes).await
        }
        Handoff::NewKey => new_key(screen, general).await,
    }
}

/// Which hand-overs change hands.
struct Whom {
    ids: Vec<String>,
    from: Option<String>,
}

/// What becomes of them.
enum Change {
    Reassign(PersonKey),
    TakeBack,
    Again,
}

impl Change {
    fn question(&self, screen: &Screen) -> String {
        match self {
            Self::Reassign(to) => screen
                .words("Give {n} hand-overs to {to}?", "将 {n} 个转出改派给 {to}？")
                .replace("{to}", to.as_str()),
            Self::TakeBack => screen.words("Take {n} hand-overs back?", "收回 {n} 个转出？").to_owned(),
            Self::Again => screen.words("Hand {n} leads over again?", "将 {n} 条线索再次转出？").to_owned(),
        }
    }

    fn order(self, ids: Vec<HandoffId>) -> handoffs::Order {
        match self {
            Self::Reassign(to) => handoffs::Order::Reassign { ids, to },
            Self::TakeBack => handoffs::Order::TakeBack { ids },
            Self::Again => handoffs::Order::Again { ids },
        }
    }
}

/// The one hand-over that an id, or the beginning of one, stands for.
///
/// # Errors
/// Where there is none, or several.
pub async fn find(store: &Store, text: &str) -> Result<Kept, Failure> {
    let bare: String =
        text.trim().trim_start_matches("H-").chars().filter(|c| *c != '-' && *c != '…').collect();
    let none = || {
        Failure::input(format!("there is no hand-over `{text}`"), format!("没有转出 `{text}`"))
            .code("LL4606")
            .help("`leadloop handoff list` shows them", "用 `leadloop handoff list` 查看")
    };
    if bare.is_empty() || bare.len() > 32 || !bare.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(none());
    }
    let end = |fill: char| {
        let padded: String = bare.chars().chain(std::iter::repeat(fill)).take(32).collect();
        Uuid::parse_str(&padded).map(HandoffId::new).map_err(|_| none())
    };
    let mut found = store.handoffs_like(end('0')?, end('f')?).await?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(none()),
        _ => Err(Failure::input(
            format!("several hand-overs begin with `{text}`"),
            format!("有多个转出以 `{text}` 开头"),
        )
        .code("LL4606")
        .help("write more of it", "请多写几位")),
    }
}

async fn change(
    screen: &mut Screen,
    general: &General,
    whom: &Whom,
    change: Change,
    yes: bool,
) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let mut ids = Vec::new();
    for id in &whom.ids {
        ids.push(find(&store, id).await?.id);
    }
    if let Some(from) = &whom.from {
        let ask = HandoffAsk { owner: Some(from.clone()), limit: MOST, ..HandoffAsk::default() };
        let held =
            |state| matches!(state, HandoffState::WithSales | HandoffState::Accepted | HandoffState::Parked);
        let open = store.handoffs(&ask).await?;
        ids.extend(open.into_iter().map(|(handoff, _)| handoff).filter(|h| held(h.state)).map(|h| h.id));
    }
    store.close().await;
    if ids.is_empty() {
        return Ok(screen.line(screen.words("nothing is open there", "没有在途转出"))?);
    }
    let count = ids.len();
    let asked = change.question(screen).replace("{n}", &count.to_string());
    if !yes && !question::confirmed(screen, &asked)? {
        return Ok(());
    }
    let desk = Desk::open(&plan).await?;
    let done = desk.carry_out(Order::Handoffs(change.order(ids))).await;
    desk.pass_time().await?;
    desk.close().await?;
    let changed = done?.changed;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "changed": changed }))?);
    }
    let said = screen.words("{n} hand-overs are being changed", "{n} 个转出正在变更");
    Ok(screen.line(&said.replace("{n}", &changed.to_string()))?)
}

async fn new_key(screen: &mut Screen, general: &General) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    if plan.answer_key.is_some() {
        return Err(Failure::input(
            "the key of answer links stands in the config",
            "反馈链接的密钥由配置指定",
        )
        .code("LL4607")
        .help(
            "put the new one before the old one in `answer_key` of [server], separated by a blank, and restart",
            "请在 [server] 的 `answer_key` 中把新密钥写在旧密钥之前，以空格分隔，然后重启",
        ));
    }
    let desk = Desk::open(&plan).await?;
    let done = desk.carry_out(Order::Handoffs(handoffs::Order::NewKey)).await;
    desk.close().await?;
    done?;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "changed": 1 }))?);
    }
    Ok(screen.line(screen.words("new answer links have a new key", "新的反馈链接已使用新密钥"))?)
}
