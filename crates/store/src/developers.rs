//! Developer records: versions, uploads that wait for their mapping, and rows that are in force for a time.

use crate::db::{Value, args};
use crate::error::StoreError;
use crate::{Store, Tx};
use sextant_core::permission::action::{DataSettingsWrite, DeveloperRecordsWrite};
use std::collections::BTreeMap;

/// A developer of today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDeveloper {
    /// Their number (32-bit), which stays when their fields change.
    pub ref_id: i64,
    /// Their e-mail address as written.
    pub email: String,
    /// For comparing.
    pub email_folded: String,
    /// Their name.
    pub name: String,
    /// Their manager's e-mail address, or empty.
    pub manager_email: String,
    /// Other fields by key.
    pub attributes: BTreeMap<String, String>,
}

/// A version of the records: an upload, or a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// Its id (32-bit).
    pub id: i64,
    /// `UPLOAD`, `UPSERT` or `SYSTEM`: what made it.
    pub kind: String,
    /// `PREVIEW`: waits for its mapping; `ACTIVE`: in force; `PAST`: was; `SUPERSEDED`: a later one took its place.
    pub state: String,
    /// The upload's columns, a JSON array.
    pub columns: String,
    /// The field mappings, a JSON array; empty while there are none.
    pub mapping: String,
    /// How many rows it has.
    pub row_count: i64,
    /// The order in which it came into force; 0 if it never did.
    pub activation: i64,
}

type VersionRow = (i64, String, String, String, String, i64, i64);

fn version((id, kind, state, columns, mapping, row_count, activation): VersionRow) -> StoredVersion {
    StoredVersion { id, kind, state, columns, mapping, row_count, activation }
}

const ACTIVE_VERSION: &str = "select id, kind, state, columns, mapping, row_count, coalesce(activation, 0) \
     from developer_versions where state = 'ACTIVE'";

impl Store {
    /// The version in force, if initial set-up is done.
    pub async fn active_version(&self) -> Result<Option<StoredVersion>, StoreError> {
        let row: Option<VersionRow> = self.db.optional(ACTIVE_VERSION, Vec::new()).await?;
        Ok(row.map(version))
    }

    /// A version by id.
    pub async fn developer_version(&self, id: i64) -> Result<Option<StoredVersion>, StoreError> {
        let row: Option<VersionRow> = self
            .db
            .optional(
                "select id, kind, state, columns, mapping, row_count, coalesce(activation, 0)
                 from developer_versions where id = $1",
                args![id],
            )
            .await?;
        Ok(row.map(version))
    }

    /// The text of an upload.
    pub async fn upload_text(&self, version: i64) -> Result<String, StoreError> {
        let rows: Vec<(String,)> = self
            .db
            .all(
                "select content from developer_upload_chunks where version_id = $1 order by ordinal",
                args![version],
            )
            .await?;
        Ok(rows.into_iter().map(|(content,)| content).collect())
    }

    /// The developers of today in order of number.
    pub async fn developers(&self) -> Result<Vec<StoredDeveloper>, StoreError> {
        let rows: Vec<(i64, String, String, String, String, String)> = self
            .db
            .all(
                "select ref_id, email, email_folded, name, manager_email, attributes from developers
                 where valid_to is null order by ref_id",
                Vec::new(),
            )
            .await?;
        rows.into_iter()
            .map(|(ref_id, email, email_folded, name, manager_email, attributes)| {
                let attributes = serde_json::from_str(&attributes)
                    .map_err(|_| StoreError::unreadable("attributes of developer", &ref_id.to_string()))?;
                Ok(StoredDeveloper { ref_id, email, email_folded, name, manager_email, attributes })
            })
            .collect()
    }
}

/// Changing who the developers are, or how their columns are read.
pub trait ChangesDevelopers {}
impl ChangesDevelopers for DataSettingsWrite {}
impl ChangesDevelopers for DeveloperRecordsWrite {}

impl<A: ChangesDevelopers> Tx<A> {
    /// The version in force, as this change sees it; no other change of the records comes between.
    pub async fn active_version(&mut self) -> Result<Option<StoredVersion>, StoreError> {
        self.change_number().await?;
        let row: Option<VersionRow> = self.inner.optional(ACTIVE_VERSION, Vec::new()).await?;
        Ok(row.map(version))
    }

