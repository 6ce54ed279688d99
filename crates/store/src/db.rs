//! The one file that knows there are two databases. Everything above writes one SQL text in the subset both share:
//! `$1` parameters, BIGINT microseconds for time, TEXT for ids and JSON, BOOLEAN, `on conflict`, `returning`.
//!
//! SQLite has one writing connection (`begin immediate`, so a transaction never fails half-way for having read first)
//! and several reading ones, in WAL mode with `synchronous = full`: what was acknowledged survives power loss.
//! Connections belong to the runtime that opened the database, whichever runtime polls a query: listeners come and go.

#![expect(clippy::disallowed_methods, reason = "this is the place that the lint sends everyone to")]

mod copy;
mod file;
mod location;
mod open;
mod wakeups;

pub use file::is_database_file;
pub use location::Location;
pub use wakeups::Wakeups;

use crate::error::StoreError;
use sextant_core::redact::redact;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, FromRow, Postgres, Sqlite, Transaction};
use std::borrow::Cow;
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;

/// A value bound to a parameter. Text of key form loses its secret here, whatever came before.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// TEXT or null.
    Text(Option<String>),
    /// BIGINT or null.
    Number(Option<i64>),
    /// BOOLEAN.
    Truth(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(ToOwned::to_owned))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

/// The parameters of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Value::from($value)),*] };
}
pub(crate) use args;

/// A row that reads from both databases.
pub(crate) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{
}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{}

type SqliteQuery<'q> = sqlx::query::Query<'q, Sqlite, <Sqlite as sqlx::Database>::Arguments>;
type PostgresQuery<'q> = sqlx::query::Query<'q, Postgres, <Postgres as sqlx::Database>::Arguments>;

macro_rules! bind_all {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Text(Some(text)) => match redact(&text) {
                    Cow::Borrowed(_) => query.bind(Some(text)),
                    Cow::Owned(clean) => query.bind(Some(clean)),
                },
                Value::Text(None) => query.bind(None::<String>),
                Value::Number(number) => query.bind(number),
                Value::Truth(truth) => query.bind(truth),
            };
        }
        query
    }};
}

fn sqlite_query<'q>(sql: Cow<'static, str>, values: Vec<Value>) -> SqliteQuery<'q> {
    let query = match sql {
        Cow::Borrowed(sql) => sqlx::query(sql),
        Cow::Owned(sql) => sqlx::query(AssertSqlSafe(sql)).persistent(false),
    };
    bind_all!(query, values)
}

fn postgres_query<'q>(sql: Cow<'static, str>, values: Vec<Value>) -> PostgresQuery<'q> {
    let query = match sql {
        Cow::Borrowed(sql) => sqlx::query(sql),
        Cow::Owned(sql) => sqlx::query(AssertSqlSafe(sql)).persistent(false),
    };
    bind_all!(query, values)
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

/// The open database: reading, and beginning transactions.
#[derive(Clone, Debug)]
pub(crate) struct Db {
    pools: Pools,
    runtime: Handle,
}

impl Db {
    /// Closes all connections.
    pub(crate) async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// All rows of a query.
    pub(crate) async fn all<T: Row>(
        &self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        self.fetch(Cow::Borrowed(sql), values).await
    }

    /// All rows of a query whose text was put together from constant parts.
    pub(crate) async fn all_of<T: Row>(&self, sql: String, values: Vec<Value>) -> Result<Vec<T>, StoreError> {
        self.fetch(Cow::Owned(sql), values).await
    }

    async fn fetch<T: Row>(&self, sql: Cow<'static, str>, values: Vec<Value>) -> Result<Vec<T>, StoreError> {
        let rows = async move {
            let read: Result<Vec<T>, sqlx::Error> = match &self.pools {
                Pools::Sqlite { read, .. } => {
                    let rows = sqlite_query(sql, values).fetch_all(read).await?;
                    rows.iter().map(T::from_row).collect()
                }
                Pools::Postgres(pool) => {
                    let rows = postgres_query(sql, values).fetch_all(pool).await?;
                    rows.iter().map(T::from_row).collect()
                }
            };
            read
        };
        Ok(self.here(rows).await?)
    }

