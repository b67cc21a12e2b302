//! A provider's statement held against the ledger, and what it settles.

use crate::domain::budget::Spend;
use crate::domain::invoice::{Settles, Verdict};
use crate::domain::money::Ore;

/// A line of the statement, or a call that no line names, with what it comes to. `reference` and `billed_service` are
/// the provider's words and may be anything.
#[derive(Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// How both stand to one another.
    pub verdict: Verdict,
    /// What it says of a lost answer.
    pub settles: Option<Settles>,
    /// The statement's line; `None` if no line names the call.
    pub line: Option<u64>,
    /// The line that names the same call before this one.
    pub billed_on: Option<u64>,
    /// The statement's day, else that of the call in Stockholm.
    pub day: String,
    /// The statement's reference.
    pub reference: Option<String>,
    /// What the statement says was called.
    pub billed_service: Option<String>,
    /// What it charges.
    pub billed: Option<Ore>,
    /// Our reference, of a call in the ledger.
    pub transactionid: Option<String>,
    /// The provider's reference, as it came with the answer.
    pub log_id: Option<String>,
    /// `account.service`.
    pub service: Option<String>,
    /// The attempt's state.
    pub state: Option<String>,
    /// What the ledger counts it at.
    pub booked: Option<Ore>,
    /// Whether that is nothing only because nobody has given a price.
    pub unpriced: bool,
}

/// What was settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Lost answers of calls that were carried out, and what those are billed at.
    pub billed: Spend,
    /// Lost answers of calls that were not, and what was counted for those.
    pub not_carried_out: Spend,
    /// The first of them, one by one.
    pub named: Vec<SettledAttempt>,
    /// Runs with something that was not carried out: `retry` drives it.
    pub to_retry: Vec<String>,
    /// Lost answers of the days for which the statement is complete that it does not name, and of which it says nothing
    /// nevertheless: they stay as they are.
    pub left: u64,
    /// Answers of the run that are kept and cannot be read, and that were left because they were carried out.
    pub unread: u64,
}

/// One lost answer, by its place in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledAttempt {
    /// The run's id for people.
    pub run: String,
    /// Its job.
    pub job: String,
    /// Physical line in the input.
    pub line: u64,
    /// Our reference.
    pub transactionid: String,
    /// Which way.
    pub settles: Settles,
    /// What it is billed at; `None` if nobody knows.
    pub cost: Option<Ore>,
}
