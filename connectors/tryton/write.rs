//! Making and changing records. A lead becomes a party with the ways to reach it, and an opportunity that carries our mark;
//! the party's code is our mark too, so that a create that broke off between the two finds it again. States are set by
//! Tryton's own buttons and read back: older series take a wrong button without a word.

use std::collections::BTreeMap;

use leadloop_connector_api::answers::odd;
use leadloop_connector_api::chain::Next;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::{Outcome, Reply};
use serde_json::{Map, Value as Json, json};

use super::call::Talk;
use super::read::OF_PARTY;
use super::values::{day_of, out};
use super::{ids, is_opportunity, number, theirs, unknown_object};

/// Most characters of a note.
const MOST_NOTE: usize = 10_000;
/// Fields we make or that buttons set.
const NOT_WRITTEN: [&str; 5] = ["state", "reference", "opportunity_id", "lead_id", "website"];

impl Talk {
    pub(super) fn create(self, object: &str, record: Record, mark: String) -> Next {
        match object {
            "lead" => match record.get("party").and_then(Value::as_int) {
                Some(party) => self.reach_party(party, record, mark),
                None => self.find_party(record, mark),
            },
            "activity" => self.note(&record, &mark),
            other => Next::end(unknown_object(other)),
        }
    }

    /// The party of an earlier attempt, else a new one.
    fn find_party(self, record: Record, mark: String) -> Next {
        let arguments = vec![json!([["code", "=", mark]]), json!(0), json!(1), Json::Null];
        self.ask(("party.party", "search"), arguments, "lead", move |talk, said| {
            match said.map(|json| ids(&json)) {
                Err(outcome) => Next::end(outcome),
                Ok(None) => Next::end(odd("the answer to a search is no list of ids")),
                Ok(Some(found)) => match found.first() {
                    Some(party) => talk.make_opportunity(*party, &record, &mark),
                    None => talk.make_party(record, mark),
                },
            }
        })
    }

    fn make_party(self, record: Record, mark: String) -> Next {
        let text = |field: &str| record.text(field).map(str::trim).filter(|text| !text.is_empty());
        let name = ["party_name", "contact_name", "email", "phone"].iter().find_map(|field| text(field));
        let party = json!([{
            "name": name.unwrap_or(&mark),
            "code": mark,
            "contact_mechanisms": [["create", mechanisms(&record)]],
        }]);
        self.ask_once(("party.party", "create"), vec![party], "lead", move |talk, said| {
            match said.map(|json| ids(&json).unwrap_or_default()) {
                Err(outcome) => Next::end(outcome),
                Ok(made) => match made.as_slice() {
                    [party] => talk.make_opportunity(*party, &record, &mark),
                    _ => Next::end(odd("the answer to a create names no record")),
                },
            }
        })
    }

    /// An existing party learns how the person is reached, as far as it does not know.
    fn reach_party(self, party: i64, record: Record, mark: String) -> Next {
        let arguments =
            vec![json!([["party", "=", party]]), json!(0), json!(200), Json::Null, json!(["id", "value"])];
        self.ask(("party.contact_mechanism", "search_read"), arguments, "lead", move |talk, said| {
            let known = match said {
                Err(outcome) => return Next::end(outcome),
                Ok(json) => json.as_array().cloned(),
            };
            let Some(known) = known else { return Next::end(odd("the ways to reach a party are no list")) };
            let mut new = mechanisms(&record);
            new.retain(|new| known.iter().all(|known| known.get("value") != new.get("value")));
            if new.is_empty() {
                return talk.make_opportunity(party, &record, &mark);
            }
            let arguments = vec![json!([party]), json!({ "contact_mechanisms": [["create", new]] })];
            talk.ask_once(("party.party", "write"), arguments, "lead", move |talk, said| match said {
                Err(outcome) => Next::end(outcome),
                Ok(Json::Null) => talk.make_opportunity(party, &record, &mark),
                Ok(_) => Next::end(odd("the answer to a write is not what it should be")),
            })
        })
    }

