//! Whatever changes a row takes a `Permit`, so that code that forgot the check does not compile.
//!
//! A change is a method of `Tx<Action>`, which is begun with a `Permit<Action>`. So three things are looked for: changes that are
//! no such method, a `Tx` that comes about without a permit, and public changes that any permit opens.

use std::ops::Range;

use super::code::normal;
use super::source::{Piece, Source, closing};
use super::{Finding, find_words};

/// Above a function that changes rows without a permit; a reason follows.
const WAIVER: &str = "tidy: no permit:";

const FIX: &str =
    "make it a method of `Tx` for the action it belongs to, or write `// tidy: no permit: REASON` above it";

struct Function<'a> {
    start: usize,
    signature: &'a str,
    body: Range<usize>,
}

/// What a method is a method of.
struct Block<'a> {
    header: &'a str,
    body: Range<usize>,
}

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    if !source.path.starts_with("crates/store/src/") {
        return;
    }
    let functions = functions(&source.code);
    let blocks = blocks(&source.code);
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
        let block = blocks.iter().find(|block| block.body.contains(&function.start));
        let is_public =
            source.code[..function.start].trim_end().trim_end_matches("async").trim_end().ends_with("pub");
        let name = function.signature.split(['(', '<']).next().unwrap_or_default().trim();
        if let (Some(what), false) =
            (function.problem(block, changes, is_public), is_waived(source, function.start))
        {
            findings.push(Finding::new(
                &source.path,
                source.line(function.start),
                format!("`{name}` {what}"),
                FIX,
            ));
        }
    }
}

impl Function<'_> {
    fn problem(&self, block: Option<&Block<'_>>, changes: bool, is_public: bool) -> Option<&'static str> {
        let takes = |word: &str| self.arguments().is_some_and(|text| !find_words(text, word).is_empty());
        if takes("Permit") {
            return None;
        }
        let of_transaction =
            block.is_some_and(|block| !find_words(block.header, "Tx").is_empty()) && takes("self");
        let answer = self.signature.split_once("->").map_or("", |(_, answer)| answer);
        if !find_words(answer, "Tx").is_empty() && !of_transaction && !takes("Tx") {
            return Some("makes a Tx and takes no Permit");
        }
        if changes && !of_transaction && !takes("Tx") {
            return Some("changes rows and is no method of Tx");
        }
        // `impl<A> Tx<A>` without a bound on A: whoever holds any permit at all could call it.
        let unbound =
            block.is_some_and(|block| block.header.split_whitespace().collect::<String>() == "impl<A>Tx<A>");
        (changes && is_public && unbound).then_some("changes rows with whatever permit there is")
    }

    fn arguments(&self) -> Option<&str> {
        let open = self.signature.find('(')?;
        self.signature.get(open..closing(self.signature, open))
    }
}

fn blocks(code: &str) -> Vec<Block<'_>> {
    find_words(code, "impl")
        .into_iter()
        .filter_map(|start| {
            let open = start + code[start..].find(['{', ';', ')'])?;
            (code.as_bytes()[open] == b'{')
                .then(|| Block { header: &code[start..open], body: open..closing(code, open) })
        })
        .collect()
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

    const END: &str = "impl Tx<ApiKeysWrite> {\n    pub async fn end(&mut self, id: &KeyId) -> Result<(), Error> {\n        self.run(\"delete from api_keys where id = $1\").await\n    }\n}";

    #[test]
    fn a_change_without_a_permit_is_found() {
        assert_eq!(findings(END), [""; 0]);
        let elsewhere = END.replace("Tx<ApiKeysWrite>", "Store");
        assert_eq!(findings(&elsewhere), ["2: `fn end` changes rows and is no method of Tx"]);
        assert_eq!(findings(&elsewhere.replace("id: &KeyId", "permit: Permit<Delete>")), [""; 0]);
        assert_eq!(findings(&elsewhere.replace("delete from", "select a from")), [""; 0]);
        assert_eq!(findings(&elsewhere.replace("delete from api_keys", "INSERT\n  INTO a")).len(), 1);
        assert_eq!(
            findings(&elsewhere.replace("delete from api_keys", "with b as (select 1) update a set c = 1"))
                .len(),
            1
        );
        assert_eq!(findings(&END.replace("&mut self, ", "")).len(), 1, "not a method of one");
    }

    #[test]
    fn a_public_change_that_any_permit_opens_is_found() {
        let open = END.replace("impl Tx<ApiKeysWrite>", "impl<A> Tx<A>");
        assert_eq!(findings(&open), ["2: `fn end` changes rows with whatever permit there is"]);
        assert_eq!(findings(&open.replace("pub async", "pub(crate) async")), [""; 0]);
        assert_eq!(findings(&open.replace("impl<A>", "impl<A: ChangesKeys>")), [""; 0]);
    }

    #[test]
    fn a_transaction_begins_with_a_permit() {
        let text =
            "impl Store { pub async fn begin<A>(&self, permit: Permit<A>) -> Result<Tx<A>, Error> { x } }";
        assert_eq!(findings(text), [""; 0]);
        assert_eq!(findings(&text.replace(", permit: Permit<A>", "")).len(), 1);
    }

    #[test]
    fn a_statement_kept_as_a_constant_counts_where_it_is_used() {
        let text = "const END: &str = \"update a set b = 1\";\nfn read() {}\nfn end(store: &Store) { store.run(END) }";
        assert_eq!(findings(text), ["3: `fn end` changes rows and is no method of Tx"]);
        assert_eq!(findings(&text.replace("store: &Store", "tx: &mut Tx<A>")), [""; 0]);
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
