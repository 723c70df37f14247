//! Where personal data may stand, column by column, and that erasing a person empties all of it. A table or column that is
//! new fails here until somebody has said what becomes of it.

use leadloop_store::erase::Forget;
use leadloop_store::{Store, StoreSettings, WriteLane};
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::erase;
use leadloop_sync_core::moment::Moment;
use leadloop_testing::Database;

use crate::filter::policy;
use crate::samples::{at, binding, id, lead, phone, put, remote, stamp};
use crate::write_path::written;

/// What erasing a person does with their rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// They are deleted.
    Gone,
    /// They stay, without anything that says who it was.
    Emptied,
    /// There is nothing of a person in it: why.
    Nothing(&'static str),
}
use Then::{Emptied, Gone, Nothing};

const TABLES: [(&str, Then, &str); 39] = [
    (
        "_sqlx_migrations",
        Nothing("of the store itself"),
        "version description installed_on success checksum execution_time",
    ),
    ("alarm", Nothing("of systems, not of people"), "key code detail raised since at count told"),
    ("attempt", Gone, "seq delivery number at class detail conversation"),
    ("audit", Nothing("who did what, kept for ever; ids and counts"), "seq at who what lead count detail"),
    ("before_image", Gone, "delivery link object id lead run config at made_at created body"),
    (
        "capture",
        Gone,
        "id seq push place source shard kind happened arrived state ending lead handoff code detail by_touch body",
    ),
    (
        "company_pair",
        Emptied,
        "one_key other_key one other reason lead link object remote at verdict judged_by judged_at",
    ),
    ("config", Nothing("of the config"), "one epoch hash at"),
    ("config_version", Nothing("of the config"), "hash first_at last_at outline"),
    ("conversation", Gone, "id link loose body"),
    (
        "counter",
        Nothing("numbers by id, what a registry says of a company by a digest of its name"),
        "key value",
    ),
    ("deadline", Gone, "key at kind step lead handoff"),
    ("decision", Gone, "id handoff lead at config rule body"),
    ("dedup", Nothing("hashes and ids of events, for days"), "source key seen expires"),
    (
        "delivery",
        Gone,
        "seq id link stream lane purpose op object lead handoff state due_at claimed_until hurry_at attempt probe created_at settled_at standing code detail body run",
    ),
    ("erased", Nothing("keyed hashes"), "mark key kind erasure at refused"),
    ("erasure", Nothing("receipts: ids and counts"), "id lead at who body"),
    ("event_key", Nothing("digests of the ids of events, for days"), "minute digest seen"),
    ("feedback", Emptied, "handoff capture lead at tag remark said_by next_action next_at"),
    (
        "handoff",
        Emptied,
        "id version lead link state open state_since opened_at delivered_at answered_at due_at rule owner_user owner_person company_key feedback code body",
    ),
    ("identifier", Gone, "value kind lead source at last_at"),
    (
        "lead",
        Emptied,
        "id version stage source channel campaign owner_user owner_person origin_at origin_kind created_at last_touch_at touches mql_at rest_until merged_into name_fold company_fold won_amount body pool",
    ),
    ("lease", Nothing("of nodes"), "name holder until note"),
    ("meta", Nothing("of the store itself"), "key value"),
    ("milestone", Nothing("when a stage was reached, for the funnel"), "lead stage at"),
    (
        "mirror",
        Gone,
        "link object id owner account open deleted won amount received modified_at seen_at body",
    ),
    ("mirror_key", Gone, "link kind value object id"),
    ("mirror_seen", Nothing("of systems"), "link object at"),
    ("push", Emptied, "id source arrived method path headers body config state code detail"),
    ("quarantine", Gone, "push place source at code detail fixed state body"),
    ("reason", Gone, "seq verb config at lead handoff capture delivery by_touch body"),
    ("remote_link", Gone, "link object id lead handoff at body waiting withheld"),
    ("shadow", Gone, "rules decision lead at region live_rule live_to shadow_rule shadow_to verdict failed"),
    ("shadow_run", Nothing("of rule sets"), "rules since reached version turns"),
    ("shape", Nothing("names of fields and how many had them"), "source touch field span count sample"),
    ("suspect", Gone, "lead other kind value reason at verdict judged_by judged_at"),
    ("touch", Gone, "id lead capture at kind source channel body campaign activity"),
    ("turn", Nothing("numbers of locks"), "bucket"),
    ("visit", Gone, "source kind value event count first last since over newest"),
];

