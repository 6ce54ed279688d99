//! Reading the audit log; entries are written where a change is committed.

mod find;
mod groups;

pub use find::{AuditPlace, AuditSelection};

use crate::Store;
use crate::db::{Transactional, Value, args};
use crate::error::StoreError;
use sextant_core::audit::{Entry, Head};
use sextant_core::key::Seal;
use sextant_core::time::Time;

/// The columns in the order in which rows are read and written.
macro_rules! columns {
    () => {
        "chain, sequence, at, actor_type, actor_id, actor_name, event, kind, subject_id, subject_name, \
     before, after, address, user_agent, request_id, previous_hash, hash"
    };
}

const COLUMNS: &str = columns!();

pub(crate) const INSERT: &str = concat!("insert into audit_entries (", columns!(), ", group_id) values");

pub(crate) fn values(entry: Entry, group: i64) -> Vec<Value> {
    args![
        entry.chain,
        entry.sequence,
        entry.at.micros(),
        entry.actor_type,
        entry.actor_id,
        entry.actor_name,
        entry.event,
        entry.kind,
        entry.subject_id,
        entry.subject_name,
        entry.before,
        entry.after,
        entry.address,
        entry.user_agent,
        entry.request_id,
        entry.previous_hash,
        entry.hash,
        group,
    ]
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    chain: String,
    sequence: i64,
    at: i64,
    actor_type: String,
    actor_id: String,
    actor_name: String,
    event: String,
    kind: String,
    subject_id: String,
    subject_name: String,
    before: String,
    after: String,
    address: String,
    user_agent: String,
    request_id: String,
    previous_hash: String,
    hash: String,
}

impl From<EntryRow> for Entry {
    fn from(row: EntryRow) -> Self {
        Self {
            chain: row.chain,
            sequence: row.sequence,
            at: Time::from_micros(row.at),
            actor_type: row.actor_type,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            event: row.event,
            kind: row.kind,
            subject_id: row.subject_id,
            subject_name: row.subject_name,
            before: row.before,
            after: row.after,
            address: row.address,
            user_agent: row.user_agent,
            request_id: row.request_id,
            previous_hash: row.previous_hash,
            hash: row.hash,
        }
    }
}

/// Which entries are wanted. Empty lists mean any.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Chains that the caller may see.
    pub chains: Vec<String>,
    /// Names of actors (e-mail addresses of people, names of keys).
    pub actors: Vec<String>,
    /// Words of [`sextant_core::audit::Kind`].
    pub kinds: Vec<&'static str>,
    /// Words of [`sextant_core::audit::Event`].
    pub events: Vec<&'static str>,
    /// The id of one thing.
    pub subject: Option<String>,
    /// Not before.
    pub from: Option<Time>,
    /// Before.
    pub to: Option<Time>,
}

/// One page of entries.
#[derive(Debug)]
pub struct AuditPage {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// How many there are in all.
    pub total: i64,
}

/// How the log ends at one moment.
#[derive(Debug)]
pub struct AuditEnd {
    /// The chains' heads.
    pub heads: Vec<Head>,
    /// Whether these are the chains that the log was sealed with.
    pub chains_are_sealed: bool,
    /// The chains that have entries, whether or not they have a head.
    pub with_entries: Vec<String>,
    /// What the heads are sealed with.
    pub seal: Seal,
}

pub(crate) async fn heads(tx: &mut Transactional) -> Result<Vec<Head>, StoreError> {
    let rows: Vec<(String, i64, String, String)> =
        tx.all("select chain, sequence, hash, seal from audit_heads order by chain", Vec::new()).await?;
    Ok(rows.into_iter().map(|(chain, sequence, hash, seal)| Head { chain, sequence, hash, seal }).collect())
}

/// Whether the log was sealed with just these chains. A log without entries has no seal.
pub(crate) async fn chains_are_sealed(
    tx: &mut Transactional,
    heads: &[Head],
    seal: &Seal,
) -> Result<bool, StoreError> {
    let sealed: Option<(String,)> =
        tx.optional("select value from installation where name = $1", args![crate::tx::CHAINS]).await?;
    let chains: Vec<String> = heads.iter().map(|head| head.chain.clone()).collect();
    Ok(sealed.map_or(chains.is_empty(), |(sealed,)| sealed == seal.over_chains(&chains)))
}

impl Store {
    /// How the log ends at this moment.
    pub async fn audit_end(&self) -> Result<AuditEnd, StoreError> {
        loop {
            let mut tx = self.db.snapshot().await?;
            let secrets = self.keeping.in_force(&mut tx).await?;
            if !secrets.are_in_force(&mut tx).await? {
                // They were replaced after this moment, and the heads that it sees bear the former seal.
                continue;
            }
            let heads = heads(&mut tx).await?;
            let chains_are_sealed = chains_are_sealed(&mut tx, &heads, &secrets.seal).await?;
            let with_entries: Vec<(String,)> =
                tx.all("select distinct chain from audit_entries order by chain", Vec::new()).await?;
            let with_entries = with_entries.into_iter().map(|(chain,)| chain).collect();
            return Ok(AuditEnd { heads, chains_are_sealed, with_entries, seal: secrets.seal.clone() });
        }
    }

    /// The entries of one chain after a number, in order, at most `limit`.
    pub async fn audit_chain(&self, chain: &str, after: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        let rows: Vec<EntryRow> = self
            .db
            .all(
                concat!(
                    "select ",
                    columns!(),
                    " from audit_entries where chain = $1 and sequence > $2 order by sequence limit $3"
                ),
                args![chain, after, limit],
            )
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
