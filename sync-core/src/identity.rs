//! Stage 2, identity: whose capture is this? One person per lead, by typed identifiers, stronger before weaker.
//!
//! Decides only; [`crate::absorb`] carries it out. The rules, in the order they are tried for each identifier:
//!
//! 1. The strongest identifier of the capture decides, whatever weaker ones say.
//! 2. A device (cookie, analytics id) joins an anonymous history to a person, never two known persons.
//! 3. A weaker identifier joins two leads unless they hold different values of something that one person has once
//!    ([`SINGLE`]) and that is at least as strong; the two then are suspects.
//! 4. Neither may the joined person hold more identifiers of a kind than the policy allows, nor two running hand-overs.
//! 5. A phone that was given up, or was silent for long, and comes under another name is somebody else's by now.
//! 6. Two leads of which somebody said that they are different people are never joined, whatever they share.
//!
//! The oldest known lead survives a merge; absorbed ids resolve for ever. Nothing is moved: a merge is one edge
//! (`merged_into`), so taking it back is possible.

use std::collections::{BTreeMap, BTreeSet};

use crate::because::Reason;
use crate::book::Book;
use crate::capture::{Captured, Identifier, IdentifierKind};
use crate::ids::LeadId;
use crate::lead::{Binding, Lead};
use crate::normal::phone::{Phone, PhoneKind};
use crate::normal::{self, mask};
use crate::person;
use crate::policy::{IdentityPolicy, Policy};
use crate::time::Timestamp;

/// Kinds that name a device or browser, not a person.
pub const DEVICES: [&str; 2] = ["cookie", "uba_id"];
/// Kinds of which one person has one at a time: two different ones are two persons, until somebody says otherwise.
pub const SINGLE: [&str; 3] = ["phone", "unionid", "wecom_id"];
/// Most identifiers of one kind on one person, where the policy names no limit.
pub const MOST_OF_A_KIND: u32 = 50;

/// What was found about a capture's identifiers.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Resolution {
    /// The lead it belongs to; `None`: a new one.
    pub survivor: Option<LeadId>,
    /// Leads that turn out to be the same person, to be merged into the survivor.
    pub absorbed: Vec<LeadId>,
    /// Through which identifier each of them was found.
    pub joined: BTreeMap<LeadId, Identifier>,
    /// Identifiers that are the person's: new ones, and known ones seen again.
    pub bind: Vec<Identifier>,
    /// The identifier that led to the lead, or the strongest of a new one.
    pub by: Option<Identifier>,
    /// Identifiers of others that are this person's from now on.
    pub taken: Vec<Identifier>,
    /// Leads that were not joined although they share something.
    pub suspects: Vec<Doubt>,
    /// The reasons, in the order they were found.
    pub reasons: Vec<Reason>,
}

/// Why a lead was not joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The lead that was left alone.
    pub other: LeadId,
    /// What it shares with the capture.
    pub by: Identifier,
    /// Why: a stable code.
    pub why: &'static str,
}

/// Whether we know who it is: it holds something beside device ids.
#[must_use]
pub fn is_known(lead: &Lead) -> bool {
    lead.identifiers.iter().any(|identifier| !is_device(&identifier.kind))
}

/// Whether a kind names a device.
#[must_use]
pub fn is_device(kind: &IdentifierKind) -> bool {
    DEVICES.contains(&kind.0.as_str())
}

/// Whether what looks like a device is the very id its person logs in with: clients that flag no login ids say it so.
fn is_account(by: &Identifier, lead: &Lead) -> bool {
    lead.identifiers.contains(&Identifier::new("login_id", by.value.as_str()))
}

/// The place of a kind in the policy's order; smaller is stronger, unnamed kinds are weakest but for devices.
#[must_use]
pub fn rank(policy: &IdentityPolicy, kind: &IdentifierKind) -> usize {
    let named = policy.order.iter().position(|known| known == kind);
    named.unwrap_or(policy.order.len() + usize::from(is_device(kind)))
}

/// Whether a value identifies nobody, by the config.
#[must_use]
pub fn is_blocked(identifier: &Identifier, policy: &IdentityPolicy) -> bool {
    let value = identifier.value.as_str();
    let national = value.strip_prefix("+86").unwrap_or(value);
    policy.blocked.contains(value) || policy.blocked.contains(national)
}

