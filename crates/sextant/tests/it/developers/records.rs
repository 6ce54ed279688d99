//! Uploading, changing, finding and downloading.

use super::{CSV, all_columns, developers, mapped, names, save, set_up, upload};
use crate::site::{By, Ground, Site, eventually, on_both_databases};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases! {
    an_upload_is_shown_then_mapped_then_in_force
    an_upsert_merges_by_address
    lists_are_filtered_searched_sorted_and_paged
    what_is_downloaded_can_be_uploaded_again
}

fn an_upload_is_shown_then_mapped_then_in_force(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let preview = upload(&site, &admin, CSV).expect(200).json();
    assert_eq!((&preview["status"], &preview["totalDevelopers"]), (&json!("SUCCESS"), &json!(5)));
    assert_eq!(preview["versionId"], preview["uploadId"]);
    assert_eq!(preview["sampleDevelopers"][2]["Full Name"], "Cy, the \"third\"");
    let suggested: Vec<(&str, &str)> = preview["fieldMappings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["csvColumn"].as_str().unwrap(), one["fieldType"].as_str().unwrap()))
        .collect();
    let expected = [
        ("Full Name", "NAME"),
        ("Email", "EMAIL"),
        ("Manager Email", "MANAGER_EMAIL"),
        ("Department", "CUSTOM"),
        ("Start Date", "CUSTOM"),
    ];
    assert_eq!(suggested, expected);
    assert_eq!(preview["errors"], json!([]));
    assert_eq!(developers(&site, By::from(&admin), ""), Vec::<Value>::new(), "nothing is saved yet");

    let saved = save(&site, &admin, &preview, &all_columns()).expect(200).json();
    assert_eq!(saved["changes"], json!({"added": 5, "updated": 0, "removed": 0, "unchanged": 0}));
    assert_eq!((&saved["status"], &saved["totalDevelopers"]), (&json!("SUCCESS"), &json!(5)));
    let schema = site.get("/v2/developers/schema").session(&admin).expect(200).json();
    assert_eq!(schema["versionId"], preview["versionId"]);
    assert_eq!(
        schema["fieldMappings"][1],
        json!({"csvColumn": "Email", "fieldKey": "email", "fieldType": "EMAIL", "required": true})
    );
    let ada = &developers(&site, By::from(&admin), "emails=ADA@example.com")[0];
    assert_eq!((&ada["email"], &ada["managerEmail"]), (&json!("Ada@Example.com"), &Value::Null));
    assert_eq!(ada["attributes"], json!({"department": "Engineering", "start_date": "2020-01-01"}));
    let number = ada["developerRefId"].as_i64().unwrap();
    assert!((1..=i64::from(i32::MAX)).contains(&number), "32-bit");

    // A later upload starts a new mapping; who stays keeps the number, who is not in it goes.
    let later = "Who,Mail,Boss\nAda L.,ada@example.com,\nEve,eve@example.com,ada@example.com\n";
    let preview = upload(&site, &admin, later).expect(200).json();
    assert_eq!(names(&site, By::from(&admin), "").len(), 5, "the old is in force until then");
    let mapping = mapped(&[("Who", "NAME"), ("Mail", "EMAIL"), ("Boss", "MANAGER_EMAIL")]);
    let saved = save(&site, &admin, &preview, &mapping).expect(200).json();
    assert_eq!(saved["changes"], json!({"added": 1, "updated": 1, "removed": 4, "unchanged": 0}));
    let all = developers(&site, By::from(&admin), "");
    assert_eq!((all.len(), &all[0]["developerRefId"]), (2, &json!(number)));
    assert!(all[1]["developerRefId"].as_i64().unwrap() > 5, "numbers are not given twice");
}

fn an_upsert_merges_by_address(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "upsert");
    set_up(&site, &admin, CSV);
    let before = site.get("/v2/developers/schema").key(&key).expect(200).json();
    let upsert = |body: Value| site.patch("/v2/developers", &body).key(&key).expect(200).json();
    let done = upsert(json!([
        {"email": "BOB@example.com", "Department": "Research", "Start Date": null, "shoe size": "42"},
        {"EMAIL": "cy@example.com", "full_name": "Cy", "Department": null},
        {"Email": "eve@example.com", "Full Name": " Eve ", "Manager Email": "bob@example.com", "Department": "Sales"},
        {"Email": "dora@example.com"},
    ]));
    assert_eq!(done["changes"], json!({"added": 1, "updated": 2, "removed": 0, "unchanged": 1}));
    assert_eq!((&done["ignoredFields"], &done["totalDevelopers"]), (&json!(["shoe size"]), &json!(6)));
    assert_ne!(done["versionId"], before["versionId"]);
    let all = developers(&site, By::from(&key), "sortKey=email");
    let by_email = |email: &str| all.iter().find(|one| one["email"] == email).unwrap().clone();
    let bob = by_email("bob@example.com");
    assert_eq!((&bob["name"], &bob["managerEmail"]), (&json!("Bob"), &json!("ada@example.com")), "kept");
    assert_eq!(bob["attributes"], json!({"department": "Research"}));
    assert_eq!(by_email("cy@example.com")["attributes"], json!({"start_date": "2021-05-05"}));
    assert_eq!(by_email("eve@example.com")["name"], "Eve");
    // The same again changes nothing, not even the version.
    let again = upsert(json!([{"Email": "Eve@example.com", "Full Name": "Eve"}]));
    assert_eq!((&again["changes"]["unchanged"], &again["versionId"]), (&json!(1), &done["versionId"]));
    // A new one can manage another new one of the same payload.
    upsert(json!([
        {"Email": "y@example.com", "Full Name": "Y", "Manager Email": "z@example.com"},
        {"Email": "z@example.com", "Full Name": "Z"},
    ]));
    let all = developers(&site, By::from(&key), "");
    site.stop();
    site.serve();
    assert_eq!(developers(&site, By::from(&key), ""), all, "as it was before the restart");
}

