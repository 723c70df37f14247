//! The unified social credit code (统一社会信用代码, GB 32100-2015): the surest key of a Chinese company.
//!
//! Reads and checks; a code that fails its check digit is reported with what it should be, never mended, and never a
//! reason to drop a lead. Whether the company exists is for a registry.

use serde::{Deserialize, Serialize};

use super::{Remark, text};

/// The 31 characters of a code in the order of their values: no I, O, S, V, Z.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Weights of the first 17 characters: powers of 3 modulo 31.
const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
/// Weights of the organisation code's first eight characters (GB 11714).
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
/// Characters of a code.
const LENGTH: usize = 18;

/// A code whose check character is right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CreditCode {
    /// The 18 characters, upper case.
    pub code: String,
    /// Doubts that do not make the code wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

impl CreditCode {
    /// The organisation code inside (nine characters, GB 11714), the key of older registers.
    #[must_use]
    pub fn organisation_code(&self) -> &str {
        self.code.get(8..17).unwrap_or_default()
    }

    /// The place of registration by GB/T 2260, six characters; `100000` is national.
    #[must_use]
    pub fn region_code(&self) -> &str {
        self.code.get(2..8).unwrap_or_default()
    }

    /// The short name of the province of registration; nothing for national and unknown ones.
    #[must_use]
    pub fn province(&self) -> Option<&'static str> {
        province(self.region_code())
    }
}

/// Why a text is no credit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CreditCodeProblem {
    /// Nothing but white space.
    #[error("the field is blank")]
    Blank,
    /// Neither 18 characters nor the length of an older number.
    #[error("a credit code has 18 characters, this one has {0}")]
    Length(usize),
    /// Fifteen digits: the registration number used before 2015.
    #[error("15 digits are a registration number of before 2015, no credit code")]
    RegistrationNumber,
    /// Nine characters: an organisation code.
    #[error("9 characters are an organisation code, no credit code")]
    OrganisationCode,
    /// A character the alphabet does not have; I and O are not read as 1 and 0.
    #[error("character {position} is {found:?}, which credit codes do not have")]
    Character {
        /// Counted from 1.
        position: usize,
        /// What stands there.
        found: char,
    },
    /// The check character does not fit the others.
    #[error("the check character should be {expected}: one of the characters is mistyped")]
    Check {
        /// What the last character should be for the others.
        expected: char,
    },
}

impl CreditCodeProblem {
    /// The stable word for this problem, as stored and exported.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            CreditCodeProblem::Blank => "blank",
            CreditCodeProblem::Length(_) => "length",
            CreditCodeProblem::RegistrationNumber => "registration_number",
            CreditCodeProblem::OrganisationCode => "organisation_code",
            CreditCodeProblem::Character { .. } => "character",
            CreditCodeProblem::Check { .. } => "check",
        }
    }
}

/// Reads a code, in full or half width, upper or lower case, with spaces and dashes.
///
/// # Errors
/// What is wrong with it.
pub fn parse(field: &str) -> Result<CreditCode, CreditCodeProblem> {
    let (field, _) = text::bounded(field);
    let code: Vec<char> = field
        .chars()
        .filter(|&c| !c.is_whitespace() && !text::is_dash(c) && !text::is_invisible(c))
        .map(|c| text::half_width(c).to_ascii_uppercase())
        .collect();
    match code.len() {
        LENGTH => {}
        0 => return Err(CreditCodeProblem::Blank),
        15 if code.iter().all(char::is_ascii_digit) => return Err(CreditCodeProblem::RegistrationNumber),
        9 if code.iter().all(char::is_ascii_alphanumeric) => return Err(CreditCodeProblem::OrganisationCode),
        other => return Err(CreditCodeProblem::Length(other)),
    }
    let mut values = [0_u32; LENGTH];
    for (at, &found) in code.iter().enumerate() {
        let value = ALPHABET
            .iter()
            .position(|&letter| char::from(letter) == found)
            .and_then(|at| u32::try_from(at).ok());
        match (value, values.get_mut(at)) {
            (Some(value), Some(slot)) => *slot = value,
            _ => return Err(CreditCodeProblem::Character { position: at + 1, found }),
        }
    }
    let sum: u32 = values.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    let expected = ALPHABET.get((31 - sum as usize % 31) % 31).map_or('0', |&letter| char::from(letter));
    if code.last() != Some(&expected) {
        return Err(CreditCodeProblem::Check { expected });
    }
    let code: String = code.into_iter().collect();
    let mut parsed = CreditCode { code, remarks: Vec::new() };
    if province(parsed.region_code()).is_none() && parsed.region_code() != "100000" {
        parsed.remarks.push(Remark::UnknownRegion);
    }
    if !organisation_holds(parsed.organisation_code()) {
        parsed.remarks.push(Remark::OrganisationCheck);
    }
    Ok(parsed)
}

