//! Leads page by page: for lists and for comparing the pool with a CRM.

use leadloop_sync_core::effect::RemoteLink;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::lead::{Lead, Stage};
use leadloop_sync_core::time::Timestamp;

/// A lead and its records in other systems.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkedLead {
    /// The lead.
    pub lead: Lead,
    /// Its records in other systems.
    pub links: Vec<RemoteLink>,
}

/// Which leads to list, newest touch first.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LeadAsk {
    /// Only in this stage.
    pub stage: Option<Stage>,
    /// Only of this first source.
    pub source: Option<String>,
    /// Only of this first channel.
    pub channel: Option<String>,
    /// Only of this owner (our key of the person, or the CRM's user id).
    pub owner: Option<String>,
    /// Only where name, company or an identifier contains this.
    pub text: Option<String>,
    /// After this one: last touch and id of the last of the page before.
    pub after: Option<(Timestamp, LeadId)>,
    /// At most so many.
    pub limit: u32,
}
