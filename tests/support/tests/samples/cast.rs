//! The people and companies that appear, and through which sources each of them comes.

use std::collections::BTreeSet;

use crate::dice::Dice;
use crate::places::{PLACES, Place, SUFFIXES, TITLES, TRADES, Trade};
use crate::spell::Phone;

/// The sources, named as in the demo's config.
pub(crate) const SOURCES: [&str; 5] = ["website", "fair-2026", "webinar", "live", "nurturing"];

/// How many people of a hundred come through each source.
const CHANCES: [usize; 5] = [46, 32, 20, 22, 16];

const COMPANIES: usize = 72;
const PEOPLE: usize = 440;

/// Companies that sales know, from the first: how their account stands.
pub(crate) const KNOWN_COMPANIES: usize = 20;

pub(crate) struct Company {
    /// The legal name.
    pub(crate) name: String,
    /// As people write it in a hurry.
    pub(crate) short: String,
    pub(crate) domain: String,
    pub(crate) place: &'static Place,
    pub(crate) trade: &'static Trade,
    pub(crate) employees: u32,
    pub(crate) english: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Consent {
    Given,
    Refused,
    Silent,
}

pub(crate) struct Person {
    pub(crate) name: String,
    /// Index of the company.
    pub(crate) company: usize,
    pub(crate) title: (&'static str, &'static str),
    pub(crate) phone: Option<Phone>,
    pub(crate) email: Option<String>,
    /// Which of the two stands in each of the person's records, so that any two of them can be told to be one person.
    pub(crate) by_phone: bool,
    pub(crate) consent: Consent,
    /// Indexes into [`SOURCES`].
    pub(crate) sources: BTreeSet<usize>,
}

pub(crate) struct Cast {
    pub(crate) companies: Vec<Company>,
    pub(crate) people: Vec<Person>,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let mut dice = Dice::new(2026);
        let companies: Vec<Company> = (0..COMPANIES).map(|i| company(i, &mut dice)).collect();
        let mut names = [0; 2];
        let mut people: Vec<Person> =
            (0..PEOPLE).map(|i| person(i, &companies, &mut names, &mut dice)).collect();
        share_a_switchboard(&companies, &mut people);
        Self { companies, people }
    }

    /// Who comes through a source, mixed.
    pub(crate) fn through(&self, source: &str, dice: &mut Dice) -> Vec<&Person> {
        let source = SOURCES.iter().position(|name| *name == source).unwrap();
        let mut people: Vec<&Person> =
            self.people.iter().filter(|person| person.sources.contains(&source)).collect();
        dice.shuffle(&mut people);
        people
    }

    pub(crate) fn company_of(&self, person: &Person) -> &Company {
        &self.companies[person.company]
    }
}

fn company(i: usize, dice: &mut Dice) -> Company {
    // Each pair of place and trade stands once, so no two companies are alike by chance.
    let place = &PLACES[i % PLACES.len()];
    let trade = &TRADES[(i + i / PLACES.len() * 5) % TRADES.len()];
    let english = i % 4 == 3;
    let suffix = SUFFIXES[i % SUFFIXES.len()];
    let town: String =
        place.city_english.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    let word = if english { trade.english.to_lowercase().replace(' ', "-") } else { trade.pinyin.to_owned() };
    let size = [30, 80, 150, 260, 480, 900, 2500, 12_000];
    let name = if english {
        format!("Example {} {} Ltd", trade.english, place.city_english)
    } else {
        format!("{}示例{}{suffix}", place.city, trade.chinese)
    };
    let short =
        ["股份有限公司", "有限公司", " Ltd"].iter().find_map(|form| name.strip_suffix(form)).unwrap_or(&name);
    Company {
        short: short.to_owned(),
        name,
        domain: format!("{word}-{town}.example"),
        place,
        trade,
        employees: *dice.pick(&size) + u32::try_from(dice.below(20)).unwrap(),
        english,
    }
}

/// The sixty-year cycle gives sixty pairs; with four first words that is enough for everybody and nobody's name.
fn chinese_name(i: usize) -> String {
    const FIRST: [&str; 7] = ["测试", "示例", "样例", "虚构", "演示", "模拟", "假想"];
    const STEMS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];
    const BRANCHES: [&str; 12] = ["子", "丑", "寅", "卯", "辰", "巳", "午", "未", "申", "酉", "戌", "亥"];
    let turn = i % 60;
    if i == 59 {
        return "测试㛃".to_owned(); // a character that takes four bytes in GB18030
    }
    format!("{}{}{}", FIRST[i / 60 % FIRST.len()], STEMS[turn % 10], BRANCHES[turn % 12])
}

fn english_name(i: usize) -> String {
    const FIRST: [&str; 5] = ["Test", "Sample", "Demo", "Mock", "Fictive"];
    const LAST: [&str; 26] = [
        "Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ironwood", "Juniper",
        "Kapok", "Larch", "Maple", "Nutmeg", "Oak", "Pine", "Quince", "Rowan", "Spruce", "Teak", "Umbrella",
        "Viburnum", "Willow", "Yew", "Zelkova", "Aspen",
    ];
    format!("{} {}", FIRST[i / LAST.len() % FIRST.len()], LAST[i % LAST.len()])
}

