//! Stage 6, outbox: a delivery came to an end; what follows.
//!
//! By what it was for ([`Purpose`]) and how it came out ([`Outcome`]): a hand-over that was written is with sales and its
//! clocks run ([`told`]); a failure is retried, probed or parked ([`failed`]); what was asked is decided on ([`asked`]); a page
//! of changes goes to the mirror, and what sales changed becomes captures ([`poll`]); what a CRM says of itself is compared
//! ([`described`]). Silence is a case: a claim that
//! ran out is settled by the shell as `Unavailable { sent: true }`.

mod asked;
mod described;
mod doubles;
mod failed;
mod fetch;
mod load;
mod noticed;
mod poll;
mod sweep;
pub(crate) mod told;
mod touch;

use crate::because::Reason;
use crate::book::{Book, Needs};
use crate::capture::Identifier;
use crate::case::{Case, short};
use crate::effect::{AttemptNote, Effect, Reaction};
use crate::fill::{self, Run};
use crate::handoff::Handoff;
use crate::ids::{HandoffId, LinkName};
use crate::lead::{Lead, RemoteRef};
use crate::matching::{self, Subject};
use crate::mirror_read;
use crate::moment::Moment;
use crate::outbox::{
    Cursor, Delivery, DeliveryState, FindBy, Lane, Operation, Outcome, PROBES, Purpose, Reply, RetryPolicy,
};
use crate::policy::Policy;
use crate::time::Timestamp;
use crate::{enrich, feedback, fuse, routing, undo};

/// Most characters of another system's own words that are kept.
const MOST_WORDS: usize = 500;

/// What must be known first.
#[must_use]
pub fn needs(inputs: &[(Delivery, Outcome)], policy: &Policy) -> Needs {
    let mut needs = Needs::default();
    for (delivery, outcome) in inputs {
        needs.handoffs.extend(delivery.handoff);
        if delivery.handoff.is_some() || delivery.purpose == Purpose::Fields {
            needs.counters.extend(fuse::counters(policy, &delivery.link));
        }
        if let Some(lead) = delivery.lead {
            needs.leads.insert(lead);
            needs.touches_of.insert(lead);
            needs.counters.insert(routing::dealings_key(lead));
        }
        needs.counters.extend(sweep::key(delivery));
        needs
            .counters
            .extend(delivery.run.as_deref().filter(|_| delivery.purpose == Purpose::Fill).map(Run::key));
        if let Some(key) = load::key(policy, delivery) {
            needs.counters.insert(key);
            needs.fresh.insert(delivery.link.clone());
        }
        if delivery.purpose == Purpose::Enrich {
            needs.counters.insert(delivery.stream.clone());
        }
        needs.counters.extend(touch::key(delivery));
        needs.counters.extend(doubles::key(policy, delivery));
        needs.counters.extend(described::key(policy, delivery, outcome));
        match &delivery.operation {
            Operation::Update { remote, .. } => {
                needs.remotes.insert(remote.clone());
                needs.identifiers.extend(taken_over(delivery, remote));
            }
            Operation::Find { object, by: FindBy::Id(id) }
                if matches!(delivery.purpose, Purpose::Fields | Purpose::Status | Purpose::Poll) =>
            {
                let (link, object, id) = (delivery.link.clone(), object.clone(), id.clone());
                needs.rows.insert(RemoteRef { link, object, id });
            }
            _ => {}
        }
        match outcome {
            Outcome::Done(Reply::Written(remote)) | Outcome::Conflict { remote, .. } => {
                needs.remotes.insert(remote.clone());
                needs.identifiers.extend(taken_over(delivery, remote));
            }
            Outcome::Done(Reply::Page { records, .. } | Reply::Found(records)) => {
                let roles = policy.crms.get(&delivery.link).map(|crm| &crm.roles);
                for record in records {
                    let remote = poll::remote_of(&delivery.link, record);
                    needs.identifiers.extend(taken_over(delivery, &remote));
                    needs.rows.insert(remote);
                    if let Some(roles) = roles.and_then(|roles| roles.get(&record.object)) {
                        needs.rows.extend(mirror_read::pointers(&delivery.link, record, roles));
                    }
                }
            }
            _ => {}
        }
        if policy.crms.contains_key(&delivery.link) && delivery.purpose == Purpose::Handover {
            needs.users_of.insert(delivery.link.clone());
        }
    }
    needs
}

