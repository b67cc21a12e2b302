//! A run summed up from the ledger, for people and for `--summary-json`.

use super::ending::{finished, is_of_damage};
use super::error::RunError;
use super::report::{RunState, Summary};
use crate::domain::exit::Exit;
use crate::domain::outcome::Outcome;
use crate::job::Tolerate;
use crate::ledger::{JobLock, Ledger, RunRow, Stage};
use crate::time::rfc3339;
use std::path::PathBuf;

/// Sums up a run. `next` is left to whoever shows it.
pub async fn summary(ledger: &Ledger, run: &RunRow) -> Result<Summary, RunError> {
    let totals = ledger.totals(run.id).await?;
    let at_work = JobLock::is_held(ledger.path(), &run.job);
    let (state, mut reason) = state(run, at_work);
    if state == RunState::Finished && run.exit == Some(Exit::Unsettled.code()) && !is_of_damage(&reason) {
        // What was settled since by a statement or the user's word is not what the run ended with.
        let of = |outcome: Outcome| totals.outcomes[outcome.index()];
        (_, reason) = finished(of(Outcome::Failed), of(Outcome::Unknown), Tolerate::default());
    }
    Ok(Summary {
        run: run.run.clone(),
        job: run.job.clone(),
        state,
        exit: run.exit,
        reason,
        next: String::new(),
        started_at: rfc3339(run.started_at),
        finished_at: run.finished_at.map(rfc3339),
        rows: run.rows.unsigned_abs(),
        bad_rows: run.bad_rows.unsigned_abs(),
        lookups: totals.lookups,
        outcomes: totals.outcomes,
        pending: totals.pending,
        bought: totals.bought,
        reused: totals.reused,
        calls: totals.calls,
        retries: totals.retries,
        logins: totals.logins,
        cost: totals.cost,
        spent_unknown: totals.cost_unknown,
        unpriced: totals.unpriced,
        letters: totals.letters,
        saved_calls: totals.saved_calls,
        saved_cost: totals.saved,
        saved_unpriced: totals.saved_unpriced,
        environment: run.environment.clone(),
        job_path: PathBuf::from(&run.job_path),
        limit: run.limit_rows.map(i64::unsigned_abs),
    })
}

/// The state as it is now: a run that the ledger calls `running` and that nobody holds was killed.
fn state(run: &RunRow, at_work: bool) -> (RunState, String) {
    let reason = run.reason.clone().unwrap_or_default();
    match run.stage {
        Stage::Finished => (RunState::Finished, reason),
        Stage::Closed => (RunState::Closed, reason),
        Stage::Running | Stage::Loading if at_work => (RunState::Running, "a process is at it".to_owned()),
        Stage::Running => (RunState::Stopped, "its process ended without a word".to_owned()),
        Stage::Loading => (RunState::Stopped, "its input was not copied to the end".to_owned()),
        Stage::Stopped => (RunState::Stopped, reason),
    }
}
