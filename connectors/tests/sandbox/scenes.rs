//! What is said to the sandbox and how it has to end.

use leadloop_connector_api::http::Method;
use leadloop_connector_api::testkit::Ending::{self, Done, Ill, Refused, Throttled};
use leadloop_mapping::Record;
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::live::Live;

/// A conversation to be recorded.
pub(crate) struct Scene {
    pub(crate) folder: &'static str,
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) settings: Json,
    pub(crate) prepare: fn(&mut Live),
    pub(crate) operations: Vec<Operation>,
    pub(crate) endings: Vec<Ending>,
}

fn nothing(_: &mut Live) {}

fn throttle(live: &mut Live) {
    live.admin(Method::Post, "/admin/faults", json!({"kind": "throttle", "next": 1, "retry_after": 7}));
}

fn no_token(live: &mut Live) {
    live.forget_token();
}

/// Some people whom sales know: a live lead, a converted, a merged and a deleted one.
fn people(live: &mut Live) {
    live.seed(json!({
        "accounts": [{"ref": "a", "name": "示例机器人有限公司", "owner_id": "U1002", "last_activity_at": 1795000000000000_i64}],
        "leads": [
            {"name": "测试甲", "phone": "13900000001", "email": "jia@shili.example", "leadloop_id": "h-1", "owner_id": "U1002", "account_id": "@a"},
            {"name": "测试乙", "phone": "13900000002", "company": "示例软件", "owner_id": "U1003"},
            {"name": "测试丙", "phone": "13900000003"},
            {"name": "测试丁", "phone": "13900000004"}
        ]
    }));
    live.admin(Method::Post, "/admin/sales", json!({"object": "leads", "id": "L1002", "convert": {}}));
    live.admin(
        Method::Post,
        "/admin/sales",
        json!({"object": "leads", "id": "L1003", "merge_into": "L1001"}),
    );
    live.admin(Method::Post, "/admin/sales", json!({"object": "leads", "id": "L1004", "delete": true}));
}

fn locked_people(live: &mut Live) {
    people(live);
    live.fault("record_locked");
}

fn create(name: &str, phone: &str, mark: &str) -> Operation {
    let record =
        Record::new().with("name", name).with("phone", phone).with("owner_id", "U1002").with("status", 2);
    Operation::Create { object: "lead".into(), record, mark: mark.into() }
}

fn update(id: &str, record: Record) -> Operation {
    Operation::Update {
        remote: RemoteRef { link: "fixture".into(), object: "lead".into(), id: id.into() },
        record,
    }
}

fn find(object: &str, by: FindBy) -> Operation {
    Operation::Find { object: object.into(), by }
}

fn phone(number: &str) -> FindBy {
    FindBy::Keys(vec![("phone".into(), number.into())])
}

fn changes(object: &str, token: Option<&str>) -> Operation {
    let cursor = Cursor { since: Some(Timestamp(0)), after_id: None, token: token.map(str::to_owned) };
    Operation::Changes { object: object.into(), cursor }
}

fn tell(id: &str, record: Record) -> Operation {
    Operation::Tell { id: id.into(), record }
}

/// A scene of the CRM.
fn crm(
    name: &'static str,
    about: &'static str,
    prepare: fn(&mut Live),
    operations: Vec<Operation>,
    endings: Vec<Ending>,
) -> Scene {
    Scene {
        folder: "sandbox",
        name,
        about,
        settings: json!({"url": "http://127.0.0.1:8090"}),
        prepare,
        operations,
        endings,
    }
}

/// Every scene.
pub(crate) fn all() -> Vec<Scene> {
    [checks(), descriptions(), creates(), updates(), finds(), lists(), ma_scenes()]
        .into_iter()
        .flatten()
        .collect()
}

fn checks() -> Vec<Scene> {
    let quota: fn(&mut Live) = |live| {
        live.admin(Method::Patch, "/admin/tuning", json!({"limits": {"per_day": 20000}}));
    };
    let used_up: fn(&mut Live) = |live| {
        live.admin(Method::Patch, "/admin/tuning", json!({"limits": {"per_day": 0}}));
    };
    vec![
        crm(
            "check",
            "Who are we, what time is it, how much quota is left.",
            quota,
            vec![Operation::Check],
            vec![Done],
        ),
        crm("check.quota", "The day's quota is used up.", used_up, vec![Operation::Check], vec![Throttled]),
        crm("check.refused", "A token it does not know.", no_token, vec![Operation::Check], vec![Refused]),
    ]
}

