//! Posts as nobody should send them: every listener takes, sets aside or refuses them, and what it gives is within the
//! bounds.
#![expect(clippy::unwrap_used, reason = "a test without its connector has to fail")]

use std::collections::BTreeMap;

use leadloop_connector_api::http::{Method, Push};
use leadloop_connector_api::{Link, Received, Refusal};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::time::Timestamp;
use proptest::prelude::*;

const KINDS: [&str; 7] = [
    "application/x-www-form-urlencoded",
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=b",
    "text/csv",
    "application/x-www-form-urlencoded; charset=gb2312",
    "",
];

fn receive(connector: &str, kind: &str, body: Vec<u8>) -> Result<Received, Refusal> {
    let settings = [("signature", "none"), ("honeypot", "_hp_url"), ("records", ""), ("echo", "challenge")];
    let link = Link {
        name: "website".into(),
        settings: settings.map(|(name, value)| (name.to_owned(), Value::from(value))).into(),
        secrets: BTreeMap::new(),
        wants: leadloop_connector_api::Wants::default(),
        told: None,
    };
    let push = Push {
        method: Method::Post,
        path: String::new(),
        query: "utm_source=a&%ff=%zz".into(),
        headers: vec![
            ("content-type".into(), kind.into()),
            ("referer".into(), "https://a.example/?utm_term=x".into()),
        ],
        body,
        at: Timestamp(1_795_410_000_000_000),
        peer: None,
    };
    leadloop_connectors::registry().get(connector).unwrap().receive(&link, &push)
}

fn within_bounds(fields: &Record) -> bool {
    fields.0.len() <= 240 // what is lifted and noted comes on top of the 200 that are taken
        && fields.iter().all(|(name, value)| name.len() <= 120 && value.to_display().len() <= 10_000 * 200)
}

fn check(result: Result<Received, Refusal>) -> Result<(), TestCaseError> {
    if let Ok(received) = result {
        for fields in received
            .leads
            .iter()
            .map(|lead| &lead.fields)
            .chain(received.unreadable.iter().map(|r| &r.raw.fields))
        {
            prop_assert!(within_bounds(fields), "{} fields", fields.0.len());
        }
        let mut positions: Vec<u32> = received.leads.iter().map(|lead| lead.position).collect();
        positions.extend(received.unreadable.iter().map(|record| record.position));
        positions.sort_unstable();
        prop_assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "two records at one place");
    }
    Ok(())
}

/// JSON of any shape.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[a-z线\\[\\].\u{0}]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map("leads|email|_submission_id|touch.x|[a-z.\\[\\]]{0,6}", inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_do_no_harm(kind in 0..KINDS.len(), body in prop::collection::vec(any::<u8>(), 0..600)) {
        for connector in ["web_form", "webhook", "table_file"] {
            check(receive(connector, KINDS[kind], body.clone()))?;
        }
    }

    #[test]
    fn any_form_does_no_harm(kind in 0..KINDS.len(), body in "([a-z_\\[\\]%.]{0,6}(=|&|%E7%BA%BF|\r\n--b|\"|;|leads\\[[0-9]{1,2}\\]\\[x\\]=)){0,80}") {
        for connector in ["web_form", "webhook"] {
            check(receive(connector, KINDS[kind], body.clone().into_bytes()))?;
        }
    }

    #[test]
    fn any_json_does_no_harm(json in any_json()) {
        for connector in ["web_form", "webhook"] {
            check(receive(connector, "application/json", json.to_string().into_bytes()))?;
        }
    }
}
