//! What [`Needs`] mean, as a function: the part of a book of everything that they ask for. The reference that the store's
//! loading is held against, and what the tests of the core let verbs see.

use std::collections::BTreeSet;

use super::{Book, HISTORY_LOADED, Needs, ROWS_PER_KEY, TOUCHES_LOADED, UNSEEN_LOADED};
use crate::companies;
use crate::ids::LeadId;
use crate::lead::RemoteRef;
use crate::matching;
use crate::mirror::MirrorKey;
use crate::mirror_read::{self, USER};

impl Book {
    /// The part of this book that is needed.
    #[must_use]
    pub fn view(&self, needs: &Needs) -> Book {
        let mut book = Book::default();
        self.view_into(&mut book, needs);
        book
    }

    /// Adds the part of this book that is needed; what `book` knows already stays as it is.
    pub fn view_into(&self, book: &mut Book, needs: &Needs) {
        for (keys, verdict) in &self.judged {
            if needs.judged.contains(&keys.0) || needs.judged.contains(&keys.1) {
                book.judged.entry(keys.clone()).or_insert_with(|| verdict.clone());
            }
        }
        let wider = companies::widened(needs, &book.judged);
        let needs = wider.as_ref().unwrap_or(needs);
        let leads = self.leads_named(needs);
        for (id, lead) in self.leads.iter().filter(|(id, _)| leads.contains(id)) {
            book.leads.entry(*id).or_insert_with(|| lead.clone());
        }
        for (identifier, binding) in self.identifiers.iter().filter(|(_, of)| leads.contains(&of.lead)) {
            book.identifiers.entry(identifier.clone()).or_insert_with(|| binding.clone());
        }
        for (remote, link) in &self.links {
            if needs.remotes.contains(remote) || needs.rows.contains(remote) {
                book.links.entry(remote.clone()).or_insert_with(|| link.clone());
            }
        }
        self.handoffs_into(book, needs, &leads);
        self.mirror_into(book, needs);
        let further = matching::unsure(book, needs);
        self.mirror_into(book, &Needs { keys: further, ..Needs::default() });
        self.unseen_into(book, needs);
        self.touches_into(book, &needs.history_of, HISTORY_LOADED);
        self.touches_into(book, &needs.touches_of, TOUCHES_LOADED);
        for key in &needs.counters {
            if let Some(value) = self.counters.get(key) {
                book.counters.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        for (key, at) in self.fresh.iter().filter(|((link, _), _)| needs.fresh.contains(link)) {
            book.fresh.entry(key.clone()).or_insert(*at);
        }
        let load = self.load.iter().filter(|((link, _), count)| needs.load_of.contains(link) && **count != 0);
        for (key, count) in load {
            book.load.entry(key.clone()).or_insert(*count);
        }
    }

    /// The leads of all that was named, with all they were merged with.
    fn leads_named(&self, needs: &Needs) -> BTreeSet<LeadId> {
        let of_remotes = needs.remotes.iter().filter_map(|remote| self.links.get(remote));
        let of_handoffs = needs.handoffs.iter().filter_map(|id| self.handoffs.get(id));
        let of_identifiers = needs.identifiers.iter().filter_map(|known| self.identifiers.get(known));
        let mut open: Vec<LeadId> = needs.leads.iter().copied().collect();
        open.extend(of_remotes.map(|link| link.lead));
        open.extend(of_handoffs.map(|handoff| handoff.lead));
        open.extend(of_identifiers.map(|binding| binding.lead));
        let mut found = BTreeSet::new();
        while let Some(id) = open.pop() {
            let Some(lead) = self.leads.get(&id).filter(|lead| found.insert(lead.id)) else { continue };
            open.extend(lead.merged_into);
            open.extend(self.leads.values().filter(|lead| lead.merged_into == Some(id)).map(|lead| lead.id));
        }
        found
    }

    fn handoffs_into(&self, book: &mut Book, needs: &Needs, leads: &BTreeSet<LeadId>) {
        let last_closed = |lead: &LeadId| {
            let closed = self.handoffs.values().filter(|h| h.lead == *lead && !h.state.is_open());
            closed.max_by_key(|handoff| (handoff.state_since, handoff.id)).map(|handoff| handoff.id)
        };
        let mut wanted: BTreeSet<_> = leads.iter().filter_map(last_closed).collect();
        wanted.extend(&needs.handoffs);
        let of_links = needs.remotes.iter().filter_map(|remote| self.links.get(remote)?.handoff);
        wanted.extend(of_links);
        for (id, handoff) in &self.handoffs {
            let of_company = handoff.company_key.as_ref().is_some_and(|key| needs.companies.contains(key));
            let open = handoff.state.is_open() && (of_company || leads.contains(&handoff.lead));
            if open || wanted.contains(id) {
                book.handoffs.entry(*id).or_insert_with(|| handoff.clone());
            }
        }
    }

    fn unseen_into(&self, book: &mut Book, needs: &Needs) {
        let most = usize::try_from(UNSEEN_LOADED).unwrap_or(usize::MAX);
        for (link, object, before) in &needs.unseen {
            let of = |remote: &RemoteRef| remote.link == *link && remote.object == *object;
            let unseen = self
                .mirror
                .iter()
                .filter(|(remote, row)| of(remote) && !row.deleted && row.seen_at < *before);
            for (remote, row) in unseen.take(most) {
                book.mirror.entry(remote.clone()).or_insert_with(|| row.clone());
            }
        }
    }

    fn mirror_into(&self, book: &mut Book, needs: &Needs) {
        let mut asked: BTreeSet<RemoteRef> = needs.remotes.clone();
        for key in &needs.keys {
            asked.extend(self.key_into(book, key));
        }
        let mut rows = asked.clone();
        let mut keys: BTreeSet<MirrorKey> = BTreeSet::new();
        for row in asked.iter().filter_map(|remote| self.mirror.get(remote)) {
            let companions = mirror_read::companions(row);
            rows.extend(companions.rows);
            keys.extend(companions.keys);
        }
        for key in keys.difference(&needs.keys) {
            rows.extend(self.key_into(book, key));
        }
        rows.extend(needs.rows.iter().cloned());
        let users = self.mirror.keys().filter(|remote| remote.object == USER);
        rows.extend(users.filter(|remote| needs.users_of.contains(&remote.link)).cloned());
        for remote in rows {
            if let Some(row) = self.mirror.get(&remote) {
                book.mirror.entry(remote).or_insert_with(|| row.clone());
            }
        }
    }

    /// The rows under a key, the latest change first, bounded.
    fn key_into(&self, book: &mut Book, key: &MirrorKey) -> Vec<RemoteRef> {
        let mut rows: Vec<&RemoteRef> = self.keys.get(key).into_iter().flatten().collect();
        rows.sort_by_key(|remote| {
            let changed = self.mirror.get(*remote).and_then(|row| row.modified_at);
            (std::cmp::Reverse(changed), (*remote).clone())
        });
        rows.truncate(ROWS_PER_KEY as usize);
        for remote in &rows {
            // A row that the book knows stands under the keys that the book says.
            let known = book.mirror.get(*remote);
            if known.is_none_or(|row| mirror_read::keys_of(row).contains(key)) {
                book.keys.entry(key.clone()).or_default().insert((*remote).clone());
            }
        }
        rows.into_iter().cloned().collect()
    }

    /// The latest touches of a person, those of merged leads that the target knows too, under the lead that stands for
    /// them today.
    fn touches_into(&self, book: &mut Book, asked: &BTreeSet<LeadId>, most: u32) {
        let survivor = |id: LeadId| book.resolve(id).map_or(id, |lead| lead.id);
        let people: BTreeSet<LeadId> = asked.iter().map(|id| survivor(*id)).collect();
        let mut latest = Vec::new();
        for person in people.into_iter().filter(|person| !book.touches.contains_key(person)) {
            let of_person = self.touches.iter().filter(|(lead, _)| survivor(**lead) == person);
            let mut touches: Vec<_> = of_person.flat_map(|(_, touches)| touches).collect();
            touches.sort_by_key(|touch| (touch.at, touch.id));
            let surplus = touches.len().saturating_sub(most as usize);
            latest.push((person, touches.into_iter().skip(surplus).cloned().collect::<Vec<_>>()));
        }
        book.touches.extend(latest.into_iter().filter(|(_, touches)| !touches.is_empty()));
    }
}
