//! Secrets that cannot be read, told all at once: whoever mends one by one would run as often as there are any.

use super::secret::SecretError;
use std::fmt;

/// Secrets that cannot be read, with their places and never with what is in them.
#[derive(Debug, Default)]
pub struct Unreadable(Vec<Fault>);

#[derive(Debug)]
struct Fault {
    account: String,
    what: &'static str,
    error: SecretError,
}

impl Unreadable {
    /// Takes note of a secret of an account that cannot be read; gives the one that can.
    pub fn note<T>(&mut self, account: &str, what: &'static str, read: Result<T, SecretError>) -> Option<T> {
        let fault = |error| self.0.push(Fault { account: account.to_owned(), what, error });
        read.map_err(fault).ok()
    }

    /// Takes note of what something else could not read.
    pub fn and(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Whether every secret could be read.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses to go on without what could not be read.
    ///
    /// # Errors
    /// All that could not be read, where there is any.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Fault { account, what, error }) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}the {what} of account `{account}` cannot be read: {error}")?;
        }
        Ok(())
    }
}