fn descriptions() -> Vec<Scene> {
    let describe = |object: &str| vec![Operation::Describe { object: object.into() }];
    let prepare = |field: &str| vec![Operation::Prepare { object: "lead".into(), field: field.into() }];
    let unmarked: fn(&mut Live) = |live| {
        live.admin(Method::Patch, "/admin/tuning", json!({"mark": "absent"}));
    };
    vec![
        crm(
            "describe",
            "The fields of leads: lengths, lists, what is required.",
            nothing,
            describe("lead"),
            vec![Done],
        ),
        crm("describe.user", "People there cannot be written.", nothing, describe("user"), vec![Done]),
        crm(
            "describe.unmarked",
            "The mark field is not there yet.",
            unmarked,
            describe("activity"),
            vec![Done],
        ),
        crm("describe.throttled", "Too fast.", throttle, describe("lead"), vec![Throttled]),
        crm("describe.refused", "A token it does not know.", no_token, describe("lead"), vec![Refused]),
        crm("prepare", "The mark field is made.", unmarked, prepare("leadloop_id"), vec![Done]),
        crm("prepare.again", "It is there already.", nothing, prepare("leadloop_id"), vec![Done]),
        crm(
            "prepare.refused",
            "Only the mark may be made.",
            unmarked,
            prepare("mark_of_ours"),
            vec![Refused],
        ),
        crm("prepare.throttled", "Too fast.", throttle, prepare("leadloop_id"), vec![Throttled]),
    ]
}

fn creates() -> Vec<Scene> {
    let note = Record::new()
        .with("subject", "转交说明")
        .with("body", "想看演示。".repeat(900))
        .with("lead_id", "L1001");
    let note = Operation::Create { object: "activity".into(), record: note, mark: "d-1".into() };
    let left = Record::new().with("name", "测试戊").with("phone", "13900000005").with("owner_id", "U1006");
    let left = Operation::Create { object: "lead".into(), record: left, mark: "h-5".into() };
    vec![
        crm(
            "create",
            "A new lead with our mark.",
            nothing,
            vec![create("测试戊", "13900000005", "h-5")],
            vec![Done],
        ),
        crm(
            "create.batch",
            "Five at once: made, known by phone, made by us before, two fields refused, made.",
            people,
            vec![
                create("测试戊", "13900000005", "h-5"),
                create("测试甲", "13900000001", "h-6"),
                create("测试己", "13900000007", "h-1"),
                create("", "13900000008", "h-8"),
                create("测试辛", "13900000009", "h-9"),
            ],
            vec![Done, Refused, Refused, Refused, Done],
        ),
        crm(
            "create.same_mark",
            "The same hand-over again: the record carries this very mark.",
            people,
            vec![create("测试甲", "13900000001", "h-1")],
            vec![Refused],
        ),
        crm(
            "create.note",
            "A note beside a lead; too long for the CRM, so cut.",
            people,
            vec![note],
            vec![Done],
        ),
        crm("create.rejected", "An owner who left.", people, vec![left], vec![Refused]),
        crm(
            "create.throttled",
            "Too fast.",
            throttle,
            vec![create("测试戊", "13900000005", "h-5"), create("测试己", "13900000006", "h-6")],
            vec![Throttled, Throttled],
        ),
        crm(
            "create.ill",
            "A failure inside the CRM: it may have been written.",
            |live| live.fault("error500"),
            vec![create("测试戊", "13900000005", "h-5")],
            vec![Ill],
        ),
    ]
}

fn updates() -> Vec<Scene> {
    vec![
        crm(
            "update",
            "A new owner.",
            people,
            vec![update("L1001", Record::new().with("owner_id", "U1003"))],
            vec![Done],
        ),
        crm(
            "update.batch",
            "Five at once: changed, converted meanwhile, merged, deleted, a wrong value.",
            people,
            vec![
                update("L1001", Record::new().with("status", 3)),
                update("L1002", Record::new().with("status", 3)),
                update("L1003", Record::new().with("status", 3)),
                update("L1004", Record::new().with("status", 3)),
                update("L1001", Record::new().with("status", 99)),
            ],
            vec![Done, Refused, Refused, Refused, Refused],
        ),
        crm(
            "update.locked",
            "Somebody holds every second record just now: tried again, nothing was done.",
            locked_people,
            vec![
                update("L1001", Record::new().with("status", 3)),
                update("L1001", Record::new().with("status", 2)),
            ],
            vec![Done, Ill],
        ),
        crm(
            "update.throttled",
            "Too fast.",
            throttle,
            vec![update("L1001", Record::new().with("status", 3))],
            vec![Throttled],
        ),
    ]
}

