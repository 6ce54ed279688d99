//! Which column of an account's developer CSV means what.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::{ErrorType, ValidationError, suggest::is_alias};

/// What a column means. Name, e-mail and manager's e-mail are needed exactly once; all else is custom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FieldType {
    /// The developer's name.
    Name,
    /// The developer's e-mail address, which identifies the record.
    Email,
    /// The e-mail address of the developer's manager, who is a developer of the same set.
    ManagerEmail,
    /// A free-form attribute.
    Custom,
}

impl FieldType {
    /// The types that each mapping has exactly once.
    pub const ESSENTIAL: [Self; 3] = [Self::Name, Self::Email, Self::ManagerEmail];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Email => "EMAIL",
            Self::ManagerEmail => "MANAGER_EMAIL",
            Self::Custom => "CUSTOM",
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for FieldType {
    type Err = UnknownFieldType;

    /// Reads the name on the wire in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Name, Self::Email, Self::ManagerEmail, Self::Custom]
            .into_iter()
            .find(|field_type| field_type.name().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownFieldType(text.to_owned()))
    }
}

/// A field type that does not exist, with the text that named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFieldType(pub String);

impl fmt::Display for UnknownFieldType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is not a field type; use NAME, EMAIL, MANAGER_EMAIL or CUSTOM", self.0)
    }
}

impl std::error::Error for UnknownFieldType {}

/// One column of the CSV and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldMapping {
    /// The column's name as the CSV has it.
    pub csv_column: String,
    /// The column's name in snake case: the key of the attribute.
    pub field_key: String,
    /// What the column means.
    pub field_type: FieldType,
    /// Whether an upload without this column is refused. True of the three essential types.
    pub required: bool,
}

impl FieldMapping {
    /// A mapping whose key is the column's name in snake case.
    pub fn new(csv_column: impl Into<String>, field_type: FieldType) -> Self {
        let csv_column = csv_column.into();
        let field_key = snake_case(&csv_column);
        Self { csv_column, field_key, field_type, required: field_type != FieldType::Custom }
    }

    /// Mappings for several columns. Where two names give one key (`Sub Role`, `Sub-Role`), the later key gets
    /// a number.
    pub fn list(columns: impl IntoIterator<Item = (String, FieldType)>) -> Vec<Self> {
        let mut keys = HashSet::new();
        let mut fields = Vec::new();
        for (column, field_type) in columns {
            let mut field = Self::new(column, field_type);
            let plain = field.field_key.clone();
            let mut number = 2;
            while !keys.insert(field.field_key.clone()) {
                field.field_key = format!("{plain}_{number}");
                number += 1;
            }
            fields.push(field);
        }
        fields
    }
}

/// A list of field mappings with each essential type exactly once and no column or key twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<FieldMapping>", try_from = "Vec<FieldMapping>")]
pub struct Mapping {
    fields: Vec<FieldMapping>,
}

impl Mapping {
    /// Checks a list of mappings by itself. Essential fields become `required` whatever the list says.
    ///
    /// # Errors
    /// Everything that is wrong with the list, at once.
    pub fn new(mut fields: Vec<FieldMapping>) -> Result<Self, Vec<MappingError>> {
        let mut errors = Vec::new();
        for field_type in FieldType::ESSENTIAL {
            match fields.iter().filter(|field| field.field_type == field_type).count() {
                0 => errors.push(MappingError::Unmapped(field_type)),
                1 => {}
                _ => errors.push(MappingError::Repeated(field_type)),
            }
        }
        let mut columns = HashSet::new();
        let mut keys = HashSet::new();
        for field in &mut fields {
            field.required |= field.field_type != FieldType::Custom;
            if field.csv_column.trim().is_empty() {
                errors.push(MappingError::BlankColumn);
            } else if !columns.insert(fold(&field.csv_column)) {
                errors.push(MappingError::DuplicateColumn(field.csv_column.clone()));
            }
            if field.field_key.trim().is_empty() {
                errors.push(MappingError::BlankKey(field.csv_column.clone()));
            } else if !keys.insert(fold(&field.field_key)) {
                errors.push(MappingError::DuplicateKey(field.field_key.clone()));
            }
        }
        if errors.is_empty() { Ok(Self { fields }) } else { Err(errors) }
    }

    /// Checks a list of mappings against the columns of the upload that it is meant for.
    ///
    /// # Errors
    /// As [`Mapping::new`], and a mapping whose column the upload does not have.
    pub fn for_columns(fields: Vec<FieldMapping>, columns: &[String]) -> Result<Self, Vec<MappingError>> {
        let present: HashSet<String> = columns.iter().map(|column| fold(column)).collect();
        let unknown: Vec<MappingError> = fields
            .iter()
            .filter(|field| {
                !field.csv_column.trim().is_empty() && !present.contains(&fold(&field.csv_column))
            })
            .map(|field| MappingError::UnknownColumn {
                column: field.csv_column.clone(),
                field_type: field.field_type,
            })
            .collect();
        match Self::new(fields) {
            Ok(mapping) if unknown.is_empty() => Ok(mapping),
            Ok(_) => Err(unknown),
            Err(mut errors) => {
                errors.extend(unknown);
                Err(errors)
            }
        }
    }

    /// The fields in the order of the CSV's columns.
    pub fn fields(&self) -> &[FieldMapping] {
        &self.fields
    }

