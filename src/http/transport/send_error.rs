//! A request without an answer: how far it got, and why, without its address.

use crate::http::cause::Cause;
use std::fmt;

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendErrorKind {
    /// It cannot be put on the wire as it stands.
    Unsendable,
    /// It is certain that it never left: no name, no connection, no TLS.
    NotConnected,
    /// It is certain that it was not carried out, though there was a connection: it was never written to it, or the
    /// server says that it never took it (RFC 9113 section 8.7).
    NotTaken,
    /// No whole answer in time.
    TimedOut,
    /// The connection broke before the answer was whole.
    Cut,
    /// The answer is larger than any that is taken.
    TooLarge,
    /// Something else, after which it may have been carried out.
    Other,
}

impl SendErrorKind {
    /// Whether it is certain that nothing was carried out.
    pub const fn is_unprocessed(self) -> bool {
        matches!(self, Self::Unsendable | Self::NotConnected | Self::NotTaken)
    }
}

/// A request without an answer. Holds neither address nor number nor token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct SendError {
    /// How far it got.
    pub kind: SendErrorKind,
    /// Why.
    pub cause: Cause,
}

impl SendError {
    /// An error of this kind for this reason.
    pub const fn new(kind: SendErrorKind, cause: Cause) -> Self {
        Self { kind, cause }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            SendErrorKind::Unsendable => "the request cannot be sent as it stands",
            SendErrorKind::NotConnected => "the connection could not be made",
            SendErrorKind::NotTaken => "the request was not taken",
            SendErrorKind::TimedOut => return f.write_str("no whole answer came in time"),
            SendErrorKind::Cut => return f.write_str("the connection broke before the answer was whole"),
            SendErrorKind::TooLarge => return f.write_str("the answer is larger than any that is taken"),
            SendErrorKind::Other => "the request failed on its way",
        };
        if self.cause == Cause::Other { f.write_str(kind) } else { write!(f, "{kind}: {}", self.cause) }
    }
}
