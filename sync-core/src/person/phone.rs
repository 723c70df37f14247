//! A person has a new phone number: an operation of its own. The old number stays as evidence and still leads to the
//! person; what sales hold stays theirs and hears the new number through the outbox.
//!
//! By hand ([`change`]), and by a capture that proves who it is by something at least as strong as a phone
//! ([`changed_by`], used by [`crate::absorb`]). A number that somebody else has by now is [`crate::identity`]'s question.

use super::merge::person;
use super::{Refusal, each, forget, own_mut};
use crate::because::Reason;
use crate::book::Book;
use crate::capture::{Captured, Identifier};
use crate::case::Case;
use crate::effect::{Effect, Reaction};
use crate::identity::{self, Resolution};
use crate::ids::{LeadId, SourceName};
use crate::inform;
use crate::lead::{Binding, Fact, Lead};
use crate::moment::Moment;
use crate::normal::phone::{self, Country, Phone};
use crate::policy::Policy;
use crate::tell;
use crate::time::Timestamp;

/// The source of what people of the house say by a command.
pub const BY_HAND: &str = "by_hand";

/// Gives a person a new phone number. Needs what [`super::merge::needs`] says and the new identifier, then
/// [`super::merge::needs_more`].
///
/// # Errors
/// Where there is no such lead, the number cannot be read or is somebody else's.
pub fn change(
    book: &Book,
    (id, number): (LeadId, &str),
    who: &str,
    policy: &Policy,
    moment: &mut Moment,
) -> Result<Reaction, Refusal> {
    let before = person(book, id)?;
    let (read, new) = identifier(number, policy)?;
    if let Some(other) = book.lead_of(&new).filter(|other| other.id != before.id) {
        let shown = identity::masked(&new);
        return Err(Refusal {
            code: "LL4505",
            en: format!(
                "{shown} is the number of {}; where both are one person: `leadloop lead merge {} {}`",
                other.id, before.id, other.id
            ),
            zh: format!(
                "{shown} 属于 {}；若为同一人，请执行 `leadloop lead merge {} {}`",
                other.id, before.id, other.id
            ),
        });
    }
    let mut lead = before.clone();
    let now = moment.now;
    let source = SourceName::from(BY_HAND);
    let mut effects = Vec::new();
    let binding = book.identifiers.get(&new).cloned().unwrap_or_else(|| Binding {
        identifier: new.clone(),
        lead: lead.id,
        source: source.clone(),
        at: now,
        last_at: now,
    });
    let of = binding.lead;
    effects.push(Effect::Bind(Binding { last_at: binding.last_at.max(now), ..binding }));
    let old = current(before).filter(|old| *old != new);
    lead.identifiers.insert(new.clone());
    if of == lead.id {
        own_mut(&mut lead).identifiers.insert(new.clone());
    }
    each(&mut lead, |lead| tell_phone(lead, &read, &source, now));
    if let Some(old) = old {
        give_up(&mut lead, &old, &new, now);
    }
    let mut case = Case::new(book, policy, moment, &mut lead);
    case.say(Reason::new("phone_changed").with("to", identity::masked(&new)).with("who", who));
    tell_sales(&mut case, before);
    let (said, because) = case.into_parts();
    effects.extend(said);
    effects.extend(inform::changes(Some(before), &lead, policy, moment));
    lead.version = before.version + 1;
    effects.push(Effect::PutLead(Box::new(lead)));
    Ok(Reaction { effects, because })
}

/// The identifier that a number is, as a phone change takes it.
///
/// # Errors
/// Where the number cannot be read, is nobody's own, or is blocked by the config.
pub fn identifier(number: &str, policy: &Policy) -> Result<(Phone, Identifier), Refusal> {
    let region = policy.region.parse().unwrap_or(Country::CN);
    let refuse = |code: &str| Refusal {
        code: "LL4504",
        en: format!(
            "the number cannot be taken ({code}); write it with its country code, such as +86 139 0000 1111"
        ),
        zh: format!("号码无法采用（{code}）；请带国家代码书写，例如 +86 139 0000 1111"),
    };
    let read = phone::parse(number, region).map_err(|problem| refuse(problem.code()))?;
    let value = identity::phone_value(&read).ok_or_else(|| refuse("hotline"))?;
    let identifier = Identifier::new("phone", value);
    if identity::is_blocked(&identifier, &policy.identity) {
        return Err(refuse("blocked"));
    }
    Ok((read, identifier))
}

/// The phone that a person is reached by: the one of the profile.
fn current(lead: &Lead) -> Option<Identifier> {
    let number = lead.text("phone")?;
    let phones = lead.identifiers.iter().filter(|known| known.kind.0 == "phone");
    phones.filter(|known| identity::number(&known.value) == number).min().cloned()
}

fn tell_phone(lead: &mut Lead, phone: &Phone, source: &SourceName, at: Timestamp) {
    let fact = |value: &str| Fact { value: value.into(), source: source.clone(), at };
    lead.profile.insert("phone".to_owned(), fact(&phone.e164));
    for gone in ["phone_ext", "phone_raw"] {
        lead.profile.remove(gone);
    }
    if let Some(extension) = &phone.extension {
        lead.profile.insert("phone_ext".to_owned(), fact(extension));
    }
}

/// The old number stays the person's, as one that was.
pub(crate) fn give_up(lead: &mut Lead, old: &Identifier, new: &Identifier, at: Timestamp) {
    each(lead, |lead| {
        lead.bonds.former.retain(|known| known.identifier != *new);
        forget(lead, old, at, "changed");
    });
}

/// The number that a capture puts in place of the one the person had, where it proves who it is: by something stronger
/// than a phone, or because the source links the old number to the new.
#[must_use]
pub(crate) fn changed_by(
    before: &Lead,
    captured: &Captured,
    found: &Resolution,
    policy: &Policy,
) -> Option<(Identifier, Identifier)> {
    let old = current(before)?;
    let said = captured.fields.text("phone")?;
    let phones = captured.who.iter().filter(|one| one.kind.0 == "phone" && found.bind.contains(one));
    let new = phones.into_iter().find(|one| identity::number(&one.value) == said)?;
    if identity::number(&old.value) == said {
        return None;
    }
    let rank = |identifier: &Identifier| identity::rank(&policy.identity, &identifier.kind);
    let stronger = found.by.as_ref().is_some_and(|by| rank(by) < rank(new));
    let linked = captured
        .ties
        .link
        .iter()
        .any(|(one, other)| (one, other) == (&old, new) || (one, other) == (new, &old));
    (stronger || linked).then(|| (old, new.clone()))
}

/// As [`tell_sales`], for records that no mapping keeps in step anyway.
pub(crate) fn tell_unmapped(case: &mut Case<'_>, before: &Lead) {
    let remote = case.book.open_handoff(case.lead.id).and_then(|handoff| handoff.remote.as_ref());
    let crm = remote.and_then(|remote| Some((remote, case.policy.crms.get(&remote.link)?)));
    if crm.is_some_and(|(remote, crm)| !crm.mapping.contains_key(&remote.object)) {
        tell_sales(case, before);
    }
}

/// Sales hear the new number wherever they hold the person.
pub(crate) fn tell_sales(case: &mut Case<'_>, before: &Lead) {
    let Some(handoff) = case.book.open_handoff(case.lead.id).cloned() else { return };
    if let Some(remote) = handoff.remote.clone() {
        tell::correct(case, &handoff, &remote, before);
    }
}
