//! Characters folded to the ones they stand for: full width, foreign digits, invisible marks, the many dashes.
//!
//! Shared by all normalisers. Knows characters only; what a run of them means is for the modules beside it.

use super::MAX_INPUT;

/// The beginning of `text` that normalisers look at, and whether something was cut off.
pub(super) fn bounded(text: &str) -> (&str, bool) {
    if text.len() <= MAX_INPUT {
        return (text, false);
    }
    let end = text.floor_char_boundary(MAX_INPUT);
    (text.get(..end).unwrap_or_default(), true)
}

/// First code points of the decimal digit rows that turn up in contact data, each holding 0 to 9 in order.
const DIGIT_ROWS: [u32; 25] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6,
];

/// The value of a decimal digit of any common script.
pub(super) fn digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let code = u32::from(c);
    DIGIT_ROWS.iter().find_map(|&row| u8::try_from(code.checked_sub(row)?).ok().filter(|&value| value < 10))
}

/// The half-width character of a full-width one, a plain space for every other white space, else the same character.
pub(super) fn half_width(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => '\n',
        _ if c.is_whitespace() => ' ',
        _ => c,
    }
}

/// Marks that show nothing: controls, zero widths, text direction, variation selectors, keycap frames.
/// White space is not among them.
pub(super) fn is_invisible(c: char) -> bool {
    match c {
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180E}' | '\u{20E3}' | '\u{FEFF}' => true,
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' => true,
        '\u{FE00}'..='\u{FE0F}' | '\u{FFF9}'..='\u{FFFD}' => true,
        _ => c.is_control() && !c.is_whitespace(),
    }
}

/// Every character people use as a dash, hyphen or minus, also the long vowel mark and box lines typed by mistake.
pub(super) fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2043}'
                | '\u{207B}'
                | '\u{2212}'
                | '\u{2500}'
                | '\u{2501}'
                | '\u{2E3A}'
                | '\u{2E3B}'
                | '\u{30FC}'
                | '\u{FE31}'
                | '\u{FE32}'
                | '\u{FE58}'
                | '\u{FE63}'
                | '\u{FF0D}'
                | '\u{FF70}'
    )
}

/// The digit a Chinese numeral stands for, in the plain, the financial and the spoken form.
pub(super) fn han_digit(c: char) -> Option<u8> {
    Some(match c {
        '〇' | '零' | '○' => 0,
        '一' | '壹' | '幺' => 1,
        '二' | '贰' | '貳' => 2,
        '三' | '叁' | '參' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' | '陸' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_keeps_whole_characters() {
        let long = "示".repeat(400);
        let (kept, cut) = bounded(&long);
        assert!(cut);
        assert_eq!(kept.len(), 1023);
        assert_eq!(bounded("短"), ("短", false));
    }

    #[test]
    fn digits_of_other_scripts_have_their_value() {
        for (c, value) in [('7', 7), ('７', 7), ('٧', 7), ('७', 7), ('𝟕', 7), ('𝟶', 0), ('𝟿', 9)]
        {
            assert_eq!(digit(c), Some(value), "{c}");
        }
        assert_eq!(digit('七'), None);
        assert_eq!(digit('a'), None);
    }
}
