//! Chinese and Japanese company names, also those with Latin words in them.
//!
//! Works from the outside in: a second name in another script, brackets, the legal form and what follows it, the
//! group words, the place. What stays is the core.

use super::super::fold::{is_east, is_written};
use super::forms::{FULL_END, HAN_END, HAN_FULL, LegalForm};
use super::{Parts, Region, Tier, latin, places, words};

/// Words that make a branch when a name ends with them, with the word they are stored under. Longest first.
const BRANCHES: [(&str, &str); 24] = [
    ("联络办事处", "办事处"),
    ("驻华代表处", "办事处"),
    ("分公司", "分公司"),
    ("子公司", "分公司"),
    ("支公司", "分公司"),
    ("办事处", "办事处"),
    ("代表处", "办事处"),
    ("联络处", "办事处"),
    ("营业部", "营业部"),
    ("营业所", "营业部"),
    ("营业厅", "营业部"),
    ("经营部", "经营部"),
    ("门市部", "经营部"),
    ("项目部", "项目部"),
    ("支行", "支行"),
    ("分行", "分行"),
    ("分部", "分部"),
    ("分社", "分部"),
    ("分店", "店"),
    ("门店", "店"),
    ("分厂", "厂"),
    ("支店", "分公司"),
    ("分院", "分院"),
    ("分校", "分校"),
];

/// Bracket contents that say nothing of who the company is.
const ASIDES: [&str; 14] = [
    "筹",
    "筹备",
    "筹备中",
    "总部",
    "总公司",
    "本部",
    "总行",
    "存续",
    "在业",
    "个人独资",
    "普通合伙",
    "特殊普通合伙",
    "独资",
    "中外合资",
];

/// What brackets held.
#[derive(Default)]
struct Notes {
    region: Option<Region>,
    branch: Option<String>,
    alias: Option<String>,
    form: Option<LegalForm>,
    left_out: bool,
}

pub(super) fn read(folded: &str) -> Parts {
    let (first, second) = split_list(folded);
    let (main, other) = split_bilingual(first);
    let (flat, notes) = open_brackets(main);
    let (head, form, tail) = split_form(&flat);
    let mut parts = Parts { legal_form: form.or(notes.form), branch: notes.branch, ..Parts::default() };
    parts.left_out = notes.left_out;
    parts.alias = notes.alias.or_else(|| other.map(|other| latin::read(other).core));
    if let Some(second) = second {
        parts.left_out = true;
        parts.alias.get_or_insert_with(|| read(second).core);
    }
    let mut head = head;
    if !tail.is_empty() {
        read_tail(tail, &mut parts);
    } else if form.is_none_or(|form| matches!(form, LegalForm::CnWorks | LegalForm::CnCompany)) {
        head = read_branch(&flat, head, &mut parts);
    } else if flat.ends_with(head) {
        // A Japanese form in front: the branch ends the name itself.
        head = read_branch(head, head, &mut parts);
    }
    read_head(head, notes.region, &mut parts);
    parts
}

/// Two names in one field: the first counts, the second is kept beside it. Only where both have a full legal form.
fn split_list(folded: &str) -> (&str, Option<&str>) {
    let ends = |text: &str| HAN_FULL.iter().any(|(form, _)| text.trim_end().ends_with(form));
    for (at, mark) in folded.match_indices(['/', ';', ',', '、', '|', '&']) {
        let (first, rest) = folded.split_at_checked(at).unwrap_or((folded, ""));
        let second = rest.get(mark.len()..).unwrap_or_default().trim_start();
        if ends(first) {
            return if ends(second) { (first, Some(second)) } else { (folded, None) };
        }
    }
    (folded, None)
}

/// A Western name in front of or behind a Chinese one is a second name of the same company. It is told from a brand
/// in Latin letters by its legal form.
fn split_bilingual(folded: &str) -> (&str, Option<&str>) {
    let first = folded.find(is_east).unwrap_or(0);
    let last = folded.rfind(is_east).unwrap_or(0);
    let behind = folded
        .get(last..)
        .and_then(|rest| rest.char_indices().nth(1))
        .map_or(folded.len(), |(at, _)| last + at);
    let is_name = |text: &str| {
        text.split(|c: char| !is_written(c)).count() > 1 && latin::read(text).legal_form.is_some()
    };
    let (front, rest) = folded.split_at_checked(first).unwrap_or(("", folded));
    if is_name(front) {
        return (rest, Some(front));
    }
    let (start, end) = folded.split_at_checked(behind).unwrap_or((folded, ""));
    // What closes a bracket that stands open belongs to the bracket.
    let open = start.matches(['(', '【', '[']).count() > start.matches([')', '】', ']']).count();
    if !open && is_name(end) { (start, Some(end)) } else { (folded, None) }
}

