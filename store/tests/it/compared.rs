//! What a comparison of pool and CRM reads, page by page.

use leadloop_sync_core::book::{Book, Needs, ROWS_PER_KEY};
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::mirror_read;
use leadloop_sync_core::outbox::Lane;

use crate::on_both;
use crate::samples::{at, delivery, handoff, id, lead, mirror_row, put, remote_link};
use crate::write_path::written;

#[tokio::test]
async fn records_of_ours_and_open_hand_overs_come_page_by_page() {
    on_both("compared", |store| async move {
        let sales = LinkName::from("sales");
        let mut effects = Vec::new();
        for n in 1..=5 {
            effects.push(put(lead(n, 1)));
            effects.push(Effect::LinkRemote(Box::new(remote_link(100 + n, n))));
            let state = if n == 3 { HandoffState::Answered } else { HandoffState::WithSales };
            effects.push(Effect::PutHandoff(Box::new(handoff(10 + n, n, 1, state))));
        }
        let mut waiting = delivery(50, "lead/2", Lane::Normal);
        waiting.lead = Some(id(2));
        effects.push(Effect::Enqueue(Box::new(waiting)));
        written(&store, effects).await;

        let (mut records, mut after) = (Vec::new(), None);
        loop {
            let page = store.links_of(&sales, after.as_ref(), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.remote.clone());
            records.extend(page.into_iter().map(|link| link.remote.id));
        }
        assert_eq!(records, ["101", "102", "103", "104", "105"]);
        assert!(store.links_of(&LinkName::from("other"), None, 2).await.unwrap().is_empty());

        let first = store.open_handoffs(&sales, None, 3).await.unwrap();
        assert_eq!(first.iter().map(|it| it.id).collect::<Vec<_>>(), [id(11), id(12), id(14)]);
        let rest = store.open_handoffs(&sales, first.last().map(|it| it.id), 3).await.unwrap();
        assert_eq!(rest.iter().map(|it| it.id).collect::<Vec<_>>(), [id(15)]);

        let needs = Needs { leads: [id(1)].into(), ..Needs::default() };
        let (book, unsettled) = store.look_unsettled(&needs, &[id(2)]).await.unwrap();
        assert_eq!(book.leads.keys().copied().collect::<Vec<_>>(), [id(1)]);
        assert_eq!(unsettled.keys().copied().collect::<Vec<_>>(), [id(2)]);
        assert_eq!(unsettled[&id(2)].len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_a_whole_reading_did_not_bring_is_known() {
    on_both("unseen", |store| async move {
        let row = |n: u64, seen: i64, deleted: bool| {
            let mut row = mirror_row("lead", n);
            (row.seen_at, row.deleted) = (at(seen), deleted);
            Effect::PutMirror(Box::new(row))
        };
        written(&store, vec![row(1, 5, false), row(2, 20, false), row(3, 5, true), row(4, 9, false)]).await;
        let asked = |object: &str| Needs {
            unseen: [(LinkName::from("sales"), object.to_owned(), at(10))].into(),
            ..Needs::default()
        };
        let book = store.look(&asked("lead")).await.unwrap();
        let found: Vec<&str> = book.mirror.keys().map(|remote| remote.id.as_str()).collect();
        assert_eq!(found, ["1", "4"]);
        assert!(store.look(&asked("contact")).await.unwrap().mirror.is_empty());
    })
    .await;
}

#[tokio::test]
async fn of_a_key_that_many_share_the_rows_that_changed_last_are_loaded() {
    on_both("shared-key", |store| async move {
        let sales = LinkName::from("sales");
        let most = u64::from(ROWS_PER_KEY);
        let mut everything = Book::default();
        let mut effects = Vec::new();
        // one key with as many rows as are loaded, one with three more
        for (mail, count) in [("few@shili.example", most), ("many@shili.example", most + 3)] {
            for n in 0..count {
                let mut row = mirror_row("contact", count * 1_000 + n);
                row.facts.emails = vec![mail.to_owned()];
                row.modified_at = (n != 7).then(|| at(i64::try_from((n * 37) % 50).unwrap()));
                everything.put_mirror(&row);
                effects.push(Effect::PutMirror(Box::new(row)));
            }
        }
        written(&store, effects).await;
        let keys = ["few@shili.example", "many@shili.example", "nobody@shili.example"];
        let keys = keys.map(|mail| mirror_read::key(&sales, "email", mail));
        let needs = Needs { keys: keys.clone().into(), ..Needs::default() };
        let book = store.look(&needs).await.unwrap();
        assert_eq!(book, everything.view(&needs));
        assert_eq!(keys.map(|key| book.keys.get(&key).map_or(0, |rows| rows.len())), [100, 100, 0]);
    })
    .await;
}
