//! Making and changing records. A lead's state is written by Odoo's own methods, notes become messages of the chatter.

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::{Outcome, Reply};
use serde_json::{Map, Value as Json, json};

use super::call::{Call, Talk};
use super::html::html;
use super::read::message_id;
use super::words::{STATE, values};
use super::{description, theirs, unknown_object};

/// Most characters of a note.
const MOST_NOTE: usize = 10_000;

/// What a written state asks for beyond fields.
enum Press {
    Won,
    Lost(Option<i64>),
}

impl Talk {
    pub(super) fn create(self, object: String, record: Record, mark: String) -> Next {
        let Some(model) = theirs(&object) else { return Next::end(unknown_object(&object)) };
        let values = match object.as_str() {
            "activity" => match note(&record, &mark) {
                Ok(values) => values,
                Err(outcome) => return Next::end(outcome),
            },
            _ => self.new_record(&object, &record, &mark),
        };
        let call = Call::of(model, "create").writing("vals_list", json!([values])).once();
        let asked = object.clone();
        self.ask(call, &asked, move |talk, said| match said {
            Err(outcome) => Next::end(outcome),
            Ok(json) => match json.as_array().map(Vec::as_slice) {
                Some([id]) if id.is_i64() => {
                    let remote = RemoteRef {
                        link: talk.link.name.clone(),
                        object: object.clone(),
                        id: id.to_string(),
                    };
                    Next::end(Outcome::Done(Reply::Written(remote)))
                }
                _ => Next::end(odd("the answer to a create names no record")),
            },
        })
    }

    fn new_record(&self, object: &str, record: &Record, mark: &str) -> Map<String, Json> {
        let mut values = self.with_stage(object, record);
        if let Some(field) = self.link.mark_field(description(), object) {
            values.insert(field.to_owned(), mark.into());
        }
        match object {
            "lead" => {
                let kind = self.link.text("create_as").unwrap_or("lead");
                values.entry("type").or_insert_with(|| kind.into());
                // whoever calls would become the owner
                values.entry("user_id").or_insert(Json::Bool(false));
                let title = ["name", "partner_name", "contact_name", "email_from", "phone"];
                let title = title
                    .iter()
                    .find_map(|field| values.get(*field).filter(|value| value.is_string()).cloned());
                values.insert("name".to_owned(), title.unwrap_or_else(|| mark.into()));
            }
            "opportunity" => {
                values.insert("type".to_owned(), "opportunity".into());
            }
            "account" => {
                values.insert("is_company".to_owned(), true.into());
            }
            _ => {}
        }
        values
    }

    /// The fields of a record, its stage among them where the state is one.
    fn with_stage(&self, object: &str, record: &Record) -> Map<String, Json> {
        let mut values = values(object, record);
        if let Some(stage) = record.get(STATE).and_then(Value::as_int).filter(|_| is_lead(object)) {
            values.insert("stage_id".to_owned(), stage.into());
            values.insert("active".to_owned(), true.into());
        }
        values
    }

    pub(super) fn update(self, remote: RemoteRef, record: Record) -> Next {
        let object = remote.object.clone();
        let (Some(model), Ok(id)) = (theirs(&object), remote.id.parse::<i64>()) else {
            return Next::end(unknown_object(&object));
        };
        let pressed = press(&object, &record);
        let mut values = self.with_stage(&object, &record);
        if matches!(pressed, Some(Press::Lost(Some(_)))) {
            values.remove("lost_reason_id");
        }
        if values.is_empty() {
            return match pressed {
                Some(pressed) => self.press(remote, pressed),
                None => Next::end(Outcome::Done(Reply::Written(remote))),
            };
        }
        let call = Call::of(model, "write").on(id).writing("vals", Json::Object(values));
        self.ask(call, &object, move |talk, said| match (said, pressed) {
            (Ok(Json::Bool(true)), Some(pressed)) => talk.press(remote, pressed),
            (Ok(Json::Bool(true)), None) => Next::end(Outcome::Done(Reply::Written(remote))),
            (Ok(_), _) => Next::end(odd("the answer to a write does not say that it was done")),
            (Err(outcome), _) => Next::end(outcome),
        })
    }

    fn press(self, remote: RemoteRef, press: Press) -> Next {
        let Ok(id) = remote.id.parse::<i64>() else { return Next::end(unknown_object(&remote.object)) };
        let lost = matches!(press, Press::Lost(_));
        let call = match press {
            Press::Won => Call::of("crm.lead", "action_set_won").on(id),
            Press::Lost(None) => Call::of("crm.lead", "action_set_lost").on(id),
            Press::Lost(Some(reason)) => {
                Call::of("crm.lead", "action_set_lost").on(id).with("lost_reason_id", reason.into())
            }
        };
        let object = remote.object.clone();
        self.ask(call, &object, move |_, said| {
            Next::end(match said {
                Ok(Json::Bool(true)) => Outcome::Done(Reply::Written(remote)),
                // this method says nothing
                Ok(Json::Null) if lost => Outcome::Done(Reply::Written(remote)),
                Ok(_) => odd("the answer does not say that the state was set"),
                Err(outcome) => outcome,
            })
        })
    }
}

fn is_lead(object: &str) -> bool {
    matches!(object, "lead" | "opportunity")
}

fn press(object: &str, record: &Record) -> Option<Press> {
    match record.text(STATE).filter(|_| is_lead(object))? {
        "won" => Some(Press::Won),
        "lost" => Some(Press::Lost(record.get("lost_reason_id").and_then(Value::as_int))),
        _ => None,
    }
}

/// A message of the chatter: subject and body, beside the lead, the person or the company.
fn note(record: &Record, mark: &str) -> Result<Map<String, Json>, Outcome> {
    let about = [
        ("lead_id", "lead"),
        ("opportunity_id", "lead"),
        ("contact_id", "contact"),
        ("account_id", "contact"),
    ];
    let found =
        about.iter().find_map(|(field, object)| Some((theirs(object)?, record.get(field)?.as_int()?)));
    let Some((model, id)) = found else {
        return Err(Outcome::Rejected {
            field: None,
            code: "note_about_nothing".to_owned(),
            detail: "the note names no record it is about".to_owned(),
        });
    };
    let (subject, body) =
        (record.text("subject").unwrap_or_default(), record.text("body").unwrap_or_default());
    let body: String = body.chars().take(MOST_NOTE).collect();
    let shown =
        if subject.is_empty() { html(&body) } else { format!("<b>{}</b><br>{}", html(subject), html(&body)) };
    let mut values = Map::new();
    for (name, value) in [
        ("model", Json::from(model)),
        ("res_id", id.into()),
        ("subject", subject.into()),
        ("body", format!("<p>{shown}</p>").into()),
        ("message_type", "comment".into()),
        ("is_internal", true.into()),
        ("message_id", message_id(mark).into()),
    ] {
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}
