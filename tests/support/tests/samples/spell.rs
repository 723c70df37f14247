//! The ways people write one phone number or address.

use crate::dice::Dice;

/// A number and how it is read.
#[derive(Clone)]
pub(crate) enum Phone {
    /// Eleven digits, `138…`.
    Mobile(String),
    /// Area code, number, extension.
    Landline(&'static str, String, u32),
    /// `400…`, extension.
    Hotline(String, u32),
    /// With its country code, in groups.
    Abroad(String),
}

impl Phone {
    pub(crate) fn e164(&self) -> String {
        match self {
            Phone::Mobile(digits) => format!("+86{digits}"),
            Phone::Landline(area, number, _) => format!("+86{}{number}", area.trim_start_matches('0')),
            Phone::Hotline(digits, _) => format!("+86{digits}"),
            Phone::Abroad(groups) => groups.chars().filter(|c| *c == '+' || c.is_ascii_digit()).collect(),
        }
    }

    /// As it stands in a tidy list.
    pub(crate) fn plain(&self) -> String {
        match self {
            Phone::Mobile(digits) => digits.clone(),
            Phone::Landline(area, number, extension) => format!("{area}-{number}转{extension}"),
            Phone::Hotline(digits, extension) => format!("{digits}转{extension}"),
            Phone::Abroad(groups) => groups.clone(),
        }
    }

    /// As somebody typed it: half of the time not tidy.
    pub(crate) fn written(&self, dice: &mut Dice) -> String {
        match self {
            Phone::Mobile(digits) => mobile(digits, dice),
            Phone::Landline(area, number, extension) => match dice.below(4) {
                0 => format!("{area}-{number}转{extension}"),
                1 => format!("（{area}）{number} 分机 {extension}"),
                2 => wide(&format!("{area}-{number}-{extension}")),
                _ => format!("+86 {} {number} ext. {extension}", area.trim_start_matches('0')),
            },
            Phone::Hotline(digits, extension) => match dice.below(3) {
                0 => format!("{digits}转{extension}"),
                1 => format!("{}-{extension}", groups(digits, [3, 3], "-")),
                _ => format!("{} 转 {extension}", groups(digits, [3, 3], " ")),
            },
            Phone::Abroad(groups) => match dice.below(3) {
                0 => groups.replace(' ', ""),
                1 => groups.replacen('+', "00", 1),
                _ => groups.clone(),
            },
        }
    }
}

/// Digits in three groups, the first two of the given lengths.
fn groups(digits: &str, lengths: [usize; 2], between: &str) -> String {
    let (first, rest) = digits.split_at(lengths[0]);
    let (second, third) = rest.split_at(lengths[1]);
    [first, second, third].join(between)
}

fn mobile(digits: &str, dice: &mut Dice) -> String {
    let groups = |between: &str| groups(digits, [3, 4], between);
    match dice.below(24) {
        0 | 1 => groups("-"),
        2 | 3 => groups(" "),
        4 => format!("+86 {}", groups(" ")),
        5 => format!("+86-{digits}"),
        6 => format!("0086{digits}"),
        7 => format!("86{digits}"),
        8 => wide(digits),
        9 => wide(&format!("+86 {}", groups("-"))),
        10 => format!("（+86）{digits}"),
        11 => format!("手机：{digits}"),
        12 => format!("{} （微信同号）", groups("-")),
        13 => groups("."),
        14 => format!(" {digits} "),
        _ => digits.to_owned(),
    }
}

/// With the wide digits and signs of a Chinese keyboard.
fn wide(text: &str) -> String {
    let widen = |c: char| match c {
        ' ' => '\u{3000}',
        '!'..='~' => char::from_u32(u32::from(c) + 0xFEE0).unwrap(),
        _ => c,
    };
    text.chars().map(widen).collect()
}

/// An address as somebody typed it: another case, blanks around it.
pub(crate) fn address(email: &str, dice: &mut Dice) -> String {
    let (local, domain) = email.split_once('@').unwrap();
    match dice.below(8) {
        0 => format!("{local}@{}", domain.to_ascii_uppercase()),
        1 => format!(" {email} "),
        2 => email.to_ascii_uppercase(),
        _ => email.to_owned(),
    }
}

/// What stands in a phone field and is no number of anybody.
pub(crate) const NO_PHONES: [&str; 8] =
    ["无", "12345", "1380000", "不方便透露", "111111", "10086", "见名片", "138000000000000"];

/// What stands in a mail field and is no address.
pub(crate) const NO_ADDRESSES: [&str; 4] = ["无", "没有邮箱", "not-an-address", "@"];

#[cfg(test)]
mod tests {
    use leadloop_sync_core::normal::phone::{self, Country};
    use leadloop_sync_core::normal::{domain, email};

    use super::*;

    /// The truth names numbers by what the product reads them as; each spelling must lead there.
    #[test]
    fn every_spelling_is_read_as_its_number() {
        let mut dice = Dice::new(1);
        let numbers = [
            Phone::Mobile("13800001234".to_owned()),
            Phone::Mobile("19900004321".to_owned()),
            Phone::Landline("021", "60001234".to_owned(), 801),
            Phone::Landline("0755", "26001234".to_owned(), 8012),
            Phone::Hotline("4001001234".to_owned(), 8),
            Phone::Abroad("+1 202 555 0173".to_owned()),
            Phone::Abroad("+44 20 7946 0173".to_owned()),
        ];
        for number in numbers {
            for text in (0..200).map(|_| number.written(&mut dice)).chain([number.plain()]) {
                let read =
                    phone::parse(&text, Country::CN).unwrap_or_else(|problem| panic!("{text}: {problem}"));
                assert_eq!(read.e164, number.e164(), "{text}");
            }
        }
        for text in NO_PHONES {
            assert!(phone::parse(text, Country::CN).is_err(), "{text} is a number");
        }
    }

    #[test]
    fn every_spelling_is_read_as_its_address() {
        let mut dice = Dice::new(2);
        for person in crate::cast::Cast::new().people {
            let Some(written) = person.email else { continue };
            for text in (0..10).map(|_| address(&written, &mut dice)) {
                let read = email::parse(&text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
                assert_eq!(read.address, written, "{text}");
                assert!(read.role.is_none() && read.others.is_empty(), "{text} is not one person's");
            }
        }
        for text in NO_ADDRESSES {
            assert!(email::parse(text).is_err(), "{text} is an address");
        }
        // Else all strangers who write from there would be colleagues.
        assert!(domain::is_free_mail("freemail.example"));
    }
}
