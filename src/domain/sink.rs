//! Where each entry of the log of who did what goes before it is one.

use std::fmt;
use std::path::PathBuf;

/// A place outside the ledger that keeps every entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// A file, to which a line is added.
    File(PathBuf),
    /// A program and its arguments, which reads a line.
    Command(Vec<String>),
}

/// For messages.
impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Command(words) => {
                write!(f, "the program {}", words.first().map_or("without a name", String::as_str))
            }
        }
    }
}
