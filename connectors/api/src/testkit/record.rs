//! Makes a fixture of what was said with a live account: scrubbed, and played once, so that it is known to play. Pure: the
//! command that calls it (`leadloop connector record`) speaks with the account.

use leadloop_mapping::Value;
use leadloop_sync_core::outbox::{Operation, Outcome};
use leadloop_sync_core::time::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Map, Value as Json};

use super::fixture::{Section, method_name, render};
use super::play::{Ending, ending, play};
use super::scrub::{Scrub, secret_like};
use crate::connector::{Connector, Link, Refusal};
use crate::http::{Answer, Push};
use crate::signature::{Algorithm, Encoding, encode, from_base64, hmac, hmac_fits, webhook_key};

/// Headers of answers that connectors and the shell read.
const ANSWERED: [&str; 6] = ["content-type", "retry-after", "date", "location", "link", "etag"];
/// Headers of pushes that say nothing, or too much: how they got here.
const UNSAID: [&str; 12] = [
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "content-length",
    "connection",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
    "cookie",
    "forwarded",
];

/// A fixture that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its text.
    pub text: String,
    /// How it ends when it is played.
    pub endings: Vec<Ending>,
    /// Values that were replaced.
    pub replaced: usize,
}

/// Why no fixture could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrecorded {
    /// What the conformance list has against it; the fixture is left to be looked at.
    #[error("the fixture does not play: {problem}")]
    Plays {
        /// What is wrong.
        problem: String,
        /// The fixture as far as it goes.
        text: String,
    },
    /// With other values it goes otherwise: something that was replaced mattered.
    #[error("scrubbed, it ends as {scrubbed} where the live account's ended as {live}")]
    Otherwise {
        /// How it went.
        live: String,
        /// How it plays.
        scrubbed: String,
    },
    /// A value that had to go is still there.
    #[error("a value under `{0}` could not be replaced")]
    Left(String),
    /// The sender's proof cannot be made again with a secret of our own.
    #[error("the sender's signature is made in a way that cannot be made again with a test secret: {0}")]
    Proof(String),
    /// The push was not taken in the first place.
    #[error("the push is not taken: {0}")]
    NotTaken(String),
}

/// A description that made the connector: the name of its file, and the file.
pub type Described<'a> = Option<(&'a str, &'a [u8])>;

/// What was said to carry out `operations` at `now`: the answers, in their order; `outcomes`: how it ended.
///
/// # Errors
/// Why it makes no fixture.
pub fn conversation(
    connector: &dyn Connector,
    link: &Link,
    (operations, now): (&[Operation], Timestamp),
    answers: &[Answer],
    outcomes: &[Outcome],
    described: Described<'_>,
) -> Result<Recorded, Unrecorded> {
    let mut scrub = Scrub::default();
    let secrets = secrets_of(link, &mut scrub);
    let settings = settings_of(connector, link);
    look_at_settings(&settings, &mut scrub);
    let told: Vec<Json> = operations.iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
    for operation in &told {
        look_at_operation(operation, &mut scrub);
    }
    scrub.description =
        operations.iter().any(|one| matches!(one, Operation::Describe { .. } | Operation::Prepare { .. }));
    for answer in answers {
        scrub.refusal = answer.status >= 400;
        match answer.json() {
            Some(json) => scrub.look("", &json),
            None => scrub.text("", &String::from_utf8_lossy(&answer.body)),
        }
    }
    scrub.refusal = false;
    let mut sections = head(connector, now, (&settings, &secrets), described, &scrub);
    let told: Vec<String> = told.iter().map(|one| scrub.json(one).to_string()).collect();
    sections.push(Section::made("operation", "", &told.join("\n")));
    sections.extend(answers.iter().map(|answer| answer_section(answer, &scrub)));
    let live: Vec<Ending> = outcomes.iter().map(ending).collect();
    finish(connector, &render(&sections), &live, &scrub, described)
}

