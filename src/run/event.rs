//! What a run tells about itself while it goes on and when it ends: values that the command line shows.

use crate::domain::exit::Exit;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::http::cause::Cause;
use crate::ledger::AttemptState;
use std::sync::Arc;
use std::time::Duration;

/// Hears what a run has to tell. Called from the run's own task; it must not block.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// One observer that tells several, in this order.
pub fn observers(all: Vec<Observer>) -> Observer {
    Arc::new(move |event| all.iter().for_each(|observer| observer(event)))
}

/// Tells the observer something that has no event of its own.
pub(super) fn notice(observer: &Observer, level: Level, kind: &'static str, message: String) {
    observer(&Event::Notice(Notice { level, kind, message }));
}

/// What a run or the daemon tells. None holds a number, a token or a body.
#[derive(Debug, Clone)]
pub enum Event {
    /// Input is being copied.
    Loading {
        /// Rows copied so far, bad ones included.
        rows: u64,
    },
    /// The run begins, or goes on.
    Started(Started),
    /// An attempt has ended; the ledger has it with the next commit.
    Attempt(Attempt),
    /// Where it stands; sent a few times a second at most.
    Progress(Progress),
    /// An account was answered 429 and sends nothing for so long.
    CoolDown {
        /// The account.
        account: String,
        /// How long from now.
        wait: Duration,
    },
    /// An account's upstream does not answer.
    Outage {
        /// The account.
        account: String,
        /// Why, as far as is known.
        cause: Cause,
        /// How long it is waited for at most.
        patience: Duration,
    },
    /// What came of a login.
    Login(Login),
    /// A budget is nearly or wholly spent.
    Budget(BudgetEvent),
    /// An account or one of its services is asked no more in this run.
    Stopped(Stopped),
    /// The run has ended, or there is none for a reason that will not pass.
    Ended(RunEnd),
    /// Anything else that an operator wants to know.
    Notice(Notice),
}

impl Event {
    /// A stable word for machines.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Loading { .. } => "loading",
            Self::Started(_) => "started",
            Self::Attempt(_) => "attempt",
            Self::Progress(_) => "progress",
            Self::CoolDown { .. } => "cool-down",
            Self::Outage { .. } => "outage",
            Self::Login(_) => "login",
            Self::Budget(_) => "budget",
            Self::Stopped(Stopped { service: Some(_), .. }) => "service-stopped",
            Self::Stopped(_) => "account-stopped",
            Self::Ended(_) => "ended",
            Self::Notice(notice) => notice.kind,
        }
    }
}

impl Event {
    /// The account and the service that it is about, if it is about one.
    pub fn of(&self) -> [(&'static str, Option<&str>); 2] {
        let (account, service) = match self {
            Self::CoolDown { account, .. }
            | Self::Outage { account, .. }
            | Self::Login(Login { account, .. }) => (Some(account), None),
            Self::Budget(BudgetEvent { account, .. }) => (account.as_ref(), None),
            Self::Stopped(Stopped { account, service, .. }) => (Some(account), service.as_ref()),
            _ => (None, None),
        };
        [("account", account.map(String::as_str)), ("service", service.map(String::as_str))]
    }
}

/// An attempt that has ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Our reference on the wire.
    pub transactionid: String,
    /// `provider.service`.
    pub service: String,
    /// What became of it.
    pub state: AttemptState,
    /// The class of its answer; `None` if it has none.
    pub outcome: Option<Outcome>,
    /// The upstream's code, or ours for what went wrong.
    pub code: Option<String>,
    /// How long it was under way; `None` if it did not leave, or if nobody knows.
    pub took: Option<Duration>,
    /// What it cost, or for a lost answer may have cost; `None` if nobody has given a price for it.
    pub cost: Option<Ore>,
}

/// What came of a login.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account.
    pub account: String,
    /// The result.
    pub result: LoginResult,
    /// Why there is no token; `None` if there is one, or if the result says it.
    pub why: Option<String>,
    /// Whether an operator is to hear why: not again in an outage that has been told.
    pub is_news: bool,
}

/// How a login ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginResult {
    /// With a token.
    Token,
    /// The credentials are refused.
    Refused,
    /// 429.
    Throttled,
    /// There is no answer, or none that a login gives.
    Unavailable,
    /// The upstream wants another kind of login.
    Misconfigured,
}

impl LoginResult {
    /// The word for it in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Refused => "refused",
            Self::Throttled => "429",
            Self::Unavailable => "not reached",
            Self::Misconfigured => "another kind of login",
        }
    }
}

/// A budget of which `warn_at` is passed, or all.
#[derive(Debug, Clone)]
pub struct BudgetEvent {
    /// Whose budget it is; `None` if it is the run's or the invocation's own.
    pub account: Option<String>,
    /// Whether it stops what it is of.
    pub reached: bool,
    /// For people. Of one that is reached, the reason that the ledger keeps.
    pub message: String,
}

/// An account, or one of its services, that is asked no more in this run.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// The account.
    pub account: String,
    /// The service; `None` if the whole account is stopped.
    pub service: Option<String>,
    /// For people: the reason that the ledger keeps.
    pub reason: String,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// Its id; `None` if none has begun.
    pub run: Option<String>,
    /// How the process would end.
    pub exit: Exit,
    /// Why, for people.
    pub reason: String,
}

/// A run that begins or goes on.
#[derive(Debug, Clone)]
pub struct Started {
    /// Run id.
    pub run: String,
    /// Job name.
    pub job: String,
    /// Whether an unfinished run goes on.
    pub continued: bool,
    /// Good and bad input rows.
    pub rows: u64,
    /// Bad ones among them.
    pub bad_rows: u64,
    /// Lookups in all (rows × steps).
    pub lookups: u64,
    /// Those still to do.
    pub pending: u64,
}

/// Where a run stands.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Lookups in all.
    pub lookups: u64,
    /// Lookups that have an outcome.
    pub done: u64,
    /// Counts by outcome, in the order of `Outcome::ALL`.
    pub outcomes: [u64; 9],
    /// Data requests sent.
    pub calls: u64,
    /// Answers reused.
    pub reused: u64,
    /// What it cost so far.
    pub cost: Ore,
    /// The services that it asked without a price: what those cost is not in it.
    pub unpriced: Vec<String>,
    /// Lookups that came to an outcome in the last seconds, bought or not, per second.
    pub rate: f64,
    /// What is left at that rate; `None` while it cannot be told.
    pub left: Option<Duration>,
    /// In flight now.
    pub in_flight: u64,
    /// Why nothing is being sent, where that is so.
    pub pause: Option<String>,
}

/// A line for the operator.
#[derive(Debug, Clone)]
pub struct Notice {
    /// How loud.
    pub level: Level,
    /// A stable word for machines: `resumed`, `draining`, `put-off`, `input-changed` …
    pub kind: &'static str,
    /// For people.
    pub message: String,
}

/// How loud a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Worth a line.
    Info,
    /// Worth a look.
    Warning,
}

impl Progress {
    /// The count of one outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome.index()]
    }
}
