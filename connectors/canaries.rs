//! Made leads are refused exactly where the vendor's own would be: each is taken by its own connector, and one that
//! was changed on the way is not.

use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::{Push, Registry};
use leadloop_mapping::Record;

use crate::reading::testing::{RECORDED, link};

fn canary() -> Canary {
    let fields = Record::new()
        .with("name", "leadloop canary")
        .with("phone", "19900001234")
        .with("email", "canary@canary.example");
    Canary { id: "canary-1".to_owned(), at: RECORDED, fields }
}

/// Connector, its settings, its secrets, and whether a changed body shows.
type Tried = (&'static str, &'static str, &'static [(&'static str, &'static str)], bool);

const SOURCES: [Tried; 13] = [
    (
        "webhook",
        "signature = \"standard_webhooks\"",
        &[("secret", "whsec_bGVhZGxvb3AtY2FuYXJ5LXNlY3JldA==")],
        true,
    ),
    (
        "webhook",
        "signature = \"hmac\"\nheader = \"X-Signature\"\nsigned = \"v0:{timestamp}:{id}:{bare_body}\"\ntimestamp_header = \"X-Time\"\nid_header = \"X-Id\"\nprefix = \"v0=\"\nrecords = \"data.list\"\nevent_id = \"meta.id\"\nat = \"meta.at\"\nkind = \"meta.kind\"\nkinds = { signup = \"form_submitted\" }",
        &[("secret", "s1 s0")],
        true,
    ),
    (
        "webhook",
        "signature = \"hmac\"\nheader = \"X-Signature\"\nalgorithm = \"sha1\"\nwritten_as = \"base64\"",
        &[("secret", "s1")],
        true,
    ),
    (
        "webhook",
        "signature = \"header\"\nheader = \"X-Token\"\nprefix = \"Bearer \"",
        &[("secret", "s1")],
        false,
    ),
    ("webhook", "signature = \"query\"", &[("secret", "s 1&")], false),
    ("webhook", "signature = \"none\"", &[], false),
    ("sensors", "project = \"production\"", &[("token", "t&1")], false),
    ("segment", "", &[("write_key", "k1 k0")], false),
    ("typeform", "form = \"F1\"", &[("secret", "s1"), ("token", "t")], true),
    (
        "jinshuju",
        "form = \"F1\"",
        &[("path_secret", "p-secret-of-16-chars"), ("api_key", "k"), ("api_secret", "x")],
        false,
    ),
    ("web_form", "allowed_origins = [\"https://*.shili.example\"]", &[], false),
    ("web_form", "consent = { transfer = \"agree\" }", &[], false),
    ("site_script", "allowed_origins = [\"https://www.shili.example\"]", &[], false),
];

#[test]
fn a_made_lead_is_taken_and_a_forged_one_is_not() {
    let registry = Registry::all();
    for (name, settings, secrets, signed) in SOURCES {
        let connector = registry.get(name).expect("it is linked in");
        let link = link(connector, settings, secrets);
        let push = connector.canary(&link, &canary()).unwrap_or_else(|| panic!("{name} makes none"));
        let received = connector.receive(&link, &push).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert!(received.unreadable.is_empty() && received.ignored.is_empty(), "{name}: {received:?}");
        let [lead] = received.leads.as_slice() else { panic!("{name}: {received:?}") };
        for (field, value) in canary().fields.iter() {
            assert_eq!(lead.fields.get(field), Some(value), "{name}: {:?}", lead.fields);
        }
        if signed {
            let mut body = push.body.clone();
            let place = body.windows(6).position(|six| six == b"canary").expect("it says what it is");
            body[place] = b'k';
            assert!(connector.receive(&link, &Push { body, ..push }).is_err(), "{name}: {settings}");
        }
    }
}

#[test]
fn nobody_else_makes_one() {
    let registry = Registry::all();
    // Profiles of `webhook` make what it makes.
    let profiles = ["convertlab", "focussend", "zhiqu"];
    let makes = |name: &&str| profiles.contains(name) || SOURCES.iter().any(|(known, ..)| known == name);
    let link = link(registry.get("webhook").expect("it is linked in"), "signature = \"none\"", &[]);
    for name in registry.names().filter(|name| !makes(name)) {
        let connector = registry.get(name).expect("it has a name");
        assert_eq!(connector.canary(&link, &canary()), None, "{name}: put it on the list of this test");
    }
}
