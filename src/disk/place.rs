//! Where a file is to be put, and whether it may.

use super::Protected;
use super::folders::{make_folders, make_folders_for, make_public_folders};
use super::group::Group;
use super::open::unfollowed;
use super::protected::whereabouts;
use super::standing::{me, others_write, trusted};
use rustix::io::Errno;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Why a file cannot be put where it should be. Nothing has been touched, unless renaming itself failed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The file system refused.
    #[error("cannot {action} {}: {cause}", .path.display())]
    Io {
        /// What we were doing, as in "cannot write".
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// There is a folder where the file should go.
    #[error("{} is a folder: name a file in it", .0.display())]
    Folder(PathBuf),
    /// There is a device, a pipe or a socket where the file should go.
    #[error("{} is not an ordinary file and cannot be replaced: name another path", .0.display())]
    Special(PathBuf),
    /// The program lives on the file.
    #[error("{} would be replaced, but it is {what}: name another path", .path.display())]
    Protected {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A link that somebody else may have made leads elsewhere.
    #[error(
        "{} is a link, and others can write into its folder (mode {mode:04o}), so that they may have made it: remove it, \
         or write elsewhere",
        .path.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
        /// The mode of its folder.
        mode: u32,
    },
    /// An output would be written through a link.
    #[error("{} is a link, and no output is written through one: name what it leads to, or remove it", .0.display())]
    Linked(PathBuf),
    /// The file belongs to somebody else, in a folder where only they may replace it.
    #[error("{} belongs to another user ({owner}), and cannot be replaced in such a folder: name another path", .path.display())]
    Theirs {
        /// The file.
        path: PathBuf,
        /// By their user id.
        owner: u32,
    },
}

impl PlaceError {
    /// What the system said, where it was the system.
    pub fn cause(&self) -> Option<&io::Error> {
        if let Self::Io { cause, .. } = self { Some(cause) } else { None }
    }
}

/// The place of one file.
#[derive(Debug, Clone)]
pub struct Place {
    named: PathBuf,
    /// Behind links: what is replaced.
    real: PathBuf,
}

/// Who has chosen the name of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// A person: a link of that name may mean something to them, and stays.
    Somebody,
    /// We: a link of that name is replaced.
    Us,
}

/// An output that is asked for.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// Its path.
    pub named: PathBuf,
    /// Who has chosen its name.
    pub by: NamedBy,
    /// The folder that a person has named as it is. It may be reached through links; from there on a run fills in the
    /// names, and no link may lead out of it.
    pub chosen: &'a Path,
    /// Who is to look into folders that are made.
    pub group: Option<Group>,
}

/// More links after one another than anybody has.
const LINKS: usize = 40;

impl Place {
    /// The place that a person has named, in a folder that is made where it is missing. A link there is followed, unless
    /// others can write where it stands; nothing that is protected is replaced.
    pub fn find(named: PathBuf, protected: &Protected) -> Result<Self, PlaceError> {
        let beside = beside(&named, make_folders)?;
        let real = follow(beside)?;
        Self { named, real }.checked(protected)
    }

    /// The same for a name that we make ourselves: nobody wished for a link of that name, and it is not followed.
    pub fn of_ours(named: PathBuf, protected: &Protected) -> Result<Self, PlaceError> {
        let real = beside(&named, make_folders)?;
        Self { named, real }.checked(protected)
    }

    /// The place of an output, in a folder that is made where it is missing. It is never written through a link.
    pub fn of_output(asked: Asked<'_>, protected: &Protected) -> Result<Self, PlaceError> {
        stays_in(asked.chosen, &asked.named)?;
        let beside = beside(&asked.named, |folder| make_folders_for(folder, asked.group))?;
        Self::asked(asked, beside, protected)
    }

    /// Where it would be, for a plan: nothing is made, and in the innermost of its folders that is there a file could be.
    pub fn would_be(asked: Asked<'_>, protected: &Protected) -> Result<Self, PlaceError> {
        let place = Self::as_things_stand(asked, protected)?;
        let folder = folder_of(&place.named);
        let there = innermost(folder);
        let action = if there == folder { "create" } else { "create the folder" };
        tempfile::tempfile_in(there)
            .map_err(failed(action, if there == folder { &place.named } else { folder }))?;
        Ok(place)
    }

