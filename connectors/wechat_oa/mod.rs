//! WeChat official account 微信公众号: who follows, scans a code with a scene, clicks a menu or writes, told by callbacks,
//! in plain or in safe mode.
//!
//! The scene of a code (a poster, a booth, a salesperson) is `touch.scene`; a follower is known by openid.

use std::collections::BTreeMap;

use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::time::Timestamp;

use crate::reading::{NO_RECORD, NOBODY, TOO_LARGE, cut, in_query, unreadable, wecom_crypto, xml};

/// The connector of WeChat official accounts.
struct WechatOa;

inventory::submit! { Registered(&WechatOa) }

/// Most bytes of a callback.
const MOST_BYTES: usize = 256 * 1024;
/// Most bytes of a message that are kept.
const LONGEST_MESSAGE: usize = 2_000;

impl Connector for WechatOa {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        if push.body.len() > MOST_BYTES {
            return Err(unreadable(TOO_LARGE, "the callback is larger than any callback of WeChat"));
        }
        let unsigned = |why: String| Refusal::Unsigned(why);
        let token = link.secret("token").ok_or_else(|| unsigned("this source has no `token`".to_owned()))?;
        let part = |name: &str| in_query(push, name).unwrap_or_default();
        let (time, nonce) = (part("timestamp"), part("nonce"));
        wecom_crypto::check(token, &[&time, &nonce], &part("signature"))
            .map_err(|wrong| unsigned(wrong.to_string()))?;
        if push.method == Method::Get {
            let mut answer = Answer::with_body(200, "text/plain; charset=utf-8", cut(&part("echostr"), 500));
            answer.headers.push(("x-content-type-options".to_owned(), "nosniff".to_owned()));
            return Err(Refusal::Handshake(Box::new(answer)));
        }
        let outer = String::from_utf8_lossy(&push.body).into_owned();
        let outer =
            xml::children(&outer).ok_or_else(|| unreadable(NO_RECORD, "the callback is no flat XML"))?;
        let event = match outer.get("Encrypt") {
            None if part("encrypt_type") == "aes" => {
                return Err(unsigned("the callback says that it is sealed and is not".to_owned()));
            }
            None => {
                // The plain mode signs time and nonce alone: where a key is set, only sealed messages are proven.
                if link.secret("aes_key").is_some() {
                    return Err(unsigned(
                        "only sealed callbacks are taken: set the account to safe mode".to_owned(),
                    ));
                }
                outer
            }
            Some(sealed) => {
                let key = link.secret("aes_key").ok_or_else(|| {
                    unsigned("the callback is sealed, but this source has no `aes_key`".to_owned())
                })?;
                let plain = wecom_crypto::check(token, &[&time, &nonce, sealed], &part("msg_signature"))
                    .and_then(|()| wecom_crypto::open(key, link.text("app_id").unwrap_or_default(), sealed))
                    .map_err(|wrong| unsigned(wrong.to_string()))?;
                let plain = String::from_utf8_lossy(&plain).into_owned();
                xml::children(&plain).ok_or_else(|| unreadable(NO_RECORD, "what was sealed is no event"))?
            }
        };
        Ok(read(&event))
    }
}

fn read(event: &BTreeMap<String, String>) -> Received {
    let answer = Answer::with_body(200, "text/plain; charset=utf-8", "success");
    let mut received = Received { answer: Some(answer), ..Received::default() };
    let text = |name: &str| event.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let kind = text("Event").unwrap_or_default();
    let Some(openid) = text("FromUserName").filter(|_| kind != "TEMPLATESENDJOBFINISH") else {
        received.ignore(NOBODY);
        return received;
    };
    let (touch, what) = match (text("MsgType"), kind) {
        (Some("event"), "subscribe") => ("wechat_followed", kind),
        (Some("event"), "unsubscribe") => ("wechat_unfollowed", kind),
        (Some("event"), "SCAN") => ("wechat_scanned", kind),
        (Some("event"), "CLICK" | "VIEW") => ("wechat_menu", kind),
        (Some("event"), _) => ("wechat_event", kind),
        (other, _) => ("wechat_message", other.unwrap_or_default()),
    };
    let mut fields = Record::new().with("openid", openid).with("touch.event", what);
    let key = text("EventKey");
    match touch {
        "wechat_followed" | "wechat_scanned" => {
            if let Some(scene) = key.map(|key| key.strip_prefix("qrscene_").unwrap_or(key)) {
                fields.set("touch.scene", scene);
            }
        }
        "wechat_menu" => {
            if let Some(key) = key {
                fields.set("touch.menu", key);
            }
        }
        "wechat_message" => {
            if let Some(content) = text("Content") {
                fields.set("touch.text", Value::text(cut(content, LONGEST_MESSAGE)));
            }
        }
        _ => {}
    }
    let part = |name: &str| text(name).unwrap_or_default();
    let id = match text("MsgId") {
        Some(id) => id.to_owned(),
        None => [openid, part("CreateTime"), kind].join("/"),
    };
    let seconds = text("CreateTime").and_then(|time| time.parse::<i64>().ok());
    received.leads.push(RawLead {
        event_id: Some(id),
        at: seconds.and_then(|seconds| seconds.checked_mul(1_000_000)).map(Timestamp),
        touch: Some(touch.to_owned()),
        fields,
        position: 0,
        ..RawLead::default()
    });
    received
}
