//! Stage 5, transfer: what people said about companies. The table that an admin keeps (other names, code, domains, parent)
//! and the pairs of names that somebody judged.
//!
//! Both hold against what names tell by themselves: [`crate::matching`] asks here first.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::because::Reason;
use crate::book::{Book, Needs};
use crate::effect::{Deadline, Effect, Reaction};
use crate::handoff::HandoffState;
use crate::ids::LeadId;
use crate::lead::RemoteRef;
use crate::matching;
use crate::mirror_read;
use crate::normal::company::{self, CompanyName, LegalForm, Tier};
use crate::normal::domain;
use crate::normal::matching::{Strength, first_key, lookup_keys, match_names};
use crate::person::Refusal;
use crate::time::Timestamp;
use crate::transfer;

/// Most names that one company can be given by hand: each pair of them is kept.
pub const MOST_NAMES: usize = 40;
/// Most levels of parents that are followed.
const MOST_LEVELS: usize = 10;
/// Most companies below one that are looked for with it.
const MOST_BELOW: usize = 20;

/// A company as the admin's table has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Company {
    /// Its name.
    pub name: String,
    /// Other names of the same company.
    pub also: Vec<String>,
    /// Its unified social credit code, checked.
    pub credit_code: Option<String>,
    /// Registrable domains of its mail addresses and web sites.
    pub domains: Vec<String>,
    /// The row of the company it belongs to.
    pub parent: Option<usize>,
}

impl Company {
    /// All its names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.also.iter().map(String::as_str))
    }
}

/// How a company of the table stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same row.
    Same,
    /// The other one is above it.
    Parent,
    /// The other one is below it.
    Subsidiary,
    /// Two companies.
    Other,
}

/// The admin's table, ready to be asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Companies {
    rows: Vec<Company>,
    names: Vec<Vec<CompanyName>>,
    by_key: BTreeMap<String, BTreeSet<usize>>,
    by_code: BTreeMap<String, usize>,
    by_domain: BTreeMap<String, BTreeSet<usize>>,
    free_mail: BTreeSet<String>,
}

impl Companies {
    /// A table of these rows. `free_mail`: domains whose addresses name no company, beyond those that everybody knows.
    #[must_use]
    pub fn new(rows: Vec<Company>, free_mail: BTreeSet<String>) -> Self {
        let mut table = Self { free_mail, ..Self::default() };
        for (at, row) in rows.iter().enumerate() {
            let names: Vec<CompanyName> = row.names().filter_map(|name| company::parse(name).ok()).collect();
            for key in names.iter().flat_map(lookup_keys).filter(|key| !key.starts_with("b:")) {
                table.by_key.entry(key).or_default().insert(at);
            }
            table.names.push(names);
            table.by_code.extend(row.credit_code.iter().map(|code| (code.clone(), at)));
            for domain in &row.domains {
                table.by_domain.entry(domain.clone()).or_default().insert(at);
            }
        }
        table.rows = rows;
        table
    }

    /// Its rows, in the order of the file.
    #[must_use]
    pub fn rows(&self) -> &[Company] {
        &self.rows
    }

    /// Whether a registrable domain names no company: a mail provider's, or one that the config lists.
    #[must_use]
    pub fn is_free_mail(&self, of: &str) -> bool {
        domain::is_free_mail(of) || self.free_mail.contains(of)
    }

    /// The row that a name means for sure; none where several would do.
    #[must_use]
    pub fn by_name(&self, name: &CompanyName) -> Option<usize> {
        if self.by_key.is_empty() {
            return None; // most have no table, and this is asked of every candidate
        }
        let keys = lookup_keys(name);
        let rows: BTreeSet<usize> =
            keys.iter().filter_map(|key| self.by_key.get(key)).flatten().copied().collect();
        let score = |row: usize| {
            let names = self.names.get(row)?;
            let found = names.iter().filter_map(|known| match_names(known, name));
            found.filter(|found| found.strength == Strength::Strong).map(|found| found.score).max()
        };
        let scored: Vec<(u16, usize)> = rows.into_iter().filter_map(|row| Some((score(row)?, row))).collect();
        let best = scored.iter().map(|(score, _)| *score).max()?;
        let mut first = scored.iter().filter(|(score, _)| *score == best).map(|(_, row)| *row);
        first.next().filter(|_| first.next().is_none())
    }