/// `names` counts the Chinese and the English names given so far.
fn person(i: usize, companies: &[Company], names: &mut [usize; 2], dice: &mut Dice) -> Person {
    // The first companies have more people: sales know them best.
    let at = if dice.percent(15) { dice.below(KNOWN_COMPANIES) } else { dice.below(companies.len()) };
    let company = &companies[at];
    let name = if company.english { english_name(names[1]) } else { chinese_name(names[0]) };
    names[usize::from(company.english)] += 1;
    let phone = number(i, company, dice);
    let mobile = matches!(phone, Some(Phone::Mobile(_)));
    let local = if company.english { name.to_lowercase().replace(' ', ".") } else { format!("ceshi{i:03}") };
    let has_email = !mobile || dice.percent(78);
    let domain = match dice.below(100) {
        0..60 => company.domain.as_str(),
        60..98 => "freemail.example",
        _ => "competitor.example",
    };
    let email = has_email.then(|| format!("{local}@{domain}"));
    let by_phone = mobile && (email.is_none() || dice.percent(80));
    let consent = match dice.below(100) {
        0..80 => Consent::Given,
        80..87 => Consent::Refused,
        _ => Consent::Silent,
    };
    let mut sources: BTreeSet<usize> =
        (0..SOURCES.len()).filter(|source| dice.percent(CHANCES[*source])).collect();
    if sources.is_empty() {
        sources.insert(i % SOURCES.len());
    }
    Person { name, company: at, title: *dice.pick(&TITLES), phone, email, by_phone, consent, sources }
}

/// Numbers count up, so that no two people share one by chance; the first block of a range, set aside where there is one.
fn number(i: usize, company: &Company, dice: &mut Dice) -> Option<Phone> {
    const BLOCKS: [&str; 4] = ["1380000", "1390000", "1860000", "1990000"];
    const AREAS: [(&str, &str); 5] =
        [("021", "6000"), ("010", "6000"), ("020", "6000"), ("0755", "2600"), ("028", "6000")];
    let tail = 1000 + i;
    if company.english && dice.percent(35) {
        return Some(Phone::Abroad(match i % 2 {
            0 => format!("+1 {} 555 01{:02}", [202, 212, 305, 415, 617][i / 200], i / 2 % 100),
            _ => format!("+44 {} 7946 0{:03}", 20, i),
        }));
    }
    match dice.below(100) {
        0..88 => Some(Phone::Mobile(format!("{}{tail:04}", dice.pick(&BLOCKS)))),
        88..93 => {
            let (area, first) = dice.pick(&AREAS);
            Some(Phone::Landline(area, format!("{first}{tail:04}"), 8000 + u32::try_from(i).unwrap()))
        }
        93..95 => Some(Phone::Hotline(format!("400100{tail:04}"), u32::try_from(i % 9 + 1).unwrap())),
        _ => None,
    }
}

/// Colleagues behind one switchboard are two people: their numbers differ by the extension only.
fn share_a_switchboard(companies: &[Company], people: &mut [Person]) {
    let behind = |english: bool, people: &[Person]| -> Vec<usize> {
        let fits = |person: &Person| {
            matches!(person.phone, Some(Phone::Landline(..))) && companies[person.company].english == english
        };
        (0..people.len()).filter(|i| fits(&people[*i])).collect()
    };
    for pair in
        behind(false, people).chunks_exact(2).take(4).chain(behind(true, people).chunks_exact(2).take(1))
    {
        let Some(Phone::Landline(area, number, _)) = people[pair[0]].phone.clone() else { continue };
        let company = people[pair[0]].company;
        let other = &mut people[pair[1]];
        if let Some(Phone::Landline(_, _, extension)) = other.phone {
            other.phone = Some(Phone::Landline(area, number, extension));
            other.company = company;
            let local = other.email.as_deref().and_then(|email| email.split_once('@')).unwrap().0;
            other.email = Some(format!("{local}@{}", companies[company].domain));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn nobody_is_somebody_else_by_chance() {
        let cast = Cast::new();
        let mut phones: BTreeMap<String, usize> = BTreeMap::new();
        for phone in cast.people.iter().filter_map(|person| person.phone.as_ref()) {
            *phones.entry(phone.e164()).or_default() += 1;
        }
        assert_eq!(
            phones.values().filter(|count| **count > 1).count(),
            5,
            "numbers that several share: the switchboards"
        );
        let emails: Vec<&String> = cast.people.iter().filter_map(|person| person.email.as_ref()).collect();
        assert_eq!(emails.iter().collect::<BTreeSet<_>>().len(), emails.len(), "two people with one address");
        let names: BTreeSet<&String> = cast.people.iter().map(|person| &person.name).collect();
        assert_eq!(names.len(), PEOPLE, "two people of one name");
        let companies: BTreeSet<&String> = cast.companies.iter().map(|company| &company.short).collect();
        assert_eq!(companies.len(), COMPANIES, "two companies of one name");
        for person in &cast.people {
            let anchor = if person.by_phone { person.phone.is_some() } else { person.email.is_some() };
            assert!(anchor, "nothing stands in all records of {}", person.name);
        }
    }
}
