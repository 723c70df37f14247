//! Writes down what was said to a system, for people who look for a mistake: after an exchange ([`crate::converse`]), before
//! it is settled ([`crate::deliver`]). Bounded, and without secrets ([`crate::scrub`]).

use std::io::Write;

use leadloop_config::plan::Keep;
use leadloop_connector_api::{Answer, Body, Link, Method, Request};
use leadloop_sync_core::conversation::{Conversation, Heard, Turn, Words};
use leadloop_sync_core::ids::{ConversationId, DeliveryId};
use leadloop_sync_core::outbox::Outcome;

use crate::bounds::SAID_BYTES;
use crate::converse::Exchanged;
use crate::scrub::{HIDDEN, Scrub};

/// Bytes of one address or header that are kept.
const LINE: usize = 2 * 1024;
/// Headers of one request or answer that are kept.
const HEADERS: usize = 32;
/// Headers that may help to find a mistake. Of others only the name is kept.
const TELLING: [&str; 18] = [
    "accept",
    "content-type",
    "content-length",
    "content-encoding",
    "date",
    "etag",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "location",
    "prefer",
    "request-id",
    "retry-after",
    "server",
    "sforce-limit-info",
    "www-authenticate",
    "x-correlation-id",
    "x-request-id",
];
/// Names of headers that begin so tell about limits.
const LIMITS: [&str; 4] = ["ratelimit", "x-ratelimit", "x-rate-limit", "x-quota"];
/// Headers of answers whose very name is of no use to anybody.
const EMPTY: [&str; 6] =
    ["connection", "transfer-encoding", "keep-alive", "vary", "set-cookie", "cache-control"];
/// What is sent of these kinds changes something there.
const WRITES: [&str; 5] = ["create", "update", "tell", "notify", "prepare"];

/// Whether what was said about operations of a kind is kept.
#[must_use]
pub fn is_kept(keep: Keep, kind: &str, outcomes: &[Outcome]) -> bool {
    match keep {
        Keep::Off => false,
        Keep::All if WRITES.contains(&kind) => true,
        Keep::All | Keep::Failed => outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Done(_))),
    }
}

/// What was said, as it is kept. `of`: the deliveries that went together, with their attempts; `loose`: see
/// [`Conversation::loose`].
#[must_use]
pub fn write_down(
    link: &Link,
    exchanged: &[Exchanged],
    id: ConversationId,
    of: Vec<(DeliveryId, u32)>,
    loose: bool,
) -> Conversation {
    let scrub = scrub_of(link, exchanged);
    let turns = exchanged.iter().map(|one| turn(one, &scrub)).collect();
    Conversation { id, link: link.name.clone(), of, loose, turns }
}

/// Takes secrets out of what systems said against us: some repeat what they were sent.
pub(crate) fn clean(link: &Link, exchanged: &[Exchanged], outcomes: &mut [Outcome]) {
    let mut scrub = None;
    for outcome in outcomes {
        let detail = match outcome {
            Outcome::Unavailable { detail, .. }
            | Outcome::Unauthorized { detail }
            | Outcome::Gone { detail }
            | Outcome::Rejected { detail, .. } => detail,
            Outcome::Done(_) | Outcome::Throttled { .. } | Outcome::Conflict { .. } => continue,
        };
        scrub.get_or_insert_with(|| scrub_of(link, exchanged)).clean(detail);
    }
}

fn scrub_of(link: &Link, exchanged: &[Exchanged]) -> Scrub {
    let proofs = exchanged.iter().flat_map(|one| {
        let headers = one.signed.headers.iter().skip(one.own.0);
        let query = one.signed.query.iter().skip(one.own.1);
        headers.chain(query).flat_map(|(_, value)| proofs_in(value))
    });
    Scrub::of(link, proofs)
}

/// `Bearer abc` proves by `abc`; what is as short as a scheme proves nothing.
fn proofs_in(value: &str) -> impl Iterator<Item = &str> {
    let words = value.split_ascii_whitespace();
    words.filter(|word| !["bearer", "basic", "token", "oauth"].contains(&word.to_ascii_lowercase().as_str()))
}

