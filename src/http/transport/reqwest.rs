//! [`Transport`] over `reqwest`.

use super::connections::{ClientConfig, ClientError, Connections};
use super::{Health, SendError, SendErrorKind, Transport, failure, retry_after};
use crate::http::cause::Cause;
use crate::time;
use crate::upstream::{LoginContent, LoginRequest, Method, Request, RequestBody, Response};
use ::reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING};
use ::reqwest::{Client, RequestBuilder, Version};
use flate2::read::MultiGzDecoder;
use hyper_util::client::legacy::connect::HttpInfo;
use secrecy::{ExposeSecret, SecretString};
use std::io::{self, ErrorKind, Read};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// More than any answer: 5,000 combinations of signatories are some megabytes. Counted as it comes and, where it is packed,
/// once more when it is unpacked.
const LARGEST: usize = 16 * 1024 * 1024;
/// Room for a body that is not told in advance.
const USUAL: usize = 8 * 1024;
/// For the login and the health address, which have no configured time-out.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long an answer that may lie in the socket already is waited for once its time is over: a process that was stopped, or a
/// machine that slept, wakes with its deadline behind it, and the answer is paid for.
const LAST_LOOK: Duration = Duration::from_millis(100);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The HTTP client of one account.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    connections: Connections,
}

impl HttpTransport {
    /// A client that reaches an account so.
    ///
    /// Proxies are taken from the environment, but never for a loopback address. Fails where the machine's trust store
    /// cannot be read and an address needs it, and where the roots are none.
    pub fn new(reach: ClientConfig<'_>) -> Result<Self, ClientError> {
        Ok(Self { connections: Connections::new(reach)? })
    }
}

/// What an address says of its upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressProbe {
    /// The status of its answer.
    pub status: u16,
    /// The upstream's clock, in milliseconds since 1970, where it tells.
    pub date_ms: Option<i64>,
}

impl HttpTransport {
    /// Asks a free address once, without a token.
    pub async fn probe(&self, url: &str) -> Result<AddressProbe, SendError> {
        let call = self.connections.client(url).get(url).timeout(TIMEOUT);
        let answer = call.send().await.map_err(|error| failure::before_head(&error))?;
        let date = answer.headers().get(DATE).and_then(|value| value.to_str().ok());
        Ok(AddressProbe { status: answer.status().as_u16(), date_ms: date.and_then(retry_after::date_ms) })
    }

    async fn exchange(
        &self,
        call: RequestBuilder,
        on_head: impl FnOnce(u16) + Send,
    ) -> Result<Response, SendError> {
        let answer = call.send().await.map_err(|error| self.failed(&error))?;
        let status = answer.status().as_u16();
        on_head(status);
        let known = answer.extensions().get::<HttpInfo>();
        self.connections.served(known.map(|known| known.local_addr().port()));
        let retry_after = told(answer.headers());
        let content_type = answer.headers().get(CONTENT_TYPE);
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        // These two say all with their head: refused unprocessed. A body that stalls must not make us forget it.
        let body = if matches!(status, 429 | 503) { Vec::new() } else { body(answer).await? };
        Ok(Response { status, retry_after, content_type, body })
    }

    /// What a call that failed before the head of its answer came to.
    fn failed(&self, error: &::reqwest::Error) -> SendError {
        let port = failure::poison(error);
        let error = failure::before_head(error);
        if matches!(error.kind, SendErrorKind::Cut | SendErrorKind::TimedOut) {
            self.connections.lost(port);
        }
        error
    }
}

impl Transport for HttpTransport {
    async fn send(
        &self,
        request: &Request,
        bearer: &SecretString,
        timeout: Duration,
        on_head: impl FnOnce(u16) + Send,
    ) -> Result<Response, SendError> {
        let mut call = called(self.connections.client(&request.url), request);
        if !bearer.expose_secret().is_empty() {
            call = call.bearer_auth(bearer.expose_secret());
        }
        let headed = AtomicBool::new(false);
        let on_head = |status| {
            headed.store(true, Relaxed);
            on_head(status);
        };
        let mut exchange = pin!(self.exchange(call, on_head));
        if let Ok(done) = tokio::time::timeout(timeout, &mut exchange).await {
            return done;
        }
        tokio::time::timeout(LAST_LOOK, exchange).await.unwrap_or_else(|_| {
            if !headed.load(Relaxed) {
                self.connections.lost(None);
            }
            Err(SendError::new(SendErrorKind::TimedOut, Cause::TimedOut))
        })
    }

    fn distrust(&self) {
        self.connections.distrust();
    }

    async fn health(&self, url: &str) -> Result<Health, SendError> {
        let call = self.connections.client(url).get(url).timeout(TIMEOUT);
        let answer = call.send().await.map_err(|error| failure::before_head(&error))?;
        Ok(Health { status: answer.status().as_u16(), retry_after: told(answer.headers()) })
    }

    async fn login(&self, request: &LoginRequest) -> Result<Response, SendError> {
        let kind = match request.content {
            LoginContent::Json => JSON,
            LoginContent::Form => FORM,
        };
        let client = self.connections.client(&request.url);
        let mut call = client.post(&request.url).header(CONTENT_TYPE, kind);
        if let Some((name, password)) = &request.basic {
            call = call.basic_auth(name.expose_secret(), Some(password.expose_secret()));
        }
        let call = call.body(request.body.expose_secret().to_owned()).timeout(TIMEOUT);
        self.exchange(call, |_| {}).await
    }
}

/// A request as it goes over the wire, but for its token.
fn called(client: &Client, request: &Request) -> RequestBuilder {
    let call = match request.method {
        Method::Get => client.get(&request.url),
        Method::Post => client.post(&request.url),
    };
    let call = if request.query.is_empty() { call } else { call.query(&request.query) };
    let call = request.headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    match &request.body {
        None => call,
        Some(RequestBody::Json(text)) => call.header(CONTENT_TYPE, JSON).body(text.clone()),
        Some(RequestBody::Form(fields)) => call.form(fields),
    }
}

/// What `Retry-After` asks for; the longest, should it come more than once.
fn told(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(|value| retry_after::parse(value, time::now_ms())).max()
}

async fn body(mut answer: ::reqwest::Response) -> Result<Vec<u8>, SendError> {
    let told = answer.content_length().and_then(|length| usize::try_from(length).ok());
    let tells_its_end = told.is_some()
        || answer.headers().contains_key(TRANSFER_ENCODING)
        || answer.version() >= Version::HTTP_2;
    let mut body = Vec::with_capacity(told.unwrap_or(USUAL).min(LARGEST));
    while let Some(chunk) = answer.chunk().await.map_err(|error| failure::after_head(&error))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(SendError::new(SendErrorKind::TooLarge, Cause::Unreadable));
        }
        body.extend_from_slice(&chunk);
    }
    // A stream that is reset without an error ends its body as if it were whole.
    if told.is_some_and(|told| told != body.len()) {
        return Err(SendError::new(SendErrorKind::Cut, Cause::Cut));
    }
    if !body.starts_with(&GZIP) {
        return Ok(body);
    }
    match unpacked(&body) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && !tells_its_end => {
            Err(SendError::new(SendErrorKind::Cut, Cause::Cut))
        }
        // It arrived whole, and is kept as it came.
        Err(_) => Ok(body),
    }
}

/// How gzip begins, and neither JSON nor HTML does. What a head says of it may be the word of something in between.
const GZIP: [u8; 2] = [0x1F, 0x8B];

fn unpacked(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    MultiGzDecoder::new(body).take(LARGEST as u64 + 1).read_to_end(&mut text)?;
    if text.len() > LARGEST { Err(ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests;
