//! Finding leads by whatever a person has at hand.

use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::Lead;

/// What somebody asks for, in the forms it may stand for. Everything given is tried; the caller normalises.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Question {
    /// Identifiers the text may be, normalised: a phone, a mail address, an id of the MA.
    pub identifiers: Vec<Identifier>,
    /// The text itself: a lead id or hand-over mark (or the start of one, from 6 hex digits), a value of any
    /// identifier kind, an id of a CRM record, a company's name or a part of it, a person's name.
    pub text: String,
}

/// How a lead was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoundBy {
    /// By its id or the start of it.
    LeadId,
    /// By the id of one of its hand-overs or the start of it.
    HandoffId,
    /// By an identifier.
    Identifier,
    /// By a record of a CRM.
    Remote,
    /// By the name of the company.
    Company,
    /// By the name of the person.
    Name,
}

/// A lead that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Which (the survivor, where it was merged).
    pub lead: Lead,
    /// How, best way first.
    pub by: FoundBy,
    /// The lead that was found first, where it was merged into `lead` since.
    pub through: Option<LeadId>,
}
