//! Text tables, streamed: rows are split at the level of bytes, since in every encoding read here the bytes of separator,
//! quote and line break mean only that; each cell is then decoded strictly.
//!
//! A quote that is never closed would swallow the rest of a file. So a quoted cell over several lines is believed only
//! where the row then has as many cells as the header; else its first line alone is set aside and reading goes on behind it.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use leadloop_mapping::Value;

use super::rows::{BAD_BYTES, OPEN_QUOTE, REST_UNREAD, Row};
use crate::reading::encoding;

/// Most bytes of one row.
const LONGEST_ROW: usize = 1 << 20;
const CHUNK: usize = 64 * 1024;
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// A stream of rows.
pub(super) struct Csv<'a> {
    input: Box<dyn Read + Send + 'a>,
    /// Bytes read and not yet used start at `from`.
    buffer: Vec<u8>,
    from: usize,
    ended: bool,
    /// Why the stream ended before its end.
    cut: Option<String>,
    left: u64,
    line: u32,
    pub(super) delimiter: u8,
    /// What the bytes of cells are in: UTF-16 was turned to UTF-8 before.
    encoding: &'static Encoding,
    file_encoding: &'static Encoding,
    /// How many cells a row has; known once the header is.
    pub(super) width: Option<usize>,
}

impl<'a> Csv<'a> {
    /// Rows of `input`, of which `start` was read already.
    pub(super) fn new(
        start: Vec<u8>,
        input: Box<dyn Read + Send + 'a>,
        delimiter: Option<u8>,
        set: Option<&'static Encoding>,
        most: u64,
    ) -> Self {
        let (found, skip) = encoding::detect(&start);
        let encoding = set.unwrap_or(found);
        let skip = if encoding == found { skip } else { 0 };
        let start = start.get(skip..).unwrap_or_default().to_vec();
        let mut left = most.saturating_sub(start.len() as u64);
        let (buffer, input, inner): (_, Box<dyn Read + Send + 'a>, _) =
            if encoding == UTF_16LE || encoding == UTF_16BE {
                left = left.saturating_add(start.len() as u64).saturating_mul(2);
                let wide = Wide {
                    input: Box::new(io::Cursor::new(start).chain(input)),
                    decoder: encoding.new_decoder_without_bom_handling(),
                    ended: false,
                };
                (Vec::new(), Box::new(wide), UTF_8)
            } else {
                (start, input, encoding)
            };
        let mut csv = Self {
            input,
            buffer,
            from: 0,
            ended: false,
            cut: None,
            left,
            line: 1,
            delimiter: delimiter.unwrap_or(b','),
            encoding: inner,
            file_encoding: encoding,
            width: None,
        };
        csv.fill(CHUNK);
        csv.find_delimiter(delimiter);
        csv
    }

    /// The name of the encoding the file is in.
    pub(super) fn encoding_name(&self) -> &'static str {
        self.file_encoding.name()
    }

    /// Reads until there are `wanted` unused bytes or the input ends.
    fn fill(&mut self, wanted: usize) {
        if self.from > CHUNK {
            self.buffer.drain(..self.from);
            self.from = 0;
        }
        let mut chunk = vec![0; CHUNK];
        while !self.ended && self.buffer.len() - self.from < wanted {
            match self.input.read(&mut chunk) {
                Ok(0) => self.ended = true,
                Ok(count) if count as u64 > self.left => {
                    self.ended = true;
                    self.cut = Some("the file is larger than what is taken at once: split it".to_owned());
                }
                Ok(count) => {
                    self.left -= count as u64;
                    self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.cut = Some(format!("reading the file failed: {error}"));
                }
            }
        }
    }

