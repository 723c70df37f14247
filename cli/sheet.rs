//! Tables for spreadsheets: CSV or Excel, whole or not at all, readable by their writer only.
//!
//! What a stranger typed into a form must not become a formula on the screen of who opens the file. In CSV a text that
//! would be one gets an apostrophe in front; in Excel every text is written as text and marked as quoted.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use crate::failure::Failure;

/// Most rows of a sheet that Excel opens, without the line of names.
const XLSX_ROWS: u32 = 1_048_575;
/// Most characters of a cell that Excel keeps.
const XLSX_TEXT: usize = 32_767;

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text, of whatever origin.
    Text(String),
    /// A number of ours.
    Number(i64),
    /// A number with a fraction of ours.
    Real(f64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
    }
}
impl From<String> for Cell {
    fn from(text: String) -> Self {
        if text.is_empty() { Cell::Empty } else { Cell::Text(text) }
    }
}

/// A file in the making. It gets its name when it is finished.
pub struct Sheet {
    path: PathBuf,
    part: PathBuf,
    rows: u32,
    kind: Kind,
}

enum Kind {
    Csv(Box<csv::Writer<BufWriter<File>>>),
    Xlsx(Box<Workbook>, Format),
}

impl Sheet {
    /// Begins a file; its ending says which kind.
    ///
    /// # Errors
    /// Where the ending is neither, the file is there and `force` is not given, or it cannot be made.
    pub fn begin(path: &Path, force: bool, heads: &[String]) -> Result<Self, Failure> {
        refuse_to_overwrite(path, force)?;
        let part = part_of(path);
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        let kind = match ending.as_deref() {
            Some("csv") => {
                let mut out = BufWriter::new(private(&part)?);
                // Without the mark Excel takes UTF-8 for the code page of its country.
                out.write_all("\u{feff}".as_bytes()).map_err(|error| unwritable(&part, &error))?;
                let terminator = csv::Terminator::CRLF;
                Kind::Csv(Box::new(csv::WriterBuilder::new().terminator(terminator).from_writer(out)))
            }
            Some("xlsx") => {
                drop(private(&part)?);
                let mut workbook = Workbook::new();
                workbook.add_worksheet();
                Kind::Xlsx(Box::new(workbook), Format::new().set_quote_prefix())
            }
            _ => {
                return Err(Failure::input(
                    format!("`{}` is neither .csv nor .xlsx", path.display()),
                    format!("`{}` 既不是 .csv 也不是 .xlsx", path.display()),
                )
                .help("end the file's name with .csv or .xlsx", "文件名请以 .csv 或 .xlsx 结尾"));
            }
        };
        let mut sheet = Self { path: path.to_owned(), part, rows: 0, kind };
        sheet.write(&heads.iter().map(|head| Cell::from(head.as_str())).collect::<Vec<_>>())?;
        Ok(sheet)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Where the disk fails, or the sheet is full.
    pub fn row(&mut self, cells: &[Cell]) -> Result<(), Failure> {
        if matches!(self.kind, Kind::Xlsx(..)) && self.rows > XLSX_ROWS {
            return Err(Failure::input(
                format!("an Excel sheet holds {XLSX_ROWS} rows"),
                format!("Excel 工作表最多 {XLSX_ROWS} 行"),
            )
            .help("export to .csv, or narrow it down with --where", "请导出为 .csv，或用 --where 缩小范围"));
        }
        self.write(cells)
    }

    fn write(&mut self, cells: &[Cell]) -> Result<(), Failure> {
        let at = self.rows;
        self.rows = self.rows.saturating_add(1);
        match &mut self.kind {
            Kind::Csv(writer) => {
                let texts = cells.iter().map(spelled);
                writer.write_record(texts).map_err(|error| unwritable(&self.part, &error))
            }
            Kind::Xlsx(workbook, quoted) => {
                let sheet =
                    workbook.worksheet_from_index(0).map_err(|error| unwritable(&self.part, &error))?;
                for (column, cell) in cells.iter().enumerate() {
                    let column = u16::try_from(column).unwrap_or(u16::MAX);
                    put_cell(sheet, at, column, cell, quoted)
                        .map_err(|error| unwritable(&self.part, &error))?;
                }
                Ok(())
            }
        }
    }

    /// Ends the file and gives it its name; returns how many rows it has beside the line of names.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn finish(self) -> Result<u32, Failure> {
        match self.kind {
            Kind::Csv(writer) => {
                let out = writer.into_inner().map_err(|error| unwritable(&self.part, error.error()))?;
                let file = out.into_inner().map_err(|error| unwritable(&self.part, error.error()))?;
                file.sync_all().map_err(|error| unwritable(&self.part, &error))?;
            }
            Kind::Xlsx(mut workbook, _) => {
                let file = OpenOptions::new().write(true).truncate(true).open(&self.part);
                let file = file.map_err(|error| unwritable(&self.part, &error))?;
                workbook.save_to_writer(&file).map_err(|error| unwritable(&self.part, &error))?;
                file.sync_all().map_err(|error| unwritable(&self.part, &error))?;
            }
        }
        std::fs::rename(&self.part, &self.path).map_err(|error| unwritable(&self.path, &error))?;
        Ok(self.rows.saturating_sub(1))
    }

