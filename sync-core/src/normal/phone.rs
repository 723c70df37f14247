//! Phone fields: what people write into them, read as E.164.
//!
//! First normaliser on the road and the strongest identifier in China. [`scan`] knows how people write; this module
//! decides which digits are a number, and is the only one that uses the numbering plan (`rlibphonenumber`). Which
//! person a number belongs to is for identity.

mod scan;

use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, enums};
use serde::{Deserialize, Serialize};

use self::scan::{Candidate, Group, Join, Numerals};
use super::{Remark, mask, text};

/// A country or territory by its ISO 3166 letters (`CN`), `001` for numbers of no country.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 3]);

impl Country {
    /// Mainland China.
    pub const CN: Country = Country(*b"CN\0");

    /// The letters, upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default().trim_end_matches('\0')
    }
}

impl std::str::FromStr for Country {
    type Err = UnknownCountry;

    fn from_str(code: &str) -> Result<Self, UnknownCountry> {
        match code.as_bytes() {
            b"001" => Ok(Country(*b"001")),
            &[a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Country([a.to_ascii_uppercase(), b.to_ascii_uppercase(), 0]))
            }
            _ => Err(UnknownCountry),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = UnknownCountry;

    fn try_from(code: String) -> Result<Self, UnknownCountry> {
        code.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> String {
        country.as_str().to_owned()
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A country code is two letters (ISO 3166) or `001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a country is two letters such as CN, or 001")]
pub struct UnknownCountry;

/// What kind of line a number is, where the numbering plan tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneKind {
    /// A mobile; in China the number of a person.
    Mobile,
    /// A fixed line; often shared by a company.
    Landline,
    /// Free or shared cost: 400 and 800 in China. Always a company's.
    TollFree,
    /// The plan does not tell (North America) or it is another service.
    Unknown,
}

/// A number that can be dialled. Its `Debug` is masked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// `+` and digits (ITU-T E.164), without the extension.
    pub e164: String,
    /// Digits to dial once connected.
    pub extension: Option<String>,
    /// What kind of line it is.
    pub kind: PhoneKind,
    /// The country or territory of the number.
    pub region: Option<Country>,
    /// Further valid numbers of the same field, in the order written, fax numbers last. Theirs are empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Phone>,
    /// What was done beyond spelling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({}, {:?}, {} more)", mask::phone(&self.e164), self.kind, self.others.len())
    }
}

/// Why a field holds no number that can be dialled. Says nothing of the digits, so it may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum PhoneProblem {
    /// Nothing but white space.
    #[error("the field is blank")]
    Blank,
    /// No digits at all.
    #[error("the field holds no digits")]
    NoDigits,
    /// An address that begins with digits.
    #[error("the field holds an e-mail address")]
    Address,
    /// The label says QQ, postcode or the like.
    #[error("the label says that this is no phone number")]
    OtherLabel,
    /// `138****0001`: a platform has hidden the number.
    #[error("the number is masked by stars")]
    Masked,
    /// Fewer digits than any number of the country has.
    #[error("too few digits")]
    TooShort,
    /// 110, 10086, 95588: nobody's own number.
    #[error("a service number, nobody's own")]
    ServiceNumber,
    /// Seven or eight digits: a landline whose city is unknown.
    #[error("a landline without its area code")]
    MissingAreaCode,
    /// More digits than any number has.
    #[error("too many digits")]
    TooLong,
    /// One digit, over and over.
    #[error("one digit repeated")]
    Repeated,
    /// 12345678901 and the like.
    #[error("digits in a row, as typed to fill the field")]
    Sequence,
    /// The numbering plan of the country has no such number.
    #[error("no such number in the numbering plan")]
    NotAssigned,
}

impl PhoneProblem {
    /// The stable word for this problem, as stored and exported.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            PhoneProblem::Blank => "blank",
            PhoneProblem::NoDigits => "no_digits",
            PhoneProblem::Address => "address",
            PhoneProblem::OtherLabel => "other_label",
            PhoneProblem::Masked => "masked",
            PhoneProblem::TooShort => "too_short",
            PhoneProblem::ServiceNumber => "service_number",
            PhoneProblem::MissingAreaCode => "missing_area_code",
            PhoneProblem::TooLong => "too_long",
            PhoneProblem::Repeated => "repeated",
            PhoneProblem::Sequence => "sequence",
            PhoneProblem::NotAssigned => "not_assigned",
        }
    }
}

/// Most numbers listed beside the first.
const MAX_OTHERS: usize = 8;
/// Most looks into the numbering plan for one field; bounds the work on garbage.
const MAX_ATTEMPTS: usize = 64;
/// Most digits of one number with every prefix: 15 (E.164), international prefix, a doubled country code.
const MAX_DIGITS: usize = 20;

/// Reads the first valid number of a field; numbers without a country code are numbers of `default_region`.
///
/// # Errors
/// The most telling reason why the field holds none.
pub fn parse(field: &str, default_region: Country) -> Result<Phone, PhoneProblem> {
    let (field, cut) = text::bounded(field);
    if field.chars().all(|c| c.is_whitespace() || text::is_invisible(c)) {
        return Err(PhoneProblem::Blank);
    }
    let mut reading = Reading::new(default_region);
    reading.read(field, Numerals::Words);
    if reading.found.is_empty() && reading.faxes.is_empty() && scan::has_numerals(field) {
        reading.read(field, Numerals::Digits);
    }
    let mut numbers = reading.found;
    let fax_only = numbers.is_empty();
    for fax in reading.faxes {
        if numbers.len() <= MAX_OTHERS && numbers.iter().all(|known| known.e164 != fax.e164) {
            numbers.push(fax);
        }
    }
    let mut numbers = numbers.into_iter();
    let masked = field.contains("**") || field.contains("＊＊");
    let problem = if masked { PhoneProblem::Masked } else { reading.problem };
    let mut phone = numbers.next().ok_or(problem)?;
    phone.others = numbers.collect();
    if fax_only {
        phone.remarks.push(Remark::FaxOnly);
    }
    if cut {
        phone.remarks.push(Remark::InputCut);
    }
    Ok(phone)
}

/// One pass over a field.
struct Reading {
    region: Country,
    found: Vec<Phone>,
    faxes: Vec<Phone>,
    /// The problem of the longest run of digits so far; it is the most telling one.
    problem: PhoneProblem,
    problem_digits: usize,
    attempts: usize,
    /// Area code of the last landline of this country, without its leading zero.
    area: Option<String>,
}

impl Reading {
    fn new(region: Country) -> Self {
        Reading {
            region,
            found: Vec::new(),
            faxes: Vec::new(),
            problem: PhoneProblem::NoDigits,
            problem_digits: 0,
            attempts: 0,
            area: None,
        }
    }

    fn read(&mut self, field: &str, numerals: Numerals) {
        for candidate in scan::candidates(field, numerals) {
            if candidate.address || candidate.other {
                let problem =
                    if candidate.address { PhoneProblem::Address } else { PhoneProblem::OtherLabel };
                self.refuse(problem, candidate.groups.iter().map(|group| group.digits.len()).sum());
            } else {
                self.candidate(&candidate);
            }
        }
    }

    /// Takes as many groups as make a valid number, longest first, then goes on behind them.
    fn candidate(&mut self, candidate: &Candidate) {
        let groups = &candidate.groups;
        let mut start = 0;
        let mut skipped = false;
        while start < groups.len() && self.attempts < MAX_ATTEMPTS {
            let plus = candidate.plus && start == 0;
            let rest = groups.get(start..).unwrap_or_default();
            let found = self.longest(rest, plus).filter(|(phone, _)| !skipped || stands_alone(phone, rest));
            if let Some((phone, used)) = found {
                let (extension, behind) = extension(rest, used, candidate);
                self.keep(Phone { extension, ..phone }, candidate.fax);
                start += used + behind;
            } else if plus {
                // What follows an unknown country code is no number of ours.
                return;
            } else {
                start += 1;
                skipped = true;
            }
        }
    }

    fn longest(&mut self, groups: &[Group], plus: bool) -> Option<(Phone, usize)> {
        let mut lengths = groups.iter().scan(0, |sum, group| {
            *sum += group.digits.len();
            Some(*sum)
        });
        let most = lengths.by_ref().take_while(|&sum| sum <= MAX_DIGITS).count();
        if most == 0 {
            self.refuse(PhoneProblem::TooLong, groups.first().map_or(0, |group| group.digits.len()));
        }
        for used in (1..=most).rev() {
            if self.attempts >= MAX_ATTEMPTS {
                return None;
            }
            self.attempts += 1;
            let digits: String = groups.iter().take(used).map(|group| group.digits.as_str()).collect();
            match self.number(&digits, plus) {
                Ok(phone) => return Some((phone, used)),
                Err(problem) => self.refuse(problem, digits.len()),
            }
        }
        None
    }

    fn refuse(&mut self, problem: PhoneProblem, digits: usize) {
        if digits > self.problem_digits {
            self.problem = problem;
            self.problem_digits = digits;
        }
    }

    fn keep(&mut self, phone: Phone, fax: bool) {
        let known = self.found.iter().chain(&self.faxes).any(|known| known.e164 == phone.e164);
        let list = if fax { &mut self.faxes } else { &mut self.found };
        if !known && list.len() <= MAX_OTHERS {
            list.push(phone);
        }
    }

    /// One number from digits without a break.
    fn number(&mut self, digits: &str, plus: bool) -> Result<Phone, PhoneProblem> {
        let digits = repaired_prefix(digits, plus);
        filler(digits.trim_start_matches("0086").trim_start_matches("86"))?;
        filler(&digits)?;
        let china = self.region == Country::CN;
        let plain = || in_plan(&digits, self.region);
        let international = || in_plan(&format!("+{digits}"), self.region);
        let found = if plus { international() } else { plain() };
        if let Some(number) = found {
            return Ok(self.dialled(&number, Vec::new()));
        }
        if plus
            && china
            && let Some(number) = plain()
        {
            return Ok(self.dialled(&number, vec![Remark::PlusIgnored]));
        }
        if china
            && neighbour(&digits)
            && let Some(number) = international()
        {
            return Ok(self.dialled(&number, Vec::new()));
        }
        if (china || plus)
            && let Some(mobile) = unassigned_mobile(&digits)
        {
            return Ok(mobile);
        }
        if matches!(digits.len(), 7 | 8)
            && let Some(area) = &self.area
            && let Some(number) = in_plan(&format!("0{area}{digits}"), self.region)
        {
            return Ok(self.dialled(&number, vec![Remark::AreaCodeInherited]));
        }
        Err(why_not(&digits, china && !plus))
    }

    fn dialled(&mut self, number: &PhoneNumber, remarks: Vec<Remark>) -> Phone {
        let e164 = number.format_as(PhoneNumberFormat::E164).into_owned();
        let region = number.get_region_code().and_then(|region| region.as_region_str().as_str().parse().ok());
        let kind = match number.get_type() {
            PhoneNumberType::Mobile => PhoneKind::Mobile,
            PhoneNumberType::FixedLine => PhoneKind::Landline,
            PhoneNumberType::TollFree => PhoneKind::TollFree,
            // China's 400 numbers are shared cost in the plan; to a caller they are the same thing as 800.
            PhoneNumberType::SharedCost if e164.starts_with("+86400") => PhoneKind::TollFree,
            _ => PhoneKind::Unknown,
        };
        if kind == PhoneKind::Landline && region == Some(self.region) {
            let national = number.get_national_significant_number();
            let length = number.get_length_of_geographical_area_code();
            self.area = national.get(..length).filter(|area| !area.is_empty()).map(str::to_owned);
        }
        Phone { e164, extension: None, kind, region, others: Vec::new(), remarks }
    }
}

/// Whether a number may be taken from the middle of a row of groups: a mobile, or written with its leading zero, or
/// free. Anything else is as likely the rest of a number we do not know.
fn stands_alone(phone: &Phone, groups: &[Group]) -> bool {
    let zero = groups.first().is_some_and(|group| group.digits.starts_with('0'));
    zero || matches!(phone.kind, PhoneKind::Mobile | PhoneKind::TollFree)
}

/// The extension of a number made of the first `used` groups, and how many groups it takes: one behind a marker, else
/// a short group behind a dash that ends the candidate.
fn extension(groups: &[Group], used: usize, candidate: &Candidate) -> (Option<String>, usize) {
    let behind = groups.get(used..).unwrap_or_default();
    match behind {
        [] => (candidate.extension.clone(), 0),
        [last] if last.join == Join::Dash && last.digits.len() <= 6 && candidate.extension.is_none() => {
            (Some(last.digits.clone()), 1)
        }
        _ => (None, 0),
    }
}

/// Digits as dialled: zeros between a plus and the country code and a doubled 86 are slips of forms that add a prefix
/// themselves.
fn repaired_prefix(digits: &str, plus: bool) -> String {
    let digits = if plus { digits.trim_start_matches('0') } else { digits };
    for doubled in ["8686", "86086", "860086"] {
        if let Some(rest) = digits.strip_prefix(doubled)
            && (10..=12).contains(&rest.len())
        {
            return format!("{}86{rest}", if plus { "" } else { "00" });
        }
    }
    digits.to_owned()
}

fn in_plan(number: &str, region: Country) -> Option<PhoneNumber> {
    let region = enums::Region::from_code(region.as_str()).ok();
    PHONE_NUMBER_UTIL.parse(number, region).ok().filter(PhoneNumber::is_valid)
}

/// Hong Kong, Macao and Taiwan numbers written with their code but no plus, as mainland forms often hold them.
fn neighbour(digits: &str) -> bool {
    matches!((digits.get(..3), digits.len()), (Some("852" | "853"), 11) | (Some("886"), 11 | 12))
}

/// A Chinese mobile by its shape alone: new blocks are sold before any numbering data knows them, and a lead is worth
/// more than a strict list.
fn unassigned_mobile(digits: &str) -> Option<Phone> {
    let national = [("0086", 15), ("86", 13), ("0", 12), ("", 11)]
        .iter()
        .find_map(|(prefix, length)| digits.strip_prefix(prefix).filter(|_| digits.len() == *length))?;
    let mobile = matches!(national.as_bytes(), [b'1', b'3'..=b'9', ..]);
    mobile.then(|| Phone {
        e164: format!("+86{national}"),
        extension: None,
        kind: PhoneKind::Mobile,
        region: Some(Country::CN),
        others: Vec::new(),
        remarks: vec![Remark::UnassignedBlock],
    })
}

/// Refuses what people type to get past a required field.
fn filler(digits: &str) -> Result<(), PhoneProblem> {
    let bytes = digits.as_bytes();
    if bytes.len() < 7 {
        return Ok(());
    }
    let steps =
        |by: u8| bytes.windows(2).all(|pair| matches!(pair, [a, b] if (a - b'0' + by) % 10 == b - b'0'));
    if steps(0) {
        return Err(PhoneProblem::Repeated);
    }
    if steps(1) || steps(9) { Err(PhoneProblem::Sequence) } else { Ok(()) }
}

fn why_not(digits: &str, china: bool) -> PhoneProblem {
    let service = matches!(digits.as_bytes(), [b'1', ..] | [b'9', b'5' | b'6', ..]);
    match digits.len() {
        3..=6 if china && service => PhoneProblem::ServiceNumber,
        0..=6 => PhoneProblem::TooShort,
        7..=8 if china => PhoneProblem::MissingAreaCode,
        16.. => PhoneProblem::TooLong,
        _ => PhoneProblem::NotAssigned,
    }
}
