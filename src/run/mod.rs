//! Carrying a job out: begin or continue a run, drive it, write its outputs, say how it ended.
//!
//! `run`, `retry` and the continuation after a crash all take the same way: whatever is `pending` in the ledger is
//! driven, and nothing else is.

mod beforehand;
mod begin;
mod broken;
mod budget;
mod clients;
mod coordinator;
mod copy;
mod counter;
mod depart;
mod drive;
mod ending;
mod ends;
pub mod event;
mod fetch;
mod gates;
mod halt;
mod hold;
mod intake;
mod lane;
mod letters;
#[cfg(test)]
mod model;
mod order;
mod outputs;
mod page;
mod patience;
mod permits;
mod places;
mod plan;
mod prepared;
mod queue;
mod reading;
mod reread;
mod rescue;
mod secrets;
mod settle;
mod streak;
mod summary;
mod tally;
mod tokens;
mod trial;
mod useless;
mod worker;

pub use beforehand::clock as clock_warning;
pub use broken::Broken;
pub use budget::price_unknown;
pub use clients::transport;
pub use lane::{TriedLogin, remembered_refusal, try_login};
pub use outputs::{damage, export, export_one, protected};
pub use plan::{AskedAgain, again as asked_again, diff, plan};
pub use rescue::rescue;
pub use secrets::Unreadable;
pub use summary::summary;
pub use tokens::SharedTokens;

use crate::config::Settings;
use crate::domain::budget::{Limit, Spend};
use crate::domain::exit::Exit;
use crate::export::{ExportError, Written};
use crate::http::transport::ClientError;
use crate::job::input::InputError;
use crate::job::letters::Unasked;
use crate::job::{Job, Origin};
use crate::ledger::{JobLock, Ledger, LedgerError, LockError, RunRow};
use crate::time::{now_ms, rfc3339};
use clients::transports;
use drive::{Terms, drive};
use event::{Event, Level, Notice};
use fetch::Freshness;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// Hears what a run has to tell. Called from the run's own task; it must not block.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;

/// What signals ask of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRequest {
    /// Nothing.
    None,
    /// Send nothing new; what is in flight finishes.
    Drain,
    /// End now; what is in flight becomes `unknown`.
    Abort,
}

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

/// Why nothing was run, or why it broke off.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another process has the job.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The input cannot be read.
    #[error(transparent)]
    InputFile(#[from] InputError),
    /// The input was read, and is refused.
    #[error("{file}: {why}")]
    Input {
        /// The file, or what stands for it.
        file: String,
        /// Why.
        why: String,
        /// The first bad rows: line and reason.
        examples: Vec<(u64, String)>,
        /// Bad rows in all.
        bad_rows: u64,
        /// Rows in all.
        rows: u64,
        /// Where all of them are listed.
        rejects: Option<PathBuf>,
    },
    /// Two columns of an output would have one name.
    #[error("{0}")]
    Clash(String),
    /// Letters of disclosure would go out.
    #[error("{0}")]
    Letters(Box<Unasked>),
    /// The unfinished run does not fit the job file any more.
    #[error("{0}: `--new` closes the unfinished run and starts another")]
    Changed(String),
    /// A newer run took its place.
    #[error("run {0} is closed: a newer run took its place, and what it never sent stays unsent")]
    Closed(String),
    /// It has no lookups yet.
    #[error("the input of run {0} was not copied to the end, and it has sent nothing: run the job")]
    HalfCopied(String),
    /// The file is another job's now.
    #[error(
        "run {run} is job {was}'s, and its file now says `name = \"{is}\"`: put the name back to retry it"
    )]
    Renamed {
        /// The run.
        run: String,
        /// Its job.
        was: String,
        /// What the file says.
        is: String,
    },
    /// Secrets cannot be read: all that the job needs and that cannot.
    #[error("{0}")]
    Secrets(Unreadable),
    /// A service wants to know who asks, and neither the lookup nor its account says.
    #[error(
        "lookup `{lookup}`: account `{account}` wants to know who asks; give it `requestor_id`, in [providers.{account}] \
         or as a parameter of the lookup"
    )]
    NoRequestor {
        /// The lookup.
        lookup: String,
        /// The account.
        account: String,
    },
    /// The run has spent more than its budget now allows.
    #[error(
        "[budget] allows {limit}, and run {run} has spent {} already: raise it, or start another run with --new",
        limit.told(*spent)
    )]
    BudgetPassed {
        /// The run.
        run: String,
        /// What it spent.
        spent: Spend,
        /// What the job says now.
        limit: Limit,
    },
    /// `--max-cost` over a service without a price.
    #[error(
        "lookup `{lookup}`: {service} has no price, and --max-cost would cap nothing: give it one in `prices` of its account, \
         or \"0\" where it is free"
    )]
    Unpriced {
        /// The lookup.
        lookup: String,
        /// `provider.service`.
        service: String,
    },
    /// A call that the configuration says posts no letter has posted one before.
    #[error(
        "lookup `{lookup}`: {call} of account `{account}` has posted a letter of disclosure before, and \
         [providers.{account}] still lists it in no_letters: move it to letters, and none goes out any more but for a lookup \
         that says `letters = true`"
    )]
    Unannounced {
        /// The lookup.
        lookup: String,
        /// The account.
        account: String,
        /// `service` or `service:block`.
        call: String,
    },
    /// The login has refused these credentials before, and a run does not try them again.
    #[error(
        "account `{0}`: these credentials were refused before and are not tried again: mend them, or let `orgpull login {0}` \
         try them once more"
    )]
    RefusedBefore(String),
    /// The account is not in the configuration.
    #[error("the job uses account `{0}`, and the configuration has no [providers.{0}]")]
    NoAccount(String),
    /// Too many logins, over all processes, or the login has asked to wait.
    #[error(
        "account `{account}` may not log in again for {seconds} s: its logins of five minutes are used up, or it was told to wait"
    )]
    LoginCap {
        /// The account.
        account: String,
        /// Seconds to wait.
        seconds: u64,
    },
    /// The HTTP client cannot be made.
    #[error("account `{account}` cannot be reached: {error}")]
    Client {
        /// The account.
        account: String,
        /// What is missing.
        error: ClientError,
    },
    /// Outputs cannot be written; everything bought is in the ledger.
    #[error("{0}")]
    Export(#[from] ExportError),
    /// A signal came before anything was sent.
    #[error("stopped before anything was sent this time")]
    Stopped,
    /// A signal came while another process held the ledger.
    #[error(
        "stopped while another process holds the ledger: what it has not taken is told when the run is continued"
    )]
    StoppedUnwritten,
    /// Our own fault.
    #[error("a bug in orgpull: {0}")]
    Bug(String),
}

