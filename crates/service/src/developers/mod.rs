//! Developer records: the first upload and its mapping, upsert, list, schema.
//!
//! What is read is kept in memory ([`Directory`]) and replaced as a whole when a version comes into force.

mod changes;
mod directory;
mod find;

pub use directory::Directory;
pub use find::DeveloperQuery;

pub(crate) use directory::DirectoryCache;

use crate::error::Failure;
use crate::{Publish, Sextant};
use changes::{changes, developer_note, redacted, redacted_object};
use directory::{schema_text, stored, unreadable};
use find::find;
use serde_json::{Map, Value, json};
use sextant_core::access::{Caller, Permit, Scope};
use sextant_core::audit::Event;
use sextant_core::code::Code;
use sextant_core::developer::{
    DeveloperRecord, FieldMapping, FieldType, Mapping, Roster, Suggestion, ValidationError, suggest, upsert,
    validate, write_csv, write_table,
};
use sextant_core::permission::action::{DataSettingsWrite, DeveloperRecordsRead, DeveloperRecordsWrite};
use sextant_ingest::csv;
use sextant_store::{StoredVersion, Tx};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How many rows a preview shows.
const SAMPLE: usize = 10;

/// What a first upload holds, before anything is saved.
#[derive(Debug)]
pub struct Preview {
    /// To be named when the mappings are saved; `None` where the upload could not be read.
    pub version_id: Option<i64>,
    /// What the columns probably mean.
    pub suggestions: Vec<Suggestion>,
    /// How many rows there are.
    pub total: usize,
    /// The first rows by column.
    pub sample: Vec<BTreeMap<String, String>>,
    /// What breaks the rules under the suggested mappings.
    pub errors: Vec<ValidationError>,
}

/// What a mapping or upsert did.
#[derive(Debug)]
pub struct Upserted {
    /// The version that came into force, or the one that still is.
    pub version_id: i64,
    /// New developers.
    pub added: usize,
    /// Changed ones.
    pub updated: usize,
    /// Those who are no longer there.
    pub removed: usize,
    /// Those who already were so.
    pub unchanged: usize,
    /// Keys of the payload that are no column.
    pub ignored_fields: Vec<String>,
    /// How many there are now.
    pub total: usize,
}

/// A page of developers.
#[derive(Debug)]
pub struct DeveloperPage {
    /// Number and record.
    pub developers: Vec<(i64, DeveloperRecord)>,
    /// How many fit in all.
    pub total: usize,
}

/// Whether answering took long enough to leave the thread that answers requests.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| unreadable(&error))
}

