//! A run that broke off, and what is known of what it had sent by then.

use super::error::RunError;
use crate::ledger::RunRow;
use std::fmt;

/// A run, or the attempt to begin one, that broke off.
#[derive(Debug)]
pub struct FailedRun {
    /// Why.
    pub error: RunError,
    /// The run that it was about, as it stood before; `None` if none was begun.
    pub run: Option<RunRow>,
    /// Whether that was before this invocation could send anything.
    pub unsent: bool,
}

/// Why, and that nothing was sent where that is known and somebody might wonder: not by this invocation, and not at all where
/// there was no run before it.
impl fmt::Display for FailedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = match (&self.run, self.unsent && self.error.is_a_refusal()) {
            (_, false) => "",
            (None, true) => "; nothing was sent",
            (Some(_), true) => "; nothing more was sent",
        };
        write!(f, "{}{sent}", self.error)
    }
}

impl<E: Into<RunError>> From<E> for FailedRun {
    fn from(error: E) -> Self {
        Self { error: error.into(), run: None, unsent: true }
    }
}
