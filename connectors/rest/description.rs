//! The description of an API as an admin writes it. `check` says what is wrong with one and makes of it a manifest, which the
//! rest of the product reads, and the calls, which this connector makes.

use std::collections::BTreeMap;

use leadloop_connector_api::manifest::{
    AnswerBody, AnswerRule, Auth, Errors, Field, FindByMark, Limit, Manifest, Quota,
};
use leadloop_sync_core::mirror::Roles;
use serde::Deserialize;
use serde_json::Value as Json;

/// A description, word for word.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) title: Option<String>,
    pub(super) base: Option<String>,
    pub(super) timeout_secs: Option<u32>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) auth: Option<Auth>,
    #[serde(default)]
    pub(super) limit: Vec<Limit>,
    #[serde(default)]
    pub(super) quota: Vec<Quota>,
    pub(super) errors: Option<Errors>,
    pub(super) success: Option<AnswerBody>,
    #[serde(default)]
    pub(super) answer: Vec<AnswerRule>,
    pub(super) mark: Option<Mark>,
    #[serde(default)]
    pub(super) values: Values,
    #[serde(default)]
    pub(super) record: Shape,
    pub(super) check: Option<Call>,
    pub(super) webhook: Option<Hook>,
    pub(super) get: Option<Call>,
    pub(super) find: Option<Call>,
    pub(super) create: Option<Call>,
    pub(super) upsert: Option<Call>,
    pub(super) update: Option<Call>,
    pub(super) changes: Option<Call>,
    pub(super) create_batch: Option<Call>,
    pub(super) update_batch: Option<Call>,
    #[serde(default)]
    pub(super) object: Vec<ObjectWritten>,
}

/// One object: what the manifest holds of it, and calls of its own where they differ from those of all objects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectWritten {
    pub(super) name: String,
    pub(super) remote: Option<String>,
    #[serde(default = "yes")]
    pub(super) mirrored: bool,
    #[serde(default)]
    pub(super) roles: Roles,
    #[serde(default)]
    pub(super) fields: Vec<Field>,
    #[serde(default)]
    pub(super) custom: Vec<String>,
    pub(super) record: Option<Shape>,
    pub(super) get: Option<Call>,
    pub(super) find: Option<Call>,
    pub(super) create: Option<Call>,
    pub(super) upsert: Option<Call>,
    pub(super) update: Option<Call>,
    pub(super) changes: Option<Call>,
    pub(super) create_batch: Option<Call>,
    pub(super) update_batch: Option<Call>,
}

fn yes() -> bool {
    true
}

/// Whether our mark is unique there, and how soon a record is found by it.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    #[serde(default)]
    pub(super) unique: bool,
    #[serde(default = "soon")]
    pub(super) lag_secs: u32,
    #[serde(default = "late")]
    pub(super) late_secs: u32,
}

fn soon() -> u32 {
    2
}

fn late() -> u32 {
    60
}

impl Mark {
    pub(super) fn rule(self, unique: bool) -> FindByMark {
        FindByMark {
            lag_secs: self.lag_secs,
            late_secs: self.late_secs.max(self.lag_secs),
            unique: self.unique || unique,
        }
    }
}

/// How values are written.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Values {
    pub(super) times: Times,
    /// Several values are one text with this between them; a list where not given.
    pub(super) lists: Option<String>,
    /// Everything is written as text.
    pub(super) texts: bool,
    /// Ids and references are written as numbers where they are such.
    pub(super) ids_are_numbers: bool,
    /// A field is emptied by this text; by null where not given.
    pub(super) empty: Option<String>,
    /// In which form phones are looked for.
    pub(super) phones: Vec<PhoneForm>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Times {
    /// `2026-01-05T08:12:33Z`.
    #[default]
    Iso,
    /// `2026-01-05 08:12:33`, UTC.
    Plain,
    Seconds,
    Millis,
    Micros,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PhoneForm {
    /// `+8613900000001`.
    E164,
    /// `8613900000001`.
    Digits,
    /// `13900000001`.
    National,
}

/// Where the parts of a record stand in it.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Shape {
    pub(super) id: Option<String>,
    pub(super) modified: Option<String>,
    pub(super) fields: Option<String>,
    pub(super) deleted: Option<AnswerBody>,
}

