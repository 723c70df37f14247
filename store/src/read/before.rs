//! What stood in CRM records before we wrote them: by the command, the version of the config or the time of the write.

use leadloop_sync_core::ids::{DeliveryId, LinkName};
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::undo::BeforeImage;
use uuid::Uuid;

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::error::StoreError;
use crate::statement::{BEFORE_PAGE, BEFORE_RUNS};

type Result<T> = std::result::Result<T, StoreError>;

/// Which writes are meant.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BeforeAsk {
    /// Of this link.
    pub link: Option<LinkName>,
    /// Of this command.
    pub run: Option<String>,
    /// Made under this version of the config.
    pub config: Option<String>,
    /// Only these; none: all that fit.
    pub deliveries: Vec<DeliveryId>,
    /// Written at or after this time.
    pub since: Option<Timestamp>,
    /// Written at or before this time.
    pub until: Option<Timestamp>,
    /// After this one.
    pub after: Option<(Timestamp, DeliveryId)>,
    /// At most so many.
    pub limit: u32,
}

/// What was written together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRun {
    /// `run` (a command) or `config` (a version of the config).
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Where to.
    pub link: LinkName,
    /// How many records were written, those that were made among them.
    pub writes: i64,
    /// How many records were made.
    pub made: i64,
    /// The first write.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
}

impl Store {
    /// What stood in the CRM before these writes, in the order of writing.
    ///
    /// # Errors
    /// Where the database does not answer or an image cannot be read.
    pub async fn before_images(&self, ask: &BeforeAsk) -> Result<Vec<BeforeImage>> {
        let mut ids = Rows::of(&BEFORE_PAGE, 7);
        for id in &ask.deliveries {
            ids.add(*id);
        }
        let after = ask.after.map_or((Timestamp(i64::MIN), Uuid::nil()), |(at, id)| (at, id.uuid()));
        let args = args![
            ask.since.unwrap_or(Timestamp(i64::MIN)),
            ask.until.unwrap_or(Timestamp(i64::MAX)),
            ask.link.as_ref(),
            ask.run.as_ref(),
            ask.config.as_ref(),
            ask.deliveries.is_empty(),
            ids,
            after.0,
            after.1,
            ask.limit
        ];
        let mut work = self.pools().read().await?;
        let rows = work.rows(&BEFORE_PAGE, args).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(2)).collect()
    }

    /// What was written together since a time, the latest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn write_runs(&self, since: Timestamp, limit: u32) -> Result<Vec<WriteRun>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&BEFORE_RUNS, args![since, limit]).await?;
        work.undo().await?;
        let run = |row: &Row| {
            Ok(WriteRun {
                kind: row.get(0)?,
                name: row.get(1)?,
                link: row.get(2)?,
                writes: row.get(3)?,
                made: row.get(4)?,
                first: row.get(5)?,
                last: row.get(6)?,
            })
        };
        rows.iter().map(run).collect()
    }
}
