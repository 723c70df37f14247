//! The road, walked: intake → absorb → decide → the CRM acknowledges. One step after the other over the same book.

use leadloop_mapping::expr::{Expected, Expr, Schema};
use leadloop_sync_core::absorb::absorb;
use leadloop_sync_core::because::Language;
use leadloop_sync_core::book::Book;
use leadloop_sync_core::capture::Captured;
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::facts::{self, Scene};
use leadloop_sync_core::handoff::Action;
use leadloop_sync_core::ids::{LeadId, SourceName};
use leadloop_sync_core::intake::{Taken, intake};
use leadloop_sync_core::lead::{RemoteRef, Stage};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, Operation, Outcome, Purpose, Reply};
use leadloop_sync_core::policy::{AttributeRule, Policy, Reads, ScoreModel, SourcePolicy};
use leadloop_sync_core::routing::{self, Dealings};
use leadloop_sync_core::score;
use leadloop_sync_core::settle::settle;
use leadloop_sync_core::time::{Micros, Timestamp};

use super::{Before, RuleTest, Seen, Step, ground};
use crate::problem::Words;

/// A walk under way.
struct Walk<'a> {
    policy: &'a Policy,
    test: &'a RuleTest,
    book: Book,
    lead: Option<LeadId>,
    seen: Seen,
    /// Every step has dice of its own, always the same.
    seed: u64,
}

/// Walks a test.
pub(super) fn walk(policy: &Policy, test: &RuleTest) -> Seen {
    let policy = &fixed(policy, test);
    let ground::Ground { book, notes } = ground::of(policy, test);
    let seen = Seen { notes, ..Seen::default() };
    let mut walk = Walk { policy, test, book, lead: None, seen, seed: 0 };
    if let (Some(before), Some(first)) = (&test.before, test.steps.first()) {
        walk.begin(before, first);
    }
    for step in &test.steps {
        walk.step(step);
    }
    walk.end()
}

/// The rules, with the scores that the test fixes standing whatever their models say.
fn fixed(policy: &Policy, test: &RuleTest) -> Policy {
    let mut policy = policy.clone();
    // No registry is asked: what it would say stands in the test.
    policy.enrich.clear();
    policy.judging = Reads::default();
    for model in &mut policy.scores {
        let Some(points) = test.scores.get(&model.name) else { continue };
        let Ok(when) = Expr::compile("true", &Schema::builder().build(), Expected::Bool) else { continue };
        *model = ScoreModel {
            name: model.name.clone(),
            version: model.version,
            range: model.range,
            half_life: None,
            cap_per_day: None,
            add: vec![AttributeRule { points: *points, when }],
            touches: Vec::new(),
            from: None,
        };
    }
    policy
}

/// A source that takes the pool's own words: the fields of a test are written in them.
fn in_pool_words(source: &SourcePolicy, step: &Step) -> SourcePolicy {
    let fields = step.raw.fields.iter().map(|(name, _)| (name.to_owned(), name.to_owned())).collect();
    SourcePolicy { fields, ..source.clone() }
}

