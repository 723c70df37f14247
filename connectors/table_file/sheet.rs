//! Workbooks: XLSX by streaming one sheet's cells, XLS as a whole. Unpacked size is measured before anything is parsed.

use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Reader, SheetVisible, Xls, Xlsx};
use leadloop_mapping::Value;
use zip::ZipArchive;

use super::cell;
use super::options::Bounds;
use super::rows::{NO_TABLE, Row, TOO_BIG};
use super::table::Refused;
use crate::reading::MOST_FIELDS;

/// Most files within a workbook.
const MOST_FILES: usize = 10_000;
/// Most cells of a sheet that are kept at once.
const MOST_CELLS: usize = 10_000_000;

/// Rows above the data that do not count as such.
const HEAD: usize = 1_000;

/// What was read of a workbook.
#[derive(Debug)]
pub(super) struct Sheet {
    /// The sheet's name.
    pub(super) name: String,
    /// Names of all sheets.
    pub(super) names: Vec<String>,
    /// Its rows; blank ones are left out.
    pub(super) rows: Vec<Row>,
}

/// Whether these first bytes are those of a workbook: XLSX (a zip file) or XLS.
pub(super) fn is_book(start: &[u8]) -> bool {
    start.starts_with(b"PK\x03\x04") || is_old(start)
}

pub(super) fn is_old(start: &[u8]) -> bool {
    start.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

/// Reads a sheet of a workbook.
pub(super) fn read(bytes: Vec<u8>, wanted: Option<&Value>, bounds: &Bounds) -> Result<Sheet, Refused> {
    // the parsers are fed by strangers: one that trips over a damaged file must not take anything else down
    let read = catch_unwind(AssertUnwindSafe(|| {
        if is_old(&bytes) {
            if crate::reading::multipart::find(&bytes, &utf16("EncryptedPackage")).is_some() {
                return Err(protected());
            }
            if !bounds.old_books {
                return Err(Refused::new(
                    NO_TABLE,
                    "it is an old Excel file (.xls): save it as .xlsx or as CSV",
                ));
            }
            read_old(bytes, wanted, bounds)
        } else {
            measure(&bytes, bounds)?;
            read_new(bytes, wanted, bounds)
        }
    }));
    read.unwrap_or_else(|_| Err(damaged("its content contradicts itself")))
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn protected() -> Refused {
    Refused::new(NO_TABLE, "the workbook is protected by a password: save it without one")
}

fn damaged(detail: &str) -> Refused {
    let hint = "open it in Excel or WPS and save it again as .xlsx or CSV";
    Refused::new(NO_TABLE, format!("the workbook is damaged or no workbook at all ({detail}): {hint}"))
}

/// Unpacks every file of the zip into nothing and counts.
fn measure(bytes: &[u8], bounds: &Bounds) -> Result<(), Refused> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error.to_string()))?;
    if zip.len() > MOST_FILES {
        return Err(Refused::new(TOO_BIG, format!("the workbook holds more than {MOST_FILES} files")));
    }
    let mut left = bounds.unpacked_bytes;
    for at in 0..zip.len() {
        let file = zip.by_index(at).map_err(|error| damaged(&error.to_string()))?;
        let taken = io::copy(&mut file.take(left + 1), &mut io::sink())
            .map_err(|error| damaged(&error.to_string()))?;
        if taken > left {
            let most = bounds.unpacked_bytes >> 20;
            return Err(Refused::new(
                TOO_BIG,
                format!("the workbook unpacks to more than {most} MB: split it, or save the sheet as CSV"),
            ));
        }
        left -= taken;
    }
    Ok(())
}

