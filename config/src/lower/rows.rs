//! Tables in CSV files (people, regions, campaigns): rows whose cells know their place in the file.

use std::collections::BTreeMap;

use super::Context;
use super::files::Form;
use crate::problem::{Problem, Span, Words};
use crate::text::At;

/// Most rows of a table.
const MOST_ROWS: usize = 200_000;
/// Most problems said of one table: a wrong file would bury everything else.
const MOST_SAID: usize = 20;

/// One row: its cells by column name, blank ones left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line as a whole.
    pub span: Span,
    cells: BTreeMap<String, At<String>>,
}

impl Row {
    /// The text of a cell.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(|at| at.value.as_str())
    }

    /// The place of a cell; of the row where the cell is blank.
    #[must_use]
    pub fn at(&self, column: &str) -> &Span {
        self.cells.get(column).map_or(&self.span, |at| &at.span)
    }

    /// The text of a cell with its place.
    #[must_use]
    pub fn cell(&self, column: &str) -> Option<At<&str>> {
        self.cells.get(column).map(|at| At { value: at.value.as_str(), span: at.span.clone() })
    }
}

impl Context<'_> {
    /// The rows of a CSV table; the columns in `needed` must be there, and each row must have them.
    pub fn rows(&mut self, at: &At<&str>, needed: &[&str]) -> Vec<Row> {
        let Some(file) = self.file(at.value, Some(&at.span), Form::Table) else { return vec![] };
        let text = self.text(file).to_owned();
        let read = read(file, &text, needed);
        let (rows, problems) = match read {
            Ok(found) => found,
            Err(problem) => {
                self.problems.push(problem.also(&at.span, "the table is named here", "此表在这里引用"));
                return vec![];
            }
        };
        let more = problems.len().saturating_sub(MOST_SAID);
        self.problems.extend(problems.into_iter().take(MOST_SAID));
        if more > 0 {
            self.problems.push(bad_row(
                &at.span,
                format!("{more} more lines of `{}` are wrong", at.value),
                format!("`{}` 另有 {more} 行有误", at.value),
            ));
        }
        rows
    }
}

/// What is wrong with a row or a cell of a table.
#[must_use]
pub fn bad_row(span: &Span, en: impl Into<String>, zh: impl Into<String>) -> Problem {
    Problem::error("LL2016", span, Words::new(en, zh), Words::new("in this table", "此表中"))
        .help("mend it in the table", "请在表中修正")
}

type Read = (Vec<Row>, Vec<Problem>);

fn read(file: usize, text: &str, needed: &[&str]) -> Result<Read, Box<Problem>> {
    let delimiter = delimiter(text);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let first = line_at(file, text, 0);
    let columns: Vec<String> = match reader.headers() {
        Ok(headers) => headers.iter().map(str::to_lowercase).collect(),
        Err(error) => return Err(Box::new(bad_row(&first, error.to_string(), error.to_string()))),
    };
    let missing: Vec<String> = needed
        .iter()
        .filter(|name| !columns.iter().any(|column| column == *name))
        .map(|name| format!("`{name}`"))
        .collect();
    if !missing.is_empty() {
        let list = missing.join(", ");
        let problem = bad_row(
            &first,
            format!("the first line must name the columns; missing: {list}"),
            format!("首行须为列名；缺少：{list}"),
        );
        let named = needed.join(",");
        return Err(Box::new(problem.help(format!("write them there: {named}"), format!("请写上：{named}"))));
    }
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let byte = error.position().map_or(0, csv::Position::byte);
                problems.push(bad_row(&line_at(file, text, byte), error.to_string(), error.to_string()));
                continue;
            }
        };
        let span = line_at(file, text, record.position().map_or(0, csv::Position::byte));
        if rows.len() >= MOST_ROWS {
            let (en, zh) = (format!("more than {MOST_ROWS} rows"), format!("超过 {MOST_ROWS} 行"));
            problems.push(bad_row(&span, en, zh));
            break;
        }
        if record.len() > columns.len() {
            let (en, zh) = ("this line has more cells than there are columns", "此行的单元格多于列数");
            problems.push(bad_row(&span, en, zh));
            continue;
        }
        let places = places(file, text, &span, char::from(delimiter));
        let cells = columns.iter().zip(record.iter()).enumerate().filter(|(_, (_, cell))| !cell.is_empty());
        let cells = cells
            .map(|(at, (column, cell))| {
                let span = places.get(at).unwrap_or(&span).clone();
                (column.clone(), At { value: cell.to_owned(), span })
            })
            .collect();
        let row = Row { span, cells };
        if let Some(blank) = needed.iter().find(|name| row.get(name).is_none()) {
            let (en, zh) = (format!("this line has no `{blank}`"), format!("此行没有 `{blank}`"));
            problems.push(bad_row(&row.span, en, zh));
            continue;
        }
        rows.push(row);
    }
    Ok((rows, problems))
}

/// What separates the cells: whatever of comma, semicolon and tab stands most often in the first line.
pub(crate) fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.starts_with('#')).unwrap_or("");
    let count = |byte: u8| first.bytes().filter(|b| *b == byte).count();
    [b'\t', b';', b','].into_iter().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

/// The line that holds a byte, line breaks and remarks before it skipped.
pub(super) fn line_at(file: usize, text: &str, byte: u64) -> Span {
    let mut start = usize::try_from(byte).unwrap_or(0).min(text.len());
    loop {
        let rest = text.get(start..).unwrap_or_default();
        let trimmed = rest.trim_start_matches(['\r', '\n']);
        start += rest.len() - trimmed.len();
        let line = trimmed.lines().next().unwrap_or_default();
        if !line.starts_with('#') {
            return Span { file, range: start..start + line.len() };
        }
        start += line.len();
    }
}

/// The places of a line's cells; none where quotes make them hard to tell apart.
fn places(file: usize, text: &str, line: &Span, delimiter: char) -> Vec<Span> {
    let written = text.get(line.range.clone()).unwrap_or_default();
    if written.contains('"') {
        return vec![];
    }
    let mut start = line.range.start;
    written
        .split(delimiter)
        .map(|cell| {
            let inner = start + (cell.len() - cell.trim_start().len());
            let span = Span { file, range: inner..inner + cell.trim().len() };
            start += cell.len() + delimiter.len_utf8();
            span
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "ranges of cells lie on character boundaries")]
mod tests {
    use super::*;

    #[test]
    fn cells_know_their_place() {
        let text = "# made by hand\nkey,name\n\nli.na , 李娜\r\n\"wang\",王\n";
        let (rows, problems) = read(3, text, &["key"]).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get("name"), Some("李娜"));
        assert_eq!(&text[rows[0].at("name").range.clone()], "李娜");
        assert_eq!(&text[rows[0].span.range.clone()], "li.na , 李娜");
        assert_eq!(&text[rows[1].at("key").range.clone()], "\"wang\",王");
        assert_eq!(rows[1].span.file, 3);
    }

    #[test]
    fn other_separators_and_missing_columns() {
        assert_eq!(read(0, "key;name\na;b\n", &["key"]).unwrap().0[0].get("name"), Some("b"));
        let problem = read(0, "key;name\na;b\n", &["team"]).unwrap_err();
        assert_eq!((problem.code, problem.span.range), ("LL2016", 0..8));
        let (rows, problems) = read(0, "key,team\n,x\na,b,c\n", &["key"]).unwrap();
        assert_eq!((rows.len(), problems.len()), (0, 2));
    }
}
