//! Pool and CRM, record by record, and both against the truth about the samples.
//!
//! Each hand-over that reached the CRM has exactly one record there; what leadloop made carries its mark, and each mark
//! there is a hand-over here. Owner and stage agree. Who refused is not in the CRM.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_store::read::story::Story;
use leadloop_sync_core::handoff::{Action, Handoff, HandoffState};
use leadloop_sync_core::lead::{RemoteRef, Stage as LeadStage};
use serde::Deserialize;
use serde_json::Value;

use super::books::{Books, reached};
use super::crm::{Remote, Snapshot};
use super::send::Sent;
use super::stage::Stage;
use crate::failure::Failure;

/// What the comparison found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Hand-overs that were held against their CRM record.
    pub compared: usize,
    /// Marks found in the CRM.
    pub marks: usize,
    /// People who refused, none of whom may be there.
    pub refused: usize,
    /// Counts that were held against the truth.
    pub counts: usize,
    /// What does not agree.
    pub differences: Vec<String>,
}

impl Verdict {
    /// Whether anything does not agree.
    pub fn differs(&self) -> bool {
        !self.differences.is_empty()
    }

    fn differ(&mut self, text: impl Into<String>) {
        self.differences.push(text.into());
    }
}

/// Compares everything.
///
/// # Errors
/// Where the truth cannot be read.
pub fn compare(books: &Books, crm: &Snapshot, sent: &Sent) -> Result<Verdict, Failure> {
    let truth: Truth = serde_json::from_str(Stage::text("truth.json"))
        .map_err(|error| Failure::outside(format!("truth.json: {error}"), format!("truth.json：{error}")))?;
    let mut verdict = Verdict::default();
    let latest = latest_by_record(books, crm);
    for (story, handoff) in books.handoffs() {
        handover(&mut verdict, crm, story, handoff, &latest);
    }
    shared(&mut verdict, books);
    marks(&mut verdict, books, crm);
    consent(&mut verdict, crm, &truth);
    counts(&mut verdict, books, sent, &truth);
    Ok(verdict)
}

fn text<'r>(record: &'r Remote, name: &str) -> Option<&'r str> {
    record.get(name).and_then(Value::as_str)
}

fn record_of<'c>(crm: &'c Snapshot, object: &str, id: &str) -> Option<&'c Remote> {
    match object {
        "lead" => crm.leads.get(id),
        "contact" => crm.contacts.get(id),
        "opportunity" => crm.opportunities.get(id),
        _ => None,
    }
}

/// The record that a hand-over follows: a contact stands for the lead it was converted from.
fn followed(crm: &Snapshot, remote: &RemoteRef) -> (String, String) {
    let converted = crm.contacts.get(&remote.id).filter(|_| remote.object == "contact");
    match converted.and_then(|contact| text(contact, "lead_id")) {
        Some(lead) => ("lead".to_owned(), lead.to_owned()),
        None => (remote.object.clone(), remote.id.clone()),
    }
}

/// The last hand-over of each record: a record that came back and went out again follows the last one, and so does one
/// that the CRM's duplicate rule made two people share.
fn latest_by_record(
    books: &Books,
    crm: &Snapshot,
) -> BTreeMap<(String, String), leadloop_sync_core::ids::HandoffId> {
    let mut latest: BTreeMap<(String, String), &Handoff> = BTreeMap::new();
    for (_, handoff) in books.handoffs() {
        let Some(remote) = &handoff.remote else { continue };
        let key = followed(crm, remote);
        let newer = latest.get(&key).is_none_or(|known| known.opened_at < handoff.opened_at);
        if newer {
            latest.insert(key, handoff);
        }
    }
    latest.into_iter().map(|(key, handoff)| (key, handoff.id)).collect()
}

