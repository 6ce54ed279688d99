//! One listening socket, several threads that accept from it.
//!
//! Each thread has a runtime of its own, so that a request never changes threads; each holds a duplicate of the one
//! socket's descriptor. Several sockets on one port (`SO_REUSEPORT`) would hide that the port is busy. Whoever accepts
//! a connection gives it to the thread that has the fewest: a burst is accepted by whichever thread wakes first, and
//! would stay there.

use crate::connection::{self, Shared};
use crate::usage;
use anyhow::{Context, Result, anyhow};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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

/// What the threads know of each other.
struct Team {
    /// How many connections each has.
    loads: Vec<AtomicUsize>,
    /// Where each takes connections that another accepted.
    inboxes: Vec<UnboundedSender<Accepted>>,
    /// How many connections there may be.
    room: Arc<Semaphore>,
}

/// A connection on its way to the thread that will serve it.
struct Accepted {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    place: Place,
}

/// A connection's share of the room and of its thread, given back at its end.
struct Place {
    team: Arc<Team>,
    worker: usize,
    _room: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.team.loads[self.worker].fetch_sub(1, Ordering::Relaxed);
    }
}

impl Team {
    /// A place at the thread that has the fewest connections; of equals, at the one that asks.
    fn place(self: &Arc<Self>, asking: usize, room: OwnedSemaphorePermit) -> Place {
        let load = |worker: usize| self.loads[worker].load(Ordering::Relaxed);
        let least = (0..self.loads.len()).min_by_key(|worker| (load(*worker), *worker != asking));
        let worker = least.unwrap_or(asking);
        self.loads[worker].fetch_add(1, Ordering::Relaxed);
        Place { team: self.clone(), worker, _room: room }
    }
}

/// Starts the threads. They end some time after `stop`, at the latest when [`GRACE`] is over.
pub(crate) fn start(
    listener: &TcpListener,
    threads: usize,
    connections: usize,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> Result<Workers> {
    let (inboxes, outlets): (Vec<_>, Vec<_>) = (0..threads).map(|_| unbounded_channel()).unzip();
    let team = Arc::new(Team {
        loads: (0..threads).map(|_| AtomicUsize::new(0)).collect(),
        inboxes,
        room: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
    });
    let mut workers = Vec::with_capacity(threads);
    for (number, outlet) in outlets.into_iter().enumerate() {
        let listener = listener.try_clone().context("cannot share the listening socket")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = Worker {
            number,
            team: team.clone(),
            shared: shared.clone(),
            stop: stop.child_token(),
            tasks: TaskTracker::new(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("sextant-http-{number}"))
            .spawn(move || runtime.block_on(worker.run(listener, outlet)))?;
        workers.push(thread);
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

/// One of the threads.
struct Worker {
    number: usize,
    team: Arc<Team>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Worker {
    async fn run(self, listener: TcpListener, mut handed: UnboundedReceiver<Accepted>) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "cannot accept connections"),
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.accept(&listener) => {}
            () = self.take_over(&mut handed) => {}
        }
        drop((listener, handed));
        self.tasks.close();
        if timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "ended requests that took too long to finish");
        }
    }

    /// Accepts connections, for itself or for another thread.
    async fn accept(&self, listener: &tokio::net::TcpListener) {
        let mut short = false;
        loop {
            // Without room nobody is accepted: clients wait in the system's queue rather than for an answer.
            let Ok(room) = self.team.room.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    short = false;
                    let place = self.team.place(self.number, room);
                    if place.worker == self.number {
                        self.serve(stream, peer, place);
                    } else if let Ok(stream) = stream.into_std() {
                        // It fails only where that thread has stopped, as this one is about to.
                        let _ = self.team.inboxes[place.worker].send(Accepted { stream, peer, place });
                    }
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

    /// Serves what other threads accepted for this one.
    async fn take_over(&self, handed: &mut UnboundedReceiver<Accepted>) {
        while let Some(Accepted { stream, peer, place }) = handed.recv().await {
            match TcpStream::from_std(stream) {
                Ok(stream) => self.serve(stream, peer, place),
                Err(error) => tracing::error!(%error, "cannot take a connection over"),
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let (shared, stop, tasks) = (self.shared.clone(), self.stop.clone(), self.tasks.clone());
        self.tasks.spawn(async move {
            connection::serve(shared, stream, peer, stop, tasks).await;
            drop(place);
        });
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
