//! The simulator in a process of its own.

use super::Result;
use serde::Deserialize;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The running simulator; it ends with its owner.
pub(crate) struct Upstream {
    base_url: String,
    client: reqwest::Client,
    _child: Child,
}

/// A line of its bill.
#[derive(Deserialize)]
pub(crate) struct Billed {
    /// When the call arrived, in milliseconds since the simulator started.
    pub(crate) at_ms: f64,
    /// About whom.
    pub(crate) number: String,
    /// The status of the answer.
    pub(crate) status: Option<u16>,
}

#[derive(Deserialize)]
struct Stats {
    arrivals: u64,
}

impl Upstream {
    /// Starts it with this scenario.
    pub(crate) async fn start(scenario: &str) -> Result<Self> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), scenario)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_orgpull"))
            .args(["simulator", "--listen", "127.0.0.1:0", "--scenario"])
            .arg(file.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the simulator has no standard output")?;
        let line = BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
        let base_url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let base_url = base_url.ok_or("the simulator does not say where it listens")?.to_owned();
        Ok(Self { base_url, client: reqwest::Client::builder().no_proxy().build()?, _child: child })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Data calls that have arrived.
    pub(crate) async fn arrivals(&self) -> Result<u64> {
        self.until_arrivals(0).await
    }

    /// Waits until that many data calls have arrived (for ten minutes at most) and gives their number.
    pub(crate) async fn until_arrivals(&self, arrivals: u64) -> Result<u64> {
        let text = self.get(&format!("stats?arrivals={arrivals}&timeout_ms=600000")).await?;
        Ok(serde_json::from_str::<Stats>(&text)?.arrivals)
    }

    /// Every data call so far, in the order of arrival.
    pub(crate) async fn bill(&self) -> Result<Vec<Billed>> {
        let text = self.get("bill").await?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    async fn get(&self, what: &str) -> Result<String> {
        let url = format!("{}/_simulator/{what}", self.base_url);
        let answer = self.client.get(url).timeout(Duration::from_secs(610)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }
}

/// The most arrivals in any span of one second.
pub(crate) fn fullest(bill: &[Billed]) -> usize {
    let mut from = 0;
    let spans = bill.iter().enumerate().map(|(at, billed)| {
        while billed.at_ms - bill[from].at_ms >= 1_000.0 {
            from += 1;
        }
        at + 1 - from
    });
    spans.max().unwrap_or(0)
}
