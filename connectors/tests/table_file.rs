//! Tables as nobody should write them, and tables written by others: nothing panics, nothing is lost silently.

use std::io::{Cursor, Read};

use leadloop_connectors::table_file::{Bounds, Header, Options, open};
use leadloop_mapping::Value;
use proptest::prelude::*;
use rust_xlsxwriter::Workbook;

fn options() -> Options {
    Options {
        sheet: None,
        header: Header::Found,
        delimiter: None,
        encoding: None,
        event_id: None,
        at: None,
        kind: None,
        zone: jiff::tz::TimeZone::UTC,
        bounds: Bounds::IMPORTED,
    }
}

/// Gives its bytes in pieces of odd sizes, as a network or a pipe does.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 * 7 % 97 + 1;
        let most = out.len().min(self.1 * 13);
        self.0.read(&mut out[..most])
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A cell as a reader shows it.
fn shown(text: &str) -> Option<Value> {
    let text = text.trim();
    (!text.is_empty()).then(|| Value::from(text))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read_in_every_encoding(
        rows in prop::collection::vec(prop::collection::vec("[a-zA-Z线索测试，。 ,;\"\n\t|0-9-]{0,12}", 3), 1..40),
        encoding in 0..4,
    ) {
        let mut text = "姓名,手机,备注\r\n".to_owned();
        for row in &rows {
            text.push_str(&row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(","));
            text.push_str("\r\n");
        }
        let bytes = match encoding {
            0 => text.into_bytes(),
            1 => encoding_rs::GB18030.encode(&text).0.into_owned(),
            2 => [b"\xef\xbb\xbf".to_vec(), text.into_bytes()].concat(),
            _ => [b"\xff\xfe".to_vec(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(),
        };
        let read = open(Pieces(Cursor::new(bytes), 1), Options { delimiter: Some(b','), ..options() }).unwrap();
        let read: Vec<_> = read.map(Result::unwrap).collect();
        let written = rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect::<Vec<_>>());
        let written: Vec<_> = written.filter(|row| row.iter().any(Option::is_some)).collect();
        prop_assert_eq!(read.len(), written.len());
        for (lead, row) in read.iter().zip(&written) {
            let found: Vec<_> = ["姓名", "手机", "备注"].iter().map(|name| lead.fields.get(name).cloned()).collect();
            prop_assert_eq!(&found, row);
        }
        prop_assert!(read.windows(2).all(|pair| pair[0].position < pair[1].position));
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..2_000), head in 0_usize..4) {
        let start: &[u8] = [&b""[..], b"name,phone\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"][head];
        if let Ok(table) = open(Cursor::new([start, &bytes].concat()), options()) {
            let columns = table.columns().len();
            for row in table {
                let fields = row.map_or_else(|record| record.raw.fields, |lead| lead.fields);
                prop_assert!(fields.0.len() <= columns.max(200));
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_harm(text in "(姓名,手机\n)?[a-z线\",;\n\r\t=']{0,400}") {
        let lines = text.matches(['\r', '\n']).count() + 1;
        if let Ok(table) = open(Cursor::new(text.into_bytes()), options()) {
            prop_assert!(table.count() <= lines + 1);
        }
    }

    #[test]
    fn a_workbook_is_read_as_it_was_written(rows in prop::collection::vec(("[线a-z]{1,8}", 13_000_000_000_u64..19_999_999_999), 1..30)) {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        sheet.write(0, 0, "姓名").unwrap().write(0, 1, "手机").unwrap();
        for (at, (name, phone)) in rows.iter().enumerate() {
            let row = u32::try_from(at).unwrap() * 2 + 1; // every other row is blank
            sheet.write(row, 0, name.as_str()).unwrap().write(row, 1, *phone as f64).unwrap();
        }
        let read: Vec<_> = open(Cursor::new(book.save_to_buffer().unwrap()), options()).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), rows.len());
        for (at, (lead, (name, phone))) in read.iter().zip(&rows).enumerate() {
            prop_assert_eq!(lead.position as usize, at * 2 + 1);
            prop_assert_eq!(lead.fields.text("姓名"), Some(name.as_str()));
            prop_assert_eq!(lead.fields.text("手机").map(str::to_owned), Some(phone.to_string()));
        }
    }
}

#[test]
fn a_broken_workbook_never_takes_anything_down() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for row in 0..50 {
        sheet.write(row, 0, "姓名").unwrap().write(row, 1, f64::from(row)).unwrap();
    }
    let good = book.save_to_buffer().unwrap();
    let mut seed = 7_u64;
    for round in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..=round % 8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(seed >> 33).unwrap() % bytes.len();
            bytes[at] = seed.to_le_bytes()[3];
        }
        if round % 3 == 0 {
            bytes.truncate(usize::try_from(seed >> 40).unwrap() % good.len());
        }
        if let Ok(table) = open(Cursor::new(bytes), options()) {
            assert!(table.count() <= 60);
        }
    }
}

