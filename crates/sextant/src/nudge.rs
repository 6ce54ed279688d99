//! Noticing at once that another process of this node changed something: each writes the high-water mark after it has
//! committed, and the system tells who watches the folder.

use sextant_service::Sextant;
use std::path::PathBuf;
use std::sync::Arc;

/// Nudges the server whenever the mark in `folder` is replaced. Where the system cannot tell, the server goes on asking
/// its database often.
#[cfg(target_os = "linux")]
pub(crate) fn watch(folder: PathBuf, sextant: &Arc<Sextant>) {
    let sextant = Arc::downgrade(sextant);
    // A thread that only ever waits; nothing waits for it.
    let begun = std::thread::Builder::new().name("nudge".to_owned()).spawn(move || {
        let told = tell(&folder, &sextant);
        if let (Some(sextant), Err(error)) = (sextant.upgrade(), told) {
            sextant.expect_nudges(false);
            tracing::warn!(%error, "cannot watch the data directory; asking the database more often instead");
        }
    });
    if let Err(error) = begun {
        tracing::warn!(%error, "cannot watch the data directory; asking the database more often instead");
    }
}

/// Nobody tells on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn watch(_: PathBuf, _: &Arc<Sextant>) {}

#[cfg(target_os = "linux")]
fn tell(folder: &std::path::Path, sextant: &std::sync::Weak<Sextant>) -> rustix::io::Result<()> {
    use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};

    let watcher = init(CreateFlags::CLOEXEC)?;
    add_watch(&watcher, folder, WatchFlags::MOVED_TO)?;
    let mut space = [std::mem::MaybeUninit::uninit(); 4096];
    let mut events = Reader::new(watcher, &mut space);
    if let Some(sextant) = sextant.upgrade() {
        sextant.expect_nudges(true);
    }
    loop {
        let event = events.next()?;
        if event.file_name().is_some_and(|name| name.to_bytes() == b"high-water") {
            let Some(sextant) = sextant.upgrade() else { return Ok(()) };
            sextant.nudge();
        }
    }
}
