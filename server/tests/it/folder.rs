//! Folders that are watched: what is whole is taken in once, what cannot be read is set aside with its reason, and a file
//! that broke off goes on. On both engines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use leadloop_connectors as _;
use leadloop_server::folder::{self, Seen};
use leadloop_server::node::Node;
use leadloop_server::run::absorb_all;

use crate::set_up::Folder;

async fn node(url: &str, folder: &Path) -> Arc<Node> {
    let config = format!(
        "[[source]]\nname = \"fair\"\nconnector = \"table_file\"\ntouch = \"event_signed_in\"\n\
         settings = {{ folder = '{}' }}\nrequire = [\"phone or email\"]\n\n\
         [[transfer]]\nname = \"nobody\"\nwhen = 'true'\ndo = {{ decline = \"no sales yet\" }}\n",
        folder.display()
    );
    Folder::new(config).quiet(url).await
}

/// People in the pool when all is absorbed.
async fn people(node: &Node) -> i64 {
    absorb_all(node).await.expect("it absorbs");
    let status = node.store.status(node.clock.now()).await.expect("the store answers");
    status.stages.iter().map(|(_, count)| count).sum()
}

async fn alarms(node: &Node) -> Vec<String> {
    let status = node.store.status(node.clock.now()).await.expect("the store answers");
    status
        .alarms
        .iter()
        .filter(|raised| raised.alarm.raised)
        .map(|raised| raised.alarm.code.clone())
        .collect()
}

fn rows(from: u32, to: u32) -> String {
    (from..to).map(|n| format!("测试{n},1380000{n:04}\n")).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

async fn files_come_and_go(url: &str, folder: PathBuf) {
    let node = node(url, &folder).await;
    let mut seen = Seen::default();
    folder::look(&node, &mut seen).await;
    assert_eq!(names(&folder), ["done", "failed"], "the folder is made where it is not there");

    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("it can be written");
    put("list.csv", &format!("姓名,手机号\n{}", rows(0, 3)));
    put("later.csv.part", "姓名,手机号\n甲,13800009999\n");
    folder::look(&node, &mut seen).await;
    assert_eq!(people(&node).await, 0, "it may still grow");
    put("list.csv", &format!("姓名,手机号\n{}谁,\n", rows(0, 5)));
    folder::look(&node, &mut seen).await;
    assert_eq!(people(&node).await, 0, "it did grow");
    folder::look(&node, &mut seen).await;
    assert_eq!(people(&node).await, 5);
    assert_eq!(names(&folder), ["done", "failed", "later.csv.part"]);
    assert_eq!(names(&folder.join("done")), ["list.csv", "list.csv.rejected.csv"]);

    // The row that was refused, mended, is put where its list was.
    let rejected = std::fs::read_to_string(folder.join("done/list.csv.rejected.csv")).expect("it is text");
    put("list.csv.rejected.csv", &rejected.replace("谁,", "谁,13800008888"));
    // A file that is none, beside it.
    put("book.xlsx", "PK\u{3}\u{4} broken");
    folder::look(&node, &mut seen).await;
    folder::look(&node, &mut seen).await;
    assert_eq!(people(&node).await, 6);
    let held = node.store.status(node.clock.now()).await.expect("the store answers");
    assert!(held.parked.iter().all(|parked| parked.what != "record"), "settled by its mended row: {held:?}");
    assert_eq!(names(&folder.join("failed")), ["book.xlsx", "book.xlsx.why.txt"]);
    let why = std::fs::read_to_string(folder.join("failed/book.xlsx.why.txt")).expect("it is text");
    assert!(why.starts_with("LL"), "{why}");
    assert_eq!(alarms(&node).await, ["LL4782"]);
    std::fs::remove_file(folder.join("failed/book.xlsx")).expect("it is there");
    folder::look(&node, &mut seen).await;
    assert_eq!(alarms(&node).await, [""; 0], "the admin took it away");

    // The same list again, under the same name: nobody twice, and nothing of the first is overwritten.
    put("list.csv", &format!("姓名,手机号\n{}", rows(0, 5)));
    folder::look(&node, &mut seen).await;
    folder::look(&node, &mut seen).await;
    assert_eq!(people(&node).await, 6);
    assert!(names(&folder.join("done")).contains(&"list-2.csv".to_owned()));
    node.store.close().await;
}

/// A file of which two chunks are in goes on with the third.
async fn a_file_that_broke_off_goes_on(url: &str, folder: PathBuf) {
    let node = node(url, &folder).await;
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("long.csv"), format!("姓名,手机号\n{}", rows(0, 2_500)))
        .expect("it can be written");
    let about = std::fs::metadata(folder.join("long.csv")).expect("it is there");
    let shape =
        serde_json::json!({"bytes": about.len(), "changed": about.modified().expect("it has a time")});
    let note = serde_json::json!({"file": "long.csv", "shape": shape, "rows": 2_000});
    let (name, holder) = ("folder/fair".to_owned(), "a node that died");
    let length = leadloop_sync_core::time::Micros(1);
    node.store.lease(std::slice::from_ref(&name), holder, length).await.expect("it is free");
    node.store.note_leases(holder, &BTreeMap::from([(name.clone(), note)]), true).await.expect("it is ours");
    let mut seen = Seen::default();
    folder::look(&node, &mut seen).await;
    folder::look(&node, &mut seen).await;
    assert_eq!(people(&node).await, 500, "the rest, and only the rest");
    assert_eq!(names(&folder.join("done")), ["long.csv"]);

    // While another node works on the folder, this one leaves it alone.
    std::fs::write(folder.join("next.csv"), "姓名,手机号\n乙,13900001111\n").expect("it can be written");
    if node.store.engine() != "sqlite" {
        let length = leadloop_sync_core::time::Micros::days(1);
        let other =
            node.store.lease(std::slice::from_ref(&name), "another node", length).await.expect("it answers");
        assert_eq!(other.len(), 1);
        folder::look(&node, &mut seen).await;
        folder::look(&node, &mut seen).await;
        assert_eq!(people(&node).await, 500);
        node.store
            .note_leases("another node", &BTreeMap::from([(name, serde_json::json!({}))]), true)
            .await
            .expect("it is given back");
    }
    folder::look(&node, &mut seen).await;
    folder::look(&node, &mut seen).await;
    assert_eq!(people(&node).await, 501);
    node.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    let url = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    files_come_and_go(&url("one.db"), folder.path().join("import/fair")).await;
    a_file_that_broke_off_goes_on(&url("other.db"), folder.path().join("import/long")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_on_postgres() {
    let folder = leadloop_testing::temp_dir();
    let (one, other) =
        (leadloop_testing::fresh_database("folder"), leadloop_testing::fresh_database("folder"));
    files_come_and_go(one.url(), folder.path().join("import/fair")).await;
    a_file_that_broke_off_goes_on(other.url(), folder.path().join("import/long")).await;
}
