//! Values on their way to the database, and rows on their way back: the same seven kinds for both engines.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, Row as _};
use uuid::Uuid;

use leadloop_sync_core::ids::{Id, LinkName, PersonKey, SourceName};
use leadloop_sync_core::time::Timestamp;

use crate::error::StoreError;
use crate::seal::{Form, Vault};
use crate::statement::Statement;
use crate::text::{Engine, Kind, Param};

/// One value. Nothing keeps its kind, because PostgreSQL types parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Id(Option<Uuid>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! cells {
    ($($from:ty, $kind:ident, $value:ident => $made:expr;)*) => {$(
        impl From<$from> for Cell {
            fn from($value: $from) -> Self { Cell::$kind(Some($made)) }
        }
        impl From<Option<$from>> for Cell {
            fn from(value: Option<$from>) -> Self { Cell::$kind(value.map(|$value| $made)) }
        }
    )*};
}
cells! {
    Uuid, Id, value => value;
    i64, Int, value => value;
    u32, Int, value => i64::from(value);
    u8, Int, value => i64::from(value);
    Timestamp, Int, value => value.0;
    bool, Bool, value => value;
    f64, Real, value => value;
    String, Text, value => value;
    &str, Text, value => value.to_owned();
    &String, Text, value => value.clone();
    &LinkName, Text, value => value.0.clone();
    &SourceName, Text, value => value.0.clone();
    &PersonKey, Text, value => value.0.clone();
    Vec<u8>, Bytes, value => value;
}
impl<K> From<Id<K>> for Cell {
    fn from(id: Id<K>) -> Self {
        Cell::Id(Some(id.uuid()))
    }
}
impl<K> From<Option<Id<K>>> for Cell {
    fn from(id: Option<Id<K>>) -> Self {
        Cell::Id(id.map(|id| id.uuid()))
    }
}

/// One column of a list.
#[derive(Clone, Debug)]
enum Column {
    Id(Vec<Option<Uuid>>),
    Int(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

/// A list parameter: rows with the columns that a statement declares for it. Cells are added one after the other, row
/// by row; a cell of another kind than its column is found when the statement runs.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    columns: Vec<Column>,
    kinds: Vec<Kind>,
    cells: usize,
    wrong: Option<String>,
}

impl Rows {
    /// An empty list for parameter `number` of `statement`.
    pub(crate) fn of(statement: &'static Statement, number: usize) -> Self {
        // Which engine does not matter: both declare the same columns.
        let declared = statement.text(Engine::Sqlite).params.get(number - 1);
        let kinds: Vec<Kind> = match declared {
            Some(Param::List(columns)) => columns.iter().map(|(_, kind)| *kind).collect(),
            _ => Vec::new(),
        };
        let columns = kinds
            .iter()
            .map(|kind| match kind {
                Kind::Id => Column::Id(Vec::new()),
                Kind::Int => Column::Int(Vec::new()),
                Kind::Bool => Column::Bool(Vec::new()),
                Kind::Real => Column::Real(Vec::new()),
                Kind::Text | Kind::Secret | Kind::Stable | Kind::Doc => Column::Text(Vec::new()),
                Kind::Bytes => Column::Bytes(Vec::new()),
            })
            .collect();
        let wrong = kinds.is_empty().then(|| format!("{} has no list ${number}", statement.name));
        Self { columns, kinds, cells: 0, wrong }
    }

    /// Adds the next cell.
    pub(crate) fn add(&mut self, cell: impl Into<Cell>) -> &mut Self {
        let at = self.cells.checked_rem(self.columns.len()).unwrap_or(0);
        match (self.columns.get_mut(at), cell.into()) {
            (Some(Column::Id(column)), Cell::Id(value)) => column.push(value),
            (Some(Column::Int(column)), Cell::Int(value)) => column.push(value),
            (Some(Column::Bool(column)), Cell::Bool(value)) => column.push(value),
            (Some(Column::Real(column)), Cell::Real(value)) => column.push(value),
            (Some(Column::Text(column)), Cell::Text(value)) => column.push(value),
            (Some(Column::Bytes(column)), Cell::Bytes(value)) => column.push(value),
            (_, cell) => {
                let _ = self.wrong.get_or_insert_with(|| format!("column {at} does not take {cell:?}"));
            }
        }
        self.cells += 1;
        self
    }

    /// How many whole rows there are.
    pub(crate) fn len(&self) -> usize {
        self.cells.checked_div(self.columns.len()).unwrap_or(0)
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.cells == 0
    }

