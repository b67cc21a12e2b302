//! What an error of the HTTP client means: how far the request got, and why. All else that it holds (the address above
//! all) is left behind.
//!
//! What is used here of `hyper` and `h2` was read in their sources, and `tests/it/frames.rs` holds it against a server
//! that sends each frame:
//!
//! - A remote GOAWAY fails the streams above its last id with itself, and lets those at or below it go on; when these are
//!   cut later, their error is one of input and output. So a stream that fails with a remote GOAWAY was above the id, or
//!   was never opened at all.
//! - A request that comes back `is_canceled` was never given to a connection; the pool itself tries another one where it
//!   was to be a used one.
//! - An error from a pooled connection knows that connection; one without it comes from the handshake, before any request.

use super::{SendError, SendErrorKind};
use crate::http::cause::{BadCertificate, Cause};
use h2::Reason;
use hyper::http::Extensions;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, HttpInfo};
use rustls::CertificateError;
use std::error::Error;
use std::io;

/// EMFILE and ENFILE, which have no kind of their own: this process, or the machine, has as many files open as it may.
const NO_DESCRIPTORS: [i32; 2] = [24, 23];

/// What a call that failed before the head of its answer came to.
pub(super) fn before_head(error: &::reqwest::Error) -> SendError {
    let kind = if error.is_builder() {
        SendErrorKind::Unsendable
    } else if error.is_connect() || (error.is_request() && in_handshake(error)) {
        SendErrorKind::NotConnected
    } else if is_not_taken(error) {
        SendErrorKind::NotTaken
    } else {
        return after_head(error);
    };
    SendError::new(kind, cause(error, kind))
}

/// The same of one whose head has come: whatever the server says of it now, it was taken.
pub(super) fn after_head(error: &::reqwest::Error) -> SendError {
    let kind = if error.is_timeout() {
        SendErrorKind::TimedOut
    } else if error.is_request() || error.is_body() || error.is_decode() {
        SendErrorKind::Cut
    } else {
        SendErrorKind::Other
    };
    SendError::new(kind, cause(error, kind))
}

/// Has the pool give the connection that refused a request to nobody else, so that the next turn goes to another one, and
/// returns the local port of the connection that failed.
pub(super) fn poison(error: &::reqwest::Error) -> Option<u16> {
    let connected = connection(error)?;
    if is_not_taken(error) {
        connected.poison();
    }
    let mut known = Extensions::new();
    connected.get_extras(&mut known);
    known.get::<HttpInfo>().map(|info| info.local_addr().port())
}

/// What caused it, from the outermost on.
fn chain(error: &::reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), deeper)
}

/// An error of input and output hides what it wraps from `source`.
fn deeper<'e>(error: &&'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    let error: &'e (dyn Error + 'static) = *error;
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn find<E: Error + 'static>(error: &::reqwest::Error) -> Option<&E> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn connection(error: &::reqwest::Error) -> Option<&Connected> {
    find::<legacy::Error>(error)?.connect_info()
}

/// Whether it failed between the connection and the first request on it.
fn in_handshake(error: &::reqwest::Error) -> bool {
    find::<legacy::Error>(error).is_some_and(|error| error.connect_info().is_none())
}

/// Whether it is certain that the request was never written, or that the server never took its stream.
fn is_not_taken(error: &::reqwest::Error) -> bool {
    let refused = |error: &h2::Error| error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled)
        || find::<h2::Error>(error).is_some_and(|e| e.is_remote() && (e.is_go_away() || refused(e)))
}

fn cause(error: &::reqwest::Error, kind: SendErrorKind) -> Cause {
    match kind {
        SendErrorKind::Unsendable => return Cause::Other,
        SendErrorKind::NotTaken => return Cause::NotTaken,
        SendErrorKind::TimedOut => return Cause::TimedOut,
        _ => {}
    }
    // The proxy's own trouble, whatever it is, is not the upstream's.
    if let Some(tunnel) = chain(error).map(ToString::to_string).find(|text| text.starts_with("tunnel error"))
    {
        return if tunnel.contains("authorization") { Cause::ProxyLogin } else { Cause::Proxy };
    }
    let innermost = chain(error).filter_map(one).last();
    match innermost {
        Some(cause) => cause,
        None if error.is_dns() => Cause::NoSuchHost,
        None if error.is_timeout() => Cause::TimedOut,
        None if kind == SendErrorKind::Cut || kind == SendErrorKind::NotConnected => Cause::Cut,
        None => Cause::Other,
    }
}

/// What one link of the chain says.
fn one(error: &(dyn Error + 'static)) -> Option<Cause> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(match error {
            rustls::Error::InvalidCertificate(error) => Cause::Certificate(certificate(error)),
            _ => Cause::Tls,
        });
    }
    let error = error.downcast_ref::<io::Error>()?;
    if error.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code)) {
        return Some(Cause::NoDescriptors);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Cause::Refused),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some(Cause::Unreachable),
        io::ErrorKind::TimedOut => Some(Cause::TimedOut),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some(Cause::Cut),
        _ => None,
    }
}

fn certificate(error: &CertificateError) -> BadCertificate {
    match error {
        CertificateError::UnknownIssuer => BadCertificate::UnknownIssuer,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => BadCertificate::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            BadCertificate::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            BadCertificate::WrongName
        }
        CertificateError::Revoked => BadCertificate::Revoked,
        // The one among those of no kind of its own that people make by hand.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            BadCertificate::Authority
        }
        _ => BadCertificate::Broken,
    }
}
