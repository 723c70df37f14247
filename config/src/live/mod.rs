//! The config held against the living systems: what they say of themselves, their fields and their people.
//!
//! Pure: the shell asks ([`wanted`] says what) and hands the answers in as [`Live`]; every finding is a [`crate::problem::Problem`] at the
//! place of the config it is about. A system that did not answer says so once and hides nothing of the others.

mod fields;
pub mod lock;
mod marks;
mod reach;
mod users;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use leadloop_connector_api::Registry;
use leadloop_connector_api::manifest::{Manifest, SystemKind};
use leadloop_mapping::Record;
use leadloop_sync_core::describe::RemoteObject;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::mirror::OwnerState;
use leadloop_sync_core::policy::{CrmPolicy, Deed, Policy};
use leadloop_sync_core::time::Micros;

use crate::lower::Context;
use crate::lower::get::Get;
use crate::plan::Plan;
use crate::problem::{Span, Words};
use crate::text::{At, Table};

/// What the systems said.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// By link.
    pub links: BTreeMap<LinkName, LiveLink>,
}

/// What one system said.
#[derive(Clone, Debug, Default)]
pub struct LiveLink {
    /// Whether and how it was reached.
    pub reach: Reach,
    /// How far its clock is ahead of ours, where it told its time.
    pub ahead: Option<Micros>,
    /// Its objects as it describes them; why not, where it does not.
    pub objects: BTreeMap<String, Result<RemoteObject, Unsaid>>,
    /// Users asked about, by their id there; none where it has no such user.
    pub users: BTreeMap<String, Option<LiveUser>>,
}

/// A user of a CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveUser {
    /// Their name there.
    pub name: Option<String>,
    /// Whether they work.
    pub state: OwnerState,
}

/// Whether and how a system was reached.
#[derive(Clone, Debug, Default)]
pub enum Reach {
    /// Its connector has nothing to ask it.
    #[default]
    NotAsked,
    /// It answered; what it said of itself.
    Answered(Record),
    /// It did not, or not as it should.
    Failed(Trouble, String),
}

/// What stands between us and a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its name is not known to the DNS.
    Name,
    /// Nobody listens there, or a wall stands between.
    Connect,
    /// Its certificate, or what TLS it speaks.
    Tls,
    /// No answer in time.
    Silent,
    /// It refuses our credentials.
    Login,
    /// It does not have what the settings name: a database, a table, a column.
    Missing,
    /// Too many requests, or no quota left.
    Quota,
    /// It answers with what nobody understands, or that it is ill.
    Ill,
}

/// Why a description is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsaid {
    /// We may not see the object, or there is none of that name.
    Refused(String),
    /// The system was not reached, or did not answer; said already.
    NoAnswer,
}

/// What is to be asked of one system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Objects to be described.
    pub objects: BTreeSet<String>,
    /// Ids of users to be looked up.
    pub users: BTreeSet<String>,
    /// Objects whose records carry our mark, with the field.
    pub marked: BTreeMap<String, String>,
}

/// What is to be asked of each system of a plan.
#[must_use]
pub fn wanted(plan: &Plan, registry: &Registry) -> BTreeMap<LinkName, Wanted> {
    let mut all = BTreeMap::new();
    for link in &plan.links {
        let Some(named) = registry.get(&link.connector) else { continue };
        let manifest = link.link.speaker(named).manifest();
        let mut wanted = Wanted::default();
        if let (SystemKind::Crm, Some(crm)) = (link.kind, plan.policy.crms.get(&link.name)) {
            wanted.marked = marked(&plan.policy, crm, manifest);
            wanted.objects = objects(crm, manifest, &wanted.marked);
            let people = plan.policy.people.values();
            wanted.users = people.filter_map(|person| person.crm_user.get(&link.name).cloned()).collect();
        }
        all.insert(link.name.clone(), wanted);
    }
    all
}

/// Objects that the config or the mirror has to do with.
fn objects(crm: &CrmPolicy, manifest: &Manifest, marked: &BTreeMap<String, String>) -> BTreeSet<String> {
    let named = crm.mapping.keys().cloned();
    let statuses = crm.status.iter().map(|status| status.object.clone());
    let feedback = crm.feedback.iter().map(|feedback| feedback.object.clone());
    let all = named.chain(statuses).chain(feedback).chain(crm.mirrored.iter().cloned());
    all.chain(marked.keys().cloned()).filter(|object| manifest.object(object).is_some()).collect()
}

/// Objects of which we make records that are looked for by our mark: what rules create, and the note beside it.
fn marked(policy: &Policy, crm: &CrmPolicy, manifest: &Manifest) -> BTreeMap<String, String> {
    if policy.handoff.link.as_ref() != Some(&crm.link) {
        return BTreeMap::new();
    }
    let created = policy.transfer.iter().filter_map(|rule| match &rule.does.deed {
        Deed::Create(object) => Some(object.as_str()),
        _ => None,
    });
    // A hand-over carries its mark in the field the config names, a note in the one its connector knows.
    let mut marked = BTreeMap::new();
    for object in created.filter(|object| manifest.object(object).is_some()) {
        marked.insert(object.to_owned(), crm.mark.clone());
    }
    if let Some(note) = manifest.object("activity")
        && let Some(field) = &note.roles.mark
    {
        marked.entry(note.name.clone()).or_insert_with(|| field.clone());
    }
    marked
}

/// Says everything in which config and systems disagree.
pub(crate) fn check(ctx: &mut Context<'_>, policy: &Policy, live: &Live) {
    for section in ["crm", "ma", "notify", "enrich", "source"] {
        for at in ctx.many(section) {
            let Some(name) = at.value.text("name") else { continue };
            let Some(link) = live.links.get(name) else { continue };
            let Some(manifest) = manifest_of(ctx, &at.value) else { continue };
            reach::check(ctx, &at, manifest, link);
            let Some(crm) = policy.crms.get(name).filter(|_| section == "crm") else { continue };
            fields::check(ctx, &at, crm, manifest, link);
            marks::check(ctx, &at, policy, crm, manifest, link);
            users::check(ctx, crm, link);
        }
    }
}

fn manifest_of(ctx: &Context<'_>, table: &Table) -> Option<&'static Manifest> {
    Some(ctx.connector_of(table)?.manifest())
}

/// The place of a connection: its address where it has one, else its name.
fn home(at: &At<Table>) -> Span {
    let url = at.value.table("settings").and_then(|settings| settings.text_at("url"));
    let named = url.or_else(|| at.value.text_at("name"));
    named.map_or_else(|| at.span.clone(), |named| named.span)
}

/// The place of a key of a table; of its name, or of the whole, where it is not there.
fn place(at: &At<Table>, key: &str) -> Span {
    let value = at.value.get(key).map(|value| value.span.clone());
    value.or_else(|| at.value.text_at("name").map(|name| name.span)).unwrap_or_else(|| at.span.clone())
}

/// A field with what people there call it.
fn called(field: &str, label: &str) -> String {
    if label.is_empty() || label == field { format!("`{field}`") } else { format!("`{field}` ({label})") }
}

/// Both languages of one text that a system wrote.
fn quoted(en: &str, zh: &str, said: &str) -> Words {
    let said: String = said.chars().take(300).collect();
    if said.is_empty() {
        return Words::new(en, zh);
    }
    Words::new(format!("{en}: {said}"), format!("{zh}：{said}"))
}
