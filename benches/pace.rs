//! The pace at 1, 50 and 200 a second, seen from the upstream: is it ever passed, is it used, and does who came first go
//! first? The three run side by side, each against an upstream of its own.
//!
//! `cargo bench --bench pace [-- --seconds 60 --burst 1]`

mod common;

use common::Result;
use common::arguments::Arguments;
use common::figures::Table;
use common::folder::{Folder, numbers};
use common::upstream::{Upstream, fullest};

const RATES: [u32; 3] = [1, 50, 200];

fn main() -> Result<()> {
    common::start(measure)
}

async fn measure(arguments: Arguments) -> Result<()> {
    let seconds: u32 = arguments.get("--seconds", 60)?;
    let burst: u32 = arguments.get("--burst", 1)?;
    let (one, fifty, two_hundred) = tokio::try_join!(
        paced(RATES[0], burst, seconds),
        paced(RATES[1], burst, seconds),
        paced(RATES[2], burst, seconds)
    )?;
    let mut table = Table::new(&format!("pace: {seconds} s each, burst {burst}"));
    for (rate, paced) in RATES.into_iter().zip([one, fifty, two_hundred]) {
        table.words(&format!("{rate}/s: arrivals"), &paced.arrivals.to_string(), "");
        let most = format!("at most {}", rate + burst);
        table.words(&format!("{rate}/s: most in any second"), &paced.most.to_string(), &most);
        table.once(&format!("{rate}/s: % of the pace used"), paced.used, 2, "at least 98");
        let order = if paced.in_order { "yes" } else { "NO" };
        table.words(&format!("{rate}/s: first come, first served"), order, "yes");
    }
    table.print();
    Ok(())
}

/// One pace, as the upstream saw it.
struct Paced {
    arrivals: usize,
    most: usize,
    used: f64,
    in_order: bool,
}

async fn paced(rate: u32, burst: u32, seconds: u32) -> Result<Paced> {
    let upstream = Upstream::start("").await?;
    let rows = rate * seconds + burst;
    let rules = format!("rate = \"{rate}/s\"\nburst = {burst}\nconcurrency = 16");
    let folder = Folder::new(&upstream, rows, &rules)?;
    folder.run()?.succeed().await?;
    let bill = upstream.bill().await?;
    let (Some(first), Some(last)) = (bill.first(), bill.last()) else { return Err("nothing arrived".into()) };
    let took = (last.at_ms - first.at_ms) / 1_000.0;
    let after_the_burst = f64::from(rows - burst);
    Ok(Paced {
        arrivals: bill.len(),
        most: fullest(&bill),
        used: after_the_burst / took / f64::from(rate) * 100.0,
        in_order: bill.iter().map(|billed| billed.number.clone()).eq(numbers(rows)),
    })
}