/// A push as it arrived.
///
/// # Errors
/// Why it makes no fixture.
pub fn push(connector: &dyn Connector, link: &Link, push: &Push) -> Result<Recorded, Unrecorded> {
    let live = match connector.receive(link, push) {
        Ok(_) => Ending::Received,
        Err(Refusal::Handshake(_)) => Ending::NotTaken,
        Err(refusal) => return Err(Unrecorded::NotTaken(refusal.to_string())),
    };
    let mut scrub = Scrub::default();
    let secrets = secrets_of(link, &mut scrub);
    let settings = settings_of(connector, link);
    look_at_settings(&settings, &mut scrub);
    let body = match serde_json::from_slice::<Json>(&push.body) {
        Ok(json) => {
            scrub.look("", &json);
            scrub.json(&json).to_string().into_bytes()
        }
        Err(_) => body_of_form(push, &mut scrub),
    };
    let query = query_of(&push.query, &mut scrub);
    let mut made = Push { body, query, path: scrub.clean(&push.path), ..push.clone() };
    made.headers.retain(|(name, _)| !UNSAID.contains(&name.as_str()));
    for (_, value) in &mut made.headers {
        *value = scrub.clean(value);
    }
    prove(link, push, &mut made)?;
    let mut sections = head(connector, push.at, (&settings, &secrets), None, &scrub);
    let query = if made.query.is_empty() { String::new() } else { format!("?{}", made.query) };
    let place = format!("{} /{}{query}", method_name(made.method), made.path.trim_start_matches('/'));
    let mut lines: Vec<String> =
        made.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.push(String::new());
    lines.push(body_line(&made.body));
    sections.push(Section::made("push", &place, &lines.join("\n")));
    finish(connector, &render(&sections), &[live], &scrub, None)
}

/// Plays what was made, and holds it against how it went.
fn finish(
    connector: &dyn Connector,
    text: &str,
    live: &[Ending],
    scrub: &Scrub,
    described: Described<'_>,
) -> Result<Recorded, Unrecorded> {
    let file = |name: &str| described.filter(|(known, _)| *known == name).map(|(_, bytes)| bytes.to_vec());
    let wrong = |problem: String, text: &str| Unrecorded::Plays { problem, text: text.to_owned() };
    let played = play(connector, text, &file).map_err(|problem| wrong(problem, text))?;
    if played.endings != live {
        return Err(Unrecorded::Otherwise {
            live: format!("{live:?}"),
            scrubbed: format!("{:?}", played.endings),
        });
    }
    if let Some(problem) = played.problems.first().cloned().or_else(|| super::secrets_in(&played.text).next())
    {
        return Err(wrong(problem, &played.text));
    }
    if scrub.left_in(&played.text).is_some() {
        // not the value itself: the message may be pasted into a ticket
        let line = played.text.lines().position(|line| scrub.left_in(line).is_some()).unwrap_or(0) + 1;
        return Err(Unrecorded::Left(format!("line {line}")));
    }
    Ok(Recorded { text: played.text, endings: played.endings, replaced: scrub.count() })
}

fn head(
    connector: &dyn Connector,
    now: Timestamp,
    (settings, secrets): (&Map<String, Json>, &Map<String, Json>),
    described: Described<'_>,
    scrub: &Scrub,
) -> Vec<Section> {
    let clean = scrub.json(&Json::Object(settings.clone()));
    let mut sections = vec![
        Section::made("settings", "", &clean.to_string()),
        Section::made("secrets", "", &Json::Object(secrets.clone()).to_string()),
        Section::made("moment", &now.0.to_string(), ""),
    ];
    if let Some((name, _)) = described {
        sections.push(Section::made("described", name, ""));
    }
    if let Some(first) = sections.first_mut() {
        first.before =
            format!("# Recorded with a live account of {}, and scrubbed.\n", connector.manifest().title.en);
    }
    sections
}

/// The secrets of a fixture, each as long as the one it stands for.
fn secrets_of(link: &Link, scrub: &mut Scrub) -> Map<String, Json> {
    let made = link.secrets.iter().map(|(name, secret)| {
        let secret = secret.expose_secret();
        let made = stand_in(secret);
        scrub.secret(secret, &made);
        (name.clone(), Json::from(made))
    });
    made.collect()
}

