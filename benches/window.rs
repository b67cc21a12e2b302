//! 800 lookups against an upstream that takes 200 in a window of 5 s and then answers 429 without `Retry-After`: is all
//! settled, and does the account keep still from a 429 to the end of its cool-down?
//!
//! `cargo bench --bench window`

mod common;

use common::Result;
use common::arguments::Arguments;
use common::figures::Table;
use common::folder::Folder;
use common::upstream::{Billed, Upstream};

const LOOKUPS: u32 = 800;
const COOL_DOWN_MS: f64 = 5_000.0;

/// A call that left before the 429 came back arrives within this time after it.
const ON_ITS_WAY_MS: f64 = 50.0;

fn main() -> Result<()> {
    common::start(measure)
}

async fn measure(_: Arguments) -> Result<()> {
    let upstream = Upstream::start("window = { calls = 200, per = \"5s\" }\n").await?;
    let rules = "rate = \"unlimited\"\nconcurrency = 8\ncool_down = \"5s\"";
    let folder = Folder::new(&upstream, LOOKUPS, rules)?;
    let run = folder.run()?.succeed().await?;
    let times = folder.times().await?;
    let bill = upstream.bill().await?;
    let pauses = pauses(&bill);
    let refused = bill.iter().filter(|billed| billed.status == Some(429)).count();
    let mut table = Table::new(&format!("window: {LOOKUPS} lookups against 200 per 5 s, 429 without header"));
    table.words("settled", &times.settled.to_string(), &LOOKUPS.to_string());
    table.words("429s", &refused.to_string(), "");
    table.words("cool-downs", &pauses.len().to_string(), "");
    let early: usize = pauses.iter().map(|pause| pause.early).sum();
    table.words("arrivals between a 429 and the cool-down's end", &early.to_string(), "0");
    for (at, pause) in pauses.iter().enumerate() {
        let at = at + 1;
        table.once(&format!("pause {at}: last call that was on its way (ms)"), pause.straggler, 1, "");
        table.once(&format!("pause {at}: until the next call (s)"), pause.lasted / 1_000.0, 2, "at least 5");
    }
    table.once("wall time (s)", run.wall.as_secs_f64(), 1, "");
    table.print();
    Ok(())
}

/// What followed a window's first 429; times in milliseconds after it.
struct Pause {
    /// The last call that had left before.
    straggler: f64,
    /// Calls that left too early.
    early: usize,
    /// The first call after the cool-down.
    lasted: f64,
}

fn pauses(bill: &[Billed]) -> Vec<Pause> {
    let mut pauses = Vec::new();
    let mut calls = bill.iter().peekable();
    while let Some(call) = calls.next() {
        if call.status != Some(429) {
            continue;
        }
        let after = |other: &Billed| other.at_ms - call.at_ms;
        let mut pause = Pause { straggler: 0.0, early: 0, lasted: f64::INFINITY };
        while let Some(other) = calls.next_if(|other| after(other) < COOL_DOWN_MS) {
            if after(other) <= ON_ITS_WAY_MS {
                pause.straggler = after(other);
            } else {
                pause.early += 1;
            }
        }
        pause.lasted = calls.peek().map_or(f64::INFINITY, |next| after(next));
        pauses.push(pause);
    }
    pauses
}