    /// Adds a version and answers its id. A new upload takes the place of those that wait.
    pub async fn insert_version(
        &mut self,
        kind: &str,
        (columns, mapping): (&str, &str),
        row_count: i64,
    ) -> Result<i64, StoreError> {
        self.change_number().await?;
        let (_, author, _) = self.author().await?;
        let now = self.now().micros();
        if kind == "UPLOAD" {
            self.inner
                .execute(
                    "update developer_versions set state = 'SUPERSEDED' where state = 'PREVIEW'",
                    Vec::new(),
                )
                .await?;
            self.inner
                .execute(
                    "delete from developer_upload_chunks where version_id in
                         (select id from developer_versions where state = 'SUPERSEDED')",
                    Vec::new(),
                )
                .await?;
        }
        let (id,): (i64,) = self
            .inner
            .one(
                "insert into developer_versions (id, kind, state, columns, mapping, row_count, created_at, created_by)
                 values ((select coalesce(max(id), 0) + 1 from developer_versions), $1, 'PREVIEW', $2, $3, $4, $5, $6)
                 returning id",
                args![kind, columns, mapping, row_count, now, author],
            )
            .await?;
        Ok(id)
    }

    /// Keeps an upload's text.
    pub async fn insert_upload_text(&mut self, version: i64, text: &str) -> Result<(), StoreError> {
        const PIECE: usize = 256 * 1024;
        let mut rest = text;
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let mut ordinal = 0;
        while !rest.is_empty() {
            let mut end = PIECE.min(rest.len());
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (piece, tail) = rest.split_at(end);
            rows.push(args![version, ordinal, piece]);
            ordinal += 1;
            rest = tail;
            if rows.len() == 16 || rest.is_empty() {
                self.inner
                    .insert_many(
                        "insert into developer_upload_chunks (version_id, ordinal, content) values",
                        std::mem::take(&mut rows),
                        "",
                    )
                    .await?;
            }
        }
        Ok(())
    }

    /// Puts a version in force with its mapping, and answers the number of its activation.
    pub async fn activate_version(
        &mut self,
        id: i64,
        mapping: &str,
        row_count: i64,
    ) -> Result<i64, StoreError> {
        self.announce("developers", "account").await?;
        self.inner
            .execute("update developer_versions set state = 'PAST' where state = 'ACTIVE'", Vec::new())
            .await?;
        let (activation,): (i64,) = self
            .inner
            .one(
                "update developer_versions set state = 'ACTIVE', mapping = $2, row_count = $3,
                     activation = (select coalesce(max(activation), 0) + 1 from developer_versions)
                 where id = $1 returning activation",
                args![id, mapping, row_count],
            )
            .await?;
        self.inner.execute("delete from developer_upload_chunks where version_id = $1", args![id]).await?;
        Ok(activation)
    }

    /// The developers of today, as this change sees them.
    pub async fn developers(&mut self) -> Result<Vec<(i64, String)>, StoreError> {
        self.inner.all("select ref_id, email_folded from developers where valid_to is null", Vec::new()).await
    }

    /// The largest number a developer ever had.
    pub async fn last_ref_id(&mut self) -> Result<i64, StoreError> {
        let (last,): (i64,) =
            self.inner.one("select coalesce(max(ref_id), 0) from developers", Vec::new()).await?;
        Ok(last)
    }

    /// Ends rows: their developers are other, or gone, from this activation on.
    pub async fn end_developers(&mut self, ref_ids: Vec<i64>, activation: i64) -> Result<(), StoreError> {
        self.inner
            .execute_in(
                "update developers set valid_to = $1 where valid_to is null and ref_id in",
                args![activation],
                ref_ids.into_iter().map(Value::from).collect(),
            )
            .await?;
        Ok(())
    }

    /// Adds rows that are in force from this activation on.
    pub async fn insert_developers(
        &mut self,
        developers: Vec<StoredDeveloper>,
        activation: i64,
    ) -> Result<(), StoreError> {
        let rows = developers
            .into_iter()
            .map(|developer| {
                let attributes = serde_json::to_string(&developer.attributes)
                    .unwrap_or_else(|_| unreachable!("texts by text are JSON"));
                args![
                    developer.ref_id,
                    activation,
                    developer.email,
                    developer.email_folded,
                    developer.name,
                    developer.manager_email,
                    attributes,
                ]
            })
            .collect();
        self.inner
            .insert_many(
                "insert into developers (ref_id, valid_from, email, email_folded, name, manager_email, attributes) values",
                rows,
                "",
            )
            .await
    }
}