/// The test secret of a secret: a key of standard webhooks stays one, an address of a database too.
fn stand_in(secret: &str) -> String {
    if webhook_key(secret).is_some() {
        return format!("whsec_{}", encode(Encoding::Base64, b"fixture-secret-fixture-secret-01"));
    }
    match secret.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://fixture:fixture@db.shili.example/fixture"),
        None => secret_like(secret),
    }
}

/// The settings as a fixture has them: as they would stand in a config, without those that are as the manifest has them.
fn settings_of(connector: &dyn Connector, link: &Link) -> Map<String, Json> {
    let mut settings = Map::new();
    for setting in connector.manifest().setting.iter().filter(|setting| !setting.secret) {
        let name = &setting.name;
        if setting.kind == "table" {
            let entries: Map<String, Json> =
                link.table(name).map(|(key, value)| (key.to_owned(), value.to_json())).collect();
            if !entries.is_empty() {
                settings.insert(name.clone(), Json::Object(entries));
            }
            continue;
        }
        let Some(value) = link.settings.get(name) else { continue };
        let default =
            setting.default.as_ref().and_then(|default| crate::settings::value_of(setting, default).ok());
        if default.is_some_and(|default| default.first().is_some_and(|(_, usual)| usual == value)) {
            continue;
        }
        let json = match (setting.kind.as_str(), value) {
            ("duration", Value::Int(seconds)) => Json::from(format!("{seconds}s")),
            _ => value.to_json(),
        };
        settings.insert(name.clone(), json);
    }
    settings
}

/// Settings name accounts, forms and people; what is a word of the connector's own, or a number, stays.
fn look_at_settings(settings: &Map<String, Json>, scrub: &mut Scrub) {
    for (name, value) in settings {
        match (name.as_str(), value) {
            ("url", Json::String(text)) => {
                let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
                let host = rest.split(['/', '?']).next().unwrap_or(rest);
                scrub.secret(&format!("{scheme}://{host}"), &format!("{scheme}://live.shili.example"));
                scrub.secret(host, "live.shili.example");
            }
            _ => scrub.look(name, value),
        }
    }
}

/// Look-ups hold what somebody is known by, as pairs.
fn look_at_operation(operation: &Json, scrub: &mut Scrub) {
    let keys = operation.pointer("/by/keys").and_then(Json::as_array);
    for pair in keys.into_iter().flatten() {
        if let (Some(kind), Some(value)) = (pair.get(0).and_then(Json::as_str), pair.get(1)) {
            scrub.look(kind, value);
        }
    }
    for part in ["record", "notice", "to"] {
        if let Some(json) = operation.get(part) {
            scrub.look(part, json);
        }
    }
}

fn answer_section(answer: &Answer, scrub: &Scrub) -> Section {
    let limits = |name: &str| {
        name.starts_with("x-ratelimit") || name.starts_with("ratelimit") || name.starts_with("x-quota")
    };
    let kept = answer.headers.iter().filter(|(name, _)| ANSWERED.contains(&name.as_str()) || limits(name));
    let mut lines: Vec<String> =
        kept.map(|(name, value)| format!("{name}: {}", scrub.clean(value))).collect();
    let body = match answer.json() {
        Some(json) => scrub.json(&json).to_string().into_bytes(),
        None => match std::str::from_utf8(&answer.body) {
            Ok(text) => scrub.clean(text).into_bytes(),
            Err(_) => answer.body.clone(),
        },
    };
    if !body.is_empty() {
        lines.push(body_line(&body));
    }
    Section::made("answer", &answer.status.to_string(), &lines.join("\n"))
}

/// A body as one line.
fn body_line(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if !text.contains(['\n', '\r']) && !text.starts_with('@') && !text.contains(": ") => {
            text.to_owned()
        }
        Ok(text) if text.starts_with(['{', '[']) && !text.contains(['\n', '\r']) => text.to_owned(),
        Ok(text) => format!("@text {}", Json::from(text)),
        Err(_) => format!("@hex {}", hex::encode(body)),
    }
}

