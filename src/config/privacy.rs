//! `[privacy]`: how what the ledger holds about people is kept.

use super::secret::Secret;
use crate::disk::Protected;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the ledger is sealed.
#[derive(Debug, Clone, Default)]
pub struct Privacy {
    /// Where the keys are: both open, the first seals. Empty is the one beside the ledger.
    pub keys: Vec<Secret>,
    /// Where copies of the key ring are kept in step, absolute.
    pub keyring_copies: Vec<PathBuf>,
    /// How long what is bought and copied is kept, for jobs that say nothing of it; `None` is for ever.
    pub retention: Option<Duration>,
    /// For how long backups are kept; `None` if that is not known.
    pub backup_retention: Option<Duration>,
}

impl Privacy {
    /// A key that stands in one folder with a file.
    pub fn key_beside(&self, file: &Path) -> Option<&Path> {
        let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
        let keys = self.keys.iter().filter_map(Secret::file);
        keys.into_iter().find(|key| folder(key).is_some() && folder(key) == folder(file))
    }

    /// How long backups are kept, in milliseconds; `None` if that is not known.
    pub fn backup_retention_ms(&self) -> Option<i64> {
        self.backup_retention.map(|kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX))
    }

    /// How long what is bought is kept where its job does not say, in milliseconds; `None` is for ever.
    pub fn kept_ms(&self) -> Option<i64> {
        self.retention.map(|kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX))
    }

    /// Adds what no output may take the place of.
    pub(super) fn protect(&self, protected: &mut Protected) {
        for key in &self.keys {
            if let Secret::File(path) = key {
                protected.add(path, "the key that the ledger is sealed with");
            }
        }
        for copy in &self.keyring_copies {
            protected.add(copy, "a copy of the key ring");
        }
    }
}
