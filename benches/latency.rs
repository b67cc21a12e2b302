//! 2,000 lookups at an answer time of 20 ms, 16 at once: what does a durable ledger cost where the upstream is the
//! bottleneck?
//!
//! `cargo bench --bench latency [-- --rounds 5]`

mod common;

use common::arguments::Arguments;
use common::figures::{Spread, Table, fsync};
use common::folder::Folder;
use common::upstream::Upstream;
use common::{Result, bare};

const LOOKUPS: u32 = 2_000;
const AT_ONCE: u32 = 16;

fn main() -> Result<()> {
    common::start(measure)
}

/// Seconds of one round.
struct Round {
    bare: f64,
    start_up: f64,
    lookups: f64,
    export: f64,
}

async fn measure(arguments: Arguments) -> Result<()> {
    let rounds: usize = arguments.get("--rounds", 5)?;
    let upstream = Upstream::start("bill = false\ndelay = \"20ms\"\n").await?;
    let mut all = Vec::new();
    let mut durable = None;
    for _ in 0..rounds {
        let folder =
            Folder::new(&upstream, LOOKUPS, &format!("rate = \"unlimited\"\nconcurrency = {AT_ONCE}"))?;
        durable = Some(fsync(folder.path())?);
        let bare = bare::measure(&upstream, LOOKUPS, AT_ONCE).await?;
        let run = folder.run()?.succeed().await?;
        let times = folder.times().await?;
        if times.settled != i64::from(LOOKUPS) {
            return Err(format!("{} of {LOOKUPS} are settled", times.settled).into());
        }
        all.push(Round {
            bare: bare.took.as_secs_f64(),
            start_up: seconds(times.first - run.began_ms),
            lookups: seconds(times.last - times.first),
            export: seconds(run.ended_ms - times.last),
        });
    }
    let mut table =
        Table::new(&format!("latency: {LOOKUPS} lookups at 20 ms, {AT_ONCE} at once, {rounds} rounds"));
    let spread = |figure: fn(&Round) -> f64| Spread::of(all.iter().map(figure));
    table.once("floor (s)", f64::from(LOOKUPS / AT_ONCE) * 0.020, 3, "");
    table.spread("bare loop (s)", &spread(|r| r.bare), 3, "");
    table.spread("orgpull, first intent to last answer (s)", &spread(|r| r.lookups), 3, "");
    table.spread("  times the bare loop", &spread(|r| r.lookups / r.bare), 3, "at most 1.10");
    table.spread("orgpull, start-up and input (s)", &spread(|r| r.start_up), 3, "told apart");
    table.spread("orgpull, export and end (s)", &spread(|r| r.export), 3, "told apart");
    if let Some(durable) = durable {
        table.spread("one fsync of 4 KiB (ms)", &durable, 3, "");
    }
    table.print();
    Ok(())
}

fn seconds(milliseconds: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a benchmark fit a double exactly")]
    let milliseconds = milliseconds as f64;
    milliseconds / 1_000.0
}
