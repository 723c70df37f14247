//! Places in company names: 上海, 广东省深圳市南山区, (China), Shenzhen.
//!
//! Where a company says it is, as far as its name tells; addresses are for others. The list (`places.txt`) is ours.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// A place from the wide to the narrow: `["广东", "深圳", "南山"]`, `["德国"]`. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(Vec<String>);

/// How two places lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nearness {
    /// The same place.
    Same,
    /// One lies in the other.
    Within,
    /// Neither lies in the other.
    Apart,
}

impl Region {
    /// The names from wide to narrow, without 省 and 市.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// How this place lies to another. Every place of mainland China lies in 中国.
    #[must_use]
    pub fn nearness(&self, other: &Region) -> Nearness {
        if self.0 == other.0 {
            return Nearness::Same;
        }
        let within = self.0.iter().zip(&other.0).all(|(a, b)| a == b);
        let in_china = (self.is_china() && !other.is_foreign()) || (other.is_china() && !self.is_foreign());
        if within || in_china { Nearness::Within } else { Nearness::Apart }
    }

    /// Whether the place is all of China.
    #[must_use]
    pub fn is_china(&self) -> bool {
        self.0.first().is_some_and(|name| name == "中国")
    }

    /// Whether the narrowest name is a word of the language too (朝阳, 白银), so that not everybody reads it as a place.
    #[must_use]
    pub fn is_common_word(&self) -> bool {
        let entry =
            self.0.last().and_then(|name| PLACES.han.get(name.as_str())).and_then(|&at| PLACES.list.get(at));
        entry.is_some_and(|place| place.doubtful)
    }

    fn is_foreign(&self) -> bool {
        let entry =
            self.0.first().and_then(|name| PLACES.han.get(name.as_str())).and_then(|&at| PLACES.list.get(at));
        entry.is_some_and(|place| place.level == 0 && place.name != "中国")
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|name| f.write_str(name))
    }
}

/// Most characters of a place at the end of a name.
const MAX_TRAILING: usize = 9;

struct Place {
    name: &'static str,
    /// 0 country, 1 province, 2 city, 3 county or district.
    level: u8,
    parent: Option<usize>,
    /// A common word too.
    doubtful: bool,
}

#[derive(Default)]
struct Places {
    list: Vec<Place>,
    han: BTreeMap<&'static str, usize>,
    /// The Chinese names by their first characters, the longest first: most texts do not begin with one.
    begins: BTreeMap<char, Vec<usize>>,
    latin: BTreeMap<&'static str, usize>,
}

static PLACES: LazyLock<Places> = LazyLock::new(|| {
    let mut places = Places::default();
    let mut parents: [Option<usize>; 3] = [None; 3];
    for line in include_str!("places.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let level = match words.next() {
            Some("N") => 0,
            Some("P") => 1,
            Some("C") => 2,
            _ => 3,
        };
        let Some(written) = words.next() else { continue };
        let name = written.trim_end_matches('!');
        let at = places.list.len();
        let parent = parents.iter().take(level).skip(1).rev().find_map(|parent| *parent);
        let level_number = u8::try_from(level).unwrap_or(3);
        places.list.push(Place { name, level: level_number, parent, doubtful: name != written });
        places.han.insert(name, at);
        places.latin.extend(words.filter(|word| *word != "-").map(|word| (word, at)));
        if let Some(slot) = parents.get_mut(level) {
            *slot = Some(at);
            parents.iter_mut().skip(level + 1).for_each(|narrower| *narrower = None);
        }
    }
    for (name, at) in &places.han {
        places.begins.entry(name.chars().next().unwrap_or_default()).or_default().push(*at);
    }
    for begun in places.begins.values_mut() {
        begun.sort_by_key(|at| places.list.get(*at).map(|place| std::cmp::Reverse(place.name.len())));
    }
    places
});

impl Places {
    fn region(&self, at: usize) -> Region {
        let mut names = Vec::with_capacity(3);
        let mut next = Some(at);
        while let Some(place) = next.and_then(|at| self.list.get(at)) {
            names.push(place.name.to_owned());
            next = place.parent;
        }
        names.reverse();
        Region(names)
    }

    fn lies_in(&self, at: usize, outer: usize) -> bool {
        let mut next = self.list.get(at).and_then(|place| place.parent);
        while let Some(parent) = next {
            if parent == outer {
                return true;
            }
            next = self.list.get(parent).and_then(|place| place.parent);
        }
        false
    }

    /// The longest listed name at the beginning of `text`.
    fn longest_at(&self, text: &str) -> Option<(usize, &Place)> {
        let begun = self.begins.get(&text.chars().next()?)?;
        let mut places = begun.iter().filter_map(|at| Some((*at, self.list.get(*at)?)));
        places.find(|(_, place)| text.starts_with(place.name))
    }
}

/// Takes the place a folded name begins with; gives it and the rest. The name without it is never left empty.
pub(super) fn take_prefix(text: &str) -> Option<(Region, &str)> {
    let (region, rest) = read(text, false)?;
    (rest.chars().nth(1).is_some()).then_some((region, rest))
}

