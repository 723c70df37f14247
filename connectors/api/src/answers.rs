//! Reading an answer's status and error code before its content: the manifest's rules first, then what HTTP says.
//!
//! Nothing here means "done": a success only lets the connector read on, and whatever cannot be read is the system's
//! illness ([`Outcome::Unavailable`]), never a success. Statuses follow RFC 9110 and the habits of real APIs.

use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::outbox::Outcome;
use leadloop_sync_core::time::{Micros, Timestamp};
use serde_json::Value as Json;

use crate::connector::Link;
use crate::http::Answer;
use crate::manifest::{Errors, Manifest, Meaning};

/// Most characters of a system's own words that are kept.
const LONGEST_DETAIL: usize = 600;

/// How the answers of one link are read.
#[derive(Clone, Debug)]
pub struct Answers {
    manifest: &'static Manifest,
    link: LinkName,
    now: Timestamp,
}

impl Answers {
    /// Reading the answers of `link`; `now` serves a `Retry-After` that names a time where the answer has no `Date`.
    #[must_use]
    pub fn of(manifest: &'static Manifest, link: &Link, now: Timestamp) -> Self {
        Self { manifest, link: link.name.clone(), now }
    }

    /// The JSON of an answer that says it worked; `Null` for a 204 without a body. `object` is the product's name of what
    /// was asked about.
    ///
    /// # Errors
    /// The outcome, where the answer says anything else or cannot be read.
    pub fn json(&self, object: &str, answer: &Answer) -> Result<Json, Outcome> {
        let body = answer.json();
        self.part(object, answer.status, body.as_ref(), answer.retry_after(Some(self.now)))?;
        match body {
            Some(json) => Ok(json),
            None if answer.status == 204 && answer.body.is_empty() => Ok(Json::Null),
            None => Err(odd(&describe_body(answer))),
        }
    }

    /// Whether `status` with `body` says it worked: for the results within a batch's answer, which have a status each.
    ///
    /// # Errors
    /// The outcome, where it says anything else.
    pub fn part(
        &self,
        object: &str,
        status: u16,
        body: Option<&Json>,
        retry_after: Option<Micros>,
    ) -> Result<(), Outcome> {
        let meaning = match self.rule(status, body).unwrap_or_else(|| by_status(status)) {
            Meaning::Done => self.claimed(body),
            other => other,
        };
        let none = Errors::default();
        let errors = self.manifest.errors.as_ref().unwrap_or(&none);
        let said = Said::read(errors, status, body);
        let retry_after = retry_after.or_else(|| {
            let seconds = body.and_then(|body| at(body, errors.retry_after.as_deref()?))?.as_f64()?;
            crate::http::wait(seconds)
        });
        Err(match meaning {
            Meaning::Done => return Ok(()),
            Meaning::Throttled => Outcome::Throttled { retry_after, quota: false },
            Meaning::Quota => Outcome::Throttled { retry_after, quota: true },
            Meaning::Busy => Outcome::Unavailable { sent: false, detail: said.detail },
            Meaning::Unavailable => Outcome::Unavailable { sent: true, detail: said.detail },
            Meaning::Unauthorized => Outcome::Unauthorized { detail: said.detail },
            Meaning::Gone => Outcome::Gone { detail: said.detail },
            Meaning::Conflict => {
                let path = errors.conflict_id.as_deref();
                let named = body.and_then(|body| at(body, path?)).and_then(text_of);
                match named.or_else(|| id_behind(&said.detail, errors.conflict_after.as_deref()?)) {
                    Some(id) => Outcome::Conflict {
                        remote: RemoteRef { link: self.link.clone(), object: object.to_owned(), id },
                        same_mark: errors.same_mark.contains(&said.code),
                    },
                    None => said.rejected(),
                }
            }
            Meaning::Rejected => said.rejected(),
        })
    }

    /// What a success status means where the system says in the body whether it worked.
    fn claimed(&self, body: Option<&Json>) -> Meaning {
        let (Some(success), Some(body)) = (&self.manifest.success, body) else { return Meaning::Done };
        match at(body, &success.path).and_then(text_of) {
            Some(said) if success.any.contains(&said) => Meaning::Done,
            Some(_) => Meaning::Rejected,
            None => Meaning::Unavailable,
        }
    }

    fn rule(&self, status: u16, body: Option<&Json>) -> Option<Meaning> {
        by_rule(&self.manifest.answer, status, body)
    }
}

/// The id that stands in a message behind some words.
fn id_behind(message: &str, words: &str) -> Option<String> {
    let rest = message.split_once(words)?.1;
    let id: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    Some(id).filter(|id| !id.is_empty())
}

