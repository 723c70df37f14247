//! A lead with fifty thousand touches: its story is read as fast as a short one, and so is what the next capture needs.

use std::time::{Duration, Instant};

use leadloop_sync_core::book::{HISTORY_LOADED, Needs, TOUCHES_LOADED};
use leadloop_sync_core::effect::Effect;

use crate::on_both;
use crate::samples::{binding, id, lead, phone, put, touch};
use crate::write_path::written;

const TOUCHES: u64 = 50_000;
/// Far more than it takes, far less than reading them all.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_lead_with_fifty_thousand_touches_is_read_in_bounds() {
    on_both("long", |store| async move {
        let mut long = lead(1, 1);
        long.touches = u32::try_from(TOUCHES).unwrap();
        written(&store, vec![put(long), Effect::Bind(binding(1, phone(1)))]).await;
        for batch in 0..10 {
            let numbers = batch * TOUCHES / 10..(batch + 1) * TOUCHES / 10;
            let touches =
                numbers.map(|n| Effect::Touch(Box::new(touch(1_000 + n, 1, i64::try_from(n).unwrap()))));
            written(&store, touches.collect()).await;
        }
        let began = Instant::now();
        let story = store.story(id(1), 20).await.unwrap().unwrap();
        assert_eq!((story.touches.len(), story.touches_total), (20, i64::try_from(TOUCHES).unwrap()));
        assert_eq!(story.touches[0].id, id(1_000 + TOUCHES - 1), "the newest first");
        let who = [phone(1)].into();
        let needs = Needs {
            identifiers: who,
            touches_of: [id(1)].into(),
            history_of: [id(1)].into(),
            ..Needs::default()
        };
        let book = store.look(&needs).await.unwrap();
        let loaded: usize = book.touches.values().map(Vec::len).sum();
        assert!(loaded <= usize::try_from(HISTORY_LOADED.max(TOUCHES_LOADED)).unwrap(), "{loaded}");
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    })
    .await;
}
