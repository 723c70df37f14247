//! Reading a CRM's record into the mirror: roles → facts, the keys a row is found by, and what is loaded along with it.
//!
//! Every value is brought into the one spelling the pool uses, so that matching compares like with like. What cannot be
//! read (a phone that is none) is left out of the facts; the record itself is kept in the CRM's words. Leaves matching
//! to [`crate::matching`].

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use leadloop_mapping::{Record, Value};

use crate::identity;
use crate::ids::LinkName;
use crate::lead::RemoteRef;
use crate::matching;
use crate::mirror::{MirrorFacts, MirrorKey, MirrorRow, OwnerState, RemoteRecord, Roles};
use crate::normal::phone::Country;
use crate::normal::{credit_code, domain, email, phone};
use crate::policy::{CrmPolicy, Policy};
use crate::time::Timestamp;

/// The object that holds companies.
pub const ACCOUNT: &str = "account";
/// The object that holds opportunities.
pub const OPPORTUNITY: &str = "opportunity";
/// The object that holds salespeople.
pub const USER: &str = "user";
/// The object that holds notes, calls and tasks.
pub const ACTIVITY: &str = "activity";
/// Objects that stand for a person, the surer first.
pub const PEOPLE: [&str; 2] = ["contact", "lead"];

/// The most phones or addresses that are taken from one record.
const MOST_VALUES: usize = 12;
/// The most records that a row points to.
const MOST_POINTERS: usize = 8;

/// How values are read that do not say everything themselves.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The region of phones without a country code.
    pub region: Country,
    /// The zone of times without an offset.
    pub zone: TimeZone,
}

impl Reading {
    /// As the policy says.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self { region: policy.region.parse().unwrap_or(Country::CN), zone: policy.zone.clone() }
    }
}

/// The mirror row of a CRM's record, by the roles the policy knows for its object.
#[must_use]
pub fn read_by(policy: &Policy, link: &LinkName, record: &RemoteRecord, seen_at: Timestamp) -> MirrorRow {
    let roles = policy.crms.get(link).map(|crm| roles_in(crm, &record.object)).unwrap_or_default();
    read(link, record, &roles, &Reading::of(policy), seen_at)
}

/// The roles of an object: the connector's, and what the config says of status, answers and mark.
#[must_use]
pub fn roles_in(crm: &CrmPolicy, object: &str) -> Roles {
    let mut roles = crm.roles.get(object).cloned().unwrap_or_default();
    if let Some(status) = crm.status.iter().find(|status| status.object == object) {
        roles.status = Some(status.field.clone());
        roles.amount = status.amount.clone().or(roles.amount);
        roles.received = status.received.clone().or(roles.received);
    }
    if let Some(feedback) = crm.feedback.as_ref().filter(|feedback| feedback.object == object) {
        roles.feedback = Some(feedback.field.clone());
        roles.remark = feedback.remark.clone().or(roles.remark);
    }
    if PEOPLE.contains(&object) {
        roles.mark.get_or_insert_with(|| crm.mark.clone());
    }
    roles
}