/// The sheet that is wanted: by number, by name, else the first visible one.
fn choose(sheets: &[calamine::Sheet], wanted: Option<&Value>) -> Result<String, Refused> {
    let names = || sheets.iter().map(|sheet| sheet.name.as_str()).collect::<Vec<_>>().join(", ");
    let visible: Vec<&calamine::Sheet> =
        sheets.iter().filter(|sheet| sheet.visible == SheetVisible::Visible).collect();
    let found = match wanted {
        None => visible.first().copied().or(sheets.first()),
        Some(Value::Int(number)) => {
            usize::try_from(*number).ok().and_then(|number| visible.get(number.checked_sub(1)?)).copied()
        }
        Some(name) => sheets.iter().find(|sheet| Some(sheet.name.as_str()) == name.as_text()),
    };
    found.map(|sheet| sheet.name.clone()).ok_or_else(|| {
        let wanted = wanted.map(Value::to_display).unwrap_or_default();
        Refused::new(NO_TABLE, format!("there is no sheet {wanted}; the sheets are: {}", names()))
    })
}

fn read_new(bytes: Vec<u8>, wanted: Option<&Value>, bounds: &Bounds) -> Result<Sheet, Refused> {
    let broken = |error: calamine::XlsxError| damaged(&error.to_string());
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let sheets = book.sheets_metadata().to_vec();
    let name = choose(&sheets, wanted)?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(broken)?;
    let mut kept = Kept::new(bounds);
    while let Some(cell) = cells.next_cell().map_err(broken)? {
        kept.put(cell.get_position(), cell::of_sheet(cell.get_value()))?;
    }
    Ok(Sheet { name, names: sheets.into_iter().map(|sheet| sheet.name).collect(), rows: kept.rows })
}

fn read_old(bytes: Vec<u8>, wanted: Option<&Value>, bounds: &Bounds) -> Result<Sheet, Refused> {
    let mut book: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(|error| damaged(&error.to_string()))?;
    let sheets = book.sheets_metadata().to_vec();
    let name = choose(&sheets, wanted)?;
    let range = book.worksheet_range(&name).map_err(|error| damaged(&error.to_string()))?;
    let (top, left) = range.start().unwrap_or_default();
    let mut kept = Kept::new(bounds);
    for (row, column, cell) in range.used_cells() {
        let place = (
            top.saturating_add(u32::try_from(row).unwrap_or(u32::MAX)),
            left.saturating_add(u32::try_from(column).unwrap_or(u32::MAX)),
        );
        kept.put(place, cell::of_old_sheet(cell))?;
    }
    Ok(Sheet { name, names: sheets.into_iter().map(|sheet| sheet.name).collect(), rows: kept.rows })
}

/// Rows under way; cells come in order of rows.
struct Kept {
    rows: Vec<Row>,
    cells: usize,
    most_rows: usize,
}

impl Kept {
    fn new(bounds: &Bounds) -> Self {
        Self { rows: vec![], cells: 0, most_rows: bounds.rows as usize + HEAD }
    }

