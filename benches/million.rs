//! A million rows: is memory flat, does a run that was killed half-way go on at once, does exporting stream?
//!
//! `cargo bench --bench million [-- --rows 1000000 --rounds 5]`
//!
//! The killed run's ledger is measured warm, and cold (its pages dropped from the system's cache, as after a reboot).

mod common;

use common::Result;
use common::arguments::Arguments;
use common::figures::{Spread, Table, fsync};
use common::folder::Folder;
use common::process::Measured;
use common::upstream::Upstream;
use tokio::process::Command;

const AT_ONCE: u32 = 64;

fn main() -> Result<()> {
    common::start(measure)
}

async fn measure(arguments: Arguments) -> Result<()> {
    let rows: u32 = arguments.get("--rows", 1_000_000)?;
    let rounds: usize = arguments.get("--rounds", 5)?;
    let upstream = Upstream::start("bill = false\n").await?;
    let mut table = Table::new(&format!("million: {rows} rows, {AT_ONCE} at once"));

    let tenth = folder(&upstream, rows / 10)?;
    let small = tenth.run()?.succeed().await?;
    table.once(&format!("run of {} rows, peak memory (MiB)", rows / 10), small.peak, 1, "at most 64");
    drop(tenth);

    let whole = folder(&upstream, rows)?;
    let durable = fsync(whole.path())?;
    let resumed = half_way(&upstream, &whole, rows, rounds).await?;
    table.spread("killed half-way: next request after (s)", &resumed.killed, 2, "at most 2");
    table.spread("  after kill -9, ledger not in the cache (s)", &resumed.cold, 2, "");
    table.spread("  after a drain (s)", &resumed.drained, 2, "");
    table.once("continued to its end, peak memory (MiB)", resumed.last.peak, 1, "at most 64");

    let run = whole.orgpull(&["run", "jobs/bench.toml", "--new", "--buy-again", "--progress", "none"])?;
    let run = run.succeed().await?;
    table.once(&format!("run of {rows} rows, peak memory (MiB)"), run.peak, 1, "at most 64");
    table.once("  times that of a tenth of the rows", run.peak / small.peak, 2, "at most 1.10");
    table.once("  wall time (s)", run.wall.as_secs_f64(), 1, "");
    let exported = whole.orgpull(&["export", "bench", "--output", "all.csv"])?.succeed().await?;
    table.once("export of every leaf found, peak memory (MiB)", exported.peak, 1, "streams");
    table.once("  wall time (s)", exported.wall.as_secs_f64(), 1, "");
    let ledger = whole.ledger().metadata()?.len() / 1_048_576;
    table.words("ledger of two runs (MiB)", &ledger.to_string(), "");
    table.spread("one fsync of 4 KiB (ms)", &durable, 3, "");
    table.print();
    Ok(())
}

fn folder(upstream: &Upstream, rows: u32) -> Result<Folder> {
    Folder::new(upstream, rows, &format!("rate = \"unlimited\"\nconcurrency = {AT_ONCE}"))
}

/// Seconds from a process's start to its first request.
struct Resumed {
    killed: Spread,
    cold: Spread,
    drained: Spread,
    /// The process that brought the run to its end.
    last: Measured,
}

/// Runs the first half, and then starts and stops the rest again and again before it may end.
async fn half_way(upstream: &Upstream, folder: &Folder, rows: u32, rounds: usize) -> Result<Resumed> {
    let run = folder.run()?;
    upstream.until_arrivals(upstream.arrivals().await? + u64::from(rows / 2)).await?;
    run.signal("KILL").await?;
    run.end().await?;
    let (mut killed, mut cold, mut drained) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        killed.push(restarted(upstream, folder, "KILL").await?);
        drop_from_cache(folder).await?;
        cold.push(restarted(upstream, folder, "TERM").await?);
        drained.push(restarted(upstream, folder, "KILL").await?);
    }
    let last = folder.run()?.end().await?;
    Ok(Resumed { killed: Spread::of(killed), cold: Spread::of(cold), drained: Spread::of(drained), last })
}

/// Starts the run again, waits for its first request, and stops it by a signal.
async fn restarted(upstream: &Upstream, folder: &Folder, signal: &str) -> Result<f64> {
    let before = upstream.arrivals().await?;
    let run = folder.run()?;
    upstream.until_arrivals(before + 1).await?;
    let age = run.age().as_secs_f64();
    run.signal(signal).await?;
    run.end().await?;
    Ok(age)
}

/// Lets the system forget the pages of the ledger's files.
async fn drop_from_cache(folder: &Folder) -> Result<()> {
    for entry in std::fs::read_dir(folder.path())? {
        let file = format!("if={}", entry?.path().display());
        // Reading nothing of a whole file without caching it drops what is cached.
        let status =
            Command::new("dd").args([&file, "iflag=nocache", "count=0", "status=none"]).status().await?;
        if !status.success() {
            return Err("dd cannot drop the ledger from the cache".into());
        }
    }
    Ok(())
}
