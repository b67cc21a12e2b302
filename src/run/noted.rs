//! What the log of who did what hears of a run.

use super::context::{Context, Ended};
use super::error::RunError;
use super::event::{Level, notice};
use super::failed_run::FailedRun;
use crate::ledger::{Act, ActKind, LedgerError, RunRow};

/// Writes down that a run is gone at, before anything is sent.
pub(super) async fn begun(context: &Context, run: &RunRow, kind: ActKind) -> Result<(), RunError> {
    let act = Act::new(kind).on(run).with("environment", run.environment.as_str());
    let act = act.with("rows", run.rows).with("limit", run.limit_rows);
    Ok(context.ledger.note(&act).await?)
}

/// Writes down how an invocation of a run has ended.
pub(super) async fn ended(context: &Context, run: &RunRow, ended: &Result<Ended, FailedRun>) {
    let act = Act::new(ActKind::RunEnded).on(run);
    let act = match ended {
        Ok(ended) => {
            let outputs: Vec<String> =
                ended.written.iter().map(|written| written.path.display().to_string()).collect();
            let act = act.with("exit", ended.exit.code()).with("calls", ended.spent.calls);
            act.with("cost", ended.spent.cost.to_string()).with("outputs", outputs)
        }
        // It was not begun, or the ledger takes nothing.
        Err(FailedRun {
            error: RunError::Ledger(LedgerError::Unnoted { .. } | LedgerError::Busy(_)),
            ..
        }) => {
            return;
        }
        Err(broken) => act.with("exit", broken.error.exit().code()),
    };
    let is_told = matches!(ended, Err(FailedRun { error: RunError::Ledger(_), .. }));
    done(context, &act, is_told).await;
}

/// Writes down that a newer run has taken the place of one.
pub(super) async fn closed(context: &Context, run: &RunRow) {
    done(context, &Act::new(ActKind::RunClosed).on(run), false).await;
}

/// Nothing is undone for want of an entry: it is told, unless what is wrong with the ledger is.
async fn done(context: &Context, act: &Act, is_told: bool) {
    let message = match context.ledger.note_done(act).await {
        Ok(None) => return,
        Ok(Some(told)) => told,
        Err(error) => format!("the log of who did what does not say how the run ended: {error}"),
    };
    if is_told {
        tracing::debug!(message, "not written down");
    } else {
        notice(&context.observer, Level::Warning, "audit", message);
    }
}
