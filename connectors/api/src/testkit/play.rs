//! Plays one fixture: what the connector asks, what it is answered, what it makes of that; then the same with broken
//! answers.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use leadloop_sync_core::time::Timestamp;
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use super::fixture::{self, Section};
use super::mutate::{Change, broken, refusals};
use crate::connector::{Connector, Link, Received, Refusal};
use crate::exchange::{MOST_REQUESTS, Step};
use crate::http::{Answer, Method, Push};
use crate::manifest::SystemKind;
use crate::settings::check_manifest;

/// 2026-11-23T05:00:00Z, where a fixture names no moment.
const MOMENT: i64 = 1_795_410_000_000_000;

/// How a fixture ended, as far as the conformance list asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The operation worked.
    Done,
    /// The system said: too fast.
    Throttled,
    /// The system said no: content, credentials, a duplicate, gone.
    Refused,
    /// The system was ill.
    Ill,
    /// A push was taken.
    Received,
    /// A push was refused for its signature.
    Unsigned,
    /// A push was refused otherwise, or was a handshake.
    NotTaken,
}

/// What a play showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The fixture with what really happened as its expectations.
    pub text: String,
    /// What is wrong whatever the fixture expects.
    pub problems: Vec<String>,
    /// Operation kind; blank for a push.
    pub operation: String,
    /// One for each outcome.
    pub endings: Vec<Ending>,
    /// Whether the link of a push has secrets.
    pub signed: bool,
}

/// Plays `text` with `connector`; `file` gives the files beside the fixture.
///
/// # Errors
/// What is wrong with the fixture itself.
pub fn play(
    connector: &dyn Connector,
    text: &str,
    file: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Played, String> {
    let sections = fixture::sections(text)?;
    let mut link = link(connector, &sections)?;
    let connector = match section(&sections, "described") {
        None => connector,
        Some(section) => {
            let name = section.rest.trim();
            let described =
                file(name).ok_or_else(|| format!("there is no file {name} beside the fixture"))?;
            let described = String::from_utf8_lossy(&described).into_owned();
            let told = connector.told(&described).map_err(|flaws| format!("{name}: {flaws:?}"))?;
            link.told = Some(told);
            told.0
        }
    };
    let moment = moment(&sections)?;
    if let Some(push) = sections.iter().find(|section| section.word == "push") {
        let push = read_push(push, moment.now, file)?;
        play_push(connector, &link, &push, &sections)
    } else {
        Talk { connector, link: &link, moment, operations: operations(&sections)?, file }.play(&sections)
    }
}

fn section<'a>(sections: &'a [Section], word: &str) -> Option<&'a Section> {
    sections.iter().find(|section| section.word == word)
}

fn object(sections: &[Section], word: &str) -> Result<serde_json::Map<String, Json>, String> {
    match section(sections, word) {
        None => Ok(serde_json::Map::new()),
        Some(section) => serde_json::from_str(&section.content()).map_err(|error| format!("{word}: {error}")),
    }
}

/// The link of a fixture, its settings checked like those of a config.
fn link(connector: &dyn Connector, sections: &[Section]) -> Result<Link, String> {
    let mut given = object(sections, "settings")?;
    let secrets = object(sections, "secrets")?;
    for name in secrets.keys() {
        given.insert(name.clone(), json!({ "env": "FIXTURE" }));
    }
    let given: toml::Table =
        serde_json::from_value(Json::Object(given)).map_err(|error| format!("settings: {error}"))?;
    let (settings, mut problems) = check_manifest(connector.manifest(), &given);
    if problems.is_empty() {
        problems = connector.check_settings(&settings);
    }
    if let Some(problem) = problems.first() {
        return Err(format!("settings: {}: {}", problem.path.join("."), problem.detail));
    }
    let secrets: BTreeMap<String, SecretString> = secrets
        .into_iter()
        .map(|(name, value)| (name, SecretString::from(value.as_str().unwrap_or_default().to_owned())))
        .collect();
    Ok(settings.into_link("fixture".into(), secrets))
}

fn moment(sections: &[Section]) -> Result<Moment, String> {
    let Some(section) = section(sections, "moment") else {
        return Ok(Moment::new(Timestamp(MOMENT), 1));
    };
    let mut numbers = section.rest.split(' ').map(str::parse::<i64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(now)), None) => Ok(Moment::new(Timestamp(now), 1)),
        (Some(Ok(now)), Some(Ok(seed))) => Ok(Moment::new(Timestamp(now), seed.unsigned_abs())),
        _ => Err("moment: two whole numbers are wanted".to_owned()),
    }
}

