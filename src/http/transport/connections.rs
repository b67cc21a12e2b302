//! The connections of an account: how they are made, and whether one that served is used again.
//!
//! A request that is written to a connection which the other side is just closing ends as `unknown`: nobody can tell
//! whether it was read. So a connection that has been idle for a while is not used again, and where one was lost that
//! way all the same, each call opens its own for a while.

use crate::domain::address::is_loopback;
use ::reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use ::reqwest::redirect::Policy;
use ::reqwest::{Certificate, Client, ClientBuilder};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A connection that takes longer is not made; the request is then certain not to have left.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For how long each call opens its own connection after one was lost on a connection that had served.
const ALONE: Duration = Duration::from_mins(1);

/// How an account connects.
#[derive(Debug, Clone, Copy)]
pub struct ClientConfig<'a> {
    /// The addresses of its services and of its login.
    pub addresses: &'a [&'a str],
    /// Calls at once.
    pub concurrency: u32,
    /// The longest time of a call.
    pub timeout: Duration,
    /// For how long an idle connection is used again.
    pub keep_alive: Duration,
    /// Certificates (PEM) that are trusted beside the machine's.
    pub roots: Option<&'a [u8]>,
}

/// Why there is no client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The roots are none.
    #[error(
        "`ca_file` holds a certificate that cannot be read: it must be PEM, such as `openssl x509` writes"
    )]
    Roots,
    /// The machine's own cannot be read.
    #[error(
        "this machine's trusted certificates cannot be read: install its ca-certificates, or let `ca_file` of the account \
         name those that it needs"
    )]
    Store,
}

/// The clients of an account.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    /// For loopback addresses: no proxy, and no trust store where none is needed, since a bare machine may have none.
    near: Pair,
    /// For all others.
    far: Option<Pair>,
    known: Arc<Mutex<Known>>,
    /// When a connection that there is now is certainly not used again, after which a call on it may still have to end.
    longest: Duration,
}

/// The same client twice: with connections that are used again, and without.
#[derive(Debug, Clone)]
struct Pair {
    kept: Client,
    alone: Client,
}

#[derive(Debug, Default)]
struct Known {
    /// The local ports of connections that have served.
    served: HashSet<u16>,
    /// Until when each call opens its own.
    alone_until: Option<Instant>,
}

impl Connections {
    pub(super) fn new(reach: ClientConfig<'_>) -> Result<Self, ClientError> {
        let roots = reach.roots.map(Certificate::from_pem_bundle).transpose();
        let roots = roots.map_err(|_| ClientError::Roots)?.unwrap_or_default();
        let secured = reach.addresses.iter().any(|url| is_near(url) && url.starts_with("https:"));
        let near = |client: ClientBuilder| {
            let client = client.no_proxy();
            if secured { client.tls_certs_merge(roots.clone()) } else { client.tls_certs_only([]) }
        };
        let far = |client: ClientBuilder| client.tls_certs_merge(roots.clone());
        let away = reach.addresses.iter().any(|url| !is_near(url));
        Ok(Self {
            near: Pair::new(reach, near)?,
            far: if away { Some(Pair::new(reach, far)?) } else { None },
            known: Arc::default(),
            longest: reach.timeout.saturating_add(reach.keep_alive).max(ALONE),
        })
    }

    /// The client for a call to this address now.
    pub(super) fn client(&self, url: &str) -> &Client {
        let pair = self.far.as_ref().filter(|_| !is_near(url)).unwrap_or(&self.near);
        let until = self.known().alone_until;
        if until.is_some_and(|until| Instant::now() < until) { &pair.alone } else { &pair.kept }
    }

    /// A call was answered on the connection from this local port.
    pub(super) fn served(&self, port: Option<u16>) {
        self.known().served.extend(port);
    }

    /// A call was lost before a byte of its answer came: on the connection from this port, or on one that is not known.
    /// Whether it had served, as far as can be told.
    pub(super) fn lost(&self, port: Option<u16>) {
        let mut known = self.known();
        let had_served = port.map_or(!known.served.is_empty(), |port| known.served.contains(&port));
        if had_served {
            known.alone_until = known.alone_until.max(Some(Instant::now() + ALONE));
        }
    }