/// The name without spaces, punctuation and brackets; what brackets say is sorted out on the way.
fn open_brackets(main: &str) -> (String, Notes) {
    let mut flat = String::with_capacity(main.len());
    let mut notes = Notes::default();
    let mut inside: Option<String> = None;
    for c in main.chars() {
        match c {
            '(' | '[' | '{' | '【' | '〔' | '<' => {
                if let Some(unclosed) = inside.replace(String::new()) {
                    flat.extend(unclosed.chars().filter(|c| is_written(*c)));
                }
            }
            ')' | ']' | '}' | '】' | '〕' | '>' => {
                if let Some(content) = inside.take() {
                    sort_bracket(&content, &mut flat, &mut notes);
                }
            }
            _ => match &mut inside {
                Some(content) => content.push(c),
                None if keeps(c, &flat) => flat.push(c),
                None => {}
            },
        }
    }
    if let Some(content) = inside {
        sort_bracket(&content, &mut flat, &mut notes);
    }
    (flat, notes)
}

/// Letters and digits stay; the long vowel mark only behind kana, elsewhere it is a dash.
fn keeps(c: char, before: &str) -> bool {
    let behind_kana =
        || before.chars().next_back().is_some_and(|last| ('ァ'..='ヺ').contains(&last) || last == 'ー');
    is_written(c) && (c != 'ー' || behind_kana())
}

fn sort_bracket(content: &str, flat: &mut String, notes: &mut Notes) {
    let compact: String = content.chars().filter(|c| is_written(*c)).collect();
    let has_form = HAN_FULL.iter().any(|(form, _)| flat.ends_with(form));
    let former =
        ["原名", "曾用名", "曾用", "原", "简称", "又名"].iter().find_map(|word| compact.strip_prefix(word));
    let words: Vec<&str> = content.split(|c: char| !is_written(c)).filter(|word| !word.is_empty()).collect();
    let place = places::whole(&compact).or_else(|| places::latin(&words));
    if let Some(place) = place {
        notes.region.get_or_insert(place);
    } else if compact == "株" || compact == "有" {
        let form = if compact == "株" { LegalForm::JpKk } else { LegalForm::JpYk };
        notes.form.get_or_insert(form);
    } else if compact == "有限合伙" {
        notes.form.get_or_insert(LegalForm::CnPartnership);
    } else if ASIDES.contains(&compact.as_str()) {
        // Says nothing.
    } else if let Some(former) = former.filter(|former| former.chars().nth(1).is_some()) {
        notes.alias.get_or_insert_with(|| super::read(former).core);
    } else if !flat.is_empty() && branch_name(&compact).is_some_and(|branch| branch.chars().nth(3).is_some())
    {
        notes.branch = branch_name(&compact);
    } else if has_form && compact.chars().nth(1).is_some() {
        notes.left_out = true;
        notes.alias.get_or_insert_with(|| super::read(content).core);
    } else {
        flat.push_str(&compact);
    }
}

/// Head, legal form and what follows it. Full forms are found inside a name too; of several the last one counts,
/// unless what follows it is empty anyway.
fn split_form(flat: &str) -> (&str, Option<LegalForm>, &str) {
    for (word, form) in HAN_FULL.iter().filter(|(word, _)| word.ends_with("会社")) {
        if let Some(rest) = flat.strip_prefix(word).filter(|rest| !rest.is_empty()) {
            return (rest, Some(*form), "");
        }
    }
    // The one that ends last; of forms that end at the same place the longest, which stands first.
    let mut ends = flat.char_indices().rev().map(|(at, c)| (at + c.len_utf8(), c));
    let full = ends.find_map(|(end, last)| {
        let front = flat.get(..end).filter(|_| FULL_END.contains(&last))?;
        let (head, form) =
            HAN_FULL.iter().find_map(|(word, form)| Some((front.strip_suffix(word)?, *form)))?;
        Some((head, form, flat.get(end..)?))
    });
    if let Some((head, form, tail)) = full {
        return (head, Some(form), tail);
    }
    if is_branch(flat) {
        return (flat, None, "");
    }
    for (word, form) in HAN_END {
        if let Some(head) = flat.strip_suffix(word).filter(|head| !head.is_empty()) {
            return (head, Some(form), "");
        }
    }
    (flat, None, "")
}

fn is_branch(text: &str) -> bool {
    BRANCHES.iter().any(|(word, _)| text.ends_with(word))
}

/// The branch a text names, in one spelling: 上海市分公司 → 上海分公司, 第二分厂 → 2厂. Nothing when it names none.
fn branch_name(text: &str) -> Option<String> {
    let (front, kind) =
        BRANCHES.iter().find_map(|(word, kind)| text.strip_suffix(word).map(|front| (front, *kind)))?;
    Some(format!("{}{kind}", qualifier(front)))
}

fn qualifier(front: &str) -> String {
    if let Some(region) = places::whole(front) {
        return region.names().last().cloned().unwrap_or_default();
    }
    match words::take_trailing_number(front) {
        Some((before, value)) => format!("{before}{value}"),
        None => front.strip_prefix('驻').unwrap_or(front).to_owned(),
    }
}