fn handover(
    verdict: &mut Verdict,
    crm: &Snapshot,
    story: &Story,
    handoff: &Handoff,
    latest: &BTreeMap<(String, String), leadloop_sync_core::ids::HandoffId>,
) {
    let id = handoff.id;
    if matches!(handoff.state, HandoffState::Telling | HandoffState::Parked) {
        let parked = handoff.parked.as_ref().map(|(code, detail)| format!(": {code} {detail}"));
        return verdict.differ(format!("{id} is {}{}", handoff.state.as_str(), parked.unwrap_or_default()));
    }
    if !reached(handoff) {
        return;
    }
    verdict.compared += 1;
    let Some(remote) = &handoff.remote else { return verdict.differ(format!("{id} has no CRM record")) };
    let name = format!("{id} ({} {})", remote.object, remote.id);
    let Some(record) = record_of(crm, &remote.object, &remote.id) else {
        return verdict.differ(format!("{name}: the CRM has no such record"));
    };
    let made = matches!(handoff.action, Some(Action::Create { .. }));
    let mark = text(record, "leadloop_id");
    // A create that met the person's record under the duplicate rule took that record over, without a mark.
    if made && mark.is_some() && mark != Some(handoff.mark().as_str()) {
        verdict.differ(format!("{name}: the CRM record carries the mark {mark:?}"));
    }
    if latest.get(&followed(crm, remote)) == Some(&id) {
        owner_and_stage(verdict, crm, story, handoff, record, &name);
    }
}

fn owner_and_stage(
    verdict: &mut Verdict,
    crm: &Snapshot,
    story: &Story,
    handoff: &Handoff,
    record: &Remote,
    name: &str,
) {
    let owner = text(record, "owner_id");
    let ours = handoff.owner.as_ref().map(|owner| owner.crm_user.as_str());
    let released = matches!(handoff.state, HandoffState::Returned | HandoffState::TakenBack);
    if handoff.state.is_open() && owner != ours {
        verdict.differ(format!("{name}: owner {owner:?} in the CRM, {ours:?} in the pool"));
    }
    if released && owner.is_some() {
        verdict.differ(format!("{name}: came back, but {owner:?} still owns it in the CRM"));
    }
    let Some(record) = status_of(crm, handoff, record) else { return };
    let theirs = stage_of(crm, record);
    let pool = story.lead.stage;
    let agree = match theirs.as_str() {
        // What comes back rests, is closed, or is a marketing lead again: as the answer prescribes.
        "returned" | "resting" => {
            matches!(pool, LeadStage::Resting | LeadStage::Closed | LeadStage::Raw | LeadStage::Marketing)
        }
        stage => pool.as_str() == stage,
    };
    if !agree {
        verdict.differ(format!("{name}: {theirs} in the CRM, {} in the pool", pool.as_str()));
    }
}

/// The record that says where a hand-over stands: the lead, or the lead that its contact was made of. Contacts that
/// were there before have no status.
fn status_of<'c>(crm: &'c Snapshot, handoff: &Handoff, record: &'c Remote) -> Option<&'c Remote> {
    match handoff.remote.as_ref().map(|remote| remote.object.as_str()) {
        Some("lead") => Some(record),
        Some("contact") => crm.leads.get(text(record, "lead_id")?),
        _ => None,
    }
}

/// Where a CRM lead stands, in our words; a converted one stands where its opportunity stands.
fn stage_of(crm: &Snapshot, record: &Remote) -> String {
    let deal = text(record, "opportunity_id").and_then(|id| crm.opportunities.get(id));
    if let Some(stage) = deal.and_then(|deal| deal.get("stage")).and_then(Value::as_i64) {
        return match stage {
            4 => "won",
            5 => "lost",
            _ => "opportunity",
        }
        .to_owned();
    }
    match record.get("status").and_then(Value::as_i64) {
        Some(2) => "with_sales",
        Some(3) => "accepted",
        Some(4) => "opportunity",
        Some(5) => "returned",
        Some(6) => "resting",
        _ => "new",
    }
    .to_owned()
}

/// Two people never follow one record.
fn shared(verdict: &mut Verdict, books: &Books) {
    let mut open: BTreeMap<(&str, &str), &Handoff> = BTreeMap::new();
    for (_, handoff) in books.handoffs().filter(|(_, handoff)| handoff.state.is_open()) {
        let Some(remote) = &handoff.remote else { continue };
        if let Some(other) = open.insert((&remote.object, &remote.id), handoff) {
            let (one, two) = (other.id, handoff.id);
            verdict.differ(format!("{one} and {two} are both open on {} {}", remote.object, remote.id));
        }
    }
}

