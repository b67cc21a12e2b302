//! The connection under HTTP: a handler can have it closed, reset, cut in the middle of an answer, or one answer behind.
//!
//! axum has no way to leave a request unanswered. So every connection carries a [`Fate`] that its handlers can reach;
//! once it is sealed, the next write fails, and hyper drops the connection.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::reply::Reply;

const OPEN: usize = usize::MAX;
const CLOSED: usize = usize::MAX - 1;
const RESET: usize = usize::MAX - 2;

/// What is to become of a connection.
#[derive(Clone)]
pub(super) struct Fate {
    /// Open, closed, reset, or cut after so many bytes of the body that comes next.
    end: Arc<AtomicUsize>,
    /// Replies that were written and belong to calls before: what a client reads next is the first of them.
    late: Arc<Mutex<VecDeque<Reply>>>,
}

impl Fate {
    fn open() -> Self {
        Self { end: Arc::new(AtomicUsize::new(OPEN)), late: Arc::default() }
    }

    /// What a client reads as the reply to this call: after one that was written `twice`, that of the call before.
    pub(super) fn read_next(&self, reply: Reply, twice: bool) -> Reply {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        late.push_back(reply.clone());
        let next = late.pop_front().unwrap_or(reply);
        if twice {
            late.push_front(next.clone());
        }
        next
    }

    /// Ends it without a further byte.
    pub(super) fn close(&self) {
        self.end.store(CLOSED, SeqCst);
    }

    /// Ends it with a reset.
    pub(super) fn reset(&self) {
        self.end.store(RESET, SeqCst);
    }

    /// Ends it after the next answer's head and that much of its body.
    pub(super) fn cut_after(&self, body_bytes: usize) {
        self.end.store(body_bytes.min(RESET - 1), SeqCst);
    }
}

impl Connected<IncomingStream<'_, Door>> for Fate {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().fate.clone()
    }
}

/// The listening socket. Dropping it also drops its sender, so that the one who waits knows the port is closed.
pub(super) struct Door {
    listener: TcpListener,
    _open: oneshot::Sender<()>,
}

impl Door {
    /// A door, and what resolves when it is shut.
    pub(super) fn new(listener: TcpListener) -> (Self, oneshot::Receiver<()>) {
        let (open, shut) = oneshot::channel();
        (Self { listener, _open: open }, shut)
    }
}

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Without it an answer in two writes may wait for the client's delayed acknowledgement; if the system
        // refuses, answers are late and nothing else.
        let _ = stream.set_nodelay(true);
        (Wire { stream, fate: Fate::open(), cut_left: None }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection and its fate.
pub(super) struct Wire {
    stream: TcpStream,
    fate: Fate,
    /// Bytes that may still leave, once the head of the answer to be cut has been seen.
    cut_left: Option<usize>,
}

impl Wire {
    /// How many of these bytes may leave.
    fn allowed(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
        let left = match (self.fate.end.load(SeqCst), self.cut_left) {
            (OPEN, _) => return Ok(bytes.len()),
            (CLOSED, _) => return Err(gone()),
            (RESET, _) => {
                self.stream.set_zero_linger()?;
                return Err(gone());
            }
            (_, Some(left)) => left,
            (body, None) => {
                body + bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4)
            }
        };
        self.cut_left = Some(left);
        if left == 0 { Err(gone()) } else { Ok(left.min(bytes.len())) }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = match self.allowed(bytes) {
            Ok(allowed) => allowed,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]))?;
        if let Some(left) = &mut self.cut_left {
            *left -= written;
        }
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.fate.end.load(SeqCst) == OPEN {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(cx, first.map_or(&[], |slice| slice))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
