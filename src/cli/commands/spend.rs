//! `spend`: what was spent, added up.

use super::super::args::SpendArgs;
use super::super::opening::open_to_read;
use super::super::report::{SpendReport, spend_csv, spend_json, spend_text};
use super::super::{Failure, Invocation};
use crate::domain::exit::Exit;
use crate::ledger::Spent;
use crate::time::stockholm_midnight;
use jiff::civil::Date;

/// `orgpull spend`.
pub(in crate::cli) async fn spend(invocation: &Invocation, args: &SpendArgs) -> Result<Exit, Failure> {
    let (since, until) = (args.since.map(|days| days.first), args.until.map(|days| days.last));
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        return Err(Failure::Usage(format!("--until {until} lies before --since {since}")));
    }
    let from = since.map(midnight).transpose()?;
    let before = until.map(|day| day.tomorrow().map_or_else(|_| midnight(day), midnight)).transpose()?;
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_to_read(&settings).await?;
    let by = args.by.into();
    let rows = ledger.spend(by, from, before).await?;
    let mut total = Spent::default();
    for row in &rows {
        total += row.spent;
    }
    let report = SpendReport { by, since, until, rows: &rows, total };
    if args.json {
        Invocation::print(&format!("{:#}\n", spend_json(&report)))?;
    } else if args.csv {
        Invocation::print(&spend_csv(&report))?;
    } else {
        invocation.say(&spend_text(&report, invocation.style()))?;
    }
    Ok(Exit::Settled)
}

fn midnight(day: Date) -> Result<i64, Failure> {
    stockholm_midnight(day)
        .ok_or_else(|| Failure::Usage(format!("{day} is no day on which anything was spent")))
}
