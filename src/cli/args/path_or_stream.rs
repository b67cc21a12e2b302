//! A file named on the command line, or the stream that `-` stands for.

use std::ffi::OsString;
use std::path::PathBuf;

/// A path, or `-` for standard input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathOrStream {
    /// `-`.
    Stream,
    /// A file; a relative one is relative to the working folder.
    File(PathBuf),
}

impl From<OsString> for PathOrStream {
    fn from(text: OsString) -> Self {
        if text == "-" { Self::Stream } else { Self::File(text.into()) }
    }
}
