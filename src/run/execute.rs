//! The two ways into a run. `run`, `retry` and the continuation after a crash all take the same way from here: whatever is
//! `pending` in the ledger is driven, and nothing else is.

use super::beforehand;
use super::begin;
use super::context::{Context, Ended, Options};
use super::decide::freshness::Freshness;
use super::dispatch::StopRequest;
use super::dispatch::transports;
use super::drive::{Terms, drive};
use super::error::RunError;
use super::failed_run::FailedRun;
use crate::domain::budget::Limit;
use crate::job::Job;
use crate::ledger::{ActKind, JobLock, LedgerError, RunRow};
use crate::time::{now_ms, rfc3339};
use tokio::time::Instant;

/// Runs a job: continues its unfinished run, or starts another. `Ok(None)` is `--continue` with nothing to continue.
///
/// Once it is asked to stop, it no longer waits for a ledger that another process holds, where the caller says so with
/// [`hurry`](crate::ledger::Ledger::hurry).
pub async fn execute(context: &Context, job: Job, options: Options) -> Result<Option<Ended>, FailedRun> {
    carry_out(context, job, options).await.map_err(|broken| stopped_first(context, broken))
}

/// A signal that comes while another process holds the ledger is what ended the run, rather than the ledger.
fn stopped_first(context: &Context, broken: FailedRun) -> FailedRun {
    let stopped = *context.stop.borrow() != StopRequest::None;
    match &broken.error {
        RunError::Ledger(LedgerError::Busy(_)) if stopped => {
            let error = if broken.run.is_none() { RunError::Stopped } else { RunError::StoppedUnwritten };
            FailedRun { error, ..broken }
        }
        _ => broken,
    }
}

async fn carry_out(context: &Context, job: Job, options: Options) -> Result<Option<Ended>, FailedRun> {
    let (ledger, began) = (&context.ledger, options.began.unwrap_or_else(Instant::now));
    ledger.still_there()?;
    let _lock = JobLock::take(ledger.path(), &job.name, &rfc3339(now_ms()))?;
    let transports = transports(&context.settings, &job)?;
    beforehand::tell(context, &job, options.fire.is_none()).await?;
    for cut_short in ledger.half_loaded(&job.name).await? {
        ledger.discard(cut_short.id).await?;
    }
    let extra = options.budget;
    let Some(begun) = begin::begin(context, job, options).await? else { return Ok(None) };
    let (now, start) = (now_ms(), begun.run.started_at);
    let freshness = Freshness { now, began: start, buy_again: begun.run.buy_again, unknown_too: false };
    let kind = if begun.continued { ActKind::RunContinued } else { ActKind::RunBegun };
    drive(context, begun, kind, Terms { freshness, extra, began }, transports).await.map(Some)
}

/// Drives again what ended `failed` or `denied` in a run, and with `unknown` also what was lost.
pub async fn retry(context: &Context, job: Job, run: &RunRow, unknown: bool) -> Result<Ended, FailedRun> {
    let known = |broken| stopped_first(context, FailedRun { run: Some(run.clone()), ..broken });
    Box::pin(again(context, job, run, unknown)).await.map_err(known)
}

async fn again(context: &Context, job: Job, run: &RunRow, unknown: bool) -> Result<Ended, FailedRun> {
    let (ledger, began) = (&context.ledger, Instant::now());
    if run.job != job.name {
        let (run, was, is) = (run.run.clone(), run.job.clone(), job.name);
        return Err(RunError::Renamed { run, was, is }.into());
    }
    ledger.still_there()?;
    let _lock = JobLock::take(ledger.path(), &run.job, &rfc3339(now_ms()))?;
    let transports = transports(&context.settings, &job)?;
    beforehand::tell(context, &job, false).await?;
    let begun = begin::reopen(context, job, &run.run, unknown).await?;
    let freshness =
        Freshness { now: now_ms(), began: run.started_at, buy_again: false, unknown_too: unknown };
    let terms = Terms { freshness, extra: Limit::default(), began };
    drive(context, begun, ActKind::Retried, terms, transports).await
}
