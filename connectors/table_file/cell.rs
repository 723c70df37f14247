//! What a cell holds, as a person sees it: numbers without `.0`, dates in ISO form, texts without the tricks that keep
//! Excel from eating leading zeros.

use calamine::{Data, DataRef, ExcelDateTime};
use leadloop_mapping::Value;

/// The value of a workbook's cell.
pub(super) fn of_sheet(cell: &DataRef<'_>) -> Value {
    match cell {
        DataRef::Int(number) => Value::text(number.to_string()),
        DataRef::Float(number) => Value::text(number_text(*number)),
        DataRef::String(text) => of_text(text),
        DataRef::SharedString(text) => of_text(text),
        DataRef::Bool(yes) => Value::Bool(*yes),
        DataRef::DateTime(time) => Value::text(time_text(time)),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => of_text(text),
        DataRef::Error(_) | DataRef::Empty => Value::Null,
    }
}

/// The value of an old workbook's cell.
pub(super) fn of_old_sheet(cell: &Data) -> Value {
    match cell {
        Data::Int(number) => Value::text(number.to_string()),
        Data::Float(number) => Value::text(number_text(*number)),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => of_text(text),
        Data::Bool(yes) => Value::Bool(*yes),
        Data::DateTime(time) => Value::text(time_text(time)),
        Data::Error(_) | Data::Empty => Value::Null,
    }
}

/// The value of a text: without outer blanks, `="139…"` and `'139…` as what they stand for.
pub(super) fn of_text(text: &str) -> Value {
    let text = text.trim();
    let inner = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    let kept =
        text.strip_prefix('\'').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '+'));
    Value::text(inner.or(kept).unwrap_or(text))
}

/// A phone number in a number cell is 13800001111, not 13800001111.0 or 1.38e10.
fn number_text(number: f64) -> String {
    if !number.is_finite() {
        return String::new();
    }
    let rounded = (number * 1e6).round() / 1e6; // 0.1 + 0.2 is shown as 0.3 by every spreadsheet
    let number = if number.abs() < 1e9 && (rounded - number).abs() < 1e-9 { rounded } else { number };
    format!("{number}")
}

/// `2026-11-23`, `2026-11-23 13:20:05`, `13:20:05`, or hours of a length of time `36:15:00`.
fn time_text(time: &ExcelDateTime) -> String {
    let serial = time.as_f64();
    if !serial.is_finite() || !(0.0..2_958_466.0).contains(&serial) {
        return number_text(serial);
    }
    let (year, month, day, hour, minute, second, millis) = time.to_ymd_hms_milli();
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    if time.is_duration() {
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked above")]
        let hours = (serial * 24.0 + 1e-6).floor() as i64;
        return format!("{hours}:{minute:02}:{second:02}");
    }
    if serial < 1.0 {
        return clock;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second, millis) == (0, 0, 0, 0) { date } else { format!("{date} {clock}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::ExcelDateTimeType::{DateTime, TimeDelta};

    #[test]
    fn numbers_look_as_they_do_on_the_screen() {
        for (number, text) in [
            (13_800_001_111.0, "13800001111"),
            (8_613_800_001_111.0, "8613800001111"),
            (0.1 + 0.2, "0.3"),
            (1.5, "1.5"),
            (-3.0, "-3"),
            (0.0, "0"),
            (1e15, "1000000000000000"),
            (f64::NAN, ""),
        ] {
            assert_eq!(number_text(number), text);
        }
    }

    #[test]
    fn times_are_iso() {
        for (serial, kind, text) in [
            (45_943.0, DateTime, "2025-10-13"),
            (45_943.5, DateTime, "2025-10-13 12:00:00"),
            (0.25, DateTime, "06:00:00"),
            (1.5104166666666667, TimeDelta, "36:15:00"),
            (-5.0, DateTime, "-5"),
            (1e12, DateTime, "1000000000000"),
        ] {
            assert_eq!(time_text(&ExcelDateTime::new(serial, kind, false)), text);
        }
        assert_eq!(time_text(&ExcelDateTime::new(44_481.0, DateTime, true)), "2025-10-13");
    }

    #[test]
    fn tricks_to_keep_digits_are_undone() {
        for (cell, text) in [
            ("=\"013900000001\"", "013900000001"),
            ("'13900000001", "13900000001"),
            ("'s hertogenbosch", "'s hertogenbosch"),
            ("  测试甲\u{a0}\u{3000}", "测试甲"),
            ("=", "="),
        ] {
            assert_eq!(of_text(cell), Value::from(text));
        }
    }
}
