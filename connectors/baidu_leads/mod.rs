//! Baidu's ad leads 百度营销: clues of landing pages, pushed in two styles of two product generations.
//!
//! The same clue comes twice: at once, and again some twenty minutes later with plan, keyword and search word. The second
//! time is a touch of its own, so that the keyword arrives without the form being counted twice.

use leadloop_connector_api::answers::text_of;
use leadloop_connector_api::http::Answer;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, Settings};
use leadloop_connector_api::signature::secret_fits;
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};
use leadloop_mapping::Value;
use leadloop_sync_core::capture::{Quarantined, RawLead};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::reading::{self, DEEPEST, NO_OBJECT, OUT_OF_BOUNDS, quarantined, uba};

/// The connector of Baidu's leads.
struct BaiduLeads;

inventory::submit! { Registered(&BaiduLeads) }

/// Names in both styles and what each is here; where none is named the field describes the touch under its own name.
const NAMES: [(&str, &str, &str); 6] = [
    ("cluePhoneNumber", "clue_phone_number", "phone"),
    ("wechatAccount", "wechat_account", "wechat"),
    ("solutionTypeName", "solution_type_name", "touch.lead_kind"),
    ("flowChannelName", "flow_channel_name", "touch.flow_channel"),
    ("area", "area", "touch.area"),
    ("area_province", "areaProvince", "province"),
];
/// What is said otherwise, or says nothing.
const NOT_KEPT: [&str; 9] = [
    "token",
    "clueId",
    "clue_id",
    "commitTime",
    "commit_time",
    "formDetail",
    "form_detail",
    "ip",
    "additional_content",
];

impl Connector for BaiduLeads {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        reading::check_zone(settings).into_iter().collect()
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        reading::only_post(push)?;
        let body = reading::object_of(push)?;
        let query = reading::in_query(push, "token");
        let given = body.get("token").and_then(text_of).or(query).unwrap_or_default();
        if !link.secret("token").is_some_and(|token| secret_fits(&given, token)) {
            return Err(Refusal::Unsigned("`token` is not the one of this source".to_owned()));
        }
        let mut received = Received::default();
        match lead(link, &body) {
            Ok(lead) => received.leads.push(lead),
            Err(record) => received.unreadable.push(*record),
        }
        let said = json!({ "code": 0, "message": "success" });
        received.answer = Some(Answer::with_body(200, "application/json", said.to_string()));
        Ok(received)
    }
}

fn lead(link: &Link, body: &Map<String, Json>) -> Result<RawLead, Box<Quarantined>> {
    let either = |one: &str, other: &str| body.get(one).or_else(|| body.get(other));
    let Some(id) = uba::id(either("clueId", "clue_id")) else {
        let whole = Json::Object(body.clone());
        return Err(quarantined(NO_OBJECT, "the clue has no id", uba::torso(&whole, 0)));
    };
    let mut fields = reading::Bounded::default();
    for (name, value) in body.iter().filter(|(name, value)| !NOT_KEPT.contains(&name.as_str()) && says(value))
    {
        let ours = NAMES.iter().find(|(camel, snake, _)| name == camel || name == snake);
        match ours {
            Some((_, _, "phone")) => {
                // two numbers may stand in one field
                for number in text_of(value).unwrap_or_default().split([',', '，', ';']) {
                    fields.add("phone", Value::text(number.trim()));
                }
            }
            Some((_, _, ours)) => uba::add(&mut fields, ours, value, 0),
            None => uba::add(&mut fields, &format!("touch.{}", reading::snake(name)), value, DEEPEST),
        }
    }
    answers(&mut fields, either("formDetail", "form_detail"));
    if let Some(url) = body.get("url").and_then(Json::as_str) {
        reading::campaign_of(&mut fields, url);
    }
    let at = either("commitTime", "commit_time").and_then(text_of);
    let late = body.get("push_delay").and_then(text_of).is_some_and(|delay| delay.contains("延迟"));
    let raw = RawLead {
        event_id: Some(if late { format!("{id}/late") } else { id }),
        at: at.and_then(|text| Timestamp::parse(&text, &reading::zone(link))),
        touch: late.then(|| "ad_lead_completed".to_owned()),
        fields: fields.record,
        position: 0,
        ..RawLead::default()
    };
    match fields.beyond {
        Some(beyond) => Err(quarantined(OUT_OF_BOUNDS, beyond, raw)),
        None => Ok(raw),
    }
}

fn says(value: &Json) -> bool {
    !(value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()))
}

/// What was filled into the form: a list of names and values, or such a list as text.
fn answers(fields: &mut reading::Bounded, form: Option<&Json>) {
    let parsed;
    let list = match form {
        Some(Json::Array(list)) => list.as_slice(),
        Some(Json::String(text)) => {
            parsed = serde_json::from_str::<Vec<Json>>(text).unwrap_or_default();
            parsed.as_slice()
        }
        _ => &[],
    };
    for answer in list {
        let name = uba::id(answer.get("name"));
        if let (Some(name), Some(value)) = (name, answer.get("value").filter(|value| says(value))) {
            uba::add(fields, &name, value, DEEPEST);
        }
    }
}
