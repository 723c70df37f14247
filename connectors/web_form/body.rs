//! Taking a post apart: by its content type, and by its looks where that says nothing (beacons send JSON as plain text).

use leadloop_connector_api::{Push, Refusal};
use leadloop_mapping::Value;
use serde_json::Value as Json;

use crate::reading::{
    BROKEN, Bounded, MOST_BODY, MOST_RECORDS, NO_RECORD, TOO_LARGE, TOO_MANY, UNKNOWN_KIND, form, json,
    multipart, unreadable,
};

/// A part of a post that stands for one lead.
#[derive(Debug)]
pub(super) enum Element {
    /// Its fields.
    Fields(Bounded<'static>),
    /// It is no object; its text.
    Other(String),
}

/// A post taken apart.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    /// Fields that stand outside of any lead, for all of them.
    pub(super) common: Bounded<'static>,
    /// The leads.
    pub(super) leads: Vec<Element>,
    /// Table files.
    pub(super) tables: Vec<&'a [u8]>,
}

/// Takes a post apart; `tables` says whether files may be tables.
pub(super) fn read(push: &Push, tables: bool) -> Result<Parts<'_>, Refusal> {
    let content_type = push.header("content-type").unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = multipart::parameter(content_type, "charset");
    let charset = charset.as_deref();
    if kind == "multipart/form-data" {
        return read_multipart(push, content_type, tables);
    }
    if tables
        && (is_table(None, &kind)
            || push.header("x-file-name").is_some_and(|name| is_table(Some(name), &kind)))
    {
        return Ok(Parts { tables: vec![&push.body], ..Parts::default() });
    }
    within_bounds(push.body.len())?;
    if push.body.trim_ascii().is_empty() {
        return Err(unreadable(NO_RECORD, "the post is empty"));
    }
    let looks_like_json =
        push.body.trim_ascii_start().starts_with(b"{") || push.body.trim_ascii_start().starts_with(b"[");
    match kind.as_str() {
        "application/x-www-form-urlencoded" => read_form(&push.body, charset),
        kind if kind == "application/json" || kind.ends_with("+json") => read_json(&push.body, charset),
        "text/plain" | "" | "application/octet-stream" if looks_like_json => read_json(&push.body, charset),
        "text/plain" | "" if push.body.contains(&b'=') => read_form(&push.body, charset),
        _ => Err(unreadable(
            UNKNOWN_KIND,
            format!(
                "content type {:?} is not read: send a form (urlencoded or multipart) or JSON",
                crate::reading::cut(&kind, 100)
            ),
        )),
    }
}

fn within_bounds(bytes: usize) -> Result<(), Refusal> {
    if bytes <= MOST_BODY {
        return Ok(());
    }
    let most = MOST_BODY / 1024;
    Err(unreadable(TOO_LARGE, format!("the post has {} kB; a form has at most {most} kB", bytes / 1024)))
}

fn read_form(body: &[u8], charset: Option<&str>) -> Result<Parts<'static>, Refusal> {
    let pairs =
        form::parse(body, charset).map_err(|detail| unreadable(BROKEN, format!("the form: {detail}")))?;
    sort_pairs(pairs)
}

fn sort_pairs(pairs: Vec<(String, String)>) -> Result<Parts<'static>, Refusal> {
    let sorted = form::leads(pairs).map_err(|detail| unreadable(TOO_MANY, detail))?;
    let bounded = |fields: Vec<(String, Value)>| {
        let mut bounded = Bounded::default();
        fields
            .into_iter()
            .filter(|(name, _)| !name.is_empty())
            .for_each(|(name, value)| bounded.add(&name, value));
        bounded
    };
    Ok(Parts {
        common: bounded(sorted.common),
        leads: sorted.leads.into_iter().map(|fields| Element::Fields(bounded(fields))).collect(),
        tables: vec![],
    })
}

fn read_json(body: &[u8], charset: Option<&str>) -> Result<Parts<'static>, Refusal> {
    let (common, list) = match json::parse(body, charset)? {
        Json::Array(list) => (Bounded::default(), list),
        Json::Object(mut object) => match object.remove("leads") {
            Some(Json::Array(list)) => (json::fields(&object), list),
            Some(other) => {
                object.insert("leads".to_owned(), other);
                (Bounded::default(), vec![Json::Object(object)])
            }
            None => (Bounded::default(), vec![Json::Object(object)]),
        },
        _ => return Err(unreadable(NO_RECORD, "the JSON is neither an object nor a list of objects")),
    };
    if list.is_empty() {
        return Err(unreadable(NO_RECORD, "the list of leads is empty"));
    }
    if list.len() > MOST_RECORDS {
        let found = list.len();
        return Err(unreadable(
            TOO_MANY,
            format!("{found} leads in one post; at most {MOST_RECORDS} are taken"),
        ));
    }
    let leads = list.into_iter().map(|element| match element {
        Json::Object(object) => Element::Fields(json::fields(&object)),
        other => Element::Other(other.to_string()),
    });
    Ok(Parts { common, leads: leads.collect(), tables: vec![] })
}

fn read_multipart<'a>(push: &'a Push, content_type: &str, tables: bool) -> Result<Parts<'a>, Refusal> {
    let broken = |detail: String| unreadable(BROKEN, format!("the multipart form: {detail}"));
    let boundary = multipart::boundary(content_type)
        .ok_or_else(|| broken("its content type names no boundary".to_owned()))?;
    let parts = multipart::parse(&push.body, &boundary).map_err(broken)?;
    let charset = parts.iter().find(|part| part.name == "_charset_").map(|part| part.content);
    let charset = charset.map(|label| String::from_utf8_lossy(label).into_owned());
    let mut found = Vec::new();
    let mut pairs = Vec::new();
    let mut bytes = 0;
    for part in parts {
        match part.file {
            // a file field that was left empty
            Some(name) if name.is_empty() && part.content.is_empty() => {}
            Some(name) if tables && is_table(Some(&name), &part.kind) => found.push(part.content),
            // the name of any other file is all that is kept of it
            Some(name) => pairs.push((part.name, name)),
            None => {
                bytes += part.content.len();
                within_bounds(bytes)?;
                let text = crate::reading::encoding::text(part.content, charset.as_deref());
                let text = text.ok_or_else(|| {
                    broken(format!("the field {:?} is in no encoding that we know", part.name))
                })?;
                pairs.push((part.name, text));
            }
        }
    }
    if found.is_empty() {
        if pairs.is_empty() {
            return Err(unreadable(NO_RECORD, "the form is empty"));
        }
        return sort_pairs(pairs);
    }
    // the fields beside a table go with each of its rows
    let mut sorted = sort_pairs(pairs)?;
    let common = match sorted.leads.pop() {
        Some(Element::Fields(fields)) if sorted.leads.is_empty() => fields,
        _ => return Err(unreadable(NO_RECORD, "a form brings either leads or a table file, not both")),
    };
    Ok(Parts { common, leads: vec![], tables: found })
}

/// Whether a file is a table, by its name or its content type.
fn is_table(name: Option<&str>, kind: &str) -> bool {
    const KINDS: [&str; 4] = [
        "text/csv",
        "application/csv",
        "text/tab-separated-values",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ];
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("csv" | "tsv" | "xlsx" | "xls") => true,
        Some(_) => false,
        None => KINDS.contains(&kind),
    }
}
