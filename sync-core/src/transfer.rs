//! Stage 5, transfer: an MQL becomes a hand-over: allowed? one running already? facts fresh? then decided and told.
//!
//! [`open`] is called by [`crate::absorb`] for every lead that is an MQL; it is idempotent. Who and what decides is in
//! [`decide`]; what is said to the CRM in [`crate::tell`]; what its answers lead to in [`crate::settle`].

mod decide;

use std::collections::BTreeSet;

use crate::because::{Because, Reason};
use crate::book::Book;
use crate::capture::Identifier;
use crate::case::{Case, stream_of};
use crate::companies::CompanyPair;
use crate::effect::Effect;
use crate::handoff::{Action, Clocks, Handoff, HandoffState};
use crate::identity;
use crate::ids::{HandoffId, LeadId, LinkName, SourceName};
use crate::lead::{Lead, RemoteRef, Stage, Touch};
use crate::matching;
use crate::mirror::MirrorRow;
use crate::mirror_read::PEOPLE;
use crate::moment::Moment;
use crate::notice::{self, Event, Happened};
use crate::outbox::{FindBy, Operation, Purpose};
use crate::policy::{CrmPolicy, Policy};
use crate::routing;
use crate::tell::{self, News};
use crate::time::{Micros, Timestamp};
use crate::{desk, fuse, origin, sla};

pub use decide::{Again, Decided, Forced, Ground, Input, again, decide};

/// How long a rule's "no" stands before the same lead is decided again.
const DECLINED_FOR: Micros = Micros::days(1);
/// The most keys one look-up in a CRM goes by.
const MOST_KEYS: usize = 8;

/// What made the lead an MQL (again).
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// When it happened.
    pub happened: Timestamp,
    /// When it reached us.
    pub noticed: Timestamp,
    /// The touch, where one was made.
    pub touch: Option<&'a Touch>,
}

/// Opens a hand-over for a lead that is an MQL, or tells sales what is new where one runs. Changes the lead's stage;
/// the caller puts the lead. Needs [`matching::needs`] in the book.
///
/// Call it whenever the definition holds for a lead that sales do not hold (a first time, or again because consent came
/// later), and for a touch that would make an MQL while a hand-over runs.
pub fn open(
    book: &Book,
    lead: &mut Lead,
    occasion: &Occasion<'_>,
    policy: &Policy,
    moment: &mut Moment,
    because: &mut Because,
) -> Vec<Effect> {
    let mut case = Case::new(book, policy, moment, lead);
    match book.open_handoff(case.lead.id).cloned() {
        Some(handoff) => tell_news(&mut case, &handoff, occasion),
        None => {
            if matches!(case.lead.stage, Stage::Raw | Stage::Resting | Stage::Lost | Stage::Won) {
                if case.lead.stage == Stage::Won {
                    let source = occasion.touch.map(|touch| touch.source.clone());
                    let source = source.unwrap_or_else(|| SourceName::from("leadloop"));
                    let said = origin::again(case.lead, &source, occasion.happened);
                    case.say(said);
                }
                case.stage(Stage::Marketing);
            }
            if let Some(link) = allowed(&mut case) {
                begin(&mut case, link, occasion, None);
            }
        }
    }
    let (effects, mut said) = case.into_parts();
    because.reasons.append(&mut said.reasons);
    because.handoff = because.handoff.or(said.handoff);
    effects
}

/// Whether a hand-over may be opened, and to which CRM. Says why not.
pub(crate) fn allowed(case: &mut Case<'_>) -> Option<LinkName> {
    let refused = refusal(case);
    if let Some(reason) = refused {
        case.say(reason);
        return None;
    }
    case.policy.handoff.link.clone()
}

/// What stands against passing the lead on, whatever the rules say.
pub(crate) fn barred(case: &Case<'_>) -> Option<Reason> {
    if !case.policy.consent.allows(case.lead, "transfer") {
        let state = if case.lead.consent.contains_key("transfer") { "refused" } else { "missing" };
        return Some(Reason::new("no_consent").with("consent", state));
    }
    (case.lead.stage == Stage::Closed).then(|| Reason::new("lead_closed"))
}

fn refusal(case: &mut Case<'_>) -> Option<Reason> {
    if let Some(reason) = barred(case) {
        return Some(reason);
    }
    let (now, most) = (case.now(), case.policy.recycle.at_most);
    let loops = case.dealings().within_a_year(now);
    if loops >= most.max(1) {
        return Some(Reason::new("loop_limit").with("returned", loops).with("at_most", most));
    }
    if declined_lately(case.book, case.lead.id, now) {
        return Some(Reason::new("declined_lately"));
    }
    let Some(link) = &case.policy.handoff.link else { return Some(Reason::new("no_crm")) };
    // Where one of two people that are one now has a record, that is the person's.
    let there = record_in(case.lead, link).is_some();
    let detached = !there && case.dealings().detached.contains(link);
    detached.then(|| Reason::new("deleted_there").with("crm", link))
}

