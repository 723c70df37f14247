//! Telling Mautic: our fields of contacts in one batch; then, where somebody enters or leaves a segment, the segments by their
//! alias and the moves.

use std::collections::{BTreeMap, VecDeque};

use leadloop_connector_api::answers::{Answers, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, MOST_REQUESTS, Step};
use leadloop_connector_api::http::{Method, Request};
use leadloop_connector_api::{Answer, Link};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use serde_json::{Map, Value as Json, json};

use crate::reading::in_path;

/// Who enters (or leaves) a segment: (place of the operation, the contact).
type Movers = Vec<(usize, String)>;

/// What was asked last.
enum Asked {
    Nothing,
    /// The batch of fields, for these operations.
    Fields(Vec<usize>),
    /// The list of segments.
    Segments,
    /// A move.
    Move(Movers),
}

struct Tell {
    answers: Answers,
    outcomes: Vec<Option<Outcome>>,
    fields: Vec<(usize, Json)>,
    enter: BTreeMap<String, Movers>,
    leave: BTreeMap<String, Movers>,
    segments: Option<BTreeMap<String, String>>,
    moves: VecDeque<(Request, Movers)>,
    asked: Asked,
    sent: usize,
}

/// Carries out tellings.
pub(super) fn tell(answers: Answers, link: &Link, operations: &[Operation]) -> Box<dyn Exchange> {
    let prefix = link.text("prefix").unwrap_or("leadloop_");
    let mut tell = Tell {
        answers,
        outcomes: vec![None; operations.len()],
        fields: Vec::new(),
        enter: BTreeMap::new(),
        leave: BTreeMap::new(),
        segments: None,
        moves: VecDeque::new(),
        asked: Asked::Nothing,
        sent: 0,
    };
    for (place, operation) in operations.iter().enumerate() {
        let Operation::Tell { id, record } = operation else { continue };
        tell.fields.push((place, body_of(prefix, id, record)));
        for (name, moves) in [("segment", &mut tell.enter), ("leave_segment", &mut tell.leave)] {
            for segment in names(record.get(name)) {
                moves.entry(segment).or_default().push((place, id.clone()));
            }
        }
    }
    Box::new(tell)
}

/// A contact with our fields; tags are Mautic's own, everything else stands in fields of ours.
fn body_of(prefix: &str, id: &str, record: &Record) -> Json {
    let mut body = Map::new();
    body.insert("id".to_owned(), id.parse::<i64>().map_or_else(|_| json!(id), |number| json!(number)));
    for (name, value) in record.iter().filter(|(name, _)| *name != "leave_segment") {
        match (name, value) {
            ("tags", value) => {
                body.insert("tags".to_owned(), value.to_json());
            }
            (name, Value::Null) => {
                body.insert(format!("{prefix}{name}"), json!(""));
            }
            (name, Value::Bool(yes)) => {
                body.insert(format!("{prefix}{name}"), json!(i32::from(*yes)));
            }
            (name, value) => {
                body.insert(format!("{prefix}{name}"), value.to_json());
            }
        }
    }
    Json::Object(body)
}

