//! Opening files: those that stand beside the ledger, and those that people wrote.

use super::standing::{me, trusted};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// More than any note has that we leave in a file.
const NOTE: u64 = 1024;

/// How often a file is looked for again that was there and is gone.
const TRIES: u32 = 8;

/// Opens a file that stands beside the ledger (a lock, a shared account file), or makes it with mode 0600: an ordinary file of
/// ours with one name, that nobody else can write. Never through a link, and never waiting for who holds a pipe's other
/// end. Where root works on somebody's ledger, what it makes is theirs, as SQLite does it: else they could not open it.
pub fn companion(path: &Path, ledger: &Path) -> io::Result<File> {
    for _ in 0..TRIES {
        match new_companion(path, ledger) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made,
        }
        match options().write(true).open(path) {
            // It has gone between the two.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return looked_at(opened, ledger),
        }
    }
    Err(io::Error::other("somebody makes it and removes it again and again"))
}

/// Whether what SQLite keeps beside a ledger is the ledger's owner's alone, or not there. Told by its name: a file that
/// SQLite has locked must not be opened and closed again by its process, since that ends the locks (POSIX).
pub fn private_beside(path: &Path, ledger: &Path) -> io::Result<()> {
    let about = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        about => about?,
    };
    let theirs = |owner: u32| ledger.metadata().is_ok_and(|ledger| ledger.uid() == owner);
    let (owner, mode) = (about.uid(), about.mode() & 0o7777);
    let why = if !about.is_file() {
        "it is a link or no ordinary file, which SQLite does not make: remove it".to_owned()
    } else if about.nlink() > 1 {
        "it has a second name (a hard link): find out who made that".to_owned()
    } else if !trusted(owner) && !theirs(owner) {
        format!("it belongs to another user ({owner}): find out who made it")
    } else if mode & 0o022 != 0 {
        format!("others can write it (mode {mode:04o}): chmod 600 {}", path.display())
    } else {
        return Ok(());
    };
    Err(io::Error::other(format!("{}: {why}", path.display())))
}

/// Makes such a file, which must not be there.
pub fn new_companion(path: &Path, ledger: &Path) -> io::Result<File> {
    let file = options().write(true).create_new(true).mode(0o600).open(path)?;
    // The umask may have taken rights from us.
    file.set_permissions(Permissions::from_mode(0o600))?;
    if me() == 0
        && let Ok(theirs) = ledger.metadata()
        && theirs.uid() != 0
    {
        std::os::unix::fs::fchown(&file, Some(theirs.uid()), Some(theirs.gid()))?;
    }
    Ok(file)
}

/// Opens such a file to read it, or to see whether it is locked.
pub fn noted(path: &Path, ledger: &Path) -> io::Result<File> {
    looked_at(unfollowed(path), ledger)
}

/// What was noted in such a file; empty if that cannot be told.
pub fn note(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.take(NOTE).read_to_end(&mut bytes));
    if read.is_err() { String::new() } else { String::from_utf8_lossy(&bytes).trim().to_owned() }
}

/// Opens to read, neither through a link nor waiting at a pipe.
pub(super) fn unfollowed(path: &Path) -> io::Result<File> {
    options().open(path)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    options
}

/// What was opened, if it is what we would have made.
fn looked_at(opened: io::Result<File>, ledger: &Path) -> io::Result<File> {
    let refused = |why: String| Err(io::Error::other(why));
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return refused("it is a link, which orgpull does not make: remove it".to_owned());
        }
        // A pipe or a socket that nobody listens to.
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            return refused("it is no ordinary file: remove it".to_owned());
        }
        opened => opened?,
    };
    let about = file.metadata()?;
    let theirs = |owner: u32| ledger.metadata().is_ok_and(|ledger| ledger.uid() == owner);
    if !about.is_file() {
        return refused("it is no ordinary file: remove it".to_owned());
    }
    if about.nlink() > 1 {
        return refused("it is another file's second name (a hard link): remove it".to_owned());
    }
    if !trusted(about.uid()) && !theirs(about.uid()) {
        return refused(format!("it belongs to another user ({}): remove it", about.uid()));
    }
    if about.mode() & 0o022 != 0 {
        let mode = about.mode() & 0o7777;
        return refused(format!("others can write it (mode {mode:04o}): remove it, orgpull makes it anew"));
    }
    Ok(file)
}

