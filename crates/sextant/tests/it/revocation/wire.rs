//! What lies between a server and its database, to be cut.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// Everything passes.
pub(super) const OPEN: u8 = 0;
/// Nothing passes and nothing is said: only a time-out tells.
pub(super) const SILENT: u8 = 1;
/// Connections end, and new ones end at once.
pub(super) const CUT: u8 = 2;

/// One wire, for all connections of a server.
pub(super) struct Wire(Arc<AtomicU8>);

impl Wire {
    /// Lays one, and says by which address it is reached.
    pub(super) fn to(url: &str) -> (String, Self) {
        let (head, rest) = url.rsplit_once(':').unwrap();
        let (port, database) = rest.split_once('/').unwrap();
        let target: u16 = port.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let state = Arc::new(AtomicU8::new(OPEN));
        let held = state.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if held.load(Ordering::SeqCst) == CUT {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let (near_again, far_again) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let (there, back) = (held.clone(), held.clone());
                std::thread::spawn(move || carry(near, far, &there));
                std::thread::spawn(move || carry(far_again, near_again, &back));
            }
        });
        (format!("{head}:{own}/{database}"), Self(state))
    }

    /// Cutting lasts until every connection is gone.
    pub(super) fn set(&self, state: u8) {
        self.0.store(state, Ordering::SeqCst);
        if state == CUT {
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, state: &AtomicU8) {
    from.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut bytes = [0; 16 * 1024];
    loop {
        if state.load(Ordering::SeqCst) == CUT {
            break;
        }
        match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(_) if state.load(Ordering::SeqCst) == SILENT => {}
            Ok(count) => {
                if to.write_all(&bytes[..count]).is_err() {
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
