use super::*;

fn essential() -> Vec<FieldMapping> {
    vec![
        FieldMapping::new("Email", FieldType::Email),
        FieldMapping::new("Manager Email", FieldType::ManagerEmail),
        FieldMapping::new("Full Name", FieldType::Name),
    ]
}

fn names(columns: &[&str]) -> Vec<String> {
    columns.iter().map(ToString::to_string).collect()
}

#[test]
fn keys_are_snake_case() {
    for (column, key) in [
        ("Full Name", "full_name"),
        ("managerEmail", "manager_email"),
        ("E-mail", "e_mail"),
        ("  Sub  Role ", "sub_role"),
        ("URL", "url"),
        ("Équipe № 2", "équipe_2"),
        ("Team (2024)", "team_2024"),
        ("%", "column"),
    ] {
        assert_eq!(FieldMapping::new(column, FieldType::Custom).field_key, key, "{column}");
    }
}

#[test]
fn a_list_gives_each_column_its_own_key() {
    let columns = ["Sub Role", "Sub-Role", "sub_role", "Sub Role 2"];
    let fields = FieldMapping::list(columns.map(|column| (column.to_owned(), FieldType::Custom)));
    let keys: Vec<_> = fields.iter().map(|field| field.field_key.as_str()).collect();
    assert_eq!(keys, ["sub_role", "sub_role_2", "sub_role_3", "sub_role_2_2"]);
}

#[test]
fn each_essential_type_is_needed_exactly_once() {
    assert!(Mapping::new(essential()).is_ok());
    for field_type in FieldType::ESSENTIAL {
        let mut missing = essential();
        missing.retain(|field| field.field_type != field_type);
        assert_eq!(Mapping::new(missing).unwrap_err(), [MappingError::Unmapped(field_type)]);

        let mut repeated = essential();
        repeated.push(FieldMapping::new("Another", field_type));
        let errors = Mapping::new(repeated).unwrap_err();
        assert_eq!(errors, [MappingError::Repeated(field_type)]);
        let published = errors[0].validation_error().unwrap();
        assert_eq!(published.error_type, ErrorType::MissingNameOrEmailOrManagerEmailFieldMapping);
        assert_eq!(published.field_name.as_deref(), Some(field_type.name()));
    }
    assert_eq!(Mapping::new(Vec::new()).unwrap_err().len(), 3);
}

#[test]
fn columns_and_keys_are_used_once() {
    let mut fields = essential();
    fields.push(FieldMapping::new("EMAIL", FieldType::Custom));
    let errors = Mapping::new(fields).unwrap_err();
    assert_eq!(
        errors,
        [MappingError::DuplicateColumn("EMAIL".into()), MappingError::DuplicateKey("email".into())]
    );
    assert_eq!(errors[0].to_string(), "the column `EMAIL` is mapped twice");
    assert_eq!(errors[0].validation_error(), None);

    let mut fields = essential();
    fields.push(FieldMapping { field_key: " ".into(), ..FieldMapping::new("Team", FieldType::Custom) });
    fields.push(FieldMapping::new(" ", FieldType::Custom));
    assert_eq!(
        Mapping::new(fields).unwrap_err(),
        [MappingError::BlankKey("Team".into()), MappingError::BlankColumn]
    );
}

#[test]
fn columns_must_be_in_the_upload() {
    let columns = names(&["email", "Manager Email", "Name"]);
    let mut fields = essential();
    fields.push(FieldMapping::new("Team", FieldType::Custom));
    let errors = Mapping::for_columns(fields, &columns).unwrap_err();
    let published: Vec<_> = errors.iter().map(MappingError::validation_error).collect();
    assert_eq!(
        published,
        [Some(ValidationError::of_table(ErrorType::RequiredFieldMissing, Some("Full Name".into()))), None]
    );
    assert_eq!(errors[1].to_string(), "the upload has no column `Team`");
    let columns = names(&["email", "Manager Email", "Full Name", "Site"]);
    let mapping = Mapping::for_columns(essential(), &columns).unwrap();
    assert_eq!(mapping.unmapped(&columns), ["Site"]);
}

#[test]
fn a_field_is_found_by_column_key_or_usual_name() {
    let mut fields = essential();
    fields.push(FieldMapping::new("Manager", FieldType::Custom));
    fields.push(FieldMapping { field_key: "squad".into(), ..FieldMapping::new("Team", FieldType::Custom) });
    let mapping = Mapping::new(fields).unwrap();
    for (name, position) in [
        ("EMAIL", Some(0)),
        ("Work-Email", Some(0)),
        ("managerEmail", Some(1)),
        ("manager_email", Some(1)),
        ("Display Name", Some(2)),
        ("name", Some(2)),
        ("manager", Some(3)),
        ("Squad", Some(4)),
        ("team", Some(4)),
        ("site", None),
        ("", None),
        ("-", None),
    ] {
        assert_eq!(mapping.position(name), position, "{name}");
    }
}

#[test]
fn a_mapping_survives_storage_and_a_broken_one_does_not() {
    let mapping = Mapping::new(essential()).unwrap();
    let text = serde_json::to_string(&mapping).unwrap();
    assert!(
        text.contains(
            r#"{"csvColumn":"Full Name","fieldKey":"full_name","fieldType":"NAME","required":true}"#
        )
    );
    assert_eq!(serde_json::from_str::<Mapping>(&text).unwrap(), mapping);
    assert!(serde_json::from_str::<Mapping>("[]").unwrap_err().to_string().contains("mapped to EMAIL"));
}

#[test]
fn field_types_are_read_in_any_case() {
    assert_eq!("manager_email".parse(), Ok(FieldType::ManagerEmail));
    assert_eq!("Custom".parse(), Ok(FieldType::Custom));
    assert!("TEAM".parse::<FieldType>().unwrap_err().to_string().contains("`TEAM`"));
}
