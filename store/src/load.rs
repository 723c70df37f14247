//! From [`Needs`] to a [`Book`]: what a batch must know, in a number of queries that does not depend on its size.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use leadloop_sync_core::book::{Book, HISTORY_LOADED, Needs, ROWS_PER_KEY, TOUCHES_LOADED, UNSEEN_LOADED};
use leadloop_sync_core::capture::{Identifier, IdentifierKind};
use leadloop_sync_core::companies::widened;
use leadloop_sync_core::effect::RemoteLink;
use leadloop_sync_core::handoff::Handoff;
use leadloop_sync_core::ids::{HandoffId, LeadId, LinkName};
use leadloop_sync_core::lead::{Binding, Lead, RemoteRef};
use leadloop_sync_core::matching::unsure;
use leadloop_sync_core::mirror::{MirrorKey, MirrorRow};
use leadloop_sync_core::mirror_read::{Companions, companions, keys_of};

use crate::cell::{Arg, Rows, args};
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::{
    LEAD_HOLD, LOAD_COUNTERS, LOAD_FRESH, LOAD_HANDOFFS, LOAD_IDENTIFIERS, LOAD_KEYS, LOAD_LEADS, LOAD_LINKS,
    LOAD_LOAD, LOAD_MIRROR, LOAD_TOUCHES, MIRROR_UNSEEN, Statement,
};
use crate::text::Engine;

type Result<T> = std::result::Result<T, StoreError>;

