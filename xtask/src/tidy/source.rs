//! A Rust file taken apart: code without comments and literals, literals, comments, and which of it is tests.

use std::ops::Range;

use super::{find_words, line_of};

/// A literal's or a comment's text and where it starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) text: String,
}

/// One Rust file.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
    /// The file with comments and what is in literals blanked, byte for byte, so that places are the same in both.
    pub(super) code: String,
    pub(super) strings: Vec<Piece>,
    pub(super) comments: Vec<Piece>,
    tests: Vec<Range<usize>>,
    all_tests: bool,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (code, strings, comments) = split(text);
        let tests = test_regions(&code);
        let all_tests = ["/tests/", "/examples/", "/benches/"].iter().any(|folder| path.contains(folder))
            || path.ends_with("/tests.rs");
        Self { path: path.to_owned(), text: text.to_owned(), code, strings, comments, tests, all_tests }
    }

    /// True for what is compiled into tests only.
    pub(super) fn is_test(&self, offset: usize) -> bool {
        self.all_tests || self.tests.iter().any(|region| region.contains(&offset))
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        line_of(&self.text, offset)
    }

    /// The places of a word in the code, those in tests left out.
    pub(super) fn places(&self, word: &str) -> Vec<usize> {
        find_words(&self.code, word).into_iter().filter(|at| !self.is_test(*at)).collect()
    }

    /// True for the source of the crate of that folder name.
    pub(super) fn is_in_crate(&self, name: &str) -> bool {
        self.path
            .strip_prefix("crates/")
            .and_then(|path| path.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Marks the files that `#[cfg(test)] mod NAME;` brings in as tests throughout.
pub(super) fn mark_test_modules(sources: &mut [Source]) {
    let mut stems: Vec<String> = Vec::new();
    for source in sources.iter() {
        let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
        let folder = match file {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            other => format!("{folder}/{}", other.trim_end_matches(".rs")),
        };
        for region in source.tests.iter().filter(|region| source.code[(*region).clone()].ends_with(';')) {
            let declaration = source.code[region.clone()].trim_end_matches(';').trim();
            if let Some((_, name)) = declaration.rsplit_once("mod ") {
                stems.push(format!("{folder}/{}", name.trim()));
            }
        }
    }
    for source in sources {
        source.all_tests |= stems.iter().any(|stem| {
            source.path.strip_prefix(stem.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
    }
}

/// The place of the bracket that closes the one at `open`.
pub(super) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    code.len()
}

fn test_regions(code: &str) -> Vec<Range<usize>> {
    ["#[cfg(test)]", "#[cfg(all(test", "#[cfg(any(test"]
        .iter()
        .flat_map(|attribute| code.match_indices(attribute))
        .map(|(start, _)| {
            let after = closing(code, start + 1);
            let end = code[after..].find(['{', ';']).map_or(code.len(), |step| after + step);
            if code.as_bytes().get(end) == Some(&b'{') {
                start..closing(code, end) + 1
            } else {
                start..end + 1
            }
        })
        .map(|region| region.start..region.end.min(code.len()))
        .collect()
}

/// Takes a file apart into code, literals and comments.
fn split(text: &str) -> (String, Vec<Piece>, Vec<Piece>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut strings = Vec::new();
    let mut comments = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (end, kept, kind) = if rest.starts_with(b"//") {
            (at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()), 0, &mut comments)
        } else if rest.starts_with(b"/*") {
            (at + block_comment(rest), 0, &mut comments)
        } else if rest[0] == b'"' {
            (at + quoted(rest), 1, &mut strings)
        } else if let Some((length, hashes)) = raw_string(bytes, at) {
            (at + length, 2 + hashes, &mut strings)
        } else if rest[0] == b'\'' {
            let length = character(text, at);
            code[at + 1..at + length].iter_mut().for_each(|byte| *byte = b' ');
            at += length;
            continue;
        } else {
            at += 1;
            continue;
        };
        let inner = at + kept..end.saturating_sub(kept.saturating_sub(usize::from(kept > 1))).max(at + kept);
        kind.push(Piece { start: at, text: text[inner.clone()].to_owned() });
        let blanked = if kept == 0 { at..end } else { inner };
        code[blanked].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    (String::from_utf8_lossy(&code).into_owned(), strings, comments)
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at.min(rest.len())
}

fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of a raw string that starts at `at` and how many `#` it has; its `r` must not end a name.
fn raw_string(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let before = at.checked_sub(1).map(|before| bytes[before]);
    let prefixed =
        matches!(before, Some(b'b' | b'c')) && !at.checked_sub(2).is_some_and(|at| is_name(bytes[at]));
    if bytes[at] != b'r' || (before.is_some_and(is_name) && !prefixed) {
        return None;
    }
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let inner = at + 2 + hashes;
    let end = bytes[inner..]
        .windows(1 + hashes)
        .position(|window| window[0] == b'"' && window[1..].iter().all(|byte| *byte == b'#'))?;
    Some((inner + end + 1 + hashes - at, hashes))
}

/// The length of a character literal, or 1 where the quote starts a lifetime.
fn character(text: &str, at: usize) -> usize {
    let mut following = text[at + 1..].char_indices();
    let Some((_, first)) = following.next() else { return 1 };
    if first == '\\' {
        let rest = &text[at + 3..];
        return rest.find('\'').map_or(1, |end| end + 4);
    }
    match following.next() {
        Some((length, '\'')) => length + 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_leave_the_code() {
        let text = "let a = \"x // y\"; // z \"q\"\n/* b /* c */ d */ let e = 'f'; let g: &'h str = r#\"i \"j\" k\"#;";
        let source = Source::new("a.rs", text);
        let strings: Vec<&str> = source.strings.iter().map(|piece| piece.text.as_str()).collect();
        let comments: Vec<&str> = source.comments.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(strings, ["x // y", "i \"j\" k"]);
        assert_eq!(comments, ["// z \"q\"", "/* b /* c */ d */"]);
        assert_eq!(source.code.len(), text.len());
        assert!(source.code.contains("&'h str") && !source.code.contains('f') && !source.code.contains('z'));
    }

    #[test]
    fn quotes_in_characters_and_escapes_do_not_confuse() {
        let source = Source::new(
            "a.rs",
            r#"let a = '"'; let b = '\''; let c = "\"d\\"; let e = b"f"; let g = '\u{1F600}';"#,
        );
        let strings: Vec<&str> = source.strings.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(strings, [r#"\"d\\"#, "f"]);
        assert!(source.code.contains("let g ="));
    }

    #[test]
    fn what_is_compiled_for_tests_only_is_known() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { if x { } } }\nfn c() {}";
        let source = Source::new("crates/core/src/a.rs", text);
        let is_test = |word: &str| source.is_test(text.find(word).unwrap());
        assert!(!is_test("fn a") && is_test("fn b") && !is_test("fn c"));
        assert!(Source::new("crates/core/tests/a.rs", text).is_test(0));
    }

    #[test]
    fn a_module_declared_for_tests_is_tests() {
        let mut sources = [
            Source::new("crates/core/src/lib.rs", "#[cfg(test)]\nmod helpers;\nmod other;"),
            Source::new("crates/core/src/helpers.rs", "fn a() {}"),
            Source::new("crates/core/src/helpers/b.rs", "fn b() {}"),
            Source::new("crates/core/src/other.rs", "fn c() {}"),
        ];
        mark_test_modules(&mut sources);
        assert_eq!(sources.map(|source| source.is_test(0)), [true, true, true, false].map(|t| t));
    }
}