    /// Takes the separator that a `sep=;` line names, or that gives the most rows of the same width.
    fn find_delimiter(&mut self, set: Option<u8>) {
        let rest = self.buffer.get(self.from..).unwrap_or_default();
        if let Some([named, end, ..]) = rest.strip_prefix(b"sep=")
            && matches!(end, b'\r' | b'\n')
        {
            self.delimiter = set.unwrap_or(*named);
            let used = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
            self.from += used;
            self.line += 1;
            return;
        }
        if set.is_some() {
            return;
        }
        let score = |delimiter: u8| {
            let mut widths = Vec::new();
            let mut at = 0;
            while widths.len() < 30 {
                match split(rest.get(at..).unwrap_or_default(), delimiter, self.ended) {
                    Split::Row { cells, used, .. } => {
                        widths.push(cells.len());
                        at += used;
                    }
                    _ => break,
                }
            }
            let most = widths
                .iter()
                .copied()
                .filter(|width| *width > 1)
                .max_by_key(|width| (widths.iter().filter(|other| *other == width).count(), *width));
            most.map_or(0, |most| {
                widths.iter().filter(|width| **width == most).count() * 1_000 + most.min(999)
            })
        };
        let scored = DELIMITERS.iter().rev().map(|delimiter| (score(*delimiter), *delimiter));
        if let Some((best, delimiter)) = scored.max_by_key(|(score, _)| *score)
            && best > 0
        {
            self.delimiter = delimiter;
        }
    }

    /// The rest of the line at the front, and the bytes it takes with its line break.
    fn first_line(&self) -> (&[u8], usize) {
        let rest = self.buffer.get(self.from..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        (line.strip_suffix(b"\r").unwrap_or(line), end.map_or(rest.len(), |end| end + 1))
    }

    /// Sets the first line aside as it is.
    fn set_aside(&mut self, why: &str) -> Row {
        let (line, used) = self.first_line();
        let text = self.encoding.decode_without_bom_handling(line).0.into_owned();
        let row = Row {
            line: self.line,
            cells: vec![Value::text(crate::reading::cut(&text, crate::reading::LONGEST_VALUE))],
            wrong: Some((OPEN_QUOTE, why.to_owned())),
            may_be_short: false,
        };
        self.from += used;
        self.line += 1;
        // a line longer than what is held is passed over to its end
        while !self.ended && !self.buffer.get(..self.from).is_some_and(|used| used.ends_with(b"\n")) {
            self.fill(CHUNK);
            self.from += self.first_line().1;
        }
        row
    }

    fn decoded(&self, cells: Vec<Vec<u8>>, line: u32) -> Row {
        let mut wrong = None;
        let cells = cells.into_iter().enumerate().map(|(at, bytes)| {
            let strict = encoding::decode(self.encoding, &bytes).filter(|text| !text.contains('\u{fffd}'));
            Value::text(strict.unwrap_or_else(|| {
                wrong.get_or_insert_with(|| {
                    (BAD_BYTES, format!("column {} holds bytes that are no {}", at + 1, self.encoding.name()))
                });
                self.encoding.decode_without_bom_handling(&bytes).0.into_owned()
            }))
        });
        let cells = cells.collect();
        Row { line, cells, wrong, may_be_short: false }
    }
}

impl Iterator for Csv<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let mut wanted = CHUNK;
        loop {
            self.fill(wanted);
            let rest = self.buffer.get(self.from..).unwrap_or_default();
            if rest.is_empty() {
                let why = self.cut.take()?;
                return Some(Row {
                    line: self.line,
                    cells: vec![],
                    wrong: Some((REST_UNREAD, why)),
                    may_be_short: false,
                });
            }
            match split(rest, self.delimiter, self.ended) {
                Split::More | Split::OpenQuote { last: false } if wanted < LONGEST_ROW => wanted *= 4,
                Split::More => return Some(self.set_aside("the line is longer than 1 MB")),
                Split::OpenQuote { .. } => {
                    return Some(
                        self.set_aside("a quote opens in this line and is not closed: remove or double it"),
                    );
                }
                Split::Row { cells, lines, doubtful, .. }
                    if lines > 1 && (doubtful || self.width.is_some_and(|width| width != cells.len())) =>
                {
                    return Some(self.set_aside(
                        "a quote opens in this line and closes in a later one, where the columns do not fit: remove or double it",
                    ));
                }
                Split::Row { cells, used, lines, .. } => {
                    let line = self.line;
                    self.from += used;
                    self.line = self.line.saturating_add(lines);
                    return Some(self.decoded(cells, line));
                }
            }
        }
    }
}

