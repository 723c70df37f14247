//! What somebody typed, in the forms it may stand for.

use leadloop_store::read::find::Question;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::normal::{email, phone};
use leadloop_sync_core::policy::Policy;

/// The question of a text. Phones and addresses are normalised as captures are.
pub fn question(text: &str, policy: &Policy) -> Question {
    let text = text.trim();
    let mut identifiers = Vec::new();
    let region = policy.region.parse().unwrap_or(phone::Country::CN);
    if let Ok(phone) = phone::parse(text, region) {
        let extended = phone.extension.as_ref().map(|extension| format!("{};ext={extension}", phone.e164));
        identifiers.extend(extended.map(|value| Identifier::new("phone", value)));
        identifiers.push(Identifier::new("phone", phone.e164));
    }
    if let Ok(email) = email::parse(text) {
        identifiers.push(Identifier::new("email", email.address));
    }
    Question { identifiers, text: text.to_owned() }
}
