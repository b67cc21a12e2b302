//! A place for one file that is complete before anybody sees a byte of it, and that has no name while it is read.

use super::draft::is_left;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
pub use tempfile::TempDir;

/// How the folder's name begins.
const PREFIX: &str = ".orgpull-export-";
/// How many characters `tempfile` puts behind it.
const RANDOM: usize = 6;

/// A folder that nobody else can enter, with room for one file. Dropped, it is gone.
pub struct Scratch {
    folder: TempDir,
    /// Tells a living folder from a leftover.
    _lock: File,
}

impl Scratch {
    /// Makes one beside this file, and clears away those that killed processes left there.
    pub fn beside(file: &Path) -> io::Result<Self> {
        let parent = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sweep(parent);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(RANDOM)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let lock = File::open(folder.path())?;
        // Where the file system has no locks, leftovers stay.
        drop(lock.try_lock());
        Ok(Self { folder, _lock: lock })
    }

    /// Where the file is to be written.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("export")
    }

    /// The file that was written. Its name and the folder are gone from here on, so that no end of this process, however
    /// sudden, leaves anything of it behind.
    pub fn into_file(self) -> io::Result<File> {
        let file = File::open(self.path())?;
        self.folder.close()?;
        Ok(file)
    }
}

impl Scratch {
    /// Clears away what killed processes left beside this file.
    pub fn clear(file: &Path) {
        sweep(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    }
}

/// Removes the folders of dead processes: they hold personal data and nobody would look for them. What others put there
/// under such a name stays.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours =
            name.len() == PREFIX.len() + RANDOM && name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if ours && is_left(&entry.path(), fs::Metadata::is_dir) {
            // A leftover that cannot be removed is no reason to show nothing.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// A folder in the system's place for what is soon gone, which nobody else can enter. Nothing of a person's goes there.
pub fn temporary_folder() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("orgpull-").permissions(Permissions::from_mode(0o700)).tempdir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn while_it_is_read_it_has_no_name() {
        let beside = tempfile::tempdir().unwrap();
        let scratch = Scratch::beside(&beside.path().join("orgpull.db")).unwrap();
        let mode = fs::metadata(scratch.folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::write(scratch.path(), "line,subject\n").unwrap();
        let mut file = scratch.into_file().unwrap();
        assert!(names(beside.path()).is_empty());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "line,subject\n");
    }

    #[test]
    fn leftovers_of_dead_processes_go_and_everything_else_stays() {
        let beside = tempfile::tempdir().unwrap();
        let (dead, other) = (".orgpull-export-abcdef", ".orgpull-export-of-mine");
        for folder in [dead, other] {
            fs::create_dir(beside.path().join(folder)).unwrap();
            fs::write(beside.path().join(folder).join("export"), "left").unwrap();
        }
        let living = Scratch::beside(&beside.path().join("orgpull.db")).unwrap();
        drop(Scratch::beside(&beside.path().join("orgpull.db")).unwrap());
        assert!(living.folder.path().exists());
        let left = names(beside.path());
        assert!(left.len() == 2 && !left.contains(&dead.to_owned()), "{left:?}");
        drop(living);
        assert_eq!(names(beside.path()), [other]);
    }
}
