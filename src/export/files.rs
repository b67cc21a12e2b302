//! Where outputs go, and how they get there whole or not at all.

use crate::job::Output;
use crate::time;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Component, Path, PathBuf};
use tempfile::TempPath;

/// What fills the places in output paths: `{job}`, `{run}`, and `{date}` and `{time}` of the run's start.
#[derive(Debug, Clone, Copy)]
pub struct Naming<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The run's id.
    pub run: &'a str,
    /// When the run began, in milliseconds since 1970. Shown in Stockholm's time: `2026-03-01` and `023000`.
    pub started_ms: i64,
}

/// Why outputs cannot be written. No output file has been touched, unless renaming itself failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file system refused.
    #[error("cannot {action} {}: {cause}; {}", .path.display(), remedy(.cause))]
    Io {
        /// What we were doing, as in "cannot write".
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// There is a folder where the file should go.
    #[error("{} is a folder: give the output's `path` a file name", .0.display())]
    Folder(PathBuf),
    /// There is a device, a pipe or a socket where the file should go.
    #[error("{} is not an ordinary file and cannot be replaced: give the output another `path`", .0.display())]
    Special(PathBuf),
    /// Two files would be one.
    #[error(
        "two files of this job would both be {}: give each output a `path` of its own (bad rows go to `.rejects.csv` \
         beside the first)",
        .0.display()
    )]
    SamePlace(PathBuf),
    /// The file is one that the job needs.
    #[error("{} would be replaced, but it is read: write to another path", .0.display())]
    Kept(PathBuf),
    /// A name stands twice in an output.
    #[error(
        "two columns of {} would be called `{name}`: rename the one of yours, in `columns`, `carry` or the input",
        .path.display()
    )]
    SameName {
        /// The output.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A column to carry that the run does not have.
    #[error(
        "the run has no input column `{0}` to carry: only those that were in `carry` when it was loaded are kept"
    )]
    NoCarry(String),
    /// A chosen column names a lookup that is not there.
    #[error("column `{column}` is to come from lookup `{lookup}`, and the job has none of that id")]
    NoLookup {
        /// The column.
        column: String,
        /// The id it names.
        lookup: String,
    },
    /// A chosen column of a wide output does not say which lookup it comes from.
    #[error("column `{0}` of a wide output needs `lookup = \"…\"`, since the job has several")]
    WhichLookup(String),
    /// More leaves than a table can bear.
    #[error(
        "{} would have more than {} columns, one for each leaf of the answers: choose those you need with `columns`",
        .0.display(), super::MOST_LEAVES
    )]
    TooManyLeaves(PathBuf),
}

impl ExportError {
    /// Whether the job's file is to be mended, rather than the place to which outputs go.
    pub const fn is_jobs_fault(&self) -> bool {
        match self {
            Self::SameName { .. } | Self::NoCarry(_) | Self::NoLookup { .. } | Self::WhichLookup(_) => true,
            Self::Io { .. }
            | Self::Folder(_)
            | Self::Special(_)
            | Self::SamePlace(_)
            | Self::Kept(_)
            | Self::TooManyLeaves(_) => false,
        }
    }
}

fn remedy(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room there and run the same command again (answers are safe in the ledger and are not bought again)"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let this user write there, or give the output another `path`"
        }
        _ => {
            "mend that and run the same command again (answers are safe in the ledger and are not bought again)"
        }
    }
}

/// The place of one file.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// As the job names it.
    pub(super) named: PathBuf,
    /// Behind links: what is replaced.
    real: PathBuf,
}

/// The places of all files of a job, no two the same.
pub(super) struct Places {
    /// In the job's order.
    pub(super) outputs: Vec<Target>,
    /// Beside the first output.
    pub(super) rejects: Option<Target>,
}

