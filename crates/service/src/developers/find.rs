//! Finding and ordering developers in memory.

use super::directory::Directory;
use crate::error::Failure;
use sextant_core::developer::{FieldMapping, FieldType};
use sextant_core::text::fold;

/// Which developers to list.
#[derive(Clone, Debug, Default)]
pub struct DeveloperQuery {
    /// With one of these e-mail addresses.
    pub emails: Vec<String>,
    /// With one of these numbers.
    pub ref_ids: Vec<i64>,
    /// The column to search in; names if absent.
    pub search_key: Option<String>,
    /// What to find, anywhere in it, without regard to case.
    pub search_value: Option<String>,
    /// The column to order by; age if absent.
    pub sort_key: Option<String>,
    /// `asc` (default) or `desc`.
    pub sort_order: Option<String>,
}

pub(super) fn find(directory: &Directory, query: &DeveloperQuery) -> Result<Vec<usize>, Failure> {
    let records = directory.roster.records();
    let mut found: Vec<usize> = (0..records.len()).collect();
    if !query.emails.is_empty() {
        let wanted: std::collections::HashSet<String> =
            query.emails.iter().map(|email| fold(email.trim())).collect();
        found.retain(|at| wanted.contains(records[*at].email.folded()));
    }
    if !query.ref_ids.is_empty() {
        found.retain(|at| query.ref_ids.contains(&directory.ref_ids[*at]));
    }
    if let Some(value) = query.search_value.as_deref().filter(|value| !value.is_empty()) {
        let column = column(directory, "searchKey", query.search_key.as_deref().unwrap_or("name"))?;
        let wanted = fold(value);
        found.retain(|at| {
            column.as_ref().is_some_and(|column| fold(records[*at].value(column)).contains(&wanted))
        });
    } else if let Some(key) = &query.search_key {
        column(directory, "searchKey", key)?;
    }
    let descending = match query.sort_order.as_deref() {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("asc") => false,
        Some(text) if text.eq_ignore_ascii_case("desc") => true,
        Some(_) => return Err(Failure::invalid("sortOrder", "must be asc or desc")),
    };
    if let Some(key) = &query.sort_key
        && let Some(column) = column(directory, "sortKey", key)?
    {
        found.sort_by_cached_key(|at| fold(records[*at].value(&column)));
    }
    if descending {
        found.reverse();
    }
    Ok(found)
}

/// The column that a request means by name, key or type. Without a mapping there is none, and nothing to find.
pub(super) fn column(
    directory: &Directory,
    field: &str,
    name: &str,
) -> Result<Option<FieldMapping>, Failure> {
    let Some(mapping) = &directory.mapping else { return Ok(None) };
    let by_type = |wanted: FieldType| mapping.fields().iter().find(|known| known.field_type == wanted);
    let found = mapping.position(name).and_then(|at| mapping.fields().get(at)).or_else(|| {
        match fold(name).as_str() {
            "name" => by_type(FieldType::Name),
            "email" => by_type(FieldType::Email),
            "manageremail" | "manager_email" => by_type(FieldType::ManagerEmail),
            _ => None,
        }
    });
    let columns =
        || mapping.fields().iter().map(|known| known.csv_column.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(found) = found {
        Ok(Some(found.clone()))
    } else {
        let shown: String = name.chars().take(60).collect();
        Err(Failure::invalid(field, format!("`{shown}` is no column; there are {}", columns())))
    }
}
