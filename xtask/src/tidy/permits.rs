//! Whatever changes a row takes a `Permit`, so that code that forgot the check does not compile.

use std::ops::Range;

use super::code::normal;
use super::source::{Piece, Source, closing};
use super::{Finding, find_words};

/// Above a function that changes rows without a permit; a reason follows.
const WAIVER: &str = "tidy: no permit:";

struct Function<'a> {
    start: usize,
    signature: &'a str,
    body: Range<usize>,
}

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    if !source.path.starts_with("crates/store/src/") {
        return;
    }
    let functions = functions(&source.code);
    let changing: Vec<&Piece> = source.strings.iter().filter(|piece| changes_rows(&piece.text)).collect();
    let is_inside = |piece: &Piece| functions.iter().any(|function| function.body.contains(&piece.start));
    // Statements kept as constants count where they are used.
    let constants: Vec<&str> = changing
        .iter()
        .filter(|piece| !is_inside(piece))
        .filter_map(|piece| constant_of(&source.code, piece.start))
        .collect();
    for function in functions.iter().filter(|function| !source.is_test(function.start)) {
        let body = &source.code[function.body.clone()];
        let changes = changing.iter().any(|piece| function.body.contains(&piece.start))
            || constants.iter().any(|name| !find_words(body, name).is_empty());
        let permitted = function.signature.contains("Permit") || is_waived(source, function.start);
        if changes && !permitted {
            let name = function.signature.split(['(', '<']).next().unwrap_or_default().trim();
            let what = format!("`{name}` changes rows and takes no Permit");
            let fix = "take a `Permit` by value, or write `// tidy: no permit: REASON` above it";
            findings.push(Finding::new(&source.path, source.line(function.start), what, fix));
        }
    }
}

fn changes_rows(sql: &str) -> bool {
    let sql = format!(" {} ", normal(sql));
    sql.contains(" insert into ")
        || sql.contains(" delete from ")
        || sql.starts_with(" update ")
        || (sql.contains(" update ") && sql.contains(" set "))
}

fn functions(code: &str) -> Vec<Function<'_>> {
    find_words(code, "fn")
        .into_iter()
        .filter_map(|start| {
            let end = start + code[start..].find(['{', ';'])?;
            // A declaration without a body changes nothing; `fn` in a type ends elsewhere and is harmless.
            (code.as_bytes()[end] == b'{').then(|| Function {
                start,
                signature: &code[start..end],
                body: end..closing(code, end),
            })
        })
        .collect()
}

/// The name of the constant or static whose value the literal at `at` is part of.
fn constant_of(code: &str, at: usize) -> Option<&str> {
    let statement = &code[code[..at].rfind([';', '}', '{']).map_or(0, |end| end + 1)..at];
    let after = ["const ", "static "].iter().find_map(|keyword| Some(statement.split_once(keyword)?.1))?;
    Some(after.split(':').next().unwrap_or_default().trim())
}

/// True if the comments and attributes right above say why there is no permit.
fn is_waived(source: &Source, start: usize) -> bool {
    let above = &source.text[..source.text[..start].rfind('\n').unwrap_or(0)];
    above
        .lines()
        .rev()
        .map(str::trim)
        .take_while(|line| line.starts_with("//") || line.starts_with("#["))
        .any(|line| line.split_once(WAIVER).is_some_and(|(_, reason)| !reason.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(&Source::new("crates/store/src/keys.rs", text), &mut findings);
        findings.into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn a_change_without_a_permit_is_found() {
        let text = "impl Tx<'_> {\n    pub async fn end(&mut self, id: KeyId) -> Result<(), Error> {\n        self.run(\"delete from api_keys where id = $1\").await\n    }\n}";
        assert_eq!(findings(text), ["2: `fn end` changes rows and takes no Permit"]);
        assert_eq!(findings(&text.replace("id: KeyId", "permit: Permit<Delete>, id: KeyId")), [""; 0]);
        assert_eq!(findings(&text.replace("delete from", "select a from")), [""; 0]);
        assert_eq!(findings(&text.replace("delete from api_keys", "INSERT\n  INTO a")).len(), 1);
        assert_eq!(
            findings(&text.replace("delete from api_keys", "with b as (select 1) update a set c = 1")).len(),
            1
        );
    }

    #[test]
    fn a_statement_kept_as_a_constant_counts_where_it_is_used() {
        let text =
            "const END: &str = \"update a set b = 1\";\nfn read() {}\nfn end(tx: &mut Tx) { tx.run(END) }";
        assert_eq!(findings(text), ["3: `fn end` changes rows and takes no Permit"]);
    }

    #[test]
    fn a_reason_in_the_line_above_is_enough() {
        let text = "/// Doc.\n// tidy: no permit: counters, no one's power\n#[inline]\nfn a() { run(\"update a set b = 1\") }";
        assert_eq!(findings(text), [""; 0]);
        assert_eq!(findings(&text.replace("counters, no one's power", "")).len(), 1);
        assert_eq!(
            findings(&text.replace("/// Doc.\n// tidy", "// tidy").replace("#[inline]", "\n")).len(),
            1
        );
    }

    #[test]
    fn tests_may_do_as_they_like() {
        assert_eq!(findings("#[cfg(test)]\nmod tests { fn a() { run(\"delete from a\") } }"), [""; 0]);
    }
}