/// What stands in every text of a row that is made for a person.
const MARK: &str = "PERSONAL-DATA";
/// Columns that tie a row to the person, where it is not its `lead`.
const TIES: [(&str, &str, &str); 16] = [
    ("push", "id", "'00000000-0000-7000-8000-00000000000a'"),
    ("capture", "push", "'00000000-0000-7000-8000-00000000000a'"),
    ("capture", "state", "'done'"),
    ("delivery", "id", "'00000000-0000-7000-8000-00000000000b'"),
    ("delivery", "state", "'settled'"),
    ("attempt", "delivery", "'00000000-0000-7000-8000-00000000000b'"),
    ("attempt", "conversation", "'00000000-0000-7000-8000-00000000000c'"),
    ("conversation", "id", "'00000000-0000-7000-8000-00000000000c'"),
    ("mirror", "object", "'lead'"),
    ("mirror_key", "object", "'lead'"),
    ("mirror", "link", "'sales'"),
    ("mirror_key", "link", "'sales'"),
    ("mirror", "id", "'7'"),
    ("mirror_key", "id", "'7'"),
    ("visit", "kind", "'phone'"),
    ("quarantine", "body", "'PERSONAL-DATA +8613900000001'"),
];

fn columns(database: &Database) -> Vec<(String, String, String, bool)> {
    let listed = database.psql(
        "SELECT table_name || '|' || column_name || '|' || data_type || '|' || (is_identity = 'YES') \
         FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) \
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name COLLATE \"C\", ordinal_position",
    );
    let read = |line: &str| {
        let mut parts = line.trim().split('|').map(str::to_owned);
        let mut next = || parts.next().unwrap();
        (next(), next(), next(), next() == "true")
    };
    listed.lines().filter(|line| line.contains('|')).map(read).collect()
}

#[tokio::test]
async fn every_column_of_every_table_was_thought_of() {
    let database = leadloop_testing::fresh_database("columns");
    Store::open(&StoreSettings::new(database.url())).await.unwrap().close().await;
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for (table, column, ..) in columns(&database) {
        match found.last_mut().filter(|(last, _)| *last == table) {
            Some((_, columns)) => columns.push(column),
            None => found.push((table, vec![column])),
        }
    }
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names.join(" ")
    };
    let found: Vec<(String, String)> =
        found.into_iter().map(|(table, columns)| (table, sorted(columns))).collect();
    let known: Vec<(String, String)> = TABLES
        .iter()
        .map(|(table, _, columns)| {
            ((*table).to_owned(), sorted(columns.split(' ').map(str::to_owned).collect()))
        })
        .collect();
    assert_eq!(found, known, "say in TABLES what erasing a person does with it, and see that it does");
}

/// A row of the person in a table, with the mark in every text.
fn row_of(database: &Database, table: &str) {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (of, column, kind, identity) in columns(database) {
        if of != table || identity {
            continue;
        }
        let tie = TIES.iter().find(|tie| (tie.0, tie.1) == (table, column.as_str()));
        let value = match (tie, column.as_str(), kind.as_str()) {
            (Some(tie), ..) => tie.2.to_owned(),
            (_, "value", _) if table == "visit" => format!("'{}'", phone(1).value),
            (_, "lead", "uuid") => format!("'{}'", id::<leadloop_sync_core::ids::LeadKind>(1).uuid()),
            (_, _, "uuid") => "gen_random_uuid()".to_owned(),
            (_, _, "text") => format!("'{MARK}'"),
            (_, _, "bytea") => format!("convert_to('{MARK}', 'UTF8')"),
            (_, _, "boolean") => "false".to_owned(),
            _ => "1".to_owned(),
        };
        names.push(format!("\"{column}\""));
        values.push(value);
    }
    database.psql(&format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", ")));
}

