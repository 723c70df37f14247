//! What stood in a CRM before we wrote it: kept once for a delivery, found by command, version, time and delivery, gone
//! with its time.

use std::collections::BTreeMap;

use leadloop_mapping::Value;
use leadloop_store::read::before::BeforeAsk;
use leadloop_store::read::parked::ParkedAsk;
use leadloop_store::{ClaimAsk, Retention, Store};
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::outbox::{DeliveryState, Lane};
use leadloop_sync_core::undo::{BeforeImage, Change};

use crate::on_both;
use crate::samples::{at, delivery, id, lead, note, put, remote, version};
use crate::write_path::written;

fn image(n: u64, run: Option<&str>, before: &str) -> BeforeImage {
    let change = Change { before: Some(Value::text(before)), ours: Value::text("ours") };
    BeforeImage {
        delivery: id(n),
        remote: remote("lead", n),
        lead: id(1),
        handoff: None,
        run: run.map(str::to_owned),
        at: at(i64::try_from(n).unwrap()),
        made_at: at(0),
        created: n == 13,
        fields: BTreeMap::from([("name".to_owned(), change)]),
    }
}

async fn found(store: &Store, ask: BeforeAsk) -> Vec<BeforeImage> {
    store.before_images(&BeforeAsk { limit: 10, ..ask }).await.unwrap()
}

#[tokio::test]
async fn what_stood_there_is_found_and_goes_with_its_time() {
    on_both("before", async |store| {
        store.activate(&version("config-1"), at(0)).await.unwrap();
        let images =
            [image(11, Some("repair-1"), "a"), image(12, None, "b"), image(13, Some("repair-1"), "c")];
        let keep = |image: &BeforeImage| Effect::KeepBefore(Box::new(image.clone()));
        written(&store, [vec![put(lead(1, 1))], images.iter().map(keep).collect()].concat()).await;
        // A second attempt says it again: what stood there before the first one counts.
        written(&store, vec![keep(&image(11, None, "ours"))]).await;

        assert_eq!(found(&store, BeforeAsk::default()).await, images);
        let by_run = BeforeAsk { run: Some("repair-1".into()), ..BeforeAsk::default() };
        assert_eq!(found(&store, by_run).await, [images[0].clone(), images[2].clone()]);
        let by_version = BeforeAsk { config: Some("config-1".into()), ..BeforeAsk::default() };
        assert_eq!(found(&store, by_version).await.len(), 3);
        let by_other = BeforeAsk { config: Some("config-2".into()), ..BeforeAsk::default() };
        assert!(found(&store, by_other).await.is_empty());
        let by_id = BeforeAsk { deliveries: vec![id(12)], ..BeforeAsk::default() };
        assert_eq!(found(&store, by_id).await, [images[1].clone()]);
        let by_time = BeforeAsk { since: Some(at(12)), until: Some(at(12)), ..BeforeAsk::default() };
        assert_eq!(found(&store, by_time).await, [images[1].clone()]);
        let elsewhere = BeforeAsk { link: Some(LinkName::from("other")), ..BeforeAsk::default() };
        assert!(found(&store, elsewhere).await.is_empty());
        let page = BeforeAsk { after: Some((at(12), id(12))), ..BeforeAsk::default() };
        assert_eq!(found(&store, page).await, [images[2].clone()]);

        let runs = store.write_runs(at(0), 10).await.unwrap();
        let told: Vec<_> =
            runs.iter().map(|run| (run.kind.as_str(), run.name.as_str(), run.writes, run.made)).collect();
        assert_eq!(told, [("config", "config-1", 3, 1), ("run", "repair-1", 2, 1)]);

        let old = Retention { deliveries: Some(at(12)), ..Retention::default() };
        assert_eq!(store.retain(&old, 100).await.unwrap(), 1);
        assert_eq!(found(&store, BeforeAsk::default()).await, images[1..]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_delivery_bears_the_name_of_the_command_that_released_it() {
    on_both("run", async |store| {
        store.activate(&version("config-1"), at(0)).await.unwrap();
        let mut daily = delivery(20, "lead/1", Lane::Hot);
        daily.lead = Some(id(1));
        let mut ordered = delivery(21, "lead/2", Lane::Hot);
        ordered.run = Some("undo-1".into());
        written(
            &store,
            vec![put(lead(1, 1)), Effect::Enqueue(Box::new(daily)), Effect::Enqueue(Box::new(ordered))],
        )
        .await;
        let ask = ClaimAsk::new(LinkName::from("sales"), 5, at(1), at(60));
        let claimed = store.claim(&ask).await.unwrap();
        let runs: Vec<_> = claimed.iter().map(|delivery| delivery.run.as_deref()).collect();
        assert_eq!(runs, [None, Some("undo-1")]);
        let park = |n| Effect::MoveDelivery {
            id: id(n),
            attempt: 1,
            to: DeliveryState::Parked { code: "LL4203".into(), detail: "no".into() },
            due_at: at(2),
            probe: None,
            operation: None,
            reset: false,
            note: note("data"),
        };
        written(&store, vec![park(20), park(21)]).await;
        let meant = ParkedAsk { ids: vec![id(20)], ..ParkedAsk::default() };
        assert_eq!(store.retry_deliveries(&meant, Some("retry-1"), at(3)).await.unwrap(), 1);
        let again = store.claim(&ClaimAsk { now: at(4), ..ask }).await.unwrap();
        assert_eq!(again.first().and_then(|delivery| delivery.run.as_deref()), Some("retry-1"));
        let parked = store.parked_deliveries(&ParkedAsk { limit: 5, ..ParkedAsk::default() }).await.unwrap();
        assert_eq!(parked[0].delivery.run.as_deref(), Some("undo-1"));
        store.close().await;
    })
    .await;
}