/// Whether the ninth character of an organisation code fits the first eight.
fn organisation_holds(code: &str) -> bool {
    let sum: u32 =
        code.chars().zip(ORGANISATION_WEIGHTS).map(|(c, weight)| c.to_digit(36).unwrap_or(0) * weight).sum();
    let expected = match 11 - sum % 11 {
        10 => Some('X'),
        11 => Some('0'),
        digit => char::from_digit(digit, 10),
    };
    code.chars().nth(8) == expected
}

/// Province of a GB/T 2260 code, short name.
fn province(region: &str) -> Option<&'static str> {
    Some(match region.get(..2)? {
        "11" => "北京",
        "12" => "天津",
        "13" => "河北",
        "14" => "山西",
        "15" => "内蒙古",
        "21" => "辽宁",
        "22" => "吉林",
        "23" => "黑龙江",
        "31" => "上海",
        "32" => "江苏",
        "33" => "浙江",
        "34" => "安徽",
        "35" => "福建",
        "36" => "江西",
        "37" => "山东",
        "41" => "河南",
        "42" => "湖北",
        "43" => "湖南",
        "44" => "广东",
        "45" => "广西",
        "46" => "海南",
        "50" => "重庆",
        "51" => "四川",
        "52" => "贵州",
        "53" => "云南",
        "54" => "西藏",
        "61" => "陕西",
        "62" => "甘肃",
        "63" => "青海",
        "64" => "宁夏",
        "65" => "新疆",
        "71" => "台湾",
        "81" => "香港",
        "82" => "澳门",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_hold() {
        let vectors = [
            ("91110000802100433B", "802100433", Some("北京")),
            ("91350100M000100Y43", "M000100Y4", Some("福建")),
            ("91110000600037341L", "600037341", Some("北京")),
            ("9144030071526726XG", "71526726X", Some("广东")),
            ("91330100799655058B", "799655058", Some("浙江")),
            ("91110108551385082Q", "551385082", Some("北京")),
        ];
        for (code, organisation, province) in vectors {
            let parsed = parse(code).unwrap();
            assert_eq!((parsed.code.as_str(), parsed.organisation_code()), (code, organisation));
            assert_eq!((parsed.province(), parsed.remarks), (province, vec![]));
        }
    }

    #[test]
    fn spellings_are_one() {
        for written in [
            "９１１１００００８０２１００４３３Ｂ",
            "91110000802100433b",
            " 9111-0000 8021 0043 3B ",
            "911100008021\u{200b}00433B",
        ] {
            assert_eq!(parse(written).unwrap().code, "91110000802100433B");
        }
    }

    #[test]
    fn wrong_codes_say_why() {
        use CreditCodeProblem as P;
        assert_eq!(parse("91110000802100433C"), Err(P::Check { expected: 'B' }));
        assert_eq!(parse("9111000080210043IB"), Err(P::Character { position: 17, found: 'I' }));
        assert_eq!(parse("9111000080210043B"), Err(P::Length(17)));
        assert_eq!(parse("110000012345678"), Err(P::RegistrationNumber));
        assert_eq!(parse("802100433"), Err(P::OrganisationCode));
        assert_eq!(parse(" - "), Err(P::Blank));
        assert_eq!(parse("无"), Err(P::Length(1)));
    }

    #[test]
    fn every_single_slip_is_found() {
        let right = "91350100M000100Y43";
        for at in 0..LENGTH {
            for &letter in ALPHABET {
                let mut slip: Vec<char> = right.chars().collect();
                slip[at] = char::from(letter);
                let slip: String = slip.into_iter().collect();
                assert_eq!(parse(&slip).is_ok(), slip == right, "{slip}");
            }
        }
    }

    #[test]
    fn doubts_are_told() {
        // Region 99 does not exist; check character computed for it.
        let code = "91990000802100433";
        let Err(CreditCodeProblem::Check { expected }) = parse(&format!("{code}0")) else {
            panic!("the check character is a guess")
        };
        let parsed = parse(&format!("{code}{expected}")).unwrap();
        assert_eq!(parsed.remarks, [Remark::UnknownRegion]);
        let code = "91110000802100434";
        let Err(CreditCodeProblem::Check { expected }) = parse(&format!("{code}0")) else {
            panic!("the check character is a guess")
        };
        assert_eq!(parse(&format!("{code}{expected}")).unwrap().remarks, [Remark::OrganisationCheck]);
    }
}