    fn check(&self, declared: &[(String, Kind)]) -> Result<(), String> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        if self.kinds.iter().ne(declared.iter().map(|(_, kind)| kind)) {
            return Err("the list was made for other columns".into());
        }
        if self.cells.checked_rem(self.columns.len()).unwrap_or(0) != 0 {
            return Err("the last row of a list is not complete".into());
        }
        Ok(())
    }

    /// Seals what its statement declares as personal.
    fn seal(&mut self, vault: &Vault) -> Result<(), StoreError> {
        for (column, kind) in self.columns.iter_mut().zip(&self.kinds) {
            match (column, kind.form()) {
                (Column::Text(cells), Some(form)) => {
                    for cell in cells.iter_mut().flatten() {
                        *cell = vault.seal(form, cell)?;
                    }
                }
                (Column::Bytes(cells), Some(_)) => {
                    for cell in cells.iter_mut().flatten() {
                        *cell = vault.seal_bytes(cell)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The rows as a JSON array of arrays, and what stands beside it in a blob (see [`crate::text`]).
    fn to_json(&self) -> (String, Vec<u8>) {
        let mut json = Vec::with_capacity(self.len() * 64 + 2);
        let mut beside = vec![0]; // never empty: SQLite takes an empty blob for nothing
        json.push(b'[');
        for row in 0..self.len() {
            json.extend_from_slice(if row == 0 { b"[" } else { b",[" });
            for (at, (column, kind)) in self.columns.iter().zip(&self.kinds).enumerate() {
                if at > 0 {
                    json.push(b',');
                }
                column.write_json(row, *kind, &mut json, &mut beside);
            }
            json.push(b']');
        }
        json.push(b']');
        (String::from_utf8(json).unwrap_or_default(), beside)
    }
}

impl Column {
    /// Writes one cell, or two where it lies beside. Written for speed: a lead has some hundred cells on its road.
    fn write_json(&self, row: usize, kind: Kind, json: &mut Vec<u8>, beside: &mut Vec<u8>) {
        let missing: &[u8] = if kind.beside() { b"null,null" } else { b"null" };
        let written = match self {
            Column::Id(column) => column.get(row).copied().flatten().map(|id| {
                json.push(b'"');
                json.extend_from_slice(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
                json.push(b'"');
            }),
            Column::Int(column) => {
                column.get(row).copied().flatten().map(|number| write_value(json, &number))
            }
            Column::Bool(column) => column.get(row).copied().flatten().map(|yes| write_value(json, &yes)),
            Column::Real(column) => column.get(row).copied().flatten().map(|real| write_value(json, &real)),
            Column::Text(column) => column.get(row).and_then(Option::as_ref).map(|text| {
                if kind.beside() {
                    lay_beside(text.as_bytes(), json, beside);
                } else {
                    write_value(json, text);
                }
            }),
            Column::Bytes(column) => {
                column.get(row).and_then(Option::as_ref).map(|bytes| lay_beside(bytes, json, beside))
            }
        };
        if written.is_none() {
            json.extend_from_slice(missing);
        }
    }
}

/// Writing numbers and texts into memory does not fail.
fn write_value<T: serde::Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) {
    let begun = json.len();
    if serde_json::to_writer(&mut *json, value).is_err() {
        json.truncate(begun);
        json.extend_from_slice(b"null");
    }
}

/// Puts a piece into the blob and says where: first byte (from 1, as `substr` counts) and length.
fn lay_beside(piece: &[u8], json: &mut Vec<u8>, beside: &mut Vec<u8>) {
    let from = beside.len() + 1;
    beside.extend_from_slice(piece);
    write_value(json, &from);
    json.push(b',');
    write_value(json, &piece.len());
}

/// What a statement is given for one of its parameters.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    One(Cell),
    List(Rows),
}

impl<T: Into<Cell>> From<T> for Arg {
    fn from(value: T) -> Self {
        Arg::One(value.into())
    }
}
impl From<Rows> for Arg {
    fn from(rows: Rows) -> Self {
        Arg::List(rows)
    }
}

/// The arguments of a statement: `args![now, rows]`.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$($crate::cell::Arg::from($arg)),*] };
}
pub(crate) use args;

fn checked(statement: &'static Statement, engine: Engine, args: &[Arg]) -> Result<(), StoreError> {
    let params = &statement.text(engine).params;
    let fault = |what: String| StoreError::fault(format!("statement {}: {what}", statement.name));
    if params.len() != args.len() {
        return Err(fault(format!("takes {} parameters, was given {}", params.len(), args.len())));
    }
    for (at, pair) in params.iter().zip(args).enumerate() {
        match pair {
            (Param::One | Param::Sealed(_), Arg::One(_)) => {}
            (Param::List(columns), Arg::List(rows)) => {
                rows.check(columns).map_err(|what| fault(format!("${}: {what}", at + 1)))?;
            }
            _ => return Err(fault(format!("${} is not of its kind", at + 1))),
        }
    }
    Ok(())
}

/// Seals what the statement declares as personal; without a vault everything stays as it is.
fn sealed(
    statement: &'static Statement,
    engine: Engine,
    mut args: Vec<Arg>,
    vault: Option<&Vault>,
) -> Result<Vec<Arg>, StoreError> {
    let Some(vault) = vault else { return Ok(args) };
    for (param, arg) in statement.text(engine).params.iter().zip(&mut args) {
        match (param, arg) {
            (Param::Sealed(kind), Arg::One(Cell::Text(Some(text)))) => {
                *text = vault.seal(kind.form().unwrap_or(Form::Random), text)?;
            }
            (Param::List(_), Arg::List(rows)) => rows.seal(vault)?,
            _ => {}
        }
    }
    Ok(args)
}

pub(crate) fn for_sqlite(
    statement: &'static Statement,
    args: Vec<Arg>,
    vault: Option<&Vault>,
) -> Result<SqliteArguments, StoreError> {
    checked(statement, Engine::Sqlite, &args)?;
    let args = sealed(statement, Engine::Sqlite, args, vault)?;
    let mut bound = SqliteArguments::default();
    let mut added = Ok(());
    for arg in args {
        added = added.and_then(|()| match arg {
            Arg::One(cell) => add_to_sqlite(&mut bound, cell),
            Arg::List(rows) => {
                let (json, beside) = rows.to_json();
                let with_blob = rows.kinds.iter().any(|kind| kind.beside());
                bound.add(json).and_then(|()| if with_blob { bound.add(beside) } else { Ok(()) })
            }
        });
    }
    added.map(|()| bound).map_err(|error| StoreError::fault(format!("statement {}: {error}", statement.name)))
}

pub(crate) fn for_postgres(
    statement: &'static Statement,
    args: Vec<Arg>,
    vault: Option<&Vault>,
) -> Result<PgArguments, StoreError> {
    checked(statement, Engine::Postgres, &args)?;
    let args = sealed(statement, Engine::Postgres, args, vault)?;
    let mut bound = PgArguments::default();
    let mut added = Ok(());
    for arg in args {
        added = added.and_then(|()| match arg {
            Arg::One(cell) => add_to_postgres(&mut bound, cell),
            Arg::List(rows) => rows.columns.into_iter().try_for_each(|column| match column {
                Column::Id(cells) => bound.add(cells),
                Column::Int(cells) => bound.add(cells),
                Column::Bool(cells) => bound.add(cells),
                Column::Real(cells) => bound.add(cells),
                Column::Text(cells) => bound.add(cells),
                Column::Bytes(cells) => bound.add(cells),
            }),
        });
    }
    added.map(|()| bound).map_err(|error| StoreError::fault(format!("statement {}: {error}", statement.name)))
}

type Added = Result<(), sqlx::error::BoxDynError>;

fn add_to_sqlite(bound: &mut SqliteArguments, cell: Cell) -> Added {
    match cell {
        Cell::Id(id) => bound.add(id.map(|id| id.hyphenated().to_string())),
        Cell::Int(number) => bound.add(number),
        Cell::Bool(yes) => bound.add(yes),
        Cell::Real(real) => bound.add(real),
        Cell::Text(text) => bound.add(text),
        Cell::Bytes(bytes) => bound.add(bytes),
    }
}

fn add_to_postgres(bound: &mut PgArguments, cell: Cell) -> Added {
    match cell {
        Cell::Id(id) => bound.add(id),
        Cell::Int(number) => bound.add(number),
        Cell::Bool(yes) => bound.add(yes),
        Cell::Real(real) => bound.add(real),
        Cell::Text(text) => bound.add(text),
        Cell::Bytes(bytes) => bound.add(bytes),
    }
}

/// The values of a text that is not one of the product's statements.
pub(crate) fn cells_for_sqlite(cells: Vec<Cell>) -> Result<SqliteArguments, StoreError> {
    let mut bound = SqliteArguments::default();
    let added = cells.into_iter().try_for_each(|cell| add_to_sqlite(&mut bound, cell));
    added.map(|()| bound).map_err(|error| StoreError::fault(format!("filter: {error}")))
}

/// As [`cells_for_sqlite`].
pub(crate) fn cells_for_postgres(cells: Vec<Cell>) -> Result<PgArguments, StoreError> {
    let mut bound = PgArguments::default();
    let added = cells.into_iter().try_for_each(|cell| add_to_postgres(&mut bound, cell));
    added.map(|()| bound).map_err(|error| StoreError::fault(format!("filter: {error}")))
}

/// A row that an engine returned.
#[derive(Debug)]
pub(crate) struct Row {
    raw: RawRow,
    vault: Option<Arc<Vault>>,
}

/// It, as its driver has it.
#[derive(Debug)]
pub(crate) enum RawRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(crate) fn new(raw: RawRow, vault: Option<&Arc<Vault>>) -> Self {
        Self { raw, vault: vault.cloned() }
    }

    /// The value of column `at`.
    pub(crate) fn get<T: FromCell>(&self, at: usize) -> Result<T, StoreError> {
        T::from_cell(&self.raw, at).map_err(|error| StoreError::unreadable(&format!("column {at}: {error}")))
    }

    /// The JSON document of column `at`, which holds nothing personal.
    pub(crate) fn plain_doc<T: serde::de::DeserializeOwned>(&self, at: usize) -> Result<T, StoreError> {
        parsed(&self.get::<String>(at)?)
    }

    /// The JSON document of column `at`.
    pub(crate) fn doc<T: serde::de::DeserializeOwned>(&self, at: usize) -> Result<T, StoreError> {
        parsed(&self.opened(at)?)
    }

    /// The personal text of column `at`.
    pub(crate) fn opened(&self, at: usize) -> Result<String, StoreError> {
        let text: String = self.get(at)?;
        match &self.vault {
            Some(vault) => vault.open(&text),
            None => Ok(text),
        }
    }

    /// As [`Row::opened`], where there may be none.
    pub(crate) fn maybe_opened(&self, at: usize) -> Result<Option<String>, StoreError> {
        let text: Option<String> = self.get(at)?;
        match (&self.vault, text) {
            (Some(vault), Some(text)) => vault.open(&text).map(Some),
            (_, text) => Ok(text),
        }
    }

    /// The personal bytes of column `at`.
    pub(crate) fn opened_bytes(&self, at: usize) -> Result<Vec<u8>, StoreError> {
        let bytes: Vec<u8> = self.get(at)?;
        match &self.vault {
            Some(vault) => vault.open_bytes(bytes),
            None => Ok(bytes),
        }
    }
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::unreadable(&format!("document: {error}")))
}

/// A value that both engines can return.
pub(crate) trait FromCell: Sized {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error>;
}

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl FromCell for $kind {
            fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
                match row {
                    RawRow::Sqlite(row) => row.try_get(at),
                    RawRow::Postgres(row) => row.try_get(at),
                }
            }
        }
        impl FromCell for Option<$kind> {
            fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
                match row {
                    RawRow::Sqlite(row) => row.try_get(at),
                    RawRow::Postgres(row) => row.try_get(at),
                }
            }
        }
    )*};
}
plain!(i64, bool, f64, String, Vec<u8>);

