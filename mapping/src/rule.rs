//! Rules as the admin writes them: which field there is which field here, and who wins. Data only; nothing is checked
//! against schemas before [`crate::compile`](mod@crate::compile).
//!
//! Steps run along the rule. A rule that goes both ways is written from the pool to the CRM and run backwards on the
//! way in; a rule `to_pool` is written, and run, from the CRM to the pool.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::schema::Length;
use crate::step::Step;
use crate::value::Value;

/// Which way values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the pool to the CRM.
    #[default]
    ToCrm,
    /// From the CRM to the pool.
    #[serde(rename = "from_crm", alias = "to_pool")]
    ToPool,
    /// Both, merged three ways.
    Both,
}

impl Way {
    /// The name in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Way::ToCrm => "to_crm",
            Way::ToPool => "from_crm",
            Way::Both => "both",
        }
    }

    /// The way of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Way::ToCrm, Way::ToPool, Way::Both].into_iter().find(|way| way.as_str() == name)
    }
}

/// Who wins where both sides changed a field since they last agreed. (Where one side changed it, that side counts.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Wins {
    /// The CRM.
    #[serde(rename = "crm")]
    Crm,
    /// The pool.
    #[serde(rename = "pool")]
    Pool,
    /// The later change, by the field's own time where the CRM gives it, else the record's; a person where neither is known.
    #[serde(rename = "newest")]
    Newest,
    /// The CRM, but a value emptied there is written back.
    #[serde(rename = "crm unless blank")]
    CrmUnlessBlank,
    /// A person; both sides keep what they have until then.
    #[serde(rename = "ask")]
    #[default]
    Ask,
    /// Whoever says no (consent); a person where neither is a plain no.
    #[serde(rename = "no")]
    No,
}

impl Wins {
    /// All policies.
    pub const ALL: [Wins; 6] =
        [Wins::Crm, Wins::Pool, Wins::Newest, Wins::CrmUnlessBlank, Wins::Ask, Wins::No];

    /// The name in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Wins::Crm => "crm",
            Wins::Pool => "pool",
            Wins::Newest => "newest",
            Wins::CrmUnlessBlank => "crm unless blank",
            Wins::Ask => "ask",
            Wins::No => "no",
        }
    }

    /// The policy of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wins| wins.as_str() == name)
    }
}

/// What a value emptied on one side does to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Blank {
    /// It empties the other side too: a change like any other.
    #[default]
    Erases,
    /// Nothing: the other side's value stays, and is written back where the rule goes both ways.
    Ignored,
}

impl Blank {
    /// The name in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Blank::Erases => "erases",
            Blank::Ignored => "ignored",
        }
    }

    /// The rule for blanks of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Blank::Erases, Blank::Ignored].into_iter().find(|blank| blank.as_str() == name)
    }
}

/// What to do with a value that `choose` does not list and no `otherwise` covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Leave the field as it is on the other side and report it.
    #[default]
    Ask,
    /// Leave the field as it is on the other side.
    Keep,
    /// Empty the field on the other side.
    Blank,
    /// Pass the value on as it is.
    Pass,
}

impl Unknown {
    /// The name in the config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Unknown::Ask => "ask",
            Unknown::Keep => "keep",
            Unknown::Blank => "blank",
            Unknown::Pass => "pass",
        }
    }

    /// The policy of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Unknown::Ask, Unknown::Keep, Unknown::Blank, Unknown::Pass]
            .into_iter()
            .find(|it| it.as_str() == name)
    }
}

/// One field name, or several that one rule fills together (family and given name).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(untagged)]
pub enum Names {
    /// No field: the value is `fixed`.
    #[default]
    None,
    /// One field.
    One(String),
    /// Several fields; the value is a list with one place for each.
    Several(Vec<String>),
}

impl Names {
    /// The names in order.
    #[must_use]
    pub fn list(&self) -> &[String] {
        match self {
            Names::None => &[],
            Names::One(name) => std::slice::from_ref(name),
            Names::Several(names) => names,
        }
    }
}

impl From<&str> for Names {
    fn from(name: &str) -> Self {
        Names::One(name.to_owned())
    }
}

/// One rule of a mapping.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// The pool's field.
    pub pool: Names,
    /// The CRM's field.
    pub crm: Names,
    /// Which way.
    pub way: Way,
    /// Who wins a conflict; only for rules that go both ways.
    pub wins: Option<Wins>,
    /// What happens to the value on its way, in order.
    pub steps: Vec<Step>,
    /// Value → value, behind the steps. Keys are compared as text.
    pub choose: BTreeMap<String, Value>,
    /// The value for anything `choose` does not list.
    pub otherwise: Option<Value>,
    /// What to do with such a value where there is no `otherwise`.
    pub unknown: Unknown,
    /// The most the target takes of a text; more is cut.
    pub max: Option<Length>,
    /// A value that is always the same; instead of a pool field, and only when a record is made.
    pub fixed: Option<Value>,
    /// Only when a record is made, never afterwards.
    pub once: bool,
    /// What an emptied value does.
    pub blank: Blank,
}

impl fmt::Display for Rule {
    /// `industry → industryId`: how a rule is called in messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |names: &Names| names.list().join(" + ");
        let pool = match &self.fixed {
            Some(fixed) => format!("\"{}\"", fixed.to_display()),
            None => side(&self.pool),
        };
        let arrow = match self.way {
            Way::ToCrm => "→",
            Way::ToPool => "←",
            Way::Both => "↔",
        };
        write!(f, "{pool} {arrow} {}", side(&self.crm))
    }
}