/// The names of segments in a field.
fn names(value: Option<&Value>) -> Vec<String> {
    let list = match value {
        Some(Value::List(list)) => list.iter().map(Value::to_display).collect(),
        Some(value) => vec![value.to_display()],
        None => vec![],
    };
    list.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

impl Exchange for Tell {
    fn advance(&mut self, answer: Option<&Answer>) -> Step {
        if let Some(answer) = answer
            && !self.hear(answer)
        {
            return self.end();
        }
        match self.next() {
            Some(request) if self.sent < MOST_REQUESTS => {
                self.sent += 1;
                Step::Send(Box::new(request))
            }
            _ => self.end(),
        }
    }
}

impl Tell {
    fn next(&mut self) -> Option<Request> {
        if !self.fields.is_empty() {
            let (places, bodies): (Vec<usize>, Vec<Json>) = self.fields.drain(..).unzip();
            self.asked = Asked::Fields(places);
            return Some(
                Request::json(Method::Patch, "/contacts/batch/edit", Json::Array(bodies)).repeatable(),
            );
        }
        if self.segments.is_none() && !(self.enter.is_empty() && self.leave.is_empty()) {
            self.asked = Asked::Segments;
            return Some(Request::get("/segments").with_query("limit", "1000").with_query("minimal", "1"));
        }
        self.plan();
        let (request, movers) = self.moves.pop_front()?;
        self.asked = Asked::Move(movers);
        Some(request)
    }

    /// Segments by alias become moves; an alias nobody has is the operation's failure.
    fn plan(&mut self) {
        let Some(known) = &self.segments else { return };
        for (alias, movers) in std::mem::take(&mut self.enter) {
            match known.get(&alias) {
                Some(segment) => {
                    let ids: Vec<&str> = movers.iter().map(|(_, id)| id.as_str()).collect();
                    let url = format!("/segments/{}/contacts/add", in_path(segment));
                    self.moves.push_back((
                        Request::json(Method::Post, url, json!({ "ids": ids })).repeatable(),
                        movers,
                    ));
                }
                None => {
                    for (place, _) in movers {
                        let outcome = Outcome::Rejected {
                            field: Some("segment".to_owned()),
                            code: "no_segment".to_owned(),
                            detail: format!("there is no segment with the alias `{alias}`"),
                        };
                        put(&mut self.outcomes, place, outcome);
                    }
                }
            }
        }
        for (alias, movers) in std::mem::take(&mut self.leave) {
            let Some(segment) = known.get(&alias) else { continue }; // nobody is in a segment that is not there
            for (place, id) in movers {
                let url = format!("/segments/{}/contact/{}/remove", in_path(segment), in_path(&id));
                self.moves
                    .push_back((Request::json(Method::Post, url, json!({})).repeatable(), vec![(place, id)]));
            }
        }
    }

    /// Takes an answer in; whether to go on.
    fn hear(&mut self, answer: &Answer) -> bool {
        let json = self.answers.json("contact", answer);
        match (std::mem::replace(&mut self.asked, Asked::Nothing), json) {
            (Asked::Fields(places), Ok(json)) => {
                let outcomes = told(&self.answers, &json, places.len());
                let whole = outcomes.iter().all(|outcome| !not_now(outcome));
                for (place, outcome) in places.into_iter().zip(outcomes) {
                    put(&mut self.outcomes, place, outcome);
                }
                whole
            }
            (Asked::Segments, Ok(json)) => match segments(&json) {
                Some(found) => {
                    self.segments = Some(found);
                    true
                }
                None => self.stop(&odd("the answer does not list segments")),
            },
            (Asked::Move(movers), Ok(json)) => {
                let good = json.get("success").is_some() || json.get("list").is_some();
                for (place, _) in movers {
                    let outcome = if good {
                        Outcome::Done(Reply::Told)
                    } else {
                        odd("the answer does not say who moved")
                    };
                    put(&mut self.outcomes, place, outcome);
                }
                true
            }
            (Asked::Fields(places), Err(outcome)) => {
                let stop = not_now(&outcome);
                for place in places {
                    put(&mut self.outcomes, place, outcome.clone());
                }
                !stop
            }
            (Asked::Move(movers), Err(outcome)) => {
                for (place, _) in movers {
                    put(&mut self.outcomes, place, outcome.clone());
                }
                !not_now(&outcome)
            }
            (Asked::Segments, Err(outcome)) => self.stop(&outcome),
            (Asked::Nothing, _) => false,
        }
    }

    /// Without the list nobody can be moved: those who should be fail so, the others are told.
    fn stop(&mut self, outcome: &Outcome) -> bool {
        for movers in self.enter.values().chain(self.leave.values()) {
            for (place, _) in movers {
                put(&mut self.outcomes, *place, outcome.clone());
            }
        }
        self.enter.clear();
        self.leave.clear();
        false
    }

    fn end(&mut self) -> Step {
        let unsent = || Outcome::Unavailable {
            sent: false,
            detail: "not sent yet: left for the next call".to_owned(),
        };
        let moving = self.moves.drain(..).flat_map(|(_, movers)| movers);
        let left: Vec<usize> = moving
            .chain(self.enter.values().chain(self.leave.values()).flatten().cloned())
            .map(|(place, _)| place)
            .collect();
        for place in left {
            put(&mut self.outcomes, place, unsent());
        }
        Step::Done(
            std::mem::take(&mut self.outcomes)
                .into_iter()
                .map(|outcome| outcome.unwrap_or_else(unsent))
                .collect(),
        )
    }
}

/// Whether nothing more is to be said now.
fn not_now(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Throttled { .. } | Outcome::Unauthorized { .. } | Outcome::Unavailable { .. })
}

/// One failure of an operation is its failure.
fn put(outcomes: &mut [Option<Outcome>], place: usize, outcome: Outcome) {
    if let Some(slot) = outcomes.get_mut(place)
        && slot.as_ref().is_none_or(|known| matches!(known, Outcome::Done(_)))
    {
        *slot = Some(outcome);
    }
}

/// One outcome for each contact of a batch: its status stands in a list, its words in a map by place.
fn told(answers: &Answers, json: &Json, count: usize) -> Vec<Outcome> {
    let codes = json.get("statusCodes").and_then(Json::as_array).filter(|codes| codes.len() == count);
    let Some(codes) = codes else {
        return vec![odd("the answer does not have one status for each contact"); count];
    };
    let one = |(place, code): (usize, &Json)| {
        let status = code.as_u64().and_then(|code| u16::try_from(code).ok());
        let error =
            json.get("errors").and_then(|errors| errors.get(place.to_string()).or_else(|| errors.get(place)));
        let body = error.map(|error| json!({ "errors": [error] }));
        match status {
            None => odd("a contact has no status"),
            Some(status) => match answers.part("contact", status, body.as_ref(), None) {
                Ok(()) => Outcome::Done(Reply::Told),
                Err(outcome) => outcome,
            },
        }
    };
    codes.iter().enumerate().map(one).collect()
}

/// The segments by alias: a map by id, which is a list where it is empty.
fn segments(json: &Json) -> Option<BTreeMap<String, String>> {
    let lists = json.get("lists")?;
    let entries: Vec<&Json> = match lists {
        Json::Object(map) => map.values().collect(),
        Json::Array(list) => list.iter().collect(),
        _ => return None,
    };
    entries
        .into_iter()
        .map(|entry| Some((entry.get("alias").and_then(text_of)?, entry.get("id").and_then(text_of)?)))
        .collect()
}