impl Shape {
    pub(super) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or("id")
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Verb {
    #[default]
    Get,
    Post,
    Put,
    Patch,
}

/// What a list of changes is sorted by.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sorted {
    /// The time of the change, the oldest first.
    #[default]
    Modified,
    /// Something that does not change, such as the id.
    Id,
}

/// One call: what is sent, and where in the answer stands what we look for. Which keys mean something where is checked.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Call {
    pub(super) method: Option<Verb>,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<Json>,
    /// The body is a form.
    pub(super) form: bool,
    /// Where the record stands.
    pub(super) one: Option<String>,
    /// Where the list stands.
    pub(super) list: Option<String>,
    /// Where the id of what was written stands; `@location` for the header of that name.
    pub(super) id: Option<String>,
    /// What shows that it worked, where no id does.
    pub(super) done: Option<AnswerBody>,
    /// For the check: who we are there, and its clock.
    pub(super) user: Option<String>,
    pub(super) clock: Option<String>,
    /// For changes: the cursor of the next page.
    pub(super) next: Option<String>,
    pub(super) sorted: Option<Sorted>,
    pub(super) size: Option<u32>,
    pub(super) first_page: Option<u32>,
    /// For batches: one record of it, the status of a result, and the mark in it, where results are in no order.
    pub(super) item: Option<Json>,
    pub(super) status: Option<String>,
    pub(super) mark: Option<String>,
}

/// How the system tells of changes by itself.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    /// The header that proves the sender.
    pub(super) header: String,
    /// An HMAC of the body by `webhook_secret`; the secret itself where not given.
    pub(super) hmac: Option<Hash>,
    #[serde(default)]
    pub(super) encoding: Written64,
    #[serde(default)]
    pub(super) prefix: String,
    /// Where the events stand; the body itself where not given.
    pub(super) list: Option<String>,
    /// Where an event names its object.
    pub(super) object: String,
    /// Its names of objects → ours, beyond the objects' own `remote`.
    #[serde(default)]
    pub(super) names: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Hash {
    Sha256,
    Sha1,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Written64 {
    #[default]
    Hex,
    Base64,
}

/// The calls of one object.
#[derive(Clone)]
pub(super) struct ObjectCalls {
    pub(super) remote: String,
    pub(super) record: Shape,
    pub(super) get: Option<Call>,
    pub(super) find: Option<Call>,
    pub(super) create: Option<Call>,
    pub(super) upsert: Option<Call>,
    pub(super) update: Option<Call>,
    pub(super) changes: Option<Call>,
    pub(super) create_batch: Option<Call>,
    pub(super) update_batch: Option<Call>,
}

/// An API that was described.
pub(super) struct Api {
    pub(super) manifest: &'static Manifest,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) values: Values,
    pub(super) check: Call,
    pub(super) hook: Option<Hook>,
    pub(super) objects: BTreeMap<String, ObjectCalls>,
}

impl Written {
    /// The calls of an object: its own before those of all objects.
    pub(super) fn calls_of(&self, object: &ObjectWritten) -> ObjectCalls {
        let or = |own: &Option<Call>, all: &Option<Call>| own.clone().or_else(|| all.clone());
        let record = object.record.clone().unwrap_or_default();
        let shared = self.record.clone();
        ObjectCalls {
            remote: object.remote.clone().unwrap_or_else(|| object.name.clone()),
            record: Shape {
                id: record.id.or(shared.id),
                modified: record.modified.or(shared.modified),
                fields: record.fields.or(shared.fields),
                deleted: record.deleted.or(shared.deleted),
            },
            get: or(&object.get, &self.get),
            find: or(&object.find, &self.find),
            create: or(&object.create, &self.create),
            upsert: or(&object.upsert, &self.upsert),
            update: or(&object.update, &self.update),
            changes: or(&object.changes, &self.changes),
            create_batch: or(&object.create_batch, &self.create_batch),
            update_batch: or(&object.update_batch, &self.update_batch),
        }
    }
}

impl ObjectCalls {
    /// All calls, in the order the check knows them.
    pub(super) fn all(&self) -> [Option<&Call>; 8] {
        [
            self.get.as_ref(),
            self.find.as_ref(),
            self.create.as_ref(),
            self.upsert.as_ref(),
            self.update.as_ref(),
            self.changes.as_ref(),
            self.create_batch.as_ref(),
            self.update_batch.as_ref(),
        ]
    }
}
