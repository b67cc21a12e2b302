//! `restore`: a backup in the place of the ledger.

use super::super::args::RestoreArgs;
use super::super::opening::{access, open_existing};
use super::super::{Failure, Invocation};
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::ledger::{Act, ActKind, Ledger, Restored, Unsettled};
use crate::time::rfc3339;
use std::fmt::Write as _;

/// `orgpull restore`.
pub(in crate::cli) async fn restore(invocation: &Invocation, args: &RestoreArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let mut said = String::new();
    if let Some(file) = &args.file {
        let restored = Ledger::restore(&settings.database, &access(&settings).await?, file).await?;
        let ledger = open_existing(&settings).await?;
        let aside = restored.aside.as_ref().map(|path| path.display().to_string());
        let act = Act::new(ActKind::Restored).with("from", file.display().to_string()).with("aside", aside);
        ledger.note_done(&act).await?;
        ledger.close().await;
        let _ = writeln!(said, "{} is the ledger again: {}", file.display(), settings.database.display());
        said.push_str(&told(&restored, args.settled));
    }
    if args.settled {
        let ledger = open_existing(&settings).await?;
        let settled = ledger.unsettled().await?;
        ledger.note(&Act::new(ActKind::Restored).with("settled", true)).await?;
        ledger.settle_restore().await?;
        let _ = match settled {
            Some(Unsettled { from, to }) => writeln!(
                said,
                "what was bought between {} and {} counts as settled: letters and budgets are as before",
                rfc3339(from),
                rfc3339(to)
            ),
            None => writeln!(said, "there was nothing to settle"),
        };
    }
    invocation.say(&said)?;
    Ok(Exit::Settled)
}

fn told(restored: &Restored, settled: bool) -> String {
    let Restored { aside, carried, erased, purged, unsettled } = restored;
    let mut text = String::new();
    if let Some(aside) = aside {
        let _ = writeln!(text, "the one that stood there is kept: {}", aside.display());
    }
    if let Some(carried) = carried {
        let calls = counted(carried.calls, "call", "calls");
        let runs = counted(carried.runs, "run", "runs");
        let _ = writeln!(text, "carried over from it: {calls} and {runs} that the backup did not know");
        if carried.without_answer > 0 {
            let answers = counted(carried.without_answer, "answer", "answers");
            let _ = writeln!(text, "{answers} could not be read there: on the books, and to be bought again");
        }
    }
    if *erased > 0 {
        let _ = writeln!(text, "forgotten since, and taken out: {}", counted(*erased, "row", "rows"));
    }
    if *purged > 0 {
        let _ = writeln!(text, "purged since, and empty: {}", counted(*purged, "run", "runs"));
    }
    if let Some(unsettled) = unsettled.filter(|_| !settled) {
        let _ = writeln!(text, "{unsettled}");
    }
    text
}
