//! Statements of a commit on their way to the database: while it works on one, the lists of the next are made. They run in
//! the order they are given.

use futures_util::future::try_join;
use tokio::sync::mpsc;

use crate::cell::Arg;
use crate::engine::Work;
use crate::error::StoreError;
use crate::statement::Statement;

type Result<T> = std::result::Result<T, StoreError>;

/// Statements that are made ahead; each holds its lists in memory.
const AHEAD: usize = 1;

/// One statement, and how many rows it must write where that is known.
struct Write {
    statement: &'static Statement,
    args: Vec<Arg>,
    all: Option<(usize, &'static str)>,
}

/// Where statements are given that return no rows.
pub(crate) struct Queue(mpsc::Sender<Write>);

impl Queue {
    /// Runs a statement in its turn.
    pub(crate) async fn run(&self, statement: &'static Statement, args: Vec<Arg>) -> Result<()> {
        self.give(Write { statement, args, all: None }).await
    }

    /// The same; where it writes another number of rows than `count`, the commit is stale.
    pub(crate) async fn run_all(
        &self,
        statement: &'static Statement,
        args: Vec<Arg>,
        count: usize,
        what: &'static str,
    ) -> Result<()> {
        self.give(Write { statement, args, all: Some((count, what)) }).await
    }

    async fn give(&self, write: Write) -> Result<()> {
        // It is closed only where a statement failed, and then that error is the one that is told.
        let closed = |_| StoreError::fault("a statement before this one failed".to_owned());
        self.0.send(write).await.map_err(closed)?;
        tokio::task::yield_now().await; // so that it starts now, and the next list is made while it runs
        Ok(())
    }
}

/// Runs what `make` gives to the queue, until it has given all.
pub(super) async fn run<F, Making>(work: &mut Work, make: F) -> Result<()>
where
    F: FnOnce(Queue) -> Making,
    Making: Future<Output = Result<()>>,
{
    let (give, mut given) = mpsc::channel(AHEAD);
    let making = make(Queue(give));
    let running = async {
        while let Some(Write { statement, args, all }) = given.recv().await {
            let written = work.run(statement, args).await?;
            if let Some((count, what)) = all {
                all_written(written, count, what)?;
            }
        }
        Ok(())
    };
    try_join(running, making).await.map(drop)
}

/// Where the guard of an upsert held a row back, somebody wrote it between the check and now.
pub(super) fn all_written(written: u64, count: usize, what: &str) -> Result<()> {
    if usize::try_from(written).is_ok_and(|written| written == count) {
        return Ok(());
    }
    Err(StoreError::Stale { rows: vec![format!("{what} rows of this batch")] })
}
