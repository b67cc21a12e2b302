//! What can go wrong with the ledger.

use super::KeyError;
use crate::disk::{Exposed, chmod};
use std::path::PathBuf;

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
    /// Made by migrations that are none of this version's: from before the first release.
    #[error(
        "the ledger {} is from before the first release, and this version cannot read it: go on with the version that wrote \
         it, or name another file with --database or `database`, in which nothing is known of what was bought there; nothing \
         was changed in it",
        .0.display()
    )]
    Unreleased(PathBuf),
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
    /// Its key or its key ring is not there, or is another.
    #[error(transparent)]
    Key(#[from] KeyError),
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
    /// Who does what cannot be written down.
    #[error(
        "{log}, to which every act is written before it is done, does not take it: {reason}; nothing was done"
    )]
    Unnoted {
        /// The sink, or the ledger.
        log: String,
        /// Why.
        reason: String,
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

/// Why there is no copy. What stood under its name stands there still.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something has that name.
    #[error("{} is there already: name another file, or give --force to replace it", .0.display())]
    Exists(PathBuf),
    /// The program lives on the file of that name.
    #[error("{0}")]
    Own(String),
    /// The copy cannot be written.
    #[error("the copy {} cannot be written: {reason}", path.display())]
    Unwritten {
        /// Where it was to be.
        path: PathBuf,
        /// The system's or the database's words.
        reason: String,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why no ledger was put back. What stood in its place stands there still.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It is the present one.
    #[error("{} is the ledger itself: name a backup of it", .0.display())]
    Itself(PathBuf),
    /// Somebody has the present one open.
    #[error(
        "other processes have the ledger {} open: stop them (`orgpull schedule`, runs), then try again; nothing was changed",
        .0.display()
    )]
    InUse(PathBuf),
    /// It cannot be written.
    #[error("the ledger {} cannot be put back: {reason}", path.display())]
    Unwritten {
        /// The ledger's file.
        path: PathBuf,
        /// The system's or the database's words.
        reason: String,
    },
    /// It is no ledger of ours, a newer version's, or does not open.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why the lock is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another process is running this job{holder}")]
    Held {
        /// Who and since when, where it could be read.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("the lock file {} cannot be used: {source}", path.display())]
    File {
        /// The file beside the ledger.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}