fn finds() -> Vec<Scene> {
    vec![
        crm(
            "find.mark",
            "By our mark, which is never behind.",
            people,
            vec![find("lead", FindBy::Mark("h-1".into()))],
            vec![Done],
        ),
        crm(
            "find.mark.none",
            "No record carries this mark.",
            people,
            vec![find("lead", FindBy::Mark("h-404".into()))],
            vec![Done],
        ),
        crm(
            "find.batch",
            "By phone and e-mail, by mark, by id (whole, merged, deleted, unknown), and in an object without phones.",
            people,
            vec![
                find(
                    "lead",
                    FindBy::Keys(vec![
                        ("phone".into(), "+8613900000001".into()),
                        ("email".into(), "JIA@shili.example".into()),
                    ]),
                ),
                find("contact", phone("+8613900000002")),
                find("lead", FindBy::Mark("h-1".into())),
                find("lead", FindBy::Id("L1001".into())),
                find("lead", FindBy::Id("L1003".into())),
                find("lead", FindBy::Id("L1004".into())),
                find("lead", FindBy::Id("L4040".into())),
                find("opportunity", phone("+8613900000001")),
            ],
            vec![Done, Done, Done, Done, Done, Done, Done, Done],
        ),
        crm(
            "find.throttled",
            "Too fast: the second search is not even sent.",
            throttle,
            vec![find("lead", phone("+8613900000001")), find("contact", phone("+8613900000001"))],
            vec![Throttled, Throttled],
        ),
        crm(
            "find.refused",
            "A token it does not know.",
            no_token,
            vec![find("lead", phone("+8613900000001"))],
            vec![Refused],
        ),
    ]
}

fn lists() -> Vec<Scene> {
    vec![
        crm(
            "changes",
            "Everything so far: live, converted, merged and deleted leads.",
            people,
            vec![changes("lead", None)],
            vec![Done],
        ),
        crm("changes.none", "Nothing moved.", nothing, vec![changes("opportunity", None)], vec![Done]),
        crm("changes.throttled", "Too fast.", throttle, vec![changes("lead", None)], vec![Throttled]),
        crm(
            "changes.refused",
            "A cursor it does not know.",
            nothing,
            vec![changes("lead", Some("nonsense"))],
            vec![Refused],
        ),
    ]
}

fn ma_scenes() -> Vec<Scene> {
    let scene = |name, about, prepare, operations, endings| Scene {
        folder: "sandbox_ma",
        name,
        about,
        settings: json!({"url": "http://127.0.0.1:8090"}),
        prepare,
        operations,
        endings,
    };
    let told = || Record::new().with("stage", "with_sales").with("owner", "测试乙");
    vec![
        scene("check", "Who are we.", nothing, vec![Operation::Check], vec![Done]),
        scene("check.throttled", "Too fast.", throttle, vec![Operation::Check], vec![Throttled]),
        scene("check.refused", "A token it does not know.", no_token, vec![Operation::Check], vec![Refused]),
        scene(
            "tell",
            "Stage and owner of one; feedback of another, who enters a segment; a third leaves one.",
            nothing,
            vec![
                tell("m-1", told()),
                tell(
                    "m-2",
                    Record::new()
                        .with("stage", "resting")
                        .with("feedback", "need_unclear")
                        .with("segment", "nurture-general"),
                ),
                tell("m-3", Record::new().with("leave_segment", "nurture-general")),
            ],
            vec![Done, Done, Done],
        ),
        scene(
            "tell.refused",
            "A stage longer than the field; the other goes through.",
            nothing,
            vec![tell("m-1", Record::new().with("stage", "x".repeat(41))), tell("m-2", told())],
            vec![Refused, Done],
        ),
        scene(
            "tell.throttled",
            "Too fast: nobody enters a segment either.",
            throttle,
            vec![tell("m-1", told().with("segment", "buys-later"))],
            vec![Throttled],
        ),
    ]
}