/// A phone as an identifier: colleagues behind one switchboard differ by the extension, so it belongs to the value
/// (`+862160001234;ext=801`, as RFC 3966 writes it). `None` for a hotline without extension: nobody's own.
#[must_use]
pub fn phone_value(phone: &Phone) -> Option<String> {
    match (&phone.extension, phone.kind) {
        (Some(extension), _) => Some(format!("{};ext={extension}", phone.e164)),
        (None, PhoneKind::TollFree) => None,
        (None, _) => Some(phone.e164.clone()),
    }
}

/// The number of a phone identifier, without its extension.
#[must_use]
pub fn number(value: &str) -> &str {
    value.split_once(';').map_or(value, |(number, _)| number)
}

/// The values under which a phone identifier may stand in other systems: with its extension, and without.
pub fn phone_keys(value: &str) -> impl Iterator<Item = &str> {
    std::iter::once(value).chain(Some(number(value)).filter(|number| *number != value))
}

/// An identifier as it may stand in a reason: recognisable, not readable.
#[must_use]
pub fn masked(identifier: &Identifier) -> String {
    let value = identifier.value.as_str();
    let shown = match identifier.kind.0.as_str() {
        "phone" => mask::phone(number(value)),
        "email" => mask::email(value),
        // Ids of systems: no one but the system's own users can do anything with them.
        "crm_id" | "ma_id" => value.to_owned(),
        _ => mask::opaque(value),
    };
    format!("{} {shown}", identifier.kind.0)
}

/// Finds out whose capture it is. Its identifiers are sorted, strongest first.
#[must_use]
pub fn resolve<'a>(book: &'a Book, captured: &'a Captured, policy: &'a Policy) -> Resolution {
    let who = captured.who.as_slice();
    let mut person = Person {
        book,
        policy: &policy.identity,
        at: captured.at,
        name: captured.fields.text("name"),
        who,
        linked: captured.ties.link.iter().flat_map(|(one, other)| [one, other]).collect(),
        held: who.iter().cloned().collect(),
        leads: Vec::new(),
        found: Resolution::default(),
    };
    // Two identifiers may lead to the same doubt: it is told once.
    let mut doubted: BTreeSet<LeadId> = BTreeSet::new();
    for (place, identifier) in who.iter().enumerate() {
        let Some(lead) = book.lead_of(identifier) else { continue };
        if person.leads.iter().any(|known| known.id == lead.id) {
            continue;
        }
        if person.has_passed_on(identifier, lead) {
            person.found.taken.push(identifier.clone());
            if doubted.insert(lead.id) {
                person.doubt(identifier, lead, "recycled_phone");
            }
            continue;
        }
        match person.objection(identifier, place, lead) {
            None => person.join(identifier, lead),
            Some(why) if doubted.insert(lead.id) => person.doubt(identifier, lead, why),
            Some(_) => {}
        }
    }
    person.finish()
}

/// The person that a capture's identifiers make up, lead by lead.
struct Person<'a> {
    book: &'a Book,
    policy: &'a IdentityPolicy,
    at: Timestamp,
    name: Option<&'a str>,
    who: &'a [Identifier],
    /// What the source says belongs together: proof of its own, though no stronger than its kind.
    linked: BTreeSet<&'a Identifier>,
    held: BTreeSet<Identifier>,
    leads: Vec<&'a Lead>,
    found: Resolution,
}