/// What stands behind a full legal form: a branch, a second name, or a department or person that is left out.
fn read_tail(tail: &str, parts: &mut Parts) {
    const PARTS_OF_A_COMPANY: [char; 6] = ['部', '处', '室', '组', '科', '课'];
    const BODIES: [char; 8] = ['会', '院', '校', '厂', '店', '站', '所', '司'];
    if let Some(branch) = branch_name(tail) {
        parts.branch = Some(branch);
    } else if let Some((_, value)) =
        ["工厂", "厂"].iter().find_map(|word| whole_number(tail.strip_suffix(word)?))
    {
        parts.branch = Some(format!("{value}厂"));
    } else if !tail.chars().any(is_east) && tail.chars().nth(1).is_some() {
        parts.alias.get_or_insert_with(|| tail.to_owned());
    } else if ["法人", "法定代表人", "联系人", "电话"].iter().any(|word| tail.starts_with(word)) {
        parts.left_out = true;
    } else if tail.ends_with(BODIES) || (tail.chars().nth(4).is_some() && !tail.ends_with(PARTS_OF_A_COMPANY))
    {
        parts.branch = Some(words::ordinals_as_digits(tail));
    } else {
        parts.left_out = true;
    }
}

/// A text that is a number and nothing else.
fn whole_number(text: &str) -> Option<(&str, u32)> {
    words::take_trailing_number(text).filter(|(front, _)| front.is_empty())
}

/// A branch at the end of a name without a full legal form; gives the head in front of it.
fn read_branch<'a>(flat: &'a str, head: &'a str, parts: &mut Parts) -> &'a str {
    let works = parts.legal_form == Some(LegalForm::CnWorks);
    if works
        && let Some((front, value)) =
            words::take_trailing_number(head).filter(|(front, _)| front.chars().nth(1).is_some())
    {
        parts.branch = Some(format!("{value}厂"));
        return front;
    }
    let Some((front, kind)) =
        BRANCHES.iter().find_map(|(word, kind)| flat.strip_suffix(word).map(|front| (front, *kind)))
    else {
        return head;
    };
    let whole_name = |name: &str| name.chars().nth(1).is_some();
    if let Some(at) = front.rfind("银行").filter(|_| matches!(kind, "支行" | "分行" | "营业部")) {
        let (bank, place) = front.split_at_checked(at + "银行".len()).unwrap_or((front, ""));
        parts.branch = Some(format!("{}{kind}", qualifier(place)));
        return bank;
    }
    if let Some(at) = front.rfind("公司").filter(|at| *at > 0) {
        let (company, place) = front.split_at_checked(at + "公司".len()).unwrap_or((front, ""));
        parts.branch = Some(format!("{}{kind}", qualifier(place)));
        parts.legal_form = Some(LegalForm::CnCompany);
        return company.strip_suffix("公司").unwrap_or(company);
    }
    if let Some((region, name)) = places::take_suffix(front, true).filter(|(_, name)| whole_name(name)) {
        parts.branch = Some(format!("{}{kind}", region.names().last().map_or("", String::as_str)));
        return name;
    }
    if let Some((name, value)) = words::take_trailing_number(front).filter(|(name, _)| whole_name(name)) {
        parts.branch = Some(format!("{value}{kind}"));
        return name;
    }
    parts.branch = Some(kind.to_owned());
    front
}

/// Group words, places and the core of what stands in front of the legal form.
fn read_head(head: &str, bracket: Option<Region>, parts: &mut Parts) {
    let mut core = strip_group(head, parts);
    let mut region = bracket;
    if let Some((place, rest)) = places::take_prefix(core) {
        match region.as_ref().map(|inner| inner.nearness(&place)) {
            // Two places that do not agree: the first is part of the name.
            Some(super::Nearness::Apart) => {}
            // The narrower one says more.
            Some(super::Nearness::Within) => {
                let inner = region.take();
                region = inner.into_iter().chain([place]).max_by_key(|place| place.names().len());
                core = rest;
            }
            _ => {
                region = Some(place);
                core = rest;
            }
        }
    }
    // 中国例图集团广东有限公司: the narrower place stands behind.
    if let Some((place, rest)) = places::take_suffix(core, false)
        && region.as_ref().is_none_or(|wide| wide.is_china())
    {
        region = Some(place);
        core = strip_group(rest, parts);
    }
    parts.region = region;
    parts.core = words::ordinals_as_digits(core);
    parts.brand = words::han_brand(&parts.core).map(str::to_owned);
}

/// Takes group words and what is left of a legal form off the end.
fn strip_group<'a>(head: &'a str, parts: &mut Parts) -> &'a str {
    let mut core = head;
    loop {
        let whole = |rest: &&str| rest.chars().nth(1).is_some();
        if let Some(rest) = core.strip_suffix("集团").filter(whole) {
            parts.tier = parts.tier.max(Tier::Group);
            core = rest;
        } else if let Some(rest) = core.strip_suffix("控股").filter(whole) {
            parts.tier = Tier::Holding;
            core = rest;
        } else if let Some(rest) = core.strip_suffix("股份").filter(whole) {
            parts.legal_form = Some(LegalForm::CnShares);
            core = rest;
        } else if let Some(rest) =
            core.strip_suffix("有限").or_else(|| core.strip_suffix("有限公")).filter(whole)
        {
            // Slips such as 有限公公司.
            parts.legal_form = Some(LegalForm::CnLimited);
            core = rest;
        } else {
            return core;
        }
    }
}
