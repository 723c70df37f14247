//! Stage 3, pool: what a registry knows of a lead's company.
//!
//! A company is looked up once, however many leads ask: what is known of it stands under a key of its own ([`Known`]), an
//! answer, "no such company" and a look-up under way alike. [`look`] asks where something is missing and says whether the
//! decision about the lead waits; a deadline for each touch that waits ends the waiting. The answer ([`settle`]) only writes
//! what is known and lets those deadlines come at once, so there is one place where a lead is filled and decided: [`go_on`].

use serde::{Deserialize, Serialize};

use leadloop_mapping::{Record, Value};

use crate::because::{Because, Reason};
use crate::book::Book;
use crate::case::{Case, short};
use crate::companies;
use crate::effect::{Alarm, Deadline, Effect, Reaction};
use crate::facts::{self, Scene};
use crate::ids::{LeadId, LinkName, TouchId};
use crate::intake::{MOST_TEXT, digest};
use crate::lead::{Fact, Lead, Stage};
use crate::mirror::RemoteRecord;
use crate::moment::Moment;
use crate::normal::credit_code;
use crate::outbox::{Delivery, DeliveryState, FindBy, Lane, Operation, Outcome, Purpose, Reply, delay};
use crate::policy::{EnrichPolicy, Filler, Policy};
use crate::settle::{auth_key, moved};
use crate::time::{Micros, Timestamp};
use crate::transfer::{self, Occasion};
use crate::{agree, funnel, pool, score, track};

/// The kind of the deadlines that end the waiting.
pub const DEADLINE: &str = "enrich";
/// What a look-up is about.
pub const OBJECT: &str = "company";
/// Most touches that hear of an answer; further ones hear of it with their next touch.
const MOST_WAITING: usize = 200;
/// A look-up that was refused or given up is not made again for so long.
const AFTER_FAILURE: Micros = Micros::days(1);
/// A registry refuses a look-up.
const REFUSED: &str = "LL4840";
/// A look-up was given up.
const GIVEN_UP: &str = "LL4841";

/// What is known of one company from one registry.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// Since when a look-up is under way.
    pub asked: Option<Timestamp>,
    /// When it was answered last.
    pub answered: Option<Timestamp>,
    /// Until when the answer stands.
    pub until: Option<Timestamp>,
    /// Whether the registry knows the company.
    pub found: bool,
    /// What it says, by pool field.
    pub fields: Record,
    /// Touches that hear of the answer.
    pub waiting: Vec<(LeadId, TouchId)>,
    /// Why the last look-up brought nothing.
    pub failed: Option<String>,
}

impl Known {
    /// What the book knows under a key.
    #[must_use]
    pub fn of(book: &Book, key: &str) -> Self {
        let known = book.counters.get(key).cloned();
        known.and_then(|known| serde_json::from_value(known).ok()).unwrap_or_default()
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    fn put(&self, key: &str) -> Effect {
        Effect::SetCounter { key: key.to_owned(), value: serde_json::to_value(self).unwrap_or_default() }
    }
}

/// The key under which a registry's answer about a company is kept: it gives no name away.
#[must_use]
pub fn key(link: &LinkName, name: Option<&str>, code: Option<&str>) -> Option<String> {
    let of_name = name.filter(|name| !name.trim().starts_with('@')).and_then(companies::key);
    let of = of_name.or_else(|| Some(format!("#{}", credit_code::parse(code?).ok()?.code)))?;
    Some(format!("registry/{link}/{}", digest(&[&of])))
}

/// The counters that must be known of a company with this name or code.
pub fn keys<'p>(
    policy: &'p Policy,
    name: Option<&'p str>,
    code: Option<&'p str>,
) -> impl Iterator<Item = String> + 'p {
    policy.enrich.iter().filter_map(move |rule| key(&rule.link, name, code))
}

/// The same of a lead as it stands.
pub fn keys_of<'p>(policy: &'p Policy, lead: &'p Lead) -> impl Iterator<Item = String> + 'p {
    keys(policy, lead.text("company"), lead.text("company.credit_code"))
}

/// The counter that a deadline of ours is about.
#[must_use]
pub fn key_of_deadline(deadline: &Deadline) -> Option<String> {
    let rest = deadline.key.strip_prefix("enrich/")?;
    Some(format!("registry/{}", rest.rsplit_once('/')?.0))
}

fn deadline_of(key: &str, touch: TouchId) -> String {
    let company = key.strip_prefix("registry/").unwrap_or(key);
    format!("enrich/{company}/{}", touch.uuid().simple())
}