impl Places {
    /// Resolves the paths and makes folders that are missing.
    pub(super) fn find(
        outputs: &[Output],
        naming: &Naming<'_>,
        keep: &[PathBuf],
    ) -> Result<Self, ExportError> {
        let named: Vec<_> = outputs.iter().map(|output| filled(&output.path, naming)).collect();
        let rejects = named.first().map(|first| Output::rejects_beside(first));
        let mut taken: BTreeSet<PathBuf> = BTreeSet::new();
        let kept: BTreeSet<PathBuf> = keep.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
        let mut place = |named: PathBuf| {
            let target = Target::find(named)?;
            if kept.contains(&target.real) {
                return Err(ExportError::Kept(target.named));
            }
            if !taken.insert(target.real.clone()) {
                return Err(ExportError::SamePlace(target.named));
            }
            Ok(target)
        };
        let outputs = named.into_iter().map(&mut place).collect::<Result<_, _>>()?;
        Ok(Self { outputs, rejects: rejects.map(place).transpose()? })
    }
}

impl Target {
    /// The place of one file of its own, which may be none of those that are kept.
    pub(super) fn apart(named: PathBuf, keep: &[PathBuf]) -> Result<Self, ExportError> {
        let target = Self::find(named)?;
        let kept = keep.iter().filter_map(|path| fs::canonicalize(path).ok()).any(|path| path == target.real);
        if kept { Err(ExportError::Kept(target.named)) } else { Ok(target) }
    }

