//! One spelling for what people write in many: phones, e-mail addresses, company names.
//!
//! Runs when a capture is read (and again when a config or a rule changes): raw text in, one comparable spelling out.
//! Every normaliser is a pure function, takes any text, looks at no more than [`MAX_INPUT`] bytes of it and never
//! panics. What it did beyond spelling is told in [`Remark`]s; what it refuses is told by a typed problem with a
//! stable code. Whether a refused value is kept, shown or quarantined is for the pool; whether two people are one is
//! for identity.

pub mod company;
pub mod credit_code;
pub mod domain;
pub mod email;
pub mod evidence;
mod fold;
mod free_mail;
pub mod identifier;
pub mod mask;
pub mod matching;
pub mod person;
pub mod phone;
pub mod prefix;
mod text;

use serde::{Deserialize, Serialize};

/// The most bytes of one field a normaliser looks at. More is cut at a character border and told by
/// [`Remark::InputCut`].
pub const MAX_INPUT: usize = 1024;

/// What a normaliser did that goes beyond spelling, so that a person looking at the value later can see why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// The field was longer than [`MAX_INPUT`]; only its beginning was read.
    InputCut,
    /// The number stood under a fax label and no other was there.
    FaxOnly,
    /// A `+` stood in front of a number without its country code; it was read as a number of the default region.
    PlusIgnored,
    /// The number has the shape of a Chinese mobile, but its block was not assigned when our numbering data was made.
    UnassignedBlock,
    /// The number had no area code; it was taken from the landline written before it.
    AreaCodeInherited,
    /// A typing slip that leaves no doubt was put right (`a@qq，com`).
    Repaired,
    /// The mail domain ends in a suffix nobody has registered; probably a typing slip (`.con`).
    UnknownSuffix,
    /// The credit code names a region that does not exist.
    UnknownRegion,
    /// The organisation code inside the credit code does not fit its own check character.
    OrganisationCheck,
    /// Something behind the name (a department, a person, an aside) was left out of the comparable spelling.
    LeftOut,
}

impl Remark {
    /// The stable word for this remark, as stored and exported.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Remark::InputCut => "input_cut",
            Remark::FaxOnly => "fax_only",
            Remark::PlusIgnored => "plus_ignored",
            Remark::UnassignedBlock => "unassigned_block",
            Remark::AreaCodeInherited => "area_code_inherited",
            Remark::Repaired => "repaired",
            Remark::UnknownSuffix => "unknown_suffix",
            Remark::UnknownRegion => "unknown_region",
            Remark::OrganisationCheck => "organisation_check",
            Remark::LeftOut => "left_out",
        }
    }
}
