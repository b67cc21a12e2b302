//! What can be wrong with a key or a key ring.

use crate::disk::{self, Exposed};
use std::path::PathBuf;

/// What is wrong with a key or a ring.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no key, and a ledger that needs one.
    #[error(
        "the ledger {} is sealed and its key {} is not there: put the key back, or name its place (`[privacy] key`). Nothing \
         can be read without it, and nothing was changed",
        ledger.display(), key.display()
    )]
    Missing {
        /// The ledger's file.
        ledger: PathBuf,
        /// Where the key would be.
        key: PathBuf,
    },
    /// Real data, and no key that somebody has made and kept.
    #[error(
        "an account is in `production`, and no key is named to seal the ledger with: make one (`orgpull key new --to FILE`), keep \
         a copy of it elsewhere, and name it in the configuration: `[privacy]` `key = {{ file = \"FILE\" }}`; nothing was sent"
    )]
    Needed,
    /// The place that the configuration names cannot be read.
    #[error("the key of the ledger: {0}; nothing was changed")]
    Unread(String),
    /// What stands there is no key.
    #[error("{0} holds no key, which is 32 bytes in base64: `orgpull key new --to FILE` makes one")]
    NoKey(String),
    /// The key's file cannot be read or made.
    #[error("the key {} cannot be {verb}: {reason}", path.display())]
    KeyFile {
        /// The key's file.
        path: PathBuf,
        /// `read` or `made`.
        verb: &'static str,
        /// The system's words.
        reason: String,
    },
    /// Others can write the key's file, and so choose the key.
    #[error("the key {} can be written by others ({exposed}): {}", path.display(), disk::chmod(path, *exposed))]
    Exposed {
        /// The key's file.
        path: PathBuf,
        /// What they may.
        exposed: Exposed,
    },
    /// The ring is not there.
    #[error(
        "the ledger {} is sealed and its key ring {} is not there: put a copy back (`orgpull key restore FILE`). Nothing can be \
         read without it, and nothing was changed",
        ledger.display(), ring.display()
    )]
    NoRing {
        /// The ledger's file.
        ledger: PathBuf,
        /// Where the ring would be.
        ring: PathBuf,
    },
    /// The ring is cut short, or no ring.
    #[error("{} is no whole key ring: put a copy back (`orgpull key restore FILE`); nothing was changed", .0.display())]
    Ring(PathBuf),
    /// It is the ring of another ledger.
    #[error("the key ring {} is another ledger's: put this one's back (`orgpull key restore FILE`); nothing was changed", .0.display())]
    OtherRing(PathBuf),
    /// No key opens it.
    #[error(
        "{keys} does not open the key ring {}: it is the key of another ledger, or was replaced; nothing was changed",
        ring.display()
    )]
    OtherKey {
        /// The ring.
        ring: PathBuf,
        /// The places of the keys that were tried.
        keys: String,
    },
    /// The ring, or a copy of it, cannot be written.
    #[error("the key ring {} cannot be written: {reason}; nothing was sealed with a key that is not in it", path.display())]
    Unwritten {
        /// The ring or its copy.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Another ledger's ring stands where this one's is to be written.
    #[error(
        "{} holds another ledger's key ring, which may be the last of it, and is not replaced: move it elsewhere, or name another \
         place (`[privacy] keyring_copies`); a ledger that is to be put back comes first (`orgpull key restore`, `orgpull restore`)",
        .0.display()
    )]
    Occupied(PathBuf),
    /// The one to be put back lacks keys that the present one has.
    #[error("{} lacks keys that the present key ring has, and what they open would be lost: it was not put back", .0.display())]
    Older(PathBuf),
}
