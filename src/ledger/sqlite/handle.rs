//! The open ledger, and what of it needs no statement.

use super::busy_timeout::BusyTimeout;
use super::files::Files;
use super::statements::{CommitStatements, Lookers};
use super::values::ManyRows;
use crate::domain::identity::DigestKey;
use crate::domain::sink::Sink;
use crate::ledger::ids::NewestId;
use crate::ledger::{AttemptIds, DataKey, Keyring, LedgerError};
use sqlx::{SqliteConnection, SqlitePool};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;
use tokio::sync::Mutex;

/// The open ledger.
pub struct Ledger {
    pub(super) path: PathBuf,
    pub(super) files: Files,
    pub(super) key: DigestKey,
    pub(super) keyring: Arc<Keyring>,
    /// The data keys of runs that were asked for.
    pub(super) data_keys: StdMutex<HashMap<i64, Arc<DataKey>>>,
    pub(super) writer: Mutex<SqliteConnection>,
    pub(super) readers: SqlitePool,
    /// Locked with others for as long as it is open, so that no newer version migrates it under them. `None` if it is only
    /// read and cannot be locked.
    pub(super) users: Option<File>,
    pub(super) newest: NewestId,
    /// When its newest call was last noted in the ring, in milliseconds since 1970.
    pub(super) marked_at: AtomicI64,
    pub(super) commits: CommitStatements,
    pub(super) rivals: ManyRows,
    pub(super) lookers: Lookers,
    pub(super) busy_timeout: BusyTimeout,
    /// Who has opened it.
    pub(super) operator: String,
    pub(super) sink: StdMutex<Option<Sink>>,
}

impl Ledger {
    /// The ledger's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ids for attempts that are to be written to it, above all that are known to stand there.
    pub fn attempt_ids(&self) -> AttemptIds {
        AttemptIds::above(self.newest.clone())
    }

    /// The ring of its data keys.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The key of its digests.
    pub const fn key(&self) -> &DigestKey {
        &self.key
    }

    /// Whether the ledger's path still leads to the file that is open, and its companions are those that are in use. A look
    /// at each, some microseconds in all.
    ///
    /// # Errors
    /// [`LedgerError::Gone`]: nothing may be sent on the strength of what is written from here.
    pub fn still_there(&self) -> Result<(), LedgerError> {
        match self.files.changed() {
            None => Ok(()),
            Some(what) => Err(LedgerError::Gone { path: self.path().to_owned(), what }),
        }
    }

    /// From now on nothing waits longer than this for another process to let go of the ledger, within reason: from five
    /// seconds to a minute.
    pub fn wait_at_most(&self, most: Duration) {
        self.busy_timeout.set_at_most(most);
    }

    /// The process is to end: whatever waits for another process to let go of the ledger gives up within a second, and so does
    /// all that comes later.
    pub fn hurry(&self) {
        self.busy_timeout.shorten();
    }
}
