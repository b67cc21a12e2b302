//! What became of a lookup: its state in the ledger, its outcome, and where the answer came from.

use std::fmt;

/// Where a lookup stands. The ledger enforces the same four words with a `CHECK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is under way; it may be sent.
    Pending,
    /// An intent is durable and the request may have left.
    Started,
    /// It has an outcome that later runs may rely on.
    Settled,
    /// Its outcome is `unknown`: only an explicit verb moves it again.
    Parked,
}

/// The class of what the register said, or of what we know instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A report.
    Hit,
    /// A report together with a rejection code.
    Partial,
    /// The register says why there is no report, by a code.
    Rejected,
    /// The register knows no such subject.
    NoHit,
    /// The upstream refuses the input; with code `local`, we refused it before sending.
    Invalid,
    /// The account may not ask this question.
    Denied,
    /// Certain that it was not carried out; the attempts are spent.
    Failed,
    /// Sent, and there is no answer to use: lost, so that it may have been billed, or there and of no use.
    Unknown,
    /// Not asked: its condition was not met, or the service does not take this kind of number.
    Skipped,
}

impl Outcome {
    /// Every outcome, in the order in which summaries list them.
    pub const ALL: [Self; 9] = [
        Self::Hit,
        Self::Partial,
        Self::Rejected,
        Self::NoHit,
        Self::Invalid,
        Self::Denied,
        Self::Failed,
        Self::Unknown,
        Self::Skipped,
    ];

    /// Its place in [`Self::ALL`], and in everything that counts by outcome.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word used in files, the ledger and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Partial => "partial",
            Self::Rejected => "rejected",
            Self::NoHit => "no_hit",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }

    /// The outcome of that word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// Some outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcomes(u16);

impl Outcomes {
    /// Those whose answers say something for good, and may be used again.
    pub const ANSWERS: [Outcome; 5] =
        [Outcome::Hit, Outcome::Partial, Outcome::Rejected, Outcome::NoHit, Outcome::Invalid];

    /// Whether one is among them.
    pub const fn contains(self, outcome: Outcome) -> bool {
        self.0 & (1 << outcome.index()) != 0
    }
}

impl FromIterator<Outcome> for Outcomes {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        Self(outcomes.into_iter().fold(0, |set, outcome| set | 1 << outcome.index()))
    }
}

/// All of [`Outcomes::ANSWERS`].
impl Default for Outcomes {
    fn default() -> Self {
        Self::ANSWERS.into_iter().collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a lookup's answer came from. One for which nothing was sent or reused has no source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// An attempt of this run.
    Bought,
    /// An answer that the ledger held already, or that an earlier row of this run bought.
    Reused,
}

impl Source {
    /// The word used in files, the ledger and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bought => "bought",
            Self::Reused => "reused",
        }
    }

    /// The source of that word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Bought, Self::Reused].into_iter().find(|source| source.as_str() == word)
    }
}

impl State {
    /// The word used in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Settled => "settled",
            Self::Parked => "parked",
        }
    }

    /// The state of that word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Started, Self::Settled, Self::Parked]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_knows_its_place() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome.index(), place, "{outcome}");
        }
    }
}
