//! Large tables of others, page by page: all rows changed at one and the same time as by an import, a node that stops half-way,
//! a table at rest, and a CRM's table whose first reading holds nobody up. On PostgreSQL, MariaDB and SQLite.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadloop_connector_api::{Answer, Body, Request};
use leadloop_server::Running;
use leadloop_server::wire::{BoxFuture, HttpWire, Wire, WireError};
use leadloop_store::Store;
use leadloop_sync_core::load::Load;
use leadloop_sync_core::time::Micros;
use leadloop_testing::{fresh_database, http, temp_dir};

use crate::set_up::Ahead;
use crate::sql_table::{CRM, SOURCE, Theirs, node, people, stage, until};

const ROWS: usize = 600;
const PAGE: usize = 50;
/// Pages until the node is cut off.
const FIRST: usize = 5;
/// The time at which all rows were changed.
const AT: &str = "2026-11-23 05:00:00";
/// Longer than the look-back.
const LATER: Micros = Micros::minutes(6);

/// A way to the database on which only so many pages come through, and which notes how many rows each has.
struct Pages {
    inner: HttpWire,
    left: AtomicUsize,
    rows: Mutex<Vec<usize>>,
}

impl Pages {
    fn only(pages: usize) -> Arc<Self> {
        let (left, inner) = (AtomicUsize::new(pages), HttpWire::new().expect("a client"));
        Arc::new(Self { inner, left, rows: Mutex::default() })
    }

    /// The rows of each page since this was asked last. A run ends with a page that is not full.
    fn taken(&self) -> Vec<usize> {
        std::mem::take(&mut *self.rows.lock().expect("nobody panics with it"))
    }
}

impl Wire for Pages {
    fn send<'a>(&'a self, request: &'a Request, time: Duration) -> BoxFuture<'a, Result<Answer, WireError>> {
        Box::pin(async move {
            let page = matches!(&request.body, Body::Sql(sql) if [" ORDER BY ", " LIMIT "].iter().all(|word| sql.text.contains(word)));
            let one_less = |left: usize| left.checked_sub(1);
            if page && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_err() {
                return Err(WireError { sent: false, detail: "cut off".to_owned() });
            }
            let answer = self.inner.send(request, time).await?;
            if page {
                let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let rows = json["rows"].as_array().map_or(0, Vec::len);
                assert!(rows <= PAGE, "a page is a page");
                self.rows.lock().expect("nobody panics with it").push(rows);
            }
            Ok(answer)
        })
    }
}

impl Theirs {
    /// That many rows, all changed at one time.
    async fn many(&self, rows: usize) {
        for from in (0..rows).step_by(200) {
            let some: Vec<String> = (from..rows.min(from + 200))
                .map(|n| format!("('测试{n}', '139{:08}', {n}, '{AT}')", 10_000_000 + n))
                .collect();
            self.write(&format!(
                "INSERT INTO leads (name, phone, size, updated_at) VALUES {}",
                some.join(", ")
            ))
            .await;
        }
    }
}

/// What is asked of a test, on one engine each: the table of others, and the address of our store.
async fn on_all(hint: &str, test: impl AsyncFn(&Theirs, &str)) {
    for (theirs, on_postgres) in Theirs::all(hint).into_iter().zip([false, true, true]) {
        let store = fresh_database(hint);
        let folder = temp_dir();
        let file = format!("sqlite:{}", folder.path().join("leadloop.db").display());
        test(&theirs, if on_postgres { store.url() } else { &file }).await;
    }
}

async fn started(
    (config, theirs, url): (&str, &Theirs, &str),
    clock: &Ahead,
    pages: &Arc<Pages>,
) -> (Running, Store) {
    let wire: Arc<dyn Wire> = Arc::<Pages>::clone(pages);
    node(config, &theirs.url(), url, (clock.clone(), wire)).await
}

