//! What is held about one subject.

use super::RunRow;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::domain::record::Record;
use serde_json::Value;

/// A row about a subject, with what was asked and answered.
pub struct HeldRow {
    /// The run that it belongs to.
    pub run: RunRow,
    /// The row, with its lookups and their answers.
    pub record: Record,
    /// Each request, in the order in which they were sent.
    pub attempts: Vec<HeldAttempt>,
    /// The files that the run wrote, each of which may hold the row.
    pub outputs: Vec<String>,
}

/// A request about a subject.
pub struct HeldAttempt {
    /// The lookup's position in the job.
    pub step: usize,
    /// `account.service`.
    pub service: String,
    /// The state of the request, as the ledger words it.
    pub state: String,
    /// The answer's class.
    pub outcome: Option<Outcome>,
    /// The upstream's code, or ours.
    pub code: Option<String>,
    /// What it cost, or may have; `None` if nobody has given a price.
    pub cost: Option<Ore>,
    /// Why it was sent; `None` if that does not open.
    pub purpose: Option<String>,
    /// For whom.
    pub cost_centre: String,
    /// Milliseconds since 1970.
    pub sent_at: i64,
    /// Milliseconds since 1970.
    pub ended_at: Option<i64>,
    /// Our reference.
    pub transactionid: String,
    /// The upstream's.
    pub log_id: Option<String>,
    /// Whether it posted a letter, where that is known.
    pub letter: Option<bool>,
    /// What arrived and could not be read, or answered another question, as it arrived.
    pub kept: Option<Vec<u8>>,
}

/// What is said about somebody in an answer about somebody else.
pub struct HeldNamed {
    /// The run that bought it.
    pub run: RunRow,
    /// `account.service`.
    pub service: String,
    /// Our reference.
    pub transactionid: String,
    /// Milliseconds since 1970.
    pub sent_at: i64,
    /// Each object in which their number stands.
    pub about: Vec<Value>,
}