    /// A connection has given the answer to another call. Which one it was is not known by now, so that none that there is
    /// now is used again: each call opens its own until they have been idle for too long.
    pub(super) fn distrust(&self) {
        let until = Instant::now() + self.longest;
        let mut known = self.known();
        known.alone_until = known.alone_until.max(Some(until));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pair {
    fn new(
        reach: ClientConfig<'_>,
        trusting: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, ClientError> {
        // Where there are roots of its own, a machine without any is no hindrance.
        let broken = if reach.roots.is_some() { ClientError::Roots } else { ClientError::Store };
        let build = |client: ClientBuilder| trusting(client).build().map_err(|_| broken);
        let alone = builder(reach).pool_max_idle_per_host(0);
        let kept = if reach.keep_alive.is_zero() {
            builder(reach).pool_max_idle_per_host(0)
        } else {
            let most = reach.concurrency as usize + 1;
            builder(reach).pool_idle_timeout(reach.keep_alive).pool_max_idle_per_host(most)
        };
        Ok(Self { kept: build(kept)?, alone: build(alone)? })
    }
}

pub(super) fn is_near(url: &str) -> bool {
    ::reqwest::Url::parse(url).is_ok_and(|url| is_loopback(&url))
}

/// A client with everything switched off that would send a request a second time.
fn builder(reach: ClientConfig<'_>) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("orgpull/", env!("CARGO_PKG_VERSION")))
        .retry(::reqwest::retry::never())
        .redirect(Policy::none())
        .referer(false)
        .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]))
        .tcp_nodelay(true)
        // Well before the whole time is over, or a dead host would count as "may have been carried out".
        .connect_timeout(CONNECT_TIMEOUT.min(reach.timeout / 2))
}

#[cfg(test)]
mod tests {
    use super::super::{HttpTransport, Transport};
    use super::*;
    use crate::upstream::{Method, Request};
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// Answers whatever comes, until the other side has enough.
    fn serve(stream: &TcpStream) {
        let (mut reader, mut writer) = (BufReader::new(stream), stream);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            if line == "\r\n" {
                let _ = writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
            }
            line.clear();
        }
    }

    /// Makes so many calls with such a gap between them, in simulated time; how many connections that took.
    async fn connections(keep_alive: Duration, gap: Duration, calls: usize) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&count);
        // While it is under way, time goes on only where it is told to.
        let server = tokio::task::spawn_blocking(move || {
            for stream in listener.incoming().take_while(|_| seen.load(SeqCst) != usize::MAX).flatten() {
                seen.fetch_add(1, SeqCst);
                std::thread::spawn(move || serve(&stream));
            }
        });
        let url = format!("http://{address}/");
        let reach = ClientConfig {
            addresses: &[&url],
            concurrency: 8,
            timeout: Duration::from_secs(30),
            keep_alive,
            roots: None,
        };
        let transport = HttpTransport::new(reach).unwrap();
        let request = Request {
            method: Method::Get,
            url: url.clone(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        };
        for _ in 0..calls {
            let answer = transport.send(&request, &"".into(), Duration::from_secs(30), |_| ()).await;
            assert_eq!(answer.unwrap().status, 200);
            tokio::time::advance(gap).await;
        }
        let opened = count.swap(usize::MAX, SeqCst);
        drop(TcpStream::connect(address));
        server.await.unwrap();
        opened
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_run_opens_no_more_than_one_connection_a_call() {
        let (half, half_a_minute) = (Duration::from_millis(500), Duration::from_secs(30));
        assert_eq!(connections(half, Duration::from_secs(2), 10_000).await, 10_000, "as at 30/min");
        assert_eq!(connections(half, Duration::from_millis(400), 300).await, 1, "never idle for as long");
        assert_eq!(connections(half_a_minute, Duration::from_secs(2), 300).await, 1, "the account says so");
    }

    #[tokio::test(start_paused = true)]
    async fn a_loss_is_remembered_for_a_minute() {
        let reach = ClientConfig {
            addresses: &["http://127.0.0.1:1"],
            concurrency: 1,
            timeout: Duration::from_secs(1),
            keep_alive: Duration::from_secs(1),
            roots: None,
        };
        let connections = Connections::new(reach).unwrap();
        let alone = || connections.known().alone_until.is_some_and(|until| Instant::now() < until);
        for port in [None, Some(7)] {
            connections.lost(port);
            assert!(!alone(), "nobody had served");
        }
        connections.served(Some(9));
        connections.lost(Some(7));
        assert!(!alone(), "another one had served");
        for port in [Some(9), None] {
            connections.lost(port);
            assert!(alone());
            tokio::time::advance(ALONE).await;
            assert!(!alone());
        }
    }
}
