use leadloop_connector_api::exchange::Step;
use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::{Connector, Link, Refusal};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::Mautic;
use crate::reading::testing::{link, push};

fn source() -> Link {
    link(
        &Mautic,
        "url = \"https://mautic.shili.example\"\nuser = \"leadloop\"",
        &[("password", "fixture"), ("webhook_secret", "mautic-secret-123")],
    )
}

#[test]
fn the_vendors_vector_fits_over_the_raw_bytes() {
    let vectors: Json = serde_json::from_str(include_str!("../api/tests/webhook-vectors.json")).unwrap();
    let vector =
        vectors["vectors"].as_array().unwrap().iter().find(|vector| vector["system"] == "mautic").unwrap();
    let body = vector["body"].as_str().unwrap();
    let headers = [("webhook-signature", vector["expect"].as_str().unwrap())];
    let received = Mautic.receive(&source(), &push(Method::Post, "/", &headers, body.as_bytes())).unwrap();
    let lead = &received.leads[0];
    assert_eq!((lead.touch.as_deref(), lead.fields.text("ma_id")), (Some("points_changed"), Some("47")));
    assert_eq!(lead.fields.get("score.web"), Some(&Value::Int(35)));
    assert_eq!(lead.fields.get("touch.delta"), Some(&Value::Int(15)));
    let same: Json = serde_json::from_str(body).unwrap();
    let again = Mautic.receive(&source(), &push(Method::Post, "/", &headers, same.to_string().as_bytes()));
    assert!(matches!(again, Err(Refusal::Unsigned(_))), "written anew it is another text");
}

fn talk(records: &[Record], answers: &[(u16, Json)]) -> (Vec<String>, Vec<Outcome>) {
    let operations: Vec<Operation> = (47..)
        .zip(records)
        .map(|(id, record)| Operation::Tell { id: id.to_string(), record: record.clone() })
        .collect();
    let mut exchange = Mautic.exchange(&source(), &operations, &mut Moment::new(Timestamp(0), 1)).unwrap();
    let (mut asked, mut answers) = (Vec::new(), answers.iter());
    let mut step = exchange.advance(None);
    loop {
        match step {
            Step::Send(request) => asked.push(request.url.clone()),
            Step::Done(outcomes) => return (asked, outcomes),
        }
        let (status, body) = answers.next().expect("an answer for each request");
        step = exchange.advance(Some(&Answer::with_body(*status, "application/json", body.to_string())));
    }
}

fn told() -> Outcome {
    Outcome::Done(Reply::Told)
}

#[test]
fn fields_go_in_one_batch_and_segments_by_their_alias() {
    let records = [
        Record::new().with("stage", "resting").with("segment", "buys-later").with("quiet", false),
        Record::new().with("stage", "raw").with("leave_segment", "old"),
        Record::new().with("segment", "nobody-knows"),
    ];
    let fields = json!({"contacts": [], "statusCodes": [200, 200, 200], "errors": []});
    let lists =
        json!({"total": 2, "lists": {"5": {"id": 5, "alias": "buys-later"}, "6": {"id": 6, "alias": "old"}}});
    let (asked, outcomes) = talk(
        &records,
        &[(200, fields.clone()), (200, lists), (200, json!({"success": 1})), (200, json!({"success": 1}))],
    );
    assert_eq!(
        asked,
        ["/contacts/batch/edit", "/segments", "/segments/5/contacts/add", "/segments/6/contact/48/remove"]
    );
    assert_eq!(outcomes[..2], [told(), told()]);
    assert!(matches!(&outcomes[2], Outcome::Rejected { code, .. } if code == "no_segment"));
    let (asked, outcomes) = talk(
        &records[1..2],
        &[
            (
                200,
                json!({"contacts": [], "statusCodes": [404], "errors": {"0": {"code": 404, "message": "Item was not found."}}}),
            ),
            (200, json!({"lists": []})),
        ],
    );
    assert_eq!(asked.len(), 2);
    assert!(matches!(outcomes[0], Outcome::Gone { .. }));
}

#[test]
fn without_the_list_of_segments_only_those_who_move_are_not_told() {
    let records = [Record::new().with("stage", "raw"), Record::new().with("segment", "a")];
    let fields = json!({"contacts": [], "statusCodes": [200, 200], "errors": []});
    let (_, outcomes) = talk(&records, &[(200, fields), (429, json!({}))]);
    // what was told stays told; telling it again does no harm
    assert_eq!(outcomes[0], told());
    assert!(matches!(outcomes[1], Outcome::Throttled { .. }));
}

#[test]
fn somebody_unknown_is_no_lead_and_a_refusal_is_heard() {
    let send = |body: Json| super::events::read(&source(), &body).unwrap();
    let hit = json!({"mautic.page_on_hit": [{"hit": {"id": 9, "url": "https://www.shili.example/", "lead": {"id": 3, "dateIdentified": null}}, "timestamp": "2026-01-05T08:12:33+00:00"}]});
    assert_eq!((send(hit.clone()).leads.len(), send(hit).ignored.len()), (0, 1));
    let unsubscribed = json!({"mautic.lead_channel_subscription_changed": {"contact": {"id": 4, "fields": {"core": {"email": {"value": "jia@shili.example"}, "leadloop_stage": {"value": "raw"}}}}, "channel": "email", "old_status": "contactable", "new_status": "unsubscribed", "timestamp": "2026-01-05T08:12:33+00:00"}});
    let received = send(unsubscribed);
    let fields = &received.leads[0].fields;
    assert_eq!((fields.get("consent.mail"), fields.get("leadloop_stage")), (Some(&Value::Bool(false)), None));
}
