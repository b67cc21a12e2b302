//! Why nothing was run, or why it broke off: whatever can go wrong from the first look at a job to its last file.

use crate::config::Unreadable;
use crate::domain::budget::{Limit, Spend};
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::export::ExportError;
use crate::http::transport::ClientError;
use crate::job::input::InputError;
use crate::job::letters::Unasked;
use crate::ledger::{LedgerError, LockError, Unsettled};
use std::fmt;
use std::path::PathBuf;

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
    /// Nobody says why persons are asked about.
    #[error(
        "the input holds {}, whose number is a personnummer, and the job has no `purpose`: say at the top of the job why the data is \
         asked for (`purpose = \"…\"`), or refuse such rows (`sole_traders = \"reject\"` in [input])",
        counted(*sole_traders, "sole trader", "sole traders")
    )]
    NoPurpose {
        /// Rows about them.
        sole_traders: u64,
    },
    /// Letters may have gone out that the ledger does not know.
    #[error("lookup {lookups} may post letters: {unsettled}")]
    Unsettled {
        /// The lookups.
        lookups: String,
        /// Since when nobody knows.
        unsettled: Unsettled,
    },
    /// A process is about to ask about whoever is to be forgotten.
    #[error(
        "run {run} of job {job} has still to ask about this number, and a process is at it: stop it (`kill -TERM`, Ctrl-C), then \
         ask again; nothing was changed"
    )]
    UnderWay {
        /// The run.
        run: String,
        /// Its job.
        job: String,
    },
    /// What it held is gone.
    #[error(
        "run {run} was purged at {at}: its numbers and answers are gone, and nothing of it can be asked or written again"
    )]
    Purged {
        /// The run.
        run: String,
        /// When, RFC 3339.
        at: String,
    },
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

impl From<Unreadable> for RunError {
    fn from(unread: Unreadable) -> Self {
        Self::Secrets(unread)
    }
}

impl RunError {
    pub(super) fn bug(error: impl fmt::Display) -> Self {
        Self::Bug(error.to_string())
    }

    /// Whether what was asked for was refused for what it is, rather than that something failed.
    pub(super) const fn is_a_refusal(&self) -> bool {
        matches!(
            self,
            Self::Input { .. }
                | Self::Clash(_)
                | Self::Letters { .. }
                | Self::Unsettled { .. }
                | Self::NoPurpose { .. }
                | Self::Changed(_)
                | Self::Secrets(_)
                | Self::NoRequestor { .. }
                | Self::BudgetPassed { .. }
                | Self::Unpriced { .. }
                | Self::Unannounced { .. }
                | Self::NoAccount(_)
        )
    }

    /// Takes note of all the secrets that something could not read; any other error is one at once.
    pub(crate) fn gather<T>(unread: &mut Unreadable, read: Result<T, Self>) -> Result<Option<T>, Self> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(Self::Secrets(more)) => {
                unread.and(more);
                Ok(None)
            }
            Err(error) => Err(error),
        }
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
            Self::Locked(LockError::Held { .. }) | Self::UnderWay { .. } => Exit::Busy,
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
            | Self::Purged { .. }
            | Self::Unsettled { .. }
            | Self::NoPurpose { .. }
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