/// Looks what registries know of the lead's company, and asks where nobody did. Whether the decision waits for them.
pub(crate) fn look(case: &mut Case<'_>, touch: TouchId) -> bool {
    let mut waits = false;
    for rule in &case.policy.enrich {
        waits |= look_in(case, rule, touch);
    }
    waits
}

fn look_in(case: &mut Case<'_>, rule: &EnrichPolicy, touch: TouchId) -> bool {
    let (name, code) = (case.lead.text("company"), case.lead.text("company.credit_code"));
    let Some(key) = key(&rule.link, name, code) else { return false };
    let now = case.now();
    let mut known = Known::of(case.book, &key);
    let undecided = matches!(case.lead.stage, Stage::Raw | Stage::Marketing)
        && case.book.open_handoff(case.lead.id).is_none();
    if known.is_fresh(now) {
        if fills(case.lead, &known, rule, case.policy).is_empty() {
            return false;
        }
        case.deadline(DEADLINE, deadline_of(&key, touch), 0, now, None);
        return undecided;
    }
    let own = case.lead.profile.values().any(|fact| fact.source == rule.source);
    if !own && rule.fills.iter().all(|field| case.lead.field(field).is_some_and(|value| !value.is_blank())) {
        return false;
    }
    let by = match (name, code) {
        (Some(name), _) if companies::key(name).is_some() => ("name", name),
        (_, code) => ("credit_code", code.unwrap_or_default()),
    };
    let by = FindBy::Keys(vec![(by.0.to_owned(), by.1.to_owned())]);
    let asked = known.asked.unwrap_or_else(|| {
        let find = Operation::Find { object: OBJECT.to_owned(), by };
        let mut delivery = case.delivery(&rule.link, Purpose::Enrich, find);
        delivery.stream.clone_from(&key);
        delivery.lead = None;
        delivery.lane = if own { Lane::Normal } else { Lane::Hot };
        case.say(Reason::new("enrich_asked").with("source", &rule.source));
        case.push(Effect::Enqueue(Box::new(delivery)));
        now
    });
    known.asked = Some(asked);
    if known.waiting.len() < MOST_WAITING {
        known.waiting.push((case.lead.id, touch));
    }
    case.push(known.put(&key));
    let until = asked + rule.wait;
    if own || !undecided || until <= now {
        return false;
    }
    case.say(Reason::new("enrich_waits").with("source", &rule.source).with("until", until));
    case.deadline(DEADLINE, deadline_of(&key, touch), 0, until, None);
    true
}

/// What the lead gets of an answer: fields that its source may fill and that say something else.
fn fills(lead: &Lead, known: &Known, rule: &EnrichPolicy, policy: &Policy) -> Vec<(String, Fact)> {
    let Some(at) = known.answered.filter(|_| known.found) else { return Vec::new() };
    let said = known.fields.iter().filter(|(field, _)| rule.fills.contains(*field));
    // A field of the person, its province say, only where `[fill]` names the registry for it.
    let persons =
        known.fields.iter().filter_map(|(field, value)| {
            let own = field.strip_prefix("company.")?;
            let named =
                policy.pool.fill.get(own)?.iter().any(
                    |filler| matches!(filler, Filler::Sources(sources) if sources.contains(&rule.source)),
                );
            named.then_some((own, value))
        });
    let fact = |value: &Value| Fact { value: value.clone(), source: rule.source.clone(), at };
    let all = said.chain(persons).map(|(field, value)| (field.to_owned(), fact(value)));
    all.filter(|(field, said)| may_fill(lead, field, said, policy)).collect()
}

fn may_fill(lead: &Lead, field: &str, said: &Fact, policy: &Policy) -> bool {
    if policy.pool.rank(field, &said.source).is_none() {
        return false;
    }
    let Some(known) = lead.profile.get(field).filter(|known| !known.value.is_blank()) else {
        return lead.profile.len() < pool::MOST_FIELDS;
    };
    if known.value == said.value {
        return false;
    }
    // Where nobody says who comes first, what a person or a colleague said stays.
    let ranked = policy.pool.fill.contains_key(field) || known.source == said.source;
    ranked && policy.pool.outranks(field, said, known, true)
}

