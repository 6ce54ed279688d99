//! What lies between a server and its database, to be cut.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Everything passes.
pub(super) const OPEN: u8 = 0;
/// Nothing passes and nothing is said: only a time-out tells.
pub(super) const SILENT: u8 = 1;
/// Connections end, and new ones end at once.
pub(super) const CUT: u8 = 2;

/// One wire, for all connections of a server.
pub(super) struct Wire(Arc<State>);

#[derive(Default)]
struct State {
    passes: AtomicU8,
    /// A connection on which this was said is cut once this was said as well, before it is answered.
    trap: Mutex<Option<(&'static str, &'static str)>>,
}

impl Wire {
    /// Lays one, and says by which address it is reached.
    pub(super) fn to(url: &str) -> (String, Self) {
        let (head, rest) = url.rsplit_once(':').unwrap();
        let (port, database) = rest.split_once('/').unwrap();
        let target: u16 = port.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let held = state.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if held.passes.load(Ordering::SeqCst) == CUT {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let (near_again, far_again) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let (there, back) = (held.clone(), held.clone());
                let mute = Arc::new(AtomicBool::new(false));
                let muted = mute.clone();
                std::thread::spawn(move || {
                    let mut primed = false;
                    carry(near, far, &there, |said| there.watch(said, &mut primed, &mute));
                });
                std::thread::spawn(move || {
                    let muted = || muted.load(Ordering::SeqCst);
                    carry(
                        far_again,
                        near_again,
                        &back,
                        |_| if muted() { Passage::Never } else { Passage::Free },
                    );
                });
            }
        });
        (format!("{head}:{own}/{database}"), Self(state))
    }

    /// Cutting lasts until every connection is gone.
    pub(super) fn set(&self, state: u8) {
        self.0.passes.store(state, Ordering::SeqCst);
        if state == CUT {
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Once: cuts a connection on which `first` was said when `then` has been said as well and arrived.
    pub(super) fn cut_after(&self, first: &'static str, then: &'static str) {
        *self.0.trap.lock().unwrap() = Some((first, then));
    }

    pub(super) fn has_cut(&self) -> bool {
        self.0.trap.lock().unwrap().is_none()
    }
}

impl State {
    /// Looks at what is said to the database.
    fn watch(&self, said: &[u8], primed: &mut bool, mute: &AtomicBool) -> Passage {
        let mut trap = self.trap.lock().unwrap();
        let Some((first, then)) = *trap else { return Passage::Free };
        let says = |words: &str| said.windows(words.len()).any(|part| part == words.as_bytes());
        *primed |= says(first);
        if !(*primed && says(then)) {
            return Passage::Free;
        }
        *trap = None;
        mute.store(true, Ordering::SeqCst);
        Passage::Last
    }
}

/// Whether something is passed on.
#[derive(PartialEq)]
enum Passage {
    Free,
    /// It is, and nothing after it.
    Last,
    Never,
}

fn carry(mut from: TcpStream, mut to: TcpStream, state: &State, mut watch: impl FnMut(&[u8]) -> Passage) {
    from.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut bytes = [0; 16 * 1024];
    loop {
        if state.passes.load(Ordering::SeqCst) == CUT {
            break;
        }
        match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(_) if state.passes.load(Ordering::SeqCst) == SILENT => {}
            Ok(count) => {
                let passage = watch(&bytes[..count]);
                if passage == Passage::Never || to.write_all(&bytes[..count]).is_err() {
                    break;
                }
                if passage == Passage::Last {
                    // It arrives and is acted upon before the connection ends.
                    std::thread::sleep(Duration::from_millis(200));
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
