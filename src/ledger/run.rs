//! Runs: as they begin, as they stand, summed up.

use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;

/// A run about to begin.
pub struct NewRun<'a> {
    /// Its id for people.
    pub run: &'a str,
    /// Job name.
    pub job: &'a str,
    /// Who begins it.
    pub operator: &'a str,
    /// Environment label.
    pub environment: &'a str,
    /// The job's file.
    pub job_path: &'a str,
    /// The file's text.
    pub job_text: &'a str,
    /// Digest of its `[input]`.
    pub input_digest: &'a str,
    /// `--limit`.
    pub limit_rows: Option<i64>,
    /// Digest of `--input`.
    pub input_given: Option<&'a str>,
    /// `--buy-again`.
    pub buy_again: bool,
    /// Names of the copied columns, as a JSON list.
    pub columns: &'a str,
    /// `[id, service]` of each lookup, as a JSON list.
    pub steps: &'a str,
    /// First day in Stockholm.
    pub first_day: &'a str,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// For how long its job keeps what it buys, in milliseconds.
    pub retention: Option<i64>,
    /// The fire that begins it, where it is a schedule that does.
    pub fire: Option<i64>,
}

/// Where a run stands. The ledger enforces the same words with a `CHECK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its input is being copied; it has sent nothing.
    Loading,
    /// An invocation is at it, or was when it died.
    Running,
    /// Nothing is pending and the outputs are written.
    Finished,
    /// It can be continued.
    Stopped,
    /// A newer run took its place.
    Closed,
}

impl Stage {
    pub(super) const ALL: [Self; 5] =
        [Self::Loading, Self::Running, Self::Finished, Self::Stopped, Self::Closed];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Closed => "closed",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }
}

/// A run as it stands.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// Its id in this ledger.
    pub id: i64,
    /// Its id for people.
    pub run: String,
    /// Job name.
    pub job: String,
    /// Who began it.
    pub operator: String,
    /// Where it stands.
    pub stage: Stage,
    /// Environment label.
    pub environment: String,
    /// The job's file.
    pub job_path: String,
    /// The file's text as it was; empty if it was purged or does not open.
    pub job_text: String,
    /// Digest of its `[input]`.
    pub input_digest: String,
    /// Size of the input file as it was copied.
    pub input_bytes: Option<i64>,
    /// Digest of it.
    pub input_sha256: Option<String>,
    /// `--limit`.
    pub limit_rows: Option<i64>,
    /// Digest of `--input`, where it was given.
    pub input_given: Option<String>,
    /// `--buy-again`.
    pub buy_again: bool,
    /// Names of the copied columns.
    pub columns: Vec<String>,
    /// Id and service of each lookup.
    pub steps: Vec<(String, String)>,
    /// First day in Stockholm.
    pub first_day: String,
    /// Good and bad rows.
    pub rows: i64,
    /// Bad rows.
    pub bad_rows: i64,
    /// Rows whose number gets a letter of disclosure with a credit report.
    pub letter_rows: i64,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// For how long its job keeps what it buys, in milliseconds.
    pub retention: Option<i64>,
    /// When its rows were emptied, milliseconds since 1970: nothing of it can be asked or written again.
    pub purged_at: Option<i64>,
    /// Milliseconds since 1970.
    pub finished_at: Option<i64>,
    /// Exit code of the last invocation.
    pub exit: Option<u8>,
    /// Why it ended so.
    pub reason: Option<String>,
    /// The fire that began it.
    pub fire: Option<i64>,
}

/// Sums over a run's lookups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lookups in all.
    pub lookups: u64,
    /// Pending or started.
    pub pending: u64,
    /// By outcome, in the order of `Outcome::ALL`.
    pub outcomes: [u64; 9],
    /// Answered by an attempt of this run.
    pub bought: u64,
    /// Answered from the ledger or by an earlier row.
    pub reused: u64,
    /// Requests sent.
    pub calls: u64,
    /// Those beyond the first of each lookup.
    pub retries: u64,
    /// Spent, unknowns included.
    pub cost: Ore,
    /// The part that lost answers may have cost.
    pub cost_unknown: Ore,
    /// The services (`account.service`) of calls that nobody has given a price, in order: what those cost is in no sum.
    pub unpriced: Vec<String>,
    /// Letters that went out.
    pub letters: u64,
    /// Logins sent.
    pub logins: u64,
    /// Calls that conditions kept from being made.
    pub saved_calls: u64,
    /// What those would have cost, as far as they have a price.
    pub saved: Ore,
    /// How many of those have none.
    pub saved_unpriced: u64,
}

/// How many lookups one kind of last attempt decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedBy {
    /// `account.service`.
    pub service: String,
    /// The answer's class; `None` if there was no answer.
    pub outcome: Option<Outcome>,
    /// The upstream's code, or ours for what went wrong.
    pub code: Option<String>,
    /// Lookups.
    pub count: u64,
}
