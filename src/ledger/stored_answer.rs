//! An answer that may stand in for a new call.

use crate::domain::outcome::Outcome;

/// The newest answer of an identity that may stand in for a new call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The attempt that brought it.
    pub attempt: i64,
    /// Its class.
    pub outcome: Outcome,
    /// When it came, in milliseconds since 1970.
    pub fetched_at: i64,
    /// Whether an earlier row of this run stands on it already.
    pub used_here: bool,
}