/// A deadline came: the answer is there, or the waiting is over. The lead is filled and decided.
pub(crate) fn go_on(case: &mut Case<'_>, deadline: &Deadline) {
    let Some(key) = key_of_deadline(deadline) else { return };
    let link = key.split('/').nth(1).unwrap_or_default();
    let Some(rule) = case.policy.enrich.iter().find(|rule| rule.link.as_str() == link) else { return };
    let known = Known::of(case.book, &key);
    let found = fills(case.lead, &known, rule, case.policy);
    if found.is_empty() {
        let in_vain = known.asked.is_some() || known.failed.is_some();
        let said = if in_vain { Reason::new("enrich_in_vain") } else { Reason::new("enrich_nothing") };
        case.say(said.with("source", &rule.source));
    } else {
        let names: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        case.say(Reason::new("enriched").with("source", &rule.source).with("fields", names.join(", ")));
        case.lead.profile.extend(found);
        let mut reasons = Vec::new();
        pool::part_of(case.lead, case.policy, &mut reasons);
        case.because.reasons.append(&mut reasons);
    }
    let now = case.now();
    let id = deadline.key.rsplit('/').next().unwrap_or_default();
    let touches = case.book.touches.get(&case.lead.id).into_iter().flatten();
    let touch = touches.into_iter().find(|touch| touch.id.uuid().simple().to_string() == id).cloned();
    let facts = facts::of(&Scene { lead: case.lead, touch: touch.as_ref(), policy: case.policy, now });
    score::attributes(case.lead, &facts, case.policy);
    let undecided = matches!(case.lead.stage, Stage::Raw | Stage::Marketing);
    if undecided && case.book.open_handoff(case.lead.id).is_none() && !waits_still(case, id, &key) {
        decide(case, touch.as_ref());
    }
    let (reasons, effects) = track::choose(case.lead, case.policy, now);
    case.because.reasons.extend(reasons);
    case.effects.extend(effects);
    agree::all(case);
}

/// The decision that waited.
fn decide(case: &mut Case<'_>, touch: Option<&crate::lead::Touch>) {
    let now = case.now();
    let mut reasons = Vec::new();
    let calls = match touch {
        Some(touch) => {
            let judged = funnel::judge(case.lead, touch, || false, case.policy, now);
            reasons = judged.reasons;
            judged.calls
        }
        // So much happened since that the touch is not at hand any more.
        None => {
            funnel::again(case.lead, case.policy, now, &mut reasons);
            case.lead.mql
        }
    };
    case.because.reasons.append(&mut reasons);
    if !calls {
        return;
    }
    let happened = touch.map_or(case.lead.last_touch_at, |touch| touch.at);
    let occasion = Occasion { happened, noticed: now, touch };
    let (book, policy) = (case.book, case.policy);
    let effects = transfer::open(book, case.lead, &occasion, policy, case.moment, &mut case.because);
    case.effects.extend(effects);
}

/// Whether another registry is still waited for with the same touch.
fn waits_still(case: &Case<'_>, touch: &str, except: &str) -> bool {
    let (name, code) = (case.lead.text("company"), case.lead.text("company.credit_code"));
    case.policy.enrich.iter().any(|rule| {
        let Some(key) = key(&rule.link, name, code).filter(|key| key != except) else { return false };
        let known = Known::of(case.book, &key);
        known.asked.is_some_and(|asked| case.now() < asked + rule.wait)
            && known.waiting.iter().any(|(_, id)| id.uuid().simple().to_string() == touch)
    })
}

/// What follows from the end of a look-up.
#[must_use]
pub fn settle(
    book: &Book,
    delivery: &Delivery,
    outcome: &Outcome,
    policy: &Policy,
    moment: &Moment,
) -> Reaction {
    let because = Because { delivery: Some(delivery.id), ..Because::default() };
    let mut end =
        End { delivery, outcome, now: moment.now, reaction: Reaction { because, ..Reaction::default() } };
    let Some(rule) = policy.enrich.iter().find(|rule| rule.link == delivery.link) else {
        end.moved(DeliveryState::Settled, moment.now);
        return end.reaction;
    };
    let mut known = Known::of(book, &delivery.stream);
    match outcome {
        Outcome::Done(Reply::Found(records)) => end.found(rule, &mut known, records),
        Outcome::Throttled { .. } | Outcome::Unavailable { .. } | Outcome::Unauthorized { .. } => {
            end.later(rule, &mut known);
        }
        Outcome::Done(_) | Outcome::Gone { .. } | Outcome::Conflict { .. } | Outcome::Rejected { .. } => {
            let words = format!("`{}` refuses a look-up: {}", rule.link, end.words());
            end.alarm(refused_key(&rule.link), REFUSED, words, true);
            end.failed(&mut known, "refused");
        }
    }
    end.reaction
}

fn refused_key(link: &LinkName) -> String {
    format!("enrich/{link}")
}

/// A look-up that came to an end.
struct End<'a> {
    delivery: &'a Delivery,
    outcome: &'a Outcome,
    now: Timestamp,
    reaction: Reaction,
}

