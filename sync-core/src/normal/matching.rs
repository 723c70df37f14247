//! Whether two company names are one company: a reason that can be stored and shown, or nothing.
//!
//! Strong matches may decide on their own; weak ones are for a person, or count together with a domain or a credit
//! code, which identity knows. Works on names that [`super::company`] has taken apart. [`lookup_keys`] finds
//! candidates in an index by exact look-up, so that no name is compared with all others.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::company::{CompanyName, Nearness, Tier};

/// What made two names match. The words are stable: they are stored with decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchReason {
    /// Core, place, legal form, group word and branch are the same.
    ExactName,
    /// Core and place are the same; the place stands elsewhere, or the legal form is left out or synonymous.
    SameCoreAndRegion,
    /// The same core, no place in either name.
    SameCore,
    /// One name is the second name given with the other.
    Alias,
    /// The same core, one name has no place.
    RegionOpen,
    /// The same core, one place lies in the other (浙江, 杭州).
    RegionWithin,
    /// The same core, legal forms of two companies (GmbH, AG).
    FormDiffers,
    /// The same core, one is the group's or holding's name.
    GroupDiffers,
    /// One is a branch of the other.
    BranchOf,
    /// The same core, but it is too short or too general to name one company.
    GeneralCore,
    /// The same brand, one name does not say what the company does.
    SameBrand,
    /// Cores that differ by a slip of the hand.
    Similar,
    /// The same credit code.
    ExactCode,
    /// The same name, but two credit codes.
    CodeDiffers,
    /// A doubtful name and a domain in common that is no mail provider's.
    NameAndDomain,
    /// Only a domain in common.
    DomainOnly,
}

impl MatchReason {
    /// The stable word for this reason, as stored and exported.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            MatchReason::ExactName => "exact_name",
            MatchReason::SameCoreAndRegion => "same_core_and_region",
            MatchReason::SameCore => "same_core",
            MatchReason::Alias => "alias",
            MatchReason::RegionOpen => "region_open",
            MatchReason::RegionWithin => "region_within",
            MatchReason::FormDiffers => "form_differs",
            MatchReason::GroupDiffers => "group_differs",
            MatchReason::BranchOf => "branch_of",
            MatchReason::GeneralCore => "general_core",
            MatchReason::SameBrand => "same_brand",
            MatchReason::Similar => "similar",
            MatchReason::ExactCode => "exact_code",
            MatchReason::CodeDiffers => "code_differs",
            MatchReason::NameAndDomain => "name_and_domain",
            MatchReason::DomainOnly => "domain_only",
        }
    }

    /// Whether the reason is enough on its own.
    #[must_use]
    pub fn strength(self) -> Strength {
        use MatchReason as R;
        match self {
            R::ExactName | R::SameCoreAndRegion | R::SameCore | R::ExactCode | R::NameAndDomain => {
                Strength::Strong
            }
            _ => Strength::Weak,
        }
    }
}

/// How far a match carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// For a person to decide, or together with other evidence.
    Weak,
    /// Enough on its own.
    Strong,
}

/// That two names match, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyMatch {
    /// What made them match.
    pub reason: MatchReason,
    /// How far it carries.
    pub strength: Strength,
    /// Likeness from 0 to 1000, to order candidates by; comparable only between matches with one name.
    pub score: u16,
}

impl CompanyMatch {
    pub(super) fn new(reason: MatchReason, score: u16) -> Self {
        CompanyMatch { reason, strength: reason.strength(), score }
    }
}

/// Whether two names are one company, as far as the names tell.
#[must_use]
pub fn match_names(a: &CompanyName, b: &CompanyName) -> Option<CompanyMatch> {
    if same_core(a, b) {
        return match_same_core(a, b);
    }
    if place_read_once(a, b) || place_read_once(b, a) {
        return (!branches_differ(a, b) && !form_conflict(a, b) && a.branch == b.branch && a.tier == b.tier)
            .then(|| CompanyMatch::new(MatchReason::SameCoreAndRegion, 970));
    }
    let aliased = |name: &CompanyName, other: &CompanyName| {
        name.alias.as_deref().is_some_and(|alias| is_core(other, alias))
    };
    let places = nearness(a, b);
    if aliased(a, b) || aliased(b, a) {
        return (places != Some(Nearness::Apart)).then(|| CompanyMatch::new(MatchReason::Alias, 750));
    }
    if places == Some(Nearness::Apart) || branches_differ(a, b) {
        return None;
    }
    same_brand(a, b).or_else(|| similar(a, b))
}

