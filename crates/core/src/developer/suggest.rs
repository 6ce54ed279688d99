//! What the columns of a first upload probably mean.

use super::{FieldMapping, FieldType, mapping::loosen};

/// A proposed field mapping and how sure it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The proposal.
    pub mapping: FieldMapping,
    /// 0 to 1: near 1 for a usual name of the type, 0.5 for a column that is merely nothing else.
    pub confidence: f64,
}

/// Usual names of the essential columns, loosened, with the confidence that each deserves.
const ALIASES: [(&str, FieldType, f64); 29] = [
    ("fullname", FieldType::Name, 1.0),
    ("name", FieldType::Name, 0.98),
    ("displayname", FieldType::Name, 0.96),
    ("developername", FieldType::Name, 0.95),
    ("employeename", FieldType::Name, 0.95),
    ("preferredname", FieldType::Name, 0.8),
    ("developer", FieldType::Name, 0.7),
    ("employee", FieldType::Name, 0.7),
    ("email", FieldType::Email, 1.0),
    ("emailaddress", FieldType::Email, 1.0),
    ("workemail", FieldType::Email, 0.98),
    ("workemailaddress", FieldType::Email, 0.98),
    ("companyemail", FieldType::Email, 0.95),
    ("developeremail", FieldType::Email, 0.95),
    ("employeeemail", FieldType::Email, 0.95),
    ("useremail", FieldType::Email, 0.95),
    ("primaryemail", FieldType::Email, 0.95),
    ("emailid", FieldType::Email, 0.9),
    ("mail", FieldType::Email, 0.9),
    ("manageremail", FieldType::ManagerEmail, 1.0),
    ("manageremailaddress", FieldType::ManagerEmail, 1.0),
    ("manageremailid", FieldType::ManagerEmail, 0.95),
    ("managersemail", FieldType::ManagerEmail, 0.95),
    ("managermail", FieldType::ManagerEmail, 0.95),
    ("linemanageremail", FieldType::ManagerEmail, 0.95),
    ("supervisoremail", FieldType::ManagerEmail, 0.9),
    ("manager", FieldType::ManagerEmail, 0.8),
    ("supervisor", FieldType::ManagerEmail, 0.6),
    ("reportsto", FieldType::ManagerEmail, 0.6),
];

const CUSTOM_CONFIDENCE: f64 = 0.5;

/// Whether a loosened name is a usual name of an essential type.
pub(super) fn is_alias(loose: &str, field_type: FieldType) -> bool {
    ALIASES.iter().any(|(alias, alias_type, _)| *alias == loose && *alias_type == field_type)
}

/// Proposes a meaning for each column, in their order, with a key of its own.
///
/// Each essential type is proposed at most once, for the column that fits it best (the first of equals); every
/// other column is custom. A type that no column fits is not proposed, and [`super::validate()`] of such a proposal
/// reports it as missing.
pub fn suggest(columns: &[String]) -> Vec<Suggestion> {
    let loose: Vec<String> = columns.iter().map(|column| loosen(column)).collect();
    let mut meanings = vec![(FieldType::Custom, CUSTOM_CONFIDENCE); columns.len()];
    for field_type in FieldType::ESSENTIAL {
        let mut best: Option<(usize, f64)> = None;
        for (position, name) in loose.iter().enumerate() {
            let confidence = confidence(name, field_type);
            if confidence > best.map_or(0.0, |(_, confidence)| confidence) {
                best = Some((position, confidence));
            }
        }
        if let Some((position, confidence)) = best {
            meanings[position] = (field_type, confidence);
        }
    }
    let proposals = columns.iter().cloned().zip(meanings.iter().map(|(field_type, _)| *field_type));
    FieldMapping::list(proposals)
        .into_iter()
        .zip(&meanings)
        .map(|(mapping, (_, confidence))| Suggestion { mapping, confidence: *confidence })
        .collect()
}

fn confidence(loose: &str, field_type: FieldType) -> f64 {
    if let Some((_, alias_type, confidence)) = ALIASES.iter().find(|(alias, ..)| *alias == loose) {
        return if *alias_type == field_type { *confidence } else { 0.0 };
    }
    let about_mail = loose.contains("mail");
    let about_manager = ["manager", "supervisor", "reportsto"].iter().any(|word| loose.contains(word));
    match field_type {
        FieldType::ManagerEmail if about_mail && about_manager => 0.6,
        FieldType::Email if about_mail && !about_manager => 0.4,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(columns: &[&str]) -> Vec<FieldType> {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        suggest(&columns).into_iter().map(|suggestion| suggestion.mapping.field_type).collect()
    }

    #[test]
    fn usual_headers_are_recognized() {
        use FieldType::{Custom, Email, ManagerEmail, Name};
        for (columns, expected) in [
            (["Email", "Manager Email", "Full Name", "Role"], [Email, ManagerEmail, Name, Custom]),
            (["full_name", "email", "manager email", "team"], [Name, Email, ManagerEmail, Custom]),
            (["Display Name", "E-mail", "manager_email", "Site"], [Name, Email, ManagerEmail, Custom]),
            (["NAME", "Email Address", "Manager", "Site"], [Name, Email, ManagerEmail, Custom]),
            (["Name", "Work Email", "MANAGER-EMAIL", "Manager"], [Name, Email, ManagerEmail, Custom]),
            (["Full Name", "Display Name", "Mail", "Line Mgr"], [Name, Custom, Email, Custom]),
            (
                ["Corporate e-mail", "Manager's e-mail", "Team Name", "Name"],
                [Email, ManagerEmail, Custom, Name],
            ),
        ] {
            assert_eq!(types(&columns), expected, "{columns:?}");
        }
    }

    #[test]
    fn a_usual_name_is_surer_than_a_guess() {
        let suggestions = suggest(&["Corporate e-mail".to_owned(), "Full Name".to_owned()]);
        assert!(suggestions[0].confidence < suggestions[1].confidence);
        assert!(suggestions.iter().all(|suggestion| (0.0..=1.0).contains(&suggestion.confidence)));
    }

    #[test]
    fn aliases_are_in_the_form_that_they_are_compared_in() {
        for (alias, ..) in ALIASES {
            assert_eq!(loosen(alias), alias);
        }
    }
}
