//! Where the built console is, for the macro that embeds it.

use std::path::Path;

fn main() {
    // Without `..`: a debug build compares it with the path of each file that it reads.
    let root = Path::new("../..").canonicalize().expect("the workspace is two folders up");
    println!("cargo::rustc-env=SEXTANT_WEB_DIST={}", root.join("web/dist").display());
    // Cargo sees that an embedded file changed, but not that files came or went. A debug build reads the folder while it
    // runs, so it need not be built again when the console is. Where there is no folder to watch, Cargo runs this every time:
    // a price that only release builds without a console pay.
    let watched = match std::env::var("PROFILE").as_deref() {
        Ok("release") => "../../web/dist",
        _ => "build.rs",
    };
    println!("cargo::rerun-if-changed={watched}");
}
