//! The labelled pairs of company names, and what matching makes of them: for the test that holds precision and recall, and
//! for the bench that prints them.

use leadloop_sync_core::normal::company::{CompanyName, parse};
use leadloop_sync_core::normal::matching::{Strength, match_names};

/// Two names and whether they are one company.
pub(crate) struct Pair {
    pub(crate) a: CompanyName,
    pub(crate) b: CompanyName,
    pub(crate) equal: bool,
    pub(crate) note: String,
}

/// The labelled pairs, in the order of the file.
pub(crate) fn pairs() -> Vec<Pair> {
    let mut reader = csv::Reader::from_reader(include_str!("company_pairs.csv").as_bytes());
    let rows = reader.records().map(|row| row.expect("a row of four cells"));
    rows.map(|row| Pair {
        a: parse(&row[0]).expect("the first name is one"),
        b: parse(&row[1]).expect("the second name is one"),
        equal: match &row[2] {
            "equal" => true,
            "different" => false,
            other => unreachable!("unknown label {other}"),
        },
        note: row[3].to_owned(),
    })
    .collect()
}

/// What came out.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) found: u32,
    pub(crate) missed: u32,
    pub(crate) wrong: u32,
    pub(crate) refused: u32,
    /// Equal pairs that are at least offered to a person.
    pub(crate) offered: u32,
}

impl Tally {
    pub(crate) fn precision(&self) -> f64 {
        f64::from(self.found) / f64::from(self.found + self.wrong)
    }

    pub(crate) fn recall(&self) -> f64 {
        f64::from(self.found) / f64::from(self.found + self.missed)
    }
}

/// Counts, and the pairs that came out otherwise than labelled.
pub(crate) fn tally<'a>(pairs: impl Iterator<Item = &'a Pair>) -> (Tally, Vec<String>) {
    let mut tally = Tally::default();
    let mut surprises = Vec::new();
    for pair in pairs {
        let found = match_names(&pair.a, &pair.b);
        let strong = found.is_some_and(|found| found.strength == Strength::Strong);
        match (pair.equal, strong) {
            (true, true) => tally.found += 1,
            (true, false) => tally.missed += 1,
            (false, true) => tally.wrong += 1,
            (false, false) => tally.refused += 1,
        }
        tally.offered += u32::from(pair.equal && found.is_some());
        if pair.equal != strong {
            let reason = found.map_or("no match", |found| found.reason.code());
            surprises.push(format!("{} | {} | {} → {reason}", pair.a, pair.b, pair.note));
        }
    }
    (tally, surprises)
}