/// What the manifest's own rules say of an answer; nothing where none fits. A value of `*` fits whatever else stands at
/// the path, so that an API that says everything with 200 can name its one word for success and then all others.
#[must_use]
pub fn by_rule(rules: &[crate::manifest::AnswerRule], status: u16, body: Option<&Json>) -> Option<Meaning> {
    let fits = |rule: &&crate::manifest::AnswerRule| {
        rule.status.is_none_or(|wanted| wanted == status)
            && rule.body.as_ref().is_none_or(|wanted| {
                body.and_then(|body| at(body, &wanted.path))
                    .and_then(text_of)
                    .is_some_and(|found| wanted.any.iter().any(|any| any == "*" || *any == found))
            })
    };
    rules.iter().find(fits).map(|rule| rule.means)
}

/// What HTTP itself says of a status.
fn by_status(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Done,
        401 | 403 | 407 => Meaning::Unauthorized,
        404 | 410 => Meaning::Gone,
        409 => Meaning::Conflict,
        423 => Meaning::Busy,
        429 => Meaning::Throttled,
        408 | 425 | 500..=599 => Meaning::Unavailable,
        300..=499 => Meaning::Rejected, // a redirect too: following one with credentials would give them away
        _ => Meaning::Unavailable,
    }
}

/// The parts of an error.
struct Said {
    code: String,
    field: Option<String>,
    field_code: Option<String>,
    detail: String,
}

impl Said {
    fn read(errors: &Errors, status: u16, body: Option<&Json>) -> Self {
        let find = |path: &Option<String>| body.and_then(|body| at(body, path.as_deref()?)).and_then(text_of);
        let code = find(&errors.code).unwrap_or_else(|| format!("http_{status}"));
        let mut detail = find(&errors.message).unwrap_or_else(|| match status {
            300..=399 => {
                format!("status {status}: it redirects; the address in the settings is not the final one")
            }
            _ => format!("status {status}"),
        });
        let (mut field, mut field_code) = (None, None);
        let list = body.and_then(|body| at(body, errors.fields.as_deref()?)).and_then(Json::as_array);
        for entry in list.into_iter().flatten().take(20) {
            let part = |path: &Option<String>| at(entry, path.as_deref()?).and_then(text_of);
            if field.is_none() {
                field = part(&errors.field);
                field_code = part(&errors.field_code);
            }
            if let Some(words) = part(&errors.field_message) {
                detail.push_str("; ");
                detail.push_str(&words);
            }
        }
        Self { code, field, field_code, detail: shorten(&detail) }
    }

    fn rejected(self) -> Outcome {
        Outcome::Rejected {
            field: self.field,
            code: shorten(&self.field_code.unwrap_or(self.code)),
            detail: self.detail,
        }
    }
}

/// The outcome of an answer that claims success but is not what it should be: it may have been applied.
#[must_use]
pub fn odd(detail: &str) -> Outcome {
    Outcome::Unavailable { sent: true, detail: shorten(detail) }
}

/// The value at a dotted path; numbers are places in a list.
#[must_use]
pub fn at<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(json, |json, part| match json {
        Json::Object(map) => map.get(part),
        Json::Array(list) => part.parse::<usize>().ok().and_then(|at| list.get(at)),
        _ => None,
    })
}

