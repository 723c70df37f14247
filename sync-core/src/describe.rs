//! Beside the road: an object as its system describes itself, so that a config can be held against the living system.
//!
//! Connectors fill it (one [`RemoteObject`] for each [`crate::outbox::Operation::Describe`]); what follows from it is
//! decided where the config is checked. The vocabulary of fields is the mapping's own.

use std::collections::BTreeMap;

use leadloop_mapping::Value;
use leadloop_mapping::schema::{FieldKind, FieldSchema, Length, ObjectSchema};
use serde::{Deserialize, Serialize};

/// Most fields of an object that a connector reads; the largest CRMs allow some 800.
pub const MOST_FIELDS: usize = 2_000;
/// Most values of one picklist that a connector reads.
pub const MOST_CHOICES: usize = 2_000;

/// One object of a system, in the system's own words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemoteObject {
    /// Its name in the product: `lead`, `contact`, `account`, `opportunity`, `activity`, `user`.
    pub name: String,
    /// Its name there: `Lead`, `crm.lead`.
    pub remote: String,
    /// What people there call it; blank where the system does not say.
    #[serde(default)]
    pub label: String,
    /// Whether we may make records of it. `true` where the system does not say.
    pub creatable: bool,
    /// Whether we may change records of it. `true` where the system does not say.
    pub updatable: bool,
    /// Its fields by the name that requests use, custom ones and read-only ones too.
    pub fields: BTreeMap<String, RemoteField>,
}

/// One field, in the system's own words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemoteField {
    /// Kind, length, values, whether a create needs it and whether we may write it.
    ///
    /// - `kind`: [`FieldKind::Any`] where the product has no word for it (a geolocation): it is then not checked.
    /// - `required`: a create without it is refused; not where the system fills in a default.
    /// - `writable`: the user we log in as may set it, on create at least.
    /// - `options`: the values a *write* takes, in their type there; inactive ones are left out. Empty: not known.
    #[serde(flatten)]
    pub schema: FieldSchema,
    /// What people there call it; blank where the system does not say.
    #[serde(default)]
    pub label: String,
    /// What people there call the values: shown value (`Value::to_display`) → label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, String>,
    /// It can be set when a record is made, and never changed later.
    #[serde(default)]
    pub create_only: bool,
    /// No two records can have the same value in it.
    #[serde(default)]
    pub unique: bool,
    /// Records can be addressed by it (an external id, an upsert key).
    #[serde(default)]
    pub external_id: bool,
    /// For a [`FieldKind::Ref`]: the objects it can point to, by the system's names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<String>,
}

impl RemoteObject {
    /// An object without fields that we may make and change.
    #[must_use]
    pub fn new(name: impl Into<String>, remote: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            remote: remote.into(),
            label: String::new(),
            creatable: true,
            updatable: true,
            fields: BTreeMap::new(),
        }
    }

    /// The same, called so by people.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with one more field.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, field: RemoteField) -> Self {
        self.fields.insert(name.into(), field);
        self
    }

    /// The object as mappings are compiled against it.
    #[must_use]
    pub fn schema(&self) -> ObjectSchema {
        let mut schema = ObjectSchema::new(self.name.as_str());
        for (name, field) in &self.fields {
            schema = schema.field(name.as_str(), field.schema.clone());
        }
        schema
    }
}

impl RemoteField {
    /// A writable field that takes any value of `kind`.
    #[must_use]
    pub fn of(kind: FieldKind) -> Self {
        Self {
            schema: FieldSchema::of(kind),
            label: String::new(),
            choices: BTreeMap::new(),
            create_only: false,
            unique: false,
            external_id: false,
            of: Vec::new(),
        }
    }

    /// The same, called so by people.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with a greatest length; a length of nothing is none.
    #[must_use]
    pub fn max(mut self, max: Option<Length>) -> Self {
        self.schema.max = max.filter(|max| max.most > 0);
        self
    }

    /// The same, needed on create or not.
    #[must_use]
    pub fn required(mut self, required: bool) -> Self {
        self.schema.required = required;
        self
    }

    /// The same, writable by us or not.
    #[must_use]
    pub fn writable(mut self, writable: bool) -> Self {
        self.schema.writable = writable;
        self
    }

    /// The same with one more value of its list, and what people call it.
    #[must_use]
    pub fn choice(mut self, value: impl Into<Value>, label: impl Into<String>) -> Self {
        let (value, label) = (value.into(), label.into());
        if !label.is_empty() {
            self.choices.insert(value.to_display(), label);
        }
        self.schema.options.push(value);
        self
    }

    /// The same, unique or not.
    #[must_use]
    pub fn unique(mut self, unique: bool) -> Self {
        self.unique = unique;
        self
    }

    /// The same, pointing to these objects.
    #[must_use]
    pub fn to(mut self, of: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.of = of.into_iter().map(Into::into).collect();
        self
    }
}