    /// The CSV column of a type; of custom fields the first.
    pub fn column(&self, field_type: FieldType) -> Option<&str> {
        self.fields.iter().find(|field| field.field_type == field_type).map(|field| field.csv_column.as_str())
    }

    /// The columns of an upload that no field is mapped to, and whose values are therefore dropped.
    pub fn unmapped<'a>(&self, columns: &'a [String]) -> Vec<&'a str> {
        let mapped: HashSet<String> = self.fields.iter().map(|field| fold(&field.csv_column)).collect();
        columns.iter().filter(|column| !mapped.contains(&fold(column))).map(String::as_str).collect()
    }

    /// The position of the field that a caller means by `name`: the column's name, then the key, then either of
    /// them without regard to spaces, underscores and hyphens, then a usual name of an essential field. Case
    /// never matters.
    pub fn position(&self, name: &str) -> Option<usize> {
        let loose = loosen(name);
        named(&self.fields, name)
            .or_else(|| self.fields.iter().position(|field| is_alias(&loose, field.field_type)))
    }
}

impl From<Mapping> for Vec<FieldMapping> {
    fn from(mapping: Mapping) -> Self {
        mapping.fields
    }
}

impl TryFrom<Vec<FieldMapping>> for Mapping {
    type Error = MappingErrors;

    fn try_from(fields: Vec<FieldMapping>) -> Result<Self, Self::Error> {
        Self::new(fields).map_err(MappingErrors)
    }
}

/// What is wrong with a list of field mappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappingError {
    /// No column is mapped to an essential type.
    Unmapped(FieldType),
    /// Several columns are mapped to an essential type.
    Repeated(FieldType),
    /// The upload has no such column.
    UnknownColumn {
        /// The column's name.
        column: String,
        /// What it was to mean.
        field_type: FieldType,
    },
    /// A mapping names no column.
    BlankColumn,
    /// A mapping, of the named column, has no key.
    BlankKey(String),
    /// A column is mapped twice; names are compared ignoring case.
    DuplicateColumn(String),
    /// A key is used twice; keys are compared ignoring case.
    DuplicateKey(String),
}

impl MappingError {
    /// The published error, if there is one for this; the others are plain bad requests.
    pub fn validation_error(&self) -> Option<ValidationError> {
        match self {
            Self::Unmapped(field_type) | Self::Repeated(field_type) => Some(ValidationError::of_table(
                ErrorType::MissingNameOrEmailOrManagerEmailFieldMapping,
                Some(field_type.name().to_owned()),
            )),
            Self::UnknownColumn { column, field_type } if *field_type != FieldType::Custom => {
                Some(ValidationError::of_table(ErrorType::RequiredFieldMissing, Some(column.clone())))
            }
            _ => None,
        }
    }
}

impl fmt::Display for MappingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmapped(field_type) => write!(formatter, "no column is mapped to {field_type}"),
            Self::Repeated(field_type) => write!(formatter, "more than one column is mapped to {field_type}"),
            Self::UnknownColumn { column, .. } => write!(formatter, "the upload has no column `{column}`"),
            Self::BlankColumn => write!(formatter, "a field mapping has no `csvColumn`"),
            Self::BlankKey(column) => write!(formatter, "the mapping of `{column}` has a blank `fieldKey`"),
            Self::DuplicateColumn(column) => write!(formatter, "the column `{column}` is mapped twice"),
            Self::DuplicateKey(key) => {
                write!(
                    formatter,
                    "the field key `{key}` is used twice; give one of the fields another `fieldKey`"
                )
            }
        }
    }
}

impl std::error::Error for MappingError {}

/// Several mapping errors as one, for readers of stored mappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingErrors(pub Vec<MappingError>);

impl fmt::Display for MappingErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: BTreeSet<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&texts.into_iter().collect::<Vec<_>>().join("; "))
    }
}

impl std::error::Error for MappingErrors {}

/// The position of the field whose column or key is `name`, exactly but for case if there is one, otherwise
/// without regard to spaces, underscores and hyphens.
pub(super) fn named(fields: &[FieldMapping], name: &str) -> Option<usize> {
    let folded = fold(name);
    let loose = loosen(name);
    let find = |test: &dyn Fn(&FieldMapping) -> bool| fields.iter().position(test);
    find(&|field| fold(&field.csv_column) == folded)
        .or_else(|| find(&|field| fold(&field.field_key) == folded))
        .or_else(|| find(&|field| !loose.is_empty() && loosen(&field.csv_column) == loose))
        .or_else(|| find(&|field| !loose.is_empty() && loosen(&field.field_key) == loose))
}

/// The form in which column names are compared.
pub(super) fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The form in which names given by people are recognized: only letters, digits and symbols, in lower case.
pub(super) fn loosen(name: &str) -> String {
    name.chars()
        .filter(|character| !character.is_whitespace() && !matches!(character, '_' | '-' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// `Full Name`, `fullName` and `full-name` as `full_name`; what has no letters or digits as `column`.
fn snake_case(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    let mut after_lower = false;
    let mut gap = false;
    for character in name.chars() {
        if !character.is_alphanumeric() {
            gap = true;
            after_lower = false;
            continue;
        }
        if !key.is_empty() && (gap || (after_lower && character.is_uppercase())) {
            key.push('_');
        }
        gap = false;
        after_lower = character.is_lowercase() || character.is_numeric();
        key.extend(character.to_lowercase());
    }
    if key.is_empty() { "column".to_owned() } else { key }
}

#[cfg(test)]
mod tests;