    /// The row of a company: by its code, else by its name, else, where it has no name, by the one row with its domain.
    #[must_use]
    pub fn row_of(
        &self,
        code: Option<&str>,
        name: Option<&CompanyName>,
        domains: &[String],
    ) -> Option<usize> {
        if let Some(row) = code.and_then(|code| self.by_code.get(code)) {
            return Some(*row);
        }
        if let Some(name) = name {
            return self.by_name(name);
        }
        let near = self.by_domains(domains);
        near.first().copied().filter(|_| near.len() == 1)
    }

    /// The rows that have one of these domains.
    #[must_use]
    pub fn by_domains(&self, domains: &[String]) -> BTreeSet<usize> {
        domains.iter().filter_map(|domain| self.by_domain.get(domain)).flatten().copied().collect()
    }

    /// A row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&Company> {
        self.rows.get(row)
    }

    /// The names of a row, taken apart.
    pub fn names_of(&self, row: usize) -> impl Iterator<Item = &CompanyName> {
        self.names.get(row).into_iter().flatten()
    }

    /// The rows above a row, the nearest first.
    #[must_use]
    pub fn above(&self, row: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut at = row;
        while let Some(parent) = self.rows.get(at).and_then(|row| row.parent) {
            if parent == row || found.contains(&parent) || found.len() >= MOST_LEVELS {
                break;
            }
            found.push(parent);
            at = parent;
        }
        found
    }

    /// The rows right below a row, bounded.
    #[must_use]
    pub fn below(&self, row: usize) -> Vec<usize> {
        let below = self.rows.iter().enumerate().filter(|(_, other)| other.parent == Some(row));
        below.map(|(at, _)| at).take(MOST_BELOW).collect()
    }

    /// How a row stands to another.
    #[must_use]
    pub fn relation(&self, row: usize, other: usize) -> Relation {
        if row == other {
            Relation::Same
        } else if self.above(row).contains(&other) {
            Relation::Parent
        } else if self.above(other).contains(&row) {
            Relation::Subsidiary
        } else {
            Relation::Other
        }
    }
}

/// Two names that may be one company: names would not decide it, somebody may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyPair {
    /// The one, as the lead names it; `@DOMAIN` where only its mail domain is known.
    pub one: String,
    /// The other, as the CRM names it.
    pub other: String,
    /// Why it is in doubt: a stable code such as `region_open`.
    pub reason: String,
    /// The lead that raised it.
    pub lead: Option<LeadId>,
    /// The record of the other.
    pub remote: Option<RemoteRef>,
    /// When it was noticed.
    pub at: Timestamp,
}

/// Somebody said whether two names are one company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyVerdict {
    /// The one.
    pub one: String,
    /// The other.
    pub other: String,
    /// One company, or two.
    pub same: bool,
    /// Who said so.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

/// Verdicts by the keys of their names, the smaller key first.
pub type Judged = BTreeMap<(String, String), CompanyVerdict>;

/// What a name is judged under: everything that tells it from other companies, and nothing of how it is spelled.
/// `None` where the text names no company. `@a.example` stands for somebody known by a mail domain only.
#[must_use]
pub fn key(name: &str) -> Option<String> {
    if let Some(of) = name.trim().strip_prefix('@') {
        return domain::of_website(of).map(|domain| format!("@{domain}"));
    }
    company::parse(name).ok().map(|name| key_of(&name))
}

