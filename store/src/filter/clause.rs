//! A WHERE clause in the making: fixed pieces of SQL and values that are bound. No text of a person ever becomes SQL.

use std::fmt::Write as _;

use crate::cell::Cell;
use crate::text::Engine;

/// A condition in SQL. It is never NULL: it holds or it does not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Clause {
    /// Holds for every row.
    True,
    /// Holds for none.
    False,
    /// Holds where this does.
    Sql(Vec<Piece>),
}

/// A part of a clause.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// Words.
    Sql(&'static str),
    /// A bound value.
    Bind(Cell),
}

impl From<&'static str> for Piece {
    fn from(words: &'static str) -> Self {
        Piece::Sql(words)
    }
}
impl From<Cell> for Piece {
    fn from(cell: Cell) -> Self {
        Piece::Bind(cell)
    }
}

/// Pieces one after the other: `pieces!["l.stage = ", Cell::from("raw")]`.
macro_rules! pieces {
    ($($piece:expr),* $(,)?) => { vec![$($crate::filter::clause::Piece::from($piece)),*] };
}
pub(super) use pieces;

impl Clause {
    /// Always or never.
    pub(super) const fn always(holds: bool) -> Self {
        if holds { Clause::True } else { Clause::False }
    }

    /// Both hold.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Clause::False, _) | (_, Clause::False) => Clause::False,
            (Clause::True, clause) | (clause, Clause::True) => clause,
            (Clause::Sql(one), Clause::Sql(other)) => Clause::Sql(joined("(", one, " AND ", other)),
        }
    }

    /// One of them holds.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Clause::True, _) | (_, Clause::True) => Clause::True,
            (Clause::False, clause) | (clause, Clause::False) => clause,
            (Clause::Sql(one), Clause::Sql(other)) => Clause::Sql(joined("(", one, " OR ", other)),
        }
    }

    /// It does not hold.
    pub(super) fn not(self) -> Self {
        match self {
            Clause::True => Clause::False,
            Clause::False => Clause::True,
            Clause::Sql(inner) => {
                let mut not = pieces!["(NOT "];
                not.extend(inner);
                not.push(Piece::Sql(")"));
                Clause::Sql(not)
            }
        }
    }

    /// Its words, to stand in a longer clause.
    pub(super) fn into_pieces(self) -> Vec<Piece> {
        match self {
            Clause::True => pieces!["TRUE"],
            Clause::False => pieces!["FALSE"],
            Clause::Sql(pieces) => pieces,
        }
    }
}

fn joined(open: &'static str, one: Vec<Piece>, word: &'static str, other: Vec<Piece>) -> Vec<Piece> {
    let mut both = pieces![open];
    both.extend(one);
    both.push(Piece::Sql(word));
    both.extend(other);
    both.push(Piece::Sql(")"));
    both
}

/// The text of a statement and the values bound in it, in the order of their numbers.
pub(super) fn spell(pieces: Vec<Piece>, engine: Engine) -> (String, Vec<Cell>) {
    let (mut sql, mut cells) = (String::new(), Vec::new());
    for piece in pieces {
        match piece {
            Piece::Sql(words) => sql.push_str(words),
            Piece::Bind(cell) => {
                let _ = write!(sql, "${}", cells.len() + 1);
                // SQLite takes any value; PostgreSQL knows the type of what is bound, but not of what it is part of.
                if engine == Engine::Postgres && matches!(cell, Cell::Text(_)) {
                    sql.push_str("::text");
                }
                cells.push(cell);
            }
        }
    }
    (sql, cells)
}
