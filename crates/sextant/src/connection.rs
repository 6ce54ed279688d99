//! One client connection: TLS where it is on, HTTP/1.1 or HTTP/2, and its end.
//!
//! Whoever connects has to send: a TLS handshake, a request's head and, on HTTP/2, a request have a time limit each.
//! Bodies have theirs further up.

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use sextant_api::Api;
use sextant_service::Sextant;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const HANDSHAKE: Duration = Duration::from_secs(10);
/// Room for a request's head; a larger one is refused with 431.
const HEAD: usize = 64 * 1024;
/// How often an idle HTTP/2 client is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);

/// How long a client may take to answer a goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// What all connections share.
pub(crate) struct Shared {
    /// Answers requests.
    pub(crate) api: Api,
    /// Counts connections.
    pub(crate) sextant: Arc<Sextant>,
    /// TLS, where it is on.
    pub(crate) tls: Option<TlsAcceptor>,
    /// How long a client may take for a request's head.
    pub(crate) header_timeout: Duration,
}

/// Counts a connection for as long as it is held.
struct Counted<'a>(&'a Sextant);

impl<'a> Counted<'a> {
    fn new(sextant: &'a Sextant) -> Self {
        sextant.metrics.connection(true);
        Self(sextant)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.metrics.connection(false);
    }
}

/// Serves one connection to its end. Its errors are the client's: it left, or did not speak HTTP.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let _counted = Counted::new(&shared.sextant);
    // Answers are written whole: waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &shared.tls else {
        return serve_http1(&shared, stream, peer, &stop).await;
    };
    let limit = HANDSHAKE.min(shared.header_timeout);
    let Ok(Ok(stream)) = timeout(limit, tls.accept(stream)).await else {
        tracing::debug!(%peer, "no TLS handshake");
        return;
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        serve_http2(&shared, stream, peer, &stop, tasks).await;
    } else {
        serve_http1(&shared, stream, peer, &stop).await;
    }
}

async fn serve_http1<S>(shared: &Arc<Shared>, stream: S, peer: SocketAddr, stop: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(shared, request, peer);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Counts from the moment the connection waits for a request, so that a silent client ends, too.
        .header_read_timeout(shared.header_timeout)
        .max_buf_size(HEAD)
        // Most answers are smaller than what a second piece costs the kernel.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    until_stopped(connection, stop, http1::Connection::graceful_shutdown).await;
}

async fn serve_http2<S>(
    shared: &Arc<Shared>,
    stream: S,
    peer: SocketAddr,
    stop: &CancellationToken,
    tasks: TaskTracker,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::default());
    let (counted, for_requests) = (activity.clone(), shared.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let busy = counted.begin();
        let shared = for_requests.clone();
        async move {
            let response = answer(&shared, request, peer).await;
            Ok::<_, Infallible>(response.map(|body| Held { body, _busy: busy }))
        }
    });
    let connection = http2::Builder::new(Spawner(tasks))
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(PING))
        .keep_alive_timeout(PING)
        .max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(stream), service);
    // HTTP/2 has no time limit for a request's head: a client without requests for too long is told goodbye here.
    let end = stop.child_token();
    let mut served = pin!(until_stopped(connection, &end, http2::Connection::graceful_shutdown));
    tokio::select! {
        () = &mut served => return,
        () = activity.until_quiet(shared.header_timeout) => end.cancel(),
    }
    // Nothing is under way, so that nothing is lost where the client does not answer the goodbye.
    let _ = timeout(GOODBYE, served).await;
}

async fn answer(shared: &Shared, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
    shared.api.handle(request, peer).await
}

/// Polls a connection until it is done; when the server stops, tells it to finish what it is at.
async fn until_stopped<C: Future>(connection: C, stop: &CancellationToken, finish: impl Fn(Pin<&mut C>)) {
    let mut connection = pin!(connection);
    let mut stopped = pin!(stop.cancelled());
    let (mut waits, mut told) = (false, false);
    poll_fn(|context| {
        if connection.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        // This runs at each request: waiting is arranged once, afterwards a look at the token is enough.
        if told || (waits && !stop.is_cancelled()) {
            return Poll::Pending;
        }
        waits = true;
        if stopped.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        told = true;
        finish(connection.as_mut());
        connection.as_mut().poll(context).map(drop)
    })
    .await;
}

/// Requests of one connection: how many there were, how many there are.
#[derive(Default)]
struct Activity {
    begun: AtomicU64,
    under_way: AtomicU64,
}

struct Busy(Arc<Activity>);

impl Activity {
    fn begin(self: &Arc<Self>) -> Busy {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Ends when a whole span went by without a request.
    async fn until_quiet(&self, span: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            tokio::time::sleep(span).await;
            let same = self.begun.load(Ordering::Relaxed) == before;
            if same && self.under_way.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
    }
}

/// A body that keeps its request under way until it is sent or given up.
struct Held {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs what HTTP/2 connections begin on the thread that has them, counted with the rest.
#[derive(Clone)]
struct Spawner(TaskTracker);

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
