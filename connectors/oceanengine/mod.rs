//! Oceanengine 巨量引擎 (Douyin, Toutiao): ad leads read from the Feiyu interface with key and token; a push is taken and
//! hurries the next reading, which brings what the ad platform learns some minutes later.

use leadloop_connector_api::answers::{Answers, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::{Answer, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, Settings};
use leadloop_connector_api::signature::{Algorithm, Encoding, encode, hmac, secret_fits};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Cursor, Fetched, Operation, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Map, Value as Json, json};

use crate::reading::{self, DEEPEST, NO_OBJECT, OUT_OF_BOUNDS, quarantined, uba};

/// The connector of Oceanengine.
struct Oceanengine;

inventory::submit! { Registered(&Oceanengine) }

const PATH: &str = "/crm/v2/openapi/pull-clues/";
/// Clues of a page.
const PAGE: usize = 100;
/// Longest span of one reading.
const SPAN: Micros = Micros::days(7);
/// How far back the first reading goes.
const FIRST: Micros = Micros::days(7);
/// What is learned of a clue later comes within this time.
const LATE: Micros = Micros::minutes(30);

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Oceanengine {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        reading::check_zone(settings).into_iter().collect()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        reading::path_secret(link, push)?;
        reading::only_post(push)?;
        if let (Some(given), Some(token)) =
            (push.header("access_token").or_else(|| push.header("access-token")), link.secret("token"))
            && !secret_fits(given.trim(), token)
        {
            return Err(Refusal::Unsigned("`ACCESS_TOKEN` is not the token of this source".to_owned()));
        }
        let body = reading::object_of(push)?;
        let mut received = Received { hints: vec!["clues".to_owned()], ..Received::default() };
        match lead(link, &body, 0) {
            Ok(lead) => received.leads.push(lead),
            Err(record) => received.unreadable.push(*record),
        }
        let said = json!({ "code": 0, "message": "success" });
        received.answer = Some(Answer::with_body(200, "application/json", said.to_string()));
        Ok(received)
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let Some(Operation::Changes { object, cursor }) = operations.first() else {
            return Err(Refusal::NotSpoken(operations.first().map_or("nothing", Operation::kind)));
        };
        let answers = Answers::of(description(), link, moment.now);
        let asked = Asked::of(cursor, moment.now);
        let request = asked.request(link, moment.now);
        let (object, link) = (object.clone(), link.clone());
        Ok(single(request, move |answer| {
            vec![match answers.json(&object, answer) {
                Ok(json) => asked.page(&link, &json).unwrap_or_else(|| refused(&json)),
                Err(outcome) => outcome,
            }]
        }))
    }
}

/// What one reading asks for.
struct Asked {
    from: Timestamp,
    to: Timestamp,
    page: usize,
    now: Timestamp,
}

impl Asked {
    /// A run of pages keeps its span, which stands in the cursor beside the page.
    fn of(cursor: &Cursor, now: Timestamp) -> Self {
        let from = cursor.since.unwrap_or(now - FIRST);
        let running = cursor.token.as_deref().and_then(|token| {
            let (page, to) = token.split_once('/')?;
            Some((page.parse().ok()?, Timestamp(to.parse().ok()?)))
        });
        let (page, to) = running.unwrap_or((1, now.min(from + SPAN)));
        Self { from, to, page, now }
    }

    fn request(&self, link: &Link, now: Timestamp) -> Request {
        let seconds = |at: Timestamp| at.0.div_euclid(1_000_000).to_string();
        let (from, to, now) = (seconds(self.from), seconds(self.to), seconds(now));
        let secret = |name: &str| {
            link.secret(name).map(|secret| secret.expose_secret().to_owned()).unwrap_or_default()
        };
        let signature =
            signature(&secret("signature_key"), &format!("{PATH}?start_time={from}&end_time={to}"), &now);
        let mut request = Request::get(PATH)
            .with_query("page", self.page.to_string())
            .with_query("page_size", PAGE.to_string())
            .with_query("start_time", from)
            .with_query("end_time", to);
        for (name, value) in [("signature", signature), ("timestamp", now), ("access-token", secret("token"))]
        {
            request.headers.push((name.to_owned(), value));
        }
        request
    }

    fn page(&self, link: &Link, json: &Json) -> Option<Outcome> {
        json.get("status").and_then(Json::as_str).filter(|status| *status == "success")?;
        let list = json.get("data")?.as_array()?;
        let count = usize::try_from(json.get("count")?.as_u64()?).ok()?;
        let mut fetched = Fetched::default();
        for (place, clue) in list.iter().enumerate() {
            let position = u32::try_from(place).unwrap_or(u32::MAX);
            match clue.as_object().map(|clue| lead(link, clue, position)) {
                Some(Ok(lead)) => fetched.leads.push(lead),
                Some(Err(record)) => fetched.unreadable.push(*record),
                None => fetched.unreadable.push(*quarantined(
                    NO_OBJECT,
                    "a clue is no object",
                    uba::torso(clue, position),
                )),
            }
        }
        let pages_left = !list.is_empty() && self.page * PAGE < count;
        let span_left = self.to < self.now;
        fetched.next = if pages_left {
            let token = format!("{}/{}", self.page + 1, self.to.0);
            Cursor { since: Some(self.from), after_id: None, token: Some(token) }
        } else {
            let since = if span_left { self.to } else { (self.to - LATE).max(self.from) };
            Cursor { since: Some(since), after_id: None, token: None }
        };
        fetched.more = pages_left || span_left;
        Some(Outcome::Done(Reply::Leads(Box::new(fetched))))
    }
}