impl FromCell for Option<Uuid> {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
        match row {
            RawRow::Postgres(row) => row.try_get(at),
            RawRow::Sqlite(row) => {
                let text: Option<&str> = row.try_get(at)?;
                text.map(Uuid::parse_str).transpose().map_err(|error| sqlx::Error::Decode(Box::new(error)))
            }
        }
    }
}
impl FromCell for Uuid {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
        Option::<Uuid>::from_cell(row, at)?.ok_or_else(|| sqlx::Error::Decode("an id is missing".into()))
    }
}
impl<K> FromCell for Id<K> {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
        Uuid::from_cell(row, at).map(Id::new)
    }
}
impl<K> FromCell for Option<Id<K>> {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
        Ok(Option::<Uuid>::from_cell(row, at)?.map(Id::new))
    }
}
impl FromCell for Timestamp {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
        i64::from_cell(row, at).map(Timestamp)
    }
}
impl FromCell for Option<Timestamp> {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
        Ok(Option::<i64>::from_cell(row, at)?.map(Timestamp))
    }
}
impl FromCell for u32 {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
        let number = i64::from_cell(row, at)?;
        u32::try_from(number).map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
}
impl FromCell for LinkName {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
        String::from_cell(row, at).map(LinkName)
    }
}
impl FromCell for SourceName {
    fn from_cell(row: &RawRow, at: usize) -> Result<Self, sqlx::Error> {
        String::from_cell(row, at).map(SourceName)
    }
}
