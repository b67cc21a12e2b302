//! A copy of a ledger that others go on writing to.

use super::options::options;
use crate::disk::{Change, Draft, Mode, Place, PlaceError, Protected, publish, publish_new};
use crate::ledger::{BackupError, Ledger};
use sqlx::{Connection, SqliteConnection};
use std::io::ErrorKind;
use std::path::Path;

impl Ledger {
    /// Writes a copy of the ledger as of one moment to `to`, readable by its owner alone, and not over anything that is
    /// protected. It gets its name when all of it is on disk. Nobody who writes to the ledger waits for it.
    pub async fn back_up(&self, to: &Path, replace: bool, protected: &Protected) -> Result<(), BackupError> {
        let unwritten = |reason: String| BackupError::Unwritten { path: to.to_owned(), reason };
        let exists = to.symlink_metadata().is_ok();
        let place = Place::for_a_ledger(to.to_owned(), protected).map_err(|error| match error {
            PlaceError::Protected { .. } => BackupError::Own(error.to_string()),
            error => unwritten(error.to_string()),
        })?;
        if exists && !replace {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let copy = Draft::create(place, Mode::Private).map_err(|e| unwritten(e.to_string()))?;
        let mut reader = self.connect(options(self.path()).read_only(true)).await?;
        let copied = copy_into(copy.path(), &mut reader).await;
        reader.close().await.map_err(|e| self.failed(&e))?;
        copied.map_err(unwritten)?;
        let sealed = copy.seal().map_err(|e| unwritten(e.to_string()))?;
        let named = if replace { publish(vec![Change::Put(sealed)]) } else { publish_new(sealed) };
        named.map_err(|error| match error.cause() {
            Some(cause) if cause.kind() == ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
            _ => unwritten(error.to_string()),
        })
    }
}

/// Fills an empty file with a copy of what a connection has open, whole, its log included.
pub(super) async fn copy_into(copy: &Path, from: &mut SqliteConnection) -> Result<(), String> {
    let text = copy.to_string_lossy().into_owned();
    let copied = sqlx::query("VACUUM INTO ?").bind(text).execute(from).await;
    copied.map(drop).map_err(|e| match e {
        sqlx::Error::Database(error) => error.message().to_owned(),
        error => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Access;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_copy_is_whole_private_and_never_replaces_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let ledger = Ledger::open(&path("orgpull.db"), &Access::default()).await.unwrap();
        ledger.purpose_id("a test", "").await.unwrap();
        let mut protected = Protected::new();
        protected.add_ledger(ledger.path());
        ledger.back_up(&path("copy.db"), false, &protected).await.unwrap();
        assert_eq!(path("copy.db").metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = ledger.back_up(&path("copy.db"), false, &protected).await;
        assert!(matches!(again, Err(BackupError::Exists(_))));
        ledger.purpose_id("another", "").await.unwrap();
        ledger.back_up(&path("copy.db"), true, &protected).await.unwrap();
        let copy = Ledger::open_existing(&path("copy.db"), &Access::default()).await.unwrap();
        assert_eq!(copy.purpose_id("another", "").await.unwrap(), 2);
        assert_eq!(copy.key().hex("a", &["b"]), ledger.key().hex("a", &["b"]));
        for own in
            ["orgpull.db", "orgpull.db-wal", "orgpull.db.lock", "orgpull.db.open", "orgpull.db.nightly.lock"]
        {
            let refused = ledger.back_up(&path(own), true, &protected).await;
            assert!(matches!(refused, Err(BackupError::Own(_))), "{own}");
        }
        std::os::unix::fs::symlink(path("orgpull.db"), path("link.db")).unwrap();
        assert!(matches!(ledger.back_up(&path("link.db"), true, &protected).await, Err(BackupError::Own(_))));
        let nowhere = ledger.back_up(&path("nowhere/copy.db"), false, &protected).await;
        assert!(matches!(nowhere, Err(BackupError::Unwritten { .. })));
        let left = std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().as_encoded_bytes().ends_with(b".part"));
        assert_eq!(left.count(), 0);
    }
}
