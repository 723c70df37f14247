//! Stage 3, pool: what a capture says becomes part of the lead: profile with source and time of every field, consent,
//! tags, origin, the touch on the timeline.
//!
//! Of the sources that may fill a field the preferred one wins it, of one source the newest event, however late it arrives;
//! a blank never does. Scores are for [`crate::score`], stages for [`crate::funnel`].

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::Value;

use crate::activity;
use crate::because::Reason;
use crate::capture::{Captured, Identifier};
use crate::facts::{self, Scene};
use crate::ids::{LeadId, PersonKey};
use crate::lead::{Bonds, Consent, Fact, Lead, Marks, Origin, Stage, Touch};
use crate::moment::Moment;
use crate::normal::prefix;
use crate::policy::{self, Filler, Policy};

/// Most fields of one profile; further ones stay on the touch.
pub const MOST_FIELDS: usize = 300;
/// Most tags of one lead.
pub const MOST_TAGS: usize = 200;

/// A lead that nobody has seen before this capture.
#[must_use]
pub fn new_lead(captured: &Captured, moment: &mut Moment) -> Lead {
    Lead {
        id: moment.id(),
        version: 0,
        stage: Stage::Raw,
        stage_since: captured.at,
        profile: BTreeMap::new(),
        identifiers: BTreeSet::new(),
        consent: BTreeMap::new(),
        scores: BTreeMap::new(),
        origin: Origin {
            source: captured.source.clone(),
            channel: captured.source.as_str().to_owned(),
            campaign: None,
            at: captured.at,
        },
        last_touch_at: captured.at,
        touches: 0,
        mql_at: None,
        mql: false,
        mql_of: None,
        mql_left: None,
        pool: None,
        owner: None,
        remotes: BTreeSet::new(),
        track: None,
        rest_until: None,
        feedback: None,
        tags: BTreeSet::new(),
        recycled: 0,
        won_amount: None,
        created_at: moment.now,
        merged_into: None,
        bonds: Bonds::default(),
        marks: Marks::default(),
    }
}

/// The touch that a capture is, with its channel; points and changed fields come later.
#[must_use]
pub fn touch(
    captured: &Captured,
    lead: LeadId,
    by: Option<Identifier>,
    policy: &Policy,
    moment: &mut Moment,
) -> Touch {
    let told = captured.fields.iter().filter_map(|(name, value)| {
        let name = match name.split_once('.') {
            Some(("touch", rest)) => rest,
            Some(("consent", _)) => name,
            _ => return None,
        };
        Some((name.to_owned(), value.clone()))
    });
    let mut touch = Touch {
        id: moment.id(),
        lead,
        capture: captured.id,
        at: captured.at,
        kind: captured.touch.clone(),
        source: captured.source.clone(),
        channel: String::new(),
        by,
        fields: told.collect(),
        points: BTreeMap::new(),
        counted: BTreeMap::new(),
    };
    let (channel, campaign) = channel(&touch, captured, policy);
    touch.channel = channel;
    if let Some(code) = campaign {
        touch.fields.set("campaign", code);
    }
    if let Some(name) = activity::of(&touch, &policy.campaign) {
        touch.fields.set("activity", name);
    }
    touch
}

/// Whose poster a touch came through: a key of the people table in `touch.poster`, or in `touch.by` as the sign-in page says it.
#[must_use]
pub fn poster(touch: &Touch, policy: &Policy) -> Option<PersonKey> {
    let told = ["poster", "by"].iter().filter_map(|name| touch.fields.text(name));
    told.map(|key| PersonKey::from(key.trim())).find(|key| policy.people.contains_key(key))
}

/// Through which channel and campaign a touch came: the first channel rule that holds, else the campaign's channel, else
/// what the record says, else the source's.
fn channel(touch: &Touch, captured: &Captured, policy: &Policy) -> (String, Option<String>) {
    let code = campaign(captured, policy);
    let ruled = (!policy.campaign.channels.is_empty()).then(|| facts::of_touch(touch)).and_then(|facts| {
        let rules = policy.campaign.channels.iter();
        rules.filter(|(_, when)| when.eval_bool(&facts).unwrap_or(false)).map(|(name, _)| name.clone()).next()
    });
    let planned = || policy.campaign.table.get(code.as_deref()?)?.channel.clone();
    let told = || captured.fields.text("touch.channel").map(|text| text.chars().take(100).collect());
    let configured = || policy.sources.get(&captured.source)?.channel.clone();
    let channel = ruled.or_else(planned).or_else(told).or_else(configured);
    (channel.unwrap_or_else(|| captured.source.as_str().to_owned()), code)
}

