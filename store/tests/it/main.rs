//! The store on both engines: every test runs on SQLite and on PostgreSQL and must see the same.
#![expect(clippy::unwrap_used, reason = "a test without its surroundings has to fail, loudly")]

mod activities;
mod compared;
mod filter;
mod inbox;
mod long;
mod model;
mod nodes;
mod outbox;
mod people;
mod reads;
mod samples;
mod surroundings;
mod visits;
mod write_path;

use std::future::Future;

use leadloop_store::{Store, StoreSettings};

/// Runs one test on each engine, on a fresh store.
pub(crate) async fn on_both<F: Future<Output = ()>>(hint: &str, test: impl Fn(Store) -> F) {
    let sqlite = Store::open(&StoreSettings::new("sqlite::temporary:")).await.unwrap();
    test(sqlite.clone()).await;
    sqlite.close().await;
    let database = leadloop_testing::fresh_database(hint);
    let postgres = Store::open(&StoreSettings::new(database.url())).await.unwrap();
    test(postgres.clone()).await;
    postgres.close().await;
}