    /// Rows whose column is one of many; see [`Transactional::all_in`].
    pub(crate) async fn all_in<T: Row>(
        &self,
        head: &'static str,
        first: Vec<Value>,
        list: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        for chunk in list.chunks(500) {
            let (sql, values) = in_list(head, &first, chunk);
            found.extend(self.fetch(Cow::Owned(sql), values).await?);
        }
        Ok(found)
    }

    /// The first row, if there is one.
    pub(crate) async fn optional<T: Row>(
        &self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// Begins a transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Transactional, StoreError> {
        self.start(Mode::Writing).await
    }

    /// Begins a transaction that may write while no other one is under way.
    pub(crate) async fn begin_alone(&self) -> Result<Transactional, StoreError> {
        self.start(Mode::Alone).await
    }

    /// Begins a transaction that sees one moment and writes nothing.
    pub(crate) async fn snapshot(&self) -> Result<Transactional, StoreError> {
        self.start(Mode::Reading).await
    }

    async fn start(&self, mode: Mode) -> Result<Transactional, StoreError> {
        let begun = async {
            Ok::<_, sqlx::Error>(match (&self.pools, mode) {
                (Pools::Sqlite { write, .. }, Mode::Writing | Mode::Alone) => {
                    Live::Sqlite(write.begin_with("begin immediate").await?)
                }
                (Pools::Sqlite { read, .. }, Mode::Reading) => Live::Sqlite(read.begin().await?),
                (Pools::Postgres(pool), Mode::Writing | Mode::Alone) => {
                    // Whoever waits to be alone is not overtaken by those who come after, as it would be by row locks.
                    let turn = match mode {
                        Mode::Alone => "select pg_advisory_xact_lock(7117)",
                        _ => "select pg_advisory_xact_lock_shared(7117)",
                    };
                    let mut transaction = pool.begin().await?;
                    sqlx::query(turn).execute(&mut *transaction).await?;
                    Live::Postgres(transaction)
                }
                (Pools::Postgres(pool), Mode::Reading) => {
                    Live::Postgres(pool.begin_with("begin isolation level repeatable read read only").await?)
                }
            })
        };
        let live = self.here(begun).await?;
        Ok(Transactional { live: Some(live), runtime: self.runtime.clone() })
    }

    /// Runs a query beside the caller, on the database's runtime.
    pub(crate) fn beside<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(future)
    }

    async fn here<F: Future>(&self, future: F) -> F::Output {
        TokioContext::new(future, self.runtime.clone()).await
    }
}

#[derive(Clone, Copy)]
enum Mode {
    Reading,
    Writing,
    Alone,
}

enum Live {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction under way; dropping it undoes it.
pub(crate) struct Transactional {
    live: Option<Live>,
    runtime: Handle,
}

impl Drop for Transactional {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        self.live = None;
    }
}

impl Transactional {
    fn live(&mut self) -> &mut Live {
        self.live.as_mut().unwrap_or_else(|| unreachable!("a transaction is used up only by its end"))
    }

    /// All rows of a query.
    pub(crate) async fn all<T: Row>(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        self.fetch(Cow::Borrowed(sql), values).await
    }

    async fn fetch<T: Row>(
        &mut self,
        sql: Cow<'static, str>,
        values: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        let runtime = self.runtime.clone();
        let live = self.live();
        let rows = async move {
            let read: Result<Vec<T>, sqlx::Error> = match live {
                Live::Sqlite(transaction) => {
                    let rows = sqlite_query(sql, values).fetch_all(&mut **transaction).await?;
                    rows.iter().map(T::from_row).collect()
                }
                Live::Postgres(transaction) => {
                    let rows = postgres_query(sql, values).fetch_all(&mut **transaction).await?;
                    rows.iter().map(T::from_row).collect()
                }
            };
            read
        };
        Ok(TokioContext::new(rows, runtime).await?)
    }

