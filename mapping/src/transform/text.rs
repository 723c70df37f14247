//! Texts and numbers: width, space, and numbers as people write them.

use std::borrow::Cow;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::value::Value;

/// `text` with runs of space made one space, trimmed.
#[must_use]
pub fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` with full-width ASCII and the ideographic space made half-width. Chinese punctuation stays (`，` is no comma).
#[must_use]
pub fn half_width(text: &str) -> String {
    let fold = |c: char| match c {
        '\u{3000}' => ' ',
        '，' | '！' | '？' | '：' | '；' | '（' | '）' => c,
        '\u{ff01}'..='\u{ff5e}' => shift(c, -0xfee0),
        _ => c,
    };
    text.chars().map(fold).collect()
}

/// `text` with ASCII made full-width.
#[must_use]
pub fn full_width(text: &str) -> String {
    let widen = |c: char| match c {
        ' ' => '\u{3000}',
        '!'..='~' => shift(c, 0xfee0),
        _ => c,
    };
    text.chars().map(widen).collect()
}

fn shift(c: char, by: i64) -> char {
    u32::try_from(i64::from(u32::from(c)) + by).ok().and_then(char::from_u32).unwrap_or(c)
}

/// A number as people write it: `1,200`, `￥ 3.5万`, `２００`, `1 200.50元`. `None` where it is none, or could mean two
/// things (`1,5`).
#[must_use]
pub fn read_number(text: &str) -> Option<Decimal> {
    let folded = half_width(text).replace('，', ",");
    let mut text = folded.trim();
    for sign in ["CNY", "RMB", "USD", "¥", "￥", "$", "€"] {
        text = text.strip_prefix(sign).unwrap_or(text).trim_start();
    }
    for unit in ["人民币", "美元", "元", "人", "名"] {
        text = text.strip_suffix(unit).unwrap_or(text).trim_end();
    }
    let (text, scale) = match text.chars().last() {
        Some('万' | '萬') => (text.trim_end_matches(['万', '萬']), Decimal::from(10_000)),
        Some('亿' | '億') => (text.trim_end_matches(['亿', '億']), Decimal::from(100_000_000)),
        _ => (text, Decimal::ONE),
    };
    plain(text)?.parse::<Decimal>().ok()?.checked_mul(scale)
}

/// `text` without separators between groups of three digits; `None` where a comma stands elsewhere.
fn plain(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if !text.contains([',', ' ', '\'']) {
        return Some(text.into());
    }
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let mut groups = whole.split([',', ' ', '\'']);
    let first = groups.next()?;
    let digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let first_fits = (1..=3).contains(&first.trim_start_matches(['-', '+']).len());
    let rest: Vec<&str> = groups.collect();
    let grouped = first_fits && rest.iter().all(|group| group.len() == 3 && digits(group));
    let fraction_fits = fraction.is_none_or(digits);
    (grouped && fraction_fits).then(|| {
        let point = if fraction.is_some() { "." } else { "" };
        format!("{first}{}{point}{}", rest.concat(), fraction.unwrap_or_default()).into()
    })
}

/// `number` rounded half away from zero to so many decimals, as a value.
#[must_use]
pub fn number_value(number: Decimal, decimals: Option<u32>) -> Option<Value> {
    let number = match decimals {
        Some(decimals) => number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero),
        None => number,
    };
    if number.is_integer() {
        return number.to_i64().map(Value::Int);
    }
    number.to_f64().filter(|real| real.is_finite()).map(Value::Real)
}