/// A folded text that is a place and nothing else.
pub(super) fn whole(text: &str) -> Option<Region> {
    let (region, rest) = read(text, true)?;
    rest.is_empty().then_some(region)
}

/// Whether a folded text is a place and nothing else, and no word of the language.
pub(super) fn is_nothing_else(text: &str) -> bool {
    read(text, false).is_some_and(|(_, rest)| rest.is_empty())
}

/// Takes a bare place from the end of a folded name, where at least two characters stay; one that is a common word too
/// only where what follows has made it a place (`doubtful`).
pub(super) fn take_suffix(text: &str, doubtful: bool) -> Option<(Region, &str)> {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let first = starts.len().saturating_sub(MAX_TRAILING).max(2);
    starts.iter().skip(first).find_map(|&at| {
        let (front, back) = text.split_at_checked(at)?;
        let plain = PLACES.longest_at(back).is_some_and(|(_, place)| doubtful || !place.doubtful);
        plain.then(|| whole(back))?.map(|region| (region, front))
    })
}

fn read(text: &str, doubtful: bool) -> Option<(Region, &str)> {
    let places = &*PLACES;
    let mut rest = text;
    let mut last: Option<usize> = None;
    let mut level = None;
    while let Some((at, place)) = places.longest_at(rest) {
        let deeper =
            last.is_none_or(|outer| places.lies_in(at, outer) || outer_is_china(places, outer, place.level));
        if !deeper {
            break;
        }
        let behind = rest.get(place.name.len()..).unwrap_or_default();
        let stripped = suffix(behind, place.level);
        if place.doubtful && stripped.is_none() && !doubtful {
            break;
        }
        if place.name == "北海" && behind.starts_with('道') {
            break;
        }
        rest = stripped.unwrap_or(behind);
        last = Some(at);
        level = Some(place.level);
    }
    let mut region = places.region(last?);
    // A district or town, and a town or street in it.
    for _ in 0..2 {
        if level == Some(0) {
            break;
        }
        let Some((name, behind)) = district(rest, level == Some(3)) else { break };
        region.0.push(name.to_owned());
        rest = behind;
        level = Some(3);
    }
    Some((region, rest))
}

/// Where a word begins, if within the first bytes.
fn find_within(text: &str, word: &str, most: usize) -> Option<usize> {
    let mut starts = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= most);
    starts.find(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(word)))
}

fn outer_is_china(places: &Places, outer: usize, level: u8) -> bool {
    level > 0 && places.list.get(outer).is_some_and(|place| place.name == "中国")
}

/// What follows the 省, 市 or 自治区 of a place; nothing when it has none.
fn suffix(behind: &str, level: u8) -> Option<&str> {
    if let Some(at) = find_within(behind, "自治", 24) {
        let (people, rest) = behind.split_at_checked(at)?;
        let known = people.is_empty() || people.ends_with('族') || people == "维吾尔";
        let rest = ["自治区", "自治州", "自治县", "自治旗"].iter().find_map(|kind| rest.strip_prefix(kind));
        return rest.filter(|_| known);
    }
    let kinds: &[&str] = match level {
        1 => &["省", "市", "特别行政区"],
        2 => &["市", "地区", "盟", "新区"],
        3 => &["新区", "市", "县", "区"],
        _ => return None,
    };
    kinds.iter().find_map(|kind| {
        let rest = behind.strip_prefix(kind)?;
        let word = *kind == "市" && rest.starts_with(['场', '政', '民', '容', '值', '话', '井']);
        (!word).then_some(rest)
    })
}

/// A district, county, town or street that no list holds, right behind a province or city; behind a district
/// (`town`) only a town or street.
fn district(text: &str, town: bool) -> Option<(&str, &str)> {
    const ZONES: [&str; 9] = [
        "高新技术产业开发区",
        "经济技术开发区",
        "高新技术开发区",
        "经济开发区",
        "高新区",
        "开发区",
        "工业园区",
        "保税区",
        "自贸区",
    ];
    if let Some(at) = find_within(text, "街道", 12).filter(|&at| at >= 6) {
        let rest = text.get(at + "街道".len()..)?;
        return Some((text.get(..at)?, rest)).filter(|(_, rest)| rest.chars().nth(1).is_some());
    }
    for zone in ZONES.iter().filter(|_| !town) {
        if let Some(at) = find_within(text, zone, 12) {
            let end = at + zone.len();
            return Some((text.get(..end)?, text.get(end..)?))
                .filter(|(_, rest)| rest.chars().nth(1).is_some());
        }
    }
    let mut before = None;
    for (count, (at, c)) in text.char_indices().take(5).enumerate() {
        let ordinary = match c {
            '区' | '市' | '县' if town => false,
            '区' => before.is_some_and(|b| !"社园小景城地片专郊军灾特校厂库辖山街".contains(b)),
            '市' => before.is_some_and(|b| !"城都超门股楼集夜上菜花鱼".contains(b)),
            '县' | '镇' => before.is_some_and(|b| !"重小古".contains(b)),
            _ => false,
        };
        if ordinary && count >= 2 {
            let (name, rest) = (text.get(..at)?, text.get(at + c.len_utf8()..)?);
            let name = name.strip_suffix('新').filter(|short| short.chars().nth(1).is_some()).unwrap_or(name);
            let word = c == '市' && rest.starts_with(['场', '政', '民']);
            return (!word && rest.chars().nth(1).is_some()).then_some((name, rest));
        }
        before = Some(c);
    }
    None
}

