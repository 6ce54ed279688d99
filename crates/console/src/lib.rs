//! The console's files, embedded. Until the console is built there are plain pages that need no build: where things are,
//! and the set-up link's form.

/// A file to be served.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its content.
    pub bytes: &'static [u8],
    /// Its media type.
    pub kind: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// A file by its path below the root.
pub fn file(path: &str) -> Option<File> {
    let (bytes, kind): (&'static [u8], _) = match path {
        "index.html" => (include_bytes!("../fallback/index.html"), HTML),
        "setup.html" => (include_bytes!("../fallback/setup.html"), HTML),
        "assets/page.css" => (include_bytes!("../fallback/assets/page.css"), CSS),
        "assets/setup.js" => (include_bytes!("../fallback/assets/setup.js"), JS),
        _ => return None,
    };
    Some(File { bytes, kind })
}
