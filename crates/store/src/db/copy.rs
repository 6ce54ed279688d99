//! Whole tables from one database to another, whichever the two are. Which tables and columns there are is read from the
//! catalogue of a file, so that no list can be forgotten; names and types are the same in both.

use super::{Db, Live, Transactional, Value, args};
use crate::error::StoreError;
use sqlx::{AssertSqlSafe, Row as _};
use std::borrow::Cow;
use std::collections::HashSet;
use tokio_util::context::TokioContext;

/// How many rows are in memory at once.
const AT_ONCE: i64 = 500;

/// A table with its columns.
#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Number,
    Truth,
}

impl Table {
    fn columns(&self, shape: impl Fn(&str, Kind) -> String) -> String {
        self.columns.iter().map(|(name, kind)| shape(name, *kind)).collect::<Vec<_>>().join(", ")
    }

    /// Both databases read these columns alike; a smaller integer has to be made as large as the others first.
    fn shown(&self) -> String {
        self.columns(|name, kind| match kind {
            Kind::Number => format!("cast(\"{name}\" as bigint)"),
            Kind::Text | Kind::Truth => format!("\"{name}\""),
        })
    }
}

macro_rules! values_of {
    ($row:expr, $table:expr) => {{
        let row = $row;
        let value = |(at, (_, kind)): (usize, &(String, Kind))| {
            Ok::<_, sqlx::Error>(match kind {
                Kind::Text => Value::Text(row.try_get(at)?),
                Kind::Number => Value::Number(row.try_get(at)?),
                Kind::Truth => Value::Truth(row.try_get(at)?),
            })
        };
        $table.columns.iter().enumerate().map(value).collect::<Result<Vec<_>, _>>()
    }};
}

impl Db {
    /// The tables of a file, each after those that it refers to.
    pub(crate) async fn tables(&self) -> Result<Vec<Table>, StoreError> {
        let columns: Vec<(String, String, String)> = self
            .all(
                "select t.name, c.name, lower(c.type) from sqlite_master t join pragma_table_info(t.name) c
                 where t.type = 'table' and t.name not like 'sqlite!_%' escape '!' and t.name <> '_sqlx_migrations'
                 order by t.name, c.cid",
                Vec::new(),
            )
            .await?;
        let references: Vec<(String, String)> = self
            .all(
                "select t.name, f.\"table\" from sqlite_master t join pragma_foreign_key_list(t.name) f
                 where t.type = 'table' and f.\"table\" <> t.name",
                Vec::new(),
            )
            .await?;
        let mut waiting: Vec<Table> = Vec::new();
        for (name, column, kind) in columns {
            let kind = match kind.as_str() {
                "text" => Kind::Text,
                "bigint" | "integer" => Kind::Number,
                "boolean" => Kind::Truth,
                other => return Err(StoreError::Broken(format!("column {column} of {name} is a {other}"))),
            };
            match waiting.last_mut().filter(|table| table.name == name) {
                Some(table) => table.columns.push((column, kind)),
                None => waiting.push(Table { name, columns: vec![(column, kind)] }),
            }
        }
        let mut ordered: Vec<Table> = Vec::new();
        let mut placed: HashSet<String> = HashSet::new();
        while !waiting.is_empty() {
            let (ready, rest): (Vec<Table>, Vec<Table>) = waiting.into_iter().partition(|table| {
                references.iter().all(|(from, to)| *from != table.name || placed.contains(to))
            });
            if ready.is_empty() {
                return Err(StoreError::Broken("tables refer to each other in a circle".to_owned()));
            }
            placed.extend(ready.iter().map(|table| table.name.clone()));
            ordered.extend(ready);
            waiting = rest;
        }
        Ok(ordered)
    }
}

impl Transactional {
    /// Takes every row out of these tables, which must be all. Others neither read nor write them until the end.
    // tidy: no permit: it serves `Tx::refill`, and drafts, which are nobody's yet
    pub(crate) async fn empty(&mut self, tables: &[Table]) -> Result<(), StoreError> {
        if matches!(self.live(), Live::Postgres(_)) {
            let names: Vec<String> = tables.iter().map(|table| format!("\"{}\"", table.name)).collect();
            self.run(Cow::Owned(format!("truncate table {}", names.join(", "))), Vec::new()).await?;
            return Ok(());
        }
        for table in tables.iter().rev() {
            self.run(Cow::Owned(format!("delete from \"{}\"", table.name)), Vec::new()).await?;
        }
        Ok(())
    }

    /// Puts all rows of these tables of another database here, where none are. `done` hears how many are.
    // tidy: no permit: it serves `Tx::refill`, and drafts, which are nobody's yet
    pub(crate) async fn fill_from(
        &mut self,
        other: &mut Self,
        tables: &[Table],
        done: &(dyn Fn(u64) + Sync),
    ) -> Result<(), StoreError> {
        let mut count = 0;
        for table in tables {
            let mut place = other.begin_rows(table).await?;
            let names = table.columns(|name, _| format!("\"{name}\""));
            let head = format!("insert into \"{}\" ({names}) values", table.name);
            loop {
                let rows = other.more_rows(table, &mut place).await?;
                if rows.is_empty() {
                    break;
                }
                count += rows.len() as u64;
                self.insert_many(&head, rows, "").await?;
                done(count);
            }
            other.end_rows().await?;
        }
        Ok(())
    }

    /// Begins to read a table; answers the place before its first row.
    async fn begin_rows(&mut self, table: &Table) -> Result<i64, StoreError> {
        if matches!(self.live(), Live::Postgres(_)) {
            let sql = format!(
                "declare all_rows no scroll cursor for select {} from \"{}\"",
                table.shown(),
                table.name
            );
            self.run(Cow::Owned(sql), Vec::new()).await?;
        }
        Ok(i64::MIN)
    }

    async fn more_rows(&mut self, table: &Table, place: &mut i64) -> Result<Vec<Vec<Value>>, StoreError> {
        let runtime = self.runtime.clone();
        let live = self.live();
        let read = async move {
            match live {
                Live::Sqlite(transaction) => {
                    let sql = format!(
                        "select {}, rowid from \"{}\" where rowid > $1 order by rowid limit $2",
                        table.shown(),
                        table.name
                    );
                    let query = super::sqlite_query(Cow::Owned(sql), args![*place, AT_ONCE]);
                    let rows = query.fetch_all(&mut **transaction).await?;
                    if let Some(last) = rows.last() {
                        *place = last.try_get(table.columns.len())?;
                    }
                    rows.iter().map(|row| values_of!(row, table)).collect()
                }
                Live::Postgres(transaction) => {
                    let sql = format!("fetch {AT_ONCE} from all_rows");
                    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
                    let rows = query.fetch_all(&mut **transaction).await?;
                    rows.iter().map(|row| values_of!(row, table)).collect()
                }
            }
        };
        let rows: Result<_, sqlx::Error> = TokioContext::new(read, runtime).await;
        Ok(rows?)
    }

    async fn end_rows(&mut self) -> Result<(), StoreError> {
        if matches!(self.live(), Live::Postgres(_)) {
            self.run(Cow::Borrowed("close all_rows"), Vec::new()).await?;
        }
        Ok(())
    }
}
