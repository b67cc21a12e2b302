//! The daemon: what does it cost while nothing is due, and how soon after its time does a fire send its first request?
//!
//! `cargo bench --bench nights [-- --jobs 200 --idle 120 --fires 5 --rows 1000]`. A fire comes once a minute.

mod common;

use common::Result;
use common::arguments::Arguments;
use common::figures::{Spread, Table};
use common::folder::{Folder, numbers};
use common::process::Process;
use common::upstream::Upstream;
use orgpull::time::now_ms;
use std::time::Duration;

const MINUTE_MS: i64 = 60_000;

/// What a daemon may need to read its folder.
const START: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    common::start(measure)
}

async fn measure(arguments: Arguments) -> Result<()> {
    let jobs: u32 = arguments.get("--jobs", 200)?;
    let idle: u32 = arguments.get("--idle", 120)?;
    let fires: u32 = arguments.get("--fires", 5)?;
    let rows: u32 = arguments.get("--rows", 1_000)?;
    let upstream = Upstream::start("").await?;
    let folder = Folder::without_jobs(&upstream, "rate = \"1000/s\"\nconcurrency = 16")?;
    for at in 0..jobs {
        folder.add(&format!("yearly-{at}"), numbers(10), "[schedule]\ncron = \"@yearly\"")?;
    }
    let daemon = folder.orgpull(&["schedule", "jobs"])?;
    tokio::time::sleep(START).await;
    let before = daemon.processor_time()?;
    tokio::time::sleep(Duration::from_secs(u64::from(idle))).await;
    let spent = daemon.processor_time()?.saturating_sub(before);
    let mut table =
        Table::new(&format!("a daemon with {jobs} jobs: {idle} s idle, then {fires} fires of {rows} rows"));
    table.once("idle: peak memory, MiB", daemon.peak(), 1, "under 30");
    table.once("idle: % of a core", spent.as_secs_f64() / f64::from(idle) * 100.0, 3, "at most 0.1");
    let mut delays = Vec::new();
    for fire in 0..fires {
        // New numbers each time: those of the last are answered already.
        let fresh = numbers((fire + 1) * rows).skip(usize::try_from(fire * rows)?);
        if fire == 0 {
            folder.add("often", fresh, "[schedule]\ncron = \"* * * * *\"")?;
        } else {
            folder.input("often", fresh)?;
        }
        delays.push(delay(&upstream, u64::from(fire * rows)).await?);
        upstream.until_arrivals(u64::from((fire + 1) * rows)).await?;
    }
    table.spread("fire: ms from its time to the first request", &Spread::of(delays), 0, "at most 1000");
    table.print();
    end(daemon).await
}

/// How long after the minute the first request beyond `so_far` arrives, in milliseconds.
async fn delay(upstream: &Upstream, so_far: u64) -> Result<f64> {
    upstream.until_arrivals(so_far + 1).await?;
    Ok(f64::from(i32::try_from(now_ms() % MINUTE_MS)?))
}

async fn end(daemon: Process) -> Result<()> {
    daemon.signal("TERM").await?;
    daemon.end().await?;
    Ok(())
}
