//! Any upload: it is a table without holes, or a problem that can be said.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sextant_ingest::csv;

fuzz_target!(|bytes: &[u8]| match csv::read(bytes) {
    Ok(table) => {
        assert!(!table.columns.is_empty() && !table.rows.is_empty());
        assert!(table.columns.iter().all(|name| !name.trim().is_empty()), "a column without a name");
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "a row with a hole");
    }
    Err(problem) => assert!(!problem.to_string().is_empty()),
});
