//! The store on both engines: every test runs on SQLite and on PostgreSQL and must see the same.
#![expect(clippy::unwrap_used, reason = "a test without its surroundings has to fail, loudly")]

mod activities;
mod before;
mod by_touch;
mod compared;
mod conversations;
mod filter;
mod foreign;
mod inbox;
mod long;
mod model;
mod nodes;
mod outbox;
mod people;
mod personal;
mod reads;
mod samples;
mod sealed;
mod surroundings;
mod visits;
mod write_path;

use std::future::Future;

use leadloop_store::{MasterKey, MasterKeys, Store, StoreSettings};

/// The master key number `n` of tests.
pub(crate) fn master(n: u8) -> MasterKey {
    MasterKey::parse(&format!("{n:02x}").repeat(32)).unwrap()
}

/// Settings with a master key and those before it.
pub(crate) fn under(settings: &StoreSettings, current: u8, old: &[u8]) -> StoreSettings {
    let old = old.iter().copied().map(master).collect();
    settings.clone().encrypted(Some(MasterKeys { current: master(current), old }))
}

/// Runs one test on each engine, on a fresh store: in clear, and encrypted, for nobody may see a difference. Encrypted on
/// PostgreSQL only where `LEADLOOP_TEST_ENCRYPTED` asks for it, since what differs is the same for both engines.
pub(crate) async fn on_both<F: Future<Output = ()>>(hint: &str, test: impl Fn(Store) -> F) {
    let clear = StoreSettings::new("sqlite::temporary:");
    for settings in [under(&clear, 7, &[]), clear] {
        let sqlite = Store::open(&settings).await.unwrap();
        test(sqlite.clone()).await;
        sqlite.close().await;
    }
    let both = std::env::var_os("LEADLOOP_TEST_ENCRYPTED").is_some();
    for encrypted in [true, false].into_iter().filter(|encrypted| both || !*encrypted) {
        let database = leadloop_testing::fresh_database(hint);
        let clear = StoreSettings::new(database.url());
        let settings = if encrypted { under(&clear, 7, &[]) } else { clear };
        let postgres = Store::open(&settings).await.unwrap();
        test(postgres.clone()).await;
        postgres.close().await;
    }
}