/// Cores that differ by a slip of the hand: a letter more, less, other or swapped. Always weak. Never where the
/// difference carries meaning: digits, numerals, directions, what the companies do; and never by one Chinese
/// character of a short name, which is how different companies differ.
#[must_use]
pub fn similar(a: &CompanyName, b: &CompanyName) -> Option<CompanyMatch> {
    let (left, right): (Vec<char>, Vec<char>) = (a.key.chars().collect(), b.key.chars().collect());
    let (short, long) = (left.len().min(right.len()), left.len().max(right.len()));
    if short < 4 || long - short > 2 {
        return None;
    }
    let digits = |chars: &[char]| -> Vec<char> { chars.iter().copied().filter(|c| c.is_numeric()).collect() };
    if digits(&left) != digits(&right) {
        return None;
    }
    let front = left.iter().zip(&right).take_while(|(x, y)| x == y).count();
    let back =
        left.iter().rev().zip(right.iter().rev()).take(short - front).take_while(|(x, y)| x == y).count();
    let middle =
        |chars: &[char]| -> Vec<char> { chars.get(front..chars.len() - back).unwrap_or_default().to_vec() };
    let (from, to) = (middle(&left), middle(&right));
    if from.iter().chain(&to).any(|c| carries_meaning(*c)) {
        return None;
    }
    let western = left.iter().chain(&right).all(char::is_ascii);
    let swapped = matches!((from.as_slice(), to.as_slice()), ([a, b], [c, d]) if a == d && b == c);
    let edits = if swapped { 1 } else { strsim::generic_levenshtein(&from, &to) };
    let allowed = match (western, short) {
        (true, 0..=5) => 0,
        (true, 6..=11) | (false, 6..) => 1,
        (true, _) => 2,
        (false, _) => usize::from(swapped),
    };
    if edits > allowed || form_conflict(a, b) {
        return None;
    }
    let loss = u16::try_from(edits * 1000 / long).unwrap_or(1000).min(400);
    Some(CompanyMatch::new(MatchReason::Similar, 690 - loss))
}

/// Exact keys to store a name under and to look candidates up by, the most telling first. Two names that match
/// strongly share one; so do all weak matches but those by similarity (see [`similar_keys`]).
#[must_use]
pub fn lookup_keys(name: &CompanyName) -> Vec<String> {
    let mut keys = Vec::with_capacity(6);
    keys.push(first_key(name));
    if name.region.is_some() {
        keys.push(format!("c:{}", name.key));
    }
    if let Some(place) =
        name.region.as_ref().filter(|place| place.is_common_word()).and_then(|place| place.names().last())
    {
        keys.push(format!("c:{place}{}", name.key));
    }
    keys.extend(name.spelled_key.as_ref().map(|key| format!("c:{key}")));
    keys.extend(name.alias.as_ref().map(|alias| format!("c:{alias}")));
    keys.extend(name.brand.as_ref().filter(|brand| names_something(brand)).map(|brand| format!("b:{brand}")));
    keys
}

/// The most telling of the [`lookup_keys`].
#[must_use]
pub fn first_key(name: &CompanyName) -> String {
    match &name.region {
        Some(region) => format!("r:{}@{region}", name.key),
        None => format!("c:{}", name.key),
    }
}

/// Keys under which names that differ by one letter meet: the core with each of its characters left out in turn, at
/// most 24. For the search after doubtful matches only; an index over them is many times larger.
#[must_use]
pub fn similar_keys(name: &CompanyName) -> Vec<String> {
    let chars: Vec<char> = name.key.chars().collect();
    if chars.len() < 4 {
        return Vec::new();
    }
    let mut keys = vec![format!("s:{}", name.key)];
    for skipped in 0..chars.len().min(23) {
        let kept: String =
            chars.iter().enumerate().filter(|(at, _)| *at != skipped).map(|(_, c)| *c).collect();
        keys.push(format!("s:{kept}"));
    }
    keys.sort();
    keys.dedup();
    keys
}