impl Sextant {
    /// The developers in memory: what hot reads answer with.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.0.load_full()
    }

    /// Reads the developers anew if another version is in force.
    pub(crate) async fn refresh_directory(&self) -> Result<(), Failure> {
        let version = self.store.active_version().await?;
        if version.as_ref().map_or(0, |version| version.activation) == self.directory.0.load().activation() {
            return Ok(());
        }
        let developers = self.store.developers().await?;
        // The rows may be of a later version than the one read before them; its announcement then calls this again.
        self.directory.set(Directory::new(version, developers)?);
        Ok(())
    }

    async fn current(&self) -> Result<Arc<Directory>, Failure> {
        if self.node.is_none() {
            self.refresh_directory().await?;
        }
        Ok(self.directory())
    }

    /// The schema's answer.
    pub async fn developer_schema(&self) -> Result<Arc<Directory>, Failure> {
        self.current().await
    }

    /// Takes a first upload, or one that starts a new mapping; saves nothing of the developers.
    pub async fn upload_developers(&self, caller: &Caller, bytes: Vec<u8>) -> Result<Preview, Failure> {
        let permit = caller.permit::<DataSettingsWrite>(&Scope::Account)?;
        let (table, text, suggestions, errors) = aside(move || {
            let table = csv::read(&bytes).map_err(|problem| {
                let mut failure = Failure::validation(vec![problem.validation_error()]);
                failure.message = problem.to_string();
                failure
            })?;
            let table = redacted(table);
            let suggestions = suggest(&table.columns);
            let fields: Vec<FieldMapping> = suggestions.iter().map(|one| one.mapping.clone()).collect();
            let errors = validate(&table.columns, &table.rows, &fields, &[]).err().unwrap_or_default();
            let text = write_table(&table.columns, &table.rows);
            Ok::<_, Failure>((table, text, suggestions, errors))
        })
        .await??;
        let columns = serde_json::to_string(&table.columns).map_err(|error| unreadable(&error))?;
        let rows = i64::try_from(table.rows.len()).unwrap_or(i64::MAX);

        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        let version = tx.insert_version("UPLOAD", (&columns, ""), rows).await?;
        tx.insert_upload_text(version, &text).await?;
        let after = json!({"versionId": version.to_string(), "rows": rows, "columns": table.columns});
        tx.commit(vec![developer_note(Event::Submitted, version, None, after)]).await?;

        let sample = table.rows.iter().take(SAMPLE).map(|row| by_column(&table.columns, row)).collect();
        Ok(Preview { version_id: Some(version), suggestions, total: table.rows.len(), sample, errors })
    }

    /// Saves the mappings of an upload and its developers, all or nothing.
    pub async fn save_mappings(
        &self,
        caller: &Caller,
        version_id: &str,
        fields: Vec<(String, String)>,
    ) -> Result<Upserted, Failure> {
        let permit = caller.permit::<DataSettingsWrite>(&Scope::Account)?;
        let id: i64 = version_id.parse().map_err(|_| Failure::not_found("version"))?;
        let version = self.store.developer_version(id).await?.ok_or_else(|| Failure::not_found("version"))?;
        if version.state != "PREVIEW" {
            return Err(Failure::new(
                Code::Conflict,
                "this version does not wait for its mappings; upload the file again to start a new mapping",
            ));
        }
        let columns: Vec<String> =
            serde_json::from_str(&version.columns).map_err(|error| unreadable(&error))?;
        let list = fields
            .into_iter()
            .map(|(column, field_type)| {
                let field_type: FieldType =
                    field_type.parse().map_err(|error| Failure::invalid("fieldMappings.fieldType", error))?;
                Ok((column, field_type))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let fields = FieldMapping::list(list);
        let mapping = Mapping::for_columns(fields, &columns).map_err(mapping_failure)?;
        let text = self.store.upload_text(id).await?;
        let (records, mapping) = aside(move || {
            let table = csv::read(text.as_bytes()).map_err(|problem| unreadable(&problem))?;
            let records =
                validate(&table.columns, &table.rows, mapping.fields(), &[]).map_err(Failure::validation)?;
            Ok::<_, Failure>((records, mapping))
        })
        .await??;
        self.replace(permit, version, mapping, records).await
    }

    /// Puts a whole new set of developers in force.
    async fn replace(
        &self,
        permit: Permit<DataSettingsWrite>,
        version: StoredVersion,
        mapping: Mapping,
        records: Vec<DeveloperRecord>,
    ) -> Result<Upserted, Failure> {
        let mapping_text = serde_json::to_string(&mapping).map_err(|error| unreadable(&error))?;
        let before = self.current().await?;
        let total = records.len();
        let rows = i64::try_from(total).unwrap_or(i64::MAX);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        same_version(&mut tx, &before).await?;
        let activation = tx.activate_version(version.id, &mapping_text, rows).await?;
        let mut next_id = tx.last_ref_id().await?;
        let known: HashMap<&str, (i64, &DeveloperRecord)> = numbered(&before);
        let mut ended = Vec::new();
        let mut fresh = Vec::new();
        let mut kept: Vec<(i64, DeveloperRecord)> = Vec::with_capacity(total);
        let (mut added, mut updated, mut unchanged) = (0, 0, 0);
        for record in records {
            let ref_id = match known.get(record.email.folded()) {
                Some((ref_id, old)) if **old == record => {
                    unchanged += 1;
                    *ref_id
                }
                Some((ref_id, _)) => {
                    updated += 1;
                    ended.push(*ref_id);
                    fresh.push(stored(*ref_id, record.clone()));
                    *ref_id
                }
                None => {
                    added += 1;
                    next_id += 1;
                    fresh.push(stored(next_id, record.clone()));
                    next_id
                }
            };
            kept.push((ref_id, record));
        }
        let present: std::collections::HashSet<i64> = kept.iter().map(|(ref_id, _)| *ref_id).collect();
        let gone: Vec<i64> =
            before.ref_ids.iter().copied().filter(|ref_id| !present.contains(ref_id)).collect();
        let removed = gone.len();
        ended.extend(gone);
        tx.end_developers(ended, activation).await?;
        tx.insert_developers(fresh, activation).await?;
        let after = json!({
            "versionId": version.id.to_string(), "fieldMappings": mapping.fields(),
            "added": added, "updated": updated, "removed": removed, "total": total,
        });
        let old = before.mapping.as_ref().map(|mapping| json!({"fieldMappings": mapping.fields()}));
        let number = tx.commit(vec![developer_note(Event::Edited, version.id, old, after)]).await?;

        let version_id = version.id;
        self.put_in_force(StoredVersion { activation, ..version }, mapping, kept);
        self.publish(number, Publish::Giving, &[]).await?;
        Ok(Upserted { version_id, added, updated, removed, unchanged, ignored_fields: Vec::new(), total })
    }

    fn put_in_force(
        &self,
        version: StoredVersion,
        mapping: Mapping,
        mut developers: Vec<(i64, DeveloperRecord)>,
    ) {
        developers.sort_unstable_by_key(|(ref_id, _)| *ref_id);
        let schema = schema_text(&version, &mapping);
        let (ref_ids, records): (Vec<i64>, Vec<DeveloperRecord>) = developers.into_iter().unzip();
        self.directory.set(Directory {
            version: Some(version),
            mapping: Some(mapping),
            roster: Roster::new(records),
            ref_ids,
            schema,
        });
    }

    /// Adds and changes developers by e-mail address, all or nothing.
    pub async fn upsert_developers(
        &self,
        caller: &Caller,
        payload: Vec<Map<String, Value>>,
    ) -> Result<Upserted, Failure> {
        let before = self.current().await?;
        let (Some(version), Some(mapping)) = (before.version.clone(), before.mapping.clone()) else {
            caller.permit::<DeveloperRecordsWrite>(&Scope::Account)?;
            return Err(setup_required());
        };
        let permit = caller.permit::<DeveloperRecordsWrite>(&Scope::Account)?;
        let merging = before.clone();
        let payload: Vec<Map<String, Value>> = payload.into_iter().map(redacted_object).collect();
        let (merged, mapping) = aside(move || {
            let merged = upsert::merge(&merging.roster, &payload, &mapping);
            (merged, mapping)
        })
        .await?;
        let merged = merged.map_err(|error| match error {
            upsert::MergeError::Invalid(errors) => Failure::validation(errors),
            malformed @ upsert::MergeError::Malformed { .. } => {
                Failure::new(Code::InvalidRequest, malformed.to_string())
            }
        })?;
        let (added, updated) = (merged.added.len(), merged.updated.len());
        if added + updated == 0 {
            return Ok(Upserted {
                version_id: version.id,
                added,
                updated,
                removed: 0,
                unchanged: merged.unchanged,
                ignored_fields: merged.ignored_fields,
                total: before.roster.len(),
            });
        }
        let mapping_text = serde_json::to_string(&mapping).map_err(|error| unreadable(&error))?;
        let rows = i64::try_from(before.roster.len() + added).unwrap_or(i64::MAX);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        same_version(&mut tx, &before).await?;
        let id = tx.insert_version("UPSERT", (&version.columns, &mapping_text), rows).await?;
        let activation = tx.activate_version(id, &mapping_text, rows).await?;
        let mut next_id = tx.last_ref_id().await?;
        let numbers: HashMap<&str, (i64, &DeveloperRecord)> = numbered(&before);
        let mut developers: Vec<(i64, DeveloperRecord)> = Vec::with_capacity(before.roster.len() + added);
        let mut ended = Vec::with_capacity(updated);
        let mut fresh = Vec::with_capacity(added + updated);
        let changed: HashMap<&str, &DeveloperRecord> =
            merged.updated.iter().map(|(old, new)| (old.email.folded(), new)).collect();
        for (ref_id, record) in before.ref_ids.iter().zip(before.roster.records()) {
            let record = changed.get(record.email.folded()).copied().unwrap_or(record);
            developers.push((*ref_id, record.clone()));
        }
        for (old, new) in &merged.updated {
            let Some((ref_id, _)) = numbers.get(old.email.folded()) else { continue };
            ended.push(*ref_id);
            fresh.push(stored(*ref_id, new.clone()));
        }
        for record in &merged.added {
            next_id += 1;
            fresh.push(stored(next_id, record.clone()));
            developers.push((next_id, record.clone()));
        }
        tx.end_developers(ended, activation).await?;
        tx.insert_developers(fresh, activation).await?;
        let note = developer_note(Event::Edited, id, Some(changes(&merged, true)), changes(&merged, false));
        let number = tx.commit(vec![note]).await?;

        let total = developers.len();
        let version = StoredVersion { id, kind: "UPSERT".to_owned(), activation, row_count: rows, ..version };
        self.put_in_force(version, mapping, developers);
        self.publish(number, Publish::Giving, &[]).await?;
        Ok(Upserted {
            version_id: id,
            added,
            updated,
            removed: 0,
            unchanged: merged.unchanged,
            ignored_fields: merged.ignored_fields,
            total,
        })
    }

    /// A page of developers.
    pub async fn list_developers(
        &self,
        caller: &Caller,
        query: DeveloperQuery,
        (offset, limit): (i64, i64),
    ) -> Result<DeveloperPage, Failure> {
        caller.permit::<DeveloperRecordsRead>(&Scope::Account)?;
        let directory = self.current().await?;
        aside(move || {
            let found = find(&directory, &query)?;
            let total = found.len();
            let (skip, take) = (usize::try_from(offset).unwrap_or(0), usize::try_from(limit).unwrap_or(0));
            let developers = found
                .into_iter()
                .skip(skip)
                .take(take)
                .map(|at| (directory.ref_ids[at], directory.roster.records()[at].clone()))
                .collect();
            Ok(DeveloperPage { developers, total })
        })
        .await?
    }

    /// All developers as CSV with the account's columns; without any before initial set-up.
    pub async fn developers_csv(&self, caller: &Caller, query: DeveloperQuery) -> Result<String, Failure> {
        caller.permit::<DeveloperRecordsRead>(&Scope::Account)?;
        let directory = self.current().await?;
        aside(move || {
            let Some(mapping) = &directory.mapping else { return Ok(String::new()) };
            let found = find(&directory, &query)?;
            Ok(write_csv(found.into_iter().map(|at| &directory.roster.records()[at]), mapping))
        })
        .await?
    }

    /// Saves the default mapping where initial set-up was never done: for `quickstart`.
    pub async fn install_default_mapping(&self) -> Result<bool, Failure> {
        if self.current().await?.version.is_some() {
            return Ok(false);
        }
        let columns = ["Full Name", "Email", "Manager Email"];
        let types = [FieldType::Name, FieldType::Email, FieldType::ManagerEmail];
        let fields = FieldMapping::list(columns.iter().map(|column| (*column).to_owned()).zip(types));
        let mapping = Mapping::new(fields).map_err(mapping_failure)?;
        let columns = json!(columns).to_string();
        let mapping_text = serde_json::to_string(&mapping).map_err(|error| unreadable(&error))?;
        let permit: Permit<DataSettingsWrite> = Permit::system("quickstart", Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        if tx.active_version().await?.is_some() {
            return Ok(false);
        }
        let id = tx.insert_version("SYSTEM", (&columns, &mapping_text), 0).await?;
        let activation = tx.activate_version(id, &mapping_text, 0).await?;
        let after = json!({"versionId": id.to_string(), "fieldMappings": mapping.fields()});
        let number = tx.commit(vec![developer_note(Event::Created, id, None, after)]).await?;
        let version = StoredVersion {
            id,
            kind: "SYSTEM".to_owned(),
            state: "ACTIVE".to_owned(),
            columns,
            mapping: mapping_text,
            row_count: 0,
            activation,
        };
        self.put_in_force(version, mapping, Vec::new());
        self.publish(number, Publish::Giving, &[]).await?;
        Ok(true)
    }
}

fn setup_required() -> Failure {
    Failure::new(
        Code::SetupRequired,
        "developers were never set up; upload a CSV (POST /v2/developers) and save its field mappings first",
    )
}

fn mapping_failure(errors: Vec<sextant_core::developer::MappingError>) -> Failure {
    let published: Vec<ValidationError> =
        errors.iter().filter_map(sextant_core::developer::MappingError::validation_error).collect();
    if published.is_empty() {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Failure::new(Code::InvalidRequest, texts.join("; "));
    }
    Failure::validation(published)
}

/// The change rests on what was in force when it was computed.
async fn same_version<A: sextant_store::ChangesDevelopers>(
    tx: &mut Tx<A>,
    seen: &Directory,
) -> Result<(), Failure> {
    let now = tx.active_version().await?.map_or(0, |version| version.activation);
    if now == seen.activation() {
        return Ok(());
    }
    Err(Failure::new(Code::Conflict, "the developer records were changed at the same time; send it again"))
}

fn numbered(directory: &Directory) -> HashMap<&str, (i64, &DeveloperRecord)> {
    directory
        .ref_ids
        .iter()
        .zip(directory.roster.records())
        .map(|(ref_id, record)| (record.email.folded(), (*ref_id, record)))
        .collect()
}

fn by_column(columns: &[String], row: &[String]) -> BTreeMap<String, String> {
    columns.iter().cloned().zip(row.iter().cloned()).collect()
}