fn lists_are_filtered_searched_sorted_and_paged(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    set_up(&site, &admin, CSV);
    let by = By::from(&admin);
    let names = |query: &str| names(&site, by, query);
    let cy = "Cy, the \"third\"";
    assert_eq!(names(""), ["Ada Lovelace", "Bob", cy, "Ömer", "dora"]);
    assert_eq!(names("sortKey=name"), ["Ada Lovelace", "Bob", cy, "dora", "Ömer"]);
    assert_eq!(names("sortKey=Full%20Name&sortOrder=desc").first().map(String::as_str), Some("Ömer"));
    assert_eq!(names("sortOrder=desc"), ["dora", "Ömer", cy, "Bob", "Ada Lovelace"]);
    assert_eq!(names("emails=bob@example.com,CY@example.com"), ["Bob", cy]);
    assert_eq!(names("emails=bob@example.com&emails=cy%40example.com"), ["Bob", cy]);
    assert_eq!(names("emails=nobody@example.com"), Vec::<String>::new());
    let number =
        |email: &str| developers(&site, by, &format!("emails={email}"))[0]["developerRefId"].to_string();
    let (bob, dora) = (number("bob@example.com"), number("dora@example.com"));
    assert_eq!(names(&format!("developerRefIds={bob},{dora}")), ["Bob", "dora"]);
    assert_eq!(
        names(&format!("developerRefIds={bob}&developerRefIds={dora}&emails=bob@example.com")),
        ["Bob"]
    );
    assert_eq!(names("searchValue=LOVE"), ["Ada Lovelace"]);
    assert_eq!(names("searchValue=%C3%B6m"), ["Ömer"]);
    assert_eq!(
        names("searchKey=department&searchValue=Engineering&pageIndex=0&pageSize=50"),
        ["Ada Lovelace", "Bob"]
    );
    assert_eq!(names("searchKey=managerEmail&searchValue=ada@"), ["Bob", cy]);
    assert_eq!(names("searchKey=Start%20Date&searchValue=2021"), [cy]);
    let page = site.get("/v2/developers?pageIndex=1&pageSize=2&sortKey=email").by(by).expect(200).json();
    assert_eq!(
        (&page["totalCount"], &page["pageIndex"], &page["pageSize"]),
        (&json!(5), &json!(1), &json!(2))
    );
    assert_eq!(page["developers"][0]["email"], "cy@example.com");
    for wrong in
        ["searchKey=shoe&searchValue=4", "sortKey=shoe", "sortOrder=up", "developerRefIds=x", "pageSize=1001"]
    {
        site.get(&format!("/v2/developers?{wrong}")).by(by).refused(400, "INVALID_REQUEST");
    }
}

fn what_is_downloaded_can_be_uploaded_again(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    set_up(&site, &admin, CSV);
    let download = || {
        let answer = site.get("/v2/developers").session(&admin).header("accept", "text/csv").expect(200);
        assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"developers.csv\""));
        answer.text()
    };
    let first = download();
    assert!(first.starts_with("Full Name,Email,Manager Email,Department,Start Date"), "{first}");
    assert!(first.contains("=1+1") && !first.contains("'=1+1"), "not escaped");
    let before = developers(&site, By::from(&admin), "");
    let saved = set_up(&site, &admin, &first);
    assert_eq!(saved["changes"], json!({"added": 0, "updated": 0, "removed": 0, "unchanged": 5}));
    assert_eq!(developers(&site, By::from(&admin), ""), before);
    assert_eq!(download(), first);

    // A key that someone left in a cell is not kept, and its owner learns of it.
    let key = site.ingestion_key(&admin, "pasted");
    let pasted = first.replace("=1+1", &key.secret);
    let shown = upload(&site, &admin, &pasted).expect(200);
    assert!(!shown.text().contains(&key.secret[17..]) && shown.text().contains(&key.id));
    save(&site, &admin, &shown.json(), &all_columns()).expect(200);
    assert!(!download().contains(&key.secret[17..]));
    let exposed = || site.entries(&admin, &format!("&action=EXPOSED&subjectId={}", key.id));
    eventually("marked exposed", Duration::from_secs(10), || !exposed().is_empty());
}
