//! Harbour, the CRM of the guide: it answers 200 to everything, keeps fields on a card, counts time in seconds and its pages
//! shift while one reads.

use std::collections::BTreeMap;

use leadloop_connector_api::http::{Body, Method};
use leadloop_connector_api::{Answer, Request};
use serde_json::{Map, Value as Json, json};

/// One record.
struct Card {
    kind: String,
    changed: i64,
    removed: bool,
    fields: Map<String, Json>,
}

/// The whole CRM.
#[derive(Default)]
pub(crate) struct Harbour {
    cards: BTreeMap<i64, Card>,
    pub(crate) now: i64,
    /// The next answer is this fault.
    pub(crate) fault: Option<&'static str>,
    pub(crate) requests: Vec<String>,
}

fn fault(no: &str, why: &str, more: Json) -> Json {
    let mut said = json!({"no": no, "why": why});
    if let (Some(said), Json::Object(more)) = (said.as_object_mut(), more) {
        said.extend(more);
    }
    json!({"ok": false, "fault": said})
}

impl Harbour {
    /// An empty one, at a time in seconds.
    pub(crate) fn at(now: i64) -> Self {
        Self { now, ..Self::default() }
    }

    /// A card that somebody else made or changed.
    pub(crate) fn put(&mut self, kind: &str, reference: i64, changed: i64, fields: Json) {
        let Json::Object(fields) = fields else { panic!("a card is an object") };
        self.cards.insert(reference, Card { kind: kind.to_owned(), changed, removed: false, fields });
    }

    pub(crate) fn remove(&mut self, reference: i64) {
        self.now += 1;
        let now = self.now;
        let card = self.cards.get_mut(&reference).expect("the card is there");
        (card.removed, card.changed) = (true, now);
    }

    pub(crate) fn card(&self, reference: i64) -> Json {
        Json::Object(self.cards[&reference].fields.clone())
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        self.cards.values().filter(|card| card.kind == kind && !card.removed).count()
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        self.requests.push(request.url.clone());
        let said = match self.fault.take() {
            Some("html") => {
                return Answer::with_body(200, "text/html", "<!doctype html><title>Tea time</title>");
            }
            Some("E42") => fault("E42", "slow down", json!({"wait": 2})),
            Some(no) => fault(no, "no", json!({})),
            None => self.said(request),
        };
        Answer::with_body(200, "application/json", said.to_string())
    }

    fn said(&mut self, request: &Request) -> Json {
        let body = match &request.body {
            Body::Json(json) => json.clone(),
            Body::Empty => Json::Null,
            other => panic!("{other:?} is no body of Harbour"),
        };
        let parts: Vec<&str> = request.url.trim_matches('/').split('/').collect();
        match (request.method, parts.as_slice()) {
            (Method::Get, ["me"]) => json!({"ok": true, "me": {"login": "leadloop"}}),
            (Method::Post, ["ask"]) => {
                let asked = &body["where"][0];
                let path = asked[0].as_str().expect("a field").replace('.', "/");
                let hits: Vec<Json> = self
                    .cards
                    .iter()
                    .filter(|(_, card)| card.kind == body["kind"].as_str().expect("a kind") && !card.removed)
                    .filter(|(_, card)| {
                        Json::Object(card.fields.clone()).pointer(&format!("/{path}")) == Some(&asked[2])
                    })
                    .map(|(reference, card)| shown(*reference, card))
                    .collect();
                json!({"ok": true, "hits": hits})
            }
            (Method::Get, ["cards", kind]) => self.page(kind, &request.query),
            (Method::Get, ["cards", _, reference]) => match self.live(reference) {
                Some((reference, card)) => json!({"ok": true, "hit": shown(reference, card)}),
                None => fault("E44", "no such card", json!({})),
            },
            (Method::Post, ["cards", kind]) => self.create(kind, &body),
            (Method::Post, ["cards", _, reference]) => self.update(reference, &body),
            other => panic!("{other:?} is no call of Harbour"),
        }
    }

    fn live(&self, reference: &str) -> Option<(i64, &Card)> {
        let reference = reference.parse().ok()?;
        let card = self.cards.get(&reference).filter(|card| !card.removed)?;
        Some((reference, card))
    }

    fn create(&mut self, kind: &str, body: &Json) -> Json {
        let fields = body["put"]["card"].as_object().expect("a card").clone();
        if fields.get("full_name").and_then(Json::as_str).is_none_or(str::is_empty) && kind == "prospect" {
            return fault("E17", "a prospect needs a name", json!({"where": "full_name"}));
        }
        let same = |name: &'static str| {
            let wanted = fields.get(name).filter(|value| !value.is_null())?;
            self.cards.iter().find(|(_, card)| card.fields.get(name) == Some(wanted)).map(|(found, _)| *found)
        };
        if let Some(found) = same("tag") {
            return fault("E24", "that tag is taken", json!({"ref": found}));
        }
        if let Some(found) = same("reach") {
            return fault("E23", "that person is known", json!({"ref": found}));
        }
        self.now += 1;
        let reference = self.cards.keys().max().copied().unwrap_or(100) + 1;
        let card = Card { kind: kind.to_owned(), changed: self.now, removed: false, fields };
        self.cards.insert(reference, card);
        json!({"ok": true, "ref": reference})
    }

    fn update(&mut self, reference: &str, body: &Json) -> Json {
        let Some((found, _)) = self.live(reference) else { return fault("E44", "no such card", json!({})) };
        self.now += 1;
        let now = self.now;
        let card = self.cards.get_mut(&found).expect("it was found");
        for (name, value) in body["put"]["card"].as_object().expect("a card") {
            card.fields.insert(name.clone(), value.clone());
        }
        card.changed = now;
        json!({"ok": true, "ref": found})
    }

    /// A page of what changed, by the time of the change.
    fn page(&self, kind: &str, query: &[(String, String)]) -> Json {
        let asked = |name: &str| {
            let pair = query.iter().find(|(known, _)| known == name);
            pair.map(|(_, value)| value.parse::<i64>().expect("a number"))
        };
        let from = asked("from").unwrap_or(0);
        let mut all: Vec<(&i64, &Card)> =
            self.cards.iter().filter(|(_, card)| card.kind == kind && card.changed >= from).collect();
        all.sort_by_key(|(reference, card)| (card.changed, **reference));
        let (page, per) = (asked("page").expect("a page"), asked("per").expect("a size"));
        let skip = usize::try_from(page * per).expect("a place");
        let cards = all.into_iter().skip(skip).take(usize::try_from(per).expect("a size"));
        json!({"ok": true, "cards": cards.map(|(reference, card)| shown(*reference, card)).collect::<Vec<_>>()})
    }
}

fn shown(reference: i64, card: &Card) -> Json {
    json!({"ref": reference, "changed": card.changed, "removed": card.removed, "card": card.fields})
}