    /// The first row, if there is one.
    pub(crate) async fn optional<T: Row>(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// The only row.
    pub(crate) async fn one<T: Row>(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<T, StoreError> {
        self.optional(sql, values).await?.ok_or_else(|| StoreError::Broken(format!("no row: {sql}")))
    }

    /// Runs a statement; the number of rows it touched.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        self.run(Cow::Borrowed(sql), values).await
    }

    async fn run(&mut self, sql: Cow<'static, str>, values: Vec<Value>) -> Result<u64, StoreError> {
        let runtime = self.runtime.clone();
        let live = self.live();
        let done = async move {
            Ok::<_, sqlx::Error>(match live {
                Live::Sqlite(transaction) => {
                    sqlite_query(sql, values).execute(&mut **transaction).await?.rows_affected()
                }
                Live::Postgres(transaction) => {
                    postgres_query(sql, values).execute(&mut **transaction).await?.rows_affected()
                }
            })
        };
        Ok(TokioContext::new(done, runtime).await?)
    }

    /// Inserts many rows in few statements: `head` up to and with `values`, `tail` after the rows. On SQLite numbered
    /// parameters cost quadratically in long statements, so they are bare there.
    pub(crate) async fn insert_many(
        &mut self,
        head: &str,
        rows: Vec<Vec<Value>>,
        tail: &str,
    ) -> Result<(), StoreError> {
        let Some(width) = rows.first().map(Vec::len) else { return Ok(()) };
        let at_once = (30_000 / width.max(1)).clamp(1, 500);
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<Vec<Value>> = rows.by_ref().take(at_once).collect();
            let sql = format!("{head} {} {tail}", self.rows_of_places(chunk.len(), width));
            self.run(Cow::Owned(sql), chunk.into_iter().flatten().collect()).await?;
        }
        Ok(())
    }

    /// Rows whose column is one of many ids: `head` up to and with `in`, then the list. `first` are the parameters
    /// that `head` itself has, which must come first.
    pub(crate) async fn all_in<T: Row>(
        &mut self,
        head: &'static str,
        first: Vec<Value>,
        ids: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        for chunk in ids.chunks(500) {
            let (sql, values) = in_list(head, &first, chunk);
            found.extend(self.fetch(Cow::Owned(sql), values).await?);
        }
        Ok(found)
    }

    /// A statement over rows whose column is one of many ids; see [`Transactional::all_in`].
    pub(crate) async fn execute_in(
        &mut self,
        head: &'static str,
        first: Vec<Value>,
        ids: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let mut touched = 0;
        for chunk in ids.chunks(500) {
            let (sql, values) = in_list(head, &first, chunk);
            touched += self.run(Cow::Owned(sql), values).await?;
        }
        Ok(touched)
    }

    fn rows_of_places(&self, rows: usize, width: usize) -> String {
        let numbered = matches!(self.live, Some(Live::Postgres(_)));
        let mut text = String::with_capacity(rows * width * 6);
        for row in 0..rows {
            text.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..width {
                if column > 0 {
                    text.push(',');
                }
                if numbered {
                    text.push_str(&format!("${}", row * width + column + 1));
                } else {
                    text.push('?');
                }
            }
            text.push(')');
        }
        text
    }

    /// Whether commits can be told to others.
    fn notifies(&self) -> bool {
        matches!(self.live, Some(Live::Postgres(_)))
    }

    /// Makes the changes last.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let runtime = self.runtime.clone();
        let Some(live) = self.live.take() else { return Ok(()) };
        let done = async move {
            match live {
                Live::Sqlite(transaction) => transaction.commit().await,
                Live::Postgres(transaction) => transaction.commit().await,
            }
        };
        Ok(TokioContext::new(done, runtime).await?)
    }
}

fn in_list(head: &'static str, first: &[Value], ids: &[Value]) -> (String, Vec<Value>) {
    let places: Vec<String> = (0..ids.len()).map(|at| format!("${}", first.len() + at + 1)).collect();
    (format!("{head} ({})", places.join(",")), first.iter().chain(ids).cloned().collect())
}

/// Whether a database answers at all: for `/readyz` and `doctor`.
pub(crate) async fn ping(db: &Db) -> Result<(), StoreError> {
    let answer = async {
        match &db.pools {
            Pools::Sqlite { read, .. } => read.acquire().await?.ping().await,
            Pools::Postgres(pool) => pool.acquire().await?.ping().await,
        }
    };
    Ok(db.here(answer).await?)
}
