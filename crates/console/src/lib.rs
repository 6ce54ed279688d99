//! The console's files, embedded: what `npm run build` leaves in `web/dist`, with its compressed forms. Without that folder
//! there are plain pages that need no build: where things are, how to build the console, and the set-up link's form.
//!
//! A debug build reads `web/dist` from the disk, so that the console can be built again under a running server.

use rust_embed::{Embed, EmbeddedFile};
use std::borrow::Cow;

/// A file to be served.
#[derive(Clone, Debug)]
pub struct File {
    /// Its content, in the form that [`File::encoding`] names.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type.
    pub kind: &'static str,
    /// The `Content-Encoding`, where it is compressed.
    pub encoding: Option<&'static str>,
    /// Changes with the content and the form.
    pub etag: String,
    /// Whether its name changes with its content, so that it can be kept for ever.
    pub immutable: bool,
}

/// The compressed forms that a client takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encodings {
    /// `br`
    pub brotli: bool,
    /// `gzip`
    pub gzip: bool,
}

#[derive(Embed)]
#[folder = "$SEXTANT_WEB_DIST"]
#[allow_missing = true]
struct Built;

/// The plain pages.
#[derive(Embed)]
#[folder = "fallback"]
struct Plain;

/// Whether the console was built.
pub fn is_built() -> bool {
    Built::get("index.html").is_some()
}

/// A file by its path below the root.
pub fn file(path: &str, accepted: Encodings) -> Option<File> {
    let kind = kind(path)?;
    let immutable = path.starts_with("assets/") && Built::get(path).is_some();
    let compressed = [(accepted.brotli, "br", "br"), (accepted.gzip, "gzip", "gz")]
        .into_iter()
        .filter(|(accepted, ..)| *accepted)
        .find_map(|(_, encoding, ending)| Some((Built::get(&format!("{path}.{ending}"))?, Some(encoding))));
    let plain = || Some((Built::get(path).or_else(|| Plain::get(path))?, None));
    let (found, encoding) = compressed.or_else(plain)?;
    Some(File { kind, encoding, etag: etag(&found), immutable, bytes: found.data })
}

fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let digits: Vec<String> = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{}\"", digits.concat())
}

/// The media type by the ending. What has none here is not served: the compressed forms by their own names, for one.
fn kind(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "woff2" => "font/woff2",
        "png" => "image/png",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_pages_are_always_there() {
        for path in ["setup.html", "assets/page.css", "assets/setup.js"] {
            let found = file(path, Encodings::default()).unwrap();
            assert!(!found.bytes.is_empty() && !found.immutable && found.encoding.is_none(), "{path}");
        }
        assert!(file("index.html", Encodings::default()).is_some());
    }

    #[test]
    fn nothing_outside_is_served() {
        for path in
            ["../Cargo.toml", "../src/lib.rs", "", "assets", "assets/", "/etc/passwd", "index.html.br"]
        {
            assert!(file(path, Encodings { brotli: true, gzip: true }).is_none(), "{path}");
        }
    }

    #[test]
    fn the_compressed_forms_have_tags_of_their_own() {
        if !is_built() {
            return;
        }
        let plain = file("index.html", Encodings::default()).unwrap();
        let brotli = file("index.html", Encodings { brotli: true, gzip: true }).unwrap();
        let gzip = file("index.html", Encodings { brotli: false, gzip: true }).unwrap();
        assert_eq!((brotli.encoding, gzip.encoding), (Some("br"), Some("gzip")));
        assert!(plain.etag != brotli.etag && brotli.etag != gzip.etag);
    }
}
