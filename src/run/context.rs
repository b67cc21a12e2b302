//! What an invocation works with, how it was asked for, and how it ended.

use super::dispatch::SharedTokens;
use super::dispatch::StopRequest;
use super::error::RunError;
use super::event::Observer;
use crate::config::Settings;
use crate::domain::budget::{Limit, Spend};
use crate::domain::exit::Exit;
use crate::export::Written;
use crate::job::Origin;
use crate::ledger::{Ledger, RunRow};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// What a run works with.
#[derive(Clone)]
pub struct Context {
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// Accounts and catalogue.
    pub settings: Settings,
    /// Who hears of it.
    pub observer: Observer,
    /// What signals ask.
    pub stop: watch::Receiver<StopRequest>,
    /// The tokens of this process.
    pub tokens: SharedTokens,
}

/// How `run` was asked for.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, each its own")]
pub struct Options {
    /// `--new`.
    pub new: bool,
    /// `--continue`.
    pub only_continue: bool,
    /// `--limit`.
    pub limit: Option<u64>,
    /// `--buy-again`.
    pub buy_again: bool,
    /// `--input`: read instead of what the job names.
    pub input: Option<Origin>,
    /// `--max-calls` and `--max-cost`: of this invocation.
    pub budget: Limit,
    /// A plan reads no secret to see whether it is there: the run that follows does.
    pub without_secrets: bool,
    /// The fire that a run begun now belongs to.
    pub fire: Option<i64>,
    /// From when `max_time` counts, where several invocations share it; else from now.
    pub began: Option<Instant>,
}

/// How an invocation ended.
#[derive(Debug)]
pub struct Ended {
    /// The run, as the ledger has it now.
    pub run: RunRow,
    /// How the process should end.
    pub exit: Exit,
    /// Whether it was an unfinished run that was gone on with.
    pub continued: bool,
    /// What this invocation spent.
    pub spent: Spend,
    /// What this invocation asked though another run's call for the same was lost: what may be paid twice.
    pub again: Spend,
    /// The files written.
    pub written: Vec<Written>,
}

/// Waits for something outside (an input that is piped in, a secret's program) before the first request. A signal ends
/// the wait: nothing has been sent, so there is nothing to finish.
pub(super) async fn unless_stopped<T>(
    context: &Context,
    work: impl Future<Output = Result<T, RunError>>,
) -> Result<T, RunError> {
    let mut stop = context.stop.clone();
    tokio::select! {
        biased;
        Ok(_) = stop.wait_for(|request| *request != StopRequest::None) => Err(RunError::Stopped),
        done = work => done,
    }
}