#[test]
fn a_preview_says_what_the_file_is() {
    let (gb, _, _) = encoding_rs::GB18030
        .encode("展会签到,,\n姓名,手机,酒店\n测试甲,13900000001,A\n测试乙\n测试丙,13900000003,B\n");
    let mut table = open(Cursor::new(gb.into_owned()), options()).unwrap();
    let preview = table.preview(2);
    assert_eq!((preview.form, preview.encoding, preview.delimiter), ("CSV", Some("gb18030"), Some(',')));
    assert_eq!(preview.header_line, 2);
    let columns: Vec<_> =
        preview.columns.iter().map(|column| (column.name.as_str(), column.pool_field)).collect();
    assert_eq!(columns, [("姓名", Some("name")), ("手机", Some("phone")), ("酒店", None)]);
    assert!(preview.rows[0].is_ok() && preview.rows[1].is_err());
    assert_eq!(table.count(), 1, "the rest is still there");

    let mut book = Workbook::new();
    book.add_worksheet().set_name("名单").unwrap().write(0, 0, "Name").unwrap().write(1, 0, "x").unwrap();
    let preview = open(Cursor::new(book.save_to_buffer().unwrap()), options()).unwrap().preview(5);
    assert_eq!((preview.form, preview.sheet), ("XLSX", Some(("名单".into(), vec!["名单".into()]))));
}

#[test]
fn settings_decide_where_they_are_set() {
    let text = "x;y\n测试甲;1\n测试乙;2\n";
    let read = |header| {
        let table = open(Cursor::new(text), Options { header, ..options() }).unwrap();
        table.map(|row| row.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(read(Header::None)[0].fields.text("column_1"), Some("x"));
    assert_eq!(read(Header::None)[0].position, 1);
    let second = read(Header::Line(2));
    assert_eq!((second.len(), second[0].position, second[0].fields.text("测试甲")), (1, 1, Some("测试乙")));
    for wrong in [
        Options { header: Header::Line(9), ..options() },
        Options { event_id: Some("id".into()), ..options() },
    ] {
        assert_eq!(open(Cursor::new(text), wrong).err().unwrap().code, "LL3109");
    }
    let bounds = Bounds { rows: 1, ..Bounds::IMPORTED };
    let cut: Vec<_> = open(Cursor::new(text), Options { bounds, ..options() }).unwrap().collect();
    assert_eq!(cut.len(), 2);
    assert_eq!(cut[1].as_ref().unwrap_err().code, "LL4107");
    let dated = Options {
        at: Some("当天".into()),
        kind: Some("类型".into()),
        event_id: Some("编 号".into()),
        ..options()
    };
    let lead = open(Cursor::new("姓名,当天,类型,编号\n测试甲,2026/11/23 08:30,visit,7\n"), dated)
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(lead.at.unwrap().to_string(), "2026-11-23T08:30:00Z");
    assert_eq!((lead.touch.as_deref(), lead.event_id.as_deref()), (Some("visit"), Some("7")));
}

#[test]
fn an_import_of_many_rows_is_quick_and_small() {
    let mut text = "姓名,手机,公司\n".to_owned();
    for row in 0..200_000 {
        text.push_str(&format!("测试,{},示例机器人有限公司\n", 13_900_000_000_u64 + row));
    }
    let table = open(Pieces(Cursor::new(text.into_bytes()), 1), options()).unwrap();
    assert_eq!(table.filter(Result::is_ok).count(), 200_000);
}