    /// Leaves nothing behind.
    pub fn give_up(self) {
        drop(self.kind);
        let _ = std::fs::remove_file(&self.part); // what cannot be taken away was perhaps never made
    }
}

/// A table as the bytes of a CSV file, with the same care.
///
/// # Errors
/// Where a row is not as long as the line of names.
pub fn csv_of(heads: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    let failed = |error: &dyn std::fmt::Display| Failure::outside(error.to_string(), error.to_string());
    writer.write_record(heads).map_err(|error| failed(&error))?;
    for row in rows {
        writer.write_record(row.iter().map(spelled)).map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(error.error()))
}

/// Writes a file, whole or not at all, that only its writer may read.
///
/// # Errors
/// Where it is there and `force` is not given, or the disk fails.
pub fn put(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    refuse_to_overwrite(path, force)?;
    let part = part_of(path);
    let written = private(&part).and_then(|mut file| {
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| unwritable(path, &error))?;
        std::fs::rename(&part, path).map_err(|error| unwritable(path, &error))
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&part); // what cannot be taken away was perhaps never made
    }
    written
}

fn refuse_to_overwrite(path: &Path, force: bool) -> Result<(), Failure> {
    if path.exists() && !force {
        return Err(Failure::input(
            format!("`{}` is there already", path.display()),
            format!("`{}` 已存在", path.display()),
        )
        .help("name another file, or add --force", "请换一个文件名，或加 --force"));
    }
    Ok(())
}

fn put_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    quoted: &Format,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => {}
        #[expect(clippy::cast_precision_loss, reason = "Excel knows no other numbers")]
        Cell::Number(number) => drop(sheet.write_number(row, column, *number as f64)?),
        Cell::Real(number) => drop(sheet.write_number(row, column, *number)?),
        Cell::Text(text) => {
            let text: String = plain(text).chars().take(XLSX_TEXT).collect();
            if is_formula(&text) {
                sheet.write_string_with_format(row, column, text, quoted)?;
            } else {
                sheet.write_string(row, column, text)?;
            }
        }
    }
    Ok(())
}

fn spelled(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Number(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Text(text) => {
            let text = plain(text);
            if is_formula(&text) { format!("'{text}") } else { text }
        }
    }
}

/// Whether a spreadsheet may take a text for a formula: by its first character, in full width too.
fn is_formula(text: &str) -> bool {
    let starts = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    text.trim_start_matches(' ').starts_with(starts) || text.starts_with(starts)
}

/// A text without control characters but for line ends and tabs.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t' | '\r') { ' ' } else { c }).collect()
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// A new file that only its writer may read.
fn private(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::outside(
        format!("`{}` cannot be written: {error}", path.display()),
        format!("无法写入 `{}`：{error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: [&str; 9] = [
        "=HYPERLINK(\"http://evil.example\")",
        "+8613800001104",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "＝1+1",
        "\n=1",
    ];

    fn file(name: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        (folder, path)
    }

    #[test]
    fn no_text_becomes_a_formula_in_csv() {
        let (_folder, path) = file("a.csv");
        let mut sheet = Sheet::begin(&path, false, &["name".into(), "points".into()]).unwrap();
        for text in EVIL {
            sheet.row(&[Cell::from(text), Cell::Number(-5)]).unwrap();
        }
        sheet.row(&[Cell::from("测试甲, \"乙\""), Cell::Empty]).unwrap();
        assert!(!path.exists(), "it has no name before it is whole");
        assert_eq!(sheet.finish().unwrap(), 10);
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with("\u{feff}".as_bytes()));
        let mut reader = csv::Reader::from_reader(&bytes[3..]);
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        for (row, text) in rows.iter().zip(EVIL) {
            assert_eq!((&row[0], &row[1]), (format!("'{text}").as_str(), "-5"));
        }
        assert_eq!(&rows[9][0], "测试甲, \"乙\"");
    }

    #[test]
    fn no_text_becomes_a_formula_in_excel() {
        use calamine::{Data, Reader, Xlsx, open_workbook};
        let (_folder, path) = file("a.xlsx");
        let mut sheet = Sheet::begin(&path, false, &["name".into()]).unwrap();
        for text in EVIL {
            sheet.row(&[Cell::from(text)]).unwrap();
        }
        assert_eq!(sheet.finish().unwrap(), 9);
        let mut book: Xlsx<_> = open_workbook(&path).unwrap();
        let name = book.sheet_names()[0].clone();
        assert!(book.worksheet_formula(&name).unwrap().used_cells().next().is_none());
        let range = book.worksheet_range(&name).unwrap();
        for (row, text) in range.rows().skip(1).zip(EVIL) {
            assert!(matches!(&row[0], Data::String(cell) if cell.trim() == text.trim()), "{row:?} {text}");
        }
    }

    #[test]
    fn a_file_is_not_written_over_and_nothing_is_left_behind() {
        let (folder, path) = file("a.csv");
        std::fs::write(&path, "mine").unwrap();
        assert!(Sheet::begin(&path, false, &[]).is_err());
        assert!(Sheet::begin(&folder.path().join("a.pdf"), false, &[]).is_err());
        Sheet::begin(&path, true, &[]).unwrap().give_up();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_writer_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = file("a.csv");
        Sheet::begin(&path, false, &[]).unwrap().finish().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
