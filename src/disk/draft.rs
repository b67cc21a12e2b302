//! A file that is written whole before anybody sees it.

use super::group::Group;
use super::open::unfollowed;
use super::place::{Place, PlaceError, failed};
use super::standing::me;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;
use tempfile::TempPath;

/// Who may read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its owner alone (0600).
    Private,
    /// Everybody (0644): what holds nobody's data.
    Public,
    /// Whom its owner has chosen.
    Chosen {
        /// The permission bits.
        bits: u32,
        /// Whose group they are of; the one that the system gives where it is none.
        group: Option<Group>,
    },
}

impl Mode {
    /// That of a file, whose place another is to take.
    pub fn of(file: &File) -> io::Result<Self> {
        let about = file.metadata()?;
        Ok(Self::Chosen { bits: about.mode() & 0o777, group: Some(Group::of(about.gid())) })
    }

    const fn bits(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
            Self::Chosen { bits, .. } => bits,
        }
    }

    /// The group that is to read it, where one was chosen.
    pub const fn group(self) -> Option<Group> {
        if let Self::Chosen { group, .. } = self { group } else { None }
    }
}

/// A file that is being written under a hidden name beside its place. Dropped, it is gone.
pub struct Draft {
    out: BufWriter<File>,
    temp: TempPath,
    place: Place,
    sha256: Sha256,
}

/// A draft that is complete and on disk.
pub struct Sealed {
    /// Kept open for its lock, until it has its final name.
    _file: File,
    temp: TempPath,
    place: Place,
    sha256: [u8; 32],
}

impl Sealed {
    /// The digest of what was written through the draft.
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

/// What [`publish`] does to the files that are seen.
pub enum Change {
    /// The draft takes its place.
    Put(Sealed),
    /// What stands there goes.
    Remove(Place),
}

/// How many characters `tempfile` puts into a name.
const RANDOM: usize = 6;
const ENDING: &str = ".part";
/// Bytes gathered before a write.
const BUFFER: usize = 64 * 1024;

impl Draft {
    /// Makes a file in the place's folder that was not there, of this mode and group whatever the umask, and clears away
    /// what a killed process left there.
    pub fn create(place: Place, mode: Mode) -> Result<Self, PlaceError> {
        let mut prefix = OsString::from(".");
        prefix.push(place.real().file_name().unwrap_or_default());
        prefix.push(".");
        sweep(place.folder(), &prefix);
        let made = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(ENDING)
            .rand_bytes(RANDOM)
            .tempfile_in(place.folder())
            .map_err(place.failed("create"))?;
        let (file, temp) = made.into_parts();
        // The group first: until it is that, nobody else may read what is written.
        fchown(&file, None, mode.group().map(Group::number)).map_err(place.failed("create"))?;
        file.set_permissions(Permissions::from_mode(mode.bits())).map_err(place.failed("create"))?;
        // The lock tells a living draft from a leftover. Where the file system has none, leftovers stay.
        drop(file.try_lock());
        let out = BufWriter::with_capacity(BUFFER, file);
        Ok(Self { out, temp, place, sha256: Sha256::new() })
    }

    /// The same for a file that stands beside a ledger: where root works on somebody's ledger, it is theirs.
    pub fn beside(place: Place, ledger: &Path) -> Result<Self, PlaceError> {
        let failed = place.failed("create");
        let draft = Self::create(place, Mode::Private)?;
        if me() == 0
            && let Ok(theirs) = ledger.metadata()
            && theirs.uid() != 0
        {
            fchown(draft.out.get_ref(), Some(theirs.uid()), Some(theirs.gid())).map_err(failed)?;
        }
        Ok(draft)
    }

    /// Where it is written, for who writes it by its name.
    pub fn path(&self) -> &Path {
        &self.temp
    }

