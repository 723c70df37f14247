//! Which row holds the column names, and what they are.

use std::collections::BTreeSet;

use leadloop_mapping::Value;
use leadloop_sync_core::aliases;

use super::rows::Row;

/// Rows that are looked at for column names; titles and notes stand above them in many lists.
pub(super) const LOOKED_AT: usize = 20;

/// The place of the row with the column names: the one with the most well-known names, else the first that looks like
/// names at all.
pub(super) fn find(rows: &[Row]) -> Option<usize> {
    let known = |row: &Row| {
        let names: BTreeSet<&str> =
            row.cells.iter().filter_map(Value::as_text).filter_map(aliases::pool_field).collect();
        names.len()
    };
    let looked = || {
        rows.iter().take(LOOKED_AT).enumerate().filter(|(_, row)| !row.is_blank() && looks_like_names(row))
    };
    // of equals the first
    let best = looked()
        .map(|(at, row)| (known(row), at))
        .filter(|(known, _)| *known > 0)
        .max_by_key(|(known, at)| (*known, usize::MAX - at));
    if let Some((_, at)) = best {
        return Some(at);
    }
    let width = |row: &Row| row.cells.iter().filter(|cell| !cell.is_blank()).count();
    let widest = rows.iter().take(LOOKED_AT).map(width).max()?;
    looked().find(|(_, row)| width(row) * 2 > widest).map(|(at, _)| at)
}

/// Names are short texts that are no numbers, phones or addresses, and differ from each other.
fn looks_like_names(row: &Row) -> bool {
    let mut seen = BTreeSet::new();
    row.wrong.is_none()
        && row.cells.iter().filter(|cell| !cell.is_blank()).all(|cell| {
            let Value::Text(text) = cell else {
                return false;
            };
            let digits = text.chars().filter(char::is_ascii_digit).count();
            text.chars().count() <= 60
                && !text.contains('@')
                && digits < 6
                && text.parse::<f64>().is_err()
                && seen.insert(text)
        })
}

/// Column names: trimmed, blank ones named by their place, doubled ones told apart.
pub(super) fn names(row: &Row) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let used = row.cells.iter().rposition(|cell| !cell.is_blank()).map_or(0, |last| last + 1);
    row.cells
        .iter()
        .take(used)
        .enumerate()
        .map(|(at, cell)| {
            let text = cell.to_display();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = crate::reading::cut(text.trim_matches('\u{feff}'), crate::reading::LONGEST_NAME - 10);
            let base = if text.is_empty() { format!("column_{}", at + 1) } else { text.to_owned() };
            let mut name = base.clone();
            let mut copy = 2;
            while !taken.insert(name.clone()) {
                name = format!("{base}_{copy}");
                copy += 1;
            }
            name
        })
        .collect()
}

/// Names of columns that have none.
pub(super) fn numbered(width: usize) -> Vec<String> {
    (1..=width).map(|number| format!("column_{number}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Row {
        Row {
            line: 1,
            cells: cells.iter().map(|cell| Value::from(*cell)).collect(),
            wrong: None,
            may_be_short: false,
        }
    }

    #[test]
    fn the_header_is_found_below_titles_and_above_data() {
        let title = row(&["2026 秋季展会签到表", "", ""]);
        let note = row(&["说明", "请勿修改", ""]);
        let names = row(&["姓名", "手机号", "备用列"]);
        let data = row(&["测试甲", "13900000001", "x"]);
        assert_eq!(find(&[title.clone(), note, names.clone(), data.clone()]), Some(2));
        assert_eq!(find(&[names, data.clone()]), Some(0));
        assert_eq!(find(&[row(&["colour", "size", "shape"]), row(&["red", "1", "round"])]), Some(0));
        assert_eq!(find(&[title, row(&["colour", "size", "shape"]), row(&["red", "1", "round"])]), Some(1));
        assert_eq!(find(&[data, row(&["测试乙", "13900000002", "y"])]), None);
        assert_eq!(find(&[]), None);
    }

    #[test]
    fn names_are_made_unique() {
        assert_eq!(
            names(&row(&[" 姓 名\n", "", "Tel", "Tel", "Tel_2", ""])),
            ["姓 名", "column_2", "Tel", "Tel_2", "Tel_2_2"]
        );
    }
}