impl<'a> Person<'a> {
    /// Why this identifier may not join its lead to the person; `None` where it may.
    fn objection(&self, by: &Identifier, place: usize, lead: &Lead) -> Option<&'static str> {
        if self.leads.is_empty() && place == 0 {
            return None;
        }
        if self.leads.iter().any(|known| person::are_apart(self.book, known, lead)) {
            return Some("said_apart");
        }
        if is_device(&by.kind) {
            let known = self.held.iter().any(|held| !is_device(&held.kind));
            if known && is_known(lead) && !is_account(by, lead) {
                return Some("shared_device");
            }
        }
        let strength = rank(self.policy, &by.kind);
        let clash = SINGLE
            .iter()
            .find(|kind| rank(self.policy, &(**kind).into()) <= strength && self.differs(kind, lead));
        if let Some(kind) = clash {
            return Some(match *kind {
                "phone" => "different_phone",
                "unionid" => "different_unionid",
                _ => "different_wecom_id",
            });
        }
        // A further value of a kind (a switchboard beside a mobile) proves less than the first, and so does one that
        // intake put behind weaker kinds; but not one that the source linked on purpose.
        let further = self.who.iter().take(place).any(|before| {
            before.kind == by.kind || rank(self.policy, &before.kind) > rank(self.policy, &by.kind)
        });
        if further && !self.linked.contains(by) && self.differs("email", lead) {
            return Some("different_email");
        }
        if self.leads.iter().any(|known| self.book.open_handoff(known.id).is_some())
            && self.book.open_handoff(lead.id).is_some()
        {
            return Some("both_with_sales");
        }
        self.too_many(by, lead).then_some("limit")
    }

    /// Whether a phone of this lead is somebody else's by now: given up or silent for long, another name, and nothing else
    /// in the capture that is the lead's.
    fn has_passed_on(&self, by: &Identifier, lead: &Lead) -> bool {
        let (Some(after), Some(binding)) = (self.policy.recycled_after, self.book.identifiers.get(by)) else {
            return false;
        };
        if by.kind.0 != "phone" {
            return false;
        }
        let silent = is_former(lead, by).unwrap_or(binding.last_at + after) <= self.at;
        let other = |one: &&Identifier| *one != by && !is_device(&one.kind);
        let vouched =
            self.who.iter().filter(other).any(|one| self.book.lead_of(one).is_some_and(|l| l.id == lead.id));
        silent
            && !vouched
            && self.name.zip(lead.text("name")).is_some_and(|(ours, theirs)| are_two(ours, theirs))
    }

    /// Whether what the capture says, or what the person is known by, differs from what the lead holds of a kind:
    /// each has something that the other has not. Values said in one breath belong together, so what the person is
    /// known by counts only where the capture does not repeat any of it.
    fn differs(&self, kind: &str, lead: &Lead) -> bool {
        let of_kind = |all: &'a BTreeSet<Identifier>| all.iter().filter(move |one| one.kind.0 == kind);
        let said: BTreeSet<&Identifier> = self.who.iter().filter(|one| one.kind.0 == kind).collect();
        let known: BTreeSet<&Identifier> =
            self.leads.iter().flat_map(|lead| of_kind(&lead.identifiers)).collect();
        let theirs: BTreeSet<&Identifier> =
            lead.identifiers.iter().filter(|one| one.kind.0 == kind).collect();
        let apart = |ours: &BTreeSet<&Identifier>| !ours.is_subset(&theirs) && !theirs.is_subset(ours);
        apart(&said) || (known.is_disjoint(&said) && apart(&known))
    }

    /// Whether person and lead together would hold more of a kind than the policy allows. How many devices somebody
    /// has says nothing against what joins persons.
    fn too_many(&self, by: &Identifier, lead: &Lead) -> bool {
        let all: BTreeSet<&Identifier> = self.held.iter().chain(&lead.identifiers).collect();
        let mut counts: BTreeMap<&IdentifierKind, u32> = BTreeMap::new();
        for identifier in all.into_iter().filter(|one| is_device(&by.kind) || !is_device(&one.kind)) {
            if self.counts(identifier) {
                *counts.entry(&identifier.kind).or_default() += 1;
            }
        }
        counts.into_iter().any(|(kind, count)| count > self.limit(kind))
    }

    fn limit(&self, kind: &IdentifierKind) -> u32 {
        self.policy.limits.get(kind).map_or(MOST_OF_A_KIND, |(most, _)| *most)
    }

    /// Whether an identifier counts against the limit of its kind: within the window, where there is one.
    fn counts(&self, identifier: &Identifier) -> bool {
        if self.leads.iter().any(|lead| is_former(lead, identifier).is_some()) {
            return false;
        }
        let window = self.policy.limits.get(&identifier.kind).and_then(|(_, window)| *window);
        let said = self.book.identifiers.get(identifier).map(|binding| binding.at);
        match (window, said) {
            (Some(window), Some(said)) => said > self.at - window,
            _ => true,
        }
    }

    fn join(&mut self, by: &Identifier, lead: &'a Lead) {
        if self.found.by.is_none() {
            self.found.by = Some(by.clone());
            self.found.reasons.push(Reason::new("person_known").with("by", masked(by)));
        } else {
            self.found.reasons.push(Reason::new("same_person").with("by", masked(by)).with("lead", lead.id));
        }
        self.found.joined.insert(lead.id, by.clone());
        self.held.extend(lead.identifiers.iter().cloned());
        self.leads.push(lead);
    }

    fn doubt(&mut self, by: &Identifier, lead: &Lead, why: &'static str) {
        let reason = Reason::new("not_joined").with("by", masked(by)).with("lead", lead.id).with("why", why);
        self.found.reasons.push(reason);
        // What somebody has judged is not asked again.
        if why != "said_apart" {
            self.found.suspects.push(Doubt { other: lead.id, by: by.clone(), why });
        }
    }

    fn finish(mut self) -> Resolution {
        let survivor = self.leads.iter().min_by_key(|lead| person::age(lead)).map(|lead| lead.id);
        self.found.survivor = survivor;
        self.found.absorbed =
            self.leads.iter().map(|lead| lead.id).filter(|id| Some(*id) != survivor).collect();
        if survivor.is_none() {
            self.found.by = self.who.first().cloned();
            self.found.reasons.push(Reason::new("person_new"));
        }
        self.bind();
        self.found
    }

    /// Sorts the capture's identifiers into those that are the person's and those that are not, for lack of room or
    /// because they are somebody else's. Within a window or not, nobody holds more than [`MOST_OF_A_KIND`].
    fn bind(&mut self) {
        let mut counts: BTreeMap<IdentifierKind, (u32, u32)> = BTreeMap::new();
        for identifier in self.leads.iter().flat_map(|lead| &lead.identifiers).collect::<BTreeSet<_>>() {
            let counted = u32::from(self.counts(identifier));
            let (lately, ever) = counts.entry(identifier.kind.clone()).or_default();
            (*lately, *ever) = (*lately + counted, *ever + 1);
        }
        for identifier in self.who {
            match self.book.lead_of(identifier) {
                Some(lead) if self.leads.iter().any(|known| known.id == lead.id) => {}
                Some(_) if self.found.taken.contains(identifier) => {}
                Some(_) => continue,
                None => {
                    let (lately, ever) = counts.entry(identifier.kind.clone()).or_default();
                    let most = self.limit(&identifier.kind);
                    if *lately >= most || *ever >= MOST_OF_A_KIND.max(most) {
                        let reason = Reason::new("limit_reached").with("kind", &identifier.kind.0);
                        self.found.reasons.push(reason.with("at_most", most));
                        continue;
                    }
                    (*lately, *ever) = (*lately + 1, *ever + 1);
                }
            }
            self.found.bind.push(identifier.clone());
        }
    }
}