impl End<'_> {
    fn found(&mut self, rule: &EnrichPolicy, known: &mut Known, records: &[RemoteRecord]) {
        let (now, link) = (self.now, &rule.link);
        self.alarm(auth_key(link), "LL3201", String::new(), false);
        self.alarm(refused_key(link), REFUSED, String::new(), false);
        known.found = !records.is_empty();
        known.fields = records.first().map(|record| fields(record, rule)).unwrap_or_default();
        known.answered = Some(now);
        known.until = Some(now + if known.found { rule.keep } else { rule.keep_misses });
        known.failed = None;
        let reason = Reason::new("enrich_answered").with("source", &rule.source);
        self.reaction.because.push(reason.with("found", records.len()));
        self.over(known);
    }

    /// It is tried again, unless it is too old for that.
    fn later(&mut self, rule: &EnrichPolicy, known: &mut Known) {
        let (now, link) = (self.now, &rule.link);
        if matches!(self.outcome, Outcome::Unauthorized { .. }) {
            let words = format!("`{link}` refuses our credentials: {}", self.words());
            self.alarm(auth_key(link), "LL3201", words, true);
        }
        if now - self.delivery.created_at > rule.retry.give_up {
            let words = format!("`{link}` was asked in vain for too long: {}", self.words());
            self.alarm(refused_key(link), GIVEN_UP, words, true);
            return self.failed(known, "given_up");
        }
        let hint = match self.outcome {
            Outcome::Throttled { retry_after, quota } => retry_after.or(quota.then_some(rule.retry.at_most)),
            _ => None,
        };
        let due = now + delay(&rule.retry, self.delivery.id, self.delivery.attempt, hint);
        self.reaction.because.push(Reason::new("tried_again").with("at", due));
        self.moved(DeliveryState::Due, due);
    }

    /// Nothing came of it: what was known before stands a while longer.
    fn failed(&mut self, known: &mut Known, why: &str) {
        known.until = Some(self.now + AFTER_FAILURE);
        known.failed = Some(why.to_owned());
        self.over(known);
    }

    /// Whoever waits goes on now.
    fn over(&mut self, known: &mut Known) {
        known.asked = None;
        for (lead, touch) in std::mem::take(&mut known.waiting) {
            self.reaction.effects.push(Effect::SetDeadline(Deadline {
                key: deadline_of(&self.delivery.stream, touch),
                at: self.now,
                kind: DEADLINE.to_owned(),
                step: 0,
                lead,
                handoff: None,
            }));
        }
        self.reaction.effects.push(known.put(&self.delivery.stream));
        self.moved(DeliveryState::Settled, self.now);
    }

    fn moved(&mut self, to: DeliveryState, due: Timestamp) {
        self.reaction.effects.push(moved(self.delivery, self.outcome, to, due, self.now));
    }

    fn words(&self) -> String {
        match self.outcome {
            Outcome::Rejected { code, detail, .. } => short(&format!("{code}: {detail}"), 300),
            Outcome::Unavailable { detail, .. }
            | Outcome::Unauthorized { detail }
            | Outcome::Gone { detail } => short(detail, 300),
            Outcome::Throttled { quota: true, .. } => "the look-ups of the day are used up".to_owned(),
            Outcome::Throttled { .. } => "too fast".to_owned(),
            Outcome::Done(_) | Outcome::Conflict { .. } => "an answer of another kind".to_owned(),
        }
    }

    fn alarm(&mut self, key: String, code: &str, detail: String, raised: bool) {
        let alarm = Alarm { key, code: code.to_owned(), detail, raised, at: self.now };
        self.reaction.effects.push(Effect::Alarm(alarm));
    }
}

/// What a registry's record says, as pool fields; a credit code whose check character is wrong is left out.
fn fields(record: &RemoteRecord, rule: &EnrichPolicy) -> Record {
    let mut fields = Record::new();
    for (name, value) in record.fields.iter().filter(|(_, value)| !value.is_blank()) {
        let field = format!("company.{name}");
        let persons = facts::LEAD_TEXTS.contains(&name);
        if !(rule.fills.contains(&field) || persons && facts::is_pool_field(&field)) {
            continue;
        }
        let value = match (name, value) {
            ("credit_code", value) => match credit_code::parse(&value.to_display()) {
                Ok(code) => Value::text(code.code),
                Err(_) => continue,
            },
            (_, Value::Text(text)) => Value::text(text.chars().take(MOST_TEXT).collect::<String>()),
            (_, value) => value.clone(),
        };
        fields.set(field, value);
    }
    fields
}