/// By which whoever has the record until now is known, where it may become this lead's: a hand-over may be told with the
/// record of somebody else, and what the record's link says and who is known by it may differ by then.
fn taken_over(delivery: &Delivery, remote: &RemoteRef) -> Option<Identifier> {
    let takes = matches!(delivery.purpose, Purpose::Handover | Purpose::Fill);
    takes.then(|| Identifier::new("crm_id", feedback::crm_id(remote)))
}

/// What must be known then: everything a decision reads, for those that lead to one.
#[must_use]
pub fn needs_more(book: &Book, inputs: &[(Delivery, Outcome)], policy: &Policy) -> Needs {
    let mut needs = decisions(book, inputs, policy);
    for (delivery, _) in inputs {
        // Of a lead that was merged, what is remembered stands with the one that survived.
        let lead = whose(book, delivery).map(|lead| lead.id).filter(|lead| Some(*lead) != delivery.lead);
        needs.counters.extend(lead.map(routing::dealings_key));
        needs.handoffs.extend(goes_with(book, delivery));
    }
    needs
        .unseen
        .extend(inputs.iter().filter_map(|(delivery, outcome)| sweep::unseen(book, delivery, outcome)));
    needs
}

/// With which hand-over a record goes that is read because another ended.
fn goes_with(book: &Book, delivery: &Delivery) -> Option<HandoffId> {
    let Operation::Find { object, by: FindBy::Id(id) } = &delivery.operation else { return None };
    let remote = RemoteRef { link: delivery.link.clone(), object: object.clone(), id: id.clone() };
    (delivery.purpose == Purpose::Status).then(|| book.links.get(&remote)?.handoff)?
}

/// What decisions read.
fn decisions(book: &Book, inputs: &[(Delivery, Outcome)], policy: &Policy) -> Needs {
    let subjects: Vec<Subject> = inputs
        .iter()
        .filter(|(delivery, outcome)| {
            delivery.purpose == Purpose::Ask
                || (delivery.purpose == Purpose::Handover
                    && matches!(outcome, Outcome::Conflict { .. } | Outcome::Gone { .. }))
        })
        .filter_map(|(delivery, _)| whose(book, delivery).map(Subject::of))
        .collect();
    // What the CRM answers may take away who was sure.
    matching::with_similar(matching::needs(&subjects, policy))
}

/// The standing polls of all CRMs and of all sources that are read: made at start, left alone where they are there
/// already.
#[must_use]
pub fn standing(policy: &Policy, moment: &mut Moment) -> Vec<Delivery> {
    let mirrored =
        policy.crms.values().flat_map(|crm| crm.mirrored.iter().map(|object| (crm.link.clone(), object)));
    let read = policy.sources.values().flat_map(|source| {
        let lists = source.polls.iter().flat_map(|polling| &polling.lists);
        lists.map(|list| (LinkName(source.name.0.clone()), list))
    });
    let mut polls = Vec::new();
    for (link, object) in mirrored.chain(read) {
        polls.push(Delivery {
            id: moment.id(),
            seq: 0,
            stream: format!("poll/{object}"),
            lane: Lane::Normal,
            purpose: Purpose::Poll,
            operation: Operation::Changes { object: object.clone(), cursor: Cursor::default() },
            lead: None,
            handoff: None,
            state: DeliveryState::Due,
            due_at: moment.now,
            attempt: 0,
            probe: None,
            created_at: moment.now,
            joined: None,
            standing: Some(format!("poll/{link}/{object}")),
            run: None,
            link,
        });
    }
    sweep::standing(policy, moment, &mut polls);
    described::standing(policy, moment, &mut polls);
    polls
}

/// Somebody wants the descriptions of a CRM read now.
#[must_use]
pub fn describe_now(policy: &Policy, link: &LinkName, at: Timestamp) -> Vec<Effect> {
    described::now(policy, link, at)
}

