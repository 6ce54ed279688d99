//! What must not stand in the code of the crates: IO in core, SQL above the store, secrets that print themselves, global state.

use super::source::{Source, closing};
use super::{Finding, find_words};

const LONGEST_FILE: usize = 600;
const LONG_FILE: usize = 400;

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    open_notes(source, findings);
    if !source.path.starts_with("crates/") {
        return;
    }
    core_does_no_io(source, findings);
    sql_stays_in_the_store(source, findings);
    databases_are_not_named(source, findings);
    secrets_stay_silent(source, findings);
    no_global_state(source, findings);
    no_clock_or_chance(source, findings);
    file_is_not_too_long(source, findings);
}

fn find(source: &Source, words: &[&str], what: &str, fix: &'static str, findings: &mut Vec<Finding>) {
    for word in words {
        for at in source.places(word) {
            findings.push(Finding::new(&source.path, source.line(at), format!("`{word}` {what}"), fix));
        }
    }
}

/// Addresses from `std::net` are plain data; sockets are not.
const IO: [&str; 14] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "SystemTime",
    "Instant",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "tokio",
];
const IO_MODULES: [&str; 4] = ["fs", "env", "process", "thread"];

fn core_does_no_io(source: &Source, findings: &mut Vec<Finding>) {
    if !source.is_in_crate("core") {
        return;
    }
    let fix = "take the value as an argument; the floors above read files, clocks and the environment";
    find(source, &IO, "in core, which does no IO", fix, findings);
    for (at, _) in source.code.match_indices("std::{").filter(|(at, _)| !source.is_test(*at)) {
        let open = at + "std::".len();
        let imported = &source.code[open + 1..closing(&source.code, open)];
        for module in imported.split(',').map(str::trim).filter(|name| IO_MODULES.contains(name)) {
            let what = format!("`std::{module}` in core, which does no IO");
            findings.push(Finding::new(&source.path, source.line(at), what, fix));
        }
    }
}

fn sql_stays_in_the_store(source: &Source, findings: &mut Vec<Finding>) {
    if source.is_in_crate("store") {
        return;
    }
    let fix = "give the store a method that says what is wanted, and call that";
    find(source, &["sqlx"], "outside the store", fix, findings);
    for piece in source.strings.iter().filter(|piece| is_sql(&piece.text) && !source.is_test(piece.start)) {
        findings.push(Finding::new(&source.path, source.line(piece.start), "SQL outside the store", fix));
    }
}

/// True for text that starts as a statement does.
fn is_sql(text: &str) -> bool {
    let words = normal(text);
    let both = |start: &str, then: &str| words.starts_with(start) && words.contains(then);
    both("select ", " from ")
        || both("update ", " set ")
        || both("with ", " as (")
        || words.starts_with("insert into ")
        || words.starts_with("delete from ")
}