fn count(database: &Database, sql: &str) -> i64 {
    database.psql(sql).lines().find_map(|line| line.trim().parse().ok()).unwrap()
}

fn marked(database: &Database, table: &str) -> i64 {
    let like = format!("'%{MARK}%'");
    let bytes =
        if table == "push" { format!("OR convert_from(x.body, 'UTF8') LIKE {like}") } else { String::new() };
    count(database, &format!("SELECT count(*) FROM {table} x WHERE x::text LIKE {like} {bytes}"))
}

#[tokio::test]
async fn erasing_a_person_empties_every_table_that_holds_them() {
    let database = leadloop_testing::fresh_database("personal");
    let store = Store::open(&StoreSettings::new(database.url())).await.unwrap();
    written(&store, vec![put(lead(1, 1)), Effect::Bind(binding(1, phone(1)))]).await;
    let tables = TABLES.iter().filter(|(_, then, _)| *then == Gone).map(|(table, ..)| *table);
    let gone: Vec<&str> = tables.filter(|table| *table != "identifier").collect();
    for table in gone.iter().chain(&["push", "company_pair", "feedback"]) {
        row_of(&database, table);
        assert!(marked(&database, table) > 0, "{table}");
    }
    let of = id(1);
    let held = store.held(&[of].into()).await.unwrap();
    for (table, _, columns) in TABLES.iter().filter(|(_, then, _)| !matches!(then, Nothing(_))) {
        if columns.split(' ').any(|column| column == "lead") && *table != "handoff" {
            let kind = if *table == "remote_link" { "link" } else { table };
            assert!(held.get(kind).is_some_and(|count| *count > 0), "`lead erase` shows {kind}: {held:?}");
        }
    }
    let mut tx = store.begin(WriteLane::Hot).await.unwrap();
    let book = tx.load(&Needs { leads: [of].into(), ..Needs::default() }).await.unwrap();
    let reaction = erase::erase(&book, of, &policy(), &mut Moment::new(at(9), 1)).unwrap();
    let (leads, identifiers, records) = ([of].into(), [phone(1)].into(), [remote("lead", 7)].into());
    let asked =
        Forget { leads: &leads, identifiers: &identifiers, records: &records, who: "tester", reason: None };
    let receipt =
        tx.forget(&asked, &stamp("erase"), &reaction).await.unwrap().expect("nothing is on its way");
    for table in gone {
        let kind = match table {
            "remote_link" => "link",
            "mirror_key" => "mirror",
            other => other,
        };
        assert_eq!(receipt.gone.get(kind), Some(&1), "the receipt tells of {table}: {receipt:?}");
        assert_eq!(marked(&database, table), 0, "{table}");
    }
    let full = "path <> '' OR headers <> '{}' OR length(body) > 0";
    assert_eq!(count(&database, &format!("SELECT count(*) FROM push WHERE {full}")), 0, "it is emptied");
    assert_eq!((receipt.gone["push"], receipt.gone["company_pair"], receipt.gone["feedback"]), (1, 1, 1));
    assert_eq!(count(&database, "SELECT count(*) FROM feedback WHERE remark IS NOT NULL"), 0);
    assert_eq!(count(&database, "SELECT count(*) FROM company_pair WHERE lead IS NOT NULL"), 0);
    // Whatever it is that stays: neither name nor number is in it.
    for (table, ..) in TABLES {
        for value in ["13900000001", "测试 1", "示例科技 1"] {
            let left =
                count(&database, &format!("SELECT count(*) FROM {table} x WHERE x::text LIKE '%{value}%'"));
            assert_eq!(left, 0, "{value} in {table}");
        }
    }
    store.close().await;
}
