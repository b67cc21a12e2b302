//! Answers that could not be read, and are now.

use super::{LookupId, Pending, ResponseHead};
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;

/// A kept answer that could not be read, by the attempt that brought it, perhaps of another run, and a lookup of this run that
/// asks the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadAt {
    /// The attempt.
    pub attempt: i64,
    /// The lookup.
    pub at: LookupId,
}

/// What it takes to read it.
pub struct UnreadLookup {
    /// The lookup, as it would be asked.
    pub lookup: Pending,
    /// Our reference on the wire.
    pub transactionid: String,
    /// What the call costs where it is billed; `None` if nobody has said.
    pub price: Option<Ore>,
    /// How the answer came.
    pub came: ResponseHead,
    /// Its bytes, as they arrived.
    pub body: Vec<u8>,
}

/// A kept answer that can be read by now.
pub struct ReadAgain {
    /// The attempt that brought it.
    pub attempt: i64,
    /// What it cost; `None` if nobody has given a price for it.
    pub cost: Option<Ore>,
    /// The answer's class.
    pub outcome: Outcome,
    /// The upstream's code.
    pub code: Option<String>,
    /// The upstream's text.
    pub text: Option<String>,
    /// The upstream's reference.
    pub log_id: Option<String>,
    /// Whether a letter went out.
    pub letter: Option<bool>,
    /// The body.
    pub body: Vec<u8>,
}