/// In lower case, with single spaces. A line that ends with `\` goes on in the next.
pub(super) fn normal(text: &str) -> String {
    text.replace("\\\n", " ").to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

const MAY_NAME_DATABASES: [&str; 5] = [
    "crates/store/src/db.rs",
    "crates/store/src/db/",
    "crates/sextant/src/config.rs",
    "crates/sextant/src/config/",
    "crates/sextant/src/doctor.rs",
];

fn databases_are_not_named(source: &Source, findings: &mut Vec<Finding>) {
    if MAY_NAME_DATABASES.iter().any(|place| source.path.starts_with(place)) {
        return;
    }
    let fix = "only db.rs knows that there are two databases; put what differs there, under a name that says what it does";
    let mut named = |offset: usize, text: &str| {
        let text = text.to_ascii_lowercase();
        let places =
            ["sqlite", "postgres"].iter().flat_map(|name| text.match_indices(name).collect::<Vec<_>>());
        for (at, name) in places.filter(|(at, _)| !source.is_test(offset + at)) {
            let what = format!("names a database, `{name}`");
            findings.push(Finding::new(&source.path, source.line(offset + at), what, fix));
        }
    };
    named(0, &source.code);
    for piece in &source.strings {
        named(piece.start, &piece.text);
    }
}

/// Words in a type's name that make it a secret.
const SECRET_NAMES: [&str; 9] = [
    "Secret",
    "Password",
    "MasterKey",
    "Pepper",
    "Token",
    "PlainKey",
    "PlainApiKey",
    "ApiKeyPlain",
    "Plaintext",
];
/// Endings that make it something about a secret instead.
const ABOUT_SECRETS: [&str; 4] = ["Id", "Error", "Kind", "Problem"];
/// Types with such a name that may speak, each with the reason.
const MAY_SPEAK: [(&str, &str); 5] = [
    ("FormerSecret", "it holds which secret it was and its verifier, not the secret"),
    ("Peppers", "a list; what it lists stays silent by itself"),
    ("PepperUse", "it holds a pepper's number and counts, not the pepper"),
    ("MasterKeyState", "it holds the master key's fingerprint and counts, not the key"),
    ("MasterKeyChange", "an action that is permitted; it holds nothing"),
];

fn secrets_stay_silent(source: &Source, findings: &mut Vec<Finding>) {
    let fix = "write a Debug that says nothing by hand, or add the type with its reason to MAY_SPEAK in xtask/src/tidy/code.rs";
    for keyword in ["struct", "enum"] {
        for at in source.places(keyword) {
            let name = identifier(&source.code[at + keyword.len()..]);
            // In core that name is the plaintext; in a body on the wire it is the record of a key.
            let is_plain_key = name == "ApiKey" && source.is_in_crate("core");
            if !is_secret(name) && !is_plain_key {
                continue;
            }
            for spoken in ["Debug", "Display", "Serialize"] {
                if derives(&source.code, at, spoken) {
                    let what = format!("{name} holds a secret and derives {spoken}");
                    findings.push(Finding::new(&source.path, source.line(at), what, fix));
                }
            }
        }
    }
    for at in source.places("impl") {
        let header = source.code[at..].split('{').next().unwrap_or_default();
        let Some((interface, implementor)) = header.split_once(" for ") else { continue };
        let name = implementor
            .trim()
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':');
        let name = name.map(|path| path.rsplit(':').next().unwrap_or_default()).next().unwrap_or_default();
        let spoken =
            ["Display", "Serialize"].into_iter().find(|spoken| !find_words(interface, spoken).is_empty());
        if let (Some(spoken), true) = (spoken, is_secret(name)) {
            let what = format!("{name} holds a secret and implements {spoken}");
            findings.push(Finding::new(&source.path, source.line(at), what, fix));
        }
    }
}

fn is_secret(name: &str) -> bool {
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
        && !ABOUT_SECRETS.iter().any(|about| name.ends_with(about))
        && !MAY_SPEAK.iter().any(|(allowed, _)| *allowed == name)
}

fn identifier(code: &str) -> &str {
    let code = code.trim_start();
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default()
}

/// True if one of the attributes above the item at `at` derives the name.
fn derives(code: &str, at: usize, name: &str) -> bool {
    let since = code[..at].rfind(['{', '}', ';']).map_or(0, |end| end + 1);
    code[since..at].match_indices("derive(").any(|(start, open)| {
        let open = since + start + open.len() - 1;
        !find_words(&code[open..closing(code, open)], name).is_empty()
    })
}

/// What makes a `static` more than a constant.
const CHANGES: [&str; 7] = ["OnceLock", "LazyLock", "OnceCell", "LazyCell", "Mutex", "RwLock", "ArcSwap"];

fn no_global_state(source: &Source, findings: &mut Vec<Finding>) {
    let fix = "let the wiring make it and hand it down";
    find(
        source,
        &["static mut", "lazy_static", "once_cell", "thread_local"],
        "is global state",
        fix,
        findings,
    );
    for at in source.places("static") {
        // A lifetime is no item.
        if source.code[..at].ends_with('\'') {
            continue;
        }
        let declared = source.code[at..].split(['=', ';']).next().unwrap_or_default();
        let changing = CHANGES.iter().find(|name| !find_words(declared, name).is_empty());
        if let Some(name) = changing.copied().or_else(|| declared.contains("Atomic").then_some("Atomic")) {
            findings.push(Finding::new(
                &source.path,
                source.line(at),
                format!("a static {name} is global state"),
                fix,
            ));
        }
    }
}