    fn put(&mut self, (row, column): (u32, u32), value: Value) -> Result<(), Refused> {
        if value.is_blank() {
            return Ok(());
        }
        let line = row.saturating_add(1);
        let column = column as usize;
        if column >= MOST_FIELDS {
            return Err(Refused::new(TOO_BIG, format!("the sheet has more than {MOST_FIELDS} columns")));
        }
        if self.rows.last().is_none_or(|last| last.line != line) {
            self.rows.push(Row { line, cells: vec![], wrong: None, may_be_short: true });
        }
        if let Some(last) = self.rows.last_mut() {
            if last.cells.len() <= column {
                self.cells += column + 1 - last.cells.len();
                last.cells.resize(column + 1, Value::Null);
            }
            if let Some(cell) = last.cells.get_mut(column) {
                *cell = value;
            }
        }
        if self.rows.len() > self.most_rows || self.cells > MOST_CELLS {
            let most = self.most_rows;
            return Err(Refused::new(
                TOO_BIG,
                format!(
                    "the sheet has more than {most} rows or {MOST_CELLS} cells: split it, or save it as CSV"
                ),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
    use std::io::Write;

    pub(crate) fn book(fill: impl FnOnce(&mut Workbook)) -> Vec<u8> {
        let mut book = Workbook::new();
        fill(&mut book);
        book.save_to_buffer().unwrap()
    }

    #[test]
    fn cells_come_as_they_are_shown() {
        let bytes = book(|book| {
            let date = Format::new().set_num_format("yyyy-mm-dd hh:mm");
            let sheet = book.add_worksheet();
            sheet.write(2, 0, "姓名").unwrap().write(2, 1, "手机").unwrap().write(2, 3, "时间").unwrap();
            sheet.write(3, 0, "测试甲").unwrap().write(3, 1, 13_900_000_001_f64).unwrap();
            let time = ExcelDateTime::from_ymd(2026, 11, 23).unwrap().and_hms(9, 30, 0).unwrap();
            sheet.write_with_format(3, 3, &time, &date).unwrap();
            sheet.write(9, 2, true).unwrap();
        });
        let sheet = read(bytes, None, &Bounds::PUSHED).unwrap();
        assert_eq!(sheet.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 4, 10]);
        assert_eq!(
            sheet.rows[1].cells,
            ["测试甲".into(), "13900000001".into(), Value::Null, "2026-11-23 09:30:00".into()]
        );
        assert_eq!(sheet.rows[2].cells[2], Value::Bool(true));
    }

    #[test]
    fn sheets_are_chosen_by_number_or_name_hidden_ones_by_name_only() {
        let bytes = book(|book| {
            for (name, hidden) in [("说明", true), ("签到", false), ("名单", false)] {
                let sheet = book.add_worksheet().set_name(name).unwrap();
                sheet.write(0, 0, name).unwrap();
                if hidden {
                    sheet.set_hidden(true);
                } else {
                    sheet.set_active(true);
                }
            }
        });
        let name = |wanted: Option<Value>| {
            read(bytes.clone(), wanted.as_ref(), &Bounds::PUSHED).map(|sheet| sheet.name)
        };
        assert_eq!(name(None).unwrap(), "签到");
        assert_eq!(name(Some(Value::Int(2))).unwrap(), "名单");
        assert_eq!(name(Some("说明".into())).unwrap(), "说明");
        let refused = name(Some("缺".into())).unwrap_err();
        assert!(refused.detail.contains("签到") && refused.code == NO_TABLE);
        assert!(name(Some(Value::Int(0))).is_err() && name(Some(Value::Int(9))).is_err());
    }

    #[test]
    fn a_small_file_that_unpacks_to_a_huge_one_is_refused() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("xl/worksheets/sheet1.xml", options).unwrap();
        for _ in 0..64 {
            zip.write_all(&vec![b' '; 1 << 20]).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        assert!(bytes.len() < 1 << 20);
        let refused = read(bytes, None, &Bounds::UPLOADED).unwrap_err();
        assert_eq!(refused.code, TOO_BIG);
    }

    #[test]
    fn damaged_and_foreign_files_are_refused_with_what_to_do() {
        let good = book(|book| {
            book.add_worksheet().write(0, 0, "x").unwrap();
        });
        for part in 1..20 {
            let cut = good[..good.len() * part / 20].to_vec();
            assert_eq!(read(cut, None, &Bounds::PUSHED).unwrap_err().code, NO_TABLE);
        }
        let mut old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
        assert!(read(old.clone(), None, &Bounds::PUSHED).unwrap_err().detail.contains(".xls"));
        old.extend([0xff; 2_000]);
        assert_eq!(read(old.clone(), None, &Bounds::IMPORTED).unwrap_err().code, NO_TABLE);
        old.extend(utf16("EncryptedPackage"));
        assert!(read(old, None, &Bounds::IMPORTED).unwrap_err().detail.contains("password"));
    }

    #[test]
    fn a_cell_far_out_costs_nothing() {
        let bytes = book(|book| {
            book.add_worksheet().write(0, 0, "x").unwrap().write(1_048_575, 0, "y").unwrap();
        });
        assert_eq!(read(bytes, None, &Bounds::PUSHED).unwrap().rows.len(), 2);
        let wide = book(|book| {
            book.add_worksheet().write(0, 5_000, "x").unwrap();
        });
        assert_eq!(read(wide, None, &Bounds::PUSHED).unwrap_err().code, TOO_BIG);
    }
}