    /// The same by what is there alone: nothing is tried, since whoever asks may not be who writes.
    pub fn as_things_stand(asked: Asked<'_>, protected: &Protected) -> Result<Self, PlaceError> {
        let Some(name) = asked.named.file_name() else { return Err(PlaceError::Folder(asked.named)) };
        stays_in(asked.chosen, &asked.named)?;
        let folder = folder_of(&asked.named);
        leads_home(folder)?;
        if !innermost(folder).is_dir() {
            return Err(failed("create the folder", folder)(io::ErrorKind::NotADirectory.into()));
        }
        let beside = whereabouts(folder).join(name);
        Self::asked(asked, beside, protected)
    }

    /// What a link leads to is told before that it is one, since that is worse.
    fn asked(asked: Asked<'_>, beside: PathBuf, protected: &Protected) -> Result<Self, PlaceError> {
        let named = asked.named;
        if asked.by == NamedBy::Us {
            return Self { named, real: beside }.checked(protected);
        }
        let linked = beside.is_symlink();
        let place = Self { named, real: follow(beside)? }.checked(protected)?;
        if linked { Err(PlaceError::Linked(place.named)) } else { Ok(place) }
    }

    /// The same for what everybody may read, in a folder that everybody may enter.
    pub fn public(named: PathBuf, protected: &Protected) -> Result<Self, PlaceError> {
        let real = beside(&named, make_public_folders)?;
        Self { named, real }.checked(protected)
    }

    /// The same for a copy of a ledger, which may take the place of another copy. Its folder must be there.
    pub fn for_a_ledger(named: PathBuf, protected: &Protected) -> Result<Self, PlaceError> {
        let real = behind_links(&named)?;
        Self { named, real }.apart(protected)
    }

    fn checked(self, protected: &Protected) -> Result<Self, PlaceError> {
        let place = self.apart(protected)?;
        // Not one of this configuration, yet nothing to be lost: a copy of one, or that of another folder.
        if is_ledger(&place.real) {
            return Err(PlaceError::Protected { path: place.named, what: "a ledger of orgpull" });
        }
        Ok(place)
    }

    fn apart(self, protected: &Protected) -> Result<Self, PlaceError> {
        if let Some(what) = protected.what(&self.real) {
            return Err(PlaceError::Protected { path: self.named, what });
        }
        self.check()?;
        Ok(self)
    }

    /// As it was named.
    pub fn named(&self) -> &Path {
        &self.named
    }

    /// What is replaced.
    pub(super) fn real(&self) -> &Path {
        &self.real
    }

    /// Whether two places are one.
    pub fn is(&self, other: &Self) -> bool {
        self.real == other.real
    }

    /// The folder of what is replaced.
    pub fn folder(&self) -> &Path {
        self.real.parent().unwrap_or(Path::new("."))
    }

    /// Only an ordinary file may be replaced: a rename over `/dev/null` would be a disaster. A link is no file, and what is
    /// renamed over one takes its place.
    pub(super) fn check(&self) -> Result<(), PlaceError> {
        let Ok(there) = fs::symlink_metadata(&self.real) else { return Ok(()) };
        if there.is_dir() {
            return Err(PlaceError::Folder(self.named.clone()));
        }
        if !there.is_file() && !there.is_symlink() {
            return Err(PlaceError::Special(self.named.clone()));
        }
        let folder = self.folder().metadata().map_err(failed("open the folder", self.folder()))?;
        let (me, owner) = (me(), there.uid());
        let sticky = folder.mode() & 0o1000 != 0;
        if sticky && me != 0 && me != owner && me != folder.uid() {
            return Err(PlaceError::Theirs { path: self.named.clone(), owner });
        }
        Ok(())
    }

