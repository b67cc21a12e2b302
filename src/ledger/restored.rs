//! Putting a ledger back: what came with it, and what is not known since.

use crate::time::rfc3339;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// What became of a ledger that was put back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Where the ledger is that stood there; `None` if there was none.
    pub aside: Option<PathBuf>,
    /// What was carried over from it; `None` if it could not be read, or there was none.
    pub carried: Option<Carried>,
    /// Rows and answers about people who were forgotten since.
    pub erased: u64,
    /// Runs whose data keys were given up since.
    pub purged: u64,
    /// The time about whose purchases nothing is known.
    pub unsettled: Option<Unsettled>,
}

/// What was carried over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Runs that the backup did not know.
    pub runs: u64,
    /// Calls that it did not know.
    pub calls: u64,
    /// Those among them whose answers could not be read: they are on the books, and would be bought again.
    pub without_answer: u64,
}

/// A time in which calls were made that the ledger does not know: it was put back, and what stood there since cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// Its newest call, in milliseconds since 1970.
    pub from: i64,
    /// The last that is known to have been made, or when it was put back.
    pub to: i64,
}

/// What nobody knows, and what it holds back.
impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the ledger was put back, and what was bought between {} and {} is not known: no lookup that may post a letter is sent, \
             and budgets of that time count as reached, until `orgpull restore --settled`; hold the provider's statement against \
             the ledger first (`orgpull reconcile`)",
            rfc3339(self.from),
            rfc3339(self.to)
        )
    }
}

impl Unsettled {
    /// Whether a budget that counts from an instant on (milliseconds since 1970) counts some of it.
    pub const fn counts_since(&self, from: i64) -> bool {
        self.to >= from
    }
}

/// The newest call that the key ring knows of: a ledger that does not hold it was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The attempt.
    pub attempt: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
}
