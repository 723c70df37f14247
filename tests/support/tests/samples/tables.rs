//! `fair-2026.csv` (GB18030, as a Chinese spreadsheet saves it) and `webinar.xlsx`.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook};

use crate::cast::Cast;
use crate::dice::Dice;
use crate::record::Record;
use crate::truth::Truth;

/// Stands for a cell whose bytes are no text in any encoding: the file was cut and repaired by hand.
const BROKEN: &str = "@@@@";

pub(crate) fn fair(cast: &Cast, truth: &mut Truth) -> Vec<u8> {
    let mut dice = Dice::new(2);
    let mut rows: Vec<[String; 11]> = Vec::new();
    let people = cast.through("fair-2026", &mut dice);
    for person in &people {
        let record = Record::of(person, cast, &mut dice);
        rows.push(fair_row(&record, ["A12", "A13", "B07"][dice.below(3)]));
    }
    let source = truth.of("fair-2026");
    // The list was pasted together from two tablets: some rows stand in it twice.
    for _ in 0..5 {
        let row = rows[dice.below(people.len())].clone();
        rows.push(row);
        source.duplicates += 1;
    }
    for _ in 0..6 {
        let (record, reason) = Record::nobody(cast, &mut dice);
        *source.quarantined.entry(reason).or_default() += 1;
        rows.insert(dice.below(rows.len()), fair_row(&record, "A12"));
    }
    let (mut record, _) = Record::nobody(cast, &mut dice);
    (record.phone, record.email) = (BROKEN.to_owned(), String::new());
    source.quarantined.insert("wrong_encoding", 1);
    rows.insert(rows.len() / 2, fair_row(&record, "B07"));
    source.records = rows.len();
    source.sent = rows.len();

    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer
        .write_record([
            "姓名",
            "手机号码",
            "电子邮箱",
            "公司名称",
            "职务",
            "所在省份",
            "行业",
            "公司规模",
            "需求描述",
            "是否同意联系",
            "展位",
        ])
        .unwrap();
    for row in &rows {
        writer.write_record(row).unwrap();
    }
    let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    let (bytes, _, lossy) = encoding_rs::GB18030.encode(&text);
    assert!(!lossy);
    break_cell(&bytes)
}

fn fair_row(record: &Record, booth: &str) -> [String; 11] {
    let consent = match record.consent.as_str() {
        "given" => "同意",
        "refused" => "不同意",
        other => other,
    };
    [
        record.name.clone(),
        record.phone.clone(),
        record.email.clone(),
        record.company.clone(),
        record.title.clone(),
        record.province.clone(),
        record.industry.clone(),
        record.employees.clone(),
        record.requirement.clone(),
        consent.to_owned(),
        booth.to_owned(),
    ]
}

fn break_cell(bytes: &[u8]) -> Vec<u8> {
    let at = bytes.windows(BROKEN.len()).position(|window| window == BROKEN.as_bytes()).unwrap();
    let mut broken = bytes.to_vec();
    broken[at..at + BROKEN.len()].copy_from_slice(&[0xFF, 0x81, 0xFF, 0xFF]);
    broken
}

pub(crate) fn webinar(cast: &Cast, truth: &mut Truth) -> Vec<u8> {
    let mut dice = Dice::new(3);
    let mut rows: Vec<(Record, usize)> = Vec::new();
    for person in cast.through("webinar", &mut dice) {
        rows.push((Record::of(person, cast, &mut dice), 3 + dice.below(87)));
    }
    let source = truth.of("webinar");
    for _ in 0..3 {
        let row = rows[dice.below(rows.len())].clone();
        rows.push(row);
        source.duplicates += 1;
    }
    for _ in 0..5 {
        let (record, reason) = Record::nobody(cast, &mut dice);
        *source.quarantined.entry(reason).or_default() += 1;
        rows.insert(dice.below(rows.len()), (record, 1));
    }
    source.records = rows.len();
    source.sent = rows.len();

    let mut book = Workbook::new();
    let born = ExcelDateTime::from_ymd(2026, 11, 1).unwrap();
    book.set_properties(&DocProperties::new().set_title("Webinar attendees").set_creation_datetime(&born));
    let sheet = book.add_worksheet();
    sheet.set_name("Attendees 参会名单").unwrap();
    let bold = Format::new().set_bold();
    let header = [
        "Full Name",
        "Mobile Phone",
        "Work Email",
        "Company",
        "Job Title",
        "省份 Province",
        "Employees",
        "Question 提问",
        "Consent",
        "Minutes watched",
    ];
    for (column, name) in (0u16..).zip(header) {
        sheet.write_with_format(0, column, name, &bold).unwrap();
    }
    for (row, (record, minutes)) in (1u32..).zip(&rows) {
        sheet.write(row, 0, record.name.as_str()).unwrap();
        // A spreadsheet makes a number of what looks like one.
        match record.phone.parse::<f64>() {
            Ok(number) if record.phone.len() == 11 && !record.phone.starts_with('0') => {
                sheet.write(row, 1, number).unwrap()
            }
            _ => sheet.write(row, 1, record.phone.as_str()).unwrap(),
        };
        let texts = [&record.email, &record.company, &record.title, &record.province];
        for (column, text) in (2u16..).zip(texts) {
            sheet.write(row, column, text.as_str()).unwrap();
        }
        if let Ok(employees) = record.employees.parse::<u32>() {
            sheet.write(row, 6, employees).unwrap();
        }
        sheet.write(row, 7, record.requirement.as_str()).unwrap();
        sheet.write(row, 8, record.consent.as_str()).unwrap();
        sheet.write(row, 9, u32::try_from(*minutes).unwrap()).unwrap();
    }
    let notes = book.add_worksheet();
    notes.set_name("说明").unwrap();
    notes.write(0, 0, "第一个工作表是参会名单；本页只有说明。The first sheet holds the attendees.").unwrap();
    book.save_to_buffer().unwrap()
}
