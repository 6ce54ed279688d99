//! Bodies that are longer than what should be held in memory: made piece by piece, each when the one before is sent.

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use sextant_service::Failure;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A body of pieces. `next` makes the next one from what the one before left, or answers `None` at the end. Where it
/// fails, the connection is cut, so that nobody takes a part for the whole.
pub(crate) fn pieces<S, F, N>(state: S, mut next: F) -> Body
where
    S: Send + 'static,
    F: FnMut(S) -> N + Send + Unpin + 'static,
    N: Future<Output = Result<Option<(Bytes, S)>, Failure>> + Send + 'static,
{
    let coming = Some(Box::pin(next(state)));
    Body::new(Pieces { next, coming })
}

struct Pieces<F, N> {
    next: F,
    coming: Option<Pin<Box<N>>>,
}

impl<S, F, N> http_body::Body for Pieces<F, N>
where
    F: FnMut(S) -> N + Unpin,
    N: Future<Output = Result<Option<(Bytes, S)>, Failure>>,
{
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Some(coming) = &mut self.coming else { return Poll::Ready(None) };
        let made = ready!(coming.as_mut().poll(context));
        self.coming = None;
        Poll::Ready(match made {
            Ok(Some((piece, state))) => {
                self.coming = Some(Box::pin((self.next)(state)));
                Some(Ok(Frame::data(piece)))
            }
            Ok(None) => None,
            Err(failure) => {
                tracing::error!(%failure, "an answer was cut off");
                Some(Err(failure))
            }
        })
    }
}
