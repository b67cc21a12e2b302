//! When, and whether, stored answers may be used again.

use crate::domain::outcome::Outcomes;
use crate::job::Step;
use std::time::Duration;

/// When, and whether, stored answers may be used again.
#[derive(Clone, Copy)]
pub(crate) struct Freshness {
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    /// When the run began, in milliseconds since 1970.
    pub(crate) began: i64,
    /// `--buy-again`.
    pub(crate) buy_again: bool,
    /// Whether the user has said that what was lost may be asked again.
    pub(crate) unknown_too: bool,
}

/// Which stored answers a lookup may use again.
#[derive(Clone, Copy)]
pub(crate) struct Reuse {
    pub(crate) within: Duration,
    pub(crate) outcomes: Outcomes,
}

impl Reuse {
    pub(crate) const fn of(step: &Step) -> Self {
        Self { within: step.reuse, outcomes: step.reuse_outcomes }
    }
}

impl Freshness {
    /// After which instant an answer must have come to be used again; `None` if none may be.
    pub(crate) fn reuse_after(&self, reuse: Duration) -> Option<i64> {
        let span = i64::try_from(reuse.as_millis()).unwrap_or(i64::MAX);
        (!self.buy_again && !reuse.is_zero()).then(|| self.now.saturating_sub(span))
    }
}