fn query_of(query: &str, scrub: &mut Scrub) -> String {
    pairs(query.as_bytes(), scrub)
}

fn pairs(form: &[u8], scrub: &mut Scrub) -> String {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(form).into_owned().collect();
    for (name, value) in &pairs {
        scrub.text(name, value);
    }
    let clean = pairs.iter().map(|(name, value)| (name, scrub.clean(value)));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(clean).finish()
}

/// A form, or a body of another kind whose known values are replaced.
fn body_of_form(push: &Push, scrub: &mut Scrub) -> Vec<u8> {
    let form = push.header("content-type").is_some_and(|kind| kind.contains("form-urlencoded"));
    match std::str::from_utf8(&push.body) {
        Ok(_) if form => pairs(&push.body, scrub).into_bytes(),
        Ok(text) => {
            scrub.text("", text);
            scrub.clean(text).into_bytes()
        }
        Err(_) => push.body.clone(),
    }
}

/// Signs the scrubbed push as its sender signed the real one: which way that was is found by trying the ways there are.
fn prove(link: &Link, real: &Push, made: &mut Push) -> Result<(), Unrecorded> {
    if real.body == made.body && link.secrets.is_empty() {
        return Ok(());
    }
    let mut found = false;
    let mut named = None;
    for (name, value) in &real.headers {
        let plain = name.contains("sign") || name.contains("hmac");
        if plain && named.is_none() {
            named = Some(name.clone());
        }
        for (secret_name, secret) in &link.secrets {
            let Some(way) = Way::find(secret.expose_secret(), real, value) else { continue };
            let stand_in = link
                .secrets
                .get(secret_name)
                .map(|secret| stand_in(secret.expose_secret()))
                .unwrap_or_default();
            let proof = way.prove(&stand_in, made);
            if let Some((_, slot)) = made.headers.iter_mut().find(|(known, _)| known == name) {
                *slot = proof;
            }
            found = true;
        }
    }
    match named {
        Some(header) if !found => Err(Unrecorded::Proof(header)),
        _ => Ok(()),
    }
}

/// A way to sign: what is put together, how it is hashed and written, and what stands before it.
#[derive(Clone, Debug)]
struct Way {
    algorithm: Algorithm,
    encoding: Encoding,
    parts: Vec<Part>,
    decoded: bool,
    before: String,
}

/// A part of what is signed.
#[derive(Clone, Debug)]
enum Part {
    Body,
    /// The value of a header.
    Header(String),
    Text(&'static str),
}

impl Way {
    /// The way in which `value` signs a push with `secret`.
    fn find(secret: &str, push: &Push, value: &str) -> Option<Self> {
        let stamps = push
            .headers
            .iter()
            .map(|(name, _)| name)
            .filter(|name| name.contains("time") || name.contains("-id"));
        let stamps: Vec<&String> = stamps.collect();
        let mut candidates = vec![vec![Part::Body]];
        for stamp in &stamps {
            let stamp = || Part::Header((*stamp).clone());
            candidates.push(vec![stamp(), Part::Text("."), Part::Body]);
            candidates.push(vec![Part::Text("v0:"), stamp(), Part::Text(":"), Part::Body]);
            candidates.push(vec![stamp(), Part::Body]);
        }
        for first in &stamps {
            for second in &stamps {
                let header = |name: &&String| Part::Header((*name).clone());
                candidates.push(vec![
                    header(first),
                    Part::Text("."),
                    header(second),
                    Part::Text("."),
                    Part::Body,
                ]);
            }
        }
        // `sha256=…`, `v1,…`, several separated by blanks: the last one is looked at
        let at = value
            .rfind(['=', ',', ' '])
            .filter(|at| at + 1 < value.trim_end_matches('=').len())
            .map_or(0, |at| at + 1);
        let starts = [at, value.find(['=', ',']).map_or(0, |at| at + 1), 0];
        let keys = [(false, secret.as_bytes().to_vec()), (true, key_of(secret).unwrap_or_default())];
        for start in starts {
            let given = value.get(start..)?;
            for parts in &candidates {
                for algorithm in [Algorithm::Sha256, Algorithm::Sha1] {
                    for encoding in [Encoding::Hex, Encoding::Base64] {
                        for (decoded, key) in keys.iter().filter(|(_, key)| !key.is_empty()) {
                            let bytes = bytes_of(parts, push);
                            if hmac_fits(algorithm, encoding, key, &[&bytes], given) {
                                let before = value.get(..start).unwrap_or_default().to_owned();
                                let (parts, decoded) = (parts.clone(), *decoded);
                                return Some(Self { algorithm, encoding, parts, decoded, before });
                            }
                        }
                    }
                }
            }
        }
        None
    }

