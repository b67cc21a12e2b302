//! One process runs a job at a time.

use crate::domain::redact::scrub;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The right to run one job on one ledger. The system frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct JobLock {
    _file: File,
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

impl JobLock {
    /// Takes the lock of `job` on the ledger at `database`, or tells who has it. `since` is what others are told.
    pub fn take(database: &Path, job: &str, since: &str) -> Result<Self, LockError> {
        let path = lock_path(database, job);
        let failed = |source| LockError::File { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut note = String::new();
                let _ = file.read_to_string(&mut note);
                let note = note.trim();
                let holder = if note.is_empty() { String::new() } else { format!(": {note}") };
                return Err(LockError::Held { holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let note = format!("{}\n", holder(since));
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(note.as_bytes()));
        // The note is a courtesy; a full disk must not keep the job from being continued.
        if let Err(error) = written {
            tracing::debug!(%error, "the lock's note could not be written");
        }
        Ok(Self { _file: file })
    }

    /// Who has it now and since when, where some process has it.
    pub fn holder(database: &Path, job: &str) -> Option<String> {
        let held = Self::is_held(database, job);
        held.then(|| std::fs::read_to_string(lock_path(database, job)).unwrap_or_default().trim().to_owned())
    }

    /// Whether some process has it now. Where that cannot be told it does: what it has in flight must not be taken for lost.
    pub fn is_held(database: &Path, job: &str) -> bool {
        match File::open(lock_path(database, job)) {
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
    }
}

/// Who we are, for whoever finds the lock taken: process, machine (the ledger may be on a disk that several share), since
/// when, and what was typed.
fn holder(since: &str) -> String {
    // Where there is no such file, the process and the time must do.
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = match machine.trim() {
        "" => String::new(),
        name => format!(", on {name}"),
    };
    let typed = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let typed = typed.replace(|c: char| c.is_control(), " ");
    let process = std::process::id();
    format!("process {process}, since {since}{machine}: orgpull {}", scrub(&typed))
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
