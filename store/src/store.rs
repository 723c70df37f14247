//! Opening and closing, and what runs beside as long as a store is open.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use leadloop_sync_core::book::{Book, Needs};
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::checkpoint;
use crate::engine::{Lines, Pools, check_version, open_postgres, open_sqlite};
use crate::error::{StoreError, code};
use crate::lanes::WriteLane;
use crate::load::load_into;
use crate::lock::FileLock;
use crate::migrate::{migrate, reached};
use crate::seal;
use crate::settings::{Access, Place, StoreSettings};
use crate::steps::Steps;
use crate::text::Engine;
use crate::tx::Tx;
use crate::wake::{Bell, Wakes};

type Result<T> = std::result::Result<T, StoreError>;

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pools: Pools,
    bell: Bell,
    beside: Vec<AbortHandle>,
    lock: Mutex<Option<FileLock>>,
    temporary: Option<PathBuf>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.beside {
            task.abort();
        }
        if let Some(folder) = &self.temporary {
            let _ = std::fs::remove_dir_all(folder); // the system clears its folder for temporary files too
        }
    }
}

impl Store {
    /// Opens a store and brings its schema up to date. Call it within a tokio runtime.
    ///
    /// # Errors
    /// Where the URL cannot be used, the database does not answer or is too old, another process holds the file (its id
    /// is named), or the schema is not one that this program knows.
    pub async fn open(settings: &StoreSettings) -> Result<Self> {
        let own = settings.access == Access::Own;
        match settings.place()? {
            Place::Postgres(url) => Self::over_postgres(&url, settings, own).await,
            Place::File(file) => Self::over_file(file, None, settings, own).await,
            Place::Temporary => {
                let folder = std::env::temp_dir().join(format!("leadloop-store-{}", Uuid::new_v4().simple()));
                make_folder(&folder)?;
                let file = folder.join("store.db");
                Self::over_file(file, Some(folder), settings, true).await
            }
        }
    }

    async fn over_postgres(url: &str, settings: &StoreSettings, own: bool) -> Result<Self> {
        let pools = open_postgres(url, own, settings.connections).await?;
        let pools = prepared(pools, settings, own, None).await?;
        let bell = Bell::new(own);
        let mut beside = Vec::new();
        if let (true, Lines::Postgres { work, .. }) = (own, &pools.lines) {
            let node = Uuid::new_v4().simple().to_string();
            beside.push(tokio::spawn(bell.clone().tell(work.clone(), node.clone())).abort_handle());
            beside.push(tokio::spawn(bell.clone().hear(work.clone(), node)).abort_handle());
        }
        let store = Self::of(pools, bell, beside, None, None);
        if own {
            store.notice_restore().await?;
        }
        Ok(store)
    }

    async fn over_file(
        file: PathBuf,
        temporary: Option<PathBuf>,
        settings: &StoreSettings,
        own: bool,
    ) -> Result<Self> {
        let lock = if own {
            if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                make_folder(folder)?;
            }
            Some(FileLock::take(&file)?)
        } else {
            if !file.exists() {
                let detail = format!("there is no store at {}; start `leadloop run` first", file.display());
                return Err(StoreError::unavailable(code::UNAVAILABLE, detail));
            }
            None
        };
        let durable = temporary.is_none();
        let pools = open_sqlite(file.clone(), durable, own, settings.connections).await?;
        let copy = durable.then(|| file.with_extension("before-migration.db"));
        let pools = prepared(pools, settings, own, copy).await?;
        let mut beside = Vec::new();
        if own {
            beside.push(tokio::spawn(checkpoint::run(pools.clone(), file)).abort_handle());
        }
        Ok(Self::of(pools, Bell::new(false), beside, lock, temporary))
    }

    fn of(
        pools: Pools,
        bell: Bell,
        beside: Vec<AbortHandle>,
        lock: Option<FileLock>,
        temporary: Option<PathBuf>,
    ) -> Self {
        let lock = Mutex::new(lock);
        Self { inner: Arc::new(Inner { pools, bell, beside, lock, temporary }) }
    }

    /// Waits for what is under way, closes, and gives the lock of an SQLite file back. Later calls find it closed.
    pub async fn close(&self) {
        for task in &self.inner.beside {
            task.abort();
        }
        self.inner.pools.close().await;
        self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self.engine_kind() {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
        }
    }

    /// Whether other processes may work on the same database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match &self.inner.pools.steps {
            Some(steps) => steps.shared(),
            None => self.engine_kind() == Engine::Postgres,
        }
    }

    pub(crate) fn handle(&self, steps: Arc<dyn Steps>) -> Self {
        let pools = Pools { steps: Some(steps), ..self.inner.pools.clone() };
        Self::of(pools, Bell::new(false), Vec::new(), None, None)
    }

    /// Whether personal data is sealed in the database.
    #[must_use]
    pub fn encrypted(&self) -> bool {
        self.inner.pools.vault.is_some()
    }

    pub(crate) fn engine_kind(&self) -> Engine {
        self.inner.pools.engine()
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.inner.pools
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.inner.bell
    }

    /// Wake-ups of this store.
    #[must_use]
    pub fn wakes(&self) -> Wakes {
        self.inner.bell.wakes.clone()
    }

    /// Begins a write transaction. SQLite waits for its turn at the one writer.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn begin(&self, lane: WriteLane) -> Result<Tx> {
        Ok(Tx::new(self.inner.pools.write(lane).await?, self.inner.bell.clone()))
    }

    /// Reads what is needed, outside of any write.
    ///
    /// # Errors
    /// As [`Tx::load`].
    pub async fn look(&self, needs: &Needs) -> Result<Book> {
        let mut book = Book::default();
        self.look_more(&mut book, needs).await?;
        Ok(book)
    }

    /// Reads more into a book; what it has already is left as it is.
    ///
    /// # Errors
    /// As [`Tx::load`].
    pub async fn look_more(&self, book: &mut Book, needs: &Needs) -> Result<()> {
        let mut work = self.inner.pools.read().await?;
        load_into(&mut work, book, needs).await?;
        work.undo().await
    }
}

/// The engine with its schema up to date and its vault open. What does not fit is refused before anything is written.
async fn prepared(
    mut pools: Pools,
    settings: &StoreSettings,
    own: bool,
    copy: Option<PathBuf>,
) -> Result<Pools> {
    check_version(&pools).await?;
    let keys = settings.encryption.as_ref();
    let admitted = seal::admit(&pools, reached(&pools).await?, keys).await?;
    migrate(&pools, own && settings.migrate, copy).await?;
    pools.vault = seal::open_vault(&pools, admitted, keys, own).await?.map(Arc::new);
    Ok(pools)
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let detail = format!("the folder {} cannot be made: {error}", folder.display());
        StoreError::unavailable(code::UNAVAILABLE, detail)
    })
}