/// Every mark in the CRM is a hand-over here, on that record, and stands once.
fn marks(verdict: &mut Verdict, books: &Books, crm: &Snapshot) {
    let handoffs: BTreeMap<String, &Handoff> =
        books.handoffs().map(|(_, handoff)| (handoff.mark(), handoff)).collect();
    let mut seen = BTreeSet::new();
    for (object, records) in [("lead", &crm.leads), ("contact", &crm.contacts)] {
        for (id, record) in records {
            let Some(mark) = text(record, "leadloop_id") else { continue };
            verdict.marks += 1;
            if !seen.insert(mark.to_owned()) {
                verdict.differ(format!("the mark {mark} stands twice in the CRM"));
            }
            match handoffs.get(mark) {
                None => verdict.differ(format!("{object} {id} carries {mark}, which the pool does not know")),
                Some(handoff) => {
                    let there =
                        handoff.remote.as_ref().map(|remote| (remote.object.as_str(), remote.id.as_str()));
                    // A converted lead stands for its contact from then on.
                    let contact = text(record, "contact_id").map(|contact| ("contact", contact));
                    if there != Some((object, id.as_str())) && (there.is_none() || there != contact) {
                        verdict.differ(format!(
                            "{object} {id} carries {mark}, which the pool sees at {there:?}"
                        ));
                    }
                }
            }
        }
    }
}

/// What is true of the samples.
#[derive(Debug, Deserialize)]
struct Truth {
    totals: Totals,
    sources: BTreeMap<String, SourceTruth>,
    people: Vec<Person>,
}

#[derive(Debug, Deserialize)]
struct Totals {
    people: usize,
}

#[derive(Debug, Deserialize)]
struct SourceTruth {
    unreadable_bodies: u64,
    duplicates: u64,
    quarantined: BTreeMap<String, u64>,
    taken: u64,
}

#[derive(Debug, Deserialize)]
struct Person {
    phone: Option<String>,
    email: Option<String>,
    consent: String,
}

/// Who refused was not told to the CRM.
fn consent(verdict: &mut Verdict, crm: &Snapshot, truth: &Truth) {
    let refused: Vec<&Person> = truth.people.iter().filter(|person| person.consent == "refused").collect();
    verdict.refused = refused.len();
    let (mut phones, mut emails) = (BTreeSet::new(), BTreeSet::new());
    for person in refused {
        phones.extend(person.phone.as_deref());
        emails.extend(person.email.as_deref());
    }
    for record in crm.leads.values().chain(crm.contacts.values()) {
        if text(record, "leadloop_id").is_none() && text(record, "modified_by") != Some("api") {
            continue;
        }
        let phone = text(record, "phone").is_some_and(|phone| phones.contains(phone));
        if phone || text(record, "email").is_some_and(|email| emails.contains(email)) {
            let id = text(record, "id").unwrap_or_default();
            verdict.differ(format!("{id} in the CRM is somebody who refused"));
        }
    }
}

/// The counts of the sources and of the pool are those of the truth.
fn counts(verdict: &mut Verdict, books: &Books, sent: &Sent, truth: &Truth) {
    let mut hold = |name: &str, counted: u64, wanted: u64| {
        verdict.counts += 1;
        if counted != wanted {
            verdict.differ(format!("{name}: {counted}, the samples hold {wanted}"));
        }
    };
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    hold("people", number(books.people()), number(truth.totals.people));
    for (source, wanted) in &truth.sources {
        let Some(counted) = sent.sources.get(source) else { continue };
        // The MA pushes several events for each contact: its contacts are counted as people.
        if source == "nurturing" {
            let own = |story: &&Story| story.lead.identifiers.iter().any(|one| one.kind.0 == "ma_id");
            hold("nurturing contacts", number(books.stories.iter().filter(own).count()), wanted.taken);
            continue;
        }
        hold(&format!("{source} accepted"), counted.accepted, wanted.taken);
        hold(&format!("{source} duplicates"), counted.duplicates, wanted.duplicates);
        hold(&format!("{source} quarantined"), counted.quarantined, wanted.quarantined.values().sum());
        hold(&format!("{source} unreadable"), counted.unreadable, wanted.unreadable_bodies);
    }
}
