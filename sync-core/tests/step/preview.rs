//! What is shown without sending is what is sent then.

use leadloop_mapping::{Record, Value};
use leadloop_sync_core::outbox::Operation;
use leadloop_sync_core::preview::{self, Becomes, Preview, Unseen};
use leadloop_sync_core::time::Micros;

use super::support::policy::crm;
use super::support::rows;
use super::{Game, Side, play};

/// What would be told now, by what is asked for alone.
fn shown(game: &Game) -> Preview {
    let (book, policy) = (&game.model.book, &game.model.policy);
    let first = book.view(&preview::needs(game.lead, None));
    let known = book.view(&preview::needs(game.lead, Some(&first)));
    let of = |book| {
        let mut moment = game.model.moment.clone();
        preview::preview(book, game.lead, (&crm(), None), policy, &mut moment)
            .expect("there is something to show")
    };
    let shown = of(&known);
    assert_eq!(shown, of(book), "it reads more than it asks for");
    shown
}

#[test]
fn the_preview_of_a_change_is_what_is_sent() {
    let mut game = play(5);
    assert!(shown(&game).record.is_empty(), "both sides agree");
    let (from, before) = (game.model.deliveries.len(), game.count);
    while game.count == before {
        game.edit(Side::Pool);
    }
    let wanted = shown(&game);
    assert!(!wanted.record.is_empty());
    for line in &wanted.lines {
        let sends = wanted.record.get(&line.line.fields[0]).is_some();
        assert_eq!(line.becomes == Becomes::Sent, sends, "{line:?}");
    }
    let until = game.model.now() + Micros::hours(1);
    game.run(until);
    let sent: Record = game
        .model
        .deliveries
        .iter()
        .skip(from)
        .filter_map(|delivery| match &delivery.operation {
            Operation::Update { record, .. } => Some(record.0.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(sent, wanted.record);
    assert!(shown(&game).record.is_empty(), "it is said");
}

#[test]
fn the_preview_of_a_lead_that_sales_do_not_know_is_the_record_to_be_made() {
    let mut game = Game::new(1);
    let fields = [("name", "测试"), ("phone", "13900000001"), ("field_3", "甲"), ("field_4", "")];
    let lead = rows::lead(rows::lead_id(2, game.model.now()), &fields, game.model.now());
    rows::keep_lead(&mut game.model.book, &lead);
    game.lead = lead.id;
    let made = shown(&game);
    assert_eq!(made.remote, None);
    assert_eq!(made.record.get("c3"), Some(&Value::from("甲")));
    let becomes = |field: &str| {
        made.lines.iter().find(|line| line.line.fields == [field]).map(|line| line.becomes.clone())
    };
    assert_eq!(becomes("c3"), Some(Becomes::Sent));
    assert_eq!(becomes("c4"), Some(Becomes::Blank));
    let beside: Vec<&str> = made.beside.iter().map(|beside| beside.why).collect();
    assert_eq!(beside, ["name", "owner", "status", "mark"]);
    let mut moment = game.model.moment.clone();
    let wrong =
        preview::preview(&game.model.book, lead.id, (&crm(), Some("leed")), &game.model.policy, &mut moment);
    assert_eq!(wrong, Err(Unseen::Object));
}