    fn find(named: PathBuf) -> Result<Self, ExportError> {
        let Some(name) = named.file_name() else { return Err(ExportError::Folder(named)) };
        let folder = named.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed("create the folder", folder))?;
        let beside = fs::canonicalize(folder).map_err(failed("open the folder", folder))?.join(name);
        let real = fs::canonicalize(&beside).unwrap_or(beside);
        let target = Self { named, real };
        target.check()?;
        Ok(target)
    }

    /// Only an ordinary file may be replaced: a rename over `/dev/null` would be a disaster.
    fn check(&self) -> Result<(), ExportError> {
        match fs::metadata(&self.real) {
            Ok(there) if there.is_dir() => Err(ExportError::Folder(self.named.clone())),
            Ok(there) if !there.is_file() => Err(ExportError::Special(self.named.clone())),
            _ => Ok(()),
        }
    }

    fn folder(&self) -> &Path {
        self.real.parent().unwrap_or(Path::new("."))
    }

    pub(super) fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> ExportError + use<> {
        failed(action, &self.named)
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExportError + use<> {
    let path = path.to_owned();
    move |cause| ExportError::Io { action, path, cause }
}

/// The path with its places filled, in folder names too.
fn filled(path: &Path, naming: &Naming<'_>) -> PathBuf {
    let start = time::stockholm(naming.started_ms);
    let clock = format!("{:02}{:02}{:02}", start.hour(), start.minute(), start.second());
    let fill = |text: &str| {
        let text = text.replace("{job}", naming.job).replace("{run}", naming.run);
        text.replace("{date}", &start.date().to_string()).replace("{time}", &clock)
    };
    path.components()
        .map(|part| match part {
            Component::Normal(name) => {
                name.to_str().map_or_else(|| name.to_owned(), |name| fill(name).into())
            }
            other => other.as_os_str().to_owned(),
        })
        .collect()
}

/// A file that is being written under a hidden name beside its place. Dropped, it is gone.
pub(super) struct Draft {
    out: BufWriter<File>,
    temp: TempPath,
    target: Target,
}

/// A draft that is complete and on disk.
pub(super) struct Sealed {
    /// Kept open for its lock, until it has its final name.
    _file: File,
    temp: TempPath,
    target: Target,
}

/// What [`publish`] does to the files that are seen.
pub(super) enum Change {
    /// The draft takes its place.
    Put(Sealed),
    /// What stands there goes.
    Remove(Target),
}

/// How many characters `tempfile` puts into a name.
const RANDOM: usize = 6;
const ENDING: &str = ".part";
/// Bytes gathered before a write.
const BUFFER: usize = 64 * 1024;

impl Draft {
    /// Opens a file of mode 0600 in the target's folder, and clears away what a killed process left there.
    pub(super) fn create(target: Target) -> Result<Self, ExportError> {
        let mut prefix = OsString::from(".");
        prefix.push(target.real.file_name().unwrap_or_default());
        prefix.push(".");
        sweep(target.folder(), &prefix);
        let made = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(ENDING)
            .rand_bytes(RANDOM)
            .tempfile_in(target.folder())
            .map_err(target.failed("create"))?;
        let (file, temp) = made.into_parts();
        // The lock tells a living draft from a leftover. Where the file system has none, leftovers stay.
        drop(file.try_lock());
        Ok(Self { out: BufWriter::with_capacity(BUFFER, file), temp, target })
    }

    /// Brings everything to disk.
    pub(super) fn seal(self) -> Result<Sealed, ExportError> {
        let flushed = self.out.into_inner().map_err(io::IntoInnerError::into_error);
        let synced = flushed.and_then(|file| file.sync_all().map(|()| file));
        let file = synced.map_err(self.target.failed("write"))?;
        Ok(Sealed { _file: file, temp: self.temp, target: self.target })
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Removes drafts of the same file whose process is gone: they hold personal data and nobody would look for them.
fn sweep(folder: &Path, prefix: &OsString) {
    let length = prefix.len() + RANDOM + ENDING.len();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let bytes = name.as_encoded_bytes();
        let ours = bytes.len() == length
            && bytes.starts_with(prefix.as_encoded_bytes())
            && bytes.ends_with(ENDING.as_bytes());
        if ours && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            // A leftover that cannot be removed is no reason to write nothing.
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Puts complete files in their places, and brings the new names to disk.
pub(super) fn publish(changes: Vec<Change>) -> Result<(), ExportError> {
    for change in &changes {
        let (Change::Put(Sealed { target, .. }) | Change::Remove(target)) = change;
        target.check()?;
    }
    let mut folders = BTreeSet::new();
    for change in changes {
        let folder = match change {
            Change::Put(Sealed { temp, target, .. }) => {
                temp.persist(&target.real).map_err(|kept| target.failed("replace")(kept.error))?;
                target.folder().to_owned()
            }
            Change::Remove(target) => {
                match fs::remove_file(&target.real) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    done => done.map_err(target.failed("remove"))?,
                }
                target.folder().to_owned()
            }
        };
        folders.insert(folder);
    }
    for folder in folders {
        let synced = File::open(&folder).and_then(|open| open.sync_all());
        synced.map_err(failed("bring to disk the folder", &folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMING: Naming<'_> = Naming { job: "night", run: "r7", started_ms: 1_772_328_605_000 };

    fn target(path: PathBuf) -> Target {
        Target::find(path).unwrap()
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn places_in_paths_are_filled_in_stockholm_time() {
        let path = filled(Path::new("/a/{date}/{job}-{run}-{time}.csv"), &NAMING);
        assert_eq!(path, Path::new("/a/2026-03-01/night-r7-023005.csv"));
    }

    #[test]
    fn a_full_disk_says_so_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Draft::create(target(folder.path().join("x.csv"))).unwrap();
        draft.out = BufWriter::new(File::options().write(true).open("/dev/full").unwrap());
        draft.write_all(b"a row").unwrap();
        let error = draft.seal().err().unwrap().to_string();
        assert!(error.contains("x.csv") && error.contains("make room"), "{error}");
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn leftovers_of_a_dead_process_go_and_living_drafts_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".x.csv.abcdef.part", ".x.csv.mine.part", ".y.csv.abcdef.part"] {
            fs::write(folder.path().join(name), "left").unwrap();
        }
        let living = Draft::create(target(folder.path().join("x.csv"))).unwrap();
        drop(Draft::create(target(folder.path().join("x.csv"))).unwrap());
        let left = names(folder.path());
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(living.temp.exists() && !left.contains(&".x.csv.abcdef.part".into()), "{left:?}");
    }

    #[test]
    fn what_is_no_ordinary_file_is_never_replaced() {
        assert!(matches!(Target::find("/dev/null".into()), Err(ExportError::Special(_))));
        assert!(matches!(Target::find("/tmp".into()), Err(ExportError::Folder(_))));
        assert!(matches!(Target::find("/".into()), Err(ExportError::Folder(_))));
    }

    #[test]
    fn a_link_keeps_pointing_where_it_points() {
        let folder = tempfile::tempdir().unwrap();
        let (there, link) = (folder.path().join("there.csv"), folder.path().join("link.csv"));
        fs::write(&there, "old").unwrap();
        std::os::unix::fs::symlink(&there, &link).unwrap();
        let mut draft = Draft::create(target(link.clone())).unwrap();
        draft.write_all(b"new").unwrap();
        publish(vec![Change::Put(draft.seal().unwrap())]).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(there).unwrap(), "new");
    }
}