fn operations(sections: &[Section]) -> Result<Vec<Operation>, String> {
    let mut operations = Vec::new();
    for section in sections.iter().filter(|section| section.word == "operation") {
        for operation in serde_json::Deserializer::from_str(&section.content()).into_iter() {
            operations.push(operation.map_err(|error| format!("operation: {error}"))?);
        }
    }
    if operations.is_empty() { Err("no operation and no push".to_owned()) } else { Ok(operations) }
}

fn read_answer(section: &Section, file: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Answer, String> {
    let status = section.rest.trim().parse().map_err(|_| "answer: a status is wanted".to_owned())?;
    let (headers, rest) = fixture::headers(&section.lines);
    Ok(Answer { status, headers, body: fixture::body(rest, file)? })
}

/// A conversation of a fixture.
struct Talk<'a> {
    connector: &'a dyn Connector,
    link: &'a Link,
    moment: Moment,
    operations: Vec<Operation>,
    file: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

/// What a run of a conversation showed.
struct Run {
    requests: Vec<String>,
    outcomes: Vec<Outcome>,
}

impl Talk<'_> {
    fn play(self, sections: &[Section]) -> Result<Played, String> {
        let answers = sections
            .iter()
            .filter(|section| section.word == "answer")
            .map(|section| read_answer(section, self.file))
            .collect::<Result<Vec<_>, _>>()?;
        let run = self.run(&answers)?;
        let mut problems = self.check(&run);
        self.check_broken(&answers, &mut problems);
        if self.connector.manifest().kinds.contains(&SystemKind::Crm) {
            self.check_changed(&run, &answers, &mut problems);
        }
        let kind = self.operations.first().map_or("", Operation::kind).to_owned();
        Ok(Played {
            text: rewrite_talk(sections, &run),
            problems,
            operation: kind,
            endings: run.outcomes.iter().map(ending).collect(),
            signed: false,
        })
    }

    /// Talks until the end; an answer that is not in the fixture ends it with an error.
    fn run(&self, answers: &[Answer]) -> Result<Run, String> {
        let mut moment = self.moment.clone();
        let mut exchange = self
            .connector
            .exchange(self.link, &self.operations, &mut moment)
            .map_err(|refusal| format!("the connector refuses: {refusal}"))?;
        let mut run = Run { requests: vec![], outcomes: vec![] };
        let mut answers = answers.iter();
        let mut step = exchange.advance(None);
        loop {
            match step {
                Step::Done(outcomes) => {
                    run.outcomes = outcomes;
                    return Ok(run);
                }
                Step::Send(request) => run.requests.push(fixture::request_text(&request)),
            }
            let asked = run.requests.len();
            let answer = answers.next().ok_or_else(|| {
                format!("request {asked} has no answer: {}", run.requests.last().map_or("", String::as_str))
            })?;
            step = exchange.advance(Some(answer));
        }
    }

    fn check(&self, run: &Run) -> Vec<String> {
        let mut problems = Vec::new();
        let manifest = self.connector.manifest();
        if run.requests.len() > MOST_REQUESTS {
            problems.push(format!("{} requests; at most {MOST_REQUESTS} are made", run.requests.len()));
        }
        if run.outcomes.len() != self.operations.len() {
            let (outcomes, operations) = (run.outcomes.len(), self.operations.len());
            problems.push(format!("{outcomes} outcomes for {operations} operations"));
        }
        if manifest.find_by_mark.is_some() {
            for operation in &self.operations {
                if let Operation::Create { mark, .. } = operation
                    && !run.requests.iter().any(|request| request.contains(mark.as_str()))
                {
                    problems
                        .push(format!("the mark {mark} is in no request, though records are found by it"));
                }
            }
        }
        let most = manifest.batch_of(self.operations.first().map_or("", Operation::kind)) as usize;
        if self.operations.len() > most {
            problems.push(format!("{} operations; its manifest allows {most}", self.operations.len()));
        }
        problems
    }

    /// Replaces each answer by broken ones: nobody may panic, and nothing may be taken for done on such a word.
    fn check_broken(&self, answers: &[Answer], problems: &mut Vec<String>) {
        let empty_is_taken =
            self.connector.manifest().notify.as_ref().is_some_and(|reach| reach.empty_is_taken);
        for (at, answer) in answers.iter().enumerate() {
            for (what, body) in broken(&answer.body) {
                if body.is_empty() && empty_is_taken {
                    continue;
                }
                let mut answers = answers.to_vec();
                if let Some(slot) = answers.get_mut(at) {
                    slot.body = body;
                }
                let place = format!("answer {} replaced by {what}", at + 1);
                match catch_unwind(AssertUnwindSafe(|| self.run(&answers))) {
                    Err(_) => problems.push(format!("{place}: it panics")),
                    Ok(Err(_)) => {} // it asks for more than was recorded
                    Ok(Ok(run)) => {
                        let mut done = run.outcomes.iter().map(|outcome| matches!(outcome, Outcome::Done(_)));
                        let believed = if answers.len() == 1 { done.any(|d| d) } else { done.all(|d| d) };
                        if believed {
                            problems.push(format!("{place}: taken for done"));
                        }
                    }
                }
            }
        }
    }

    /// Replaces each answer that worked by one of a CRM that changed, or that refuses with a success status: whatever comes of it
    /// is about the same records, or nothing is done.
    fn check_changed(&self, run: &Run, answers: &[Answer], problems: &mut Vec<String>) {
        let ids = ids_in(&run.outcomes);
        for (at, answer) in answers.iter().enumerate().filter(|(_, answer)| answer.status < 300) {
            for (what, body) in refusals() {
                let place = format!("answer {} says {what}", at + 1);
                let done = self.run_with(answers, at, body.to_vec(), &place, problems);
                if answers.len() == 1 && done.is_some_and(|run| run.outcomes.iter().any(is_done)) {
                    problems.push(format!("{place}: taken for done"));
                }
            }
            let Some(json) = answer.json() else { continue };
            for change in Change::ALL {
                let costly =
                    change == Change::Huge && self.operations.first().map(Operation::kind) != Some("changes");
                let Some(changed) = change.of(&json, &ids).filter(|_| !costly) else { continue };
                let place = format!("answer {} after {change:?}", at + 1);
                let body = changed.to_string().into_bytes();
                let Some(after) = self.run_with(answers, at, body, &place, problems) else { continue };
                let all_done = after.outcomes.iter().all(is_done);
                let now = ids_in(&after.outcomes);
                // a record whose field has another name is no more the one that was looked for by it
                let fewer = change == Change::RenamedFields
                    && matches!(self.operations.first(), Some(Operation::Find { .. }))
                    && now.iter().all(|id| ids.contains(id));
                if change == Change::NullIds && answers.len() == 1 && after.outcomes.iter().any(is_done) {
                    problems.push(format!("{place}: taken for done, though no record has an id"));
                } else if all_done && run.outcomes.iter().all(is_done) && now != ids && !fewer {
                    problems.push(format!("{place}: it is about other records than before"));
                }
                let kept = [Change::RenamedFields, Change::OtherValues, Change::Huge].contains(&change)
                    && matches!(
                        self.operations.first(),
                        Some(Operation::Find { .. } | Operation::Changes { .. })
                    );
                if kept && answers.len() == 1 && run.outcomes.iter().all(is_done) && !all_done {
                    problems.push(format!("{place}: nothing is read any more"));
                }
            }
        }
    }

    /// A run with one answer replaced; `None` where it asks for more than was recorded, or panics, which is said.
    fn run_with(
        &self,
        answers: &[Answer],
        at: usize,
        body: Vec<u8>,
        place: &str,
        problems: &mut Vec<String>,
    ) -> Option<Run> {
        let mut answers = answers.to_vec();
        answers.get_mut(at)?.body = body;
        match catch_unwind(AssertUnwindSafe(|| self.run(&answers))) {
            Err(_) => {
                problems.push(format!("{place}: it panics"));
                None
            }
            Ok(run) => run.ok(),
        }
    }
}

fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done(_))
}

/// The ids of the records that outcomes are about.
fn ids_in(outcomes: &[Outcome]) -> Vec<String> {
    let of = |outcome: &Outcome| -> Vec<String> {
        match outcome {
            Outcome::Done(Reply::Written(remote)) => vec![remote.id.clone()],
            Outcome::Done(Reply::Found(records) | Reply::Page { records, .. }) => {
                records.iter().map(|record| record.id.clone()).collect()
            }
            _ => vec![],
        }
    };
    outcomes.iter().flat_map(of).collect()
}

pub(super) fn ending(outcome: &Outcome) -> Ending {
    match outcome {
        Outcome::Done(_) => Ending::Done,
        Outcome::Throttled { .. } => Ending::Throttled,
        Outcome::Unavailable { .. } => Ending::Ill,
        Outcome::Unauthorized { .. }
        | Outcome::Conflict { .. }
        | Outcome::Gone { .. }
        | Outcome::Rejected { .. } => Ending::Refused,
    }
}

/// The fixture's given sections with the requests and outcomes of `run`.
fn rewrite_talk(sections: &[Section], run: &Run) -> String {
    let mut made: Vec<Section> = Vec::new();
    let mut answers = Vec::new();
    let mut comments = BTreeMap::new();
    for section in sections {
        match section.word.as_str() {
            "answer" => answers.push(section.clone()),
            "request" | "outcome" => {
                let count = comments.keys().filter(|(word, _)| *word == section.word).count();
                comments.insert((section.word.clone(), count), section.before.clone());
            }
            _ => made.push(section.clone()),
        }
    }
    let with_comment = |mut section: Section, at: usize| {
        section.before = comments.get(&(section.word.clone(), at)).cloned().unwrap_or_default();
        section
    };
    let mut answers = answers.into_iter();
    for (at, request) in run.requests.iter().enumerate() {
        made.push(with_comment(Section::made("request", "", request), at));
        made.extend(answers.next());
    }
    made.extend(answers);
    let outcomes: Vec<String> = run
        .outcomes
        .iter()
        .map(|outcome| serde_json::to_string(outcome).unwrap_or_else(|error| error.to_string()))
        .collect();
    made.push(with_comment(Section::made("outcome", "", &outcomes.join("\n")), 0));
    fixture::render(&made)
}