    fn prove(&self, secret: &str, push: &Push) -> String {
        let key = if self.decoded { key_of(secret).unwrap_or_default() } else { secret.as_bytes().to_vec() };
        let signed = hmac(self.algorithm, &key, &[&bytes_of(&self.parts, push)]);
        format!("{}{}", self.before, encode(self.encoding, &signed))
    }
}

fn key_of(secret: &str) -> Option<Vec<u8>> {
    webhook_key(secret).or_else(|| from_base64(secret))
}

fn bytes_of(parts: &[Part], push: &Push) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            Part::Body => bytes.extend_from_slice(&push.body),
            Part::Header(name) => bytes.extend_from_slice(push.header(name).unwrap_or_default().as_bytes()),
            Part::Text(text) => bytes.extend_from_slice(text.as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::http::Method;
    use crate::settings::Settings;

    fn link_with(secrets: &[(&str, &str)]) -> Link {
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        Link { secrets: secrets.collect(), ..Settings::default().into_link("live".into(), BTreeMap::new()) }
    }

    fn signed(header: &str, value: &dyn Fn(&[u8]) -> String, more: &[(&str, &str)]) -> Push {
        let body = br#"{"email":"wang@acme.com.cn"}"#.to_vec();
        let mut headers: Vec<(String, String)> =
            more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.push((header.to_owned(), value(&body)));
        let (path, query, peer) = (String::new(), String::new(), None);
        Push { method: Method::Post, path, query, headers, body, at: Timestamp(0), peer }
    }

    #[test]
    fn each_way_of_signing_is_found_and_made_again() {
        let key = b"live-secret-of-acme";
        let sign = |encoding, parts: &[&[u8]]| encode(encoding, &hmac(Algorithm::Sha256, key, parts));
        let stamp: &[(&str, &str)] = &[("x-zm-request-timestamp", "1795410000")];
        for push in [
            signed("typeform-signature", &|body| format!("sha256={}", sign(Encoding::Base64, &[body])), &[]),
            signed("x-hub-signature-256", &|body| format!("sha256={}", sign(Encoding::Hex, &[body])), &[]),
            signed("webhook-signature", &|body| sign(Encoding::Base64, &[body]), &[]),
            signed(
                "x-zm-signature",
                &|body| format!("v0={}", sign(Encoding::Hex, &[b"v0:1795410000:", body])),
                stamp,
            ),
            signed("x-signature", &|body| sign(Encoding::Hex, &[b"1795410000.", body]), stamp),
        ] {
            let link = link_with(&[("webhook_secret", "live-secret-of-acme")]);
            let mut made = Push { body: b"{}".to_vec(), ..push.clone() };
            prove(&link, &push, &mut made).unwrap();
            let header = &made.headers.last().unwrap();
            assert_ne!(header.1, push.headers.last().unwrap().1, "{}", header.0);
            assert!(Way::find(&stand_in("live-secret-of-acme"), &made, &header.1).is_some(), "{}", header.0);
        }
    }

    #[test]
    fn a_proof_that_cannot_be_made_again_is_said() {
        let push = signed("x-signature", &|_| "AAAA".repeat(10), &[]);
        let mut made = Push { body: b"{}".to_vec(), ..push.clone() };
        let said = prove(&link_with(&[("secret", "live")]), &push, &mut made).unwrap_err();
        assert_eq!(said, Unrecorded::Proof("x-signature".into()));
    }
}
