//! What is remembered of dealings with sales ([`Dealings`]) where leads become one person, or two again.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::book::Book;
use crate::effect::{Effect, Reaction};
use crate::ids::LeadId;
use crate::routing::{Dealings, dealings_key};

/// The counters of all leads that a book holds.
pub(super) fn keys(book: &Book) -> impl Iterator<Item = String> + '_ {
    book.leads.keys().map(|lead| dealings_key(*lead))
}

/// The book in which the one that survives remembers what is remembered of those that are merged into it, and what that
/// changes.
pub(crate) fn joined<'b>(
    book: &'b Book,
    survivor: Option<LeadId>,
    absorbed: &[LeadId],
) -> (Cow<'b, Book>, Vec<Effect>) {
    let Some(survivor) = survivor else { return (Cow::Borrowed(book), Vec::new()) };
    let before = Dealings::of(book, survivor);
    let mut ours = before.clone();
    let mut effects = Vec::new();
    for lead in absorbed {
        let known = Dealings::of(book, *lead);
        let mut theirs = known.clone();
        ours.join(&mut theirs);
        effects.extend((theirs != known).then(|| kept(*lead, &theirs)));
    }
    effects.extend((ours != before).then(|| kept(survivor, &ours)));
    if effects.is_empty() {
        return (Cow::Borrowed(book), effects);
    }
    let mut joined = book.clone();
    joined.apply(&Reaction { effects: effects.clone(), ..Reaction::default() });
    (Cow::Owned(joined), effects)
}

/// What is remembered of each of the two that a person becomes; `ids`: the leads that go.
pub(super) fn parted(book: &Book, stays: LeadId, goes: LeadId, ids: &BTreeSet<LeadId>) -> Vec<Effect> {
    let (ours, theirs) = (Dealings::of(book, stays), Dealings::of(book, goes));
    let (mut left, mut gone) = (ours.clone(), theirs.clone());
    left.part(&mut gone, ids);
    let of = [(stays, ours, left), (goes, theirs, gone)];
    of.into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(lead, _, after)| kept(lead, &after))
        .collect()
}

fn kept(lead: LeadId, dealings: &Dealings) -> Effect {
    Effect::SetCounter { key: dealings_key(lead), value: dealings.to_json() }
}
