//! What no writer of ours may take the place of: the ledger and what stands beside it, configuration, secrets, job files,
//! inputs.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A list of files that are not to be replaced, known by device and inode where they are there, and by where they would be
/// where they are not.
#[derive(Debug, Clone, Default)]
pub struct Protected {
    files: Vec<File>,
    ledgers: Vec<PathBuf>,
}

#[derive(Debug, Clone)]
struct File {
    place: PathBuf,
    id: Option<(u64, u64)>,
    what: &'static str,
}

/// The key beside a ledger that is made where none is named.
pub const DEFAULT_KEY: &str = "orgpull.key";

/// What stands beside a ledger under its name: what SQLite keeps there, locks, shared account files, what a ledger that was taken
/// away was rescued to, and the ring of its keys.
const LEDGERS: &str = "the ledger, or stands beside it for the ledger";

impl Protected {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, which need not be there; `what` it is, as in "that file is the input".
    pub fn add(&mut self, path: &Path, what: &'static str) {
        let place = whereabouts(path);
        self.files.push(File { id: id(&place), place, what });
    }

    /// Adds a ledger, with everything that stands beside it.
    pub fn add_ledger(&mut self, path: &Path) {
        let place = whereabouts(path);
        self.files.push(File { id: id(&place), place: place.clone(), what: LEDGERS });
        for companion in ["-wal", "-shm", "-journal"] {
            let mut name = place.clone().into_os_string();
            name.push(companion);
            self.add(Path::new(&name), LEDGERS);
        }
        self.add(&place.with_file_name(DEFAULT_KEY), "the key that the ledger is sealed with");
        self.ledgers.push(place);
    }

    /// The same list with that of another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.ledgers.extend(other.ledgers);
        self
    }

    /// What a file is that may not be replaced; `None` if it may. It need not be there.
    pub fn what(&self, path: &Path) -> Option<&'static str> {
        let place = whereabouts(path);
        let known = id(&place);
        let listed = self
            .files
            .iter()
            .find(|file| file.place == place || known.is_some_and(|known| file.id == Some(known)));
        let beside = || self.ledgers.iter().any(|ledger| stands_beside(ledger, &place)).then_some(LEDGERS);
        listed.map(|file| file.what).or_else(beside)
    }

    /// Where they are, for who has to compare names that are not files yet.
    pub fn places(&self) -> impl Iterator<Item = (&Path, &'static str)> {
        self.files.iter().map(|file| (file.place.as_path(), file.what))
    }
}

/// Device and inode, behind links.
fn id(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|about| (about.dev(), about.ino()))
}

/// A path without links, as far as what it names is there.
pub fn whereabouts(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut behind: Vec<&OsStr> = Vec::new();
    let mut there = absolute.as_path();
    loop {
        if let Ok(real) = there.canonicalize() {
            return behind.into_iter().rev().fold(real, |path, name| path.join(name));
        }
        let (Some(folder), Some(name)) = (there.parent(), there.file_name()) else { return absolute };
        behind.push(name);
        there = folder;
    }
}

/// Whether a path is one of the names that are made beside a ledger, whether it is there or not.
fn stands_beside(ledger: &Path, path: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(OsStr::to_owned).unwrap_or_default();
    let (own, other): (OsString, OsString) = (name(ledger), name(path));
    if ledger.parent() != path.parent() {
        return false;
    }
    let under_it = other.as_encoded_bytes().strip_prefix(own.as_encoded_bytes()).is_some_and(|rest| {
        rest.starts_with(b"-")
            || rest == b".open"
            || rest == b".keyring"
            || rest.ends_with(b".lock")
            || rest.ends_with(b".pace")
            || rest.starts_with(b".rescued-")
    });
    under_it || is_migration_copy(ledger, &other)
}

/// `orgpull.v12.backup.db`, and `orgpull.v12.backup-2.db` where that was there: what a migration leaves behind.
fn is_migration_copy(ledger: &Path, other: &OsStr) -> bool {
    let stem = ledger.file_stem().unwrap_or_default().as_encoded_bytes();
    let rest = other.as_encoded_bytes().strip_prefix(stem).and_then(|rest| rest.strip_prefix(b".v"));
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(rest) = rest.filter(|rest| digits(rest) > 0) else { return false };
    let Some(rest) = rest[digits(rest)..].strip_prefix(b".backup") else { return false };
    let rest = rest.strip_prefix(b"-").map_or(rest, |serial| &serial[digits(serial)..]);
    rest == b".db"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_known_by_every_name_it_has_and_before_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["orgpull.db", "orgpull.toml", "secret"] {
            fs::write(path(name), "").unwrap();
        }
        fs::create_dir(path("sub")).unwrap();
        symlink(folder.path(), path("sub/up")).unwrap();
        symlink(path("secret"), path("link")).unwrap();
        fs::hard_link(path("orgpull.toml"), path("twin")).unwrap();
        let mut protected = Protected::new();
        protected.add_ledger(&path("orgpull.db"));
        protected.add(&path("orgpull.toml"), "the configuration");
        protected.add(&path("link"), "a secret");
        protected.add(&path("not-yet.csv"), "the input");
        for (name, what) in [
            ("orgpull.db", LEDGERS),
            ("./orgpull.db", LEDGERS),
            ("sub/../orgpull.db", LEDGERS),
            ("sub/up/orgpull.db", LEDGERS),
            ("orgpull.db-wal", LEDGERS),
            ("orgpull.db-shm", LEDGERS),
            ("orgpull.db-journal", LEDGERS),
            ("orgpull.db.lock", LEDGERS),
            ("orgpull.db.open", LEDGERS),
            ("orgpull.db.nightly.lock", LEDGERS),
            ("orgpull.db.creditsafe.1a2b3c4d.pace", LEDGERS),
            ("orgpull.db.rescued-2026-03-01", LEDGERS),
            ("orgpull.v3.backup.db", LEDGERS),
            ("orgpull.v12.backup-2.db", LEDGERS),
            ("sub/up/orgpull.db-wal", LEDGERS),
            ("twin", "the configuration"),
            ("secret", "a secret"),
            ("sub/up/not-yet.csv", "the input"),
        ] {
            assert_eq!(protected.what(&path(name)), Some(what), "{name}");
        }
        for name in
            ["out.csv", "orgpull.db.csv", "orgpull.db.bak", "orgpull.version.db", "sub/orgpull.db-wal"]
        {
            assert_eq!(protected.what(&path(name)), None, "{name}");
        }
    }
}