const WIRING: &str = "crates/sextant/src/wiring";
const CLOCKS_AND_CHANCE: [&str; 8] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "getrandom",
    "rand",
    "OsRng",
    "thread_rng",
];

fn no_clock_or_chance(source: &Source, findings: &mut Vec<Finding>) {
    let inside = source.path.strip_prefix(WIRING).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'));
    if !inside {
        let fix = "take time and randomness as arguments; only crates/sextant/src/wiring asks the system";
        find(source, &CLOCKS_AND_CHANCE, "outside the wiring", fix, findings);
    }
}

fn file_is_not_too_long(source: &Source, findings: &mut Vec<Finding>) {
    let lines = source.text.lines().count();
    if source.path.contains("/src/") && lines > LONGEST_FILE {
        let what = format!("{lines} lines; at most {LONGEST_FILE}");
        findings.push(Finding::new(
            &source.path,
            LONGEST_FILE + 1,
            what,
            "split it by what its parts are for",
        ));
    }
}

/// What is said, but not refused, of a file that grows long.
pub(super) fn long_file_warning(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (source.path.starts_with("crates/") && source.path.contains("/src/") && lines > LONG_FILE)
        .then(|| format!("{} has {lines} lines; over {LONG_FILE} it is hard to read in one go", source.path))
}