impl Walk<'_> {
    fn moment(&mut self, at: Timestamp) -> Moment {
        self.seed += 1;
        Moment::new(at, self.seed << 32)
    }

    /// The lead as it stood: taken in once without any rule looking on, then set to what the test says.
    fn begin(&mut self, before: &Before, first: &Step) {
        let days = |days: Option<i64>| days.map_or(first.at, |days| self.test.now - Micros::days(days));
        let (born, last) = (days(before.days_since_first_touch), days(before.days_since_last_touch));
        let (born, since) = (born.min(last), days(before.days_in_stage));
        let mut quiet = self.policy.clone();
        (quiet.mql, quiet.tracks) = (Vec::new(), std::collections::BTreeMap::new());
        quiet.scores.iter_mut().for_each(|model| model.touches.clear());
        let mut moment = self.moment(born);
        let Some(captured) = self.capture(first, born, &mut moment) else { return };
        let reaction = absorb(&self.book, &captured, &quiet, &mut moment);
        self.book.apply(&reaction);
        self.lead = reaction.because.lead;
        let Some(lead) = self.lead.and_then(|id| self.book.leads.get_mut(&id)) else { return };
        if let Some(stage) = before.stage {
            lead.stage = stage;
        }
        lead.stage_since = since;
        lead.last_touch_at = last;
        lead.mql = before.mql.unwrap_or(lead.stage == Stage::Marketing);
        lead.mql_at = lead.mql.then_some(since);
        lead.touches = before.touches.unwrap_or(lead.touches);
        if let Some(channel) = &before.channel {
            lead.origin.channel.clone_from(channel);
        }
        if before.campaign.is_some() {
            lead.origin.campaign.clone_from(&before.campaign);
        }
        lead.tags.extend(before.tags.iter().cloned());
        lead.track.clone_from(&before.track);
        lead.feedback.clone_from(&before.feedback);
        lead.recycled = before.recycled.unwrap_or(before.returned);
        let mut dealings = Dealings::default();
        let ago = |number: u32| self.test.now - Micros::days(i64::from(number));
        dealings.at = (1..=before.returned).rev().map(ago).collect();
        let until = self.test.now + Micros::days(1);
        dealings.cool = before.cooling.iter().map(|person| (person.clone(), until)).collect();
        dealings.prefer.clone_from(&before.next_owner);
        self.book.counters.insert(routing::dealings_key(lead.id), dealings.to_json());
    }

    /// A record in the pool's words; what was refused or left out is noted.
    fn capture(&mut self, step: &Step, at: Timestamp, moment: &mut Moment) -> Option<Captured> {
        let Some(source) = self.policy.sources.get::<SourceName>(&step.source) else {
            let name = &step.source;
            self.seen.notes.push(Words::new(
                format!("`{name}` brings no leads by itself"),
                format!("`{name}` 本身不带来线索"),
            ));
            return None;
        };
        let read = intake(&step.raw, &in_pool_words(source, step), self.policy, at, None, moment);
        match read.map(Taken::captured) {
            Ok(Some(captured)) => Some(captured),
            Ok(None) => {
                self.seen.notes.push(Words::new(
                    format!("`keep` of `{}` does not want a record", step.source),
                    format!("来源 `{}` 的 `keep` 不保留记录", step.source),
                ));
                None
            }
            Err(refused) => {
                let said = |language| self.refusal(step, source, at, language);
                let words = Words::new(
                    format!("a record was refused ({}): {}", refused.code, said(Language::En)),
                    format!("记录被隔离（{}）：{}", refused.code, said(Language::Zh)),
                );
                self.seen.notes.push(words);
                self.seen.quarantined = Some((refused.code, refused.detail));
                None
            }
        }
    }

    /// Why a record is refused, in a language: intake speaks the policy's.
    fn refusal(&self, step: &Step, source: &SourcePolicy, at: Timestamp, language: Language) -> String {
        let policy = Policy { language, ..self.policy.clone() };
        let mut moment = Moment::new(at, 0);
        let again = intake(&step.raw, &in_pool_words(source, step), &policy, at, None, &mut moment);
        again.err().map(|refused| refused.detail).unwrap_or_default()
    }

    fn step(&mut self, step: &Step) {
        let mut moment = self.moment(step.at);
        let Some(captured) = self.capture(step, step.at, &mut moment) else { return };
        let reaction = absorb(&self.book, &captured, self.policy, &mut moment);
        self.lead = reaction.because.lead.or(self.lead);
        self.take(&reaction);
        let told = reaction.effects.iter().filter_map(|effect| match effect {
            Effect::Enqueue(delivery) if delivery.purpose == Purpose::Handover => Some(delivery),
            _ => None,
        });
        for delivery in told {
            let outcome = Outcome::Done(Reply::Written(written(delivery)));
            let reaction = settle(&self.book, delivery, &outcome, self.policy, &mut moment);
            self.book.apply(&reaction);
        }
    }

    /// Keeps what a reaction says, and lets the next steps see it.
    fn take(&mut self, reaction: &Reaction) {
        self.seen.reasons.extend(reaction.because.reasons.iter().cloned());
        for effect in &reaction.effects {
            match effect {
                Effect::Decide(record) => {
                    self.seen.fired.extend(record.rule.clone());
                    self.seen.decision = Some((**record).clone());
                }
                Effect::PutHandoff(handoff) => {
                    let owner = handoff.owner.as_ref();
                    self.seen.owner = owner.map(|owner| (owner.person.clone(), owner.crm_user.clone()));
                }
                _ => {}
            }
        }
        self.book.apply(reaction);
    }

    fn end(mut self) -> Seen {
        let Some(lead) = self.lead.and_then(|id| self.book.resolve(id)).cloned() else { return self.seen };
        let (policy, now) = (self.policy, self.test.now);
        self.seen.scores = score::all(&lead, policy, now);
        if let Some(mql) = policy.mql.first().filter(|_| !lead.mql) {
            let facts = facts::of(&Scene { lead: &lead, touch: None, policy, now });
            self.seen.mql_lacks = mql.when.only_failing(&facts).map(str::to_owned);
        }
        let known = |found: &str| {
            let facts = self.seen.decision.as_ref().map(|decision| &decision.facts["crm"][found]);
            facts.is_none_or(|facts| facts["found"] == true || facts["maybe"] == true)
        };
        if self.test.company.is_some() && !known("company") {
            self.seen.notes.push(Words::new(
                "the company in the CRM is not taken for the lead's: neither name, credit code nor domain says so",
                "CRM 中的公司未被认定为线索所属公司：名称、信用代码、域名均不匹配",
            ));
        }
        if self.test.person.is_some() && !known("person") {
            self.seen.notes.push(Words::new(
                "the person in the CRM is not taken for the lead: neither phone nor address says so",
                "CRM 中的此人未被认定为该线索：电话、邮箱均不匹配",
            ));
        }
        self.seen.lead = Some(lead);
        self.seen
    }
}

/// The record a CRM would name in its answer.
fn written(delivery: &Delivery) -> RemoteRef {
    match &delivery.operation {
        Operation::Update { remote, .. } => remote.clone(),
        Operation::Create { object, .. } => {
            RemoteRef { link: delivery.link.clone(), object: object.clone(), id: "test-new".to_owned() }
        }
        _ => RemoteRef { link: delivery.link.clone(), object: "lead".to_owned(), id: "test-new".to_owned() },
    }
}

/// The word for what is done.
pub(super) fn action_of(action: &Action) -> &'static str {
    match action {
        Action::Create { .. } => "create",
        Action::Update { .. } => "update",
        Action::Hold { .. } => "hold",
        Action::Decline { .. } => "decline",
    }
}