/// What a list of candidates comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<T> {
    /// No candidate matched.
    Nobody,
    /// One match is better than all others.
    One(T, CompanyMatch),
    /// Several are equally good: for the next tie-breaker (active owner, open opportunity, last activity), else for
    /// a person.
    Tied(Vec<T>, CompanyMatch),
}

/// The strongest of matched candidates: strength first, then score. Equal ones are all given, in the order handed in.
#[must_use]
pub fn strongest<T>(candidates: impl IntoIterator<Item = (T, CompanyMatch)>) -> Choice<T> {
    let mut best: Option<CompanyMatch> = None;
    let mut tied = Vec::new();
    for (candidate, found) in candidates {
        let rank = |found: &CompanyMatch| (found.strength, found.score, Reverse(found.reason));
        match best.as_ref().map(|best| rank(&found).cmp(&rank(best))) {
            Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Equal) => tied.push(candidate),
            _ => {
                best = Some(found);
                tied = vec![candidate];
            }
        }
    }
    match (best, tied.len()) {
        (Some(found), 1) => tied.pop().map_or(Choice::Nobody, |only| Choice::One(only, found)),
        (Some(found), _) => Choice::Tied(tied, found),
        (None, _) => Choice::Nobody,
    }
}

fn is_core(name: &CompanyName, core: &str) -> bool {
    name.key == core || name.spelled_key.as_deref() == Some(core)
}

fn same_core(a: &CompanyName, b: &CompanyName) -> bool {
    is_core(a, &b.key) || b.spelled_key.as_deref().is_some_and(|key| is_core(a, key))
}

/// A place that is a common word too counts only with its 市; 桃园市例园 and 桃园例园 are one name all the same.
fn place_read_once(with: &CompanyName, without: &CompanyName) -> bool {
    let place =
        with.region.as_ref().filter(|place| place.is_common_word()).and_then(|place| place.names().last());
    let rest =
        place.filter(|_| without.region.is_none()).and_then(|place| without.key.strip_prefix(place.as_str()));
    rest.is_some_and(|rest| is_core(with, rest))
}

fn nearness(a: &CompanyName, b: &CompanyName) -> Option<Nearness> {
    Some(a.region.as_ref()?.nearness(b.region.as_ref()?))
}

fn branches_differ(a: &CompanyName, b: &CompanyName) -> bool {
    a.branch.is_some() && b.branch.is_some() && a.branch != b.branch
}

fn form_conflict(a: &CompanyName, b: &CompanyName) -> bool {
    matches!((a.legal_form, b.legal_form), (Some(x), Some(y)) if !x.agrees_with(y))
}

/// The same core: everything else the names tell decides.
fn match_same_core(a: &CompanyName, b: &CompanyName) -> Option<CompanyMatch> {
    use MatchReason as R;
    let places = nearness(a, b);
    if branches_differ(a, b) || places == Some(Nearness::Apart) {
        return None;
    }
    // Both penalties of a weak match are small: they order candidates, the reason decides.
    let form_left_out = a.legal_form.is_some() != b.legal_form.is_some();
    let weak = |reason, score: u16| Some(CompanyMatch::new(reason, score - u16::from(form_left_out) * 10));
    if a.branch != b.branch {
        return weak(R::BranchOf, 620);
    }
    let open = a.region.is_some() != b.region.is_some();
    if open {
        return weak(R::RegionOpen, if names_something(&a.key) { 700 } else { 500 });
    }
    if places == Some(Nearness::Within) {
        return weak(R::RegionWithin, 600);
    }
    // A group without its form is called by its group word (例山集团); with a form the two are two companies.
    if a.tier != b.tier && !(a.tier != Tier::Plain && b.tier != Tier::Plain && form_left_out) {
        return weak(R::GroupDiffers, 640);
    }
    if form_conflict(a, b) {
        return weak(R::FormDiffers, 650);
    }
    if places.is_none() && is_general(a) {
        return weak(R::GeneralCore, 550);
    }
    let same = a.legal_form == b.legal_form && a.tier == b.tier;
    Some(match (same, places.is_some()) {
        (true, _) => CompanyMatch::new(R::ExactName, 1000),
        (false, true) => CompanyMatch::new(R::SameCoreAndRegion, 980 - u16::from(form_left_out) * 10),
        (false, false) => CompanyMatch::new(R::SameCore, 960 - u16::from(form_left_out) * 10),
    })
}