fn turn(one: &Exchanged, scrub: &Scrub) -> Turn {
    let request = &one.signed;
    let (answer, broken) = match &one.heard {
        Ok(answer) if answer.status == 200 && matches!(request.body, Body::Sql(_)) => {
            let bytes = u64::try_from(one.bytes).unwrap_or(0);
            let body = Words { text: format!("[{bytes} bytes of rows]"), bytes, cut: true };
            (Some(Heard { status: 200, headers: vec![], body }), None)
        }
        Ok(answer) => (Some(heard(answer, one.bytes, scrub)), None),
        Err(detail) => (None, Some(scrub.short(detail, LINE))),
    };
    Turn {
        at: one.at,
        took: one.took,
        method: method(request).to_owned(),
        url: url(request, one.own.1, scrub),
        headers: headers(&request.headers, one.own.0, scrub),
        body: body(&request.body, scrub),
        answer,
        broken,
    }
}

const fn method(request: &Request) -> &'static str {
    match (&request.body, request.method) {
        (Body::Mail(_), _) => "MAIL",
        (Body::Sql(_), _) => "SQL",
        (_, Method::Get) => "GET",
        (_, Method::Post) => "POST",
        (_, Method::Put) => "PUT",
        (_, Method::Patch) => "PATCH",
        (_, Method::Delete) => "DELETE",
    }
}

fn url(request: &Request, own: usize, scrub: &Scrub) -> String {
    let mut url = request.url.clone();
    for (place, (name, value)) in request.query.iter().enumerate() {
        let first = place == 0 && !url.contains('?');
        url.push(if first { '?' } else { '&' });
        url.push_str(name);
        url.push('=');
        url.push_str(if place < own { value } else { HIDDEN });
    }
    scrub.short(&url, LINE)
}

/// Headers that matter; of those behind the first `own`, which prove who we are, the names.
fn headers(all: &[(String, String)], own: usize, scrub: &Scrub) -> Vec<(String, String)> {
    let kept = all.iter().enumerate().map(|(place, (name, value))| (place, name.to_ascii_lowercase(), value));
    kept.filter(|(_, name, _)| !EMPTY.contains(&name.as_str()))
        .take(HEADERS)
        .map(|(place, name, value)| {
            let told = TELLING.contains(&name.as_str()) || LIMITS.iter().any(|limit| name.starts_with(limit));
            let value = if place < own && told { scrub.short(value, LINE) } else { HIDDEN.to_owned() };
            (name, value)
        })
        .collect()
}

fn body(body: &Body, scrub: &Scrub) -> Words {
    match body {
        Body::Empty => Words::default(),
        Body::Json(json) => {
            let mut begun = Begun { bytes: Vec::new(), most: SAID_BYTES + scrub.margin() };
            let whole = serde_json::to_writer(&mut begun, json).is_ok();
            let text = beginning(&begun.bytes).unwrap_or_default();
            let mut words = scrub.words(text, SAID_BYTES, 0);
            if whole {
                words.bytes = u64::try_from(begun.bytes.len()).unwrap_or(0);
            }
            words.cut |= !whole;
            words
        }
        Body::Form(pairs) => {
            let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            text(pairs.join("&").as_bytes(), None, scrub)
        }
        Body::Bytes(kind, bytes) => text(bytes, Some(kind), scrub),
        Body::Sql(sql) => {
            // The columns stand in the statement; values without their names could not be masked.
            text(format!("{}\n[{} values]", sql.text, sql.values.len()).as_bytes(), None, scrub)
        }
        Body::Mail(mail) => {
            let mut told = format!("To: {}\nSubject: {}\n\n{}", mail.to, mail.subject, mail.text);
            for (name, kind, content) in &mail.files {
                told.push_str(&format!("\n[{name}: {} bytes of {kind}]", content.len()));
            }
            text(told.as_bytes(), None, scrub)
        }
    }
}

fn heard(answer: &Answer, bytes: usize, scrub: &Scrub) -> Heard {
    let mut words = text(&answer.body, answer.header("content-type"), scrub);
    words.bytes = u64::try_from(bytes).unwrap_or(0);
    words.cut |= answer.body.len() < bytes;
    Heard { status: answer.status, headers: headers(&answer.headers, usize::MAX, scrub), body: words }
}

/// The beginning of bytes that are text; of others only what they are.
fn text(bytes: &[u8], kind: Option<&str>, scrub: &Scrub) -> Words {
    let whole = u64::try_from(bytes.len()).unwrap_or(0);
    let most = SAID_BYTES + scrub.margin();
    match beginning(bytes.get(..most).unwrap_or(bytes)) {
        Some(text) => scrub.words(text, SAID_BYTES, whole),
        None => {
            let kind = kind.unwrap_or("no text");
            Words { text: format!("[{whole} bytes of {kind}]"), bytes: whole, cut: whole > 0 }
        }
    }
}

/// Bytes as text, without the character at their end that may have been cut; nothing where they are none.
fn beginning(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|whole| std::str::from_utf8(whole).ok())
        }
        Err(_) => None,
    }
}

