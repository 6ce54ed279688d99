//! Developer records: who works here, who manages whom, and which free-form columns describe them.
//!
//! A table (a CSV upload) becomes records in two steps: a [`Mapping`] says which column means what, and
//! [`validate()`] checks the whole table and answers with every error at once. Small edits go through
//! [`upsert::merge`], deletions through [`removal::remove`]. Nothing here changes anything: all three return what
//! the new state would be, and only if it is free of errors.

mod check;
mod csv;
mod error;
mod hierarchy;
mod mapping;
mod record;
pub mod removal;
mod suggest;
pub mod upsert;
mod validate;

pub use self::{
    csv::{write_csv, write_table},
    error::{ErrorType, MAX_SAMPLES, ValidationError},
    mapping::{FieldMapping, FieldType, Mapping, MappingError, MappingErrors, UnknownFieldType},
    record::{DeveloperRecord, Roster},
    suggest::{Suggestion, suggest},
    validate::validate,
};

/// The most columns that a table may have.
pub const MAX_COLUMNS: usize = 200;

/// The most bytes that one value may have.
pub const MAX_VALUE_BYTES: usize = 32 * 1024;
