//! The wire: one request, one answer, and how far it got. Nothing is repeated and no redirect is followed.
//!
//! What a failure means is decided by one question: is it certain that the request was not carried out? Where the
//! connection failed (name, TCP, TLS) it never left, and over HTTP/2 a server says of a stream that it never took it;
//! everything else may have been carried out, billed, and answered with a letter to somebody.

mod connections;
mod failure;
mod reqwest;
mod retry_after;
mod send_error;

pub use self::reqwest::{AddressProbe, HttpTransport};
pub use connections::{ClientConfig, ClientError};
pub use send_error::{SendError, SendErrorKind};

use crate::upstream::{LoginRequest, Request, Response};
use secrecy::SecretString;
use std::future::Future;
use std::time::Duration;

/// What carries requests: [`HttpTransport`], or a script in tests.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request with its token; an empty one stands for an upstream that takes none. `timeout` is from now to the answer's last byte. `on_head` is called with the
    /// status as soon as the head of an answer is there, before its body is read: see `throttle::Latch`.
    fn send(
        &self,
        request: &Request,
        bearer: &SecretString,
        timeout: Duration,
        on_head: impl FnOnce(u16) + Send,
    ) -> impl Future<Output = Result<Response, SendError>> + Send;

    /// An answer came that was not to its question: no connection that there is now is used for another.
    fn distrust(&self);

    /// Asks a free health address, without a token.
    fn health(&self, url: &str) -> impl Future<Output = Result<Health, SendError>> + Send;

    /// Logs in. The answer's body holds the token.
    fn login(&self, request: &LoginRequest) -> impl Future<Output = Result<Response, SendError>> + Send;
}

/// What the head of a health address's answer says; its body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After` as seconds from now.
    pub retry_after: Option<Duration>,
}

impl Health {
    /// Of an address that shows a certificate which is not taken: somebody is there.
    pub const UP: Self = Self { status: 200, retry_after: None };

    /// Whether somebody is there, so that one call is worth a try. A health address that has moved or wants a token says
    /// nothing of the service; what a proxy or a limit answers, and every 5xx, does.
    pub fn is_up(self) -> bool {
        (200..500).contains(&self.status) && !matches!(self.status, 407 | 408 | 429)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_at_a_health_address() {
        for (status, there) in [
            (200, true),
            (204, true),
            (301, true),
            (302, true),
            (400, true),
            (401, true),
            (403, true),
            (404, true),
            (405, true),
            (410, true),
            (407, false),
            (408, false),
            (429, false),
            (500, false),
            (503, false),
            (504, false),
            (599, false),
        ] {
            assert_eq!(Health { status, retry_after: None }.is_up(), there, "{status}");
        }
    }
}
