//! JSON bodies: one record, a list, or a list within an object; nested parts become dotted names.

use std::borrow::Cow;

use leadloop_connector_api::Refusal;
use leadloop_mapping::Value;
use serde_json::Value as Json;

use super::{BAD_TEXT, BROKEN, Bounded, DEEPEST, encoding, unreadable};

/// Reads a JSON body, in UTF-8 or what its label or looks say.
///
/// # Errors
/// A refusal that says where it is broken.
pub(crate) fn parse(body: &[u8], label: Option<&str>) -> Result<Json, Refusal> {
    let text = match text(body) {
        Some(text) if label.is_none() => text,
        _ => encoded(body, label)?,
    };
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| broken(&error))
}

/// The text of a JSON body, in UTF-8 or what it looks like.
///
/// # Errors
/// A refusal where it is in no encoding that we know.
pub(crate) fn text_of(body: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Refusal> {
    if text(&body).is_none() {
        return encoded(&body, None).map(|text| Cow::Owned(text.into_owned()));
    }
    Ok(match body {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).unwrap_or_default()),
    })
}

/// Plain UTF-8, which most bodies are: nothing has to be guessed of it.
fn text(body: &[u8]) -> Option<Cow<'_, str>> {
    let marked = body.starts_with(b"\xef\xbb\xbf");
    let text = std::str::from_utf8(body).ok()?;
    (!marked && !body.contains(&0)).then_some(Cow::Borrowed(text))
}

fn encoded<'b>(body: &'b [u8], label: Option<&str>) -> Result<Cow<'b, str>, Refusal> {
    encoding::text(body, label)
        .map(Cow::Owned)
        .ok_or_else(|| unreadable(BAD_TEXT, "the body is in no encoding that we know; send JSON in UTF-8"))
}

/// Where a text stops being JSON.
pub(crate) fn broken(error: &serde_json::Error) -> Refusal {
    let place = format!("line {}, column {}", error.line(), error.column());
    let what = if error.is_eof() { "ends too early" } else { "is broken" };
    unreadable(BROKEN, format!("the JSON {what} at {place}"))
}

/// The fields of a JSON object under dotted names: `{"lead":{"email":…}}` → `lead.email`; lists of plain values stay
/// lists, lists of objects become `items.0.sku`.
pub(crate) fn fields(object: &serde_json::Map<String, Json>) -> Bounded<'static> {
    let mut bounded = Bounded::default();
    for (name, value) in object {
        let (name, _) = super::form::flat_name(name);
        walk(&mut bounded, &name, value, DEEPEST);
    }
    bounded
}

fn walk(bounded: &mut Bounded, path: &str, json: &Json, depth: usize) {
    if depth == 0 {
        bounded.beyond.get_or_insert(format!("`{}` is nested too deeply", super::cut(path, 60)));
        return;
    }
    if bounded.beyond.is_some() && bounded.record.0.len() >= super::MOST_FIELDS {
        return; // full: nothing more is taken, so nothing more is looked at
    }
    match json {
        Json::Object(map) => {
            for (name, inner) in map {
                walk(bounded, &format!("{path}.{name}"), inner, depth - 1);
            }
        }
        Json::Array(list) if list.iter().any(|item| item.is_object() || item.is_array()) => {
            for (at, inner) in list.iter().enumerate() {
                walk(bounded, &format!("{path}.{at}"), inner, depth - 1);
            }
        }
        scalar => bounded.add(path, Value::from_json(scalar)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flat(json: &Json) -> Bounded<'static> {
        fields(json.as_object().unwrap())
    }

    #[test]
    fn nested_parts_become_dotted_names() {
        let bounded = flat(&json!({
            "lead": {"email": "jia@shili.example", "tags": ["a", "b"]},
            "items": [{"sku": 1}, {"sku": 2}],
            "lead[phone]": "13900000001",
            "n": null,
        }));
        assert_eq!(bounded.beyond, None);
        let names: Vec<&str> = bounded.record.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["items.0.sku", "items.1.sku", "lead.email", "lead.phone", "lead.tags", "n"]);
        assert_eq!(bounded.record.get("lead.tags"), Some(&Value::List(vec!["a".into(), "b".into()])));
    }

    #[test]
    fn depth_and_width_are_bounded() {
        let mut deep = json!(1);
        for _ in 0..50 {
            deep = json!({ "a": deep });
        }
        assert!(flat(&deep).beyond.unwrap().contains("deeply"));
        let wide: serde_json::Map<String, Json> = (0..5_000).map(|n| (n.to_string(), json!(n))).collect();
        assert!(fields(&wide).beyond.unwrap().contains("fields"));
        let long = json!({"list": (0..5_000).map(|n| json!({"n": n})).collect::<Vec<_>>()});
        assert_eq!(flat(&long).record.0.len(), super::super::MOST_FIELDS);
    }

    #[test]
    fn broken_json_says_where() {
        for (body, said) in
            [("{\"a\":", "ends too early"), ("{'a':1}", "line 1, column 2"), ("", "too early")]
        {
            let Err(Refusal::Unreadable { detail, .. }) = parse(body.as_bytes(), None) else {
                panic!("{body}")
            };
            assert!(detail.contains(said), "{detail}");
        }
        assert!(parse("\u{feff}{}".as_bytes(), None).is_ok());
        let (gb, _, _) = encoding_rs::GB18030.encode("{\"姓名\":\"测试甲\"}");
        assert_eq!(parse(&gb, None).unwrap(), json!({"姓名": "测试甲"}));
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes(), None).is_err(), "no overflow");
    }
}
