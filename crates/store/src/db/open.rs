//! Opening: the database is looked at first, and changed only when it is known to be the right one.

#![expect(clippy::disallowed_methods, reason = "part of the place that the lint sends everyone to")]

use super::{Db, Location, Pools, Row};
use crate::error::StoreError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Postgres, Sqlite};
use std::borrow::Cow;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use tokio::runtime::Handle;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

impl Db {
    /// Connects, and makes the file if it is one that is not there. Nothing in the database is changed.
    /// The calling runtime must outlive every use.
    pub(crate) async fn connect(location: &Location) -> Result<Self, StoreError> {
        let pools = match location {
            Location::Sqlite(path) => sqlite(path),
            Location::Postgres(url) => postgres(&url.0).await?,
        };
        Ok(Self { pools, runtime: Handle::current() })
    }

    /// What a query finds in a table that may not be there yet. Leaves nothing behind: SQLite's own connections would
    /// write down statistics when they close.
    pub(crate) async fn peek<T: Row>(
        &self,
        table: &'static str,
        sql: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { write, .. } => {
                let options = SqliteConnectOptions::new()
                    .filename(write.connect_options().get_filename())
                    .create_if_missing(true)
                    .busy_timeout(Duration::from_secs(5));
                let mut connection = SqliteConnection::connect_with(&options).await?;
                let there: Option<(i64,)> =
                    sqlx::query_as("select 1 from sqlite_master where type = 'table' and name = $1")
                        .bind(table)
                        .fetch_optional(&mut connection)
                        .await?;
                let rows = match there {
                    Some(_) => sqlx::query(sql).fetch_all(&mut connection).await?,
                    None => Vec::new(),
                };
                connection.close().await?;
                rows.iter().map(T::from_row).collect::<Result<_, _>>()?
            }
            Pools::Postgres(pool) => {
                let there: (bool,) =
                    sqlx::query_as("select to_regclass($1) is not null").bind(table).fetch_one(pool).await?;
                let rows = if there.0 { sqlx::query(sql).fetch_all(pool).await? } else { Vec::new() };
                rows.iter().map(T::from_row).collect::<Result<_, _>>()?
            }
        })
    }

    /// Brings the database to this version's shape.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let done = match &self.pools {
            Pools::Sqlite { write, .. } => sqlite_migrations().run(write).await,
            Pools::Postgres(pool) => MIGRATIONS.run(pool).await,
        };
        done.map_err(|error| match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooOld(..) => StoreError::Newer,
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => StoreError::Broken(other.to_string()),
        })
    }
}

fn sqlite(path: &Path) -> Pools {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .optimize_on_close(true, None);
    let write = PoolOptions::<Sqlite>::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options.clone());
    let read = PoolOptions::<Sqlite>::new()
        .max_connections(4)
        .min_connections(0)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options.read_only(true).create_if_missing(false));
    Pools::Sqlite { read, write }
}

async fn postgres(url: &str) -> Result<Pools, StoreError> {
    let options = PgConnectOptions::from_str(url)?.application_name("sextant");
    let pool: PgPool = PoolOptions::<Postgres>::new()
        .max_connections(12)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options)
        .await?;
    Ok(Pools::Postgres(pool))
}

/// The same migrations without the collation that SQLite has by default and does not know by this name.
fn sqlite_migrations() -> Migrator {
    let migrations = MIGRATIONS
        .iter()
        .map(|migration| {
            let mut plain = migration.clone();
            let text = migration.sql.as_str().replace(" collate \"C\"", "");
            plain.sql = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(text));
            plain
        })
        .collect::<Vec<_>>();
    Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT }
}