/// The mirror row of a CRM's record.
#[must_use]
pub fn read(
    link: &LinkName,
    record: &RemoteRecord,
    roles: &Roles,
    reading: &Reading,
    seen_at: Timestamp,
) -> MirrorRow {
    let pointing = |object: &str, id: String| RemoteRef { link: link.clone(), object: object.to_owned(), id };
    let fields = &record.fields;
    let status = of(fields, roles.status.as_deref());
    let listed =
        |values: &[String]| status.as_ref().is_some_and(|status| values.iter().any(|value| value == status));
    let won = if listed(&roles.won) {
        Some(true)
    } else if listed(&roles.lost) {
        Some(false)
    } else {
        None
    };
    let pointers = |by: &std::collections::BTreeMap<String, String>| -> Vec<RemoteRef> {
        by.iter()
            .filter_map(|(object, field)| of(fields, Some(field)).map(|id| pointing(object, id)))
            .take(MOST_POINTERS)
            .collect()
    };
    let converted = pointers(&roles.converted);
    let open = !record.deleted
        && won.is_none()
        && converted.is_empty()
        && (roles.open.is_empty() || listed(&roles.open));
    let facts = MirrorFacts {
        name: of(fields, roles.name.as_deref()),
        phones: phones(fields, &roles.phones, reading.region),
        emails: emails(fields, &roles.emails),
        company: of(fields, roles.company.as_deref()),
        credit_code: of(fields, roles.credit_code.as_deref())
            .and_then(|code| credit_code::parse(&code).ok())
            .map(|code| code.code),
        domain: of(fields, roles.website.as_deref()).and_then(|site| domain_of(&site)),
        account: of(fields, roles.account.as_deref()),
        people: pointers(&roles.people),
        owner: of(fields, roles.owner.as_deref()),
        open,
        won,
        amount: number(fields, roles.amount.as_deref()),
        received: number(fields, roles.received.as_deref()),
        feedback: of(fields, roles.feedback.as_deref()),
        remark: of(fields, roles.remark.as_deref()),
        mark: of(fields, roles.mark.as_deref()),
        last_activity_at: time(fields, roles.last_activity.as_deref(), &reading.zone),
        converted,
        merged_into: of(fields, roles.merged_into.as_deref())
            .filter(|_| record.deleted)
            .map(|id| pointing(&record.object, id)),
        user_state: (record.object == USER).then(|| user_state(record, roles)),
        status,
    };
    MirrorRow {
        remote: pointing(&record.object, record.id.clone()),
        facts,
        fields: record.fields.clone(),
        modified_at: record.modified_at,
        seen_at,
        deleted: record.deleted,
    }
}

/// The records a CRM's record points to: people, what it was converted or merged to.
#[must_use]
pub fn pointers(link: &LinkName, record: &RemoteRecord, roles: &Roles) -> Vec<RemoteRef> {
    let by = roles.people.iter().chain(&roles.converted).map(|(object, field)| (object.as_str(), field));
    let merged = roles.merged_into.iter().map(|field| (record.object.as_str(), field));
    by.chain(merged)
        .filter_map(|(object, field)| {
            let id = of(&record.fields, Some(field))?;
            Some(RemoteRef { link: link.clone(), object: object.to_owned(), id })
        })
        .take(2 * MOST_POINTERS)
        .collect()
}

/// The value of a role's field as text, where it says something.
fn of(fields: &Record, field: Option<&str>) -> Option<String> {
    let value = fields.get(field?)?;
    if value.is_blank() {
        return None;
    }
    Some(value.to_display().trim().to_owned())
}

fn phones(fields: &Record, roles: &[String], region: Country) -> Vec<String> {
    let read = roles.iter().filter_map(|field| of(fields, Some(field))).filter_map(|text| {
        let first = phone::parse(&text, region).ok()?;
        let others: Vec<String> = first.others.iter().map(|other| other.e164.clone()).collect();
        let extended = first.extension.is_some().then(|| identity::phone_value(&first)).flatten();
        Some(extended.into_iter().chain([first.e164]).chain(others))
    });
    once_each(read.flatten())
}

fn emails(fields: &Record, roles: &[String]) -> Vec<String> {
    let read = roles.iter().filter_map(|field| of(fields, Some(field))).filter_map(|text| {
        let first = email::parse(&text).ok()?;
        Some(std::iter::once(first.address).chain(first.others))
    });
    once_each(read.flatten())
}

/// The values in their order, each once, bounded.
fn once_each(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(value.clone())).take(MOST_VALUES).collect()
}

/// The registrable domain of a web site, unless it is a mail provider's.
fn domain_of(site: &str) -> Option<String> {
    domain::of_website(site).filter(|domain| !domain::is_free_mail(domain))
}

fn number(fields: &Record, field: Option<&str>) -> Option<f64> {
    match fields.get(field?)? {
        #[expect(
            clippy::cast_precision_loss,
            reason = "amounts beyond 2^53 of the smallest unit do not occur"
        )]
        Value::Int(whole) => Some(*whole as f64),
        Value::Real(real) => Some(*real),
        Value::Text(text) => text.trim().replace([',', ' '], "").parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