impl RunError {
    fn bug(error: impl fmt::Display) -> Self {
        Self::Bug(error.to_string())
    }

    /// Whether what was asked for was refused for what it is, rather than that something failed.
    const fn is_a_refusal(&self) -> bool {
        matches!(
            self,
            Self::Input { .. }
                | Self::Clash(_)
                | Self::Letters { .. }
                | Self::Changed(_)
                | Self::Secrets(_)
                | Self::NoRequestor { .. }
                | Self::BudgetPassed { .. }
                | Self::Unpriced { .. }
                | Self::Unannounced { .. }
                | Self::NoAccount(_)
        )
    }

    /// What can be done about it, a line each, where the message leaves that out.
    pub fn ways_out(&self) -> Vec<String> {
        match self {
            Self::Letters(unasked) => unasked.ways_out(),
            _ => Vec::new(),
        }
    }

    /// How the process should end.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Locked(LockError::Held { .. }) => Exit::Busy,
            Self::Ledger(_) | Self::Locked(LockError::File { .. }) => Exit::Ledger,
            Self::Export(error) if error.is_jobs_fault() => Exit::Config,
            Self::Export(_) => Exit::Output,
            Self::Stopped | Self::StoppedUnwritten => Exit::Stopped,
            Self::LoginCap { .. } => Exit::Unavailable,
            Self::RefusedBefore(_) => Exit::Login,
            Self::Bug(_) => Exit::Bug,
            Self::InputFile(_)
            | Self::Input { .. }
            | Self::Letters(_)
            | Self::Clash(_)
            | Self::Changed(_)
            | Self::Closed(_)
            | Self::HalfCopied(_)
            | Self::Renamed { .. }
            | Self::Secrets(_)
            | Self::NoRequestor { .. }
            | Self::BudgetPassed { .. }
            | Self::Unpriced { .. }
            | Self::Unannounced { .. }
            | Self::NoAccount(_)
            | Self::Client { .. } => Exit::Config,
        }
    }
}

/// Runs a job: continues its unfinished run, or starts another. `Ok(None)` is `--continue` with nothing to continue.
///
/// Once it is asked to stop, it no longer waits for a ledger that another process holds, where the caller says so with
/// [`Ledger::hurry`].
pub async fn execute(context: &Context, job: Job, options: Options) -> Result<Option<Ended>, Broken> {
    carry_out(context, job, options).await.map_err(|broken| stopped_first(context, broken))
}

/// A signal that comes while another process holds the ledger is what ended the run, rather than the ledger.
fn stopped_first(context: &Context, broken: Broken) -> Broken {
    let stopped = *context.stop.borrow() != StopRequest::None;
    match &broken.error {
        RunError::Ledger(LedgerError::Busy(_)) if stopped => {
            let error = if broken.run.is_none() { RunError::Stopped } else { RunError::StoppedUnwritten };
            Broken { error, ..broken }
        }
        _ => broken,
    }
}

async fn carry_out(context: &Context, job: Job, options: Options) -> Result<Option<Ended>, Broken> {
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
    drive(context, begun, Terms { freshness, extra, began }, transports).await.map(Some)
}

/// Drives again what ended `failed` or `denied` in a run, and with `unknown` also what was lost.
pub async fn retry(context: &Context, job: Job, run: &RunRow, unknown: bool) -> Result<Ended, Broken> {
    let known = |broken| stopped_first(context, Broken { run: Some(run.clone()), ..broken });
    again(context, job, run, unknown).await.map_err(known)
}

async fn again(context: &Context, job: Job, run: &RunRow, unknown: bool) -> Result<Ended, Broken> {
    let (ledger, began) = (&context.ledger, Instant::now());
    if run.job != job.name {
        let (run, was, is) = (run.run.clone(), run.job.clone(), job.name);
        return Err(RunError::Renamed { run, was, is }.into());
    }
    ledger.still_there()?;
    let _lock = JobLock::take(ledger.path(), &run.job, &rfc3339(now_ms()))?;
    let transports = transports(&context.settings, &job)?;
    beforehand::tell(context, &job, false).await?;
    let begun = begin::again(context, job, &run.run, unknown).await?;
    let freshness =
        Freshness { now: now_ms(), began: run.started_at, buy_again: false, unknown_too: unknown };
    drive(context, begun, Terms { freshness, extra: Limit::default(), began }, transports).await
}

/// Waits for something outside (an input that is piped in, a secret's program) before the first request. A signal ends
/// the wait: nothing has been sent, so there is nothing to finish.
async fn unless_stopped<T>(
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

/// Tells the observer something an operator wants to know.
fn notice(observer: &Observer, level: Level, kind: &'static str, message: String) {
    observer(Event::Notice(Notice { level, kind, message }));
}
