//! The file that keeps records over a restart: one JSON line per write, appended before the answer leaves.
//!
//! A line holds the whole record, so the last line of a record wins. The file is rewritten without the older lines at each
//! start. Data reaches the operating system, not the platter: this survives the death of the process, not of the machine.

use crate::draft::{Purpose, read};
use crate::record::{Author, Cell, Record, blank};
use crate::schema::{Kind, Sort};
use crate::world::World;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// No record comes near this.
const LINE: u64 = 1 << 20;

/// An open journal with the lines of the current step.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    waiting: Vec<u8>,
    /// A line may be torn: nothing may follow it.
    broken: bool,
}

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line in the middle of the file is not what the sandbox writes.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Journal {
    /// Add the state of a record to the lines of this step.
    pub(crate) fn put(&mut self, kind: Kind, row: u32, record: &Record) {
        write_line(&mut self.waiting, kind, row, record);
    }

    /// Hand the lines of this step to the operating system.
    pub(crate) fn flush(&mut self) -> std::io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if self.broken {
            return Err(std::io::Error::other("an earlier write failed; restart the sandbox"));
        }
        let written = self.file.write_all(&self.waiting);
        self.broken = written.is_err();
        self.waiting.clear();
        self.waiting.shrink_to(1 << 20);
        written
    }

    /// Forget the lines of the current step.
    pub(crate) fn forget_step(&mut self) {
        self.waiting.clear();
    }

    /// Forget everything.
    pub(crate) fn empty(&mut self) -> std::io::Result<()> {
        self.waiting.clear();
        self.file.set_len(0)?;
        self.broken = false;
        Ok(())
    }
}

fn write_line(out: &mut Vec<u8>, kind: Kind, row: u32, record: &Record) {
    out.extend_from_slice(b"{\"o\":\"");
    out.extend_from_slice(kind.schema().name.as_bytes());
    out.extend_from_slice(b"\",\"r\":");
    record.write_json(out, kind, row, true);
    out.extend_from_slice(b"}\n");
}

/// Read a journal into an empty world, rewrite it, and leave it open in the world. `false`: there was none yet.
pub(crate) fn open(world: &mut World, path: &Path) -> Result<bool, JournalError> {
    let io = |source| JournalError::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    let existed = path.exists();
    if existed {
        load(world, path)?;
        rewrite(world, path).map_err(io)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(io)?;
    world.journal = Some(Journal { file, waiting: Vec::new(), broken: false });
    Ok(existed)
}

fn load(world: &mut World, path: &Path) -> Result<(), JournalError> {
    let io = |source| JournalError::Io { path: path.to_owned(), source };
    let mut lines: BTreeMap<(Kind, u32), Map<String, Value>> = BTreeMap::new();
    let mut reader = BufReader::new(File::open(path).map_err(io)?);
    let mut text = Vec::new();
    for line in 1_usize.. {
        text.clear();
        if reader.by_ref().take(LINE).read_until(b'\n', &mut text).map_err(io)? == 0 {
            break;
        }
        let wrong = |reason: String| JournalError::Line { path: path.to_owned(), line, reason };
        if text.len() as u64 == LINE {
            return Err(wrong(format!("longer than {LINE} bytes")));
        }
        // The process may have died within its last line; that write was never answered.
        if text.last() != Some(&b'\n') {
            break;
        }
        let (kind, row, record) = parse_line(&text).map_err(wrong)?;
        lines.insert((kind, row), record);
    }
    for ((kind, row), map) in &lines {
        let wrong = |reason: String| JournalError::Line { path: path.to_owned(), line: 0, reason };
        let (alive, deleted) = world.counts(*kind);
        if usize::try_from(*row) != Ok(alive + deleted) {
            return Err(wrong(format!("a record before {} is missing", kind.id(*row))));
        }
        let mut record = head(*kind, map);
        let cells =
            stored_cells(world, *kind, map).map_err(|why| wrong(format!("{}: {why}", kind.id(*row))))?;
        for (position, cell) in cells {
            record.cells[position] = cell;
        }
        world.restore(*kind, record);
    }
    Ok(())
}

fn parse_line(text: &[u8]) -> Result<(Kind, u32, Map<String, Value>), String> {
    let mut line: Map<String, Value> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let kind = line.get("o").and_then(Value::as_str).and_then(Kind::named).ok_or("unknown object")?;
    let Some(Value::Object(record)) = line.remove("r") else { return Err("no record".to_owned()) };
    let row = record.get("id").and_then(Value::as_str).and_then(|id| kind.row(id)).ok_or("no id")?;
    Ok((kind, row, record))
}

/// The system fields of a record, with empty cells.
fn head(kind: Kind, map: &Map<String, Value>) -> Record {
    let int = |name: &str| map.get(name).and_then(Value::as_i64).unwrap_or(0);
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    Record {
        created_at: int("created_at"),
        modified_at: int("modified_at"),
        version: u32::try_from(int("version")).unwrap_or(1),
        by: Author::named(text("modified_by").unwrap_or_default()),
        deleted: map.get("deleted").and_then(Value::as_bool).unwrap_or(false),
        merged_into: text("merged_into").and_then(|id| kind.row(id)),
        cells: blank(kind.schema()),
    }
}

/// Cells as they were stored: references may point at tombstones, so they are read here and not checked.
fn stored_cells(
    world: &World,
    kind: Kind,
    values: &Map<String, Value>,
) -> Result<Vec<(usize, Cell)>, String> {
    let schema = kind.schema();
    let mut cells = Vec::new();
    let mut others = Map::new();
    for (name, value) in values {
        let Some(position) = schema.position(name).filter(|_| !value.is_null()) else { continue };
        match (schema.fields[position].sort, value.as_str()) {
            (Sort::Ref(of), Some(id)) => {
                cells.push((position, Cell::Ref(of.row(id).ok_or_else(|| format!("bad id in {name}"))?)));
            }
            _ => {
                others.insert(name.clone(), value.clone());
            }
        }
    }
    let draft =
        read(world, kind, &others, Purpose::Restore).map_err(|refusal| refusal.error().to_string())?;
    cells.extend(draft.cells);
    Ok(cells)
}

fn rewrite(world: &World, path: &Path) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut out = BufWriter::new(File::create(&fresh)?);
    let mut line = Vec::new();
    for kind in Kind::ALL {
        let (alive, deleted) = world.counts(kind);
        for row in 0..u32::try_from(alive + deleted).unwrap_or(u32::MAX) {
            if let Some(record) = world.record(kind, row) {
                line.clear();
                write_line(&mut line, kind, row, record);
                out.write_all(&line)?;
            }
        }
    }
    out.into_inner()?.sync_all()?;
    std::fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn after_a_failed_write_nothing_more_is_accepted() {
        // This device fails every write as a full disk does.
        let file = OpenOptions::new().write(true).open("/dev/full").expect("the device of full disks");
        let mut journal = Journal { file, waiting: Vec::new(), broken: false };
        journal.waiting.extend_from_slice(b"a line\n");
        assert!(journal.flush().is_err());
        // Nothing was torn by a step without lines.
        assert!(journal.flush().is_ok());
        journal.waiting.extend_from_slice(b"another\n");
        let error = journal.flush().expect_err("still broken");
        assert!(error.to_string().contains("restart"), "{error}");
    }
}
