//! What is wrong with a description, all at once, and what is made of one that is right.

use std::collections::BTreeMap;

use leadloop_connector_api::Flaw;
use leadloop_connector_api::manifest::{Field, Http, Limit, Manifest, Object, SystemKind, Words};
use leadloop_sync_core::mirror::Roles;
use serde_json::Value as Json;

use super::call::{FILTERS, names_in};
use super::description::{Api, Call, Mark, ObjectCalls, ObjectWritten, Written};

/// Names any call may use; settings that are no secret.
const EVERYWHERE: [&str; 6] = ["object", "fields", "url", "user", "client_id", "tenant"];
/// Most records of a page or a batch.
const MOST: u32 = 5_000;

/// A kind of call: its name, the names that are filled in, the keys that say how its answer is read.
type Kind = (&'static str, &'static [&'static str], &'static [&'static str]);

const CHECK: Kind = ("check", &[], &["user", "clock"]);
const KINDS: [Kind; 8] = [
    ("get", &["id"], &["one"]),
    ("find", &["field", "value", "values"], &["list"]),
    ("create", &["record", "mark", "mark_field"], &["id", "done"]),
    ("upsert", &["record", "mark", "mark_field"], &["id", "done"]),
    ("update", &["record", "id"], &["id", "done"]),
    (
        "changes",
        &["since", "cursor", "after_id", "page", "offset", "limit"],
        &["list", "next", "sorted", "size", "first_page", "clock"],
    ),
    (
        "create_batch",
        &["records", "record", "mark", "mark_field"],
        &["list", "id", "done", "item", "status", "mark", "size"],
    ),
    ("update_batch", &["records", "record", "id"], &["list", "id", "done", "item", "status", "mark", "size"]),
];

/// Makes an API of a description; `base` is the connector's own manifest, whose settings hold.
pub(super) fn make(base: &Manifest, text: &str) -> Result<Api, Vec<Flaw>> {
    let written: Written = toml::from_str(text)
        .map_err(|error| vec![Flaw { range: error.span(), detail: error.message().to_owned() }])?;
    let objects: BTreeMap<String, ObjectCalls> =
        written.object.iter().map(|object| (object.name.clone(), written.calls_of(object))).collect();
    let manifest = manifest(base, &written, &objects);
    let mut wrong = manifest.check();
    wrong.extend(about_calls(&written, &objects, &manifest));
    wrong.sort();
    wrong.dedup();
    match written.check.filter(|_| wrong.is_empty()) {
        Some(check) => Ok(Api {
            manifest: Box::leak(Box::new(manifest)),
            headers: written.headers,
            values: written.values,
            check,
            hook: written.webhook,
            objects,
        }),
        None => Err(wrong.into_iter().map(|detail| Flaw { range: place(text, &detail), detail }).collect()),
    }
}

fn manifest(base: &Manifest, written: &Written, objects: &BTreeMap<String, ObjectCalls>) -> Manifest {
    let any = |of: fn(&ObjectCalls) -> &Option<Call>| objects.values().any(|calls| of(calls).is_some());
    let size = |of: fn(&ObjectCalls) -> &Option<Call>| {
        objects.values().filter_map(|calls| of(calls).as_ref()?.size.or(Some(100))).min()
    };
    let title = written.title.clone().unwrap_or_else(|| base.title.en.clone());
    let mut manifest = Manifest {
        title: Words { en: title.clone(), zh: title },
        kinds: vec![SystemKind::Crm],
        hears: written.webhook.is_some(),
        http: Some(Http {
            base: written.base.clone().unwrap_or_else(|| "{url}".to_owned()),
            timeout_secs: written.timeout_secs.unwrap_or(20),
        }),
        auth: written.auth.clone(),
        limit: if written.limit.is_empty() { base.limit.clone() } else { written.limit.clone() },
        quota: written.quota.clone(),
        errors: written.errors.clone(),
        success: written.success.clone(),
        answer: written.answer.clone(),
        object: written.object.iter().map(object).collect(),
        ..base.clone()
    };
    let mark = written.mark.unwrap_or(Mark { unique: false, lag_secs: 2, late_secs: 60 });
    manifest.find_by_mark = Some(mark.rule(any(|calls| &calls.upsert)));
    for (kind, size) in
        [("create", size(|calls| &calls.create_batch)), ("update", size(|calls| &calls.update_batch))]
    {
        manifest.batch.extend(size.map(|size| (kind.to_owned(), size)));
    }
    manifest
}

/// An object; fields that play a role need not be listed.
fn object(written: &ObjectWritten) -> Object {
    let mut fields = written.fields.clone();
    let mut custom = written.custom.clone();
    if fields.is_empty() && custom.is_empty() {
        custom.push("*".to_owned());
    }
    for (name, kind) in named(&written.roles) {
        if !fields.iter().any(|field| field.name == *name) {
            let kind = kind.to_owned();
            let (max, options, required, writable, of) = (None, vec![], false, true, None);
            fields.push(Field { name: name.clone(), kind, max, options, required, writable, of });
        }
    }
    Object {
        name: written.name.clone(),
        remote: Some(written.remote.clone().unwrap_or_else(|| written.name.clone())),
        mirrored: written.mirrored,
        roles: written.roles.clone(),
        fields,
        custom,
    }
}

/// The fields roles name, with the type each is taken for.
fn named(roles: &Roles) -> Vec<(&String, &'static str)> {
    let mut all: Vec<(&String, &'static str)> = Vec::new();
    for (field, kind) in [
        (&roles.name, "text"),
        (&roles.company, "text"),
        (&roles.credit_code, "text"),
        (&roles.website, "text"),
        (&roles.account, "ref"),
        (&roles.owner, "ref"),
        (&roles.status, "text"),
        (&roles.amount, "real"),
        (&roles.received, "real"),
        (&roles.feedback, "text"),
        (&roles.remark, "text"),
        (&roles.mark, "text"),
        (&roles.last_activity, "time"),
        (&roles.merged_into, "ref"),
        (&roles.user_state, "text"),
    ] {
        all.extend(field.iter().map(|name| (name, kind)));
    }
    all.extend(roles.phones.iter().map(|name| (name, "phone")));
    all.extend(roles.emails.iter().map(|name| (name, "email")));
    all.extend(roles.people.values().chain(roles.converted.values()).map(|name| (name, "ref")));
    all
}

fn about_calls(
    written: &Written,
    objects: &BTreeMap<String, ObjectCalls>,
    manifest: &Manifest,
) -> Vec<String> {
    let mut wrong = Vec::new();
    match &written.check {
        None => wrong.push("[check] is missing: a cheap call that says who we are there".to_owned()),
        Some(check) => {
            about(check, CHECK, &mut wrong);
            if check.user.is_none() {
                wrong.push("[check] names no `user`: where in the answer it says who we are".to_owned());
            }
        }
    }
    if !objects.contains_key("lead") {
        wrong.push("there is no [[object]] with name = \"lead\"".to_owned());
    }
    if manifest.limit.iter().any(|Limit { per_secs, .. }| *per_secs > 31 * 86_400) {
        wrong.push("a [[limit]] is longer than a month".to_owned());
    }
    let writable = ["lead", "contact", "activity"];
    for (name, calls) in objects {
        for ((kind, names, keys), call) in KINDS.into_iter().zip(calls.all()) {
            if let Some(call) = call {
                about(call, (kind, names, keys), &mut wrong);
            }
        }
        if calls.changes.is_none() && manifest.object(name).is_some_and(|object| object.mirrored) {
            wrong.push(format!("{name} has no [changes]: say how they are read, or mirrored = false"));
        }
        if writable.contains(&name.as_str()) && calls.find.is_none() {
            wrong.push(format!("{name} has no [find]: a record cannot be found by our mark"));
        }
        if let Some(changes) = &calls.changes {
            about_pages(changes, &mut wrong);
        }
        for batch in [&calls.create_batch, &calls.update_batch].into_iter().flatten() {
            if batch.size.unwrap_or(100) == 0 || batch.size.unwrap_or(100) > MOST {
                wrong.push(format!("the size of a batch is within 1…{MOST}"));
            }
        }
    }
    if let Some(lead) = objects.get("lead")
        && lead.create.is_none()
        && lead.upsert.is_none()
    {
        wrong.push("lead has neither [create] nor [upsert]".to_owned());
    }
    wrong
}

fn about_pages(changes: &Call, wrong: &mut Vec<String>) {
    let uses = |name: &str| names_of(changes).iter().any(|used| used == name);
    if changes.size.is_some_and(|size| size == 0 || size > MOST) {
        wrong.push(format!("the size of a page is within 1…{MOST}"));
    }
    if changes.next.is_some() != uses("cursor") {
        wrong.push(
            "[changes] takes `next` (where the answer has the next cursor) and `{cursor}` together"
                .to_owned(),
        );
    }
    if !["cursor", "after_id", "page", "offset"].iter().any(|name| uses(name)) {
        wrong.push(
            "[changes] says no way to the next page: {cursor}, {after_id}, {page} or {offset}".to_owned(),
        );
    }
}

fn about(call: &Call, (kind, names, keys): Kind, wrong: &mut Vec<String>) {
    if call.path.is_empty() {
        wrong.push(format!("[{kind}] has no `path`"));
    }
    if call.path.contains("://") {
        wrong.push(format!("[{kind}]: {:?} is a whole address; a path starts behind `base`", call.path));
    }
    for used in names_of(call) {
        let (name, filter) = used.split_once('|').unwrap_or((used.as_str(), ""));
        if !names.contains(&name) && !EVERYWHERE.contains(&name) {
            let known = [names, &EVERYWHERE[..]].concat().join("}, {");
            wrong.push(format!("[{kind}]: {{{name}}} is not known there; known are {{{known}}}"));
        }
        if !filter.is_empty() && !FILTERS.contains(&filter) {
            wrong.push(format!("[{kind}]: |{filter} is none of {}", FILTERS.join(", ")));
        }
    }
    let set: [(&str, bool); 13] = [
        ("one", call.one.is_some()),
        ("list", call.list.is_some()),
        ("id", call.id.is_some()),
        ("done", call.done.is_some()),
        ("user", call.user.is_some()),
        ("clock", call.clock.is_some()),
        ("next", call.next.is_some()),
        ("sorted", call.sorted.is_some()),
        ("size", call.size.is_some()),
        ("first_page", call.first_page.is_some()),
        ("item", call.item.is_some()),
        ("status", call.status.is_some()),
        ("mark", call.mark.is_some()),
    ];
    for (key, _) in set.iter().filter(|(key, set)| *set && !keys.contains(key)) {
        wrong.push(format!("[{kind}]: `{key}` says nothing there"));
    }
    if call.form && !matches!(call.body, Some(Json::Object(_))) {
        wrong.push(format!("[{kind}]: a form needs a table as `body`"));
    }
}

/// Every name in braces of a call, with its filter.
fn names_of(call: &Call) -> Vec<String> {
    let mut found: Vec<String> = names_in(&call.path).map(str::to_owned).collect();
    found.extend(
        call.query.values().chain(call.headers.values()).flat_map(|text| names_in(text)).map(str::to_owned),
    );
    for json in [&call.body, &call.item].into_iter().flatten() {
        walk(json, &mut found);
    }
    found
}

fn walk(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::String(text) => found.extend(names_in(text).map(str::to_owned)),
        Json::Array(list) => list.iter().for_each(|item| walk(item, found)),
        Json::Object(map) => map.values().for_each(|item| walk(item, found)),
        _ => {}
    }
}

/// Where a mistake stands: the first thing it quotes that the description has.
fn place(text: &str, detail: &str) -> Option<std::ops::Range<usize>> {
    let quoted = detail.split(['"', '`']).skip(1).step_by(2);
    let braced = names_in(detail).map(|name| format!("{{{name}}}"));
    let section = detail.strip_prefix('[').and_then(|rest| Some(format!("{}]", rest.split_once(']')?.0)));
    let tried = quoted.map(str::to_owned).chain(braced.take(1)).chain(section);
    tried.filter(|it| !it.is_empty()).find_map(|it| text.find(&it).map(|at| at..at + it.len()))
}
