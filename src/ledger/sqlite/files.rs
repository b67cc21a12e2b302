//! Whether the ledger is still the file that was opened. A file can be removed, renamed or replaced under a living process,
//! and SQLite goes on writing to what it has open, where nobody will ever look again.

use crate::ledger::LedgerError;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What SQLite keeps beside the file while it is open. Both hold for all of its connections, and the log holds what was
/// bought.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// A file itself, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Id {
    device: u64,
    inode: u64,
}

impl Id {
    /// Which file a path leads to. It is looked at and not opened: to close a second handle of a file would free the locks
    /// that SQLite holds on it (POSIX).
    fn of(path: &Path) -> io::Result<Self> {
        let found = path.metadata()?;
        Ok(Self { device: found.dev(), inode: found.ino() })
    }
}

/// The files that SQLite has open, by the paths that led to them.
#[derive(Debug)]
pub(super) struct Files(Vec<(PathBuf, Id)>);

impl Files {
    /// The file that a path leads to, through links too, before SQLite opens it.
    pub(super) fn of(asked: &Path) -> io::Result<Self> {
        Ok(Self(vec![(std::path::absolute(asked)?, Id::of(asked)?)]))
    }

    /// Adds what stands beside it, once it is open. `path` is the one that SQLite knows, which is no link.
    pub(super) fn and_companions(&mut self, path: &Path) {
        for ending in COMPANIONS {
            let path = beside(path, ending);
            // On a file system without shared memory there is none.
            self.0.extend(Id::of(&path).ok().map(|id| (path, id)));
        }
    }

    /// What has become of the first that is no longer what its path leads to.
    pub(super) fn changed(&self) -> Option<String> {
        self.0.iter().find_map(|(path, id)| {
            let path_shown = path.display();
            match Id::of(path) {
                Ok(found) if found == *id => None,
                Ok(_) => Some(format!("{path_shown} is another file now")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Some(format!("{path_shown} is not there any more"))
                }
                Err(error) => Some(format!("{path_shown} cannot be looked at: {error}")),
            }
        })
    }
}

/// Refuses a file that has two names: each would have a log and locks of its own, so that what is bought through one name is
/// unknown through the other.
pub(super) fn has_one_name(path: &Path) -> Result<(), LedgerError> {
    let two = path.metadata().is_ok_and(|found| found.nlink() > 1);
    if two { Err(LedgerError::Linked(path.to_owned())) } else { Ok(()) }
}

/// A path with something behind its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Access;
    use crate::ledger::Ledger;
    use std::fs;
    use std::os::unix::fs::symlink;

    type Change = fn(&Path) -> io::Result<()>;

    /// What is done to the files under an open ledger, and what is told of it.
    const CHANGES: [(&str, Change, &str); 10] = [
        ("removed", |f| fs::remove_file(f.join("orgpull.db")), ".db is not there any more"),
        ("renamed", |f| fs::rename(f.join("orgpull.db"), f.join("x")), ".db is not there any more"),
        (
            "another renamed over it",
            |f| {
                fs::write(f.join("x"), "")?;
                fs::rename(f.join("x"), f.join("orgpull.db"))
            },
            ".db is another file now",
        ),
        (
            "a copy of itself renamed over it",
            |f| {
                fs::copy(f.join("orgpull.db"), f.join("x"))?;
                fs::rename(f.join("x"), f.join("orgpull.db"))
            },
            ".db is another file now",
        ),
        ("its log removed", |f| fs::remove_file(f.join("orgpull.db-wal")), "-wal is not there any more"),
        ("its index removed", |f| fs::remove_file(f.join("orgpull.db-shm")), "-shm is not there any more"),
        (
            "its log replaced",
            |f| {
                fs::copy(f.join("orgpull.db-wal"), f.join("x"))?;
                fs::rename(f.join("x"), f.join("orgpull.db-wal"))
            },
            "-wal is another file now",
        ),
        ("its folder renamed", |f| fs::rename(f, f.with_extension("old")), "is not there any more"),
        (
            "its link led elsewhere",
            |f| {
                fs::write(f.join("x"), "")?;
                fs::remove_file(f.join("link.db"))?;
                symlink(f.join("x"), f.join("link.db"))
            },
            "link.db is another file now",
        ),
        (
            "its folder made a link to itself, which changes nothing",
            |f| {
                fs::rename(f, f.with_extension("old"))?;
                symlink(f.with_extension("old"), f)
            },
            "",
        ),
    ];

    #[tokio::test]
    async fn whatever_is_done_to_its_files_is_seen() {
        for (what, change, told) in CHANGES {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().canonicalize().unwrap().join("ledgers");
            fs::create_dir(&folder).unwrap();
            symlink(folder.join("orgpull.db"), folder.join("link.db")).unwrap();
            fs::write(folder.join("orgpull.db"), "").unwrap();
            let ledger = Ledger::open(&folder.join("link.db"), &Access::default()).await.unwrap();
            assert_eq!(ledger.path(), folder.join("orgpull.db"));
            ledger.purpose_id("a test", "").await.unwrap();
            assert!(ledger.still_there().is_ok(), "{what}");
            change(&folder).unwrap();
            match ledger.still_there() {
                Ok(()) => assert_eq!(told, "", "{what}"),
                Err(error) => {
                    assert!(!told.is_empty() && error.to_string().contains(told), "{what}: {error}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_sqlite_does_by_itself_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orgpull.db");
        let ledger = Ledger::open(&path, &Access::default()).await.unwrap();
        let other = Ledger::open(&path, &Access::default()).await.unwrap();
        for mode in ["PASSIVE", "TRUNCATE"] {
            ledger.purpose_id(mode, "").await.unwrap();
            let sql = format!("PRAGMA wal_checkpoint({mode})");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *ledger.writer.lock().await).await.unwrap();
            assert!(ledger.still_there().is_ok(), "{mode}");
        }
        other.close().await;
        assert!(ledger.still_there().is_ok(), "the other is closed");
    }

    #[tokio::test]
    async fn a_second_name_is_refused_and_one_name_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("orgpull.db"), folder.path().join("other.db"));
        Ledger::open(&path, &Access::default()).await.unwrap().close().await;
        fs::hard_link(&path, &other).unwrap();
        for name in [&path, &other] {
            let refused = Ledger::open(name, &Access::default()).await.err().unwrap();
            assert!(matches!(refused, LedgerError::Linked(_)), "{refused}");
        }
        assert!(!folder.path().join("other.db-wal").exists());
        fs::remove_file(&other).unwrap();
        assert!(Ledger::open(&path, &Access::default()).await.is_ok());
    }
}
