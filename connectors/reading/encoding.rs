//! Which encoding bytes are in: UTF-8, UTF-16, GB18030 (with GBK and GB2312 in it), else what they look like most.
//!
//! UTF-8 is recognised by being valid, since no other text of some length is by chance. Everything else is a guess that
//! must decode without a single error.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// So many bytes are looked at.
pub(crate) const SAMPLE: usize = 256 * 1024;

/// The encoding of bytes of which `sample` is the start, and how many bytes of byte order mark to skip.
pub(crate) fn detect(sample: &[u8]) -> (&'static Encoding, usize) {
    if let Some(marked) = Encoding::for_bom(sample) {
        return marked;
    }
    let sample = sample.get(..SAMPLE).unwrap_or(sample);
    if let Some(wide) = wide(sample) {
        return (wide, 0);
    }
    if is_mostly_utf8(sample) {
        return (UTF_8, 0);
    }
    if reads_as_chinese(sample) {
        return (GB18030, 0);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    (if guess == GBK { GB18030 } else { guess }, 0)
}

/// Whether the lines with more than ASCII are GB18030, but for a few, with Chinese in them that does not stand within
/// Latin words: `Müller` in Latin-1 reads as `M黮ler`.
fn reads_as_chinese(sample: &[u8]) -> bool {
    let (mut valid, mut broken) = (0_usize, 0_usize);
    let (mut chinese, mut within_words) = (0_usize, 0_usize);
    let mut lines = sample.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        if line.is_ascii() {
            continue;
        }
        // the sample may end within a character of up to four bytes
        let cuts = if lines.peek().is_none() { 4 } else { 1 };
        match (0..cuts).find_map(|less| decode(GB18030, line.get(..line.len().saturating_sub(less))?)) {
            None => broken += 1,
            Some(text) => {
                valid += 1;
                let (all, within) = han_in(&text);
                chinese += all;
                within_words += within;
            }
        }
    }
    (broken == 0 || valid > broken * 4) && chinese > 0 && within_words * 2 < chinese
}

/// How many Chinese characters a line has, and how many of them stand within Latin words.
fn han_in(line: &str) -> (usize, usize) {
    let (mut all, mut within) = (0, 0);
    let mut before = ' ';
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if is_han(c) {
            all += 1;
            let after = chars.peek().copied().unwrap_or(' ');
            within += usize::from(before.is_ascii_alphabetic() || after.is_ascii_lowercase());
        }
        before = c;
    }
    (all, within)
}

/// UTF-16 without a mark: every other byte of its ASCII part is zero.
fn wide(sample: &[u8]) -> Option<&'static Encoding> {
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let many = (sample.len() / 10).max(2);
    match (even, odd) {
        (0, odd) if odd >= many => Some(UTF_16LE),
        (even, 0) if even >= many => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether the lines with more than ASCII are valid UTF-8, but for a few (a file that was put together by hand).
fn is_mostly_utf8(sample: &[u8]) -> bool {
    let (mut valid, mut broken) = (0_usize, 0_usize);
    let mut lines = sample.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        match std::str::from_utf8(line) {
            Ok(text) if text.is_ascii() => {}
            Ok(_) => valid += 1,
            // the sample may end within a character
            Err(error) if lines.peek().is_none() && error.error_len().is_none() => {}
            Err(_) => broken += 1,
        }
    }
    broken == 0 || valid > broken * 4
}

/// The text of bytes in `encoding`, where not a single byte is wrong.
pub(crate) fn decode(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned())
}

/// The encoding a label (`charset=gbk`, `_charset_=GB2312`) names. All of the GB family are read as GB18030.
pub(crate) fn labelled(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label.trim().trim_matches('"').as_bytes())?;
    Some(if encoding == GBK { GB18030 } else { encoding })
}

/// The text of a short body: in its label's encoding, else in the one it looks like.
pub(crate) fn text(bytes: &[u8], label: Option<&str>) -> Option<String> {
    let named = label.and_then(labelled);
    if let Some(text) = named.and_then(|encoding| decode(encoding, bytes)) {
        return Some(text);
    }
    let (encoding, skip) = detect(bytes);
    if ![UTF_8, UTF_16LE, UTF_16BE, GB18030, BIG5, EUC_KR, SHIFT_JIS, WINDOWS_1252].contains(&encoding) {
        return None; // a few bytes are too little to tell Arabic from noise
    }
    decode(encoding, bytes.get(skip..).unwrap_or_default())
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gb(text: &str) -> Vec<u8> {
        let (bytes, _, wrong) = GB18030.encode(text);
        assert!(!wrong);
        bytes.into_owned()
    }

    #[test]
    fn encodings_are_told_apart() {
        let chinese = "姓名,手机,公司\n测试甲,13900000001,示例机器人有限公司\n测试乙,13900000002,示例软件\n";
        assert_eq!(detect(chinese.as_bytes()), (UTF_8, 0));
        assert_eq!(detect(&gb(chinese)), (GB18030, 0));
        assert_eq!(detect(&gb("姓名,备注\n㐀𠀀,€")), (GB18030, 0), "beyond GBK");
        assert_eq!(detect(&[b"\xef\xbb\xbf", chinese.as_bytes()].concat()), (UTF_8, 3));
        let wide = |bytes: fn(u16) -> [u8; 2]| chinese.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        assert_eq!(detect(&[b"\xff\xfe".to_vec(), wide(u16::to_le_bytes)].concat()), (UTF_16LE, 2));
        assert_eq!(detect(&[b"\xfe\xff".to_vec(), wide(u16::to_be_bytes)].concat()), (UTF_16BE, 2));
        assert_eq!(detect(&wide(u16::to_le_bytes)), (UTF_16LE, 0));
        assert_eq!(detect(b"name,phone\nAnna,+49170\n"), (UTF_8, 0));
        let latin = b"Name,Ort\nJ\xfcrgen M\xfcller,K\xf6ln\nBj\xf6rn Gr\xfcn,D\xfcsseldorf\n";
        assert_eq!(decode(detect(latin).0, latin).unwrap().lines().nth(1), Some("Jürgen Müller,Köln"));
    }

    #[test]
    fn a_cut_character_or_one_broken_line_does_not_change_the_guess() {
        let chinese = "测试甲,示例公司\n".repeat(20);
        let cut = chinese.as_bytes();
        assert_eq!(detect(&cut[..cut.len() - 3]).0, UTF_8);
        let mixed = [chinese.as_bytes(), &gb("测试乙,示例公司\n")].concat();
        assert_eq!(detect(&mixed).0, UTF_8);
        let gb_mixed = [gb(&chinese), b"\xff\xff,\x80\n".to_vec(), gb("测试丙,示例公司\n")].concat();
        assert_eq!(detect(&gb_mixed).0, GB18030);
        assert_eq!(decode(UTF_8, &mixed), None);
    }

    #[test]
    fn short_bodies_are_read_by_label_or_by_looks() {
        assert_eq!(text("张".as_bytes(), None).as_deref(), Some("张"));
        assert_eq!(text(&gb("张三"), None).as_deref(), Some("张三"));
        assert_eq!(text(&gb("示"), Some("gb2312")).as_deref(), Some("示"));
        assert_eq!(text(b"\xff\xff\xff", Some("utf-8")), None);
        assert_eq!(text(b"", None).as_deref(), Some(""));
    }
}