/// As [`key`], of a name that was taken apart.
#[must_use]
pub fn key_of(name: &CompanyName) -> String {
    let mut key = first_key(name);
    if let Some(form) = name.legal_form.filter(|form| !form.agrees_with(LegalForm::CnCompany)) {
        key.push_str(&format!("|{}", form.code()));
    }
    match name.tier {
        Tier::Plain => {}
        Tier::Group => key.push_str("|group"),
        Tier::Holding => key.push_str("|holding"),
    }
    if let Some(branch) = &name.branch {
        key.push_str(&format!("|{branch}"));
    }
    key
}

/// Two keys as a verdict stands under them; `None` where they are one.
#[must_use]
pub fn pair(one: &str, other: &str) -> Option<(String, String)> {
    (one != other).then(|| {
        let (small, large) = if one < other { (one, other) } else { (other, one) };
        (small.to_owned(), large.to_owned())
    })
}

/// A verdict with the keys it stands under, its names on the side of their keys. `None` where a name is none, or both are
/// one.
#[must_use]
pub fn keyed(verdict: &CompanyVerdict) -> Option<((String, String), CompanyVerdict)> {
    let first = key(&verdict.one)?;
    let keys = pair(&first, &key(&verdict.other)?)?;
    let mut verdict = verdict.clone();
    if first != keys.0 {
        std::mem::swap(&mut verdict.one, &mut verdict.other);
    }
    Some((keys, verdict))
}

/// What somebody said about two keys.
#[must_use]
pub fn said(judged: &Judged, one: &str, other: &str) -> Option<bool> {
    judged.get(&pair(one, other)?).map(|verdict| verdict.same)
}

/// The other names that somebody said are the company of this key.
pub fn same_as<'j>(judged: &'j Judged, of: &'j str) -> impl Iterator<Item = &'j str> {
    judged.iter().filter(|(_, verdict)| verdict.same).filter_map(move |((small, large), verdict)| {
        if small == of { Some(verdict.other.as_str()) } else { (large == of).then_some(verdict.one.as_str()) }
    })
}

/// What must be looked up besides, because somebody said that it is the same company as what is asked for.
#[must_use]
pub fn widened(needs: &Needs, judged: &Judged) -> Option<Needs> {
    let names: BTreeSet<&str> = needs.judged.iter().flat_map(|of| same_as(judged, of)).collect();
    if names.is_empty() {
        return None;
    }
    let mut wider = needs.clone();
    for name in names {
        wider.companies.extend(running_under(name));
        if name.starts_with('@') {
            continue;
        }
        for link in &needs.users_of {
            let keys = matching::company_keys(name);
            wider.keys.extend(keys.iter().map(|value| mirror_read::key(link, "company", value)));
        }
    }
    Some(wider)
}

/// The key under which hand-overs of a name run.
#[must_use]
pub fn running_under(name: &str) -> Option<String> {
    if name.trim().starts_with('@') { key(name) } else { matching::company_key(name) }
}

/// What must be known before a pair is judged: what was said of its names, and what waits for it.
#[must_use]
pub fn needs(names: &[&str]) -> Needs {
    Needs {
        judged: names.iter().filter_map(|name| key(name)).collect(),
        companies: names.iter().filter_map(|name| running_under(name)).collect(),
        ..Needs::default()
    }
}

/// The names that make up one company with this one, itself first.
#[must_use]
pub fn group(judged: &Judged, name: &str) -> Vec<String> {
    let Some(own) = key(name) else { return Vec::new() };
    let others = same_as(judged, &own).map(str::to_owned);
    std::iter::once(name.to_owned()).chain(others).collect()
}

