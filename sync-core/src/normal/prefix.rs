//! Where a number of China was given out: the province of a landline by its area code, the province and city of a mobile
//! by its first digits.
//!
//! Area codes are the public numbering plan and stand here. Mobile prefixes change every month and belong to nobody's
//! source code: the admin hands in a table ([`Prefixes`]). People keep their number when they move, so this is a guess
//! and the weakest of sources.

use std::collections::BTreeMap;

/// Area codes without their leading zero, and the province whose numbers begin so. Three digits stand before two.
const AREAS: [(&str, &str); 57] = [
    ("335", "河北"),
    ("349", "山西"),
    ("890", "海南"),
    ("898", "海南"),
    ("899", "海南"),
    ("10", "北京"),
    ("20", "广东"),
    ("21", "上海"),
    ("22", "天津"),
    ("23", "重庆"),
    ("24", "辽宁"),
    ("25", "江苏"),
    ("27", "湖北"),
    ("28", "四川"),
    ("29", "陕西"),
    ("31", "河北"),
    ("35", "山西"),
    ("37", "河南"),
    ("39", "河南"),
    ("41", "辽宁"),
    ("42", "辽宁"),
    ("43", "吉林"),
    ("45", "黑龙江"),
    ("46", "黑龙江"),
    ("47", "内蒙古"),
    ("48", "内蒙古"),
    ("51", "江苏"),
    ("52", "江苏"),
    ("53", "山东"),
    ("54", "山东"),
    ("63", "山东"),
    ("55", "安徽"),
    ("56", "安徽"),
    ("57", "浙江"),
    ("58", "浙江"),
    ("59", "福建"),
    ("66", "广东"),
    ("69", "云南"),
    ("70", "江西"),
    ("71", "湖北"),
    ("72", "湖北"),
    ("73", "湖南"),
    ("74", "湖南"),
    ("75", "广东"),
    ("76", "广东"),
    ("77", "广西"),
    ("79", "江西"),
    ("81", "四川"),
    ("82", "四川"),
    ("83", "四川"),
    ("85", "贵州"),
    ("87", "云南"),
    ("88", "云南"),
    ("89", "西藏"),
    ("90", "新疆"),
    ("91", "陕西"),
    ("99", "新疆"),
];
/// The rest of [`AREAS`], whose two digits are all one province's.
const WESTERN: [(&str, &str); 4] = [("93", "甘肃"), ("94", "甘肃"), ("95", "宁夏"), ("97", "青海")];

/// The digits of a Chinese number behind its country code.
fn national(e164: &str) -> Option<&str> {
    let digits = crate::identity::number(e164.trim()).strip_prefix("+86")?;
    (digits.len() >= 9 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

fn is_mobile(national: &str) -> bool {
    national.len() == 11 && national.starts_with('1')
}

/// The province of a landline of mainland China.
#[must_use]
pub fn of_landline(e164: &str) -> Option<&'static str> {
    let national = national(e164).filter(|national| !is_mobile(national))?;
    let found = AREAS.iter().chain(&WESTERN).find(|(code, _)| national.starts_with(code));
    found.map(|(_, province)| *province)
}

/// Province and city.
pub type Place = (String, Option<String>);

/// Where the first digits of mobile numbers were given out, as the admin's table says.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Prefixes {
    places: Vec<Place>,
    known: BTreeMap<Place, u32>,
    /// By number of digits: first and last prefix of a range, place; sorted by the first.
    ranges: BTreeMap<usize, Vec<(u32, u32, u32)>>,
}

impl Prefixes {
    /// Adds a prefix (`1380013`) or a range of them (`1380013-1380019`); three to eight digits. `false`: it is neither.
    pub fn add(&mut self, written: &str, place: Place) -> bool {
        let (first, last) = written.split_once('-').unwrap_or((written, written));
        let (first, last) = (first.trim(), last.trim());
        let digits = |text: &str| (3..=8).contains(&text.len()) && text.starts_with('1');
        let (Ok(from), Ok(to)) = (first.parse::<u32>(), last.parse::<u32>()) else { return false };
        if !digits(first) || first.len() != last.len() || from > to {
            return false;
        }
        let next = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let index = *self.known.entry(place.clone()).or_insert(next);
        if index == next {
            self.places.push(place);
        }
        self.ranges.entry(first.len()).or_default().push((from, to, index));
        true
    }

    /// Brings the ranges into the order in which they are looked up; call it after the last [`Prefixes::add`].
    pub fn sort(&mut self) {
        self.ranges.values_mut().for_each(|ranges| ranges.sort_unstable());
    }

    /// Whether there is no table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Where a mobile number was given out; the longest prefix decides.
    #[must_use]
    pub fn of_mobile(&self, e164: &str) -> Option<&Place> {
        let national = national(e164).filter(|national| is_mobile(national))?;
        self.ranges.iter().rev().find_map(|(digits, ranges)| {
            let prefix: u32 = national.get(..*digits)?.parse().ok()?;
            let at = ranges.partition_point(|(from, _, _)| *from <= prefix);
            let (_, to, place) = ranges.get(at.checked_sub(1)?)?;
            (prefix <= *to).then(|| self.places.get(usize::try_from(*place).ok()?)).flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landlines_by_area_code() {
        for (number, province) in [
            ("+861060001234", Some("北京")),
            ("+862160001234;ext=801", Some("上海")),
            ("+8675560001234", Some("广东")),
            ("+868986000123", Some("海南")),
            ("+868916000123", Some("西藏")),
            ("+863356000123", Some("河北")),
            ("+869316000123", Some("甘肃")),
            ("+8613800001104", None),
            ("+861000", None),
            ("+4930123456", None),
            ("", None),
        ] {
            assert_eq!(of_landline(number), province, "{number}");
        }
    }

    #[test]
    fn mobiles_by_the_longest_prefix_of_a_table() {
        let mut table = Prefixes::default();
        assert!(table.is_empty());
        assert!(table.add("138", ("广东".into(), None)));
        assert!(table.add("1380000-1380010", ("上海".into(), Some("上海".into()))));
        assert!(table.add("1380011", ("江苏".into(), Some("苏州".into()))));
        for bad in ["12", "abc", "1380-138", "1390-1380", "021", "123456789", ""] {
            assert!(!table.add(bad, ("x".into(), None)), "{bad}");
        }
        table.sort();
        let of = |number| table.of_mobile(number).map(|(province, _)| province.as_str());
        assert_eq!(of("+8613800001104"), Some("上海"));
        assert_eq!(of("+8613800111104"), Some("江苏"));
        assert_eq!(of("+8613899991104"), Some("广东"));
        assert_eq!(of("+8613999991104"), None);
        assert_eq!(of("+862160001234"), None);
    }
}
