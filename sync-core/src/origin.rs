//! Stage 3, pool: how a lead came to be, where it is not simply new: somebody referred it, or a customer buys again.
//!
//! There is one record per person, so a customer that asks again goes through the funnel again under its own record: what was
//! won before is kept apart, and counts on.

use crate::because::Reason;
use crate::book::{Book, Needs};
use crate::capture::{Captured, Identifier};
use crate::ids::{LeadId, SourceName};
use crate::lead::{Fact, Lead};
use crate::normal::{email, phone};
use crate::policy::Policy;
use crate::time::Timestamp;

/// The field that says how it came to be.
pub const KIND: &str = "origin_kind";
/// The field that says by which lead.
pub const LEAD: &str = "origin_lead";
/// The field with what was won before.
const WON_BEFORE: &str = "won_before";
/// Somebody referred it.
pub const REFERRAL: &str = "referral";
/// A customer that asks again.
pub const REPEAT: &str = "repeat";

/// Who referred somebody: `touch.referred_by` holds a lead id, a phone or a mail address.
enum Referrer {
    Lead(LeadId),
    Known(Identifier),
}

fn referrer(captured: &Captured, policy: &Policy) -> Option<Referrer> {
    let text = captured.fields.get("touch.referred_by")?.to_display();
    let text = text.trim();
    if let Ok(lead) = text.parse() {
        return Some(Referrer::Lead(lead));
    }
    if text.contains('@') {
        let address = email::parse(text).ok()?;
        return Some(Referrer::Known(Identifier::new("email", address.address.as_str())));
    }
    let country = policy.region.parse().unwrap_or(phone::Country::CN);
    let phone = phone::parse(text, country).ok()?;
    Some(Referrer::Known(Identifier::new("phone", phone.e164.as_str())))
}

/// What must be known to see who referred somebody.
pub fn needs(captured: &Captured, policy: &Policy, needs: &mut Needs) {
    match referrer(captured, policy) {
        Some(Referrer::Lead(lead)) => {
            needs.leads.insert(lead);
        }
        Some(Referrer::Known(identifier)) => {
            needs.identifiers.insert(identifier);
        }
        None => {}
    }
}

fn set(lead: &mut Lead, name: &str, value: leadloop_mapping::Value, source: &SourceName, at: Timestamp) {
    lead.profile.insert(name.to_owned(), Fact { value, source: source.clone(), at });
}

/// Somebody new was referred by a lead that is known.
pub fn referred(book: &Book, lead: &mut Lead, captured: &Captured, policy: &Policy) -> Option<Reason> {
    let by = match referrer(captured, policy)? {
        Referrer::Lead(id) => book.resolve(id)?.id,
        Referrer::Known(identifier) => book.lead_of(&identifier)?.id,
    };
    if by == lead.id {
        return None;
    }
    set(lead, KIND, REFERRAL.into(), &captured.source, captured.at);
    set(lead, LEAD, by.to_string().as_str().into(), &captured.source, captured.at);
    Some(Reason::new("referred").with("lead", by))
}

/// A customer asks again.
pub fn again(lead: &mut Lead, source: &SourceName, at: Timestamp) -> Reason {
    let itself = lead.id.to_string();
    set(lead, KIND, REPEAT.into(), source, at);
    set(lead, LEAD, itself.as_str().into(), source, at);
    if let Some(amount) = lead.won_amount {
        set(lead, WON_BEFORE, leadloop_mapping::Value::Real(amount), source, at);
    }
    Reason::new("buys_again")
}

/// All that was won of a lead, given what was won now.
#[must_use]
pub fn won_in_all(lead: &Lead, now: f64) -> f64 {
    let before = lead.profile.get(WON_BEFORE).and_then(|fact| match fact.value {
        leadloop_mapping::Value::Real(amount) => Some(amount),
        _ => None,
    });
    now + before.unwrap_or(0.0)
}