/// A scalar as text; ids come as numbers or as texts, even within one API.
#[must_use]
pub fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// What a body looks like that should have been JSON. Its content is not repeated: it may hold anything.
fn describe_body(answer: &Answer) -> String {
    let start: String =
        String::from_utf8_lossy(answer.body.get(..64).unwrap_or(&answer.body)).trim_start().to_lowercase();
    let what = if answer.body.is_empty() {
        "nothing"
    } else if start.starts_with("<!doctype") || start.starts_with("<html") || start.starts_with("<head") {
        "a web page"
    } else if start.starts_with(['{', '[']) {
        "JSON that is cut or broken"
    } else {
        "something that is no JSON"
    };
    format!("status {} with {what} ({} bytes) where JSON was due", answer.status, answer.body.len())
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_DETAIL) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::LazyLock;

    static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| {
        crate::manifest::parse(
            r#"
            name = "acme"
            title = { en = "Acme", zh = "爱酷" }
            kinds = ["crm"]
            answer = [
              { status = 200, body = { path = "code", any = ["21327", "21332"] }, means = "unauthorized" },
              { status = 403, body = { path = "error.code", any = ["daily_quota"] }, means = "quota" },
              { status = 409, body = { path = "error.code", any = ["converted"] }, means = "gone" },
            ]
            [errors]
            code = "error.code"
            message = "error.message"
            fields = "error.fields"
            field = "field"
            field_code = "code"
            field_message = "message"
            conflict_id = "error.existing_id"
            same_mark = ["duplicate_mark"]
            retry_after = "error.retry_after"
            "#,
        )
        .unwrap()
    });

    fn answers() -> Answers {
        let link = Link {
            name: "sales".into(),
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            wants: crate::connector::Wants::default(),
            told: None,
        };
        // 2026-10-21T07:28:00Z
        Answers::of(&MANIFEST, &link, Timestamp(1_792_567_680_000_000))
    }

    fn read(status: u16, body: &str) -> Result<Json, Outcome> {
        answers().json("lead", &Answer::with_body(status, "application/json", body))
    }

    #[test]
    fn codes_inside_answers_decide_before_the_status() {
        assert_eq!(read(200, r#"{"code":0}"#), Ok(serde_json::json!({"code": 0})));
        assert!(matches!(read(200, r#"{"code":21327}"#), Err(Outcome::Unauthorized { .. })));
        assert!(matches!(read(200, r#"{"code":"21332"}"#), Err(Outcome::Unauthorized { .. })));
        assert_eq!(
            read(403, r#"{"error":{"code":"daily_quota","retry_after":60}}"#),
            Err(Outcome::Throttled { retry_after: Some(Micros::seconds(60)), quota: true })
        );
        assert!(matches!(
            read(409, r#"{"error":{"code":"converted","message":"m"}}"#),
            Err(Outcome::Gone { .. })
        ));
    }

    #[test]
    fn a_conflict_names_the_record_in_the_way() {
        let conflict =
            |code: &str| read(409, &format!(r#"{{"error":{{"code":"{code}","existing_id":"L7"}}}}"#));
        let remote = RemoteRef { link: "sales".into(), object: "lead".into(), id: "L7".into() };
        assert_eq!(
            conflict("duplicate_mark"),
            Err(Outcome::Conflict { remote: remote.clone(), same_mark: true })
        );
        assert_eq!(conflict("duplicate"), Err(Outcome::Conflict { remote, same_mark: false }));
        assert!(matches!(read(409, "{}"), Err(Outcome::Rejected { .. })), "no id, nothing to point at");
    }

    #[test]
    fn a_refused_content_names_field_and_words() {
        let body = r#"{"error":{"code":"validation","message":"2 fields","fields":[
            {"field":"phone","code":"too_long","message":"phone is long"},{"field":"name","code":"required","message":"name is missing"}]}}"#;
        assert_eq!(
            read(422, body),
            Err(Outcome::Rejected {
                field: Some("phone".into()),
                code: "too_long".into(),
                detail: "2 fields; phone is long; name is missing".into()
            })
        );
        assert_eq!(
            read(400, "no"),
            Err(Outcome::Rejected { field: None, code: "http_400".into(), detail: "status 400".into() })
        );
    }

    #[test]
    fn each_status_has_its_meaning() {
        let kind = |status| match read(status, "{}") {
            Ok(_) => "done",
            Err(Outcome::Throttled { .. }) => "throttled",
            Err(Outcome::Unavailable { sent: true, .. }) => "unavailable",
            Err(Outcome::Unavailable { sent: false, .. }) => "busy",
            Err(Outcome::Unauthorized { .. }) => "unauthorized",
            Err(Outcome::Gone { .. }) => "gone",
            Err(Outcome::Rejected { .. }) => "rejected",
            Err(_) => "other",
        };
        for (status, meaning) in [
            (200, "done"),
            (201, "done"),
            (302, "rejected"),
            (400, "rejected"),
            (401, "unauthorized"),
            (403, "unauthorized"),
            (404, "gone"),
            (408, "unavailable"),
            (410, "gone"),
            (413, "rejected"),
            (423, "busy"),
            (429, "throttled"),
            (500, "unavailable"),
            (503, "unavailable"),
            (529, "unavailable"),
            (0, "unavailable"),
            (999, "unavailable"),
        ] {
            assert_eq!(kind(status), meaning, "{status}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_never_a_success() {
        for body in ["", "<!doctype html><title>Login</title>", "{\"id\":", "�", "null x"] {
            assert!(matches!(read(200, body), Err(Outcome::Unavailable { sent: true, .. })), "{body:?}");
        }
        assert_eq!(read(204, ""), Ok(Json::Null));
        let Err(Outcome::Unavailable { detail, .. }) = read(200, "<html>13900000001") else { panic!() };
        assert!(!detail.contains("139"), "the body is repeated: {detail}");
    }

    #[test]
    fn long_words_are_cut_at_a_character() {
        let Err(Outcome::Rejected { detail, .. }) =
            read(422, &format!(r#"{{"error":{{"message":"{}"}}}}"#, "错".repeat(5_000)))
        else {
            panic!()
        };
        assert_eq!(detail.chars().count(), LONGEST_DETAIL + 1);
    }
}
