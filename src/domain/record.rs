//! One input row as it leaves the ledger, with what became of each of its lookups. Exports are computed from these alone.

use super::money::Ore;
use super::number::Subject;
use super::outcome::{Outcome, Source};

/// One input row, good or bad, with its lookups in the job's order (none for a bad row).
#[derive(Debug, Clone)]
pub struct Record {
    /// The physical line in the input; for inline numbers the position from 1.
    pub line: u64,
    /// The subject, or the bad row.
    pub subject: Result<Subject, BadRow>,
    /// Values of the copied input columns, in the order of the run's column list.
    pub columns: Vec<String>,
    /// One per lookup of the job, in order.
    pub lookups: Vec<LookupRecord>,
}

/// A row that was refused before anything could be asked about it.
#[derive(Clone)]
pub struct BadRow {
    /// The cell as it stood in the input. Personal data.
    pub input: String,
    /// Why, in words for a person, without the number.
    pub reason: String,
    /// Whether it was no bad row, and what the ledger holds of it does not open.
    pub damaged: bool,
}

impl std::fmt::Debug for BadRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BadRow").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// What became of one lookup.
#[derive(Clone, Default)]
pub struct LookupRecord {
    /// The outcome, or `None` while it is pending.
    pub outcome: Option<Outcome>,
    /// The register's code, or `local`.
    pub code: Option<String>,
    /// The register's text, or our reason.
    pub text: Option<String>,
    /// Where the answer came from.
    pub source: Option<Source>,
    /// Data requests sent for this lookup.
    pub attempts: u32,
    /// What they cost.
    pub cost: Ore,
    /// When the answer was received, RFC 3339 in UTC; of a reused answer, when that one was.
    pub fetched_at: Option<String>,
    /// Our reference on the request that brought the answer.
    pub transactionid: Option<String>,
    /// The register's own reference for it.
    pub log_id: Option<String>,
    /// The answer's body: JSON text, without `requestUrl`. Personal data.
    pub body: Option<Vec<u8>>,
    /// Whether there is a body that is not as it was written.
    pub damaged: bool,
    /// Where this run brought another answer to the same question: the one that we had before it.
    pub before: Option<Earlier>,
    /// Where it was skipped and outputs ask for it: the newest answer in the ledger to what it would have asked.
    pub last: Option<Box<LookupRecord>>,
}

impl Record {
    /// The same with the newest stored answers in the place of skipped lookups; `None` if there are none.
    pub fn with_last(&self) -> Option<Self> {
        if self.lookups.iter().all(|lookup| lookup.last.is_none()) {
            return None;
        }
        let mut filled = self.clone();
        for lookup in &mut filled.lookups {
            if let Some(last) = lookup.last.take() {
                *lookup = *last;
            }
        }
        Some(filled)
    }
}

impl LookupRecord {
    /// The code of a lookup whose stored answer is damaged.
    pub const DAMAGED: &str = "damaged";

    /// Our reference on the request that brought the answer which is shown: the lookup's own, or that in its place.
    pub fn reference_shown(&self) -> Option<&str> {
        let own = self.body.is_some() || self.damaged;
        let shown = self.last.as_deref().filter(|_| !own).unwrap_or(self);
        shown.transactionid.as_deref()
    }

    /// As outputs tell a stored answer that is damaged: it was bought, and what it said is not known.
    #[must_use]
    pub fn without_answer(self) -> Self {
        Self {
            outcome: Some(Outcome::Unknown),
            code: Some(Self::DAMAGED.to_owned()),
            text: None,
            body: None,
            before: None,
            damaged: false,
            ..self
        }
    }
}

impl Record {
    /// The same with the stored answers at these places told as damaged.
    #[must_use]
    pub fn without_answers(&self, damaged: &[usize]) -> Self {
        let mut told = self.clone();
        for at in damaged {
            if let Some(lookup) = told.lookups.get_mut(*at) {
                *lookup = std::mem::take(lookup).without_answer();
            }
        }
        told
    }

    /// The same of the newest stored answers in the place of skipped lookups.
    #[must_use]
    pub fn without_last_answers(&self, damaged: &[usize]) -> Self {
        let mut told = self.clone();
        for at in damaged {
            let last = told.lookups.get_mut(*at).map(|lookup| &mut lookup.last);
            if let Some(last) = last {
                *last = last.take().map(|last| Box::new(last.without_answer()));
            }
        }
        told
    }
}

/// What a written file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenKind {
    /// An `[[output]]` of the job.
    Output,
    /// One with `changes = true`: its rows are changes, not lookups.
    Changes,
    /// The bad rows, beside the first output.
    Rejects,
}

impl WrittenKind {
    const ALL: [Self; 3] = [Self::Output, Self::Changes, Self::Rejects];

    /// The word kept in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Changes => "changes",
            Self::Rejects => "rejects",
        }
    }

    /// The kind of that word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An answer that an earlier run brought.
#[derive(Clone)]
pub struct Earlier {
    /// When it was received, RFC 3339 in UTC.
    pub fetched_at: String,
    /// Its body; empty if it was damaged. Personal data.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for LookupRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookupRecord")
            .field("outcome", &self.outcome)
            .field("code", &self.code)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
