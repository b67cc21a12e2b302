//! The ledger: one SQLite file that knows what was asked, what it cost and what was answered.
//!
//! All SQL of the program lives in this room, and nothing outside it knows which database it is. There is one writer
//! connection; whoever drives a run hands it [`Batch`]es, each of which is one transaction: many intents and many answers
//! share a commit. Reading goes through a small pool of its own and never waits for the writer.

mod accounts;
mod admit;
mod backup;
mod batch;
mod body;
mod cells;
mod commit;
mod daemons;
#[cfg(test)]
mod faults;
mod feed;
mod files;
mod fires;
mod handle;
mod ids;
mod invoice;
mod load;
mod lock;
mod notice_board;
mod open;
mod options;
mod outputs;
mod patience;
mod read_only;
mod records;
mod reread;
mod rescue;
mod resolve;
mod runs;
mod seen;
mod spend;
mod statements;
mod stored_answer;
mod turns;
mod unknowns;
mod unread;
mod values;

pub use accounts::{AccountMemory, Hold, LoginTurn, Moved, NewLogin};
pub use backup::BackupError;
pub use batch::{
    Arrived, AttemptEnd, AttemptState, Batch, Cap, Change, Committed, Intent, Learned, Lesson, Over, Place,
    Refusal, SavedCall,
};
pub use body::{pack, unpack};
pub use daemons::{Daemon, DaemonRow};
#[cfg(test)]
pub(crate) use faults::{AttemptRow, Fault, Lasting};
pub use feed::{Elsewhere, Holder, Known, Pending, StoodAt};
pub use fires::{Cause, FireRow, JobBook, NewFire, Watched};
pub use handle::Ledger;
pub use ids::{AttemptIds, run_id, transactionid};
pub use invoice::{Invoice, Reconciled, Settled, SettledAttempt};
pub use load::{Counts, NewRow};
pub use lock::{JobLock, LockError};
pub use notice_board::{HeldBoard, NoticeBoard};
pub use outputs::{OutputColumn, OutputFile};
pub use records::{Answers, Records};
pub use reread::{ReadAgain, UnreadAt, UnreadLookup};
pub use resolve::Chosen;
pub use runs::{DecidedBy, NewRun, RunRow, Stage, Totals};
pub use seen::Seen;
pub use spend::{SpendBy, SpendRow, Spent};
pub use stored_answer::StoredAnswer;
pub use turns::Turn;
pub use unknowns::UnknownLookup;

#[cfg(test)]
mod money_model;
#[cfg(test)]
mod tests;

use crate::disk::{Exposed, chmod};
use std::path::{Path, PathBuf};

/// What went wrong with the ledger. None of these loses what is committed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no file and none may be made.
    #[error("there is no ledger at {}: nothing has been run yet, or --database or the configuration names another place", .0.display())]
    Missing(PathBuf),
    /// Another program's file.
    #[error("{} is not a ledger of orgpull: name another file with --database or `database`; nothing was changed in it", .0.display())]
    NotALedger(PathBuf),
    /// Written by a newer version.
    #[error("the ledger {} was written by a newer version of orgpull: use that version; nothing was changed in it", .0.display())]
    Newer(PathBuf),
    /// It is to be brought up to date, and other processes have it open.
    #[error(
        "the ledger {} is an older version's and other processes have it open: stop them (`orgpull schedule`, runs), then \
         try again; nothing was changed in it",
        .0.display()
    )]
    InUse(PathBuf),
    /// Others can write it.
    #[error(
        "the ledger {} can be written by others ({exposed}): {}; what was bought is read from it, and nothing was changed in it",
        path.display(), chmod(path, *exposed)
    )]
    Exposed {
        /// The ledger's file.
        path: PathBuf,
        /// What they may.
        exposed: Exposed,
    },
    /// It belongs to somebody else, who has put it where they had no business to.
    #[error(
        "the ledger {} belongs to another user ({owner}), and its folder does not: work as that user, or name another file; \
         nothing was changed in it",
        path.display()
    )]
    Foreign {
        /// The ledger's file.
        path: PathBuf,
        /// By their user id.
        owner: u32,
    },
    /// The file cannot be opened or created.
    #[error("the ledger {} cannot be opened: {reason}", path.display())]
    Unopened {
        /// The ledger's file.
        path: PathBuf,
        /// The system's or the database's words.
        reason: String,
    },
    /// It has several names, of which each would have a log and locks of its own.
    #[error(
        "the ledger {} is a file with several names (hard links), and what is bought under one of them would be bought again \
         under another: stop every orgpull and remove the other names (`find -samefile` lists them), but none that has a \
         -wal beside it; until then nothing is sent",
        .0.display()
    )]
    Linked(PathBuf),
    /// Its path no longer leads to what is open: it was removed, renamed or replaced under this process.
    #[error("the ledger {} is no longer the file that this process has open ({what}): nothing more is sent", path.display())]
    Gone {
        /// The ledger's file, as it was opened.
        path: PathBuf,
        /// Which file, and what has become of it.
        what: String,
    },
    /// What is open of it cannot be written anywhere.
    #[error("what this process has open of the ledger {} cannot be written down: {reason}", path.display())]
    Unrescued {
        /// The ledger's file, as it was opened.
        path: PathBuf,
        /// The system's or the database's words.
        reason: String,
    },
    /// A rescued ledger stands beside it and was not put back.
    #[error(
        "{} holds calls that the ledger {} does not know, and that would be bought again: it was written when the ledger was \
         taken away under a run. Put it back in the ledger's place (docs/operations.md#put-a-rescued-ledger-back), or move it \
         elsewhere if it is not wanted; until then nothing is sent",
        rescued.display(), path.display()
    )]
    Waits {
        /// The ledger's file.
        path: PathBuf,
        /// The one that waits.
        rescued: PathBuf,
    },
    /// There is no room on the disk; the transaction was rolled back whole.
    #[error("the disk of the ledger {} is full: what is committed is safe; make room", .0.display())]
    Full(PathBuf),
    /// Another process has held it for longer than a transaction takes; nothing of ours was written, and it may be tried
    /// again.
    #[error("another process holds the ledger {} and does not let go: look for a stopped `orgpull` or `sqlite3`", .0.display())]
    Busy(PathBuf),
    /// Another process drew the same attempt id, or a higher one for the same question: the transaction was rolled back and may
    /// be tried with other ids.
    #[error("other processes drew the same attempt ids, or higher ones, again and again")]
    IdTaken,
    /// What stands in it is not what was written.
    #[error(
        "the ledger {} is damaged: {what}. Nothing more is sent. Before anything else copy it, and the files beside it; what \
         is whole can still be had (`orgpull export RUN`, `sqlite3 COPY .recover`), and `orgpull doctor` says how far it reads. \
         A backup that is put back knows nothing of what was bought since",
        path.display()
    )]
    Damaged {
        /// The ledger's file.
        path: PathBuf,
        /// How it shows, without values.
        what: String,
    },
    /// Any other failure of the database.
    #[error("the ledger {} failed: {reason}", path.display())]
    Database {
        /// The ledger's file.
        path: PathBuf,
        /// The database's words, without values.
        reason: String,
    },
}

impl Ledger {
    /// The error for the reader: what went wrong is told by SQLite's result codes, and by what did not read.
    fn failed(&self, error: &sqlx::Error) -> LedgerError {
        failed(self.path(), error)
    }
}

/// The same for a ledger that is not open yet.
fn failed(path: &Path, error: &sqlx::Error) -> LedgerError {
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
