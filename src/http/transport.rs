//! The wire: one request, one answer, and how far it got. Nothing is repeated and no redirect is followed.
//!
//! What a failure means is decided by one question: is it certain that the request never left? Only a failed connection
//! (name, TCP, TLS) is; everything later may have been carried out, billed, and answered with a letter to somebody.

mod reqwest;
mod retry_after;
mod send_error;

pub use self::reqwest::{HttpTransport, Look};
pub use send_error::{SendError, SendErrorKind};

use crate::upstream::{LoginRequest, Request, Response};
use secrecy::SecretString;
use std::future::Future;
use std::time::Duration;

/// What carries requests: [`HttpTransport`], or a script in tests.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request with its token; an empty one stands for an upstream that takes none. `timeout` is from now to the answer's last byte. `on_head` is called with the
    /// status as soon as the head of an answer is there, before its body is read: see `account::Shut`.
    fn send(
        &self,
        request: &Request,
        bearer: &SecretString,
        timeout: Duration,
        on_head: impl FnOnce(u16) + Send,
    ) -> impl Future<Output = Result<Response, SendError>> + Send;

    /// Asks a free health address, without a token. Returns the status.
    fn health(&self, url: &str) -> impl Future<Output = Result<u16, SendError>> + Send;

    /// Logs in. The answer's body holds the token.
    fn login(&self, request: &LoginRequest) -> impl Future<Output = Result<Response, SendError>> + Send;
}
