//! Lookups whose answers were lost, and what somebody says of them.

use crate::domain::money::Ore;

/// A lookup whose answer was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLookup {
    /// Physical line in the input.
    pub line: u64,
    /// Position in the job.
    pub step: u16,
    /// Our reference on the wire.
    pub transactionid: Option<String>,
    /// What went wrong.
    pub code: Option<String>,
    /// Of a lookup that sent nothing and stands on another one's call: that one's run and physical line. The reference and the
    /// code are that call's, the money is not.
    pub follows: Option<(String, u64)>,
    /// What it may have cost; `None` if it had no price when it was sent.
    pub cost: Option<Ore>,
    /// Whether the provider has billed it, as `resolve` was told.
    pub billed: bool,
    /// Whether its answer is there and cannot be read, so that its cost is certain.
    pub unread: bool,
    /// When it was sent, in milliseconds since 1970.
    pub sent_at: Option<i64>,
    /// Whether it may have posted a letter.
    pub letter_making: bool,
}

/// Which lost answers of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Of this physical line of the input only.
    pub line: Option<u64>,
    /// Of this lookup of the job only.
    pub step: Option<u16>,
}
