//! Rules of the pool: fields of its own, who may fill a field, which pool a lead is in, what a person must have allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadloop_mapping::expr::{Expr, Type};

use crate::ids::{PersonKey, SourceName};
use crate::lead::{Fact, Lead};
use crate::normal::prefix::Prefixes;

/// Rules of the pool.
#[derive(Clone, Debug, Default)]
pub struct PoolRules {
    /// Fields this config declares, by pool field (`budget`, `company.revenue`).
    pub fields: BTreeMap<String, OwnField>,
    /// Who may fill a field, the preferred first; a field that is not named may be filled by everybody.
    pub fill: BTreeMap<String, Vec<Filler>>,
    /// The parts of the pool; the first that holds is the lead's.
    pub pools: Vec<PoolPart>,
    /// Where mobile numbers were given out.
    pub prefixes: Arc<Prefixes>,
}

/// A field of the pool that this config declares.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnField {
    /// What it holds.
    pub holds: Holds,
    /// What people call it: Chinese, English.
    pub label: (String, String),
    /// Most characters of a text.
    pub max: usize,
}

/// What a field of its own holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// Yes or no.
    Bool,
    /// A day, as `2026-12-01`.
    Date,
    /// One of these.
    Choice(Vec<String>),
}

impl Holds {
    /// The type that expressions see; a lead may not have the field.
    #[must_use]
    pub fn type_of(&self) -> Type {
        let ty = match self {
            Holds::Text | Holds::Date => Type::text(),
            Holds::Integer | Holds::Number => Type::number(),
            Holds::Bool => Type::bool(),
            Holds::Choice(values) => Type::picklist(values.iter().cloned()),
        };
        ty.nullable()
    }
}

/// Who may fill a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filler {
    /// One of these sources.
    Sources(BTreeSet<SourceName>),
    /// The place where the number was given out: a mobile's by the admin's table, a landline's by its area code.
    MobilePrefix,
    /// The place of a landline, by its area code.
    AreaCode,
    /// Everybody else.
    Others,
}

/// The source of facts that were worked out from a mobile number.
pub const MOBILE_PREFIX: &str = "mobile prefix";
/// The source of facts that were worked out from a landline.
pub const AREA_CODE: &str = "area code";

impl Filler {
    fn is(&self, source: &SourceName) -> bool {
        match self {
            Filler::Sources(sources) => sources.contains(source),
            Filler::MobilePrefix => matches!(source.as_str(), MOBILE_PREFIX | AREA_CODE),
            Filler::AreaCode => source.as_str() == AREA_CODE,
            Filler::Others => false,
        }
    }
}

/// A part of the pool, with those who look after it.
#[derive(Clone, Debug)]
pub struct PoolPart {
    /// Its name.
    pub name: String,
    /// Which leads are in it.
    pub when: Expr,
    /// Who looks after it.
    pub admins: Vec<PersonKey>,
}

impl PoolRules {
    /// The place of a source among those that may fill a field, 0 first; `None`: it may not.
    #[must_use]
    pub fn rank(&self, field: &str, source: &SourceName) -> Option<usize> {
        let Some(fillers) = self.fill.get(field) else { return Some(0) };
        let named = fillers.iter().position(|filler| filler.is(source));
        named.or_else(|| fillers.iter().position(|filler| *filler == Filler::Others))
    }

    /// Whether a fact takes the place of the one that is known: of the preferred source, and of one source the newer;
    /// of two said at the same time the one that came later, unless `strictly`.
    #[must_use]
    pub fn outranks(&self, field: &str, said: &Fact, known: &Fact, strictly: bool) -> bool {
        let rank = |fact: &Fact| self.rank(field, &fact.source).unwrap_or(usize::MAX);
        match rank(said).cmp(&rank(known)) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal if strictly => said.at > known.at,
            std::cmp::Ordering::Equal => said.at >= known.at,
        }
    }

    /// The parts that somebody looks after.
    pub fn of_admin<'a>(&'a self, person: &'a PersonKey) -> impl Iterator<Item = &'a str> {
        self.pools.iter().filter(|part| part.admins.contains(person)).map(|part| part.name.as_str())
    }
}

/// What a person must have allowed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ConsentPolicy {
    /// `true`: consent for `transfer` must have been given; `false`: it must not have been refused.
    pub transfer_must_be_given: bool,
    /// The same for the other purposes that the config names (`mail`, `sms`, `phone`).
    pub others: BTreeMap<String, bool>,
}

impl ConsentPolicy {
    /// Whether what the person said allows a purpose: a no forbids it whatever the config says.
    #[must_use]
    pub fn allows(&self, lead: &Lead, purpose: &str) -> bool {
        let must_be_given = match purpose {
            "transfer" => self.transfer_must_be_given,
            other => self.others.get(other).copied().unwrap_or(false),
        };
        lead.consent.get(purpose).map_or(!must_be_given, |consent| consent.given)
    }
}