/// Whether a core could be anybody's: industry words only, or two and three letters.
fn is_general(name: &CompanyName) -> bool {
    name.brand.is_none() || !names_something(&name.key)
}

/// Whether a word is long enough to point at one company: two Chinese characters, four letters.
fn names_something(word: &str) -> bool {
    word.len() >= 4
}

/// One brand, and one name that is cut short: 例图 or 例图信息 for 例图信息技术有限公司. Two full names of one brand with
/// different industries are two companies.
fn same_brand(a: &CompanyName, b: &CompanyName) -> Option<CompanyMatch> {
    let (left, right) = (a.brand.as_deref()?, b.brand.as_deref()?);
    let cut_short = |name: &CompanyName, other: &CompanyName| {
        name.key == left || (name.legal_form.is_none() && other.key.starts_with(&name.key))
    };
    let found = left == right
        && names_something(left)
        && (cut_short(a, b) || cut_short(b, a))
        && !form_conflict(a, b);
    found.then(|| CompanyMatch::new(MatchReason::SameBrand, 500))
}

/// Characters that make another company: numerals, directions, sizes, order.
fn carries_meaning(c: char) -> bool {
    c.is_numeric() || "一二三四五六七八九十百千万东南西北中上下前后左右内外大小新老甲乙丙丁".contains(c)
}

#[cfg(test)]
mod tests {
    use super::super::company::parse;
    use super::*;

    fn reason(a: &str, b: &str) -> Option<MatchReason> {
        match_names(&parse(a).unwrap(), &parse(b).unwrap()).map(|found| found.reason)
    }

    #[test]
    fn every_reason_of_names_is_reached() {
        use MatchReason as R;
        let cases = [
            ("上海例图科技有限公司", "上海市例图科技有限责任公司", R::ExactName),
            ("上海例图科技有限公司", "例图科技股份有限公司（上海）", R::SameCoreAndRegion),
            ("例图科技有限公司", "例图科技", R::SameCore),
            ("上海例图科技有限公司（Litu Tech）", "Litu Technology Inc", R::Alias),
            ("例图科技有限公司", "上海例图科技有限公司", R::RegionOpen),
            ("浙江例图科技有限公司", "杭州例图科技有限公司", R::RegionWithin),
            ("Beispiel GmbH", "Beispiel AG", R::FormDiffers),
            ("例图集团有限公司", "例图有限公司", R::GroupDiffers),
            ("例图有限公司上海分公司", "例图有限公司", R::BranchOf),
            ("科技有限公司", "科技公司", R::GeneralCore),
            ("上海例图", "上海例图科技有限公司", R::SameBrand),
            ("Samplex Manufacturing Inc", "Samplex Manufactoring Inc", R::Similar),
        ];
        for (a, b, expected) in cases {
            assert_eq!(reason(a, b), Some(expected), "{a} | {b}");
        }
        assert_eq!(reason("例图科技有限公司", "例图机械有限公司"), None);
    }

    #[test]
    fn one_slip_meets_in_the_similar_keys() {
        let keys = |name: &str| similar_keys(&parse(name).unwrap());
        for (a, b) in [
            ("Samplex Inc", "Sampelx Inc"),
            ("成都虚拓精密机诫", "成都虚拓精密机械"),
            ("Testora", "Testoraa"),
        ] {
            let known = keys(b);
            assert!(keys(a).iter().any(|key| known.contains(key)), "{a} | {b}");
        }
        assert!(keys("例图").is_empty());
    }

    #[test]
    fn the_strongest_or_all_that_tie() {
        let found = |reason, score| CompanyMatch::new(reason, score);
        let (exact, open) = (found(MatchReason::ExactName, 1000), found(MatchReason::RegionOpen, 700));
        assert_eq!(strongest::<u8>([]), Choice::Nobody);
        assert_eq!(strongest([(1, open), (2, exact), (3, open)]), Choice::One(2, exact));
        assert_eq!(strongest([(1, exact), (2, open), (3, exact)]), Choice::Tied(vec![1, 3], exact));
        let strong_but_low = found(MatchReason::SameCore, 500);
        assert_eq!(strongest([(1, open), (2, strong_but_low)]), Choice::One(2, strong_but_low));
    }
}
