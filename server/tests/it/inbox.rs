//! The door: what is answered to good and bad pushes, and that what was answered 200 stands in the pool. On both engines.

use std::time::Duration;

use leadloop_connectors as _;
use leadloop_server::Running;
use leadloop_store::Store;
use leadloop_sync_core::time::Timestamp;
use leadloop_testing::http::{self, Answer};

use crate::set_up::Folder;

pub(crate) const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"

[[source]]
name = "website"
connector = "web_form"
touch = "form_submitted"
require = ["phone or email"]
rate_limit = "1000 per minute per address"

[[source]]
name = "hook"
connector = "webhook"
settings = { signature = "standard_webhooks", secret = { env = "HOOK" } }
require = ["phone or email"]

[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "form_submitted", points = 30 }]

[mql]
when = 'score.interest >= 30'

[[transfer]]
name = "everyone"
when = 'true'
do = { decline = "no sales yet" }
"#;

/// The config of these tests, as others use it too.
pub(crate) fn folder() -> Folder {
    Folder::new(CONFIG).secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
}

pub(crate) async fn node(url: &str) -> (Running, Store) {
    folder().start(url).await
}

pub(crate) async fn post(running: &Running, path: &str, kind: &str, body: &[u8]) -> Answer {
    let (to, path, kind, body) = (running.address, path.to_owned(), kind.to_owned(), body.to_vec());
    tokio::task::spawn_blocking(move || http::send(to, "POST", &path, &[("content-type", &kind)], &body))
        .await
        .expect("the sender does not panic")
        .expect("every push is answered")
}

pub(crate) async fn people(store: &Store, wanted: i64) -> i64 {
    let mut seen = -1;
    for _ in 0..600 {
        let status = store.status(Timestamp(0)).await.expect("the store answers");
        seen = status.stages.iter().map(|(_, count)| count).sum();
        if status.captures_due == 0 && seen >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    seen
}

async fn the_door(url: &str) {
    let (running, store) = node(url).await;
    let json = "application/json";
    let lead = r#"{"name":"测试甲","phone":"１３８ 0000 1111","company":"示例机器人有限公司"}"#;
    let first = post(&running, "/in/website", json, lead.as_bytes()).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert!(first.body.contains("\"accepted\":1"), "{}", first.body);
    let again = post(&running, "/in/website", json, lead.as_bytes()).await;
    assert!(
        again.body.contains("\"accepted\":0") && again.body.contains("\"duplicates\":1"),
        "{}",
        again.body
    );
    let two =
        br#"[{"name":"A","email":"a@firm.example"},{"name":"nobody"},{"name":"B","phone":"+8613800002222"}]"#;
    let mixed = post(&running, "/in/website", json, two).await;
    assert!(
        mixed.body.contains("\"accepted\":2") && mixed.body.contains("\"quarantined\":1"),
        "{}",
        mixed.body
    );
    assert!(mixed.body.contains("LL4001"), "{}", mixed.body);
    let form = "name=C&mobile=0086+138+0000+1111";
    let form = post(&running, "/in/website", "application/x-www-form-urlencoded", form.as_bytes()).await;
    assert!(form.status == 200 || form.status == 303, "{form:?}");

    for (path, kind, body, status, code) in [
        ("/in/website", json, &b"{\"name\": "[..], 400, "LL"),
        ("/in/nowhere", json, &b"{}"[..], 404, "LL3001"),
        ("/in/hook", json, &b"{\"phone\":\"13800003333\"}"[..], 401, "LL3003"),
        ("/in/website", json, &vec![b' '; 20 << 20][..], 413, "LL3005"),
    ] {
        let answer = post(&running, path, kind, body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.body.contains(code), "{path}: {}", answer.body);
    }
    assert_eq!(people(&store, 3).await, 3, "one person each, the form's phone is the first one's");
    let kept = store.status(Timestamp(0)).await.expect("the store answers");
    assert!(kept.parked.iter().any(|parked| parked.what == "record" && parked.code == "LL4001"), "{kept:?}");
    assert!(
        kept.parked.iter().any(|parked| parked.what == "push"),
        "what could not be read is kept: {kept:?}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    the_door(&format!("sqlite:{}", folder.path().join("door.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_on_postgres() {
    let database = leadloop_testing::fresh_database("door");
    the_door(database.url()).await;
}
