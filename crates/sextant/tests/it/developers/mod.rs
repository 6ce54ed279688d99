//! Developer records over HTTP.

mod records;
mod rules;

use crate::site::{By, Site};
use crate::support::client::Answer;
use serde_json::{Value, json};

/// Five people: two managers, and one with commas and quotes.
const CSV: &str = "Full Name,Email,Manager Email,Department,Start Date\n\
    Ada Lovelace,Ada@Example.com,,Engineering,2020-01-01\n\
    Bob,bob@example.com,ada@example.com,Engineering,\n\
    \"Cy, the \"\"third\"\"\",cy@example.com,ada@example.com,Sales,2021-05-05\n\
    Ömer,omer@example.com,bob@example.com,=1+1,\n\
    dora,dora@example.com,,,2019-09-09\n";

fn upload<'a>(site: &Site, by: impl Into<By<'a>>, csv: impl AsRef<[u8]>) -> Answer {
    site.call("POST", "/v2/developers").by(by).file(csv).send()
}

fn mapped(pairs: &[(&str, &str)]) -> Value {
    let list: Vec<Value> =
        pairs.iter().map(|(column, kind)| json!({"csvColumn": column, "fieldType": kind})).collect();
    json!({"fieldMappings": list})
}

fn all_columns() -> Value {
    mapped(&[
        ("Full Name", "NAME"),
        ("Email", "EMAIL"),
        ("Manager Email", "MANAGER_EMAIL"),
        ("Department", "CUSTOM"),
        ("Start Date", "CUSTOM"),
    ])
}

/// Uploads a CSV and puts it in force.
fn set_up<'a>(site: &Site, by: impl Into<By<'a>>, csv: &str) -> Value {
    let by = by.into();
    let preview = upload(site, by, csv).expect(200).json();
    save(site, by, &preview, &all_columns()).expect(200).json()
}

fn save<'a>(site: &Site, by: impl Into<By<'a>>, preview: &Value, mappings: &Value) -> Answer {
    let version = preview["versionId"].as_str().unwrap();
    site.put(&format!("/v2/developers/versions/{version}/fieldMappings"), mappings).by(by).send()
}

/// Type, field and count of each error, and that no sample is longer than it may be.
fn errors(list: &Value) -> Vec<(String, Option<String>, u64)> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let count = error["errorDeveloperCount"].as_u64().unwrap();
            let samples = error["sampleErrorDevelopers"].as_array().unwrap().len() as u64;
            assert_eq!(samples, count.min(10), "{error}");
            let text = |name: &str| error[name].as_str().map(ToOwned::to_owned);
            (text("errorType").unwrap(), text("fieldName"), count)
        })
        .collect()
}

fn developers(site: &Site, by: By<'_>, query: &str) -> Vec<Value> {
    let answer = site.get(&format!("/v2/developers?{query}")).by(by).expect(200).json();
    answer["developers"].as_array().unwrap().clone()
}

fn names(site: &Site, by: By<'_>, query: &str) -> Vec<String> {
    developers(site, by, query).iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}
