//! No answer time, 64 at once, answers of 1.7 KB, no limit of pace: how much of the bare loop's speed is left where
//! every intent and every answer is durable?
//!
//! `cargo bench --bench throughput [-- --rounds 5 --lookups 50000]`

mod common;

use common::arguments::Arguments;
use common::figures::{Spread, Table, fsync};
use common::folder::Folder;
use common::process::Measured;
use common::upstream::Upstream;
use common::{Result, bare};

const AT_ONCE: u32 = 64;

fn main() -> Result<()> {
    common::start(measure)
}

/// One round; processor time in microseconds a lookup.
struct Round {
    bytes: f64,
    bare: f64,
    bare_user: f64,
    bare_system: f64,
    run: f64,
    run_user: f64,
    run_system: f64,
    fsync: f64,
    peak: f64,
}

async fn measure(arguments: Arguments) -> Result<()> {
    let rounds: usize = arguments.get("--rounds", 5)?;
    let lookups: u32 = arguments.get("--lookups", 50_000)?;
    let upstream = Upstream::start("bill = false\n").await?;
    let mut all = Vec::new();
    for _ in 0..rounds {
        all.push(round(&upstream, lookups).await?);
    }
    let spread = |figure: fn(&Round) -> f64| Spread::of(all.iter().map(figure));
    let mut table = Table::new(&format!(
        "throughput: {lookups} lookups, no answer time, {AT_ONCE} at once, {rounds} rounds"
    ));
    table.spread("bytes an answer", &spread(|r| r.bytes), 0, "1700");
    table.spread("bare loop (lookups/s)", &spread(|r| r.bare), 0, "");
    table.spread("orgpull (lookups/s)", &spread(|r| r.run), 0, "");
    table.spread("  % of the bare loop", &spread(|r| r.run / r.bare * 100.0), 1, "at least 35, aim 50");
    table.spread("bare loop, user (us a lookup)", &spread(|r| r.bare_user), 1, "");
    table.spread("bare loop, system (us a lookup)", &spread(|r| r.bare_system), 1, "");
    table.spread("orgpull, user, whole run (us a lookup)", &spread(|r| r.run_user), 1, "");
    table.spread("orgpull, system, whole run (us a lookup)", &spread(|r| r.run_system), 1, "");
    table.spread("one fsync of 4 KiB (ms)", &spread(|r| r.fsync), 3, "");
    table.spread("orgpull, peak memory (MiB)", &spread(|r| r.peak), 1, "");
    table.print();
    Ok(())
}

async fn round(upstream: &Upstream, lookups: u32) -> Result<Round> {
    let rules = format!("rate = \"unlimited\"\nconcurrency = {AT_ONCE}");
    let folder = Folder::new(upstream, lookups, &rules)?;
    let durable = fsync(folder.path())?.median();
    let bare = bare::measure(upstream, lookups, AT_ONCE).await?;
    let run = folder.run()?.succeed().await?;
    let times = folder.times().await?;
    if times.settled != i64::from(lookups) {
        return Err(format!("{} of {lookups} are settled", times.settled).into());
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a benchmark fit a double exactly")]
    let took = (times.last - times.first) as f64 / 1_000.0;
    let lookups = f64::from(lookups);
    let cost = |process: &Measured| {
        (process.user.as_secs_f64() * 1e6 / lookups, process.system.as_secs_f64() * 1e6 / lookups)
    };
    let ((bare_user, bare_system), (run_user, run_system)) = (cost(&bare.process), cost(&run));
    Ok(Round {
        bytes: bare.bytes,
        bare: lookups / bare.took.as_secs_f64(),
        bare_user,
        bare_system,
        run: lookups / took,
        run_user,
        run_system,
        fsync: durable,
        peak: run.peak,
    })
}
