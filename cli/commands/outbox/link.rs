//! `leadloop outbox pause` and `resume`: a person stops sending to a system, and starts it again.

use leadloop_server::gates::Wish;
use leadloop_server::orders::Order;
use leadloop_sync_core::ids::LinkName;
use serde_json::json;

use crate::args::General;
use crate::failure::Failure;
use crate::orders::Desk;
use crate::plan;
use crate::screen::Screen;

/// Says what is wanted of a link; seen by the node that drives it within seconds.
///
/// # Errors
/// Where there is no such link, or config or store cannot be used.
pub(super) async fn run(
    screen: &mut Screen,
    general: &General,
    link: &str,
    wish: Wish,
) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let order = Order::Link { link: LinkName::from(link), wish, by: crate::reveal::who() };
    let desk = Desk::open(&plan).await?;
    let done = desk.carry_out(order).await;
    desk.close().await?;
    done?;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "link": link, "wish": wish }))?);
    }
    let text = match (wish, screen.words("en", "zh")) {
        (Wish::Pause, "en") => format!("nothing more is sent to `{link}`; what is due waits"),
        (Wish::Pause, _) => format!("已暂停向 `{link}` 投递，到期的投递会等待"),
        (Wish::Drain, "en") => format!("`{link}` gets what is in the outbox now; what is made later waits"),
        (Wish::Drain, _) => format!("`{link}` 只发完当前发件箱中的投递，之后产生的会等待"),
        (Wish::Resume, "en") => format!("`{link}` is sent to again"),
        (Wish::Resume, _) => format!("已恢复向 `{link}` 投递"),
    };
    Ok(screen.line(&text)?)
}