/// Somebody says whether two names are one company. Hand-overs of either that wait are decided anew.
///
/// # Errors
/// Where a text names no company, both are one name, or it contradicts what was said before.
pub fn judge(
    book: &Book,
    (one, other): (&str, &str),
    same: bool,
    who: &str,
    now: Timestamp,
) -> Result<Reaction, Refusal> {
    let (left, right) = (known(one)?, known(other)?);
    if left == right {
        return Err(Refusal {
            code: "LL4621",
            en: format!(
                "`{one}` and `{other}` are one name to leadloop: they only differ in spelling, place in the name or a legal form left out"
            ),
            zh: format!("`{one}` 与 `{other}` 对 leadloop 是同一名称：仅写法、地名位置或省略的组织形式不同"),
        });
    }
    let ours = group(&book.judged, one);
    let theirs = group(&book.judged, other);
    let mut reaction = Reaction::default();
    reaction.because.push(
        Reason::new(if same { "company_same" } else { "company_apart" })
            .with("one", one)
            .with("other", other)
            .with("who", who),
    );
    let pairs: Vec<(&String, &String)> = if same {
        if ours.len() + theirs.len() > MOST_NAMES {
            return Err(Refusal {
                code: "LL4622",
                en: format!(
                    "one company has at most {MOST_NAMES} names by hand; write it into the table of companies"
                ),
                zh: format!("一家公司最多人工指定 {MOST_NAMES} 个名称；请写入公司表"),
            });
        }
        ours.iter().flat_map(|a| theirs.iter().map(move |b| (a, b))).collect()
    } else {
        ours.iter().take(1).zip(theirs.iter().take(1)).collect()
    };
    contradicted(book, &pairs, (&left, &right), same, (&ours, &theirs))?;
    let mut told = BTreeSet::new();
    for (a, b) in pairs {
        let verdict = CompanyVerdict { one: a.clone(), other: b.clone(), same, who: who.to_owned(), at: now };
        if keyed(&verdict).is_some_and(|(keys, _)| told.insert(keys)) {
            reaction.effects.push(Effect::CompanyVerdict(verdict));
        }
    }
    reaction.effects.extend(wake(book, now));
    Ok(reaction)
}

fn known(name: &str) -> Result<String, Refusal> {
    key(name).ok_or_else(|| Refusal {
        code: "LL4620",
        en: format!("`{name}` names no company; write a name, or @ and a mail domain"),
        zh: format!("`{name}` 不是公司名称；请写公司名，或 @ 加邮箱域名"),
    })
}

/// What was said before and does not go together with it.
fn contradicted(
    book: &Book,
    pairs: &[(&String, &String)],
    asked: (&str, &str),
    same: bool,
    (ours, theirs): (&[String], &[String]),
) -> Result<(), Refusal> {
    let clash = if same {
        let apart = pairs.iter().find(|(a, b)| {
            let (Some(a), Some(b)) = (key(a), key(b)) else { return false };
            pair(&a, &b) != pair(asked.0, asked.1) && said(&book.judged, &a, &b) == Some(false)
        });
        apart.map(|(a, b)| ((*a).clone(), (*b).clone()))
    } else {
        let keys: BTreeSet<String> = theirs.iter().skip(1).filter_map(|name| key(name)).collect();
        let third = ours.iter().skip(1).find(|name| {
            key(name).is_some_and(|key| keys.contains(&key) && key != asked.0 && key != asked.1)
        });
        third.map(|third| (third.clone(), theirs.first().cloned().unwrap_or_default()))
    };
    let Some((a, b)) = clash else { return Ok(()) };
    Err(Refusal {
        code: "LL4622",
        en: format!(
            "it does not go together with what was said before of `{a}` and `{b}`; change that first: `leadloop company {}`",
            if same { "same" } else { "apart" }
        ),
        zh: format!(
            "与此前对 `{a}` 和 `{b}` 的结论矛盾；请先修改：`leadloop company {}`",
            if same { "same" } else { "apart" }
        ),
    })
}

/// Hand-overs of these companies that are held are decided anew.
fn wake(book: &Book, now: Timestamp) -> impl Iterator<Item = Effect> {
    let held = book
        .handoffs
        .values()
        .filter(|handoff| handoff.state == HandoffState::Asking && handoff.due.is_some());
    held.map(move |handoff| {
        Effect::SetDeadline(Deadline {
            key: transfer::hold_key(handoff.id),
            at: now,
            kind: "again".to_owned(),
            step: 0,
            lead: handoff.lead,
            handoff: Some(handoff.id),
        })
    })
}
