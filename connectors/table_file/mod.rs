//! CSV and Excel files: sign-in lists, exports of other systems, old leads.
//!
//! [`open`] reads bytes or a stream and gives a [`Table`]: an iterator of records, in which a row that cannot be read is
//! quarantined with its reason and the others go on. Encoding, separator and header are found by themselves and can be
//! set. Nothing is mapped here: columns keep their names; the core maps them.

mod cell;
mod csv;
mod header;
mod options;
mod rows;
mod sheet;
mod table;

use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{
    Connector, Link, Push, Received, Refusal, Registered, manifest, manifest::Manifest,
};
use leadloop_mapping::Value;

pub use options::{Bounds, Header, Options};
pub use table::{Column, Preview, Refused, Table, open};

/// The connector of table files.
struct TableFile;

inventory::submit! { Registered(&TableFile) }

impl Connector for TableFile {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let mut problems = Vec::new();
        let number = |name: &str| {
            settings.values.get(name).filter(|v| matches!(v, Value::Int(_))).and_then(Value::as_int)
        };
        if number("sheet").is_some_and(|sheet| sheet < 1) {
            problems.push(Problem::new("sheet", ProblemKind::NotAllowed, "the first sheet is 1"));
        }
        if number("header_row").is_some_and(|row| !(0..=1_000).contains(&row)) {
            problems.push(Problem::new("header_row", ProblemKind::NotAllowed, "it is not within 0…1000"));
        }
        problems.extend(crate::reading::check_zone(settings));
        problems
    }

    /// A whole file in the body; its name may stand in the header `x-file-name`.
    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        let options = Options::of(link, Bounds::PUSHED);
        let table = open(push.body.as_slice(), options)
            .map_err(|refused| crate::reading::unreadable(refused.code, refused.detail))?;
        let mut received = Received::default();
        for row in table {
            match row {
                Ok(lead) => received.leads.push(lead),
                Err(record) => received.unreadable.push(*record),
            }
        }
        Ok(received)
    }
}
