//! From [`Needs`] to a [`Book`]: what a batch must know, in a number of queries that does not depend on its size.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::{Identifier, IdentifierKind};
use leadloop_sync_core::effect::RemoteLink;
use leadloop_sync_core::handoff::Handoff;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::{Binding, Lead, RemoteRef};
use leadloop_sync_core::mirror::{MirrorKey, MirrorRow};

use crate::cell::{Rows, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::{
    LOAD_COUNTERS, LOAD_FRESH, LOAD_HANDOFFS, LOAD_IDENTIFIERS, LOAD_KEYS, LOAD_LEADS, LOAD_LINKS, LOAD_LOAD,
    LOAD_MIRROR,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Loads what is needed into `book`. What the book has already stays as it is: it may be a working copy.
pub(crate) async fn load_into(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<()> {
    let leads = load_leads(work, book, needs).await?;
    load_identifiers(work, book, &leads).await?;
    load_handoffs(work, book, needs, &leads).await?;
    load_remotes(work, book, needs).await?;
    load_numbers(work, book, needs).await
}

/// Leads of all that was named, with those they were merged with; returns the ids of those that are new to the book.
async fn load_leads(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<BTreeSet<LeadId>> {
    let nothing = needs.leads.is_empty()
        && needs.identifiers.is_empty()
        && needs.handoffs.is_empty()
        && needs.remotes.is_empty();
    if nothing {
        return Ok(BTreeSet::new());
    }
    let mut ids = Rows::of(&LOAD_LEADS, 1);
    for id in &needs.leads {
        ids.add(*id);
    }
    let mut identifiers = Rows::of(&LOAD_LEADS, 2);
    for identifier in &needs.identifiers {
        identifiers.add(&identifier.kind.0).add(&identifier.value);
    }
    let mut handoffs = Rows::of(&LOAD_LEADS, 3);
    for id in &needs.handoffs {
        handoffs.add(*id);
    }
    let mut remotes = Rows::of(&LOAD_LEADS, 4);
    for remote in &needs.remotes {
        remotes.add(&remote.link).add(&remote.object).add(&remote.id);
    }
    let rows = work.rows(&LOAD_LEADS, args![ids, identifiers, handoffs, remotes]).await?;
    let mut found = BTreeSet::new();
    for row in rows {
        let lead: Lead = row.doc(0)?;
        // What hangs on a lead that the book has already came with it, and may have changed there since.
        if let Entry::Vacant(place) = book.leads.entry(lead.id) {
            found.insert(lead.id);
            place.insert(lead);
        }
    }
    Ok(found)
}

async fn load_identifiers(work: &mut Work, book: &mut Book, leads: &BTreeSet<LeadId>) -> Result<()> {
    if leads.is_empty() {
        return Ok(());
    }
    let mut ids = Rows::of(&LOAD_IDENTIFIERS, 1);
    for id in leads {
        ids.add(*id);
    }
    for row in work.rows(&LOAD_IDENTIFIERS, args![ids]).await? {
        let binding = binding_of(&row)?;
        book.identifiers.entry(binding.identifier.clone()).or_insert(binding);
    }
    Ok(())
}

/// Columns: kind, value, lead, source, at, last_at.
pub(crate) fn binding_of(row: &crate::cell::Row) -> Result<Binding> {
    Ok(Binding {
        identifier: Identifier { kind: IdentifierKind(row.get(0)?), value: row.get(1)? },
        lead: row.get(2)?,
        source: row.get(3)?,
        at: row.get(4)?,
        last_at: row.get(5)?,
    })
}

async fn load_handoffs(
    work: &mut Work,
    book: &mut Book,
    needs: &Needs,
    leads: &BTreeSet<LeadId>,
) -> Result<()> {
    if needs.handoffs.is_empty() && leads.is_empty() && needs.companies.is_empty() {
        return Ok(());
    }
    let mut ids = Rows::of(&LOAD_HANDOFFS, 1);
    for id in &needs.handoffs {
        ids.add(*id);
    }
    let mut of_leads = Rows::of(&LOAD_HANDOFFS, 2);
    for id in leads {
        of_leads.add(*id);
    }
    let mut of_companies = Rows::of(&LOAD_HANDOFFS, 3);
    for key in &needs.companies {
        of_companies.add(key);
    }
    for row in work.rows(&LOAD_HANDOFFS, args![ids, of_leads, of_companies]).await? {
        let handoff: Handoff = row.doc(0)?;
        book.handoffs.entry(handoff.id).or_insert(handoff);
    }
    Ok(())
}

async fn load_remotes(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<()> {
    if !needs.remotes.is_empty() {
        let mut remotes = Rows::of(&LOAD_LINKS, 1);
        for remote in &needs.remotes {
            remotes.add(&remote.link).add(&remote.object).add(&remote.id);
        }
        for row in work.rows(&LOAD_LINKS, args![remotes]).await? {
            let link: RemoteLink = row.doc(0)?;
            book.links.entry(link.remote.clone()).or_insert(link);
        }
    }
    let mut wanted: BTreeSet<RemoteRef> = needs.remotes.clone();
    if !needs.keys.is_empty() {
        let mut keys = Rows::of(&LOAD_KEYS, 1);
        for key in &needs.keys {
            keys.add(&key.link).add(&key.kind).add(&key.value);
        }
        for row in work.rows(&LOAD_KEYS, args![keys]).await? {
            let key = MirrorKey { link: row.get(0)?, kind: row.get(1)?, value: row.get(2)? };
            let remote = RemoteRef { link: key.link.clone(), object: row.get(3)?, id: row.get(4)? };
            wanted.insert(remote.clone());
            // A row that the book knows stands under the keys that the book says, not under those stored.
            if book.mirror.get(&remote).is_none_or(|row| stands_under(row, &key)) {
                book.keys.entry(key).or_default().insert(remote);
            }
        }
    }
    if wanted.is_empty() && needs.users_of.is_empty() {
        return Ok(());
    }
    let mut remotes = Rows::of(&LOAD_MIRROR, 1);
    for remote in &wanted {
        remotes.add(&remote.link).add(&remote.object).add(&remote.id);
    }
    let mut users_of = Rows::of(&LOAD_MIRROR, 2);
    for link in &needs.users_of {
        users_of.add(link);
    }
    for row in work.rows(&LOAD_MIRROR, args![remotes, users_of]).await? {
        let row: MirrorRow = row.doc(0)?;
        book.mirror.entry(row.remote.clone()).or_insert(row);
    }
    Ok(())
}

fn stands_under(row: &MirrorRow, key: &MirrorKey) -> bool {
    leadloop_sync_core::mirror_read::keys_of(row).contains(key)
}

async fn load_numbers(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<()> {
    if !needs.counters.is_empty() {
        let mut keys = Rows::of(&LOAD_COUNTERS, 1);
        for key in &needs.counters {
            keys.add(key);
        }
        for row in work.rows(&LOAD_COUNTERS, args![keys]).await? {
            let value = row.doc(1)?;
            book.counters.entry(row.get(0)?).or_insert(value);
        }
    }
    if !needs.fresh.is_empty() {
        let mut links = Rows::of(&LOAD_FRESH, 1);
        for link in &needs.fresh {
            links.add(link);
        }
        for row in work.rows(&LOAD_FRESH, args![links]).await? {
            let at = row.get(2)?;
            book.fresh.entry((row.get(0)?, row.get(1)?)).or_insert(at);
        }
    }
    if !needs.load_of.is_empty() {
        let mut links = Rows::of(&LOAD_LOAD, 1);
        for link in &needs.load_of {
            links.add(link);
        }
        for row in work.rows(&LOAD_LOAD, args![links]).await? {
            let count = row.get(2)?;
            book.load.entry((row.get(0)?, row.get(1)?)).or_insert(count);
        }
    }
    Ok(())
}
