//! Stage 5 to 6: what a decision says to the CRM: the lead in the CRM's words, its owner, its status, our mark, and
//! the brief that sales read.
//!
//! Where somebody follows a record already, only its blank fields are filled: nobody's value is overwritten. When it is
//! said, how often and what an answer means is for [`crate::outbox`] and [`crate::settle`].

mod brief;
pub(crate) mod release;

use leadloop_mapping::apply::Purpose as Writing;
use leadloop_mapping::{Record, Value};

use crate::because::Reason;
use crate::case::{Case, stream_of};
use crate::effect::Effect;
use crate::fuse;
use crate::handoff::{Action, Handoff, mark_of};
use crate::ids::LinkName;
use crate::lead::{Lead, Owner, RemoteRef, Stage, Touch};
use crate::mirror::{MirrorRow, Roles};
use crate::mirror_read::{ACTIVITY, roles_in};
use crate::outbox::{DeliveryState, Operation, Purpose};
use crate::policy::CrmPolicy;

/// What a message to sales is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News<'a> {
    /// The hand-over itself.
    Handover,
    /// The lead did something new.
    Touch(&'a Touch),
    /// The record is about the same person as another, which sales go on with.
    SameAs(Option<&'a RemoteRef>),
    /// The person was mixed up with another; these fields were put right.
    Parted(&'a [String]),
}

/// Says a decision to the CRM. Parks the hand-over where the record cannot be made.
///
/// `stage` is what the person's own record stood at when it was decided.
pub(crate) fn handover(
    case: &mut Case<'_>,
    handoff: &mut Handoff,
    action: &Action,
    stage: Option<Stage>,
    read: &[MirrorRow],
) {
    let Some(crm) = case.policy.crms.get(&handoff.link) else {
        case.park(handoff, "LL4202", &format!("`{}` is not configured any more", handoff.link));
        return;
    };
    let text = brief::text(case, handoff, News::Handover);
    let pool = pool_record(case, &text);
    let operation = match action {
        Action::Create { object, owner, account } => {
            let mut record = match mapped(crm, object, &pool, Writing::Create) {
                Ok(record) => record,
                Err(detail) => return case.park(handoff, "LL4202", &detail),
            };
            let roles = roles_in(crm, object);
            name_it(&mut record, &roles, &pool);
            set_owner(&mut record, &roles, owner.as_ref());
            set_account(&mut record, &roles, account.as_ref());
            set_status(&mut record, crm, object, Stage::WithSales);
            let mark = mark_of(handoff.id);
            record.set(crm.mark.as_str(), mark.as_str());
            Operation::Create { object: object.clone(), record, mark }
        }
        Action::Update { remote, owner, release } => {
            let held = read
                .iter()
                .rev()
                .find(|row| row.remote == *remote)
                .or_else(|| case.book.mirror.get(remote))
                .map(|row| &row.fields);
            let agreed = case.book.links.get(remote).map(|link| &link.agreed);
            let mut record = match mapped(crm, &remote.object, &pool, Writing::Update) {
                Ok(wanted) => careful(wanted, held, agreed),
                Err(detail) => return case.park(handoff, "LL4202", &detail),
            };
            let roles = roles_in(crm, &remote.object);
            if owner.is_some() || *release {
                set_owner(&mut record, &roles, owner.as_ref());
                if *release && let Some(field) = &roles.owner {
                    record.set(field.as_str(), Value::Null);
                }
            }
            // A record that lay in the pool starts anew; where somebody works on it, its stage is theirs.
            let rests = stage.is_none_or(|stage| !stage.with_sales());
            if owner.is_some() || *release || handoff.owner.is_none() || rests {
                set_status(&mut record, crm, &remote.object, Stage::WithSales);
            }
            handoff.remote = Some(remote.clone());
            Operation::Update { remote: remote.clone(), record }
        }
        Action::Hold { .. } | Action::Decline { .. } => return,
    };
    let mut delivery = case.delivery(&handoff.link, Purpose::Handover, operation);
    delivery.handoff = Some(handoff.id);
    fuse::guard(case, &mut delivery);
    if let DeliveryState::Parked { code, detail } = &delivery.state {
        case.park(handoff, code, detail);
    }
    case.push(Effect::Enqueue(Box::new(delivery)));
}

/// The record of a lead that nobody is handed: in the CRM's words, without an owner, at the stage it has.
///
/// # Errors
/// What is missing, where the record cannot be made.
pub(crate) fn filling(
    case: &Case<'_>,
    link: &LinkName,
    object: &str,
    mark: &str,
) -> Result<Operation, String> {
    let Some(crm) = case.policy.crms.get(link) else { return Err(format!("`{link}` is not configured")) };
    let pool = pool_record(case, "");
    let mut record = mapped(crm, object, &pool, Writing::Create)?;
    name_it(&mut record, &roles_in(crm, object), &pool);
    set_status(&mut record, crm, object, case.lead.stage);
    record.set(crm.mark.as_str(), mark);
    Ok(Operation::Create { object: object.to_owned(), record, mark: mark.to_owned() })
}

/// The brief of a hand-over as it would be written now.
pub(crate) fn brief_text(case: &Case<'_>, handoff: &Handoff) -> String {
    brief::text(case, handoff, News::Handover)
}

/// One touch as a line for people.
pub(crate) fn touch_line(case: &Case<'_>, touch: &Touch) -> String {
    brief::touch_line(case, touch)
}

/// Puts a note for sales beside the record: what they should know, in their language. CRMs without activities get it
/// in the fields that map `brief` only.
pub(crate) fn brief(case: &mut Case<'_>, handoff: &Handoff, remote: &RemoteRef, news: News<'_>) {
    let Some(crm) = case.policy.crms.get(&handoff.link) else { return };
    let roles = roles_in(crm, ACTIVITY);
    let Some(body_field) = roles.remark.clone().or_else(|| roles.name.clone()) else { return };
    let subject = brief::subject(case, news);
    let text = brief::text(case, handoff, news);
    let mut pool = Record::new();
    pool.set("brief.subject", subject.as_str());
    pool.set("brief.body", text.as_str());
    let mut record = match crm.mapping.get(ACTIVITY) {
        Some(mapping) => mapping.outward(&pool, Writing::Create).record,
        None => Record::new(),
    };
    record.set(body_field, text);
    if let Some(name) = roles.name.as_deref().filter(|name| Some(*name) != roles.remark.as_deref()) {
        record.set(name, subject);
    }
    if let Some(about) = roles.people.get(&remote.object) {
        record.set(about.as_str(), remote.id.as_str());
    }
    if let Some(owner) = &handoff.owner
        && let Some(field) = &roles.owner
        && !owner.crm_user.is_empty()
    {
        record.set(field.as_str(), owner.crm_user.as_str());
    }
    let operation =
        Operation::Create { object: ACTIVITY.to_owned(), record: Record::new(), mark: String::new() };
    let mut delivery = case.delivery(&handoff.link, Purpose::Brief, operation);
    // Notes have a stream of their own: one that is refused holds up no status.
    delivery.stream = format!("{}/brief", stream_of(case.lead.id));
    let mark = delivery.id.to_string();
    if let Some(field) = &roles.mark {
        record.set(field.as_str(), mark.as_str());
    }
    delivery.operation = Operation::Create { object: ACTIVITY.to_owned(), record, mark };
    delivery.handoff = Some(handoff.id);
    case.push(Effect::Enqueue(Box::new(delivery)));
}

/// Writes a stage to the hand-over's record, as far as the CRM does not say so already. Says nothing where there is nothing
/// to change. Where the record goes back to the public pool too, it is read first ([`release`]).
pub(crate) fn status(case: &mut Case<'_>, handoff: &Handoff, stage: Option<Stage>, release: bool) {
    let (Some(remote), Some(crm)) = (handoff.remote.as_ref(), case.policy.crms.get(&handoff.link)) else {
        return;
    };
    if release && release::look_first(case, handoff, remote) {
        return;
    }
    let mut record = Record::new();
    if let Some(stage) = stage {
        set_status(&mut record, crm, &remote.object, stage);
    }
    set_answer(&mut record, case, crm, handoff, remote);
    let known = case.book.mirror.get(remote).map(|row| &row.fields);
    write_status(case, handoff, remote, record, known);
}

/// Writes what of it the record does not say already.
fn write_status(
    case: &mut Case<'_>,
    handoff: &Handoff,
    remote: &RemoteRef,
    mut record: Record,
    known: Option<&Record>,
) {
    if let Some(known) = known {
        record.0.retain(|field, value| {
            known.get(field).map(Value::to_display).unwrap_or_default() != value.to_display()
        });
    }
    if record.is_empty() {
        return;
    }
    let operation = Operation::Update { remote: remote.clone(), record };
    let mut delivery = case.delivery(&handoff.link, Purpose::Status, operation);
    delivery.handoff = Some(handoff.id);
    fuse::guard(case, &mut delivery);
    case.push(Effect::Enqueue(Box::new(delivery)));
}

/// Puts a record right after the lead changed beneath it: fields that still hold what we would have written before get
/// what we would write now, and no others. Says which.
pub(crate) fn correct(
    case: &mut Case<'_>,
    handoff: &Handoff,
    remote: &RemoteRef,
    before: &Lead,
) -> Vec<String> {
    let Some(crm) = case.policy.crms.get(&handoff.link) else { return Vec::new() };
    let now = pool_record(case, "");
    let mut was_lead = before.clone();
    let was = {
        let was_case = Case::new(case.book, case.policy, case.moment, &mut was_lead);
        pool_record(&was_case, "")
    };
    let in_words = |pool: &Record| mapped(crm, &remote.object, pool, Writing::Update).unwrap_or_default();
    let (was, now) = (in_words(&was), in_words(&now));
    let held = case.book.mirror.get(remote).map(|row| &row.fields);
    let agreed = case.book.links.get(remote).map(|link| &link.agreed);
    let shown = |value: Option<&Value>| value.map(Value::to_display).unwrap_or_default();
    let mut record = Record::new();
    for field in was.0.keys().chain(now.0.keys()) {
        let (then, next) = (was.get(field), now.get(field));
        let theirs = held.or(agreed).and_then(|known| known.get(field));
        if shown(then) != shown(next) && shown(theirs) == shown(then) {
            record.set(field.as_str(), next.cloned().unwrap_or_default());
        }
    }
    if record.is_empty() {
        return Vec::new();
    }
    let fields: Vec<String> = record.0.keys().cloned().collect();
    case.say(Reason::new("record_corrected").with("fields", fields.join(", ")));
    let operation = Operation::Update { remote: remote.clone(), record };
    let mut delivery = case.delivery(&handoff.link, Purpose::Status, operation);
    delivery.handoff = Some(handoff.id);
    fuse::guard(case, &mut delivery);
    case.push(Effect::Enqueue(Box::new(delivery)));
    fields
}

/// Fields of the lead as a mapping reads them: the profile (company fields also by their short name), where it came
/// from, scores, tags and the brief as text.
pub(crate) fn pool_record(case: &Case<'_>, brief: &str) -> Record {
    let lead = &*case.lead;
    let mut pool = Record::new();
    for (name, fact) in &lead.profile {
        pool.set(name.as_str(), fact.value.clone());
    }
    for (name, fact) in &lead.profile {
        if let Some(short) = name.strip_prefix("company.").filter(|short| !lead.profile.contains_key(*short))
        {
            pool.set(short, fact.value.clone());
        }
    }
    pool.set("first_channel", lead.origin.channel.as_str());
    pool.set("first_source", lead.origin.source.as_str());
    if let Some(campaign) = &lead.origin.campaign {
        pool.set("first_campaign", campaign.as_str());
    }
    pool.set("tags", Value::List(lead.tags.iter().map(|tag| Value::text(tag.as_str())).collect()));
    for (model, points) in brief::scores(case) {
        pool.set(format!("score.{model}"), points);
    }
    for (purpose, consent) in &lead.consent {
        pool.set(format!("consent.{purpose}"), consent.given);
    }
    pool.set("brief", brief);
    pool
}

/// The lead in the words of an object, by its mapping; without one by the roles of its fields.
fn mapped(crm: &CrmPolicy, object: &str, pool: &Record, writing: Writing) -> Result<Record, String> {
    let Some(mapping) = crm.mapping.get(object) else { return Ok(by_roles(crm, object, pool)) };
    let applied = mapping.outward(pool, writing);
    if applied.is_incomplete() {
        let missing: Vec<String> = applied
            .refusals
            .iter()
            .map(|refusal| format!("{}: {}", refusal.name, refusal.why.words().en))
            .collect();
        return Err(missing.join("; "));
    }
    Ok(applied.record)
}

/// The plainest mapping: name, phone, mail and company where their roles say.
fn by_roles(crm: &CrmPolicy, object: &str, pool: &Record) -> Record {
    let told = plainest(crm, object).into_iter();
    told.filter_map(|(field, from)| Some((field, pool.get(from)?.clone()))).collect()
}

/// The CRM's fields that can be filled by their roles, each with the pool's.
pub(crate) fn plainest(crm: &CrmPolicy, object: &str) -> Vec<(String, &'static str)> {
    let roles = roles_in(crm, object);
    let pairs = [
        (roles.name.as_ref(), "name"),
        (roles.phones.first(), "phone"),
        (roles.emails.first(), "email"),
        (roles.company.as_ref(), "company"),
    ];
    pairs.into_iter().filter_map(|(field, from)| Some((field?.clone(), from))).collect()
}

/// Most CRMs want a name; who gave none is called by company, phone or mail.
pub(crate) fn name_it(record: &mut Record, roles: &Roles, pool: &Record) {
    let Some(field) = &roles.name else { return };
    if record.get(field).is_some_and(|name| !name.is_blank()) {
        return;
    }
    let stand_in = ["company", "phone", "email"].iter().find_map(|from| pool.text(from));
    if let Some(name) = stand_in {
        record.set(field.as_str(), name);
    }
}

/// Of what we would like to write only what hurts nobody: fields that are blank there, and fields that still hold what
/// was last agreed with us.
fn careful(wanted: Record, held: Option<&Record>, agreed: Option<&Record>) -> Record {
    let kept = wanted.0.into_iter().filter(|(field, value)| {
        if value.is_blank() {
            return false;
        }
        let theirs = held.and_then(|held| held.get(field));
        let same = |other: &Value| other.to_display() == value.to_display();
        match theirs {
            // A record we know nothing of: its fields may be filled.
            None => held.is_some(),
            Some(theirs) if theirs.is_blank() => true,
            Some(theirs) if same(theirs) => false,
            Some(theirs) => agreed
                .and_then(|agreed| agreed.get(field))
                .is_some_and(|agreed| agreed.to_display() == theirs.to_display()),
        }
    });
    Record(kept.collect())
}

fn set_owner(record: &mut Record, roles: &Roles, owner: Option<&Owner>) {
    if let (Some(field), Some(owner)) = (&roles.owner, owner) {
        record.set(field.as_str(), owner.crm_user.as_str());
    }
}

fn set_account(record: &mut Record, roles: &Roles, account: Option<&RemoteRef>) {
    if let (Some(field), Some(account)) = (&roles.account, account) {
        record.set(field.as_str(), account.id.as_str());
    }
}

pub(crate) fn set_status(record: &mut Record, crm: &CrmPolicy, object: &str, stage: Stage) {
    let policy = crm.status.iter().find(|status| status.object == object);
    if let Some((status, value)) = policy.and_then(|status| Some((status, status.write.get(&stage)?))) {
        record.set(status.field.as_str(), value.clone());
    }
}

/// What sales answered elsewhere (on the answer page, in a file) stands in the CRM's own fields too.
fn set_answer(record: &mut Record, case: &Case<'_>, crm: &CrmPolicy, handoff: &Handoff, remote: &RemoteRef) {
    let Some(fields) = crm.feedback.as_ref().filter(|fields| fields.object == remote.object) else { return };
    let rule = handoff.feedback.as_ref().and_then(|tag| case.policy.feedback.get(tag));
    let Some(value) = rule.and_then(|rule| rule.crm.get(&handoff.link)) else { return };
    record.set(fields.field.as_str(), value.clone());
    if let (Some(field), Some(remark)) = (&fields.remark, &handoff.remark) {
        record.set(field.as_str(), remark.as_str());
    }
}

/// Gives a record back to who had it: an answer was changed.
pub(crate) fn owner_again(case: &mut Case<'_>, handoff: &Handoff) {
    let (Some(remote), Some(crm)) = (handoff.remote.as_ref(), case.policy.crms.get(&handoff.link)) else {
        return;
    };
    let mut record = Record::new();
    set_owner(&mut record, &roles_in(crm, &remote.object), handoff.owner.as_ref());
    if record.is_empty() {
        return;
    }
    let operation = Operation::Update { remote: remote.clone(), record };
    let mut delivery = case.delivery(&handoff.link, Purpose::Status, operation);
    delivery.handoff = Some(handoff.id);
    fuse::guard(case, &mut delivery);
    case.push(Effect::Enqueue(Box::new(delivery)));
}

/// Says that a deputy should know: the owner is away.
pub(crate) fn deputy_reason(case: &Case<'_>, link: &LinkName, owner: &Owner) -> Option<Reason> {
    let person = owner.person.as_ref()?;
    let away = crate::matching::on_leave(case.policy, person, case.moment.now)?;
    let deputy = away.deputy.as_ref().or_else(|| case.policy.people.get(person)?.deputy.as_ref());
    Some(
        Reason::new("owner_on_leave")
            .with("crm", link)
            .with("owner", person)
            .with("deputy", deputy.map_or("", |deputy| deputy.as_str())),
    )
}
