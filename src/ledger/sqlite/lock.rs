//! One process runs a job at a time.

use crate::disk;
use crate::ledger::LockError;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The right to run one job on one ledger. The system frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct JobLock {
    _file: File,
}

impl JobLock {
    /// Takes the lock of `job` on the ledger at `database`, or tells who has it. `since` is what others are told.
    pub fn take(database: &Path, job: &str, since: &str) -> Result<Self, LockError> {
        let path = lock_path(database, job);
        let failed = |source| LockError::File { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            disk::make_folders(folder).map_err(failed)?;
        }
        let mut file = disk::companion(&path, database).map_err(failed)?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let note = disk::note(&mut file);
                let holder = if note.is_empty() { String::new() } else { format!(": {note}") };
                return Err(LockError::Held { holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // The note is a courtesy; a full disk must not keep the job from being continued.
        if let Err(error) = disk::write_note(&mut file, &format!("{}\n", holder(since))) {
            tracing::debug!(%error, "the lock's note could not be written");
        }
        Ok(Self { _file: file })
    }

    /// Who has it now and since when, where some process has it.
    pub fn holder(database: &Path, job: &str) -> Option<String> {
        let note = || disk::noted(&lock_path(database, job), database).map(|mut file| disk::note(&mut file));
        Self::is_held(database, job).then(|| note().unwrap_or_default())
    }

    /// Whether some process has it now. Where that cannot be told it does: what it has in flight must not be taken for lost.
    pub fn is_held(database: &Path, job: &str) -> bool {
        match disk::noted(&lock_path(database, job), database) {
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
    }
}

/// Who we are, for whoever finds the lock taken: process, machine (the ledger may be on a disk that several share), and since
/// when. Not what was typed: that may name files, and people.
fn holder(since: &str) -> String {
    // Where there is no such file, the process and the time must do.
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = match machine.trim() {
        "" => String::new(),
        name => format!(", on {name}"),
    };
    format!("process {}, since {since}{machine}", std::process::id())
}

/// Tries for a moment: somebody who only asks who runs the job holds it for an instant too.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..10 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            done => return done,
        }
    }
    file.try_lock()
}

fn lock_path(database: &Path, job: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(format!(".{job}.lock"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_each_job_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("orgpull.db");
        assert!(!JobLock::is_held(&database, "nightly"));
        let lock = JobLock::take(&database, "nightly", "2026-11-20T02:30:00Z").unwrap();
        assert!(JobLock::is_held(&database, "nightly"));
        let refused = JobLock::take(&database, "nightly", "later").unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(refused.contains("since 2026-11-20T02:30:00Z"), "{refused}");
        assert!(JobLock::take(&database, "weekly", "later").is_ok());
        drop(lock);
        assert!(!JobLock::is_held(&database, "nightly"));
        assert!(JobLock::take(&database, "nightly", "later").is_ok());
    }
}
