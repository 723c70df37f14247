//! Stage 3, pool: which activity of marketing (a webinar, a live stream, a fair) a touch was part of, and how far the person got.

use crate::lead::Touch;
use crate::policy::CampaignPolicy;

/// Fields that name an activity, where the config names none.
pub const NAMED_BY: [&str; 3] = ["event", "webinar", "channel_id"];
/// Kinds of touch, where the config names none.
pub const VIEWED: [&str; 3] = ["event_viewed", "live_viewed", "webinar_viewed"];
/// The same.
pub const REGISTERED: [&str; 4] =
    ["event_registered", "live_registered", "live_registration_approved", "webinar_registered"];
/// The same.
pub const ATTENDED: [&str; 5] =
    ["event_attended", "event_signed_in", "live_attended", "live_joined", "webinar_attended"];
/// Longest name of an activity.
const LONGEST: usize = 200;

/// How far somebody got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Looked at its page.
    Viewed = 1,
    /// Registered.
    Registered = 2,
    /// Was there.
    Attended = 3,
}

/// Which kinds of touch belong to activities, and what names the activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityPolicy {
    /// Fields of the touch that name it, in order; where none does, the campaign and then the source.
    pub named_by: Vec<String>,
    /// Kinds of touch and the step each stands for.
    pub kinds: Vec<(String, Step)>,
}

impl Default for ActivityPolicy {
    fn default() -> Self {
        Self::new(&[], &[], &[], &[])
    }
}

impl ActivityPolicy {
    /// From what the config says; an empty list stands for the usual names.
    #[must_use]
    pub fn new(named_by: &[String], viewed: &[String], registered: &[String], attended: &[String]) -> Self {
        let or = |given: &[String], usual: &[&str]| -> Vec<String> {
            if given.is_empty() {
                usual.iter().map(|name| (*name).to_owned()).collect()
            } else {
                given.to_vec()
            }
        };
        let steps = [
            (Step::Viewed, or(viewed, &VIEWED)),
            (Step::Registered, or(registered, &REGISTERED)),
            (Step::Attended, or(attended, &ATTENDED)),
        ];
        Self {
            named_by: or(named_by, &NAMED_BY),
            kinds: steps
                .into_iter()
                .flat_map(|(step, kinds)| kinds.into_iter().map(move |kind| (kind, step)))
                .collect(),
        }
    }
}

/// The name of the activity a touch was part of, where its kind is one of an activity.
#[must_use]
pub fn of(touch: &Touch, policy: &CampaignPolicy) -> Option<String> {
    let activity = &policy.activity;
    activity.kinds.iter().find(|(kind, _)| *kind == touch.kind)?;
    let told = activity.named_by.iter().map(String::as_str).chain(["campaign"]).find_map(|name| {
        let value = touch.fields.get(name)?.to_display();
        Some(value.trim().to_owned()).filter(|name| !name.is_empty())
    });
    let name = told.unwrap_or_else(|| touch.source.as_str().to_owned());
    Some(name.chars().take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use leadloop_mapping::Record;

    use crate::ids::SourceName;
    use crate::moment::Moment;
    use crate::time::Timestamp;

    fn touch(kind: &str, fields: Record) -> Touch {
        let mut moment = Moment::new(Timestamp(0), 1);
        Touch {
            id: moment.id(),
            lead: moment.id(),
            capture: moment.id(),
            at: Timestamp(0),
            kind: kind.to_owned(),
            source: SourceName::from("fair"),
            channel: "offline".to_owned(),
            by: None,
            fields,
            points: BTreeMap::new(),
            counted: BTreeMap::new(),
        }
    }

    #[test]
    fn an_activity_is_named_by_the_first_field_that_says_so_else_by_campaign_or_source() {
        let policy = CampaignPolicy::default();
        let named = |kind: &str, fields: Record| of(&touch(kind, fields), &policy);
        let both = || Record::new().with("webinar", 1_234_567_890_i64).with("campaign", "autumn");
        assert_eq!(named("live_registered", both()).as_deref(), Some("1234567890"));
        assert_eq!(
            named("live_attended", Record::new().with("event", " ").with("campaign", "autumn")).as_deref(),
            Some("autumn")
        );
        assert_eq!(named("event_signed_in", Record::new()).as_deref(), Some("fair"));
        assert_eq!(named("form_submitted", both()), None, "a form is no activity");
        // What the config says takes the place of the usual names.
        let own = |text: &str| vec![text.to_owned()];
        let activity = ActivityPolicy::new(&own("topic"), &[], &own("zhibo_baoming"), &[]);
        let policy = CampaignPolicy { activity, ..CampaignPolicy::default() };
        let fields = || Record::new().with("topic", "MES").with("event", "x");
        assert_eq!(of(&touch("zhibo_baoming", fields()), &policy).as_deref(), Some("MES"));
        assert_eq!(of(&touch("live_registered", fields()), &policy), None);
        assert_eq!(of(&touch("live_attended", fields()), &policy).as_deref(), Some("MES"));
    }
}