/// Since when an identifier is one that the lead had once.
fn is_former(lead: &Lead, identifier: &Identifier) -> Option<Timestamp> {
    lead.bonds.former.iter().find(|known| known.identifier == *identifier).map(|known| known.until)
}

/// Whether two names are surely of two people: neither is part of the other, in whatever order and spelling.
fn are_two(one: &str, other: &str) -> bool {
    let read =
        |name: &str| normal::person::parse(name).ok().map(|name| name.key).filter(|key| !key.is_empty());
    match (read(one), read(other)) {
        (Some(one), Some(other)) => !one.contains(&other) && !other.contains(&one),
        _ => false,
    }
}

/// The binding of an identifier of a lead, as it becomes by being seen at `at`: born bindings stay where they were born,
/// but for those that are `taken` from somebody else.
#[must_use]
pub fn binding(
    book: &Book,
    (identifier, taken): (&Identifier, bool),
    lead: LeadId,
    source: &crate::ids::SourceName,
    at: Timestamp,
) -> Binding {
    match book.identifiers.get(identifier).filter(|_| !taken) {
        Some(known) => {
            let earlier = at < known.at;
            Binding {
                source: if earlier { source.clone() } else { known.source.clone() },
                at: known.at.min(at),
                last_at: known.last_at.max(at),
                ..known.clone()
            }
        }
        None => Binding { identifier: identifier.clone(), lead, source: source.clone(), at, last_at: at },
    }
}
