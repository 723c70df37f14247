//! WeCom 企业微信: customers who add a salesperson, leave, join a group or are tagged, told by encrypted callbacks.
//!
//! Who it was is said by `external_userid`; the salesperson and the `State` of the QR code stand beside it, so a poster or a
//! booth is known by the code somebody scanned. Callbacks are answered at once with an empty body.

use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::time::Timestamp;

use crate::reading::{NO_RECORD, NOBODY, TOO_LARGE, in_query, unreadable, wecom_crypto, xml};

/// The connector of WeCom's customer contacts.
struct WecomContacts;

inventory::submit! { Registered(&WecomContacts) }

/// Most bytes of a callback.
const MOST_BYTES: usize = 256 * 1024;

impl Connector for WecomContacts {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        if push.body.len() > MOST_BYTES {
            return Err(unreadable(TOO_LARGE, "the callback is larger than any callback of WeCom"));
        }
        if push.method == Method::Get {
            let echo = opened(link, push, &in_query(push, "echostr").unwrap_or_default())?;
            let mut answer = Answer::with_body(200, "text/plain; charset=utf-8", echo);
            answer.headers.push(("x-content-type-options".to_owned(), "nosniff".to_owned()));
            return Err(Refusal::Handshake(Box::new(answer)));
        }
        let outer = String::from_utf8_lossy(&push.body);
        let Some(sealed) = xml::children(&outer).and_then(|mut outer| outer.remove("Encrypt")) else {
            return Err(Refusal::Unsigned(
                "there is no `Encrypt` in it: only sealed callbacks are taken".to_owned(),
            ));
        };
        let message = opened(link, push, &sealed)?;
        let message = String::from_utf8_lossy(&message);
        let Some(event) = xml::children(&message) else {
            return Err(unreadable(NO_RECORD, "what was sealed is no event"));
        };
        let mut received = Received {
            answer: Some(Answer { status: 200, headers: vec![], body: vec![] }),
            ..Received::default()
        };
        let text = |name: &str| event.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        match text("ExternalUserID") {
            Some(_) => received.leads.push(lead(&text)),
            None => received.ignore(NOBODY), // a group, a tag of the company, an employee
        }
        Ok(received)
    }
}

/// What a callback holds, once its signature and its receiver are proven.
fn opened(link: &Link, push: &Push, sealed: &str) -> Result<Vec<u8>, Refusal> {
    let unsigned = |why: String| Refusal::Unsigned(why);
    let secret = |name: &str| {
        link.secret(name)
            .ok_or_else(|| unsigned(format!("this source has no `{name}`, so nothing can be proven")))
    };
    let part = |name: &str| in_query(push, name).unwrap_or_default();
    let (time, nonce) = (part("timestamp"), part("nonce"));
    let (token, key) = (secret("token")?, secret("aes_key")?);
    wecom_crypto::check(token, &[&time, &nonce, sealed], &part("msg_signature"))
        .and_then(|()| wecom_crypto::open(key, link.text("corp_id").unwrap_or_default(), sealed))
        .map_err(|wrong| unsigned(wrong.to_string()))
}

fn lead<'t>(text: &impl Fn(&str) -> Option<&'t str>) -> RawLead {
    let (event, change) = (text("Event").unwrap_or_default(), text("ChangeType").unwrap_or_default());
    let touch = match change {
        "add_external_contact" => "wecom_added",
        "add_half_external_contact" => "wecom_asked_to_add",
        "del_external_contact" => "wecom_removed_by_sales",
        "del_follow_user" => "wecom_removed_by_customer",
        "edit_external_contact" => "wecom_edited",
        _ => "wecom_event",
    };
    let mut fields = Record::new();
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            fields.set(name, Value::text(value));
        }
    };
    set("wecom_id", text("ExternalUserID"));
    set("touch.event", Some(if change.is_empty() { event } else { change }));
    set("touch.sales_user", text("UserID"));
    set("touch.state", text("State"));
    set("touch.add_source", text("Source"));
    set("touch.fail_reason", text("FailReason"));
    let part = |name: &str| text(name).unwrap_or_default();
    let id = match text("MsgId") {
        Some(id) => id.to_owned(),
        None => [part("CreateTime"), event, change, part("UserID"), part("ExternalUserID")].join("/"),
    };
    let seconds = text("CreateTime").and_then(|time| time.parse::<i64>().ok());
    RawLead {
        event_id: Some(id),
        at: seconds.and_then(|seconds| seconds.checked_mul(1_000_000)).map(Timestamp),
        touch: Some(touch.to_owned()),
        fields,
        position: 0,
        ..RawLead::default()
    }
}
