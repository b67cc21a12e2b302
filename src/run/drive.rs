//! A run that has begun, carried to the end of this invocation: the loop, then the outputs or the reason why there are none.

use super::begin::Begun;
use super::context::{Context, Ended, unless_stopped};
use super::decide::budget::Budgets;
use super::decide::freshness::Freshness;
use super::decide::order::always_asked;
use super::decide::prices::{PRICE_UNKNOWN, price_unknown, without_price};
use super::dispatch::{AccountRuntime, Coordinator, LoopOutcome, Start, Tally, Transports};
use super::ending::{DrivenRun, finish};
use super::error::RunError;
use super::event::{Event, Level, Started, notice};
use super::failed_run::FailedRun;
use super::noted;
use crate::domain::budget::{Limit, Spend};
use crate::http::transport::Transport;
use crate::job::Job;
use crate::ledger::{ActKind, LedgerError, Over, RunRow, Stage};
use crate::time::now_ms;
use std::sync::Arc;
use tokio::time::Instant;

/// What holds for this invocation alone.
pub(super) struct Terms {
    pub(super) freshness: Freshness,
    /// `--max-calls` and `--max-cost`.
    pub(super) extra: Limit,
    pub(super) began: Instant,
}

/// Writes down that it is, drives what is pending, then ends the run: outputs where nothing is left, a reason where something is.
pub(super) async fn drive<T: Transport>(
    context: &Context,
    begun: Begun,
    kind: ActKind,
    terms: Terms,
    transports: Transports<T>,
) -> Result<Ended, FailedRun> {
    let (run, prepared, continued) = (begun.run.clone(), begun.prepared.clone(), begun.continued);
    let came = async {
        noted::begun(context, &run, kind).await?;
        let (coordinator, before) = coordinator(context, begun, terms, transports).await?;
        let LoopOutcome { came, turns } = coordinator.drive(context.stop.clone()).await;
        tracing::debug!(turns, "the loop has ended");
        came.map(|(halt, again)| DrivenRun { halt, before, again })
    };
    let came = came.await;
    let ended = ended(context, run.clone(), &prepared.job, came).await;
    noted::ended(context, &run, &ended).await;
    ended.map(|ended| Ended { continued, ..ended })
}

/// Ends a run that was driven, however that came out.
pub(super) async fn ended(
    context: &Context,
    run: RunRow,
    job: &Job,
    came: Result<DrivenRun, RunError>,
) -> Result<Ended, FailedRun> {
    let ledger = &context.ledger;
    // Answers that were written where nobody will find them are no end of a run.
    let came = came.and_then(|came| {
        ledger.still_there()?;
        Ok(came)
    });
    let ended = match came {
        Ok(pulled) => finish(context, run.clone(), job, pulled).await,
        Err(error) => {
            // What the ledger can still take is worth writing; the error itself matters more than a second one. Where
            // another process holds it, it takes nothing.
            if !matches!(error, RunError::Ledger(LedgerError::Busy(_))) {
                let (exit, reason) = (error.exit(), error.to_string());
                let _ = ledger.end_run(run.id, Stage::Stopped, exit.code(), &reason, None).await;
            }
            Err(error)
        }
    };
    ended.map_err(|error| FailedRun { error, run: Some(run), unsent: false })
}

/// What drives a run, with everything that it starts from, and what the run had spent before.
pub(super) async fn coordinator<T: Transport>(
    context: &Context,
    begun: Begun,
    terms: Terms,
    transports: Transports<T>,
) -> Result<(Coordinator<T>, Spend), RunError> {
    let Begun { run, prepared, accounts, continued } = begun;
    let of = |account: &AccountRuntime| transports.get(&account.config.name).cloned();
    let transports: Option<Vec<Arc<T>>> = accounts.iter().map(of).collect();
    let transports = transports.ok_or_else(|| RunError::bug("an account without a client"))?;
    let Terms { freshness, extra, began } = terms;
    let ledger = &context.ledger;
    let totals = ledger.totals(run.id).await?;
    (context.observer)(&Event::Started(Started {
        run: run.run.clone(),
        job: run.job.clone(),
        continued,
        rows: run.rows.unsigned_abs(),
        bad_rows: run.bad_rows.unsigned_abs(),
        lookups: totals.lookups,
        pending: totals.pending,
    }));
    let unpriced = without_price(&prepared);
    if totals.pending > 0 && !unpriced.is_empty() {
        notice(&context.observer, Level::Warning, PRICE_UNKNOWN, price_unknown(&unpriced));
    }
    let spent = ledger.spent_so_far(run.id, &Over::Run).await?;
    if prepared.job.rules.oldest {
        let asked = always_asked(&prepared, |account| accounts[account].service_ids.as_slice());
        unless_stopped(context, async { Ok(ledger.rank(run.id, &asked).await?) }).await?;
    }
    let budgeted = accounts.iter().map(|account| (&account.config, account.service_ids.as_slice()));
    let budgets = Budgets::of(&prepared, budgeted, (extra, spent), now_ms());
    let data_key = ledger.data_key(run.id).await?;
    let coordinator = Coordinator::new(Start {
        budgets,
        ledger: ledger.clone(),
        prepared,
        run: run.id,
        data_key,
        accounts,
        freshness,
        observer: context.observer.clone(),
        tally: Tally::new(totals, Instant::now()),
        transports,
        began,
        unpriced,
    });
    Ok((coordinator, spent))
}