/// Loads what is needed into `book`. What the book has already stays as it is: it may be a working copy.
pub(crate) async fn load_into(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<()> {
    crate::companies::load(work, book, needs).await?;
    let wider = widened(needs, &book.judged);
    let needs = wider.as_ref().unwrap_or(needs);
    let leads = load_leads(work, book, needs).await?;
    load_identifiers(work, book, &leads).await?;
    let told = load_links(work, book, needs).await?;
    load_handoffs(work, book, needs, &leads, &told).await?;
    load_mirror(work, book, needs).await?;
    let further = Needs { keys: unsure(book, needs), ..Needs::default() };
    load_mirror(work, book, &further).await?;
    load_unseen(work, book, needs).await?;
    load_touches(work, book, &needs.history_of, HISTORY_LOADED).await?;
    load_touches(work, book, &needs.touches_of, TOUCHES_LOADED).await?;
    load_numbers(work, book, needs).await
}

/// Leads of all that was named, with those they were merged with; returns the ids of those that are new to the book.
async fn load_leads(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<BTreeSet<LeadId>> {
    let Some(named) = named(&LOAD_LEADS, needs) else { return Ok(BTreeSet::new()) };
    let rows = work.rows(&LOAD_LEADS, named).await?;
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

/// What names leads, as the lists that a statement takes; nothing where nothing does.
fn named(statement: &'static Statement, needs: &Needs) -> Option<Vec<Arg>> {
    let nothing = needs.leads.is_empty()
        && needs.identifiers.is_empty()
        && needs.handoffs.is_empty()
        && needs.remotes.is_empty();
    if nothing {
        return None;
    }
    let mut ids = Rows::of(statement, 1);
    for id in &needs.leads {
        ids.add(*id);
    }
    let mut identifiers = Rows::of(statement, 2);
    for identifier in &needs.identifiers {
        identifiers.add(&identifier.kind.0).add(&identifier.value);
    }
    let mut handoffs = Rows::of(statement, 3);
    for id in &needs.handoffs {
        handoffs.add(*id);
    }
    let mut remotes = Rows::of(statement, 4);
    for remote in &needs.remotes {
        remotes.add(&remote.link).add(&remote.object).add(&remote.id);
    }
    Some(args![ids, identifiers, handoffs, remotes])
}

/// Locks the leads that are named, with those they were merged with. SQLite has one writer: nothing to lock there.
pub(crate) async fn hold_leads(work: &mut Work, needs: &Needs) -> Result<()> {
    if work.engine() == Engine::Sqlite {
        return Ok(());
    }
    match named(&LEAD_HOLD, needs) {
        Some(named) => work.rows(&LEAD_HOLD, named).await.map(drop),
        None => Ok(()),
    }
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
        identifier: Identifier { kind: IdentifierKind(row.get(0)?), value: row.opened(1)? },
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
    told: &BTreeSet<HandoffId>,
) -> Result<()> {
    if needs.handoffs.is_empty() && told.is_empty() && leads.is_empty() && needs.companies.is_empty() {
        return Ok(());
    }
    let mut ids = Rows::of(&LOAD_HANDOFFS, 1);
    for id in needs.handoffs.union(told) {
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

/// Links of records; returns the hand-overs of those whose lead is asked for too.
async fn load_links(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<BTreeSet<HandoffId>> {
    let mut told = BTreeSet::new();
    if needs.remotes.is_empty() && needs.rows.is_empty() {
        return Ok(told);
    }
    let remotes = list(&LOAD_LINKS, needs.remotes.union(&needs.rows));
    for row in work.rows(&LOAD_LINKS, args![remotes]).await? {
        let link: RemoteLink = row.doc(0)?;
        told.extend(link.handoff.filter(|_| needs.remotes.contains(&link.remote)));
        book.links.entry(link.remote.clone()).or_insert(link);
    }
    Ok(told)
}

/// Mirror rows that were asked for by reference or key, their companions one step on, bare rows and users.
async fn load_mirror(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<()> {
    let mut asked = needs.remotes.clone();
    asked.extend(load_keys(work, book, &needs.keys).await?);
    let rows: BTreeSet<RemoteRef> = asked.union(&needs.rows).cloned().collect();
    let mut near = Companions::default();
    for row in load_rows(work, &rows, &needs.users_of).await? {
        if asked.contains(&row.remote) {
            let companions = companions(&row);
            near.rows.extend(companions.rows);
            near.keys.extend(companions.keys);
        }
        book.mirror.entry(row.remote.clone()).or_insert(row);
    }
    let keys: BTreeSet<MirrorKey> = near.keys.difference(&needs.keys).cloned().collect();
    near.rows.extend(load_keys(work, book, &keys).await?);
    let more: BTreeSet<RemoteRef> = near.rows.difference(&rows).cloned().collect();
    for row in load_rows(work, &more, &BTreeSet::new()).await? {
        book.mirror.entry(row.remote.clone()).or_insert(row);
    }
    Ok(())
}

/// Which rows stand under keys.
async fn load_keys(work: &mut Work, book: &mut Book, keys: &BTreeSet<MirrorKey>) -> Result<Vec<RemoteRef>> {
    let mut found = Vec::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let mut wanted = Rows::of(&LOAD_KEYS, 1);
    for key in keys {
        wanted.add(&key.link).add(&key.kind).add(&key.value);
    }
    for row in work.rows(&LOAD_KEYS, args![wanted, i64::from(ROWS_PER_KEY)]).await? {
        let key = MirrorKey { link: row.get(0)?, kind: row.get(1)?, value: row.opened(2)? };
        let remote = RemoteRef { link: key.link.clone(), object: row.get(3)?, id: row.get(4)? };
        found.push(remote.clone());
        // A row that the book knows stands under the keys that the book says, not under those stored.
        if book.mirror.get(&remote).is_none_or(|row| stands_under(row, &key)) {
            book.keys.entry(key).or_default().insert(remote);
        }
    }
    Ok(found)
}

/// Rows that were not seen since a whole reading of their object began.
async fn load_unseen(work: &mut Work, book: &mut Book, needs: &Needs) -> Result<()> {
    for (link, object, before) in &needs.unseen {
        let mut wanted = Rows::of(&MIRROR_UNSEEN, 1);
        wanted.add(link).add(object).add(*before);
        for row in work.rows(&MIRROR_UNSEEN, args![wanted, i64::from(UNSEEN_LOADED)]).await? {
            let row: MirrorRow = row.doc(0)?;
            book.mirror.entry(row.remote.clone()).or_insert(row);
        }
    }
    Ok(())
}

async fn load_rows(
    work: &mut Work,
    remotes: &BTreeSet<RemoteRef>,
    users_of: &BTreeSet<LinkName>,
) -> Result<Vec<MirrorRow>> {
    if remotes.is_empty() && users_of.is_empty() {
        return Ok(Vec::new());
    }
    let mut users = Rows::of(&LOAD_MIRROR, 2);
    for link in users_of {
        users.add(link);
    }
    let wanted = list(&LOAD_MIRROR, remotes);
    work.rows(&LOAD_MIRROR, args![wanted, users]).await?.iter().map(|row| row.doc(0)).collect()
}

fn list<'r>(statement: &'static Statement, remotes: impl IntoIterator<Item = &'r RemoteRef>) -> Rows {
    let mut rows = Rows::of(statement, 1);
    for remote in remotes {
        rows.add(&remote.link).add(&remote.object).add(&remote.id);
    }
    rows
}

/// The latest touches of people whose leads the book has.
pub(crate) async fn load_touches(
    work: &mut Work,
    book: &mut Book,
    asked: &BTreeSet<LeadId>,
    most: u32,
) -> Result<()> {
    let survivor = |id: LeadId| book.resolve(id).map_or(id, |lead| lead.id);
    let people: BTreeSet<LeadId> =
        asked.iter().map(|id| survivor(*id)).filter(|person| !book.touches.contains_key(person)).collect();
    if people.is_empty() {
        return Ok(());
    }
    let mut leads = Rows::of(&LOAD_TOUCHES, 1);
    for person in &people {
        leads.add(*person).add(*person);
    }
    for member in book.leads.keys().filter(|id| !people.contains(id)) {
        let person = survivor(*member);
        if people.contains(&person) {
            leads.add(person).add(*member);
        }
    }
    for row in work.rows(&LOAD_TOUCHES, args![leads, i64::from(most)]).await? {
        book.touches.entry(row.get(0)?).or_default().push(row.doc(1)?);
    }
    Ok(())
}

fn stands_under(row: &MirrorRow, key: &MirrorKey) -> bool {
    keys_of(row).contains(key)
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
