//! A copy of a ledger that others go on writing to.

use super::open::options;
use super::{Ledger, LedgerError};
use sqlx::{ConnectOptions, Connection};
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Why there is no copy. What stood under its name stands there still.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something has that name.
    #[error("{} is there already: name another file, or give --force to replace it", .0.display())]
    Exists(PathBuf),
    /// The name is the ledger's own, or that of one of the files beside it.
    #[error("{} belongs to the ledger itself: name another file", .0.display())]
    Own(PathBuf),
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

impl Ledger {
    /// Writes a copy of the ledger as of one moment to `to`, readable by its owner alone. It gets its name when all of it
    /// is on disk. Nobody who writes to the ledger waits for it.
    pub async fn back_up(&self, to: &Path, replace: bool) -> Result<(), BackupError> {
        let unwritten = |reason: String| BackupError::Unwritten { path: to.to_owned(), reason };
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = to.file_name().ok_or_else(|| unwritten("it names no file".to_owned()))?;
        let place = folder.canonicalize().map_err(|e| unwritten(e.to_string()))?;
        if self.owns(&place.join(name)) {
            return Err(BackupError::Own(to.to_owned()));
        }
        if !replace && to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        // Made with mode 0600, and gone again if anything below fails.
        let copy = tempfile::Builder::new().prefix(".orgpull-backup-").tempfile_in(&place);
        let copy = copy.map_err(|e| unwritten(e.to_string()))?;
        self.copy_into(copy.path()).await?.map_err(unwritten)?;
        copy.as_file().sync_all().map_err(|e| unwritten(e.to_string()))?;
        name_it(copy, to, replace)?;
        File::open(&place).and_then(|folder| folder.sync_all()).map_err(|e| unwritten(e.to_string()))
    }

    /// Whether a path is the ledger's file or one of those that stand beside it under its name.
    fn owns(&self, path: &Path) -> bool {
        let name = |path: &Path| path.file_name().unwrap_or(OsStr::new("")).as_encoded_bytes().to_owned();
        let (own, other) = (name(self.path()), name(path));
        let companion = other.strip_prefix(own.as_slice()).is_some_and(|rest| {
            rest.is_empty()
                || rest.starts_with(b"-")
                || rest.ends_with(b".lock")
                || rest == b".open"
                || rest.ends_with(b".pace")
        });
        companion && self.path().parent() == path.parent()
            || path.canonicalize().is_ok_and(|path| path == self.path())
    }

    /// Fills an empty file; the inner error is the copy's.
    async fn copy_into(&self, copy: &Path) -> Result<Result<(), String>, LedgerError> {
        let mut reader = options(self.path()).read_only(true).connect().await.map_err(|e| self.failed(&e))?;
        let text = copy.to_string_lossy().into_owned();
        let copied = sqlx::query("VACUUM INTO ?").bind(text).execute(&mut reader).await;
        reader.close().await.map_err(|e| self.failed(&e))?;
        Ok(copied.map(drop).map_err(|e| match e {
            sqlx::Error::Database(error) => error.message().to_owned(),
            error => error.to_string(),
        }))
    }
}

fn name_it(copy: NamedTempFile, to: &Path, replace: bool) -> Result<(), BackupError> {
    let named = if replace { copy.persist(to) } else { copy.persist_noclobber(to) };
    named.map(drop).map_err(|error| match error.error {
        error if error.kind() == std::io::ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
        error => BackupError::Unwritten { path: to.to_owned(), reason: error.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_copy_is_whole_private_and_never_replaces_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let ledger = Ledger::open(&path("orgpull.db")).await.unwrap();
        ledger.purpose_id("a test", "").await.unwrap();
        ledger.back_up(&path("copy.db"), false).await.unwrap();
        assert_eq!(path("copy.db").metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = ledger.back_up(&path("copy.db"), false).await;
        assert!(matches!(again, Err(BackupError::Exists(_))));
        ledger.purpose_id("another", "").await.unwrap();
        ledger.back_up(&path("copy.db"), true).await.unwrap();
        let copy = Ledger::open_existing(&path("copy.db")).await.unwrap();
        assert_eq!(copy.purpose_id("another", "").await.unwrap(), 2);
        assert_eq!(copy.key().hex("a", &["b"]), ledger.key().hex("a", &["b"]));
        for own in
            ["orgpull.db", "orgpull.db-wal", "orgpull.db.lock", "orgpull.db.open", "orgpull.db.nightly.lock"]
        {
            let refused = ledger.back_up(&path(own), true).await;
            assert!(matches!(refused, Err(BackupError::Own(_))), "{own}");
        }
        std::os::unix::fs::symlink(path("orgpull.db"), path("link.db")).unwrap();
        assert!(matches!(ledger.back_up(&path("link.db"), true).await, Err(BackupError::Own(_))));
        let nowhere = ledger.back_up(&path("nowhere/copy.db"), false).await;
        assert!(matches!(nowhere, Err(BackupError::Unwritten { .. })));
        let left = std::fs::read_dir(folder.path()).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().as_encoded_bytes().starts_with(b".orgpull-backup")
        });
        assert_eq!(left.count(), 0);
    }
}
