//! Stage 7, the answer page: what a salesperson (or the desk before sales) is shown of a hand-over, what they may answer, and
//! the capture their answer becomes.
//!
//! Reading decides nothing: a link that is opened by a preview answers nothing. Who may answer, and until when, is said
//! here; the signature of the link and the page's looks are the shell's.

use crate::because::{Language, word};
use crate::book::Book;
use crate::capture::{CaptureKind, Captured, DedupKey};
use crate::case::Case;
use crate::desk;
use crate::feedback::ANSWER_PAGE;
use crate::handoff::{Handoff, HandoffState};
use crate::ids::{HandoffId, PersonKey, PushId, SourceName};
use crate::lead::Stage;
use crate::matching;
use crate::moment::Moment;
use crate::notice;
use crate::policy::Policy;
use crate::tell;
use leadloop_mapping::Record;

/// Where a hand-over stands for whoever opened the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for an answer.
    Open,
    /// It was answered, and the answer may be changed.
    Answered,
    /// Nothing can be answered (any more).
    Over,
    /// It is with somebody else.
    NotYours,
}

/// One answer that may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its tag.
    pub tag: String,
    /// Its label.
    pub label: String,
    /// Extra questions: field and label.
    pub ask: Vec<(String, String)>,
    /// What was answered to them before.
    pub said: Vec<String>,
}

/// One field that the desk fills in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The field.
    pub field: String,
    /// Its label.
    pub label: String,
    /// Its value now.
    pub value: String,
}

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The hand-over's version: a form is good for one.
    pub version: i64,
    /// Whether it is at the desk before sales.
    pub desk: bool,
    /// How it stands.
    pub standing: Standing,
    /// Its state in words.
    pub state: String,
    /// The lead's name.
    pub name: String,
    /// Its company.
    pub company: String,
    /// Its phone.
    pub phone: String,
    /// Its mail address.
    pub email: String,
    /// Who is responsible.
    pub owner: String,
    /// When the answer is due.
    pub due: Option<String>,
    /// The brief, line by line.
    pub brief: Vec<String>,
    /// Answers that may be given.
    pub choices: Vec<Choice>,
    /// What was answered.
    pub current: Option<String>,
    /// The remark that was given.
    pub remark: String,
    /// Fields the desk fills in.
    pub fills: Vec<Fill>,
    /// Tracks the desk may name.
    pub tracks: Vec<String>,
}

/// What somebody sees of a hand-over; `desk`: through a link for the desk before sales. Needs the hand-over, its lead and the
/// lead's touches in the book.
#[must_use]
pub fn view(
    book: &Book,
    id: HandoffId,
    person: Option<&PersonKey>,
    desk: bool,
    language: Language,
    policy: &Policy,
    moment: &mut Moment,
) -> Option<View> {
    let handoff = book.handoffs.get(&id)?.clone();
    let mut lead = book.resolve(handoff.lead)?.clone();
    let ended = matches!(handoff.state, HandoffState::Superseded | HandoffState::TakenBack);
    let since = lead.owner.clone().filter(|_| ended);
    let standing = match since.as_ref().and_then(|owner| owner.person.as_ref()) {
        // Somebody else has the lead since: what is known of it is theirs to read.
        Some(other) if !desk && person != Some(other) => Standing::NotYours,
        _ => standing(&handoff, lead.stage, lead.mql, person, desk, policy, moment),
    };
    let policy_in_language = Policy { language, ..policy.clone() };
    let case = Case::new(book, &policy_in_language, moment, &mut lead);
    let text = |name: &str| case.lead.text(name).unwrap_or_default().to_owned();
    let shown = standing != Standing::NotYours;
    let hidden = |text: String| if shown { text } else { String::new() };
    let owner = since.as_ref().or(handoff.owner.as_ref()).map_or(String::new(), |owner| {
        let known = owner.person.as_ref().and_then(|key| policy.people.get(key));
        known.map_or_else(|| owner.crm_user.clone(), |person| person.name.clone())
    });
    Some(View {
        version: handoff.version,
        desk,
        standing,
        state: word(handoff.state.as_str(), language).to_owned(),
        name: hidden(text("name")),
        company: hidden(text("company")),
        phone: hidden(text("phone")),
        email: hidden(text("email")),
        owner,
        due: handoff.due.map(|due| notice::clock(due, policy)),
        brief: if shown {
            tell::brief_text(&case, &handoff).lines().map(str::to_owned).collect()
        } else {
            Vec::new()
        },
        choices: if desk { Vec::new() } else { choices(&case, language) },
        current: handoff.feedback.clone().filter(|tag| policy.feedback.contains_key(tag)),
        remark: hidden(handoff.remark.clone().unwrap_or_default()),
        fills: if desk && shown { fills(&case, language) } else { Vec::new() },
        tracks: if desk { policy.tracks.keys().cloned().collect() } else { Vec::new() },
    })
}

fn standing(
    handoff: &Handoff,
    stage: Stage,
    mql: bool,
    person: Option<&PersonKey>,
    desk: bool,
    policy: &Policy,
    moment: &Moment,
) -> Standing {
    if desk {
        return match handoff.state {
            HandoffState::AtDesk if person.is_none() || person == handoff.desk.as_ref() => Standing::Open,
            HandoffState::AtDesk => Standing::NotYours,
            _ => Standing::Over,
        };
    }
    if !may_answer(handoff, person, policy, moment) {
        return Standing::NotYours;
    }
    match handoff.state {
        HandoffState::WithSales | HandoffState::Parked => Standing::Open,
        HandoffState::Accepted => Standing::Answered,
        HandoffState::Returned if !mql && matches!(stage, Stage::Resting | Stage::Raw | Stage::Closed) => {
            Standing::Answered
        }
        _ => Standing::Over,
    }
}

