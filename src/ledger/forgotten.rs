//! What the ledger holds about somebody, and what became of it when they were forgotten.

/// Where somebody stands in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Rows about them: run and position, oldest first.
    pub rows: Vec<(i64, i64)>,
    /// Answers about others in which they are named, by attempt, oldest first.
    pub named: Vec<i64>,
}

/// What was emptied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Stored answers that are gone.
    pub answers: u64,
    /// Lookups that were pending, and are skipped.
    pub skipped: u64,
    /// Answers about others out of which they were taken.
    pub named: u64,
}

/// A call that may have posted a letter, and whose answer is lost: it still blocks its question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostLetter {
    /// Our reference.
    pub transactionid: String,
    /// The run's id for people.
    pub run: String,
    /// When it was sent, in milliseconds since 1970.
    pub sent_at: i64,
}