/// The record that a person has in a CRM.
pub(crate) fn record_in<'l>(lead: &'l Lead, link: &LinkName) -> Option<&'l RemoteRef> {
    lead.remotes.iter().find(|remote| remote.link == *link && PEOPLE.contains(&remote.object.as_str()))
}

/// Whether a rule said no to this lead a short while ago.
fn declined_lately(book: &Book, lead: LeadId, now: Timestamp) -> bool {
    book.handoffs.values().any(|handoff| {
        handoff.state == HandoffState::Declined
            && now - handoff.state_since < DECLINED_FOR
            && book.resolve(handoff.lead).is_some_and(|whose| whose.id == lead)
    })
}

/// Opens a hand-over and decides it, or asks the CRM first where the mirror is too old.
pub(crate) fn begin(
    case: &mut Case<'_>,
    link: LinkName,
    occasion: &Occasion<'_>,
    forced: Option<Forced<'_>>,
) {
    let id: HandoffId = case.moment.id();
    let now = case.now();
    let handoff = Handoff {
        id,
        version: 0,
        lead: case.lead.id,
        link,
        state: HandoffState::Asking,
        state_since: now,
        opened_at: now,
        decision: None,
        rule: None,
        action: None,
        owner: None,
        remote: None,
        company_key: case
            .lead
            .text("company")
            .and_then(matching::company_key)
            .or_else(|| matching::domain_keys(&case.lead.identifiers, case.policy).into_iter().next()),
        agreed: leadloop_mapping::Record::new(),
        feedback: None,
        remark: None,
        due: None,
        clocks: Clocks {
            happened: Some(occasion.happened),
            noticed: Some(occasion.noticed),
            ..Clocks::default()
        },
        parked: None,
        by: carried(case.lead),
        rules_tried: 0,
        desk: None,
    };
    case.say(Reason::new("handoff_opened").with("handoff", id));
    if forced.is_none() && case.lead.recycled == 0 && desk::wants(case) {
        return desk::queue(case, handoff);
    }
    decide_or_ask(case, handoff, forced);
}

/// The identifier that a hand-over of the lead carries: what sales reach the person by, else the least of all there are.
fn carried(lead: &Lead) -> Option<Identifier> {
    let reach = |kind: &str| {
        let said = lead.text(kind)?;
        lead.identifiers
            .iter()
            .find(|known| known.kind.0 == kind && identity::number(&known.value) == said)
            .cloned()
    };
    reach("phone").or_else(|| reach("email")).or_else(|| lead.identifiers.first().cloned())
}

/// Decides where the mirror is fresh, else asks the CRM about the person first.
pub(crate) fn decide_or_ask(case: &mut Case<'_>, handoff: Handoff, forced: Option<Forced<'_>>) {
    // Its record may be on its way already: the question stands behind that, and finds it.
    let filling = case.dealings().filling.contains_key(&handoff.link);
    if filling {
        case.say(Reason::new("fill_under_way").with("crm", &handoff.link));
    }
    let fresh = !filling && matching::is_fresh(case.book, case.policy, &handoff.link, case.now());
    // A forced assignment concerns a record we have written ourselves: nothing about the person is in doubt.
    if fresh || forced.is_some() || !ask(case, &handoff, None) {
        settle_decision(case, handoff, &[], forced);
        return;
    }
    if !filling {
        case.say(Reason::new("mirror_too_old"));
    }
    case.put_handoff(handoff);
}

/// Asks the CRM about the person in the next object behind `after`. `false` where there is nothing (more) to ask.
pub(crate) fn ask(case: &mut Case<'_>, handoff: &Handoff, after: Option<&str>) -> bool {
    let Some(crm) = case.policy.crms.get(&handoff.link) else { return false };
    let objects = asked_objects(crm);
    let next = match after {
        None => objects.first(),
        Some(after) => objects.iter().position(|object| *object == after).and_then(|at| objects.get(at + 1)),
    };
    let keys = keys_of(case.lead);
    let Some(object) = next.filter(|_| !keys.is_empty()) else { return false };
    let operation = Operation::Find { object: (*object).to_owned(), by: FindBy::Keys(keys) };
    enqueue_ask(case, handoff, operation);
    true
}