    /// Brings everything to disk.
    pub fn seal(self) -> Result<Sealed, PlaceError> {
        let flushed = self.out.into_inner().map_err(io::IntoInnerError::into_error);
        let synced = flushed.and_then(|file| file.sync_all().map(|()| file));
        let file = synced.map_err(self.place.failed("write"))?;
        Ok(Sealed { _file: file, temp: self.temp, place: self.place, sha256: self.sha256.finalize().into() })
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        Ok(written)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.sha256.update(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Removes drafts of the same file whose process is gone: they hold personal data and nobody would look for them. Only what
/// is an ordinary file of ours: others may have put something of that name there.
fn sweep(folder: &Path, prefix: &OsString) {
    let length = prefix.len() + RANDOM + ENDING.len();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let bytes = name.as_encoded_bytes();
        let named = bytes.len() == length
            && bytes.starts_with(prefix.as_encoded_bytes())
            && bytes.ends_with(ENDING.as_bytes());
        if named && is_left(&entry.path(), fs::Metadata::is_file) {
            // A leftover that cannot be removed is no reason to write nothing.
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Whether something of ours was left there by a process that is gone.
pub(super) fn is_left(path: &Path, kind: impl Fn(&fs::Metadata) -> bool) -> bool {
    unfollowed(path).is_ok_and(|file| {
        let ours = file.metadata().is_ok_and(|about| kind(&about) && about.uid() == me());
        ours && file.try_lock().is_ok()
    })
}

/// Puts complete files in their places, and brings the new names to disk.
pub fn publish(changes: Vec<Change>) -> Result<(), PlaceError> {
    for change in &changes {
        let (Change::Put(Sealed { place, .. }) | Change::Remove(place)) = change;
        place.check()?;
    }
    let mut folders = BTreeSet::new();
    for change in changes {
        let folder = match change {
            Change::Put(Sealed { temp, place, .. }) => {
                temp.persist(place.real()).map_err(|kept| place.failed("replace")(kept.error))?;
                place.folder().to_owned()
            }
            Change::Remove(place) => {
                match fs::remove_file(place.real()) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    done => done.map_err(place.failed("remove"))?,
                }
                place.folder().to_owned()
            }
        };
        folders.insert(folder);
    }
    folders.iter().try_for_each(|folder| sync(folder))
}

/// Puts a complete file in its place, where nothing may stand: an error of the kind `AlreadyExists` where something does.
pub fn publish_new(sealed: Sealed) -> Result<(), PlaceError> {
    let Sealed { temp, place, .. } = sealed;
    temp.persist_noclobber(place.real()).map_err(|kept| place.failed("create")(kept.error))?;
    sync(place.folder())
}

fn sync(folder: &Path) -> Result<(), PlaceError> {
    let synced = File::open(folder).and_then(|open| open.sync_all());
    synced.map_err(failed("bring to disk the folder", folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Protected;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    fn place(path: PathBuf) -> Place {
        Place::find(path, &Protected::new()).unwrap()
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_disk_says_so_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Draft::create(place(folder.path().join("x.csv")), Mode::Private).unwrap();
        draft.out = BufWriter::new(File::options().write(true).open("/dev/full").unwrap());
        draft.write_all(b"a row").unwrap();
        let error = draft.seal().err().unwrap();
        assert!(error.to_string().contains("x.csv"), "{error}");
        assert_eq!(error.cause().unwrap().kind(), io::ErrorKind::StorageFull);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn leftovers_of_a_dead_process_go_and_living_drafts_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".x.csv.abcdef.part", ".x.csv.mine.part", ".y.csv.abcdef.part"] {
            fs::write(folder.path().join(name), "left").unwrap();
        }
        let x = || Draft::create(place(folder.path().join("x.csv")), Mode::Private).unwrap();
        let living = x();
        drop(x());
        let left = names(folder.path());
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(living.temp.exists() && !left.contains(&".x.csv.abcdef.part".into()), "{left:?}");
    }

    #[test]
    fn what_others_left_under_such_a_name_is_neither_waited_for_nor_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("victim"), "precious").unwrap();
        symlink(path("victim"), path(".x.csv.abcdef.part")).unwrap();
        let pipe = path(".x.csv.fedcba.part");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        fs::create_dir(path(".x.csv.aaaaaa.part")).unwrap();
        drop(Draft::create(place(path("x.csv")), Mode::Private).unwrap());
        assert_eq!(names(folder.path()).len(), 4);
    }

    /// Before it is seen, and whatever the umask: it is set on what is open.
    #[test]
    fn a_draft_has_its_mode_and_group_under_its_hidden_name() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().metadata().unwrap().gid();
        // Root gives to whom it likes.
        let given = if me() == 0 { 65_534 } else { own };
        let group = Some(Group::find(&given.to_string()).unwrap());
        for (mode, bits, gid) in [
            (Mode::Private, 0o600, own),
            (Mode::Public, 0o644, own),
            (Mode::Chosen { bits: 0o640, group }, 0o640, given),
            (Mode::Chosen { bits: 0o666, group: None }, 0o666, own),
        ] {
            let draft = Draft::create(place(folder.path().join("x.csv")), mode).unwrap();
            let about = draft.path().metadata().unwrap();
            assert_eq!((about.mode() & 0o7777, about.gid()), (bits, gid), "{mode:?}");
            let (inode, sealed) = (about.ino(), draft.seal().unwrap());
            publish(vec![Change::Put(sealed)]).unwrap();
            let seen = folder.path().join("x.csv").metadata().unwrap();
            assert_eq!((seen.mode() & 0o7777, seen.gid(), seen.ino()), (bits, gid, inode), "{mode:?}");
        }
    }

    #[test]
    fn a_link_keeps_pointing_where_it_points() {
        let folder = tempfile::tempdir().unwrap();
        let (there, link) = (folder.path().join("there.csv"), folder.path().join("link.csv"));
        fs::write(&there, "old").unwrap();
        symlink(&there, &link).unwrap();
        let mut draft = Draft::create(place(link.clone()), Mode::Private).unwrap();
        draft.write_all(b"new").unwrap();
        publish(vec![Change::Put(draft.seal().unwrap())]).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(there).unwrap(), "new");
    }

    #[test]
    fn a_name_of_our_own_takes_the_place_of_a_link_and_leaves_what_it_pointed_at() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, link) = (folder.path().join("victim"), folder.path().join("x.rejects.csv"));
        fs::write(&victim, "precious").unwrap();
        let ours = || Place::of_ours(link.clone(), &Protected::new()).unwrap();
        symlink(&victim, &link).unwrap();
        publish(vec![Change::Remove(ours())]).unwrap();
        assert!(!link.is_symlink() && fs::read_to_string(&victim).unwrap() == "precious");
        symlink(&victim, &link).unwrap();
        let mut draft = Draft::create(ours(), Mode::Private).unwrap();
        draft.write_all(b"new").unwrap();
        publish(vec![Change::Put(draft.seal().unwrap())]).unwrap();
        assert!(!link.is_symlink() && fs::read_to_string(&victim).unwrap() == "precious");
        assert_eq!(link.metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_new_name_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let x = || Draft::create(place(folder.path().join("x")), Mode::Public).unwrap().seal().unwrap();
        publish_new(x()).unwrap();
        assert_eq!(folder.path().join("x").metadata().unwrap().mode() & 0o777, 0o644);
        let error = publish_new(x()).unwrap_err();
        assert_eq!(error.cause().unwrap().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names(folder.path()).len(), 1);
    }
}
