//! Stage 3, pool: nurture tracks that leads enter by rule. The pool says whom; the MA does the nurturing.
//!
//! Most such rules speak of ages (`lead.days_since_last_touch >= 90`), which change without anything happening. So beside
//! looking at each touch, the next day on which a rule may begin to hold is found from the numbers written in it, and a
//! deadline asks again then: no nightly run over all leads.

use std::collections::BTreeSet;

use leadloop_mapping::expr::Facts;

use crate::because::{Because, Reason};
use crate::book::Book;
use crate::effect::{Deadline, Effect, Reaction};
use crate::facts::{self, Scene};
use crate::ids::LeadId;
use crate::inform;
use crate::lead::{Lead, Stage};
use crate::moment::Moment;
use crate::policy::{Policy, Track};
use crate::time::{Micros, Timestamp};

/// The kind of deadline at which tracks are looked at again.
pub const DEADLINE: &str = "track";
/// Longest age in days that a rule is followed to.
const MOST_DAYS: i64 = 3_660;
/// Most numbers of one rule that are tried as ages.
const MOST_NUMBERS: usize = 8;

/// The deadline of a lead.
#[must_use]
pub fn key(lead: LeadId) -> String {
    format!("track/{}", lead.uuid().simple())
}

/// Whether tracks are for the lead at all: not while sales hold it, not when it is closed.
const fn open(stage: Stage) -> bool {
    !stage.with_sales() && !matches!(stage, Stage::Closed | Stage::Won)
}

/// Enters the first track whose rule holds now and sets the next look. A track that was prescribed by feedback stays while
/// the lead rests.
pub fn choose(lead: &mut Lead, policy: &Policy, now: Timestamp) -> (Vec<Reason>, Vec<Effect>) {
    let (mut reasons, mut effects) = (Vec::new(), Vec::new());
    let ruled: Vec<&Track> = policy.tracks.values().filter(|track| track.when.is_some()).collect();
    if ruled.is_empty() {
        return (reasons, effects);
    }
    let prescribed = lead.track.as_ref().and_then(|name| policy.tracks.get(name));
    let stays = prescribed.is_some_and(|track| track.when.is_none()) && lead.stage == Stage::Resting;
    if open(lead.stage) && !stays {
        let facts = facts::of(&Scene { lead, touch: None, policy, now });
        let fits = ruled.iter().find(|track| holds(track, &facts));
        if let Some(track) = fits
            && lead.track.as_ref() != Some(&track.name)
        {
            lead.track = Some(track.name.clone());
            reasons.push(Reason::new("track_entered").with("track", &track.name));
        }
    }
    if let Some(at) = next_look(lead, &ruled, policy, now) {
        effects.push(Effect::SetDeadline(Deadline {
            key: key(lead.id),
            at,
            kind: DEADLINE.to_owned(),
            step: 0,
            lead: lead.id,
            handoff: None,
        }));
    }
    (reasons, effects)
}

fn holds(track: &Track, facts: &Facts) -> bool {
    track.when.as_ref().is_some_and(|when| when.eval_bool(facts).unwrap_or(false))
}

/// The next time at which a rule that does not hold now does, as far as ages in days decide.
fn next_look(lead: &Lead, tracks: &[&Track], policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    if !open(lead.stage) {
        return None;
    }
    let bases = [
        ("lead.days_since_first_touch", lead.origin.at),
        ("lead.days_since_last_touch", lead.last_touch_at),
        ("lead.days_in_stage", lead.stage_since),
    ];
    let mut times: BTreeSet<Timestamp> = BTreeSet::new();
    for track in tracks {
        let Some(when) = &track.when else { continue };
        for (_, base) in bases.iter().filter(|(name, _)| when.reads().contains(*name)) {
            for days in numbers(when.text()) {
                // `>= 7` holds from day 7, `> 7` from day 8.
                times.extend([*base + Micros::days(days), *base + Micros::days(days + 1)]);
            }
        }
    }
    times.into_iter().filter(|at| *at > now).find(|at| {
        let facts = facts::of(&Scene { lead, touch: None, policy, now: *at });
        tracks.iter().any(|track| lead.track.as_ref() != Some(&track.name) && holds(track, &facts))
    })
}

/// The whole numbers written in an expression.
fn numbers(text: &str) -> BTreeSet<i64> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse::<i64>().ok())
        .filter(|days| (0..=MOST_DAYS).contains(days))
        .take(MOST_NUMBERS)
        .collect()
}

/// The deadline has come: the lead is looked at again.
#[must_use]
pub fn look(book: &Book, deadline: &Deadline, policy: &Policy, moment: &mut Moment) -> Reaction {
    let mut because = Because { lead: Some(deadline.lead), ..Because::default() };
    let mut effects = vec![Effect::ClearDeadline(deadline.key.clone())];
    let Some(before) = book.resolve(deadline.lead) else {
        because.push(Reason::new("lead_gone"));
        return Reaction { effects, because };
    };
    let mut lead = before.clone();
    let (reasons, next) = choose(&mut lead, policy, moment.now);
    because.reasons = reasons;
    effects.extend(next);
    if lead != *before {
        lead.version = before.version + 1;
        effects.extend(inform::changes(Some(before), &lead, policy, moment));
        effects.push(Effect::PutLead(Box::new(lead)));
    }
    Reaction { effects, because }
}