enum Split {
    /// The row does not end within these bytes.
    More,
    /// The same, or the input ends, and a quote is open.
    OpenQuote { last: bool },
    /// A row; `doubtful` says that text stands right behind a closing quote.
    Row { cells: Vec<Vec<u8>>, used: usize, lines: u32, doubtful: bool },
}

/// Splits the first row off `bytes`; `last` says that nothing follows them.
fn split(bytes: &[u8], delimiter: u8, last: bool) -> Split {
    let mut cells = Vec::new();
    let mut cell = Vec::new();
    let (mut quoted, mut begins, mut lines) = (false, true, 1_u32);
    let (mut closed, mut doubtful) = (false, false);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1);
        at += 1;
        if quoted {
            match (byte, next) {
                (b'"', Some(b'"')) => {
                    cell.push(b'"');
                    at += 1;
                }
                (b'"', None) if !last => return Split::OpenQuote { last },
                (b'"', _) => (quoted, closed) = (false, true),
                (byte, _) => {
                    lines += u32::from(*byte == b'\n');
                    cell.push(*byte);
                }
            }
            continue;
        }
        match byte {
            b'"' if begins => quoted = true,
            b'\n' => {
                cells.push(cell);
                return Split::Row { cells, used: at, lines, doubtful };
            }
            b'\r' if next == Some(&b'\n') => {}
            b'\r' if next.is_none() && !last => return Split::More,
            b'\r' => {
                cells.push(cell);
                return Split::Row { cells, used: at, lines, doubtful };
            }
            byte if *byte == delimiter => {
                cells.push(std::mem::take(&mut cell));
                (begins, closed) = (true, false);
                continue;
            }
            byte => {
                doubtful |= closed;
                cell.push(*byte);
            }
        }
        begins = false;
    }
    match (last, quoted) {
        (last, true) => Split::OpenQuote { last },
        (false, false) => Split::More,
        (true, false) => {
            cells.push(cell);
            Split::Row { cells, used: at, lines, doubtful }
        }
    }
}

/// UTF-16 as UTF-8; what is no character becomes U+FFFD, which sets its row aside.
struct Wide<'a> {
    input: Box<dyn Read + Send + 'a>,
    decoder: Decoder,
    ended: bool,
}

