//! What processes on one ledger tell one another of an account from call to call: a few numbers in a file beside it.
//!
//! Not in the database: a call would then wait for other processes' fsyncs before it may even be asked whether it is its
//! turn, and SQLite waits in steps of many milliseconds, which bunches calls up. Nothing of it must survive the machine.

use crate::disk;
use crate::ledger::{Ledger, LedgerError};
use std::fs::{File, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

/// How often and how long it is waited for another process, which holds it for microseconds.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_micros(100);

/// What processes share of one account, as a file.
#[derive(Debug)]
pub struct SharedAccount {
    file: File,
}

/// The same while nobody else reads or writes it. The system frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct LockedSharedAccount<'b>(&'b File);

impl Ledger {
    /// Opens what is shared of an account in an environment.
    pub fn shared_account(&self, account: &str, environment: &str) -> Result<SharedAccount, LedgerError> {
        let mut name = self.path().as_os_str().to_owned();
        // An environment of the user's own is an address, which makes no file name. The word before it stands in the names
        // of files that are there already, and stays.
        let digest = self.key().hex("notice board", &[account, environment]);
        name.push(format!(".{account}.{digest:.8}.pace"));
        let path = PathBuf::from(name);
        let unopened =
            |e: std::io::Error| LedgerError::Unopened { path: path.clone(), reason: e.to_string() };
        Ok(SharedAccount { file: disk::companion(&path, self.path()).map_err(unopened)? })
    }
}

impl SharedAccount {
    /// Locks it; `None` if another process does not let go.
    pub fn lock(&self) -> Option<LockedSharedAccount<'_>> {
        for _ in 0..TRIES {
            match self.file.try_lock() {
                Ok(()) => return Some(LockedSharedAccount(&self.file)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(%error, "the file that processes share cannot be locked");
                    return None;
                }
            }
        }
        None
    }
}

impl LockedSharedAccount<'_> {
    /// What stands there; zeros where nothing was written yet.
    pub fn read(&self) -> [i64; 8] {
        let mut bytes = [0; 64];
        if self.0.read_exact_at(&mut bytes, 0).is_err() {
            return [0; 8];
        }
        let (words, _) = bytes.as_chunks::<8>();
        std::array::from_fn(|at| i64::from_le_bytes(words[at]))
    }

    /// Writes it anew. A full disk is no reason to stop here: nothing is sent before its intent is in the ledger, and that
    /// is on the same disk.
    pub fn write(&self, words: [i64; 8]) {
        let bytes = words.map(i64::to_le_bytes).concat();
        if let Err(error) = self.0.write_all_at(&bytes, 0) {
            tracing::debug!(%error, "the file that processes share cannot be written");
        }
    }
}

impl Drop for LockedSharedAccount<'_> {
    fn drop(&mut self) {
        // Dropping the file would free it too.
        let _ = self.0.unlock();
    }
}
