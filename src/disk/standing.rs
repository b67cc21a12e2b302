//! Who may write and who may read a file of ours, judged as ssh judges its configuration and its keys.
//!
//! OpenSSH refuses a configuration that belongs to anybody but root and its user, or that group or others may write
//! (`readconf.c`), and complains of a key that group or others may read where it belongs to its user (`authfile.c`). So
//! do we: who can write `orgpull.toml` chooses what `command` is run, and who can write the ledger what was bought. That a
//! sticky bit stands on the folder, or that a group has one member, changes nothing.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody else may read or write it.
    Private,
    /// Others may read it.
    Readable(Exposed),
    /// Others may write it.
    Writable(Exposed),
    /// It belongs to somebody else, who is not root.
    Foreign {
        /// By their user id.
        owner: u32,
        /// What others may besides.
        exposed: Exposed,
    },
}

/// The rights that others have to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposed {
    /// The file's mode, its lower twelve bits.
    pub mode: u32,
    /// Whether it is ours, so that we may change that.
    pub own: bool,
}

impl Exposed {
    /// Whether group or others may write.
    pub const fn writable(self) -> bool {
        self.mode & GROUP_OR_OTHERS_WRITE != 0
    }
}

/// As `chmod` takes it: `mode 0644`.
impl std::fmt::Display for Exposed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mode {:04o}", self.mode)
    }
}

const GROUP_OR_OTHERS_WRITE: u32 = 0o022;
const OTHERS_READ: u32 = 0o004;
const GROUP_READS: u32 = 0o040;

/// How the file at a path stands, behind links.
pub fn standing(path: &Path) -> io::Result<Standing> {
    Ok(judge(&path.metadata()?))
}

/// How an open file stands, which nobody can exchange any more. What is no file (a pipe, a device) is whoever's opened it.
pub fn open_standing(file: &File) -> io::Result<Standing> {
    let about = file.metadata()?;
    Ok(if about.is_file() { judge(&about) } else { Standing::Private })
}

fn judge(about: &Metadata) -> Standing {
    let (me, owner) = (me(), about.uid());
    let exposed = Exposed { mode: about.mode() & 0o7777, own: owner == me };
    // What root owns and hands to a group is handed to us; what we own and a group can read is an oversight.
    let read = OTHERS_READ | if exposed.own { GROUP_READS } else { 0 };
    if !trusted(owner) {
        Standing::Foreign { owner, exposed }
    } else if exposed.writable() {
        Standing::Writable(exposed)
    } else if exposed.mode & read != 0 {
        Standing::Readable(exposed)
    } else {
        Standing::Private
    }
}

/// Whether others can make, rename or remove names in a folder.
pub(super) fn others_write(folder: &Metadata) -> bool {
    !trusted(folder.uid()) || folder.mode() & GROUP_OR_OTHERS_WRITE != 0
}

/// The mode of a folder in which others may take the name of a file of ours away from it; `None` if they may not. Under a
/// sticky bit only a file's owner may.
pub fn open_to_others(folder: &Path) -> Option<u32> {
    let about = folder.metadata().ok()?;
    let (mode, sticky) = (about.mode(), 0o1000);
    let open = trusted(about.uid()) && mode & GROUP_OR_OTHERS_WRITE != 0 && mode & sticky == 0;
    open.then_some(about.mode() & 0o7777)
}

/// Whether the folder of a file belongs to this user too: what root finds there is what that user works with.
pub fn owns_folder_of(owner: u32, path: &Path) -> bool {
    path.parent().and_then(|folder| folder.metadata().ok()).is_some_and(|folder| folder.uid() == owner)
}

/// Who we are.
pub(super) fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a user can do no more to us by owning a file than they can anyway: ourselves, root, and, where we are root, who
/// asked for it (`sudo`).
pub(super) fn trusted(owner: u32) -> bool {
    let asked = || std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
    owner == 0 || owner == me() || me() == 0 && asked() == Some(owner)
}

/// What to type so that others may no longer: `chmod 600 PATH` where the file is ours, else what its owner can type.
pub fn chmod(path: &Path, exposed: Exposed) -> String {
    let path = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "_./-+=:@%,".contains(c);
    let path =
        if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")).into() };
    let change = match (exposed.own, exposed.writable()) {
        (true, _) => "600",
        (false, true) => "go-w",
        (false, false) => "go-r",
    };
    format!("chmod {change} {path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn modes_are_judged_as_ssh_does() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, word) in [
            (0o600, "private"),
            (0o400, "private"),
            (0o700, "private"),
            (0o640, "readable"),
            (0o644, "readable"),
            (0o604, "readable"),
            (0o620, "writable"),
            (0o602, "writable"),
            (0o660, "writable"),
            (0o664, "writable"),
            (0o666, "writable"),
            (0o1666, "writable"),
        ] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let found = standing(file.path()).unwrap();
            assert_eq!(open_standing(file.as_file()).unwrap(), found);
            let exposed = Exposed { mode, own: true };
            let expected = match word {
                "private" => Standing::Private,
                "readable" => Standing::Readable(exposed),
                _ => Standing::Writable(exposed),
            };
            assert_eq!(found, expected, "{mode:o}");
        }
    }

    #[test]
    fn what_is_told_can_be_typed() {
        let own = Exposed { mode: 0o644, own: true };
        assert_eq!(own.to_string(), "mode 0644");
        assert_eq!(chmod(Path::new("/a/orgpull.toml"), own), "chmod 600 /a/orgpull.toml");
        for (mode, told) in [(0o644, "chmod go-r '/a b/x'"), (0o664, "chmod go-w '/a b/x'")] {
            assert_eq!(chmod(Path::new("/a b/x"), Exposed { mode, own: false }), told);
        }
    }
}