/// The place a run of folded Latin words names, wholly.
pub(super) fn latin(words: &[&str]) -> Option<Region> {
    let joined = words.join("_");
    PLACES.latin.get(joined.as_str()).map(|&at| PLACES.region(at))
}

/// Whether a place may stand in front of a Latin name: Chinese ones, as in "Shanghai Example".
pub(super) fn leads_latin_names(region: &Region) -> bool {
    !region.is_foreign()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Option<(String, &str)> {
        take_prefix(text).map(|(region, rest)| (region.names().join("/"), rest))
    }

    #[test]
    fn places_at_the_beginning() {
        let cases = [
            ("上海示例科技", "上海", "示例科技"),
            ("上海市示例科技", "上海", "示例科技"),
            ("广东省深圳市南山区示例科技", "广东/深圳/南山", "示例科技"),
            ("深圳南山区示例", "广东/深圳/南山", "示例"),
            ("苏州工业园区示例", "江苏/苏州/工业园区", "示例"),
            ("昆山市示例", "江苏/苏州/昆山", "示例"),
            ("浙江省杭州市余杭区示例", "浙江/杭州/余杭", "示例"),
            ("上海市浦东新区示例", "上海/浦东", "示例"),
            ("天津市滨海新区示例", "天津/滨海", "示例"),
            ("内蒙古自治区呼和浩特市示例", "内蒙古/呼和浩特", "示例"),
            ("新疆维吾尔自治区乌鲁木齐市示例", "新疆/乌鲁木齐", "示例"),
            ("吉林省延边朝鲜族自治州延吉市示例", "吉林/延边/延吉", "示例"),
            ("香港特别行政区示例", "香港", "示例"),
            ("上海市政工程", "上海", "市政工程"),
            ("苏州市场示例", "江苏/苏州", "市场示例"),
            ("上海大都市传媒", "上海", "大都市传媒"),
            ("杭州社区示例", "浙江/杭州", "社区示例"),
            ("中国示例集团", "中国", "示例集团"),
            ("印度尼西亚示例", "印度尼西亚", "示例"),
            ("安康市示例", "陕西/安康", "示例"),
            ("东莞市长安镇示例五金", "广东/东莞/长安", "示例五金"),
            ("广州市白云区人和镇示例五金", "广东/广州/白云/人和", "示例五金"),
            ("深圳市宝安区西乡街道示例电子", "广东/深圳/宝安/西乡", "示例电子"),
            ("上海市浦东新区园区示例", "上海/浦东", "园区示例"),
        ];
        for (text, region, rest) in cases {
            assert_eq!(prefix(text), Some((region.to_owned(), rest)), "{text}");
        }
        for none in ["示例科技", "安康示例", "东阳光示例", "北海道示例", "上海", "", "白银矿业"]
        {
            assert_eq!(prefix(none), None, "{none}");
        }
    }

    #[test]
    fn places_at_the_end_and_alone() {
        assert_eq!(
            take_suffix("示例科技上海", false).map(|(region, rest)| (region.to_string(), rest)),
            Some(("上海".into(), "示例科技"))
        );
        assert_eq!(
            take_suffix("示例广东深圳", false).map(|(region, rest)| (region.to_string(), rest)),
            Some(("广东深圳".into(), "示例"))
        );
        assert_eq!(take_suffix("新上海", false), None);
        assert_eq!(take_suffix("示例科技", false), None);
        assert_eq!(whole("深圳市").map(|region| region.to_string()).as_deref(), Some("广东深圳"));
        assert_eq!(whole("东京").map(|region| region.to_string()).as_deref(), Some("东京"));
        assert_eq!(whole("深圳示例"), None);
        assert_eq!(latin(&["hong", "kong"]).map(|region| region.to_string()).as_deref(), Some("香港"));
    }

    #[test]
    fn nearness() {
        let region = |text: &str| whole(text).unwrap();
        assert_eq!(region("深圳").nearness(&region("广东省深圳市")), Nearness::Same);
        assert_eq!(region("广东").nearness(&region("深圳")), Nearness::Within);
        assert_eq!(region("中国").nearness(&region("深圳")), Nearness::Within);
        assert_eq!(region("北京").nearness(&region("上海")), Nearness::Apart);
        assert_eq!(region("中国").nearness(&region("德国")), Nearness::Apart);
        assert_eq!(region("深圳").nearness(&region("广州")), Nearness::Apart);
    }
}