/// Asks the CRM for one record.
pub(crate) fn ask_for(case: &mut Case<'_>, handoff: &Handoff, object: &str, id: &str) {
    let operation = Operation::Find { object: object.to_owned(), by: FindBy::Id(id.to_owned()) };
    enqueue_ask(case, handoff, operation);
}

fn enqueue_ask(case: &mut Case<'_>, handoff: &Handoff, operation: Operation) {
    let mut delivery = case.delivery(&handoff.link, Purpose::Ask, operation);
    if let Some(filling) = case.dealings().filling.get(&handoff.link) {
        delivery.stream = stream_of(filling.lead);
    }
    delivery.handoff = Some(handoff.id);
    case.push(Effect::Enqueue(Box::new(delivery)));
}

/// The objects that hold people and can be asked for them by phone or mail.
fn asked_objects(crm: &CrmPolicy) -> Vec<&'static str> {
    PEOPLE
        .into_iter()
        .filter(|object| {
            crm.roles.get(*object).is_some_and(|roles| !roles.phones.is_empty() || !roles.emails.is_empty())
        })
        .collect()
}

fn keys_of(lead: &Lead) -> Vec<(String, String)> {
    let known = lead.identifiers.iter().filter(|known| matches!(known.kind.0.as_str(), "phone" | "email"));
    // No CRM searches by extension.
    let keys: BTreeSet<(String, String)> =
        known.map(|known| (known.kind.0.clone(), identity::number(&known.value).to_owned())).collect();
    keys.into_iter().take(MOST_KEYS).collect()
}

/// Decides now, with the rows the CRM gave just now, and carries the decision out. Puts the hand-over.
pub(crate) fn settle_decision(
    case: &mut Case<'_>,
    mut handoff: Handoff,
    read: &[MirrorRow],
    forced: Option<Forced<'_>>,
) {
    // It may have waited for an answer or a person: consent may be gone since.
    if let Some(reason) = barred(case) {
        case.say(reason);
        case.state(&mut handoff, HandoffState::TakenBack);
        case.put_handoff(handoff);
        return;
    }
    let id = case.moment.id();
    let dealings = case.dealings().clone();
    let input = Input {
        book: case.book,
        policy: case.policy,
        lead: case.lead,
        handoff: &handoff,
        read,
        dealings: &dealings,
        forced,
        now: case.moment.now,
    };
    let decided = decide(&input, id);
    if fuse_blown(case, &mut handoff, &decided) {
        case.put_handoff(handoff);
        return;
    }
    for reason in &decided.reasons {
        case.say(reason.clone());
    }
    case.say(
        Reason::new("decided")
            .with("rule", decided.record.rule.as_deref().unwrap_or_default())
            .with("owner", decided.owner.as_ref().map_or("", |owner| owner.crm_user.as_str())),
    );
    if let Some(short) = routing::shortage(case.book, &handoff.link, &decided.counters) {
        let detail = format!(
            "nobody can take leads by the rule `{}`: everybody is away, has left or is full; they go to the public pool",
            decided.record.rule.as_deref().unwrap_or_default()
        );
        case.alarm(format!("nobody/{}", handoff.link), "LL4207", detail, short);
    }
    for similar in &decided.matches.company.similar {
        case.push(Effect::CompanySuspect(CompanyPair {
            one: similar.ours.clone(),
            other: similar.name.clone(),
            reason: similar.by.clone(),
            lead: Some(case.lead.id),
            remote: Some(similar.remote.clone()),
            at: case.now(),
        }));
    }
    case.counters(decided.counters.clone());
    case.push(Effect::Decide(Box::new(decided.record.clone())));
    handoff.decision = Some(id);
    handoff.rule = decided.record.rule.clone();
    handoff.action = Some(decided.record.action.clone());
    handoff.owner = decided.owner.clone();
    handoff.rules_tried = decided.rules_tried;
    handoff.clocks.decided = Some(case.now());
    carry_out(case, &mut handoff, &decided, read);
    case.put_handoff(handoff);
}

/// What the decision's action means.
fn carry_out(case: &mut Case<'_>, handoff: &mut Handoff, decided: &Decided, read: &[MirrorRow]) {
    match &decided.record.action {
        Action::Create { .. } | Action::Update { .. } => {
            if case.policy.handoff.by_message(&handoff.link) {
                with_sales(case, handoff);
                return;
            }
            case.state(handoff, HandoffState::Telling);
            let stage = decided.matches.person.stage;
            tell::handover(case, handoff, &decided.record.action, stage, read);
        }
        Action::Hold { until, team } => {
            case.state(handoff, HandoffState::Asking);
            case.say(
                Reason::new("held").with("until", until).with("team", team.as_deref().unwrap_or_default()),
            );
            handoff.due = Some(*until);
            case.deadline("hold", hold_key(handoff.id), decided.rules_tried, *until, Some(handoff.id));
        }
        Action::Decline { reason } => {
            case.say(Reason::new("declined").with("reason", reason));
            case.state(handoff, HandoffState::Declined);
        }
    }
}