/// The campaign code of a capture, in the first of the configured fields that has one.
fn campaign(captured: &Captured, policy: &Policy) -> Option<String> {
    let configured = policy.campaign.code.iter().map(String::as_str);
    let names = configured.chain(policy.campaign.code.is_empty().then_some("utm_campaign"));
    let found = names.into_iter().find_map(|name| {
        let touched = captured.fields.get(&format!("touch.{name}"));
        let value = touched.or_else(|| captured.fields.get(name))?.to_display();
        Some(value.trim().to_owned()).filter(|code| !code.is_empty())
    });
    found.map(|code| code.chars().take(200).collect())
}

/// Lets the lead know what a capture says. Fields that change stand on the touch afterwards.
pub fn tell(lead: &mut Lead, captured: &Captured, touch: &mut Touch, policy: &Policy) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if lead.touches == 0 || captured.at < lead.origin.at {
        lead.origin = Origin {
            source: captured.source.clone(),
            channel: touch.channel.clone(),
            campaign: touch.fields.text("campaign").map(str::to_owned),
            at: captured.at,
        };
    }
    lead.last_touch_at = if lead.touches == 0 { captured.at } else { lead.last_touch_at.max(captured.at) };
    lead.touches = lead.touches.saturating_add(1);
    let known = |lead: &Lead| lead.profile.get("poster").map(|fact| fact.at);
    if let Some(key) = poster(touch, policy)
        && known(lead).is_none_or(|at| at <= captured.at)
    {
        let value = key.as_str().into();
        lead.profile
            .insert("poster".to_owned(), Fact { value, source: captured.source.clone(), at: captured.at });
    }
    let (mut changed, mut passed_over) = (Vec::new(), Vec::new());
    for (name, value) in captured.fields.iter().filter(|(_, value)| !value.is_blank()) {
        match name.split_once('.').map_or(name, |(group, _)| group) {
            "touch" | "score" | "answer" => {}
            "consent" => consent(lead, captured, name, value, &mut reasons),
            "tags" => tags(lead, value),
            _ => match fact(lead, captured, name, value, policy) {
                Said::Changed => changed.push((name, value)),
                Said::PassedOver => passed_over.push((name, value)),
                Said::Known => {}
            },
        }
    }
    let names = |list: &[(&str, &Value)]| list.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if !changed.is_empty() {
        reasons.push(Reason::new("profile").with("fields", names(&changed)));
    }
    if !passed_over.is_empty() {
        let reason = Reason::new("fill_passed_over").with("fields", names(&passed_over));
        reasons.push(reason.with("source", &captured.source));
    }
    for (name, value) in changed.into_iter().chain(passed_over) {
        if touch.fields.get(name).is_none() {
            touch.fields.set(name, value.clone());
        }
    }
    derive(lead, policy, &mut reasons);
    part_of(lead, policy, &mut reasons);
    reasons
}

/// What became of a field that was said.
enum Said {
    /// It is the lead's now, and differs from what was there.
    Changed,
    /// It is what is known, or older than that.
    Known,
    /// The field belongs to other sources.
    PassedOver,
}

/// Sets a field where its source may, and what stands there does not win over it.
fn fact(lead: &mut Lead, captured: &Captured, name: &str, value: &Value, policy: &Policy) -> Said {
    let said = Fact { value: value.clone(), source: captured.source.clone(), at: captured.at };
    let Some(rank) = policy.pool.rank(name, &said.source) else { return Said::PassedOver };
    match lead.profile.get(name) {
        None if lead.profile.len() >= MOST_FIELDS => return Said::Known,
        Some(known) if !policy.pool.outranks(name, &said, known, false) => {
            let preferred = policy.pool.rank(name, &known.source).is_some_and(|known| known < rank);
            return if preferred && known.value != *value { Said::PassedOver } else { Said::Known };
        }
        _ => {}
    }
    let changed = lead.profile.get(name).is_none_or(|known| known.value != *value);
    lead.profile.insert(name.to_owned(), said);
    if changed { Said::Changed } else { Said::Known }
}

