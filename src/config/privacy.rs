//! `[privacy]`: how what the ledger holds about people is kept.

use super::secret::Secret;
use crate::disk::Protected;
use std::path::PathBuf;

/// How the ledger is sealed.
#[derive(Debug, Clone, Default)]
pub struct Privacy {
    /// Where the keys are: both open, the first seals. Empty is the one beside the ledger.
    pub keys: Vec<Secret>,
    /// Where copies of the key ring are kept in step, absolute.
    pub keyring_copies: Vec<PathBuf>,
}

impl Privacy {
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
