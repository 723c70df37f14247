//! Fields that the config declares itself (`[[field]]`): what people write, as the type the field has.

use jiff::civil::Date;
use leadloop_mapping::Value;

use crate::policy::{Holds, OwnField};

/// The value of a field, or the stable code of why it is none.
pub(super) fn read(field: &OwnField, value: &Value) -> Result<Value, &'static str> {
    let text = value.to_display();
    let text = text.trim();
    match &field.holds {
        Holds::Text => {
            let cut: String = text.chars().take(field.max).collect();
            if cut.is_empty() { Err("blank") } else { Ok(Value::text(cut)) }
        }
        Holds::Integer => whole(value, text).map(Value::Int).ok_or("no_whole_number"),
        Holds::Number => number(value, text).ok_or("no_number"),
        Holds::Bool => yes_or_no(value, text).map(Value::Bool).ok_or("no_yes_or_no"),
        Holds::Date => date(text).map(|day| Value::text(day.to_string())).ok_or("no_date"),
        Holds::Choice(values) => {
            let same = |known: &&String| known.trim().to_lowercase() == text.to_lowercase();
            values.iter().find(same).map(|value| Value::text(value.as_str())).ok_or("no_choice")
        }
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ',' | '，' | ' ' | '_')).map(half_width).collect()
}

fn half_width(c: char) -> char {
    match c {
        '\u{FF10}'..='\u{FF19}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '．' => '.',
        '－' => '-',
        _ => c,
    }
}

fn whole(value: &Value, text: &str) -> Option<i64> {
    value.as_int().or_else(|| plain(text).parse().ok())
}

fn number(value: &Value, text: &str) -> Option<Value> {
    match value {
        Value::Int(_) | Value::Real(_) => Some(value.clone()),
        _ => {
            let text = plain(text);
            let whole = text.parse().ok().map(Value::Int);
            whole.or_else(|| text.parse::<f64>().ok().filter(|real| real.is_finite()).map(Value::Real))
        }
    }
}

fn yes_or_no(value: &Value, text: &str) -> Option<bool> {
    value.as_bool().or_else(|| match text.to_lowercase().as_str() {
        "yes" | "y" | "true" | "1" | "on" | "是" | "有" | "对" | "已" => Some(true),
        "no" | "n" | "false" | "0" | "off" | "否" | "无" | "没有" | "不" | "未" => Some(false),
        _ => None,
    })
}

/// A day as people write it: `2026-12-01`, `2026/12/1`, `2026.12.01`, `2026年12月1日`, a time behind it left out.
fn date(text: &str) -> Option<Date> {
    let day = text.split([' ', 'T', '\u{3000}']).next().unwrap_or_default();
    let parts: Vec<String> = day
        .split(|c: char| !c.is_ascii_digit() && !('\u{FF10}'..='\u{FF19}').contains(&c))
        .filter(|part| !part.is_empty())
        .map(plain)
        .collect();
    let [year, month, day] = parts.as_slice() else { return None };
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(holds: Holds, text: &str) -> Result<Value, &'static str> {
        let field = OwnField { holds, label: (String::new(), String::new()), max: 5 };
        read(&field, &Value::text(text))
    }

    #[test]
    fn values_become_their_type_or_a_code() {
        let choice = || Holds::Choice(vec!["自建".into(), "Cloud".into()]);
        for (holds, text, read) in [
            (Holds::Text, " 一二三四五六 ", Ok(Value::text("一二三四五"))),
            (Holds::Text, "  ", Err("blank")),
            (Holds::Integer, "1,200", Ok(Value::Int(1_200))),
            (Holds::Integer, "１２", Ok(Value::Int(12))),
            (Holds::Integer, "1.5", Err("no_whole_number")),
            (Holds::Number, "1.5", Ok(Value::Real(1.5))),
            (Holds::Number, "NaN", Err("no_number")),
            (Holds::Number, "很多", Err("no_number")),
            (Holds::Bool, "是", Ok(Value::Bool(true))),
            (Holds::Bool, "No", Ok(Value::Bool(false))),
            (Holds::Bool, "maybe", Err("no_yes_or_no")),
            (Holds::Date, "2026年12月1日", Ok(Value::text("2026-12-01"))),
            (Holds::Date, "2026/2/30", Err("no_date")),
            (Holds::Date, "1/2/2026", Err("no_date")),
            (choice(), "cloud", Ok(Value::text("Cloud"))),
            (choice(), "其他", Err("no_choice")),
        ] {
            assert_eq!(of(holds.clone(), text), read, "{holds:?} {text}");
        }
    }
}
