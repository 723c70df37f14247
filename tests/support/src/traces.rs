//! Looking for what must not be there: a phone number, an address, in all the forms they could stand in.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::Database;

/// The forms of a text: as it is, percent-encoded, hexadecimal, escaped as in JSON, and in base64 wherever it begins.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |upper: bool| -> String {
        text.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
    };
    let percent: String = text
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let escaped: String = text
        .encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        })
        .collect();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut forms = vec![
        ("plain", text.as_bytes().to_vec()),
        ("percent", percent.clone().into_bytes()),
        ("percent, small", percent.to_lowercase().into_bytes()),
        ("hex", hex(false).into_bytes()),
        ("HEX", hex(true).into_bytes()),
        ("escaped", escaped.into_bytes()),
        ("UTF-16", utf16),
    ];
    for shift in 0..3 {
        let shifted = [vec![0; shift], text.as_bytes().to_vec()].concat();
        let coded = STANDARD_NO_PAD.encode(&shifted);
        // What the neighbours have a part in is left out.
        let from = [0, 2, 3][shift];
        let to = coded.len() - [0, 2, 1][shifted.len() % 3].min(coded.len());
        let inner = coded.get(from..to).unwrap_or_default();
        forms.push(("base64", inner.as_bytes().to_vec()));
        forms.push(("base64url", inner.replace('+', "-").replace('/', "_").into_bytes()));
    }
    forms
}

/// Which of these texts stand in `bytes`, and in which form.
#[must_use]
pub fn traces(bytes: &[u8], texts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for text in texts {
        for (form, sought) in forms(text) {
            if bytes.windows(sought.len()).any(|part| part == sought) {
                found.push(format!("{text} ({form})"));
            }
        }
    }
    found
}

/// The bytes of a database file with its log and whatever lies beside it under its name.
///
/// # Panics
/// Where the folder cannot be read.
#[must_use]
pub fn file_bytes(file: &Path) -> Vec<u8> {
    let name = file.file_name().expect("a file").to_string_lossy().into_owned();
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(file.parent().expect("a folder")).expect("it can be read") {
        let entry = entry.expect("it can be read");
        if entry.file_name().to_string_lossy().starts_with(&name) {
            bytes.extend(std::fs::read(entry.path()).expect("it can be read"));
        }
    }
    bytes
}

impl Database {
    /// Every column of every row, table by table, as text.
    ///
    /// # Panics
    /// Where the database does not answer.
    #[must_use]
    pub fn dump(&self) -> BTreeMap<String, String> {
        let tables = self.psql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
        let rows = |table: &str| self.psql(&format!("SELECT t::text FROM \"{table}\" t"));
        tables
            .lines()
            .filter(|table| !table.is_empty())
            .map(|table| (table.to_owned(), rows(table)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_wherever_it_begins() {
        let text = "li.na+1@kehu.example";
        for before in ["", "a", "ab", "abc"] {
            let coded = STANDARD_NO_PAD.encode(format!("{before}{text}--"));
            assert!(!traces(coded.as_bytes(), &[text]).is_empty(), "{before}");
        }
        assert_eq!(traces(b"a=li.na%2B1%40kehu.example", &[text]), [format!("{text} (percent)")]);
        assert!(traces(b"nothing of it", &[text]).is_empty());
    }
}
