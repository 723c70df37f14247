//! Telephone numbers as CRMs want them. Numbers of the pool are E.164 already (reading people's spellings is the core's
//! work); what comes from a CRM was typed by hand and is read leniently, as a number of mainland China where no
//! country is named.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region};

/// `text` in E.164.
#[must_use]
pub fn e164(text: &str) -> Option<String> {
    if is_e164(text) {
        return Some(text.to_owned());
    }
    read(text).map(|number| number.format_as(PhoneNumberFormat::E164).into_owned())
}

/// The eleven digits of a mobile number of mainland China.
#[must_use]
pub fn cn_mobile(text: &str) -> Option<String> {
    let digits = |text: &str| text.strip_prefix("+86").filter(|rest| is_cn_mobile(rest)).map(str::to_owned);
    digits(text).or_else(|| digits(&from_cn_mobile(text)?))
}

/// A number from a field that usually holds eleven digits, in E.164. Number ranges are younger than any table of them,
/// so a mobile number is known by its shape; everything else is read as a number of any kind.
#[must_use]
pub fn from_cn_mobile(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}' | '(' | ')')).collect();
    let rest = ["+86", "0086", "86"].iter().find_map(|prefix| plain.strip_prefix(prefix)).unwrap_or(&plain);
    if is_cn_mobile(rest) {
        return Some(format!("+86{rest}"));
    }
    e164(text)
}

fn is_cn_mobile(digits: &str) -> bool {
    digits.len() == 11
        && digits.bytes().all(|b| b.is_ascii_digit())
        && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..])
}

/// The number as people of its country write it.
#[must_use]
pub fn national(text: &str) -> Option<String> {
    read(text).map(|number| number.format_as(PhoneNumberFormat::National).into_owned())
}

fn read(text: &str) -> Option<PhoneNumber> {
    // Longer than any number with an extension: not worth a parser's time.
    if text.len() > 64 {
        return None;
    }
    let number = PHONE_NUMBER_UTIL.parse(text, Some(Region::CN)).ok()?;
    number.is_valid().then_some(number)
}

fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}