    fn make_opportunity(self, party: i64, record: &Record, mark: &str) -> Next {
        let mut values = fields("lead", record);
        for (name, value) in [
            ("party", json!(party)),
            ("reference", json!(mark)),
            ("company", json!(self.company())),
            ("start_date", day_of(self.now)),
        ] {
            values.insert(name.to_owned(), value);
        }
        let title = ["description", "party_name", "contact_name"].iter().find_map(|field| record.text(field));
        values.insert("description".to_owned(), title.unwrap_or(mark).into());
        self.ask_once(("sale.opportunity", "create"), vec![json!([values])], "lead", move |talk, said| {
            Next::end(match said.map(|json| ids(&json).unwrap_or_default()) {
                Err(outcome) => outcome,
                Ok(made) => match made.as_slice() {
                    [id] => Outcome::Done(Reply::Written(RemoteRef {
                        link: talk.link.name.clone(),
                        object: "lead".to_owned(),
                        id: id.to_string(),
                    })),
                    _ => odd("the answer to a create names no record"),
                },
            })
        })
    }

    fn note(self, record: &Record, mark: &str) -> Next {
        let about = [("lead_id", "lead"), ("opportunity_id", "lead"), ("account_id", "account")];
        let about =
            about.iter().find_map(|(field, object)| Some((theirs(object)?, record.get(field)?.as_int()?)));
        let Some((model, id)) = about else {
            return Next::end(Outcome::Rejected {
                field: None,
                code: "note_about_nothing".to_owned(),
                detail: "the note names no record it is about".to_owned(),
            });
        };
        let subject = record.text("subject").unwrap_or_default();
        let body: String = record.text("message").unwrap_or_default().chars().take(MOST_NOTE).collect();
        let message = format!("{}\n[{mark}]", [subject, &body].join("\n").trim());
        let values = json!([{ "resource": format!("{model},{id}"), "message": message }]);
        self.ask_once(("ir.note", "create"), vec![values], "activity", move |talk, said| {
            Next::end(match said.map(|json| ids(&json).unwrap_or_default()) {
                Err(outcome) => outcome,
                Ok(made) => match made.as_slice() {
                    [id] => Outcome::Done(Reply::Written(RemoteRef {
                        link: talk.link.name.clone(),
                        object: "activity".to_owned(),
                        id: id.to_string(),
                    })),
                    _ => odd("the answer to a create names no record"),
                },
            })
        })
    }

    pub(super) fn update(self, remote: RemoteRef, record: Record) -> Next {
        let Some(id) = number(&remote.id).filter(|_| is_opportunity(&remote.object)) else {
            return Next::end(unknown_object(&remote.object));
        };
        if OF_PARTY.iter().any(|field| record.get(field).is_some()) {
            return self.find_party_of(id, remote, record);
        }
        self.write(id, remote, record)
    }

    /// The party of an opportunity, and the ways to reach it.
    fn find_party_of(self, id: i64, remote: RemoteRef, record: Record) -> Next {
        let arguments = vec![json!([id]), json!(["party", "party.name"])];
        self.ask(("sale.opportunity", "read"), arguments, "lead", move |talk, said| {
            let party = match said {
                Err(outcome) => return Next::end(outcome),
                Ok(json) => json.get(0).and_then(|it| it.get("party")).map(Json::as_i64),
            };
            match party {
                None => Next::end(odd("the answer to a read is no record")),
                Some(None) => Next::end(Outcome::Rejected {
                    field: Some("party".to_owned()),
                    code: "no_party".to_owned(),
                    detail: "the opportunity has no party, so there is nobody to call".to_owned(),
                }),
                Some(Some(party)) => talk.change_party(party, id, remote, record),
            }
        })
    }

    fn change_party(self, party: i64, id: i64, remote: RemoteRef, record: Record) -> Next {
        let arguments = vec![
            json!([["party", "=", party]]),
            json!(0),
            json!(200),
            json!([["id", "ASC"]]),
            json!(["type", "value"]),
        ];
        self.ask(("party.contact_mechanism", "search_read"), arguments, "lead", move |talk, said| {
            let known = match said {
                Err(outcome) => return Next::end(outcome),
                Ok(json) => json.as_array().cloned(),
            };
            let Some(known) = known else { return Next::end(odd("the ways to reach a party are no list")) };
            let mut values = Map::new();
            if let Some(name) = record.text("party_name").filter(|name| !name.trim().is_empty()) {
                values.insert("name".to_owned(), name.into());
            }
            let commands = reach_commands(&record, &known);
            if !commands.is_empty() {
                values.insert("contact_mechanisms".to_owned(), Json::Array(commands));
            }
            if values.is_empty() {
                return talk.write(id, remote, record);
            }
            let arguments = vec![json!([party]), Json::Object(values)];
            talk.ask_once(("party.party", "write"), arguments, "lead", move |talk, said| match said {
                Err(outcome) => Next::end(outcome),
                Ok(Json::Null) => talk.write(id, remote, record),
                Ok(_) => Next::end(odd("the answer to a write is not what it should be")),
            })
        })
    }

