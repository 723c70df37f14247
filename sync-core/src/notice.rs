//! Beside stages 5 to 7: what our own people are told, and through which channel.
//!
//! A notice is an [`crate::outbox::Operation::Notify`] like any other delivery: same retries, limits and order. Its
//! standing key names the event, the thing and the receiver, so that nothing is told twice.

mod default;
mod raise;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use crate::because::Language;
use crate::ids::{HandoffId, LinkName, PersonKey};
use crate::outbox::RetryPolicy;
use crate::time::{Micros, Timestamp};

pub use raise::{Announcement, announce};
pub(crate) use raise::{Happened, clock, in_place_of, raise};
pub use words::{OPEN, Own, PERSONAL, TextError, Words};

/// The named parts of a notice, for systems whose own templates have slots.
pub const PARTS: [&str; 12] = [
    "title",
    "company",
    "name",
    "owner",
    "requirement",
    "channel",
    "due",
    "time",
    "event",
    "tag",
    "remark",
    "number",
];

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Notice {
    /// Its own id, for systems that know a message told twice.
    pub id: String,
    /// What happened, as a stable word.
    pub event: String,
    /// The title.
    pub title: String,
    /// The body, plain lines.
    pub text: String,
    /// The answer page it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<AnswerLink>,
    /// The address of that page. It is a key to an answer: made just before it is sent, and kept nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The words on the link.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub button: String,
    /// The body as HTML, for mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Files, for mail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Attachment>,
    /// Its parts by name, for systems whose own templates have slots.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, String>,
}

/// A file of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its content type.
    pub kind: String,
    /// Its content, a text.
    pub content: String,
}

/// Which answer page a link leads to, and whose answers it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerLink {
    /// The hand-over.
    pub handoff: HandoffId,
    /// Who is told.
    pub person: Option<PersonKey>,
    /// Until when it may be used.
    pub until: Timestamp,
    /// Whether it takes the answers of the desk before sales, not those of sales.
    #[serde(default)]
    pub desk: bool,
}

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Sales got a lead.
    HandedOver,
    /// A lead that sales hold did something new.
    NewBehaviour,
    /// Somebody registered through a salesperson's own poster.
    PosterRegistration,
    /// A step of a response time has come.
    Overdue,
    /// A hand-over was taken back for want of an answer.
    TakenBack,
    /// Sales gave a lead back.
    Returned,
    /// A return came without a tag.
    TagMissing,
    /// A lead waits at the desk before sales.
    AtDesk,
    /// What is overdue today, once a day.
    OverdueDigest,
    /// Something is wrong with a system, or right again.
    SystemAlarm,
    /// The week in numbers.
    WeeklyReport,
}

impl Event {
    /// All events.
    pub const ALL: [Event; 11] = [
        Event::HandedOver,
        Event::NewBehaviour,
        Event::PosterRegistration,
        Event::Overdue,
        Event::TakenBack,
        Event::Returned,
        Event::TagMissing,
        Event::AtDesk,
        Event::OverdueDigest,
        Event::SystemAlarm,
        Event::WeeklyReport,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Event::HandedOver => "handed_over",
            Event::NewBehaviour => "new_behaviour",
            Event::PosterRegistration => "poster_registration",
            Event::Overdue => "overdue",
            Event::TakenBack => "taken_back",
            Event::Returned => "returned",
            Event::TagMissing => "tag_missing",
            Event::AtDesk => "at_desk",
            Event::OverdueDigest => "overdue_digest",
            Event::SystemAlarm => "system_alarm",
            Event::WeeklyReport => "weekly_report",
        }
    }

    /// The event of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }

    /// Whether it is about one hand-over, and so about an owner with a manager.
    #[must_use]
    pub const fn of_handoff(self) -> bool {
        !matches!(self, Event::SystemAlarm | Event::WeeklyReport)
    }
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Who is responsible; on leave their deputy too.
    Owner,
    /// Their manager.
    Manager,
    /// Their deputy.
    Deputy,
    /// Who has it at the desk before sales.
    Sdr,
    /// The group a robot sits in.
    Group,
    /// These addresses.
    Addresses(Vec<String>),
}

/// What a channel sends to whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    /// On what.
    pub on: BTreeSet<Event>,
    /// To whom.
    pub to: Audience,
    /// Whether it carries the link to the answer page.
    pub link: bool,
    /// Messages to one receiver are put together and sent so often.
    pub digest: Option<Micros>,
    /// Whether it waits for no quiet hours.
    pub at_once: bool,
}

/// A channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its name.
    pub link: LinkName,
    /// Under which address people are reached: a column of the people table, `group`, or `key`.
    pub address: String,
    /// What it sends.
    pub sends: Vec<Sending>,
    /// What takes its place when it fails.
    pub fallback: Option<LinkName>,
    /// Whether the other side knows a message told twice: then one with an unknown outcome is repeated.
    pub repeatable: bool,
    /// Hours in which nobody is disturbed: from and to, on the wall.
    pub quiet: Option<(Time, Time)>,
    /// How failed messages are retried.
    pub retry: RetryPolicy,
    /// Its templates.
    pub words: Words,
}

/// All channels and their words.
#[derive(Clone, Debug, Default)]
pub struct NoticePolicy {
    /// Channels, in order.
    pub channels: Vec<Channel>,
    /// Whether others can reach us, so that a link leads somewhere.
    pub linked: bool,
    /// When the report of the week before is sent.
    pub report: ReportTime,
}

/// When the report of the week before is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportTime {
    /// Days after Monday.
    pub day: i8,
    /// The hour, on the wall.
    pub at: Time,
}

impl Default for ReportTime {
    fn default() -> Self {
        Self { day: 0, at: Time::constant(8, 0, 0, 0) }
    }
}

impl NoticePolicy {
    /// The channel of that name.
    #[must_use]
    pub fn channel(&self, link: &LinkName) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.link == *link)
    }
}

/// Several messages to one receiver as one.
#[must_use]
pub fn together(notices: &[&Notice], language: Language) -> Notice {
    let part = |notice: &&Notice| {
        let link = notice.url.as_ref().map_or(String::new(), |url| format!("\n{}: {url}", notice.button));
        format!("{}\n{}{link}", notice.title, notice.text)
    };
    let count = notices.len();
    let first = notices.first();
    Notice {
        id: first.map_or(String::new(), |notice| notice.id.clone()),
        event: first.map_or(String::new(), |notice| notice.event.clone()),
        title: match language {
            Language::Zh => format!("{count} 条通知"),
            Language::En => format!("{count} notices"),
        },
        text: notices.iter().map(part).collect::<Vec<_>>().join("\n\n"),
        parts: first.map(|notice| notice.parts.clone()).unwrap_or_default(),
        ..Notice::default()
    }
}