/// Whoever is responsible, their deputy and their manager.
fn may_answer(handoff: &Handoff, person: Option<&PersonKey>, policy: &Policy, moment: &Moment) -> bool {
    let (Some(person), Some(owner)) =
        (person, handoff.owner.as_ref().and_then(|owner| owner.person.as_ref()))
    else {
        return false;
    };
    let known = policy.people.get(owner);
    let deputy = matching::on_leave(policy, owner, moment.now)
        .and_then(|leave| leave.deputy.as_ref())
        .or_else(|| known.and_then(|known| known.deputy.as_ref()));
    person == owner
        || deputy == Some(person)
        || known.and_then(|known| known.manager.as_ref()) == Some(person)
}

/// Answers in a good order: what takes the lead on first, then what gives it back.
fn choices(case: &Case<'_>, language: Language) -> Vec<Choice> {
    let mut rules: Vec<_> = case.policy.feedback.values().collect();
    rules.sort_by_key(|rule| (rule.next.stage.is_none(), rule.next.close.is_some(), rule.tag.clone()));
    let said = |field: &str| case.lead.text(field).unwrap_or_default().to_owned();
    rules
        .into_iter()
        .map(|rule| Choice {
            tag: rule.tag.clone(),
            label: match language {
                Language::Zh => rule.label.0.clone(),
                Language::En => rule.label.1.clone(),
            },
            ask: rule.ask.iter().map(|field| (field.clone(), label(field, language))).collect(),
            said: rule.ask.iter().map(|field| said(field)).collect(),
        })
        .collect()
}

fn fills(case: &Case<'_>, language: Language) -> Vec<Fill> {
    let desk = case.policy.desk.as_ref();
    let fields = desk.map(|desk| desk.fill.as_slice()).unwrap_or_default();
    fields
        .iter()
        .map(|field| Fill {
            field: field.clone(),
            label: label(field, language),
            value: match field.as_str() {
                "first_channel" => case.lead.origin.channel.clone(),
                name => case.lead.text(name).unwrap_or_default().to_owned(),
            },
        })
        .collect()
}

/// What well-known fields are called; others by their own name.
#[must_use]
pub fn label(field: &str, language: Language) -> String {
    const WORDS: [(&str, &str, &str); 14] = [
        ("competitor", "竞争对手", "Competitor"),
        ("requirement", "需求", "Requirement"),
        ("first_channel", "来源渠道", "First channel"),
        ("budget", "预算", "Budget"),
        ("timeline", "采购时间", "Timeline"),
        ("product", "产品", "Product"),
        ("name", "姓名", "Name"),
        ("company", "公司", "Company"),
        ("title", "职位", "Title"),
        ("province", "省份", "Province"),
        ("city", "城市", "City"),
        ("company.industry", "行业", "Industry"),
        ("company.employees", "员工人数", "Employees"),
        ("email", "邮箱", "E-mail"),
    ];
    let known = WORDS.iter().find(|(name, ..)| *name == field);
    match (known, language) {
        (Some((_, zh, _)), Language::Zh) => (*zh).to_owned(),
        (Some((.., en)), Language::En) => (*en).to_owned(),
        (None, _) => field.to_owned(),
    }
}

/// What was filled in on the page.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Said {
    /// The tag (of sales), or the verdict (of the desk).
    pub answer: String,
    /// The remark.
    pub remark: String,
    /// Answers to extra questions, or fields filled in.
    pub fields: Vec<(String, String)>,
    /// The track the desk names.
    pub track: String,
}

/// The fields of the capture that an answer becomes; none where it is no answer that may be given.
#[must_use]
pub fn fields(view: &View, said: &Said, handoff: HandoffId, person: Option<&PersonKey>) -> Option<Record> {
    let by = person.map_or("", |person| person.as_str());
    let mut record = if view.desk {
        desk::Verdict::parse(&said.answer)?;
        desk::answer(&said.answer, by, &said.remark, &said.track, &said.fields)
    } else {
        let choice = view.choices.iter().find(|choice| choice.tag == said.answer)?;
        let mut record = Record::new().with("answer.tag", said.answer.as_str());
        for (name, value) in [("answer.by", by), ("answer.remark", said.remark.trim())] {
            if !value.is_empty() {
                record.set(name, value);
            }
        }
        for (field, value) in &said.fields {
            if choice.ask.iter().any(|(asked, _)| asked == field) && !value.trim().is_empty() {
                record.set(format!("answer.ask.{field}"), value.trim());
            }
        }
        record
    };
    record.set("answer.handoff", handoff.to_string());
    Some(record)
}

/// The capture of an answer. `once`: what makes it one answer, so that a form sent twice is told from two answers.
#[must_use]
pub fn capture(record: Record, once: String, push: PushId, moment: &mut Moment) -> Captured {
    Captured {
        id: moment.id(),
        push: Some(push),
        position: 0,
        source: SourceName(ANSWER_PAGE.to_owned()),
        key: DedupKey::Event(once),
        at: moment.now,
        arrived: moment.now,
        kind: CaptureKind::Feedback,
        touch: "answer".to_owned(),
        who: Vec::new(),
        fields: record,
        ties: Default::default(),
    }
}