    fn write(self, id: i64, remote: RemoteRef, record: Record) -> Next {
        let values = fields(&remote.object, &record);
        if values.is_empty() {
            return self.press(id, remote, record);
        }
        let arguments = vec![json!([id]), Json::Object(values)];
        self.ask(("sale.opportunity", "write"), arguments, "lead", move |talk, said| match said {
            Err(outcome) => Next::end(outcome),
            Ok(Json::Null) => talk.press(id, remote, record),
            Ok(_) => Next::end(odd("the answer to a write is not what it should be")),
        })
    }

    fn press(self, id: i64, remote: RemoteRef, record: Record) -> Next {
        let Some(state) = record.text("state").map(str::to_owned) else {
            return Next::end(Outcome::Done(Reply::Written(remote)));
        };
        let button = match state.as_str() {
            "lead" => "lead",
            "opportunity" => "opportunity",
            "converted" => "convert",
            "lost" => "lost",
            "cancelled" => "cancel",
            _ => return Next::end(unreached(&state, "no button of Tryton leads there")),
        };
        self.ask(("sale.opportunity", button), vec![json!([id])], "lead", move |talk, said| match said {
            Err(outcome) => Next::end(outcome),
            Ok(_) => talk.ask(
                ("sale.opportunity", "read"),
                vec![json!([id]), json!(["state"])],
                "lead",
                move |_, said| {
                    Next::end(
                        match said.as_ref().map(|json| json.get(0).and_then(|it| it.get("state")?.as_str())) {
                            Err(outcome) => outcome.clone(),
                            Ok(Some(now)) if now == state => Outcome::Done(Reply::Written(remote)),
                            Ok(Some(now)) => unreached(&state, &format!("it stays {now}")),
                            Ok(None) => odd("the answer to a read is no record"),
                        },
                    )
                },
            ),
        })
    }
}

fn unreached(state: &str, why: &str) -> Outcome {
    Outcome::Rejected {
        field: Some("state".to_owned()),
        code: "state_not_reached".to_owned(),
        detail: format!("the opportunity does not become {state}: {why}"),
    }
}

/// The opportunity's own fields of a record.
fn fields(object: &str, record: &Record) -> Map<String, Json> {
    let own = |name: &str| !NOT_WRITTEN.contains(&name) && !OF_PARTY.contains(&name) && !name.contains('.');
    let kept = record.0.iter().filter(|(name, _)| own(name));
    kept.map(|(name, value)| (name.clone(), out(object, name, value))).collect()
}

/// The ways to reach a person, as new mechanisms.
fn mechanisms(record: &Record) -> Vec<Json> {
    let whose = record.text("contact_name").unwrap_or_default();
    let new = ["phone", "email"].iter().filter_map(|kind| {
        let value = record.text(kind).filter(|value| !value.trim().is_empty())?;
        Some(json!({ "type": kind, "value": value, "name": whose }))
    });
    new.collect()
}

/// What to do to the mechanisms of a party: the first of a kind takes the new value, a missing one is made.
fn reach_commands(record: &Record, known: &[Json]) -> Vec<Json> {
    let mut commands = Vec::new();
    let mut changed: BTreeMap<i64, Map<String, Json>> = BTreeMap::new();
    let of = |kinds: &[&str]| {
        let found = known
            .iter()
            .find(|it| it.get("type").and_then(Json::as_str).is_some_and(|kind| kinds.contains(&kind)));
        found.and_then(|it| it.get("id")?.as_i64())
    };
    for (field, kinds) in [("phone", &["phone", "mobile"][..]), ("email", &["email"])] {
        let Some(value) = record.get(field) else { continue };
        match (of(kinds), value.is_blank()) {
            (Some(id), true) => commands.push(json!(["delete", [id]])),
            (Some(id), false) => {
                changed.entry(id).or_default().insert("value".to_owned(), value.to_display().into());
            }
            (None, false) => {
                let whose = record.text("contact_name").unwrap_or_default();
                commands
                    .push(json!(["create", [{ "type": field, "value": value.to_display(), "name": whose }]]));
            }
            (None, true) => {}
        }
    }
    if let Some(name) = record.get("contact_name")
        && let Some(id) = of(&["phone", "mobile", "email"])
    {
        changed.entry(id).or_default().insert("name".to_owned(), name.to_display().into());
    }
    commands.extend(changed.into_iter().map(|(id, values)| json!(["write", [id], values])));
    commands
}
