//! Names of people: one text here, family and given name there.
//!
//! The rule is kept so simple that it can be undone: [`join`] of what [`split`] gave is the name again, spaces aside.
//! (`Smith, John` is the exception: it comes back as `John Smith`.)

/// Chinese family names of two characters.
const TWO: [&str; 72] = [
    "欧阳", "太史", "端木", "上官", "司马", "东方", "独孤", "南宫", "万俟", "闻人", "夏侯", "诸葛", "尉迟",
    "公羊", "赫连", "澹台", "皇甫", "宗政", "濮阳", "公冶", "太叔", "申屠", "公孙", "慕容", "仲孙", "钟离",
    "长孙", "宇文", "司徒", "鲜于", "司空", "闾丘", "子车", "亓官", "司寇", "巫马", "公西", "颛孙", "壤驷",
    "公良", "漆雕", "乐正", "宰父", "谷梁", "拓跋", "夹谷", "轩辕", "令狐", "段干", "百里", "呼延", "东郭",
    "南门", "羊舌", "微生", "公户", "公玉", "梁丘", "左丘", "东门", "西门", "第五", "歐陽", "司馬", "諸葛",
    "東方", "獨孤", "南宮", "公孫", "長孫", "軒轅", "尉遲",
];
/// Words that belong to the family name behind them.
const PARTICLES: [&str; 22] = [
    "van", "von", "der", "den", "de", "del", "della", "di", "da", "dos", "das", "du", "la", "le", "al", "el",
    "bin", "ibn", "ben", "ten", "ter", "zu",
];
/// Words that belong to the family name before them.
const SUFFIXES: [&str; 10] = ["jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "phd", "ph.d.", "md"];

/// Family and given name. A name that cannot be told apart is a family name alone, since CRMs demand one.
#[must_use]
pub fn split(name: &str) -> (String, String) {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let chinese = name.chars().filter(|c| is_ideograph(*c)).count();
    let letters = name.chars().filter(|c| c.is_alphabetic() && !is_ideograph(*c)).count();
    // `买买提·艾力` keeps its order and its dot; `张三 (Tom)` is left whole.
    if name.contains(['·', '•', '・', '(', '（']) || (chinese > 0 && letters > 0) {
        return (name, String::new());
    }
    if chinese > 0 { split_chinese(&name) } else { split_western(&name) }
}

/// The name as it is written: without a space where both parts are Chinese, else given name first.
#[must_use]
pub fn join(family: &str, given: &str) -> String {
    let (family, given) = (family.trim(), given.trim());
    match (family, given) {
        ("", only) | (only, "") => only.to_owned(),
        _ if family.chars().all(is_ideograph) && given.chars().all(is_ideograph) => {
            format!("{family}{given}")
        }
        _ => format!("{given} {family}"),
    }
}

fn split_chinese(name: &str) -> (String, String) {
    let plain: Vec<char> = name.chars().filter(|c| *c != ' ').collect();
    let two: String = plain.iter().take(2).collect();
    let family = if plain.len() > 2 && TWO.contains(&two.as_str()) { 2 } else { 1 };
    if plain.iter().any(|c| !is_ideograph(*c)) {
        return (name.to_owned(), String::new());
    }
    (plain.iter().take(family).collect(), plain.iter().skip(family).collect())
}

fn split_western(name: &str) -> (String, String) {
    if let Some((family, given)) = name.split_once(',') {
        let (family, given) = (family.trim(), given.trim());
        let title = SUFFIXES.contains(&given.to_lowercase().as_str());
        if !title && !given.contains(',') {
            return (family.to_owned(), given.to_owned());
        }
        return (name.to_owned(), String::new());
    }
    let words: Vec<&str> = name.split(' ').collect();
    let is = |word: &str, list: &[&str]| list.contains(&word.to_lowercase().as_str());
    let mut start = words.len().saturating_sub(1);
    if start > 1 && words.get(start).is_some_and(|word| is(word, &SUFFIXES)) {
        start -= 1;
    }
    while start > 1 && words.get(start - 1).is_some_and(|word| is(word, &PARTICLES)) {
        start -= 1;
    }
    let (given, family) = words.split_at_checked(start).unwrap_or((&[], &words));
    (family.join(" "), given.join(" "))
}

/// Chinese characters and Korean syllables: family name first, no space between.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '\u{ac00}'..='\u{d7a3}' | '〇')
}