/// Notes to oneself name an issue; tests are run or deleted.
fn open_notes(source: &Source, findings: &mut Vec<Finding>) {
    for piece in &source.comments {
        for (index, line) in piece.text.lines().enumerate() {
            let note = ["TODO", "FIXME"].into_iter().find(|note| !find_words(line, note).is_empty());
            let has_number =
                line.split('#').skip(1).any(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
            if let (Some(note), false) = (note, has_number) {
                let line = source.line(piece.start) + index;
                let fix = "name the issue, as `#12`, or do it now";
                findings.push(Finding::new(&source.path, line, format!("{note} without an issue"), fix));
            }
        }
    }
    for (at, _) in source.code.match_indices("#[ignore") {
        let what = "a test that is not run proves nothing";
        findings.push(Finding::new(
            &source.path,
            source.line(at),
            what,
            "make it run under SEXTANT_LONG, or delete it",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(&Source::new(path, text), &mut findings);
        findings.into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    fn count(path: &str, text: &str) -> usize {
        findings(path, text).len()
    }

    #[test]
    fn core_may_hold_addresses_but_open_nothing() {
        let path = "crates/core/src/a.rs";
        assert_eq!(findings(path, "\nuse std::fs;"), ["2: `std::fs` in core, which does no IO"]);
        assert_eq!(findings(path, "use std::{fmt, env};"), ["1: `std::env` in core, which does no IO"]);
        assert_eq!(count(path, "fn a(now: SystemTime) {}"), 1);
        assert_eq!(count(path, "use std::net::{IpAddr, TcpStream};"), 1);
        assert_eq!(count(path, "use std::net::IpAddr; // not std::fs\nconst A: &str = \"std::env\";"), 0);
        assert_eq!(count(path, "#[cfg(test)]\nmod tests { use std::fs; }"), 0);
        assert_eq!(count("crates/ingest/src/a.rs", "use std::fs;"), 0);
    }

    #[test]
    fn sql_above_the_store_is_found() {
        let path = "crates/service/src/a.rs";
        for sql in [
            "SELECT a FROM b",
            "insert into a values (1)",
            "\\\n  update a\n  set b = 1",
            "delete from a",
            "with a as (select 1)",
        ] {
            let text = format!("fn a() {{ run(\"{sql}\") }}");
            assert_eq!(findings(path, &text), ["1: SQL outside the store"], "{sql}");
            assert_eq!(count("crates/store/src/keys.rs", &text), 0);
        }
        assert_eq!(
            count(path, "fn a() { say(\"select one from the list\"); }"),
            1,
            "a known false alarm: reword"
        );
        assert_eq!(count(path, "fn a() { say(\"update failed\"); say(\"with care\"); }"), 0);
        assert_eq!(findings(path, "use sqlx::Row;"), ["1: `sqlx` outside the store"]);
    }

    #[test]
    fn a_database_is_named_in_few_places() {
        let text = "fn is_sqlite() {} const A: &str = \"PostgreSQL\"; // SQLite";
        assert_eq!(findings("crates/store/src/keys.rs", text).len(), 2);
        assert_eq!(count("crates/store/src/db.rs", text), 0);
        assert_eq!(count("crates/store/src/db/postgres.rs", text), 0);
        assert_eq!(count("crates/sextant/src/config.rs", text), 0);
        assert_eq!(count("crates/sextant/tests/a.rs", text), 0);
    }

    #[test]
    fn a_secret_that_prints_itself_is_found() {
        let path = "crates/core/src/a.rs";
        let derived = "#[derive(Clone, Debug)]\n/// Doc.\n#[must_use]\npub struct KeySecret([u8; 32]);";
        assert_eq!(findings(path, derived), ["4: KeySecret holds a secret and derives Debug"]);
        assert_eq!(count(path, "#[derive(Serialize, Debug)] enum SessionToken {}"), 2);
        assert_eq!(count(path, "impl fmt::Display for MasterKey { }"), 1);
        assert_eq!(count(path, "impl<'a> Serialize for crate::Password<'a> { }"), 1);
        assert_eq!(count(path, "impl fmt::Debug for MasterKey { }"), 0, "by hand, and silent");
        assert_eq!(count(path, "#[derive(Debug)] struct PepperId(u8); #[derive(Clone)] struct Pepper;"), 0);
        assert_eq!(count(path, "#[derive(Debug)] enum TokenError {}"), 0);
        assert_eq!(
            count(path, "#[derive(Debug)] struct Other; struct Token;"),
            0,
            "the derive is the other's"
        );
        assert_eq!(count(path, "#[derive(Debug)] struct ApiKey;"), 1);
        assert_eq!(count("crates/api/src/a.rs", "#[derive(Serialize)] struct ApiKey;"), 0);
    }

    #[test]
    fn global_state_is_found() {
        let path = "crates/api/src/a.rs";
        assert_eq!(count(path, "static A: OnceLock<u8> = OnceLock::new();"), 1);
        assert_eq!(count(path, "static A: AtomicU8 = AtomicU8::new(0);"), 1);
        assert_eq!(count(path, "lazy_static! { }"), 1);
        assert_eq!(count(path, "static A: &[&'static str] = &[]; struct B { c: OnceLock<&'static str> }"), 0);
    }

    #[test]
    fn clocks_and_chance_belong_to_the_wiring() {
        let text = "fn a() { Instant::now(); getrandom::fill(b); jiff::Timestamp::now(); }";
        assert_eq!(count("crates/service/src/a.rs", text), 3);
        assert_eq!(count("crates/sextant/src/wiring.rs", text), 0);
        assert_eq!(count("crates/sextant/src/wiring/clock.rs", text), 0);
        assert_eq!(count("crates/sextant/src/wirings.rs", text), 3);
        assert_eq!(count("crates/service/src/a.rs", "fn brand() { operand(); }"), 0);
    }

    #[test]
    fn a_file_may_be_long_but_not_too_long() {
        let path = "crates/api/src/a.rs";
        assert_eq!(count(path, &"\n".repeat(600)), 0);
        assert_eq!(findings(path, &"\n".repeat(601)), ["601: 601 lines; at most 600"]);
        assert!(long_file_warning(&Source::new(path, &"\n".repeat(401))).is_some());
        assert!(long_file_warning(&Source::new(path, &"\n".repeat(400))).is_none());
    }

    #[test]
    fn notes_name_an_issue_and_tests_are_run() {
        let path = "xtask/src/a.rs";
        let note = "TODO";
        assert_eq!(findings(path, &format!("\n// {note}: later")), ["2: TODO without an issue"]);
        assert_eq!(count(path, &format!("// {note} #12: later")), 0);
        assert_eq!(count(path, &format!("let a = \"{note}\";")), 0);
        assert_eq!(count(path, "#[test]\n#[ignore = \"slow\"]\nfn a() {}"), 1);
    }
}
