//! What SQLite's errors mean for the reader.

use crate::ledger::{Ledger, LedgerError};
use std::path::Path;

impl Ledger {
    /// The error for the reader: what went wrong is told by SQLite's result codes, and by what did not read.
    pub(super) fn failed(&self, error: &sqlx::Error) -> LedgerError {
        failed(self.path(), error)
    }
}

/// The same for a ledger that is not open yet.
pub(super) fn failed(path: &Path, error: &sqlx::Error) -> LedgerError {
    /// SQLITE_FULL; SQLITE_IOERR_WRITE, which some file systems give for the same thing; and SQLITE_IOERR_SHMSIZE,
    /// where it is the file beside the log that cannot grow.
    const FULL: [&str; 3] = ["13", "778", "4874"];
    /// SQLITE_BUSY, SQLITE_BUSY_RECOVERY, SQLITE_BUSY_SNAPSHOT.
    const BUSY: [&str; 3] = ["5", "261", "517"];
    /// SQLITE_CORRUPT, SQLITE_CORRUPT_VTAB, SQLITE_CORRUPT_SEQUENCE, SQLITE_CORRUPT_INDEX, SQLITE_IOERR_SHORT_READ,
    /// SQLITE_IOERR_DATA, SQLITE_IOERR_CORRUPTFS.
    const DAMAGED: [&str; 7] = ["11", "267", "523", "779", "522", "8202", "8458"];
    let path = path.to_owned();
    match error {
        sqlx::Error::Database(error) => {
            let (code, reason) = (error.code().unwrap_or_default(), error.message().to_owned());
            match &*code {
                code if FULL.contains(&code) => LedgerError::Full(path),
                code if BUSY.contains(&code) => LedgerError::Busy(path),
                code if DAMAGED.contains(&code) => LedgerError::Damaged { path, what: reason },
                _ => LedgerError::Database { path, reason },
            }
        }
        // A cell that holds something else than its column may. What that is stays unsaid: it may be anything.
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::TypeNotFound { .. } => {
            let what = "something in it does not read as it was written".to_owned();
            LedgerError::Damaged { path, what }
        }
        error => LedgerError::Database { path, reason: error.to_string() },
    }
}