/// Takes no more than so many bytes.
struct Begun {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Begun {
    fn write(&mut self, some: &[u8]) -> std::io::Result<usize> {
        let room = self.most - self.bytes.len();
        let taken = some.get(..some.len().min(room)).unwrap_or_default();
        self.bytes.extend_from_slice(taken);
        if taken.len() < some.len() { Err(std::io::ErrorKind::WriteZero.into()) } else { Ok(some.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use leadloop_connector_api::Wants;
    use leadloop_sync_core::ids::LinkName;
    use leadloop_sync_core::moment::Moment;
    use leadloop_sync_core::outbox::Reply;
    use leadloop_sync_core::time::{Micros, Timestamp};
    use secrecy::SecretString;

    use super::*;

    fn link() -> Link {
        Link {
            name: LinkName::from("sales"),
            settings: BTreeMap::new(),
            secrets: BTreeMap::from([("key".to_owned(), SecretString::from("0123456789abcdef"))]),
            wants: Wants::default(),
            told: None,
        }
    }

    fn written(body: Body, heard: Result<Answer, String>) -> Turn {
        let mut signed = Request { body, ..Request::get("https://crm.example/leads") };
        signed.query = vec![("q".into(), "1".into()), ("access".into(), "0123456789abcdef".into())];
        signed.headers = vec![("X-Own".into(), "1".into()), ("authorization".into(), "Bearer abc".into())];
        let bytes = heard.as_ref().map_or(0, |answer| answer.body.len());
        let at = Timestamp(0);
        let one = Exchanged { at, took: Micros(5), signed, own: (1, 1), heard, bytes };
        let id = Moment::new(at, 1).id();
        write_down(&link(), &[one], id, vec![], false).turns.remove(0)
    }

    #[test]
    fn each_side_is_bounded_and_no_secret_is_cut_in_two() {
        for before in SAID_BYTES - 40..SAID_BYTES + 10 {
            let text = format!("{}0123456789abcdef{}", "x".repeat(before), "y".repeat(20_000));
            for body in [Body::Json(text.clone().into()), Body::Bytes("text/plain".into(), text.into_bytes())]
            {
                let turn = written(body, Err("reset".into()));
                assert!(turn.body.cut && turn.body.text.len() <= SAID_BYTES + HIDDEN.len());
                assert!(!turn.body.text.contains('0'), "{before}");
            }
        }
    }

    #[test]
    fn what_proves_who_we_are_is_named_only() {
        let turn = written(Body::Empty, Err("abc was reset".into()));
        assert_eq!(turn.url, "https://crm.example/leads?q=1&access=•••");
        let hidden = |name: &str| (name.to_owned(), HIDDEN.to_owned());
        assert_eq!(turn.headers, [hidden("x-own"), hidden("authorization")]);
        assert_eq!(turn.broken.as_deref(), Some("••• was reset"));
        let bytes = Answer::with_body(200, "image/png", vec![0xFF, 0xD8, 0x00]);
        let answer = written(Body::Empty, Ok(bytes)).answer.expect("it answered");
        assert_eq!((answer.body.text.as_str(), answer.body.bytes), ("[3 bytes of image/png]", 3));
    }

    #[test]
    fn of_rows_only_the_statement_is_kept() {
        let sql = Request::sql("SELECT name FROM leads WHERE phone = $1", vec!["13900000001".into()], false);
        let answer = Answer::with_body(200, "application/json", r#"{"rows":[["测试甲"]]}"#);
        let turn = written(sql.body.clone(), Ok(answer));
        assert_eq!(turn.body.text, "SELECT name FROM leads WHERE phone = $1\n[1 values]");
        assert_eq!(turn.answer.expect("it answered").body.text, "[24 bytes of rows]");
        let refused = Answer::with_body(404, "application/json", r#"{"error":{"code":"no_table"}}"#);
        assert!(written(sql.body, Ok(refused)).answer.expect("it answered").body.text.contains("no_table"));
    }

    #[test]
    fn writes_and_failures_are_kept() {
        let (done, failed) = ([Outcome::Done(Reply::Told)], [Outcome::Gone { detail: String::new() }]);
        assert!(is_kept(Keep::All, "create", &done) && !is_kept(Keep::All, "find", &done));
        assert!(is_kept(Keep::All, "find", &failed) && is_kept(Keep::Failed, "create", &failed));
        assert!(!is_kept(Keep::Failed, "create", &done) && !is_kept(Keep::Off, "create", &failed));
    }
}