fn read_push(
    section: &Section,
    at: Timestamp,
    file: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Push, String> {
    let (method, target) = section.rest.split_once(' ').unwrap_or((section.rest.as_str(), ""));
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => return Err(format!("push: {other:?} is no method of a push")),
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (headers, rest) = fixture::headers(&section.lines);
    Ok(Push {
        method,
        path: path.trim_start_matches('/').to_owned(),
        query: query.to_owned(),
        headers,
        body: fixture::body(rest, file)?,
        at,
        peer: Some("203.0.113.7".to_owned()),
    })
}

fn play_push(
    connector: &dyn Connector,
    link: &Link,
    push: &Push,
    sections: &[Section],
) -> Result<Played, String> {
    let heard = connector.receive(link, push);
    let mut problems = Vec::new();
    for (what, body) in broken(&push.body) {
        let changed = Push { body, ..push.clone() };
        match catch_unwind(AssertUnwindSafe(|| connector.receive(link, &changed))) {
            Err(_) => problems.push(format!("the body replaced by {what}: it panics")),
            Ok(Ok(_)) if heard.is_ok() && is_signed(link, push) => {
                problems.push(format!("the body replaced by {what}: taken, though it is signed"));
            }
            Ok(_) => {}
        }
    }
    let (made, ending) = match &heard {
        Ok(received) => (Section::made("received", "", &received_text(received)), Ending::Received),
        Err(refusal) => refused(refusal),
    };
    let mut kept: Vec<Section> = Vec::new();
    let mut before = String::new();
    for section in sections {
        if matches!(section.word.as_str(), "received" | "refused") {
            before = section.before.clone();
        } else {
            kept.push(section.clone());
        }
    }
    kept.push(Section { before, ..made });
    Ok(Played {
        text: fixture::render(&kept),
        problems,
        operation: String::new(),
        endings: vec![ending],
        signed: !link.secrets.is_empty(),
    })
}

/// Whether the body itself is signed, and not just accompanied by a secret.
fn is_signed(link: &Link, push: &Push) -> bool {
    !link.secrets.is_empty() && push.headers.iter().any(|(name, _)| name.ends_with("signature"))
}

fn received_text(received: &Received) -> String {
    let mut lines = Vec::new();
    let mut line = |word: &str, json: Json| lines.push(format!("{word} {json}"));
    for lead in &received.leads {
        line("lead", json!(lead));
    }
    for record in &received.unreadable {
        line("unreadable", json!(record));
    }
    if !received.ignored.is_empty() {
        line("ignored", json!(received.ignored));
    }
    for hint in &received.hints {
        line("hint", json!(hint));
    }
    if let Some(answer) = &received.answer {
        line("answer", answer_json(answer));
    }
    lines.join("\n")
}

fn answer_json(answer: &Answer) -> Json {
    let headers: serde_json::Map<String, Json> =
        answer.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({ "status": answer.status, "headers": headers, "body": String::from_utf8_lossy(&answer.body) })
}

fn refused(refusal: &Refusal) -> (Section, Ending) {
    let (word, detail, ending) = match refusal {
        Refusal::NotAListener => ("not_a_listener", refusal.to_string(), Ending::NotTaken),
        Refusal::NotSpoken(_) => ("not_spoken", refusal.to_string(), Ending::NotTaken),
        Refusal::Unsigned(detail) => ("unsigned", detail.clone(), Ending::Unsigned),
        Refusal::Forbidden(detail) => ("forbidden", detail.clone(), Ending::NotTaken),
        Refusal::Unreadable { code, detail } => {
            return (Section::made("refused", &format!("unreadable {code}"), detail), Ending::NotTaken);
        }
        Refusal::Handshake(answer) => ("handshake", answer_json(answer).to_string(), Ending::NotTaken),
        Refusal::Answered { refusal, answer } => {
            let (mut section, ending) = refused(refusal);
            section.lines.push(format!("answer {}", answer_json(answer)));
            return (section, ending);
        }
    };
    (Section::made("refused", word, &detail), ending)
}