/// What follows from the end of a delivery.
#[must_use]
pub fn settle(
    book: &Book,
    delivery: &Delivery,
    outcome: &Outcome,
    policy: &Policy,
    moment: &mut Moment,
) -> Reaction {
    if matches!(delivery.operation, Operation::Describe { .. }) {
        return described::settle(book, delivery, outcome, policy, moment);
    }
    if delivery.purpose == Purpose::Poll {
        let source = policy.sources.get(delivery.link.as_str());
        if let Some((source, polling)) = source.and_then(|source| Some((source, source.polls.as_ref()?))) {
            return fetch::settle(delivery, outcome, (source, polling), policy, moment);
        }
        return poll::settle(book, delivery, outcome, policy, moment);
    }
    if delivery.purpose == Purpose::Notice {
        return noticed::settle(book, delivery, outcome, policy, moment);
    }
    if delivery.purpose == Purpose::Enrich {
        return enrich::settle(book, delivery, outcome, policy, moment);
    }
    let Some(mut lead) = whose(book, delivery).cloned() else {
        return forgotten(book, delivery, outcome, moment.now);
    };
    let before = lead.clone();
    let mut case = Case::new(book, policy, moment, &mut lead);
    case.because.delivery = Some(delivery.id);
    case.because.handoff = delivery.handoff;
    case.run.clone_from(&delivery.run);
    undo::keep(&mut case, delivery, outcome);
    case.say(
        Reason::new("delivery_ended").with("purpose", purpose(delivery)).with("outcome", class(outcome)),
    );
    if let Some(first) = delivery.joined {
        case.say(Reason::new("delivery_joined").with("delivery", first));
    }
    let end = Ending { delivery, outcome };
    if end.is_probe() {
        failed::probed(&mut case, &end);
    } else {
        match outcome {
            Outcome::Done(reply) => done(&mut case, &end, reply),
            Outcome::Conflict { remote, same_mark } => failed::conflict(&mut case, &end, remote, *same_mark),
            Outcome::Gone { detail } => failed::gone(&mut case, &end, detail),
            Outcome::Rejected { field, code, detail } => {
                failed::rejected(&mut case, &end, field.as_deref(), code, detail);
            }
            Outcome::Unavailable { sent: true, .. } if failed::may_be_doubled(&case, delivery) => {
                failed::ask_by_mark(&mut case, &end);
            }
            Outcome::Unauthorized { detail } => failed::unauthorized(&mut case, &end, detail),
            Outcome::Throttled { .. } | Outcome::Unavailable { .. } => failed::later(&mut case, &end),
        }
    }
    case.finish(&before)
}

/// Whose it is: of the lead that has the hand-over today, which may have been parted from the one it was made for.
fn whose<'b>(book: &'b Book, delivery: &Delivery) -> Option<&'b Lead> {
    let handoff = delivery.handoff.and_then(|id| book.handoffs.get(&id));
    book.resolve(handoff.map_or(delivery.lead?, |handoff| handoff.lead))
}

fn done(case: &mut Case<'_>, end: &Ending<'_>, reply: &Reply) {
    end.clear_alarm(case);
    match (end.delivery.purpose, reply) {
        (Purpose::Handover, Reply::Written(remote)) => told::written(case, end, remote),
        (Purpose::Fill, Reply::Written(remote)) => told::filled(case, end, remote),
        (Purpose::Fill, _) => failed::ask_by_mark(case, end),
        (Purpose::Fields, Reply::Found(records)) => told::read_again(case, end, records),
        (Purpose::Status, Reply::Found(records)) => told::read_for_release(case, end, records),
        (Purpose::Status | Purpose::Fields, _) => told::status_written(case, end),
        (Purpose::Ask, Reply::Found(records)) => asked::found(case, end, records),
        // The record of a hand-over that was lost to us.
        (Purpose::Handover, Reply::Found(records)) if !end.is_create() => match records.first() {
            Some(record) => told::written(case, end, &poll::remote_of(&end.delivery.link, record)),
            None => end.settled(case),
        },
        (Purpose::Handover, _) => match &end.delivery.operation {
            Operation::Update { remote, .. } => told::written(case, end, &remote.clone()),
            _ => failed::ask_by_mark(case, end),
        },
        (Purpose::Ask, _) => asked::in_vain(case, end),
        (Purpose::Brief | Purpose::Inform | Purpose::Poll | Purpose::Notice | Purpose::Enrich, _) => {
            end.settled(case)
        }
    }
}

/// The lead is gone (erased): the delivery ends, and nothing else.
fn forgotten(book: &Book, delivery: &Delivery, outcome: &Outcome, now: Timestamp) -> Reaction {
    let end = Ending { delivery, outcome };
    let mut reaction =
        Reaction { effects: vec![end.moved(DeliveryState::Settled, now, None, now)], ..Reaction::default() };
    reaction.effects.extend(fill::counted(book, delivery, now, |run| run.refused += 1));
    reaction.because.delivery = Some(delivery.id);
    reaction.because.push(Reason::new("lead_gone"));
    reaction
}

/// A delivery and how it came out.
#[derive(Clone, Copy)]
pub(super) struct Ending<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) outcome: &'a Outcome,
}

