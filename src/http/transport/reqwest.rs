//! [`Transport`] over `reqwest`, with everything switched off that would send a request a second time.

use super::{Health, SendError, SendErrorKind, Transport, retry_after};
use crate::domain::address::is_loopback;
use crate::time;
use crate::upstream::{LoginContent, LoginRequest, Method, Request, RequestBody, Response};
use ::reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use ::reqwest::redirect::Policy;
use ::reqwest::{Client, ClientBuilder, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use std::pin::pin;
use std::time::Duration;

/// More than any answer: 5,000 combinations of signatories are some megabytes. Counted after decompression.
const LARGEST: usize = 16 * 1024 * 1024;
/// Room for a body that is not told in advance.
const USUAL: usize = 8 * 1024;
/// For the login and the health address, which have no configured time-out.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that takes longer is not made; the request is then certain not to have left.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than servers keep an idle connection (5 s is a common default): a request written to one that is just being
/// closed ends as `unknown`, and a new connection is cheaper than that.
const IDLE: Duration = Duration::from_secs(4);

/// How long an answer that may lie in the socket already is waited for once its time is over: a process that was stopped, or a
/// machine that slept, wakes with its deadline behind it, and the answer is paid for.
const LAST_LOOK: Duration = Duration::from_millis(100);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The HTTP client of one account.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    /// For loopback addresses: no proxy, and no trust store where none is needed, since a bare machine may have none.
    near: Client,
    /// For all others.
    far: Option<Client>,
}

impl HttpTransport {
    /// A client for these addresses (those of the services and of the login) with so many calls at once.
    ///
    /// Proxies are taken from the environment, but never for a loopback address. Fails where the machine's trust store
    /// cannot be read and an address needs it.
    pub fn new(addresses: &[&str], concurrency: u32, timeout: Duration) -> Result<Self, SendError> {
        let near = client(concurrency, timeout).no_proxy();
        let secured = addresses.iter().any(|address| is_near(address) && address.starts_with("https:"));
        let near = build(if secured { near } else { near.tls_certs_only([]) })?;
        let away = addresses.iter().any(|address| !is_near(address));
        let far = if away { Some(build(client(concurrency, timeout))?) } else { None };
        Ok(Self { near, far })
    }

    fn client(&self, url: &str) -> &Client {
        self.far.as_ref().filter(|_| !is_near(url)).unwrap_or(&self.near)
    }
}

fn client(concurrency: u32, timeout: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("orgpull/", env!("CARGO_PKG_VERSION")))
        .retry(::reqwest::retry::never())
        .redirect(Policy::none())
        .referer(false)
        .gzip(true)
        .tcp_nodelay(true)
        // Well before the whole time is over, or a dead host would count as "may have been carried out".
        .connect_timeout(CONNECT_TIMEOUT.min(timeout / 2))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(concurrency as usize + 1)
}

fn build(client: ClientBuilder) -> Result<Client, SendError> {
    client.build().map_err(|error| SendError::caused(SendErrorKind::NotConnected, &error))
}

fn is_near(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| is_loopback(&url))
}

/// What an address says of its upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The status of its answer.
    pub status: u16,
    /// The upstream's clock, in milliseconds since 1970, where it tells.
    pub date_ms: Option<i64>,
}

impl HttpTransport {
    /// Asks a free address once, without a token.
    pub async fn look(&self, url: &str) -> Result<Look, SendError> {
        let answer =
            self.client(url).get(url).timeout(TIMEOUT).send().await.map_err(|error| failed(&error))?;
        let date = answer.headers().get(DATE).and_then(|value| value.to_str().ok());
        Ok(Look { status: answer.status().as_u16(), date_ms: date.and_then(retry_after::date_ms) })
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
        let mut call = called(self.client(&request.url), request);
        if !bearer.expose_secret().is_empty() {
            call = call.bearer_auth(bearer.expose_secret());
        }
        let mut exchange = pin!(exchange(call, on_head));
        match tokio::time::timeout(timeout, &mut exchange).await {
            Ok(done) => done,
            Err(_) => tokio::time::timeout(LAST_LOOK, exchange)
                .await
                .unwrap_or_else(|_| Err(SendError::new(SendErrorKind::TimedOut, ""))),
        }
    }

    async fn health(&self, url: &str) -> Result<Health, SendError> {
        let call = self.client(url).get(url).timeout(TIMEOUT);
        let answer = call.send().await.map_err(|error| failed(&error))?;
        Ok(Health { status: answer.status().as_u16(), retry_after: told(answer.headers()) })
    }

    async fn login(&self, request: &LoginRequest) -> Result<Response, SendError> {
        let kind = match request.content {
            LoginContent::Json => JSON,
            LoginContent::Form => FORM,
        };
        let mut call = self.client(&request.url).post(&request.url).header(CONTENT_TYPE, kind);
        if let Some((name, password)) = &request.basic {
            call = call.basic_auth(name.expose_secret(), Some(password.expose_secret()));
        }
        exchange(call.body(request.body.expose_secret().to_owned()).timeout(TIMEOUT), |_| {}).await
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

async fn exchange(call: RequestBuilder, on_head: impl FnOnce(u16) + Send) -> Result<Response, SendError> {
    let answer = call.send().await.map_err(|error| failed(&error))?;
    let status = answer.status().as_u16();
    on_head(status);
    let retry_after = told(answer.headers());
    // These two say all with their head: refused unprocessed. A body that stalls must not make us forget it.
    let body = if matches!(status, 429 | 503) { Vec::new() } else { body(answer).await? };
    Ok(Response { status, retry_after, body })
}

/// What `Retry-After` asks for; the longest, should it come more than once.
fn told(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(|value| retry_after::parse(value, time::now_ms())).max()
}

async fn body(mut answer: ::reqwest::Response) -> Result<Vec<u8>, SendError> {
    let told = answer.content_length().and_then(|length| usize::try_from(length).ok());
    let mut body = Vec::with_capacity(told.unwrap_or(USUAL).min(LARGEST));
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(SendError::new(SendErrorKind::TooLarge, ""));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failed(error: &::reqwest::Error) -> SendError {
    let kind = if error.is_connect() || error.is_builder() {
        SendErrorKind::NotConnected
    } else if error.is_timeout() {
        SendErrorKind::TimedOut
    } else if error.is_request() || error.is_body() || error.is_decode() {
        SendErrorKind::Cut
    } else {
        SendErrorKind::Other
    };
    SendError::caused(kind, error)
}

#[cfg(test)]
mod tests;