    /// The error of something that was done here.
    pub fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> PlaceError + use<> {
        failed(action, &self.named)
    }
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PlaceError + use<> {
    let path = path.to_owned();
    move |cause| PlaceError::Io { action, path, cause }
}

fn folder_of(named: &Path) -> &Path {
    named.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The innermost of a folder and those around it that is there.
fn innermost(folder: &Path) -> &Path {
    folder.ancestors().find(|folder| folder.symlink_metadata().is_ok()).unwrap_or(folder)
}

/// Where a path leads, whose folder is there: behind links, unless others may have made one of them.
pub fn behind_links(path: &Path) -> Result<PathBuf, PlaceError> {
    follow(beside(path, |_| Ok(()))?)
}

/// A path in its own folder, which is made where it is missing and freed of links.
fn beside(named: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<PathBuf, PlaceError> {
    let Some(name) = named.file_name() else { return Err(PlaceError::Folder(named.to_owned())) };
    let folder = folder_of(named);
    leads_home(folder)?;
    make(folder).map_err(failed("create the folder", folder))?;
    Ok(folder.canonicalize().map_err(failed("open the folder", folder))?.join(name))
}

/// Follows a link at the end of a path, and one that it leads to.
fn follow(mut path: PathBuf) -> Result<PathBuf, PlaceError> {
    for _ in 0..LINKS {
        let Ok(to) = fs::read_link(&path) else { return Ok(path) };
        let folder = path.parent().unwrap_or(Path::new("/"));
        let about = folder.metadata().map_err(failed("open the folder", folder))?;
        if others_write(&about) {
            return Err(PlaceError::Link { mode: about.mode() & 0o7777, path });
        }
        let to = folder.join(to);
        leads_home(to.parent().unwrap_or(Path::new("/")))?;
        path = whereabouts_of_link(&to);
    }
    Err(failed("follow", &path)(Errno::LOOP.into()))
}

/// The place of what a link names, whose own name may be a link again.
fn whereabouts_of_link(to: &Path) -> PathBuf {
    match (to.parent(), to.file_name()) {
        (Some(folder), Some(name)) => whereabouts(folder).join(name),
        _ => whereabouts(to),
    }
}

/// Refuses a link below the folder that a person has named, among those whose names a run fills in.
fn stays_in(chosen: &Path, named: &Path) -> Result<(), PlaceError> {
    match folder_of(named)
        .ancestors()
        .take_while(|folder| *folder != chosen)
        .find(|folder| folder.is_symlink())
    {
        Some(link) => Err(PlaceError::Linked(link.to_owned())),
        None => Ok(()),
    }
}

/// Refuses a folder that is reached through a link of somebody else's, made where others can write: what they point at
/// would be written into.
fn leads_home(folder: &Path) -> Result<(), PlaceError> {
    let absolute = std::path::absolute(folder).map_err(failed("find the folder", folder))?;
    let mut at = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => drop(at.pop()),
            part => at.push(part),
        }
        let Ok(about) = fs::symlink_metadata(&at) else { return Ok(()) };
        if about.is_symlink() {
            let above = at.parent().unwrap_or(Path::new("/"));
            let above = above.metadata().map_err(failed("open the folder", above))?;
            if !trusted(about.uid()) && others_write(&above) {
                return Err(PlaceError::Link { mode: above.mode() & 0o7777, path: at });
            }
            at = whereabouts(&at);
        }
    }
    Ok(())
}

/// Where the words `SQLite format 3` stand, and the number by which its owner knows it.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const APPLICATION_ID: std::ops::Range<usize> = 68..72;

/// `application_id` of a ledger: the letters `orpl`.
pub(crate) const LEDGER_ID: u32 = 1_869_640_044;

/// Whether a file is a ledger of ours, whatever it is called.
fn is_ledger(path: &Path) -> bool {
    let mut head = [0; APPLICATION_ID.end];
    unfollowed(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && head.starts_with(MAGIC)
        && head[APPLICATION_ID] == LEDGER_ID.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn find(path: impl Into<PathBuf>) -> Result<Place, PlaceError> {
        Place::find(path.into(), &Protected::new())
    }

    #[test]
    fn what_is_no_ordinary_file_is_never_replaced() {
        assert!(matches!(find("/dev/null"), Err(PlaceError::Special(_))));
        assert!(matches!(find("/tmp"), Err(PlaceError::Folder(_))));
        assert!(matches!(find("/"), Err(PlaceError::Folder(_))));
    }

    #[test]
    fn a_link_is_followed_where_nobody_else_can_have_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("there.csv"), "").unwrap();
        symlink("there.csv", path("link.csv")).unwrap();
        symlink("link.csv", path("again.csv")).unwrap();
        symlink("nowhere.csv", path("dangling.csv")).unwrap();
        symlink("loop.csv", path("loop.csv")).unwrap();
        let real = folder.path().canonicalize().unwrap();
        assert_eq!(find(path("again.csv")).unwrap().real, real.join("there.csv"));
        assert_eq!(find(path("dangling.csv")).unwrap().real, real.join("nowhere.csv"));
        assert!(find(path("loop.csv")).is_err());
        let ours = Place::of_ours(path("link.csv"), &Protected::new()).unwrap();
        assert_eq!(ours.real, real.join("link.csv"), "a name of our own is not followed");
        for mode in [0o777, 0o1777, 0o775, 0o757] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            for name in ["link.csv", "again.csv", "dangling.csv", "loop.csv"] {
                assert!(matches!(find(path(name)), Err(PlaceError::Link { .. })), "{name} {mode:o}");
            }
            assert!(find(path("there.csv")).is_ok() && find(path("new.csv")).is_ok());
        }
    }

    #[test]
    fn an_output_is_written_through_no_link_but_those_of_the_folder_that_was_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("real/sub")).unwrap();
        fs::create_dir(path("elsewhere")).unwrap();
        fs::write(path("elsewhere/victim.csv"), "").unwrap();
        symlink("real", path("out")).unwrap();
        symlink(path("elsewhere"), path("real/night")).unwrap();
        symlink(path("elsewhere/victim.csv"), path("real/x.csv")).unwrap();
        symlink(path("elsewhere/nothing.csv"), path("real/sub/dangling.csv")).unwrap();
        let chosen = path("out");
        for (named, by, through) in [
            ("out/y.csv", NamedBy::Somebody, false),
            ("out/new/y.csv", NamedBy::Somebody, false),
            ("out/x.csv", NamedBy::Somebody, true),
            ("out/x.csv", NamedBy::Us, false),
            ("out/sub/dangling.csv", NamedBy::Somebody, true),
            ("out/night/y.csv", NamedBy::Somebody, true),
            ("out/night/y.csv", NamedBy::Us, true),
            ("out/night/new/y.csv", NamedBy::Somebody, true),
        ] {
            let asked = || Asked { named: path(named), by, chosen: &chosen, group: None };
            let none = Protected::new();
            for found in [
                Place::as_things_stand(asked(), &none),
                Place::would_be(asked(), &none),
                Place::of_output(asked(), &none),
            ] {
                let linked = matches!(found, Err(PlaceError::Linked(_)));
                assert!(linked == through && found.is_ok() != through, "{named}: {found:?}");
            }
        }
        assert_eq!(fs::read_dir(path("elsewhere")).unwrap().count(), 1);
    }

    #[test]
    fn what_the_program_lives_on_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut protected = Protected::new();
        protected.add(&path("orgpull.toml"), "the configuration");
        fs::write(path("orgpull.toml"), "").unwrap();
        symlink("orgpull.toml", path("link.csv")).unwrap();
        for name in ["orgpull.toml", "link.csv", "./orgpull.toml"] {
            let refused = Place::find(path(name), &protected).unwrap_err().to_string();
            assert!(refused.contains("it is the configuration"), "{refused}");
        }
        let mut ledger = MAGIC.to_vec();
        ledger.resize(APPLICATION_ID.start, 0);
        ledger.extend(LEDGER_ID.to_be_bytes());
        fs::write(path("copy.csv"), &ledger).unwrap();
        assert!(find(path("copy.csv")).unwrap_err().to_string().contains("a ledger of orgpull"));
    }
}
