//! What people of the house write on a lead: tags, remarks, its requirement; with who did and when.
//!
//! A tag given by hand counts in rules, scores and lists as one that a source brought. The latest remark and the requirement
//! are fields of the profile, so conditions and the brief for sales read them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::merge::person;
use super::{Refusal, each, members};
use crate::because::Reason;
use crate::book::Book;
use crate::case::{Case, short};
use crate::effect::{Effect, Reaction};
use crate::facts::{self, Scene};
use crate::ids::{LeadId, SourceName};
use crate::lead::{Fact, Lead, Remark, Tagged};
use crate::moment::Moment;
use crate::person::phone::BY_HAND;
use crate::policy::Policy;
use crate::pool::{self, MOST_TAGS};
use crate::{agree, inform, score};

/// Most remarks that are kept on a lead; older ones stay in its history.
pub const MOST_REMARKS: usize = 50;
/// Most characters of a remark.
pub const MOST_TEXT: usize = 2_000;
/// Most characters of a tag.
pub const MOST_TAG: usize = 60;
/// Characters of a remark that stand in the history.
const SHOWN: usize = 300;

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Tags to be added.
    Add(Vec<String>),
    /// Tags to be removed.
    Remove(Vec<String>),
    /// A remark.
    Remark(String),
    /// What they need.
    Requirement(String),
}

/// Writes on a lead. Needs what [`super::merge::needs`] and [`super::merge::needs_more`] say.
///
/// # Errors
/// Where there is no such lead, it has not the tag, or what is written is empty or too much.
pub fn mark(
    book: &Book,
    (id, mark): (LeadId, &Mark),
    who: &str,
    policy: &Policy,
    moment: &mut Moment,
) -> Result<Reaction, Refusal> {
    let before = person(book, id)?;
    let mut lead = before.clone();
    let now = moment.now;
    let mut others = Vec::new();
    let reason = match mark {
        Mark::Add(tags) => {
            let tags = checked_tags(tags)?;
            if lead.tags.union(&tags).count() > MOST_TAGS {
                return Err(too_many());
            }
            let new: BTreeSet<String> = tags.difference(&lead.tags).cloned().collect();
            each(&mut lead, |lead| {
                for tag in &new {
                    lead.tags.insert(tag.clone());
                    lead.marks.tagged.insert(tag.clone(), Tagged { at: now, who: who.to_owned() });
                }
            });
            if new.is_empty() {
                return Ok(Reaction::default());
            }
            Reason::new("tagged").with("tags", listed(&new)).with("who", who)
        }
        Mark::Remove(tags) => {
            let tags = checked_tags(tags)?;
            if let Some(missing) = tags.difference(&lead.tags).next() {
                return Err(no_such_tag(&lead, missing));
            }
            each(&mut lead, |lead| untag(lead, &tags));
            // A tag may have come through any of the leads that make up the person.
            others = without(book, before.id, &tags);
            Reason::new("untagged").with("tags", listed(&tags)).with("who", who)
        }
        Mark::Remark(text) => {
            let text = checked(text)?;
            each(&mut lead, |lead| {
                lead.marks.remarks.push(Remark { at: now, who: who.to_owned(), text: text.to_owned() });
                keep_latest(&mut lead.marks.remarks);
                write(lead, "remark", text, now);
            });
            Reason::new("remarked").with("text", short(text, SHOWN)).with("who", who)
        }
        Mark::Requirement(text) => {
            let text = checked(text)?;
            each(&mut lead, |lead| write(lead, "requirement", text, now));
            Reason::new("required").with("text", short(text, SHOWN)).with("who", who)
        }
    };
    each(&mut lead, |lead| judge(lead, policy, moment.now));
    let mut case = Case::new(book, policy, moment, &mut lead);
    case.say(reason);
    agree::all(&mut case);
    let (mut effects, because) = case.into_parts();
    effects.extend(inform::changes(Some(before), &lead, policy, moment));
    lead.version = before.version + 1;
    effects.extend(others.into_iter().map(|row| Effect::PutLead(Box::new(row))));
    effects.push(Effect::PutLead(Box::new(lead)));
    Ok(Reaction { effects, because })
}

