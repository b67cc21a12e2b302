//! A request without an answer: how far it got, and why, without its address.

use crate::domain::redact;
use std::error::Error;
use std::fmt;

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendErrorKind {
    /// It is certain that it never left: no name, no connection, no TLS.
    NotConnected,
    /// No whole answer in time.
    TimedOut,
    /// The connection broke before the answer was whole.
    Cut,
    /// The answer is larger than any that is taken.
    TooLarge,
    /// Something else, after which it may have been carried out.
    Other,
}

/// A request without an answer. Holds neither address nor number nor token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SendError {
    /// How far it got.
    pub kind: SendErrorKind,
    reason: String,
}

impl SendError {
    /// An error of this kind for this reason, which must not hold an address or anything of the request.
    pub fn new(kind: SendErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// An error of this kind, its reason taken from what caused it. `outermost` itself is left out, because HTTP
    /// libraries put the address there.
    pub(super) fn caused(kind: SendErrorKind, outermost: &dyn Error) -> Self {
        let root = std::iter::successors(outermost.source(), |cause| (*cause).source()).last();
        Self::new(kind, root.map(|cause| redact::scrub(&cause.to_string())).unwrap_or_default())
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SendErrorKind::NotConnected => "the connection could not be made",
            SendErrorKind::TimedOut => "no whole answer came in time",
            SendErrorKind::Cut => "the connection broke before the answer was whole",
            SendErrorKind::TooLarge => "the answer is larger than any that is taken",
            SendErrorKind::Other => "the request failed on its way",
        })?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}
