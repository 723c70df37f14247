//! Names folded for comparison: one width, lower case, simplified characters, Latin letters without their marks.
//!
//! Shared by company and person names. The folded text is for machines; what is shown keeps its own spelling.

use std::borrow::Cow;
use std::sync::LazyLock;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::text::is_invisible;

/// Pairs of a character and the simplified one it is compared as.
const VARIANTS: &str = include_str!("traditional.txt");
/// The block of unified ideographs, all characters of the list are in it.
const FIRST: u32 = 0x4E00;
const LAST: u32 = 0x9FFF;

/// The simplified character for each of the block, itself where the list has none.
static SIMPLIFIED: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut table: Vec<char> =
        (FIRST..=LAST).map(|code| char::from_u32(code).unwrap_or('\u{FFFD}')).collect();
    for (variant, simplified) in variants() {
        if let Some(slot) = index(variant).and_then(|at| table.get_mut(at)) {
            *slot = simplified;
        }
    }
    table
});

fn variants() -> impl Iterator<Item = (char, char)> {
    let lines = VARIANTS.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).filter_map(|pair| {
        let mut chars = pair.chars();
        Some((chars.next()?, chars.next()?))
    })
}

fn index(c: char) -> Option<usize> {
    let code = u32::from(c);
    (FIRST..=LAST).contains(&code).then(|| usize::try_from(code - FIRST).unwrap_or(usize::MAX))
}

/// Whether a character is written in East Asia: ideographs, kana, hangul.
pub(super) fn is_east(c: char) -> bool {
    matches!(
        u32::from(c),
        0x3005..=0x3007 | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
            | 0x20000..=0x3FFFF
    )
}

/// Whether a character is a letter or a digit, of any script.
pub(super) fn is_written(c: char) -> bool {
    // Most names are ASCII or Chinese; the tables of all scripts are slow to search.
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { index(c).is_some() || c.is_alphanumeric() }
}

/// How letters with an umlaut are written without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Umlauts {
    /// `ü` as `u`: the mark left away.
    Bare,
    /// `ü` as `ue`: the German and Nordic spelling.
    Spelled,
}

/// The folded text. Brackets, punctuation and white space stay, in their half-width form.
pub(super) fn fold(text: &str, umlauts: Umlauts) -> String {
    let marks = ['®', '™', '©', '℠', '℗'];
    let text: Cow<'_, str> =
        if text.contains(marks) { Cow::Owned(text.replace(marks, " ")) } else { Cow::Borrowed(text) };
    let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(&text);
    let mut folded = String::with_capacity(normal.len());
    for c in normal.chars() {
        if c.is_ascii() {
            if !c.is_ascii_control() {
                folded.push(c.to_ascii_lowercase());
            } else if c.is_ascii_whitespace() {
                folded.push(' ');
            }
        } else if let Some(at) = index(c) {
            folded.push(SIMPLIFIED.get(at).copied().unwrap_or(c));
        } else if c.is_whitespace() {
            folded.push(' ');
        } else if !is_invisible(c) {
            c.to_lowercase().for_each(|lower| push_plain(&mut folded, lower, umlauts));
        }
    }
    folded
}

/// Whether a text has letters that [`Umlauts::Spelled`] writes in another way.
pub(super) fn has_umlauts(text: &str) -> bool {
    text.chars().any(|c| matches!(c, 'ä' | 'ö' | 'ü' | 'Ä' | 'Ö' | 'Ü' | 'ø' | 'Ø' | 'å' | 'Å'))
        || text.contains('\u{308}')
}

fn push_plain(folded: &mut String, c: char, umlauts: Umlauts) {
    let spelled = match (c, umlauts) {
        ('ä', Umlauts::Spelled) => "ae",
        ('ö' | 'ø', Umlauts::Spelled) => "oe",
        ('ü', Umlauts::Spelled) => "ue",
        ('å', Umlauts::Spelled) => "aa",
        ('ß', _) => "ss",
        ('æ', _) => "ae",
        ('œ', _) => "oe",
        ('ø', _) => "o",
        ('đ' | 'ð', _) => "d",
        ('þ', _) => "th",
        ('ł', _) => "l",
        ('ı', _) => "i",
        _ => "",
    };
    if !spelled.is_empty() {
        folded.push_str(spelled);
    } else if matches!(u32::from(c), 0x00C0..=0x024F | 0x1E00..=0x1EFF) {
        let mut bytes = [0; 4];
        let alone: &str = c.encode_utf8(&mut bytes);
        let nfd = DecomposingNormalizerBorrowed::new_nfd().normalize(alone);
        folded.extend(nfd.chars().filter(|part| !is_mark(*part)));
    } else if !is_mark(c) {
        folded.push(c);
    }
}

/// Combining marks of Latin letters.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x0300..=0x036F)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_list_of_variants_is_sound() {
        let mut seen = BTreeMap::new();
        for pair in VARIANTS.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace) {
            assert_eq!(pair.chars().count(), 2, "{pair}");
        }
        for (variant, simple) in variants() {
            assert!(index(variant).is_some(), "{variant} is outside the block");
            assert_ne!(variant, simple);
            assert_eq!(seen.insert(variant, simple), None, "{variant} is listed twice");
        }
        assert!(seen.len() > 3_000, "only {} were read", seen.len());
        for (variant, simple) in &seen {
            assert!(!seen.contains_key(simple), "{variant} folds to {simple}, which folds again");
        }
    }

    #[test]
    fn what_is_written_is_what_the_tables_say() {
        for c in char::MIN..=char::MAX {
            assert_eq!(is_written(c), c.is_alphanumeric(), "{c:?}");
        }
    }

    #[test]
    fn folding() {
        let folds = [
            ("臺灣積體電路製造", "台湾积体电路制造"),
            ("廣東發展銀行（總行）", "广东发展银行(总行)"),
            ("ＡＢＣ　Ｔｅｃｈ™", "abc tech "),
            ("Société Générale", "societe generale"),
            ("Größe & Łódź", "grosse & lodz"),
            ("㈱東芝", "(株)东芝"),
            ("ｶﾌﾞｼｷ", "カブシキ"),
            ("Mu\u{308}ller", "muller"),
            ("a\u{200b}b\tc", "ab c"),
        ];
        for (text, folded) in folds {
            assert_eq!(fold(text, Umlauts::Bare), folded);
        }
        assert_eq!(fold("Müller Ærø", Umlauts::Spelled), "mueller aeroe");
        assert!(has_umlauts("Müller") && !has_umlauts("Mueller"));
    }
}
