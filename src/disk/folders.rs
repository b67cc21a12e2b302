//! Folders that are made where they are missing.

use super::group::Group;
use super::standing::me;
use rustix::fs::{Access, AtFlags, CWD, OFlags};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// Makes a folder and those above it that are not there, each its owner's alone, whatever the process's umask.
pub fn make_folders(folder: &Path) -> io::Result<()> {
    make(folder, 0o700, None)
}

/// The same for what a group reads: it may look into those that are made, and find what is in them.
pub(super) fn make_folders_for(folder: &Path, group: Option<Group>) -> io::Result<()> {
    make(folder, if group.is_some() { 0o750 } else { 0o700 }, group)
}

/// The same for what everybody may read, such as man pages.
pub fn make_public_folders(folder: &Path) -> io::Result<()> {
    make(folder, 0o755, None)
}

/// Whether a file could be made in a folder: one without a name is, and is gone again.
pub fn can_be_written(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

/// Whether this process may write what stands at a path, which a read-only file system allows nobody.
pub fn may_write(path: &Path) -> bool {
    rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

fn make(folder: &Path, mode: u32, group: Option<Group>) -> io::Result<()> {
    let mut missing: Vec<&Path> = Vec::new();
    for above in folder.ancestors().filter(|above| !above.as_os_str().is_empty()) {
        if above.is_dir() {
            break;
        }
        missing.push(above);
    }
    for folder in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(folder) {
            // Somebody was as quick: it is theirs, as one that had been there before.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            done => {
                done?;
                let made = open_made(folder)?;
                // The group first: until it is that, nobody else may look in.
                fchown(&made, None, group.map(Group::number))?;
                // The umask may have taken rights from us that we need, and never gives any.
                made.set_permissions(Permissions::from_mode(mode))?;
            }
        }
    }
    Ok(())
}

/// A folder that was just made, and not what somebody has put there since.
fn open_made(folder: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed();
    let open = || OpenOptions::new().read(true).custom_flags(flags).open(folder);
    open().or_else(|refused| {
        // A umask that takes the right to read from its owner.
        let ours = folder.symlink_metadata().is_ok_and(|about| about.is_dir() && about.uid() == me());
        if refused.kind() != io::ErrorKind::PermissionDenied || !ours {
            return Err(refused);
        }
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        open()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let root = tempfile::tempdir().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        make_folders(&root.path().join("a/b/c")).unwrap();
        make_folders(&root.path().join("a/b/c")).unwrap();
        make_public_folders(&root.path().join("p/q")).unwrap();
        for (folder, expected) in
            [("a", 0o700), ("a/b", 0o700), ("a/b/c", 0o700), ("p", 0o755), ("p/q", 0o755)]
        {
            assert_eq!(mode(&root.path().join(folder)), expected, "{folder}");
        }
        let mine = Group::find(&rustix::process::getegid().as_raw().to_string()).unwrap();
        make_folders_for(&root.path().join("g/h"), Some(mine)).unwrap();
        for folder in ["g", "g/h"] {
            assert_eq!(mode(&root.path().join(folder)), 0o750, "{folder}");
        }
        fs::write(root.path().join("file"), "").unwrap();
        assert!(make_folders(&root.path().join("file/x")).is_err());
    }
}
