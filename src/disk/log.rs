//! A file to which lines are added, and that is never written anew.

use super::standing::{Standing, chmod, me, open_standing};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Adds a line to a log, which is made with mode 0600 where it is not there, and brings it to disk. Never through a link, nor to
/// what others can write. A line that was cut short, by a crash or a full disk, is ended first.
pub fn add_line(path: &Path, line: &str) -> io::Result<()> {
    let mut made = false;
    let mut file = match options().create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => opened(path)?,
        file => {
            made = true;
            let file = file?;
            // The umask may have taken rights from us.
            file.set_permissions(Permissions::from_mode(0o600))?;
            file
        }
    };
    let mut text = format!("{line}\n");
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.insert(0, '\n');
        }
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match path.parent().filter(|_| made) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Whether a line could be added, without adding or making anything.
pub fn takes_lines(path: &Path) -> io::Result<()> {
    match opened(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(Path::new("/"));
            if !folder.is_dir() {
                return Err(io::Error::other(format!("there is no folder {}", folder.display())));
            }
            if super::may_write(folder) { Ok(()) } else { Err(Errno::ACCESS.into()) }
        }
        opened => opened.map(drop),
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.read(true).append(true).custom_flags(flags.bits().cast_signed());
    options
}

/// The log that is there, if nobody else can have put it there.
fn opened(path: &Path) -> io::Result<File> {
    let refused = |why: String| Err(io::Error::other(why));
    let file = match options().open(path) {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return refused("it is a link: name the file that it leads to".to_owned());
        }
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            return refused("it is no ordinary file".to_owned());
        }
        opened => opened?,
    };
    let about = file.metadata()?;
    if !about.is_file() {
        return refused("it is no ordinary file".to_owned());
    }
    if about.nlink() > 1 {
        return refused("it is another file's second name (a hard link): remove it".to_owned());
    }
    match open_standing(&file)? {
        Standing::Writable(exposed) => {
            refused(format!("others can write it ({exposed}): {}", chmod(path, exposed)))
        }
        // What root finds there is whose it works for.
        Standing::Foreign { owner, .. } if me() != 0 => {
            refused(format!("it belongs to another user ({owner})"))
        }
        Standing::Foreign { exposed, .. } if exposed.writable() => {
            refused(format!("others can write it ({exposed}): {}", chmod(path, exposed)))
        }
        Standing::Private | Standing::Readable(_) | Standing::Foreign { .. } => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn lines_are_added_one_under_the_other_and_a_cut_one_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        takes_lines(&path).unwrap();
        assert!(!path.exists(), "asked only");
        add_line(&path, "one").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        add_line(&path, "two").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640, "as its owner has it");
        fs::write(&path, "one\ntwo\nthr").unwrap();
        add_line(&path, "four").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthr\nfour\n");
        takes_lines(&path).unwrap();
    }

    #[test]
    fn what_others_put_there_is_neither_followed_nor_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("victim"), "precious").unwrap();
        symlink(path("victim"), path("link")).unwrap();
        symlink(path("nowhere"), path("dangling")).unwrap();
        fs::hard_link(path("victim"), path("twin")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RWXU).unwrap();
        fs::create_dir(path("folder")).unwrap();
        fs::write(path("open"), "").unwrap();
        fs::set_permissions(path("open"), Permissions::from_mode(0o662)).unwrap();
        for (name, why) in [
            ("link", "is a link"),
            ("dangling", "is a link"),
            ("twin", "hard link"),
            ("pipe", "no ordinary file"),
            ("folder", "directory"),
            ("open", "(mode 0662): chmod 600"),
            ("none/audit.jsonl", "no"),
        ] {
            for error in [add_line(&path(name), "x").unwrap_err(), takes_lines(&path(name)).unwrap_err()] {
                assert!(error.to_string().to_lowercase().contains(why), "{name}: {error}");
            }
        }
        assert_eq!(fs::read_to_string(path("victim")).unwrap(), "precious");
        assert!(!path("nowhere").exists() && !path("none").exists());
    }
}
