//! Four processes on one ledger and one account: is the pace of one ever passed, and is it used? Each has a job of its own;
//! all are seen from the upstream.
//!
//! `cargo bench --bench shared_account [-- --rate 50 --burst 1 --seconds 60 --processes 4 --rounds 3]`

mod common;

use common::Result;
use common::arguments::Arguments;
use common::figures::{Spread, Table};
use common::folder::{Folder, numbers};
use common::upstream::{Upstream, fullest};

fn main() -> Result<()> {
    common::start(measure)
}

async fn measure(arguments: Arguments) -> Result<()> {
    let setting = Setting {
        rate: arguments.get("--rate", 50)?,
        burst: arguments.get("--burst", 1)?,
        seconds: arguments.get("--seconds", 60)?,
        processes: arguments.get("--processes", 4)?,
    };
    let rounds: u32 = arguments.get("--rounds", 3)?;
    let (mut used, mut most) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let seen = setting.round().await?;
        used.push(seen.0);
        most.push(seen.1);
    }
    let Setting { rate, burst, seconds, processes } = setting;
    let heading = format!(
        "{processes} processes sharing {rate}/s with a burst of {burst}: {seconds} s, {rounds} rounds"
    );
    let mut table = Table::new(&heading);
    table.spread("% of the pace used", &Spread::of(used), 2, "at least 95");
    table.spread("most in any second", &Spread::of(most), 0, &format!("at most {}", rate + burst));
    table.print();
    Ok(())
}

struct Setting {
    rate: u32,
    burst: u32,
    seconds: u32,
    processes: u32,
}

impl Setting {
    /// The share of the pace that was used in per cent, and the most arrivals in any second.
    async fn round(&self) -> Result<(f64, f64)> {
        let upstream = Upstream::start("").await?;
        let each = self.rate * self.seconds / self.processes;
        let rules = format!("rate = \"{}/s\"\nburst = {}\nconcurrency = 16", self.rate, self.burst);
        let folder = Folder::without_jobs(&upstream, &rules)?;
        let names: Vec<String> = (0..self.processes).map(|at| format!("part-{at}")).collect();
        let mut all = numbers(each * self.processes);
        for name in &names {
            folder.add(name, all.by_ref().take(usize::try_from(each)?), "")?;
        }
        let running: Vec<_> = names.iter().map(|name| folder.run_job(name)).collect::<Result<_>>()?;
        for process in running {
            process.succeed().await?;
        }
        let bill = upstream.bill().await?;
        let (Some(first), Some(last)) = (bill.first(), bill.last()) else {
            return Err("nothing arrived".into());
        };
        let after_the_burst = f64::from(each * self.processes - self.burst);
        let possible = f64::from(self.rate) * (last.at_ms - first.at_ms) / 1_000.0;
        Ok((after_the_burst / possible * 100.0, f64::from(u32::try_from(fullest(&bill))?)))
    }
}