/// Sales have it by a message: the clocks run from now, whether or not the message is read. Whoever accepted it before, and
/// is to have it still, is not asked once more: another record stood in the way of the one that was to be made.
fn with_sales(case: &mut Case<'_>, handoff: &mut Handoff) {
    let accepted = case.lead.stage == Stage::Accepted && handoff.clocks.answered.is_some();
    if accepted
        && case.lead.owner == handoff.owner
        && let Some(action) = handoff.action.clone()
    {
        case.say(Reason::new("accepted_before"));
        case.state(handoff, HandoffState::Accepted);
        return tell::handover(case, handoff, &action, None, &[]);
    }
    // What stood in the way is no record of this hand-over before sales accept.
    let told = handoff.remote.as_ref().and_then(|remote| case.book.links.get(remote));
    if told.is_none_or(|link| link.handoff != Some(handoff.id)) {
        handoff.remote = None;
    }
    case.state(handoff, HandoffState::WithSales);
    case.stage(Stage::WithSales);
    case.lead.owner.clone_from(&handoff.owner);
    case.lead.rest_until = None;
    case.lead.track = None;
    if case.policy.notices.channels.is_empty() {
        handoff.clocks.delivered = Some(case.now());
    }
    sla::start(case, handoff);
    notice::raise(case, &Happened::of(Event::HandedOver, handoff));
}

/// Sales accepted a message: now the CRM's record is made.
pub(crate) fn record_now(case: &mut Case<'_>, handoff: &mut Handoff) {
    let waits = case.policy.handoff.when_accepted && handoff.remote.is_none();
    let Some(action) = handoff.action.clone().filter(|_| waits) else { return };
    tell::handover(case, handoff, &action, None, &[]);
}

/// The deadline of a hold.
pub(crate) fn hold_key(handoff: HandoffId) -> String {
    format!("hold/{handoff}")
}

/// Whether too many records were made within the hour: then it waits for the next, and the admin hears of it.
fn fuse_blown(case: &mut Case<'_>, handoff: &mut Handoff, decided: &Decided) -> bool {
    let most = case.policy.crms.get(&handoff.link).and_then(|crm| crm.creates_per_hour);
    let Some(most) = most.filter(|_| matches!(decided.record.action, Action::Create { .. })) else {
        return false;
    };
    let mut counters = std::collections::BTreeMap::new();
    let now = case.now();
    let passes = routing::count_create(case.book, &handoff.link, most, now, &mut counters);
    case.counters(counters);
    if passes {
        return false;
    }
    let hour = Micros::hours(1).0;
    let next = Timestamp((now.0.div_euclid(hour) + 1).saturating_mul(hour));
    case.state(handoff, HandoffState::Asking);
    case.say(Reason::new("fuse_blown").with("creates_per_hour", most));
    case.deadline("hold", hold_key(handoff.id), handoff.rules_tried, next, Some(handoff.id));
    let detail = format!(
        "{most} new records an hour are the most `{}` shall get; further hand-overs wait for the next hour",
        handoff.link
    );
    case.alarm(routing::fuse_key(&handoff.link), fuse::CREATES, detail, true);
    true
}

/// Tells sales that a lead they hold did something new; bounded, so that an eager lead floods nobody.
fn tell_news(case: &mut Case<'_>, handoff: &Handoff, occasion: &Occasion<'_>) {
    case.because.handoff = Some(handoff.id);
    let by_message = case.policy.handoff.by_message(&handoff.link);
    let remote = handoff.remote.clone();
    let Some(touch) = occasion.touch.filter(|_| by_message || remote.is_some()) else {
        case.say(Reason::new("handoff_runs_already"));
        return;
    };
    if !matches!(handoff.state, HandoffState::WithSales | HandoffState::Accepted) {
        // What is told on delivery holds the latest touches anyway.
        case.say(Reason::new("handoff_runs_already"));
        return;
    }
    let now = case.now();
    if !case.dealings().tell(now) {
        case.say(Reason::new("told_enough_today"));
        return;
    }
    case.say(Reason::new("new_behaviour_told"));
    if let Some(remote) = remote {
        tell::brief(case, handoff, &remote, News::Touch(touch));
    }
    let line = tell::touch_line(case, touch);
    let thing = touch.id.uuid().simple().to_string();
    let happened = Happened { thing, ..Happened::of(Event::NewBehaviour, handoff).with("touch", line) };
    notice::raise(case, &happened);
}
