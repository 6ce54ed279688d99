//! A long log: whatever is asked for, on whichever page, comes out as if the whole log had been looked through.

use crate::site::{Client, Ground, Session, Site, on_both_databases};
use serde_json::Value;
use std::process::Command;

on_both_databases! {
    a_page_of_a_long_log_is_what_looking_through_all_of_it_finds
}

/// More than what is gathered and sorted without asking whether another way is shorter.
const LENGTH: usize = 24_000;

fn pages(site: &Client, by: &Session, query: &str, page: usize, size: usize) -> (Vec<Value>, usize) {
    let path = format!("/v2/audit?pageIndex={page}&pageSize={size}{query}");
    let answer = site.get(&path).session(by).expect(200).json();
    let total = usize::try_from(answer["totalCount"].as_u64().unwrap()).unwrap();
    (answer["entries"].as_array().unwrap().clone(), total)
}

fn place(entry: &Value) -> (String, i64) {
    (entry["chain"].as_str().unwrap().to_owned(), entry["sequence"].as_i64().unwrap())
}

fn places<'a>(entries: impl IntoIterator<Item = &'a Value>) -> Vec<(String, i64)> {
    entries.into_iter().map(place).collect()
}

/// A filter, and what it means.
type Filter<'a> = (String, Box<dyn Fn(&Value) -> bool + 'a>);

fn filters(all: &[Value]) -> Vec<Filter<'_>> {
    let is = |field: &'static str, word: &'static str| move |entry: &Value| entry[field] == word;
    let (middle, recent) = (all[LENGTH / 2]["at"].as_str().unwrap(), all[900]["at"].as_str().unwrap());
    let subject = all[LENGTH / 3]["subjectId"].as_str().unwrap();
    let by = |name: &'static str| move |entry: &Value| entry["actor"]["name"] == name;
    vec![
        (String::new(), Box::new(|_| true)),
        ("&projectIdentifier=default".into(), Box::new(is("chain", "default"))),
        ("&email=PERSON7@example.com".into(), Box::new(by("person7@example.com"))),
        ("&email=person40@example.com".into(), Box::new(by("person40@example.com"))),
        ("&email=nobody@example.com".into(), Box::new(|_| false)),
        ("&action=EDITED".into(), Box::new(is("action", "EDITED"))),
        ("&action=EXPOSED".into(), Box::new(is("action", "EXPOSED"))),
        ("&type=API_ACCESS_KEY".into(), Box::new(is("type", "API_ACCESS_KEY"))),
        (
            "&type=ACCESS,USER_LOGIN,API_ACCESS_KEY,DEVELOPER".into(),
            Box::new(|entry| entry["type"] != "USER" && entry["type"] != "INSTALLATION"),
        ),
        (
            "&type=API_ACCESS_KEY&action=DELETED&email=person3@example.com,person4@example.com".into(),
            Box::new(|entry| {
                let name = &entry["actor"]["name"];
                entry["action"] == "DELETED"
                    && entry["type"] == "API_ACCESS_KEY"
                    && (name == "person3@example.com" || name == "person4@example.com")
            }),
        ),
        (format!("&from={middle}"), Box::new(move |entry| entry["at"].as_str().unwrap() >= middle)),
        (format!("&to={middle}"), Box::new(move |entry| entry["at"].as_str().unwrap() < middle)),
        (
            format!("&from={middle}&to={recent}&action=EDITED"),
            Box::new(move |entry| {
                let at = entry["at"].as_str().unwrap();
                at >= middle && at < recent && entry["action"] == "EDITED"
            }),
        ),
        (format!("&subjectId={subject}"), Box::new(move |entry| entry["subjectId"] == subject)),
        (format!("&subjectId={subject}&action=EXPOSED"), Box::new(|_| false)),
    ]
}

fn a_page_of_a_long_log_is_what_looking_through_all_of_it_finds(ground: Ground) {
    let mut site = Site::start(ground);
    site.stop();
    site.command(&["bench-seed", "--audit", &LENGTH.to_string()]);
    if !ground.postgres {
        many_groups(&site);
    }
    site.serve();
    let admin = site.admin();
    let total = pages(&site, &admin, "", 0, 1).1;
    assert!(total > LENGTH);
    // That answers fit the document is seen elsewhere; here there are too many.
    let client = Client { document: None, ..(*site).clone() };
    let all: Vec<Value> =
        (0..=total / 1000).flat_map(|page| pages(&client, &admin, "", page, 1000).0).collect();
    assert_eq!(all.len(), total);
    let times: Vec<&str> = all.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older));
    let mut distinct = places(&all);
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), total, "no entry twice");

    for (number, (query, fits)) in filters(&all).into_iter().enumerate() {
        let expected = places(all.iter().filter(|entry| fits(entry)));
        let last = expected.len() / 50;
        for page in [0, last / 2 + 1, last, last + 1] {
            let (found, total) = pages(&client, &admin, &query, page, 50);
            assert_eq!(total, expected.len(), "{query}");
            let wanted: Vec<_> = expected.iter().skip(page * 50).take(50).cloned().collect();
            assert_eq!(places(&found), wanted, "{query} page {page}");
        }
        if number % 3 == 0 {
            assert_eq!(exported(&client, &admin, &query), expected, "{query}");
        }
    }
    site.stop();
    assert_eq!(site.command(&["audit", "verify"])["sound"], true, "seeded as changes are written");
}

/// The places of an export's lines.
fn exported(site: &Client, by: &Session, query: &str) -> Vec<(String, i64)> {
    let answer = site.get(&format!("/v2/audit?format=csv{query}")).session(by).expect(200);
    assert_eq!(answer.header("content-length"), None, "it is made while it is sent");
    let text = answer.text();
    assert!(text.ends_with("\r\n") && text.starts_with("At,Actor Type,"));
    let lines = text.split_terminator("\r\n").skip(1);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.rsplitn(4, ',').collect();
            (cells[2].to_owned(), cells[1].parse().unwrap())
        })
        .collect()
}

/// Groups without entries, so many that a filter does not name them one by one.
fn many_groups(site: &Site) {
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
        c.executemany('insert into audit_groups values (?, ?, ?, ?, ?, ?, 0)',\n\
        \x20   [(1000000 + n, 'account', kind, 'EDITED', f'n{n}', f'n{n}') for n in range(2500) for kind in [('USER', 'API_ACCESS_KEY')[n % 2]]])\n\
        c.executemany('insert into audit_groups values (?, ?, ?, ?, ?, ?, 0)',\n\
        \x20   [(2000000 + n, 'account', 'API_ACCESS_KEY', 'CREATED', f'n{n}', f'n{n}') for n in range(2500)])\n\
        c.commit()\n";
    let done =
        Command::new("python3").args(["-c", script]).arg(site.data.join("sextant.db")).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
