//! Which fields a source tells: how many had each in the weeks before, and lately.

use leadloop_server::vigil::{GONE, NEW};
use leadloop_sync_core::shape::{Held, Odd};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};

/// Most fields that are shown.
const MOST: usize = 25;

/// Shows them, those that are odd first.
///
/// # Errors
/// Where nothing can be printed.
pub fn show(screen: &Screen, held: &[Held]) -> Result<(), Failure> {
    if held.is_empty() {
        return Ok(());
    }
    screen.head(screen.words("Fields it tells", "携带的字段"))?;
    let mut table = Rows::new(&[
        screen.words("touch", "互动"),
        screen.words("field", "字段"),
        screen.words("#usual", "#往常"),
        screen.words("#lately", "#近期"),
        "",
    ])
    .indent(2);
    for one in held.iter().take(MOST) {
        let odd = match one.odd() {
            None => String::new(),
            Some(Odd::Gone) => format!("{} {GONE}", screen.words("it is missing", "缺失")),
            Some(Odd::New) => format!("{} {NEW}", screen.words("new, and not mapped", "新字段，未映射")),
        };
        table.push(vec![
            one.touch.clone(),
            one.field.clone(),
            format!("{} %", one.usual.percent()),
            format!("{} % / {}", one.lately.percent(), one.lately.of),
            screen.paint(Style::Bad, &odd),
        ]);
    }
    screen.table(&table)?;
    if held.len() > MOST {
        let more = held.len() - MOST;
        let more = screen.words("more fields with --output json: ", "更多字段见 --output json：").to_owned()
            + &more.to_string();
        screen.line(&screen.paint(Style::Note, &format!("  {more}")))?;
    }
    Ok(())
}

/// All of them.
pub fn json(held: &[Held]) -> Vec<Value> {
    let code = |held: &Held| held.odd().map(|odd| if odd == Odd::Gone { GONE } else { NEW });
    held.iter()
        .map(|one| {
            json!({ "touch": one.touch, "field": one.field, "usual_percent": one.usual.percent(), "usual_of": one.usual.of,
                    "percent": one.lately.percent(), "of": one.lately.of, "sample": one.sample, "code": code(one) })
        })
        .collect()
}
