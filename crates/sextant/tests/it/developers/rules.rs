//! What no upload and no upsert may break.

use super::{CSV, all_columns, developers, errors, mapped, save, set_up, upload};
use crate::site::{Ground, Site, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    unreadable_files_are_named_by_their_problem
    records_that_break_the_rules_are_all_reported_and_none_is_saved
    an_upsert_is_checked_as_a_whole
    before_set_up_there_is_nothing_but_set_up
}

/// Type, field and count of an error.
type Told = (String, Option<String>, u64);

fn error(kind: &str, field: Option<&str>, count: u64) -> Told {
    (kind.to_owned(), field.map(ToOwned::to_owned), count)
}

fn unreadable_files_are_named_by_their_problem(ground: Ground) {
    let site = Site::start(ground);
    let key = site.admin_key(&site.admin(), "csv");
    let head = "Full Name,Email,Manager Email\n";
    let unreadable: [(Vec<u8>, &str); 10] = [
        (b"".to_vec(), "EMPTY_CSV"),
        (b"\n \n".to_vec(), "EMPTY_CSV"),
        (head.as_bytes().to_vec(), "EMPTY_CSV"),
        (b"Full Name,,Manager Email\na,b,c\n".to_vec(), "BLANK_CSV_COLUMN_NAME"),
        (b"Full Name,  ,Manager Email\na,b,c\n".to_vec(), "BLANK_CSV_COLUMN_NAME"),
        (format!("{head}\"Ada,ada@example.com,\n").into_bytes(), "INVALID_CSV"),
        (format!("{head}Ada,ada@example.com\n").into_bytes(), "INVALID_CSV"),
        ([head.as_bytes(), b"Ad\xff,ada@example.com,\n"].concat(), "INVALID_CSV"),
        ([head.as_bytes(), b"Ad\0a,ada@example.com,\n"].concat(), "INVALID_CSV"),
        (b"Email,email,Full Name\na,b,c\n".to_vec(), "INVALID_CSV"),
    ];
    for (csv, kind) in &unreadable {
        let body = upload(&site, &key, csv).expect(400).json();
        assert_eq!(body["status"], "FAILURE", "{body}");
        assert_eq!(errors(&body["errors"]), [error(kind, None, 0)]);
    }
    let bom = upload(&site, &key, format!("\u{feff}{CSV}")).expect(200).json();
    assert_eq!(bom["fieldMappings"][0]["csvColumn"], "Full Name");
    upload(&site, &key, CSV.replace('\n', "\r\n")).expect(200);
    upload(&site, &key, CSV.replace(',', ";")).expect(200);
}

fn records_that_break_the_rules_are_all_reported_and_none_is_saved(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let head = "Full Name,Email,Manager Email,Department,Start Date\n";
    let cases: [(&str, Vec<Told>); 5] = [
        (
            ",a@example.com,,,\nB,,,,\nC,no address,,,\n",
            vec![
                error("REQUIRED_VALUE_MISSING", Some("Full Name"), 1),
                error("REQUIRED_VALUE_MISSING", Some("Email"), 2),
            ],
        ),
        ("A,a@example.com,,,\nB,A@EXAMPLE.com,,,\n", vec![error("DUPLICATE_EMAIL", Some("Email"), 2)]),
        (
            "A,a@example.com,b@example.com,,\nB,b@example.com,a@example.com,,\nC,c@example.com,c@example.com,,\n",
            vec![error("CIRCULAR_REFERENCE", Some("Manager Email"), 3)],
        ),
        (
            "A,a@example.com,gone@example.com,,\n",
            vec![error("MANAGER_EMAIL_MISSING_IN_DEVELOPER_EMAILS", Some("Manager Email"), 1)],
        ),
        (
            ",a@example.com,,,\nB,b@example.com,gone@example.com,,\nC,c@example.com,,,\nD,C@example.com,,,\nE,e@example.com,f@example.com,,\nF,f@example.com,e@example.com,,\n",
            vec![
                error("REQUIRED_VALUE_MISSING", Some("Full Name"), 1),
                error("DUPLICATE_EMAIL", Some("Email"), 2),
                error("MANAGER_EMAIL_MISSING_IN_DEVELOPER_EMAILS", Some("Manager Email"), 1),
                error("CIRCULAR_REFERENCE", Some("Manager Email"), 2),
            ],
        ),
    ];
    for (rows, expected) in &cases {
        let preview = upload(&site, &admin, format!("{head}{rows}")).expect(200).json();
        assert_eq!(preview["status"], "FAILURE");
        assert_eq!(&errors(&preview["errors"]), expected, "in the preview");
        let refused = save(&site, &admin, &preview, &all_columns()).expect(400).json();
        assert_eq!(refused["status"], "FAILURE");
        assert_eq!(&errors(&refused["errors"]), expected, "when they are saved");
    }
    let many: String = (0..25).map(|_| "S,same@example.com,,,\n").collect();
    let preview = upload(&site, &admin, format!("{head}{many}")).expect(200).json();
    assert_eq!(errors(&preview["errors"]), [error("DUPLICATE_EMAIL", Some("Email"), 25)]);
    let schema = site.get("/v2/developers/schema").session(&admin).expect(200).json();
    assert_eq!(schema["versionId"], Value::Null, "nothing was written");

    // Mappings have rules of their own.
    let preview = upload(&site, &admin, CSV).expect(200).json();
    let missing = "MISSING_NAME_OR_EMAIL_OR_MANAGER_EMAIL_FIELD_MAPPING";
    let refused = save(&site, &admin, &preview, &mapped(&[("Full Name", "NAME"), ("Department", "CUSTOM")]));
    let expected = [error(missing, Some("EMAIL"), 0), error(missing, Some("MANAGER_EMAIL"), 0)];
    assert_eq!(errors(&refused.expect(400).json()["errors"]), expected);
    let absent = mapped(&[("Name", "NAME"), ("Email", "EMAIL"), ("Manager Email", "MANAGER_EMAIL")]);
    let refused = save(&site, &admin, &preview, &absent).expect(400).json();
    assert_eq!(errors(&refused["errors"]), [error("REQUIRED_FIELD_MISSING", Some("Name"), 0)]);
    save(&site, &admin, &preview, &mapped(&[("Email", "PHONE")])).refused(400, "INVALID_REQUEST");
    save(&site, &admin, &preview, &json!({})).refused(400, "INVALID_REQUEST");
    save(&site, &admin, &json!({"versionId": "999999"}), &all_columns()).refused(404, "NOT_FOUND");
    save(&site, &admin, &preview, &all_columns()).expect(200);
    save(&site, &admin, &preview, &all_columns()).refused(409, "CONFLICT");
}