impl Ending<'_> {
    fn is_create(&self) -> bool {
        matches!(self.delivery.operation, Operation::Create { .. })
    }

    /// Whether what was sent was a look-up by mark.
    fn is_probe(&self) -> bool {
        matches!(self.delivery.operation, Operation::Create { .. })
            && self.delivery.probe.is_some_and(|found_nothing| found_nothing < PROBES)
    }

    /// The delivery's new place.
    pub(super) fn moved(
        &self,
        to: DeliveryState,
        due_at: Timestamp,
        probe: Option<u32>,
        now: Timestamp,
    ) -> Effect {
        Effect::MoveDelivery {
            id: self.delivery.id,
            attempt: self.delivery.attempt,
            to,
            due_at,
            probe,
            operation: None,
            reset: false,
            note: match self.delivery.joined {
                Some(first) => AttemptNote { at: now, class: "joined".to_owned(), detail: first.to_string() },
                None => note(self.outcome, now),
            },
        }
    }

    /// It is done.
    pub(super) fn settled(&self, case: &mut Case<'_>) {
        let now = case.now();
        case.push(self.moved(DeliveryState::Settled, now, None, now));
    }

    /// It needs a person.
    pub(super) fn parked(&self, case: &mut Case<'_>, code: &str, detail: &str) {
        let now = case.now();
        let to = DeliveryState::Parked { code: code.to_owned(), detail: short(detail, MOST_WORDS) };
        case.say(Reason::new("delivery_parked").with("code", code));
        case.push(self.moved(to, now, self.delivery.probe, now));
    }

    /// The hand-over it is about.
    pub(super) fn handoff(&self, case: &Case<'_>) -> Option<Handoff> {
        case.book.handoffs.get(&self.delivery.handoff?).cloned()
    }

    /// A link that let us in again has no alarm any more.
    fn clear_alarm(&self, case: &mut Case<'_>) {
        if self.delivery.attempt > 1 {
            case.alarm(auth_key(&self.delivery.link), "LL3201", String::new(), false);
        }
    }
}

/// The alarm of a link that does not let us in.
pub(crate) fn auth_key(link: &LinkName) -> String {
    format!("auth/{link}")
}

/// The new place of a delivery.
pub(crate) fn moved(
    delivery: &Delivery,
    outcome: &Outcome,
    to: DeliveryState,
    due_at: Timestamp,
    now: Timestamp,
) -> Effect {
    Ending { delivery, outcome }.moved(to, due_at, None, now)
}

/// How a link's deliveries are retried.
pub(super) fn retry_of(policy: &Policy, link: &LinkName) -> RetryPolicy {
    let crm = policy.crms.get(link).map(|crm| &crm.retry);
    let notices = || policy.notices.channel(link).map(|channel| &channel.retry);
    crm.or_else(|| policy.mas.get(link).map(|ma| &ma.retry)).or_else(notices).cloned().unwrap_or_default()
}

/// What an attempt brought, for people.
pub(super) fn note(outcome: &Outcome, at: Timestamp) -> AttemptNote {
    let detail = match outcome {
        Outcome::Done(_) => String::new(),
        Outcome::Throttled { retry_after, .. } => {
            retry_after.map_or(String::new(), |hint| format!("retry after {} s", hint.as_secs()))
        }
        Outcome::Unavailable { detail, .. } | Outcome::Unauthorized { detail } | Outcome::Gone { detail } => {
            short(detail, MOST_WORDS)
        }
        Outcome::Conflict { remote, .. } => format!("{}/{}", remote.object, remote.id),
        Outcome::Rejected { field, code, detail } => {
            short(&format!("{code} {}: {detail}", field.as_deref().unwrap_or_default()), MOST_WORDS)
        }
    };
    AttemptNote { at, class: class(outcome).to_owned(), detail }
}

fn class(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Throttled { quota: false, .. } => "throttled",
        Outcome::Throttled { quota: true, .. } => "quota",
        Outcome::Unavailable { sent: false, .. } => "unavailable",
        Outcome::Unavailable { sent: true, .. } => "unknown",
        Outcome::Unauthorized { .. } => "auth",
        Outcome::Conflict { .. } => "conflict",
        Outcome::Gone { .. } => "gone",
        Outcome::Rejected { .. } => "data",
    }
}

fn purpose(delivery: &Delivery) -> &'static str {
    match delivery.purpose {
        Purpose::Handover => "handover",
        Purpose::Fill => "fill",
        Purpose::Brief => "brief",
        Purpose::Ask => "ask",
        Purpose::Status => "status",
        Purpose::Fields => "fields",
        Purpose::Poll => "poll",
        Purpose::Inform => "inform",
        Purpose::Notice => "notice",
        Purpose::Enrich => "enrich",
    }
}
