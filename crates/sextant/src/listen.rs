//! One listening socket, several threads that accept from it.
//!
//! Each thread has a runtime of its own, so that a request never changes threads; each holds a duplicate of the one
//! socket's descriptor. Several sockets on one port (`SO_REUSEPORT`) would hide that the port is busy.

use crate::connection::{self, Shared};
use crate::usage;
use anyhow::{Context, Result, anyhow};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long requests under way may take when the server stops.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// How many clients may wait to be accepted.
const BACKLOG: u32 = 4096;
/// The pause after an accept that failed for want of something, such as file descriptors.
const SHORTAGE: Duration = Duration::from_millis(200);

/// An address that is ours, and on which nobody is answered yet.
pub(crate) struct Bound {
    socket: TcpSocket,
    asked: String,
}

/// Takes the address. Clients are refused until [`Bound::listen`].
pub(crate) fn bind(asked: &str) -> Result<Bound> {
    let mut addresses = asked.to_socket_addrs().map_err(|error| {
        usage(format!("`--listen {asked}` is no address such as 127.0.0.1:7117 or [::]:7117 ({error})"))
    })?;
    let address = addresses.next().ok_or_else(|| usage(format!("`--listen {asked}` names no address")))?;
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    // A server that was just stopped leaves connections behind that would keep the port for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address).map_err(|error| refused(asked, &error))?;
    Ok(Bound { socket, asked: asked.to_owned() })
}

impl Bound {
    /// Lets clients in; they wait until someone accepts.
    pub(crate) fn listen(self) -> Result<TcpListener> {
        let listener = self.socket.listen(BACKLOG).map_err(|error| refused(&self.asked, &error))?;
        Ok(listener.into_std()?)
    }

    /// The address, with the port that was picked.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

fn refused(asked: &str, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "the address {asked} is in use by another program; stop it, or choose another address with `--listen`"
        ),
        ErrorKind::PermissionDenied => anyhow!(
            "the address {asked} may not be used by this user; choose a port above 1023 with `--listen`"
        ),
        ErrorKind::AddrNotAvailable => {
            anyhow!("the address {asked} is not one of this machine's; choose another one with `--listen`")
        }
        _ => anyhow!("cannot use the address {asked} (`--listen`): {error}"),
    }
}

/// The threads that answer.
pub(crate) struct Workers(Vec<JoinHandle<()>>);

/// Starts the threads. They end some time after `stop`, at the latest when [`GRACE`] is over.
pub(crate) fn start(
    listener: &TcpListener,
    threads: usize,
    connections: usize,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> Result<Workers> {
    let room = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let mut workers = Vec::with_capacity(threads);
    for number in 0..threads {
        let listener = listener.try_clone().context("cannot share the listening socket")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (shared, room, stop) = (shared.clone(), room.clone(), stop.child_token());
        let worker = std::thread::Builder::new()
            .name(format!("sextant-http-{number}"))
            .spawn(move || runtime.block_on(accept(listener, shared, room, stop)))?;
        workers.push(worker);
    }
    Ok(Workers(workers))
}

impl Workers {
    /// Waits for their end; blocks.
    pub(crate) fn join(self) {
        for worker in self.0 {
            if worker.join().is_err() {
                tracing::error!("a thread that answered requests broke down");
            }
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, room: Arc<Semaphore>, stop: CancellationToken) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot accept connections"),
    };
    let tasks = TaskTracker::new();
    tokio::select! {
        () = stop.cancelled() => {}
        () = accept_all(&listener, &shared, &room, &stop, &tasks) => {}
    }
    drop(listener);
    tasks.close();
    if timeout(GRACE, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "ended requests that took too long to finish");
    }
}

async fn accept_all(
    listener: &tokio::net::TcpListener,
    shared: &Arc<Shared>,
    room: &Arc<Semaphore>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) {
    let mut short = false;
    loop {
        // Without room nobody is accepted: clients wait in the system's queue rather than for an answer.
        let Ok(place) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                short = false;
                let served = connection::serve(shared.clone(), stream, peer, stop.clone(), tasks.clone());
                tasks.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) if is_clients(&error) => {}
            Err(error) => {
                if !short {
                    tracing::error!(%error, "cannot accept connections; trying again");
                }
                short = true;
                sleep(SHORTAGE).await;
            }
        }
    }
}

/// The client was gone before it was accepted.
fn is_clients(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
    )
}