async fn it_goes_on(theirs: &Theirs, url: &str) {
    theirs.table().await;
    theirs.many(ROWS).await;
    let config = SOURCE.replace("page = 2", &format!("page = {PAGE}")).replace("30s", "1h");
    let (clock, rows) = (Ahead::default(), ("shop", "rows"));
    let wire = Pages::only(FIRST);
    let (running, store) = started((&config, theirs, url), &clock, &wire).await;
    until(&running, rows, (FIRST * PAGE) as i64, async || people(&store).await).await;
    running.stop().await;
    assert_eq!(wire.taken(), [PAGE; FIRST]);

    clock.add(LATER); // what failed is tried again after a while
    let wire = Pages::only(usize::MAX);
    let (running, store) = started((&config, theirs, url), &clock, &wire).await;
    let seen = RefCell::new(Vec::new());
    until(&running, rows, (true, ROWS as i64), async || {
        seen.borrow_mut().extend(wire.taken());
        let ended = seen.borrow().iter().any(|rows| *rows < PAGE);
        (ended, people(&store).await)
    })
    .await;
    let left: usize = seen.borrow().iter().take_while(|rows| **rows == PAGE).sum();
    assert_eq!(left, ROWS - FIRST * PAGE, "no row was read twice");

    // They may have been followed by late transactions: they are read once more, and then left alone.
    clock.add(LATER);
    let (read, empty) = (Cell::new(0), Cell::new(0));
    until(&running, rows, true, async || {
        for rows in wire.taken() {
            read.set(read.get() + rows);
            empty.set(if rows == 0 { empty.get() + 1 } else { 0 });
        }
        empty.get() >= 3
    })
    .await;
    // A run may have begun before that, and was asked for again and again since.
    assert!((ROWS..=2 * ROWS).contains(&read.get()), "{} rows of {ROWS}", read.get());
    until(&running, rows, true, async || {
        let pages = wire.taken();
        assert!(pages.iter().all(|rows| *rows == 0), "a table at rest is asked for news, not read");
        !pages.is_empty()
    })
    .await;
    theirs.write("INSERT INTO leads (name, phone, size, updated_at) VALUES ('新', '13920000000', 0, '2026-11-23 05:00:00')").await;
    until(&running, rows, ROWS as i64 + 1, async || people(&store).await).await;
    running.stop().await;
}

#[tokio::test]
async fn a_large_table_goes_on_where_it_was_and_is_left_alone_at_rest() {
    on_all("pages", async |theirs, url| it_goes_on(theirs, url).await).await;
}

async fn reading(store: &Store) -> Load {
    let key = Load::key(&"sales".into(), "lead");
    let counters = store.counters(std::slice::from_ref(&key)).await.expect("the store answers");
    Load::read(counters.get(&key)).unwrap_or_else(|| Load::begin(Default::default()))
}

async fn it_holds_nobody_up(theirs: &Theirs, url: &str) {
    theirs.table().await;
    theirs.many(ROWS).await;
    let page = format!("changed = \"updated_at\", page = {PAGE}");
    let config = CRM.replace("changed = \"updated_at\"", &page);
    let (clock, rows) = (Ahead::default(), ("sales", "lead"));
    // The pages of the poll that began, and some of the reading.
    let wire = Pages::only(FIRST);
    let (running, store) = started((&config, theirs, url), &clock, &wire).await;
    until(&running, rows, true, async || reading(&store).await.pages >= 2).await;
    let load = reading(&store).await;
    assert!(load.beside && load.done.is_none(), "the rest is read behind everything live: {load:?}");
    // Who asks for sales gets there though the reading cannot go on.
    let body = r#"{"name":"赵六","phone":"13912345678","consent":"given","_submission_id":"s-1"}"#;
    let answer = http::post_json(running.address, "/in/website", body).expect("the node answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let made = "SELECT count(*) FROM leads WHERE phone LIKE '%13912345678'";
    until(&running, rows, vec![vec![1.into()]], async || theirs.rows(made).await).await;
    running.stop().await;

    clock.add(LATER);
    let wire = Pages::only(usize::MAX);
    let (running, store) = started((&config, theirs, url), &clock, &wire).await;
    until(&running, rows, true, async || reading(&store).await.done.is_some()).await;
    let load = reading(&store).await;
    let least = ROWS as u64;
    assert!((least..=least + 1).contains(&load.records), "each once: {load:?}");
    until(&running, rows, 1, async || stage(&store, "with_sales").await).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_reading_of_a_table_holds_nobody_up() {
    on_all("first", async |theirs, url| it_holds_nobody_up(theirs, url).await).await;
}