/// Fills fields from the place where the person's number was given out, where the config wants that: the weakest of
/// sources, because people keep their number when they move.
fn derive(lead: &mut Lead, policy: &Policy, reasons: &mut Vec<Reason>) {
    for (field, fillers) in &policy.pool.fill {
        let Some(phone) = lead.profile.get("phone").cloned() else { return };
        let number = phone.value.to_display();
        let found = fillers.iter().find_map(|filler| {
            let landline = || {
                let province = (field == "province").then(|| prefix::of_landline(&number)).flatten();
                province.map(|province| (province.to_owned(), policy::AREA_CODE))
            };
            match filler {
                Filler::MobilePrefix => {
                    let mobile = policy.pool.prefixes.of_mobile(&number).and_then(|(province, city)| {
                        if field == "city" { city.clone() } else { Some(province.clone()) }
                    });
                    mobile.map(|place| (place, policy::MOBILE_PREFIX)).or_else(landline)
                }
                Filler::AreaCode => landline(),
                Filler::Sources(_) | Filler::Others => None,
            }
        });
        let Some((place, source)) = found else { continue };
        let said = Fact { value: place.into(), source: source.into(), at: phone.at };
        let known = lead.profile.get(field);
        if known
            .is_none_or(|known| known.value != said.value && policy.pool.outranks(field, &said, known, false))
        {
            let reason = Reason::new("derived").with("field", field).with("from", source);
            reasons.push(reason.with("value", said.value.to_display()));
            lead.profile.insert(field.clone(), said);
        }
    }
}

/// Finds the part of the pool the lead is in now.
pub(crate) fn part_of(lead: &mut Lead, policy: &Policy, reasons: &mut Vec<Reason>) {
    let part = part(lead, policy);
    if lead.pool != part {
        let reason = Reason::new("pool").with("from", lead.pool.as_deref().unwrap_or("-"));
        reasons.push(reason.with("to", part.as_deref().unwrap_or("-")));
        lead.pool = part;
    }
}

/// The first part of the pool whose condition holds for a lead; a condition that cannot be decided does not.
#[must_use]
pub fn part(lead: &Lead, policy: &Policy) -> Option<String> {
    if policy.pool.pools.is_empty() {
        return None;
    }
    // Ages and scores are no part of these conditions, so no time is needed.
    let facts = facts::of(&Scene { lead, touch: None, policy, now: lead.last_touch_at });
    let found = policy.pool.pools.iter().find(|part| part.when.eval_bool(&facts).unwrap_or(false));
    found.map(|part| part.name.clone())
}

fn tags(lead: &mut Lead, value: &Value) {
    let one = [value.clone()];
    let list = match value {
        Value::List(list) => list.as_slice(),
        _ => &one,
    };
    for tag in list.iter().filter_map(Value::as_text) {
        if lead.tags.len() < MOST_TAGS {
            lead.tags.insert(tag.to_owned());
        }
    }
}

fn consent(lead: &mut Lead, captured: &Captured, name: &str, value: &Value, reasons: &mut Vec<Reason>) {
    let Some(purpose) = name.strip_prefix("consent.") else { return };
    let (Value::Bool(given), true) = (value, facts::PURPOSES.contains(&purpose)) else { return };
    let assumed = purpose == "transfer" && captured.fields.get("consent.assumed").is_some();
    let said = Consent {
        given: *given,
        at: captured.at,
        source: captured.source.clone(),
        text_version: captured.fields.text("consent.text_version").map(str::to_owned),
        assumed,
    };
    let known = lead.consent.get(purpose);
    let stands = known.map_or_else(|| said.clone(), |known| stronger(known, &said).clone());
    if known.is_none_or(|known| known.given != stands.given) {
        let code = if stands.given { "consent_given" } else { "consent_refused" };
        reasons.push(Reason::new(code).with("purpose", purpose).with("source", &stands.source));
    } else if known.is_some_and(|known| !known.given) && said.given {
        reasons.push(Reason::new("consent_stays_refused").with("purpose", purpose));
    }
    lead.consent.insert(purpose.to_owned(), stands);
}

/// Which of two statements stands, whatever their order of arrival. What somebody said beats what a source assumes. A no
/// beats a yes; only a later yes with the version of the text that was agreed to lifts it.
#[must_use]
pub fn stronger<'a>(one: &'a Consent, other: &'a Consent) -> &'a Consent {
    if one.assumed != other.assumed {
        return if one.assumed { other } else { one };
    }
    if one.given == other.given {
        let key = |consent: &Consent| (consent.given && consent.text_version.is_some(), consent.at);
        return if key(other) > key(one) { other } else { one };
    }
    let (yes, no) = if one.given { (one, other) } else { (other, one) };
    let proven = yes.text_version.is_some() && !yes.assumed && yes.at > no.at;
    if proven { yes } else { no }
}
