//! Who an event was about: the identifiers of Sensors' one or many ids, as identifiers of the pool.

use std::collections::BTreeMap;

use crate::reading::lean::{Json, Map};
use crate::reading::uba;
use leadloop_connector_api::Link;
use leadloop_sync_core::capture::{Identifier, Ties};

/// Identifiers that a key of Sensors can stand for.
pub(super) const KINDS: [&str; 9] =
    ["phone", "email", "wecom_id", "unionid", "openid", "login_id", "ma_id", "uba_id", "cookie"];

/// Most identifiers of one event.
const MOST: usize = 24;

/// Identifiers by kind, each once, in the order they were said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct People(pub(super) BTreeMap<&'static str, Vec<String>>);

impl People {
    /// All of them; the account before the device.
    fn identifiers(self) -> impl Iterator<Item = Identifier> {
        let order = |kind: &str| KINDS.iter().position(|known| *known == kind);
        let mut all: Vec<(&str, Vec<String>)> = self.0.into_iter().collect();
        all.sort_by_key(|(kind, _)| order(kind));
        all.into_iter()
            .flat_map(|(kind, values)| values.into_iter().map(move |value| Identifier::new(kind, value)))
    }

    fn add(&mut self, kind: &'static str, value: String) {
        let count: usize = self.0.values().map(Vec::len).sum();
        let known = self.0.entry(kind).or_default();
        if count < MOST && !known.contains(&value) {
            known.push(value);
        }
    }

    /// The identifiers of an event.
    pub(super) fn of(link: &Link, event: &Json<'_>) -> Self {
        let mut people = People::default();
        let identities = event.get("identities").and_then(Json::as_object);
        for (key, value) in identities.into_iter().flat_map(Map::iter).take(MOST) {
            if let Some(value) = uba::id(Some(value)) {
                let (kind, value) = kind_of(link, key, value);
                people.add(kind, value);
            }
        }
        let text = |name: &str| uba::id(event.get(name));
        if let Some(login) = text("login_id") {
            let (kind, value) = joined(link, &login).unwrap_or(("login_id", login));
            people.add(kind, value);
        }
        for name in ["anonymous_id", "original_id"] {
            if let Some(value) = text(name) {
                people.add("uba_id", value);
            }
        }
        if let Some(id) = text("distinct_id") {
            match joined(link, &id) {
                Some((kind, value)) => people.add(kind, value),
                None if people.0.values().flatten().any(|known| *known == id) => {}
                None if is_login(event) => {
                    if is_silent(event) {
                        people.add("uba_id", id.clone());
                    }
                    people.add("login_id", id);
                }
                None => people.add("uba_id", id),
            }
        }
        people
    }
}

/// What an event says about identifiers as such: a login takes over what the device did, a binding joins all it names, an
/// unbinding parts them from the person.
pub(super) fn ties(link: &Link, event: &Json<'_>) -> Ties {
    let named = || -> Vec<Identifier> { People::of(link, event).identifiers().collect() };
    match event.get("type").and_then(Json::as_str) {
        Some("track_signup" | "track_id_bind") => {
            let named = named();
            let pairs = named
                .split_first()
                .map(|(first, others)| others.iter().map(|other| (other.clone(), first.clone())).collect());
            Ties { link: pairs.unwrap_or_default(), unlink: vec![] }
        }
        Some("track_id_unbind") => Ties { link: vec![], unlink: named() },
        _ => Ties::default(),
    }
}

/// Whether the distinct id is one that somebody logged in with.
fn is_login(event: &Json<'_>) -> bool {
    event.get("type").and_then(Json::as_str) == Some("track_signup")
        || flag(event).and_then(Json::as_bool) == Some(true)
}

/// What the client says of whether the distinct id is such a one.
fn flag<'e>(event: &'e Json<'_>) -> Option<&'e Json<'e>> {
    event.get("properties")?.get("$is_login_id")
}

/// A login told by a client that never says whether an id is one somebody logged in with (the Node SDK, and all that are
/// older than `$is_login_id`): what it tells of that id later looks like a visitor's and is the person's all the same.
fn is_silent(event: &Json<'_>) -> bool {
    flag(event).is_none() && ["identities", "login_id"].iter().all(|name| event.get(name).is_none())
}

/// An id written as `key+value`: identity 3.0 does so where nobody is logged in.
fn joined(link: &Link, id: &str) -> Option<(&'static str, String)> {
    let (key, value) = id.split_once('+')?;
    let known = key.starts_with("$identity_") || link.table("identities").any(|(own, _)| own == key);
    (known && !value.is_empty()).then(|| kind_of(link, key, value.to_owned()))
}

/// The kind of an identity key. Keys nobody told us of are machine ids under their own name.
fn kind_of(link: &Link, key: &str, value: String) -> (&'static str, String) {
    let told = link.table("identities").find(|(own, _)| *own == key).and_then(|(_, kind)| kind.as_text());
    if let Some(kind) = told.and_then(|told| KINDS.iter().find(|kind| **kind == told)) {
        return (kind, value);
    }
    let kind = match key.strip_prefix("$identity_") {
        Some("login_id") => "login_id",
        Some("mobile") => "phone",
        Some("email") => "email",
        Some(rest) if rest.ends_with("unionid") => "unionid",
        Some(rest) if rest.ends_with("openid") => "openid",
        Some(_) => "uba_id",
        None => return ("uba_id", format!("{key}+{value}")),
    };
    (kind, value)
}