/// An answer that says in its body that it is none.
fn refused(json: &Json) -> Outcome {
    match json.get("status").and_then(text_of) {
        Some(code) if code != "success" => {
            let detail = json.get("msg").and_then(text_of).unwrap_or_default();
            Outcome::Rejected { field: None, code, detail: reading::cut(&detail, 300).to_owned() }
        }
        _ => odd("the page is not what a page looks like"),
    }
}

/// The interface's signature: base64 over the hexadecimal HMAC of path, query and time.
fn signature(key: &str, path: &str, time: &str) -> String {
    let signed = hmac(Algorithm::Sha256, key.as_bytes(), &[path.as_bytes(), b" ", time.as_bytes()]);
    encode(Encoding::Base64, encode(Encoding::Hex, &signed).as_bytes())
}

/// Names of a clue and what each is here.
const NAMES: [(&str, &str); 9] = [
    ("name", "name"),
    ("telphone", "phone"),
    ("telephone", "phone"),
    ("weixin", "wechat"),
    ("email", "email"),
    ("province_name", "province"),
    ("city_name", "city"),
    ("address", "address"),
    ("remark", "requirement"),
];
const NOT_KEPT: [&str; 5] = ["id", "clue_id", "create_time", "create_time_detail", "remark_dict"];

fn lead(link: &Link, clue: &Map<String, Json>, position: u32) -> Result<RawLead, Box<Quarantined>> {
    let Some(id) = uba::id(clue.get("clue_id").or_else(|| clue.get("id"))) else {
        let whole = Json::Object(clue.clone());
        return Err(quarantined(NO_OBJECT, "the clue has no id", uba::torso(&whole, position)));
    };
    let mut fields = reading::Bounded::default();
    for (name, value) in clue.iter().filter(|(name, _)| !NOT_KEPT.contains(&name.as_str())) {
        if value.is_null() || value.as_str().is_some_and(str::is_empty) {
            continue;
        }
        match NAMES.iter().find(|(theirs, _)| theirs == name) {
            Some((_, ours)) => uba::add(&mut fields, ours, value, 0),
            None => uba::add(&mut fields, &format!("touch.{name}"), value, DEEPEST),
        }
    }
    // what was filled in beyond the usual fields, under the words of the form
    for (name, value) in clue.get("remark_dict").and_then(Json::as_object).into_iter().flatten() {
        uba::add(&mut fields, name, value, DEEPEST);
    }
    if let Some((province, city)) =
        clue.get("location").and_then(Json::as_str).and_then(|place| place.split_once('+'))
    {
        for (name, value) in [("province", province), ("city", city)] {
            if fields.record.get(name).is_none() && !value.is_empty() {
                fields.add(name, Value::text(value));
            }
        }
    }
    if let Some(url) = clue.get("external_url").and_then(Json::as_str) {
        reading::campaign_of(&mut fields, url);
    }
    let time = clue.get("create_time_detail").or_else(|| clue.get("create_time")).and_then(text_of);
    let at = time.and_then(|text| match text.parse::<i64>() {
        Ok(seconds) => seconds.checked_mul(1_000_000).map(Timestamp),
        Err(_) => Timestamp::parse(&text, &reading::zone(link)),
    });
    let raw = RawLead {
        event_id: Some(id),
        at,
        touch: None,
        fields: fields.record,
        position,
        ..RawLead::default()
    };
    match fields.beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None => Ok(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_interface() {
        let path = "/crm/v2/openapi/pull-clues/?start_time=1729958400&end_time=1730044800";
        assert_eq!(
            signature("feiyu_demo_key", path, "1730000000"),
            "NzFlOGUyNTRhNjIwYmRiYzAxMjllNDVkNjA4OTlkMmJkOTc2MWNjNjRlZGM2ZDU1ZDc3ZmNmMDE3ZjBkY2UzZA=="
        );
    }

    #[test]
    fn after_an_outage_all_spans_are_read_in_turn() {
        let link =
            crate::reading::testing::link(&Oceanengine, "", &[("path_secret", "fixture"), ("token", "t")]);
        let now = Timestamp(1_795_410_000_000_000);
        let mut cursor = Cursor { since: Some(now - Micros::days(20)), after_id: None, token: None };
        let mut spans = Vec::new();
        loop {
            let asked = Asked::of(&cursor, now);
            spans.push((asked.to - asked.from, asked.page));
            let count = if spans.len() == 1 { 150 } else { 0 };
            let clue = json!({"clue_id": "1", "telphone": "13900000001"});
            let data = if spans.len() == 1 { vec![clue; 100] } else { vec![] };
            let page = json!({"status": "success", "count": count, "data": data});
            let Some(Outcome::Done(Reply::Leads(fetched))) = asked.page(&link, &page) else { panic!() };
            cursor = fetched.next;
            if !fetched.more {
                break;
            }
        }
        assert_eq!(
            spans,
            [(SPAN, 1), (SPAN, 2), (SPAN, 1), (Micros::days(6), 1)],
            "two pages of the first week, then the others"
        );
        assert_eq!(cursor.since, Some(now - LATE), "what is learned late is read again");
    }
}
