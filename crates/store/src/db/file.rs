//! Files that are databases: backups, drafts, and what has to be done before one is moved.

use super::{Db, Pools};
use crate::error::StoreError;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Row as _, Sqlite};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Handle;

/// The first bytes of a database file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Whether a file begins as every database file does. This process must not have it open.
pub fn is_database_file(path: &Path) -> std::io::Result<bool> {
    let mut head = [0; MAGIC.len()];
    match std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)) {
        Ok(()) => Ok(head == *MAGIC),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

impl Db {
    /// Opens a file that is there in whatever shape it is. Closed, it is whole.
    pub(crate) async fn open_as_is(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        Self::over_file(options).await
    }

    /// Opens a file that nobody writes for reading only; nothing is made beside it.
    pub(crate) async fn open_still(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        Self::over_file(options).await
    }

    /// Opens a file that nobody else uses and brings it to this version's shape. Closed, it is one file that can be moved.
    pub(crate) async fn open_draft(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Delete)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let db = Self::over_file(options).await?;
        db.migrate().await?;
        Ok(db)
    }

    async fn over_file(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let only = || PoolOptions::<Sqlite>::new().max_connections(1);
        let read = only().connect_with(options.clone()).await?;
        let write = only().connect_lazy_with(options);
        Ok(Self { pools: Pools::Sqlite { read, write }, runtime: Handle::current() })
    }

    /// Copies a database that is a file, as of this moment, into an empty file. `false`: it is none.
    pub(crate) async fn copy_file(&self, to: &Path) -> Result<bool, StoreError> {
        let Pools::Sqlite { read, .. } = &self.pools else { return Ok(false) };
        let name = to.to_str().ok_or_else(|| {
            StoreError::Broken("the name of the file is no text; choose another".to_owned())
        })?;
        self.here(sqlx::query("vacuum into $1").bind(name.to_owned()).execute(read)).await?;
        Ok(true)
    }

    /// What is wrong with a file's pages, if anything.
    pub(crate) async fn damage(&self) -> Result<Option<String>, StoreError> {
        let found: Vec<(String,)> = self.all("pragma integrity_check(1)", Vec::new()).await?;
        Ok(found.into_iter().map(|(line,)| line).find(|line| line != "ok"))
    }

    /// Brings everything that was committed into the file itself. `false`: somebody else has it open.
    pub(crate) async fn settle(&self) -> Result<bool, StoreError> {
        let Pools::Sqlite { write, .. } = &self.pools else { return Ok(true) };
        let row = self.here(sqlx::query("pragma wal_checkpoint(truncate)").fetch_one(write)).await?;
        let busy: i64 = row.try_get(0)?;
        Ok(busy == 0)
    }
}
