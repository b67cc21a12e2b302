//! Folders that are made where they are missing.

use rustix::fs::{Access, AtFlags, CWD};
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Makes a folder and those above it that are not there, each its owner's alone, whatever the process's umask.
pub fn make_folders(folder: &Path) -> io::Result<()> {
    make(folder, 0o700)
}

/// The same for what everybody may read, such as man pages.
pub fn make_public_folders(folder: &Path) -> io::Result<()> {
    make(folder, 0o755)
}

/// Whether a file could be made in a folder: one without a name is, and is gone again.
pub fn can_be_written(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

/// Whether this process may write what stands at a path, which a read-only file system allows nobody.
pub fn may_write(path: &Path) -> bool {
    rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

fn make(folder: &Path, mode: u32) -> io::Result<()> {
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
                // The umask may have taken rights from us that we need, and never gives any.
                File::open(folder)
                    .and_then(|open| open.set_permissions(Permissions::from_mode(mode)))
                    .or_else(|_| std::fs::set_permissions(folder, Permissions::from_mode(mode)))?;
            }
        }
    }
    Ok(())
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
        std::fs::write(root.path().join("file"), "").unwrap();
        assert!(make_folders(&root.path().join("file/x")).is_err());
    }
}
