//! Databases of others on three engines: one that reads cannot write, a statement has an end, an answer is cut, refusals are told
//! in the same words, and no word of theirs repeats a password or a value.

use std::time::{Duration, Instant};

use leadloop_store::foreign::{Ask, NoAnswer, Said, carry_out};
use leadloop_testing::{fresh_database, fresh_mariadb};
use serde_json::{Value as Json, json};

const PATIENCE: Duration = Duration::from_secs(30);

async fn say(url: &str, text: &str, values: &[Json], writes: bool) -> Said {
    carry_out(&Ask { url, text, values, writes, most_bytes: 10_000 }, PATIENCE).await.unwrap()
}

fn code(said: &Said) -> (u16, &str) {
    (said.status, said.body["error"]["code"].as_str().unwrap_or_default())
}

struct Words {
    place: &'static str,
    many: &'static str,
    endless: &'static str,
}

async fn the_same(url: &str, words: &Words) {
    for text in [
        "CREATE TABLE leads (id integer PRIMARY KEY, email varchar(40) UNIQUE)",
        "INSERT INTO leads (id, email) VALUES (1, 'jia@shili.example')",
    ] {
        let said = say(url, text, &[], true).await;
        assert_eq!(said.status, 200, "{text}: {}", said.body);
    }
    // bound values come back as what they are
    let text = format!("SELECT email FROM leads WHERE email = {}", words.place);
    let found = say(url, &text, &[json!("jia@shili.example")], false).await;
    assert_eq!(found.body["rows"], json!([["jia@shili.example"]]));
    let found = say(url, &text, &[json!("' OR 1=1 --")], false).await;
    assert_eq!((found.status, &found.body["rows"]), (200, &json!([])));

    for (text, writes, wanted) in [
        ("SELECT id FROM gone", false, (404, "no_table")),
        ("SELECT gone FROM leads", false, (422, "no_column")),
        ("INSERT INTO leads (id, email) VALUES (2, 'jia@shili.example')", true, (409, "unique")),
        ("DELETE FROM leads", false, (403, "no_right")),
    ] {
        let said = say(url, text, &[], writes).await;
        assert_eq!(code(&said), wanted, "{text}: {}", said.body);
        assert!(!said.body.to_string().contains("shili.example"), "a value is told: {}", said.body);
    }
    let kept = say(url, "SELECT id FROM leads", &[], false).await;
    assert_eq!(kept.body["rows"].as_array().map(Vec::len), Some(1), "nothing was deleted");

    let many = say(url, words.many, &[], false).await;
    let rows = many.body["rows"].as_array().map(Vec::len).unwrap_or_default();
    assert!(many.body["cut"] == json!(true) && (1..100).contains(&rows), "{rows} rows");

    let begun = Instant::now();
    let ask = Ask { url, text: words.endless, values: &[], writes: false, most_bytes: 10_000 };
    let said = carry_out(&ask, Duration::from_secs(2)).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    match said {
        Ok(said) => assert_eq!(code(&said), (408, "too_slow"), "{}", said.body),
        Err(NoAnswer { sent, .. }) => assert!(!sent, "it only reads"),
    }
}

#[tokio::test]
async fn three_engines_answer_alike() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    std::fs::write(&file, "").unwrap();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)";
    let sqlite = format!("{many} SELECT printf('%1000d', i) FROM n");
    let postgres = format!("{many} SELECT lpad(i::text, 1000) FROM n");
    let mariadb = format!("{many} SELECT lpad(CAST(i AS CHAR), 1000, ' ') FROM n");
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    the_same(&format!("sqlite:{}", file.display()), &Words { place: "?1", many: leak(sqlite), endless })
        .await;
    let database = fresh_database("foreign");
    the_same(
        database.url(),
        &Words { place: "CAST($1 AS text)", many: leak(postgres), endless: "SELECT pg_sleep(60)::text" },
    )
    .await;
    let database = fresh_mariadb("foreign");
    the_same(database.url(), &Words { place: "?", many: leak(mariadb), endless: "SELECT SLEEP(60)" }).await;
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_told_without_its_password() {
    let database = fresh_database("foreign");
    let nowhere = database.url().rsplit_once('/').unwrap().0.to_owned() + "/nowhere";
    let mariadb = fresh_mariadb("foreign");
    let elsewhere = mariadb.url().rsplit_once('/').unwrap().0.to_owned() + "/nowhere";
    for (url, wanted) in [
        ("ftp://me:secret-word@db.example/x", (400, "bad_url")),
        ("postgres://me:secret-word@db.example:notaport/x", (400, "bad_url")),
        ("sqlite:/nowhere/at/all.db", (404, "no_database")),
        (nowhere.as_str(), (404, "no_database")),
        (elsewhere.as_str(), (404, "no_database")),
    ] {
        let said = say(url, "SELECT 1", &[], false).await;
        assert_eq!(code(&said), wanted, "{url}: {}", said.body);
        assert!(!said.body.to_string().contains("secret-word"), "{}", said.body);
    }
    // nobody listens there: not sent
    let ask = Ask {
        url: "mysql://me:secret-word@127.0.0.1:1/x",
        text: "SELECT 1",
        values: &[],
        writes: true,
        most_bytes: 1,
    };
    let broken = carry_out(&ask, PATIENCE).await.unwrap_err();
    assert!(!broken.sent && !broken.detail.contains("secret-word"), "{broken:?}");
}