/// The names in a ledger's folder; none where it cannot be looked at.
pub fn names_beside(ledger: &Path) -> Vec<OsString> {
    let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).collect()
}

/// Gives a file a second name beside it, which nothing may have: an error of the kind `AlreadyExists` where something does. Where
/// the file system knows no second names, it takes the new one instead of its own.
pub fn second_name(path: &Path, name: &Path) -> io::Result<()> {
    match std::fs::hard_link(path, name) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            if name.symlink_metadata().is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            rename(path, name)
        }
        done => done,
    }
}

/// Gives a file another name in its folder.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Removes such a file; a link is removed itself.
pub fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// Opens what a person names to be read: a file, a pipe, a device, behind links or not.
pub fn named(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// The digest of a file that we wrote and others may have changed; `None` if there is none.
pub fn sha256(path: &Path) -> io::Result<Option<[u8; 32]>> {
    use sha2::{Digest as _, Sha256};
    let mut file = match named(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    let mut digest = Sha256::new();
    io::copy(&mut file, &mut digest)?;
    Ok(Some(digest.finalize().into()))
}

/// More than any unit of systemd's has.
const UNIT: u64 = 1 << 20;

/// The text of a small file that stands under a name of ours, such as a unit: an ordinary file, of which no more is read than
/// such a file has.
pub fn small(path: &Path) -> io::Result<String> {
    let file = unfollowed(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    let mut text = String::new();
    file.take(UNIT).read_to_string(&mut text)?;
    Ok(text)
}

/// Opens a file that people write (configuration, job), without waiting for somebody to open a pipe's other end: one that
/// stands where a configuration is looked for would else hold everything up.
pub fn text(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        // From here on it waits for what is written, as whoever wrote `<(…)` means it.
        rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    }
    Ok(file)
}

/// Writes a note into a file of ours in the place of the one before.
pub fn write_note(file: &mut File, note: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(note.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// What others can put in the place of a lock, each with a word of the refusal.
    #[test]
    fn what_others_put_there_is_neither_followed_nor_waited_for_nor_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let ledger = path("orgpull.db");
        fs::write(&ledger, "").unwrap();
        fs::write(path("victim"), "precious").unwrap();
        symlink(path("victim"), path("link.lock")).unwrap();
        symlink(path("nowhere"), path("dangling.lock")).unwrap();
        fs::hard_link(path("victim"), path("twin.lock")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe.lock"), rustix::fs::Mode::RUSR).unwrap();
        fs::create_dir(path("folder.lock")).unwrap();
        fs::write(path("open.lock"), "").unwrap();
        fs::set_permissions(path("open.lock"), Permissions::from_mode(0o666)).unwrap();
        for (name, why) in [
            ("link.lock", "is a link"),
            ("dangling.lock", "is a link"),
            ("twin.lock", "hard link"),
            ("pipe.lock", "no ordinary file"),
            ("folder.lock", "directory"),
            ("open.lock", "mode 0666"),
        ] {
            let error = companion(&path(name), &ledger).unwrap_err().to_string();
            assert!(error.to_lowercase().contains(why), "{name}: {error}");
            if name != "folder.lock" {
                assert!(noted(&path(name), &ledger).is_err(), "{name}");
            }
        }
        assert_eq!(fs::read_to_string(path("victim")).unwrap(), "precious");
        assert!(!path("nowhere").exists());
    }

    #[test]
    fn one_of_ours_is_made_once_and_keeps_its_note() {
        let folder = tempfile::tempdir().unwrap();
        let (path, ledger) = (folder.path().join("a.lock"), folder.path().join("orgpull.db"));
        let mut first = companion(&path, &ledger).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        write_note(&mut first, "a longer note\n").unwrap();
        write_note(&mut first, "a note\n").unwrap();
        assert_eq!(note(&mut companion(&path, &ledger).unwrap()), "a note");
        assert_eq!(note(&mut noted(&path, &ledger).unwrap()), "a note");
        assert_eq!(new_companion(&path, &ledger).unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs::write(&path, "x".repeat(5_000)).unwrap();
        assert_eq!(note(&mut noted(&path, &ledger).unwrap()).len(), 1024);
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("orgpull.toml");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let mut read = String::new();
        text(&pipe).unwrap().read_to_string(&mut read).unwrap();
        assert!(read.is_empty());
    }
}