impl Read for Wide<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut wide = vec![0; (out.len() / 4).max(2)];
        while !self.ended {
            let count = self.input.read(&mut wide)?;
            self.ended = count == 0;
            let source = wide.get(..count).unwrap_or_default();
            let (result, _, written, _) = self.decoder.decode_to_utf8(source, out, self.ended);
            if result == CoderResult::OutputFull {
                return Err(io::Error::other("a character did not fit"));
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], width: Option<usize>) -> Vec<Row> {
        let mut csv = Csv::new(bytes.to_vec(), Box::new(io::empty()), None, None, 1 << 30);
        csv.width = width;
        csv.collect()
    }

    fn texts(rows: &[Row]) -> Vec<Vec<&str>> {
        rows.iter().map(|row| row.cells.iter().filter_map(Value::as_text).collect()).collect()
    }

    #[test]
    fn quotes_separators_and_line_breaks_are_read() {
        let rows = read(b"a,b\r\n\"x, \"\"y\"\"\",\"1\n2\"\n\n3,4\r5,6", None);
        assert_eq!(
            texts(&rows),
            [vec!["a", "b"], vec!["x, \"y\"", "1\n2"], vec![""], vec!["3", "4"], vec!["5", "6"]]
        );
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2, 4, 5, 6]);
        assert_eq!(texts(&read(b"a\"b,c\n", None)), [["a\"b", "c"]]);
    }

    #[test]
    fn the_separator_is_found() {
        for (text, delimiter) in [
            ("a;b;c\n1,5;2,5;3\n", b';'),
            ("a\tb\n1, 2\t3\n", b'\t'),
            ("a|b\n1|2\n", b'|'),
            ("sep=;\na;b\n", b';'),
            ("one column\nonly\n", b','),
            ("\"a;b\",c\n\"d;e\",f\n", b','),
        ] {
            let csv = Csv::new(text.as_bytes().to_vec(), Box::new(io::empty()), None, None, 1 << 30);
            assert_eq!(csv.delimiter, delimiter, "{text}");
        }
        assert_eq!(texts(&read(b"sep=;\r\na;b\r\n", None)), [["a", "b"]]);
    }

    #[test]
    fn an_open_quote_costs_its_own_line_only() {
        let text = b"a,b\n1,\"open\n2,x\n3,\"fine\nstill fine\"\n4,\"open to the end\n5,y\n";
        let rows = read(text, Some(2));
        let good: Vec<_> = rows.iter().filter(|row| row.wrong.is_none()).cloned().collect();
        assert_eq!(texts(&good), [["a", "b"], ["2", "x"], ["3", "fine\nstill fine"], ["5", "y"]]);
        let bad: Vec<u32> = rows.iter().filter(|row| row.wrong.is_some()).map(|row| row.line).collect();
        assert_eq!(bad, [2, 6]);
    }

    #[test]
    fn a_line_without_end_costs_itself_only() {
        for quote in ["", "\""] {
            let text = format!("a,b\n1,{quote}{}\n2,x\n", "y".repeat(3 << 20));
            let rows: Vec<Row> =
                Csv::new(vec![], Box::new(io::Cursor::new(text)), None, None, 1 << 30).collect();
            assert_eq!(rows.len(), 3);
            assert!(rows[1].wrong.is_some() && rows[2].wrong.is_none());
            assert_eq!(rows[2].line, 3);
        }
    }

    #[test]
    fn bytes_of_another_encoding_are_set_aside() {
        let mut text = "姓名,公司\n".repeat(10).into_bytes();
        text.extend(b"\xd5\xc5\xc8\xfd,x\n");
        text.extend("测试,y\n".as_bytes());
        let rows = read(&text, Some(2));
        assert_eq!(rows.len(), 12);
        assert_eq!(rows[10].wrong.as_ref().unwrap().0, BAD_BYTES);
        assert!(rows[11].wrong.is_none());
    }

    #[test]
    fn a_long_file_is_streamed_and_a_too_long_one_is_cut_off() {
        let text = "name,phone\n".to_owned() + &"测试甲,13900000001\n".repeat(20_000);
        let csv = Csv::new(vec![], Box::new(io::Cursor::new(text.clone())), None, None, 1 << 30);
        assert_eq!(csv.filter(|row| row.wrong.is_none()).count(), 20_001);
        let csv = Csv::new(vec![], Box::new(io::Cursor::new(text)), None, None, 200_000);
        let rows: Vec<Row> = csv.collect();
        assert!(rows.len() > 1_000 && rows.len() < 20_000);
        assert_eq!(rows.last().unwrap().wrong.as_ref().unwrap().0, REST_UNREAD);
    }

    #[test]
    fn utf16_is_read_in_both_orders() {
        for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            let text = format!("\u{feff}姓名,手机\n{}", "测试甲😀,13900000001\n".repeat(20_000));
            let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
            let rows = Csv::new(
                bytes[..1_001].to_vec(),
                Box::new(io::Cursor::new(bytes[1_001..].to_vec())),
                None,
                None,
                1 << 30,
            );
            let rows: Vec<Row> = rows.collect();
            assert_eq!(rows.len(), 20_001);
            assert_eq!(texts(&rows[20_000..]), [["测试甲😀", "13900000001"]]);
        }
    }
}