fn an_upsert_is_checked_as_a_whole(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    set_up(&site, &admin, CSV);
    let before = developers(&site, (&admin).into(), "");
    let upsert = |body: Value| site.patch("/v2/developers", &body).session(&admin).send();
    let cases = [
        (json!([{"Email": "new@example.com"}]), error("REQUIRED_VALUE_MISSING", Some("Full Name"), 1)),
        (json!([{"Full Name": "No address"}]), error("REQUIRED_VALUE_MISSING", Some("Email"), 1)),
        (
            json!([{"Email": "bob@example.com", "Full Name": null}]),
            error("REQUIRED_VALUE_MISSING", Some("Full Name"), 1),
        ),
        (
            json!([{"Email": "n@example.com", "Full Name": "N"}, {"Email": "N@example.com", "Full Name": "N"}]),
            error("DUPLICATE_EMAIL", Some("Email"), 2),
        ),
        (
            json!([{"Email": "bob@example.com", "Manager Email": "gone@example.com"}]),
            error("MANAGER_EMAIL_MISSING_IN_DEVELOPER_EMAILS", Some("Manager Email"), 1),
        ),
        (
            json!([{"Email": "ada@example.com", "Manager Email": "omer@example.com"}]),
            error("CIRCULAR_REFERENCE", Some("Manager Email"), 3),
        ),
    ];
    for (body, expected) in cases {
        // One good item beside it does not go through alone.
        let mut all = body.clone();
        all.as_array_mut().unwrap().push(json!({"Email": "good@example.com", "Full Name": "Good"}));
        let refused = upsert(all).expect(400).json();
        assert_eq!(refused["status"], "FAILURE", "{refused}");
        let (kind, field, count) = &errors(&refused["errors"])[0];
        assert_eq!((kind, field), (&expected.0, &expected.1), "{refused}");
        assert!(*count >= 1 && *count <= expected.2, "{refused}");
    }
    for malformed in [
        json!([{"Email": {"a": 1}}]),
        json!([{"Email": ["a"]}]),
        json!([7]),
        json!({}),
        json!([]),
        json!("x"),
    ] {
        upsert(malformed).refused(400, "INVALID_REQUEST");
    }
    assert_eq!(developers(&site, (&admin).into(), ""), before, "nothing was written");
}

fn before_set_up_there_is_nothing_but_set_up(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "early");
    let schema = site.get("/v2/developers/schema").key(&key).expect(200).json();
    assert_eq!((&schema["versionId"], &schema["fieldMappings"]), (&Value::Null, &json!([])));
    let list = site.get("/v2/developers").key(&key).expect(200).json();
    assert_eq!((&list["developers"], &list["totalCount"]), (&json!([]), &json!(0)));
    let csv = site.get("/v2/developers").key(&key).header("accept", "text/csv").expect(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.text(), "");
    // Not the body's form, not its type, not its size: set-up is what is missing.
    for (kind, body) in [
        ("application/json", "[{\"Email\":\"a@example.com\"}]"),
        ("application/json", "{nonsense"),
        ("text/plain", "x"),
        ("application/json", ""),
    ] {
        let call = site.call("PATCH", "/v2/developers").key(&key).body(kind, body);
        call.refused(412, "SETUP_REQUIRED");
    }
    upload(&site, &admin, CSV).expect(200);
    site.patch("/v2/developers", &json!([])).key(&key).refused(412, "SETUP_REQUIRED");
    // But who may not is told that first.
    let reader = json!({"name": "reader", "role": "INGESTION", "scopes": ["developer_records:read"]});
    let reader = site.make_key(&admin, &reader);
    site.patch("/v2/developers", &json!([])).key(&reader).refused(403, "PERMISSION_DENIED");
}