/// What both leads of a person had written on them.
pub(super) fn join(older: &mut Lead, younger: &Lead) {
    let remarks = &mut older.marks.remarks;
    remarks.extend(younger.marks.remarks.iter().cloned());
    remarks.sort();
    remarks.dedup();
    keep_latest(remarks);
    for (tag, given) in &younger.marks.tagged {
        let known = older.marks.tagged.entry(tag.clone()).or_insert_with(|| given.clone());
        if *given > *known {
            known.clone_from(given);
        }
    }
    let tags = &older.tags;
    older.marks.tagged.retain(|tag, _| tags.contains(tag));
}

fn keep_latest(remarks: &mut Vec<Remark>) {
    remarks.drain(..remarks.len().saturating_sub(MOST_REMARKS));
}

fn write(lead: &mut Lead, field: &str, text: &str, at: crate::time::Timestamp) {
    let fact = Fact { value: text.into(), source: SourceName::from(BY_HAND), at };
    lead.profile.insert(field.to_owned(), fact);
}

fn untag(lead: &mut Lead, tags: &BTreeSet<String>) {
    for tag in tags {
        lead.tags.remove(tag);
        lead.marks.tagged.remove(tag);
    }
}

/// The other leads of the person that have one of the tags, as they become without.
fn without(book: &Book, root: LeadId, tags: &BTreeSet<String>) -> Vec<Lead> {
    let rows = members(book, root).into_iter().filter(|id| *id != root).filter_map(|id| book.leads.get(&id));
    let mut changed = Vec::new();
    for row in rows {
        let mut lead = row.clone();
        each(&mut lead, |lead| untag(lead, tags));
        if lead != *row {
            lead.version += 1;
            changed.push(lead);
        }
    }
    changed
}

/// What rules make of the profile as it is now: points of attributes, the part of the pool.
fn judge(lead: &mut Lead, policy: &Policy, now: crate::time::Timestamp) {
    let facts = facts::of(&Scene { lead, touch: None, policy, now });
    score::attributes(lead, &facts, policy);
    lead.pool = pool::part(lead, policy);
}

fn listed(tags: &BTreeSet<String>) -> String {
    tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" ")
}

fn checked_tags(tags: &[String]) -> Result<BTreeSet<String>, Refusal> {
    let mut read = BTreeSet::new();
    for tag in tags {
        let tag = tag.trim().trim_start_matches('#').trim();
        if tag.is_empty() || tag.chars().count() > MOST_TAG || tag.chars().any(char::is_control) {
            return Err(Refusal {
                code: "LL4630",
                en: format!("a tag is 1 to {MOST_TAG} characters on one line, such as `trade fair 2026`"),
                zh: format!("标签为 1 到 {MOST_TAG} 个字符的一行文字，例如“展会2026”"),
            });
        }
        read.insert(tag.to_owned());
    }
    Ok(read)
}

fn too_many() -> Refusal {
    Refusal {
        code: "LL4631",
        en: format!("a lead has at most {MOST_TAGS} tags; `leadloop lead tag remove` takes some away"),
        zh: format!("一条线索最多 {MOST_TAGS} 个标签；请先用 `leadloop lead tag remove` 移除一些"),
    }
}

fn no_such_tag(lead: &Lead, missing: &str) -> Refusal {
    let (en, zh) = if lead.tags.is_empty() {
        ("it has none".to_owned(), "该线索没有标签".to_owned())
    } else {
        let all = listed(&lead.tags);
        (format!("it has {all}"), format!("现有标签：{all}"))
    };
    Refusal {
        code: "LL4632",
        en: format!("the lead has no tag `{missing}`; {en}"),
        zh: format!("该线索没有标签“{missing}”；{zh}"),
    }
}

fn checked(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MOST_TEXT {
        return Err(Refusal {
            code: "LL4633",
            en: format!("a note has 1 to {MOST_TEXT} characters; this one has {}", text.chars().count()),
            zh: format!("备注为 1 到 {MOST_TEXT} 个字符；本条有 {} 个", text.chars().count()),
        });
    }
    Ok(text)
}