fn time(fields: &Record, field: Option<&str>, zone: &TimeZone) -> Option<Timestamp> {
    Timestamp::parse(&of(fields, field)?, zone)
}

/// A user's state; one whose state no value explains works, since nothing may be taken from people by mistake.
fn user_state(record: &RemoteRecord, roles: &Roles) -> OwnerState {
    if record.deleted {
        return OwnerState::Left;
    }
    let meaning = of(&record.fields, roles.user_state.as_deref())
        .and_then(|value| roles.user_states.get(&value).cloned());
    match meaning.as_deref() {
        Some("on_leave") => OwnerState::OnLeave,
        Some("left") => OwnerState::Left,
        _ => OwnerState::Active,
    }
}

/// The look-up keys of a mirror row; none for a deleted one.
#[must_use]
pub fn keys_of(row: &MirrorRow) -> Vec<MirrorKey> {
    let link = &row.remote.link;
    let facts = &row.facts;
    if row.deleted {
        return Vec::new();
    }
    let mut keys = Vec::new();
    keys.extend(facts.phones.iter().map(|phone| key(link, "phone", phone)));
    keys.extend(facts.emails.iter().map(|email| key(link, "email", email)));
    keys.extend(facts.credit_code.iter().map(|code| key(link, "credit_code", code)));
    keys.extend(facts.domain.iter().map(|domain| key(link, "domain", domain)));
    keys.extend(facts.mark.iter().map(|mark| key(link, "mark", mark)));
    keys.extend(facts.account.iter().map(|account| key(link, "account", account)));
    let company = if row.remote.object == ACCOUNT { &facts.name } else { &facts.company };
    if let Some(name) = company.as_ref().filter(|_| row.remote.object != OPPORTUNITY) {
        keys.extend(matching::company_keys(name).iter().map(|value| key(link, "company", value)));
        if row.remote.object == ACCOUNT {
            keys.extend(matching::similar_company_keys(name).iter().map(|value| key(link, "company", value)));
        }
    }
    if row.remote.object == OPPORTUNITY {
        keys.extend(facts.people.iter().map(deal_key));
        keys.extend(facts.account.iter().map(|id| key(link, "deal", &format!("{ACCOUNT}/{id}"))));
    }
    keys
}

/// A look-up key.
#[must_use]
pub fn key(link: &LinkName, kind: &str, value: &str) -> MirrorKey {
    MirrorKey { link: link.clone(), kind: kind.to_owned(), value: value.to_owned() }
}

/// The key under which the opportunities about a record stand.
#[must_use]
pub fn deal_key(about: &RemoteRef) -> MirrorKey {
    key(&about.link, "deal", &format!("{}/{}", about.object, about.id))
}

/// What is loaded along with a mirror row that was asked for.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Companions {
    /// Rows it points to: owner, account, people, what it was converted or merged to.
    pub rows: BTreeSet<RemoteRef>,
    /// Keys under which rows about it stand: its opportunities and those of its account.
    pub keys: BTreeSet<MirrorKey>,
}

/// What the store loads along with a row that was asked for by key or reference: one step, no further.
#[must_use]
pub fn companions(row: &MirrorRow) -> Companions {
    let link = &row.remote.link;
    let facts = &row.facts;
    let pointing = |object: &str, id: &String| RemoteRef {
        link: link.clone(),
        object: object.to_owned(),
        id: id.clone(),
    };
    let mut found = Companions::default();
    if matches!(row.remote.object.as_str(), USER | ACTIVITY) {
        return found;
    }
    found.rows.extend(facts.owner.iter().map(|owner| pointing(USER, owner)));
    found.rows.extend(facts.account.iter().map(|account| pointing(ACCOUNT, account)));
    found.rows.extend(facts.people.iter().cloned());
    found.rows.extend(facts.converted.iter().cloned());
    found.rows.extend(facts.merged_into.iter().cloned());
    if row.remote.object != OPPORTUNITY {
        found.keys.insert(deal_key(&row.remote));
        found.keys.extend(facts.account.iter().map(|id| key(link, "deal", &format!("{ACCOUNT}/{id}"))));
        found.keys.extend(facts.converted.iter().map(deal_key));
    }
    found
}
