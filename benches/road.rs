//! The whole road end to end: captures acknowledged a second and hand-overs delivered a second, on SQLite and PostgreSQL,
//! each beside the limit measured in the same run (bare durable batched inserts; bare HTTP posts to the sandbox).
//!
//! `cargo bench --bench road` runs it; `LEADLOOP_BENCH_LEADS` changes the size (default 5,000). It prints ratios, asserts
//! nothing about speed, and fails only when something is lost.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a bench prints, ends when its surroundings fail, and counts far below 2^52"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadloop_config::lower::Secrets;
use leadloop_config::plan::Plan;
use leadloop_config::text::Files;
use leadloop_connector_api::Registry;
use leadloop_connectors as _; // the registry finds what is linked in
use leadloop_sandbox::{Options, Sandbox};
use leadloop_store::{Store, StoreSettings};
use leadloop_sync_core::time::Timestamp;
use leadloop_testing::load::{self, json_request};
use tokio::runtime::Runtime;

/// Connections of the load generator: enough to keep a group commit full.
const CONNECTIONS: usize = 32;
/// Rows of one bare insert.
const BARE_BATCH: usize = 256;
/// Nothing takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() {
    let leads =
        std::env::var("LEADLOOP_BENCH_LEADS").ok().and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "road: {leads} leads, {CONNECTIONS} connections, {cores} cores; sender and CRM on the same machine\n"
    );
    println!(
        "{:<10} {:>11} {:>13} {:>6}  {:>12} {:>11} {:>6}  {:>9} {:>9}",
        "store",
        "captures/s",
        "bare insert/s",
        "ratio",
        "hand-overs/s",
        "bare post/s",
        "ratio",
        "ack p50",
        "ack p99"
    );
    let folder = leadloop_testing::temp_dir();
    measure(&runtime, "SQLite", &format!("sqlite:{}", folder.path().join("road.db").display()), leads);
    let database = leadloop_testing::fresh_database("road");
    measure(&runtime, "PostgreSQL", database.url(), leads);
}

fn body(number: usize) -> String {
    format!(
        r#"{{"name":"测试{number}","phone":"139{:08}","email":"user{number}@firm{}.example","company":"示例{number}有限公司","title":"经理","requirement":"MES","_submission_id":"{number}"}}"#,
        10_000_000 + number,
        number % 500,
    )
}

fn measure(runtime: &Runtime, name: &str, url: &str, leads: usize) {
    let sandbox = runtime.block_on(Sandbox::start(Options::default())).expect("the sandbox starts");
    let bare_posts = bare_posts(runtime, leads);
    let store = runtime.block_on(Store::open(&StoreSettings::new(url))).expect("the store opens");
    let bodies: Vec<Vec<u8>> = (0..leads).map(|number| body(number).into_bytes()).collect();
    let took =
        runtime.block_on(leadloop_store::bare::inserts(url, &bodies, BARE_BATCH)).expect("bare inserts work");
    let bare_inserts = leads as f64 / took.as_secs_f64();

    let folder = leadloop_testing::temp_dir();
    let plan = plan(folder.path(), sandbox.addr());
    let running = runtime.block_on(leadloop_server::start(plan, store.clone())).expect("the node starts");
    let requests =
        (0..leads).map(|number| json_request(running.address, "/in/website", &[], &body(number))).collect();
    let begun = Instant::now();
    let acknowledged = load::run(running.address, requests, CONNECTIONS).expect("every request is answered");
    assert_eq!(acknowledged.accepted, leads, "{} were refused", acknowledged.refused);
    let delivered = runtime.block_on(all_delivered(&store, leads, begun));
    println!(
        "{name:<10} {:>11.0} {bare_inserts:>13.0} {:>5.0}%  {delivered:>12.0} {bare_posts:>11.0} {:>5.0}%  {:>7.1}ms {:>7.1}ms",
        acknowledged.rate(),
        100.0 * acknowledged.rate() / bare_inserts,
        100.0 * delivered / bare_posts,
        acknowledged.quantile(500).as_secs_f64() * 1_000.0,
        acknowledged.quantile(990).as_secs_f64() * 1_000.0,
    );
    runtime.block_on(running.stop());
    runtime.block_on(sandbox.shutdown());
}

/// Waits until every hand-over is with sales: leads a second since `begun`.
async fn all_delivered(store: &Store, leads: usize, begun: Instant) -> f64 {
    loop {
        let status = store.status(Timestamp(0)).await.expect("the store answers");
        let done: i64 =
            status.handoffs.iter().filter(|(state, _)| state == "with_sales").map(|(_, count)| count).sum();
        if usize::try_from(done).is_ok_and(|done| done >= leads) {
            return leads as f64 / begun.elapsed().as_secs_f64();
        }
        assert!(begun.elapsed() < PATIENCE, "only {done} of {leads} arrived: {status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the CRM takes when nothing stands before it: one record a request.
fn bare_posts(runtime: &Runtime, leads: usize) -> f64 {
    let options = Options::default();
    let sandbox = runtime.block_on(Sandbox::start(options.clone())).expect("the sandbox starts");
    let to = sandbox.addr();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        options.client_id, options.client_secret
    );
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let token =
        leadloop_testing::http::send(to, "POST", "/oauth/token", &kind, form.as_bytes()).expect("it answers");
    let token: serde_json::Value = serde_json::from_str(&token.body).expect("a token is JSON");
    let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token is text"));
    let requests = (0..leads)
        .map(|number| {
            let lead = serde_json::json!({
                "name": format!("测试{number}"),
                "phone": format!("139{:08}", 10_000_000 + number),
                "leadloop_id": format!("H-{number}"),
            });
            json_request(to, "/api/v1/leads", &[("authorization", &bearer)], &lead.to_string())
        })
        .collect();
    let load = load::run(to, requests, CONNECTIONS).expect("every request is answered");
    assert_eq!(load.accepted, leads, "{} posts were refused", load.refused);
    runtime.block_on(sandbox.shutdown());
    load.rate()
}

/// The files of the bench's config.
struct Folder<'a>(&'a Path);

impl Files for Folder<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.0.join(name)).map_err(|error| error.to_string())
    }
    fn list(&self, _: &str) -> Vec<String> {
        vec![]
    }
}

/// Its one secret: the sandbox's.
struct Known(String);

impl Secrets for Known {
    fn resolve(&self, _: &str, _: &str) -> Result<secrecy::SecretString, String> {
        Ok(secrecy::SecretString::from(self.0.clone()))
    }
}

fn plan(folder: &Path, crm: SocketAddr) -> Arc<Plan> {
    let options = Options::default();
    let text =
        include_str!("road.toml").replace("{crm}", &crm.to_string()).replace("{client}", &options.client_id);
    std::fs::write(folder.join("leadloop.toml"), text).expect("the folder can be written");
    std::fs::write(
        folder.join("people.csv"),
        "key,name,crm_user\nli.na,li.na,U1001\nwang.wei,wang.wei,U1002\n",
    )
    .expect("the folder can be written");
    let loaded = leadloop_config::load(
        "leadloop.toml",
        &Folder(folder),
        &Known(options.client_secret),
        &Registry::all(),
    );
    loaded.plan.map(Arc::new).unwrap_or_else(|| panic!("the bench's config is right: {:?}", loaded.problems))
}
