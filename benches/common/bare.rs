//! The bare loop: what the same HTTP client does where nothing is kept. So many tasks, each asking the next number with
//! bearer, time-out and query as orgpull has them, and parsing the answer as JSON. It runs in a process of its own, which
//! is this program started again, so that its processor time can be told.

use super::Result;
use super::arguments::Arguments;
use super::folder::numbers;
use super::process::{Measured, Process};
use super::upstream::Upstream;
use reqwest::Client;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The word that makes a benchmark's program the bare loop.
pub(crate) const WORD: &str = "bare-loop";

/// What the bare loop took.
pub(crate) struct Bare {
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Bytes of an answer, on average.
    pub(crate) bytes: f64,
    /// Its process.
    pub(crate) process: Measured,
}

/// Runs it against `upstream` in a process of its own.
pub(crate) async fn measure(upstream: &Upstream, lookups: u32, at_once: u32) -> Result<Bare> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([WORD, "--base-url", upstream.base_url()]);
    command.args(["--lookups", &lookups.to_string(), "--at-once", &at_once.to_string()]);
    let process = Process::start(command)?.succeed().await?;
    let told: (f64, f64) = serde_json::from_slice(&process.output.stdout)?;
    Ok(Bare { took: Duration::from_secs_f64(told.0), bytes: told.1, process })
}

/// The process itself: prints its seconds and the bytes of an answer.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let base_url: String = arguments.need("--base-url")?;
    let (lookups, at_once) = (arguments.need("--lookups")?, arguments.need("--at-once")?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let told = runtime.block_on(ask_all(base_url, lookups, at_once))?;
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

async fn ask_all(base_url: String, lookups: u32, at_once: usize) -> Result<(f64, f64)> {
    // As `http::transport` makes its client.
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]))
        .tcp_nodelay(true)
        .pool_max_idle_per_host(at_once + 1)
        .build()?;
    let token = log_in(&client, &base_url).await?;
    let asking = Arc::new(Asking {
        client,
        url: format!("{base_url}/getdata"),
        token,
        numbers: numbers(lookups).collect(),
        next: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
    });
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        tasks.spawn(asking.clone().ask());
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let took = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "an average needs no 53 bits")]
    let bytes = asking.bytes.load(Ordering::Relaxed) as f64;
    Ok((took, bytes / f64::from(lookups)))
}

async fn log_in(client: &Client, base_url: &str) -> Result<String> {
    let login = client.post(format!("{base_url}/v1/authenticate"));
    let answer = login.body(r#"{"username":"bench","password":"bench"}"#).send().await?;
    let answer: Value = serde_json::from_slice(&answer.error_for_status()?.bytes().await?)?;
    Ok(answer["token"].as_str().ok_or("a login without a token")?.to_owned())
}

struct Asking {
    client: Client,
    url: String,
    token: String,
    numbers: Vec<String>,
    next: AtomicUsize,
    bytes: AtomicUsize,
}

impl Asking {
    /// Asks the next number until there is none.
    async fn ask(self: Arc<Self>) -> std::result::Result<(), BareError> {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(number) = self.numbers.get(at) else { return Ok(()) };
            let reference = format!("B{at:013}");
            let query = [
                ("searchnumber", number.as_str()),
                ("blockname", "CompanyBasic"),
                ("transactionid", &reference),
            ];
            let call = self.client.get(&self.url).query(&query).bearer_auth(&self.token);
            // A number that the register does not know is answered with 404 and JSON: an answer like any other.
            let body = call.timeout(Duration::from_secs(30)).send().await?.bytes().await?;
            let value: Value = serde_json::from_slice(&body)?;
            std::hint::black_box(&value);
            self.bytes.fetch_add(body.len(), Ordering::Relaxed);
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum BareError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}
