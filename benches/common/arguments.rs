//! The words after `--` on the command line of `cargo bench`.

use super::Result;
use std::str::FromStr;

/// The arguments of this process.
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    pub(crate) fn of_this_process() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Whether `word` is among them.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|argument| argument == word)
    }

    /// The value after `name`, else `default`.
    pub(crate) fn get<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        match self.0.iter().skip_while(|argument| *argument != name).nth(1) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| format!("{name} {value}: not a value").into()),
        }
    }

    /// The value after `name`.
    pub(crate) fn need<T: FromStr>(&self, name: &str) -> Result<T> {
        let value = self.0.iter().skip_while(|argument| *argument != name).nth(1);
        value.and_then(|value| value.parse().ok()).ok_or_else(|| format!("{name} is missing").into())
    }
}
