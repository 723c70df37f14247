//! Company names: one core that can be compared, and beside it what the name tells of place, legal form and branch.
//!
//! Chinese and Japanese names are read by [`han`], Western ones by [`latin`]; [`places`], [`forms`] and [`words`] hold
//! what both know. Whether two names are one company is for [`super::matching`]; aliases, domains and credit codes
//! that people gave are for the pool.

mod forms;
mod han;
mod latin;
mod places;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::forms::LegalForm;
pub use self::places::{Nearness, Region};
use super::fold::{Umlauts, fold, has_umlauts, is_east, is_written};
use super::{Remark, text};

/// Where a name stands in a group of companies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// A company.
    #[default]
    Plain,
    /// 集团, Group.
    Group,
    /// 控股, Holding.
    Holding,
}

/// A company name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyName {
    /// As written, without surrounding space and invisible marks.
    pub display: String,
    /// The core: folded, without place, legal form, group word and branch, without spaces. Two names of one company
    /// have the same core; the same core alone does not make one company.
    pub key: String,
    /// The core with umlauts spelled out (`mueller`), where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spelled_key: Option<String>,
    /// The core without what the company does (示例科技 → 示例); nothing when the name says only that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The place in the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The legal form in the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_form: Option<LegalForm>,
    /// Whether the name is a group's or a holding's.
    #[serde(default)]
    pub tier: Tier,
    /// The branch, in one spelling: `上海分公司`, `2厂`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The core of a second name written behind the first, in brackets or in another script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// What was done beyond spelling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

impl fmt::Display for CompanyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display)
    }
}

/// Why a field names no company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CompanyProblem {
    /// Nothing but white space and invisible marks.
    #[error("the field is blank")]
    Blank,
    /// 无, 个人, n/a, 测试: written to say nothing.
    #[error("the field says that there is no company, or was filled to get past it")]
    Placeholder,
    /// A legal form without a name: 有限公司.
    #[error("a legal form without a name")]
    OnlyForm,
    /// A place without a name: 杭州市.
    #[error("a place without a name")]
    OnlyPlace,
}

impl CompanyProblem {
    /// The stable word for this problem, as stored and exported.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            CompanyProblem::Blank => "blank",
            CompanyProblem::Placeholder => "placeholder",
            CompanyProblem::OnlyForm => "only_form",
            CompanyProblem::OnlyPlace => "only_place",
        }
    }
}

/// What the readers of the two scripts find.
#[derive(Debug, Default)]
struct Parts {
    core: String,
    brand: Option<String>,
    region: Option<Region>,
    legal_form: Option<LegalForm>,
    tier: Tier,
    branch: Option<String>,
    alias: Option<String>,
    /// Something behind the legal form was left out (a department, a person).
    left_out: bool,
}

/// Takes a company name apart.
///
/// # Errors
/// The reason why the field names no company.
pub fn parse(field: &str) -> Result<CompanyName, CompanyProblem> {
    let (field, cut) = text::bounded(field);
    let display = shown(field);
    if display.is_empty() {
        return Err(CompanyProblem::Blank);
    }
    let folded = fold(&display, Umlauts::Bare);
    let compact: String = folded.chars().filter(|c| is_written(*c)).collect();
    if words::is_placeholder(&compact) {
        return Err(CompanyProblem::Placeholder);
    }
    if places::is_nothing_else(&compact) {
        return Err(CompanyProblem::OnlyPlace);
    }
    let parts = read(words::without_label(&folded));
    if parts.core.is_empty() {
        return Err(CompanyProblem::OnlyForm);
    }
    if words::is_empty_core(&parts.core) {
        return Err(CompanyProblem::Placeholder);
    }
    let spelled_key =
        has_umlauts(&display).then(|| read(words::without_label(&fold(&display, Umlauts::Spelled))).core);
    let mut remarks = Vec::new();
    if cut {
        remarks.push(Remark::InputCut);
    }
    if parts.left_out {
        remarks.push(Remark::LeftOut);
    }
    Ok(CompanyName {
        spelled_key: spelled_key.filter(|key| !key.is_empty() && *key != parts.core),
        alias: parts.alias.filter(|alias| !alias.is_empty() && *alias != parts.core),
        display,
        key: parts.core,
        brand: parts.brand,
        region: parts.region,
        legal_form: parts.legal_form,
        tier: parts.tier,
        branch: parts.branch,
        remarks,
    })
}

fn read(folded: &str) -> Parts {
    if folded.chars().any(is_east) { han::read(folded) } else { latin::read(folded) }
}

/// The text as shown: no invisible marks, white space as single spaces.
fn shown(field: &str) -> String {
    let mut shown = String::with_capacity(field.len());
    for c in field.chars().filter(|&c| !text::is_invisible(c)) {
        if !c.is_whitespace() {
            shown.push(c);
        } else if !shown.is_empty() && !shown.ends_with(' ') {
            shown.push(' ');
        }
    }
    shown.truncate(shown.trim_end().len());
    shown
}
