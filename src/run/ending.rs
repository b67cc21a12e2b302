//! How an invocation ended: its exit code and its reason.

use super::context::{Context, Ended};
use super::dispatch::{Halt, Reason};
use super::error::RunError;
use super::event::{Level, notice};
use super::outputs::{damage, export};
use crate::domain::budget::Spend;
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::domain::outcome::Outcome;
use crate::export::Exported;
use crate::job::{Job, Tolerate};
use crate::ledger::{Over, RunRow, Stage};
use crate::time::now_ms;

/// How a run was driven, before it is ended.
pub(super) struct DrivenRun {
    pub(super) halt: Halt,
    /// What the run had spent before.
    pub(super) before: Spend,
    /// What was asked once more though another run's call for it was lost.
    pub(super) again: Spend,
}

/// Writes the outputs where nothing is pending, and notes how the invocation ended.
pub(super) async fn finish(
    context: &Context,
    run: RunRow,
    job: &Job,
    DrivenRun { halt, before, again }: DrivenRun,
) -> Result<Ended, RunError> {
    let ledger = &context.ledger;
    let totals = ledger.totals(run.id).await?;
    let count = |outcome: Outcome| totals.outcomes[outcome.index()];
    let (state, exit, reason, finished_at, written) = if totals.pending > 0 {
        let (exit, reason) = stopped(&halt, totals.pending);
        (Stage::Stopped, exit, reason, None, Vec::new())
    } else {
        match export(ledger, &run, job, &context.settings).await {
            Ok(Exported { written, damage: found }) => {
                let (failed, unknown) = (count(Outcome::Failed), count(Outcome::Unknown));
                let ended = finished(failed, unknown, job.rules.tolerate);
                let (exit, reason) = match damage(&run.run, &found) {
                    None => ended,
                    Some(message) => {
                        notice(&context.observer, Level::Warning, "damaged", message);
                        damaged(ended, found.count.saturating_add(found.earlier))
                    }
                };
                (Stage::Finished, exit, reason, Some(now_ms()), written)
            }
            Err(error) => {
                let exit = error.exit();
                ledger.end_run(run.id, Stage::Stopped, exit.code(), &error.to_string(), None).await?;
                return Err(error);
            }
        }
    };
    ledger.end_run(run.id, state, exit.code(), &reason, finished_at).await?;
    let run = ledger.find(&run.run).await?.pop().ok_or_else(|| RunError::bug("the run is gone"))?;
    let spent = ledger.spent_so_far(run.id, &Over::Run).await?.since(before);
    ledger.still_there()?;
    Ok(Ended { run, exit, continued: false, spent, again, written })
}

/// The end of a run that has nothing pending, and what of it the job puts up with.
pub(super) fn finished(failed: u64, unknown: u64, tolerate: Tolerate) -> (Exit, String) {
    let reason = match (failed, unknown) {
        (0, 0) => return (Exit::Settled, "all settled".to_owned()),
        (failed, 0) => format!("{failed} failed"),
        (0, unknown) => format!("{unknown} unknown"),
        (failed, unknown) => format!("{failed} failed and {unknown} unknown"),
    };
    if failed <= tolerate.failed && unknown <= tolerate.unknown {
        return (Exit::Settled, format!("{reason}, tolerated as [run] tolerate says"));
    }
    (Exit::Unsettled, reason)
}

/// How the reason of a run ends whose outputs lack answers that are damaged in the ledger.
const DAMAGED: &str = " damaged in the ledger";

/// The same end, where so many stored answers are damaged.
fn damaged((exit, reason): (Exit, String), damaged: u64) -> (Exit, String) {
    let answers = counted(damaged, "stored answer is", "stored answers are");
    let reason = if exit == Exit::Settled { String::new() } else { reason + ", and " };
    (exit.worst(Exit::Unsettled), format!("{reason}{answers}{DAMAGED}"))
}

/// Whether a run ended so for damage.
pub(super) fn is_of_damage(reason: &str) -> bool {
    reason.ends_with(DAMAGED)
}

fn lookups(pending: u64) -> String {
    counted(pending, "lookup", "lookups")
}

const fn exit_of(reason: Reason) -> Exit {
    match reason {
        Reason::Login => Exit::Login,
        Reason::LoginAddress | Reason::Config => Exit::Config,
        Reason::Budget => Exit::Budget,
        Reason::Unavailable => Exit::Unavailable,
    }
}

/// Why a run stopped with something pending; the worst reason wins.
pub(super) fn stopped(halt: &Halt, pending: u64) -> (Exit, String) {
    let mut reasons: Vec<(Exit, String)> = Vec::new();
    if halt.is_signalled() {
        reasons.push((Exit::Stopped, format!("stopped by a signal, {} pending", lookups(pending))));
    }
    let told = |reason| Some((exit_of(reason), halt.told(reason)?.to_owned()));
    reasons.extend(Reason::ALL.into_iter().filter_map(told));
    if halt.is_late() {
        let why = format!("the time that max_time allows is over, {} pending", lookups(pending));
        reasons.push((Exit::Budget, why));
    }
    let none =
        || (Exit::Bug, format!("{} pending, and nothing says why: a bug in orgpull", lookups(pending)));
    reasons.into_iter().reduce(|a, b| if a.0.worst(b.0) == a.0 { a } else { b }).unwrap_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tolerated_is_told_and_ends_well() {
        let tolerate = Tolerate { unknown: 2, failed: 1 };
        for (failed, unknown, exit, said) in [
            (0, 0, Exit::Settled, "all settled"),
            (1, 0, Exit::Settled, "1 failed, tolerated"),
            (0, 2, Exit::Settled, "2 unknown, tolerated"),
            (1, 2, Exit::Settled, "1 failed and 2 unknown, tolerated"),
            (2, 0, Exit::Unsettled, "2 failed"),
            (1, 3, Exit::Unsettled, "1 failed and 3 unknown"),
        ] {
            let (ended, reason) = finished(failed, unknown, tolerate);
            assert_eq!(ended, exit, "{reason}");
            assert!(reason.starts_with(said), "{reason}");
            assert_eq!(reason.contains("tolerated"), exit == Exit::Settled && failed + unknown > 0);
        }
        assert_eq!(finished(0, 1, Tolerate::default()).0, Exit::Unsettled);
    }

    #[test]
    fn damage_is_a_reason_of_its_own_and_beside_others() {
        let end = |failed, found| damaged(finished(failed, 0, Tolerate::default()), found);
        assert_eq!(end(0, 1), (Exit::Unsettled, "1 stored answer is damaged in the ledger".to_owned()));
        let both = "3 failed, and 2 stored answers are damaged in the ledger";
        assert_eq!(end(3, 2), (Exit::Unsettled, both.to_owned()));
        assert!(is_of_damage(both) && !is_of_damage("3 failed"));
    }

    #[test]
    fn the_end_of_the_time_is_a_reason_of_its_own_and_gives_way_to_worse() {
        let mut late = Halt::default();
        late.late();
        let (exit, reason) = stopped(&late, 7);
        assert_eq!(exit, Exit::Budget);
        assert!(reason.contains("max_time") && reason.contains("7 lookups pending"), "{reason}");
        late.stop(Reason::Unavailable, "away".to_owned());
        assert_eq!(stopped(&late, 7), (Exit::Unavailable, "away".to_owned()));
        assert_eq!(stopped(&Halt::default(), 7).0, Exit::Bug);
    }
}
