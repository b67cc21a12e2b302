//! Where outputs go, and how they get there whole or not at all.

use crate::disk::{Asked, Group, GroupError, Mode, NamedBy, Place, PlaceError, Protected};
use crate::job::Output;
use std::io;
use std::path::PathBuf;

/// Why outputs cannot be written. No output file has been touched, unless renaming itself failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file cannot be put where it should be.
    #[error("{}", of_an_output(.0))]
    Place(#[from] PlaceError),
    /// It cannot be given to the group that is to read it.
    #[error("the output {}: {cause}", .path.display())]
    Group {
        /// The output.
        path: PathBuf,
        /// Why.
        cause: GroupError,
    },
    /// Two files would be one.
    #[error(
        "two files of this job would both be {}: give each output a `path` of its own (bad rows go to `.rejects.csv` \
         beside the first)",
        .0.display()
    )]
    SamePlace(PathBuf),
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
        "{} would have more than {} columns, one for each leaf of the answers, or names longer than a table can bear: choose \
         those you need with `columns`",
        .0.display(), super::MOST_LEAVES
    )]
    TooManyLeaves(PathBuf),
}

impl ExportError {
    /// Whether the job's file is to be mended, rather than the place to which outputs go.
    pub const fn is_jobs_fault(&self) -> bool {
        match self {
            Self::Group { .. }
            | Self::SameName { .. }
            | Self::NoCarry(_)
            | Self::NoLookup { .. }
            | Self::WhichLookup(_) => true,
            Self::Place(_) | Self::SamePlace(_) | Self::TooManyLeaves(_) => false,
        }
    }
}

/// Why an output cannot be put where it should be, and what to do in the job's file or on the disk.
fn of_an_output(error: &PlaceError) -> String {
    let remedy = match error {
        PlaceError::Folder(path) => {
            return format!("{} is a folder: give the output's `path` a file name", path.display());
        }
        PlaceError::Io { cause, .. } => match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room there and run the same command again (what the ledger holds is not bought again)"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "let this user write there, or give the output another `path`"
            }
            _ => "mend that and run the same command again (what the ledger holds is not bought again)",
        },
        // The others say it themselves.
        _ => return error.to_string(),
    };
    format!("{error}; {remedy}")
}

/// Where a file goes, and who may read it there.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) place: Place,
    pub(super) mode: Mode,
}

/// The places of all files of a job, no two the same.
pub(super) struct Places {
    /// In the job's order.
    pub(super) outputs: Vec<Target>,
    /// Beside the first output, and read by the same.
    pub(super) rejects: Option<Target>,
}

impl Places {
    /// Those of outputs with these paths. Makes folders that are missing.
    pub(super) fn find(
        outputs: &[Output],
        named: &[PathBuf],
        protected: &Protected,
    ) -> Result<Self, ExportError> {
        Self::each(outputs, named, |asked| Place::of_output(asked, protected))
    }

    /// The same without making anything, for a plan.
    pub(super) fn would_be(
        outputs: &[Output],
        named: &[PathBuf],
        protected: &Protected,
    ) -> Result<Self, ExportError> {
        Self::each(outputs, named, |asked| Place::would_be(asked, protected))
    }

    fn each(
        outputs: &[Output],
        named: &[PathBuf],
        find: impl Fn(Asked<'_>) -> Result<Place, PlaceError>,
    ) -> Result<Self, ExportError> {
        let modes = outputs.iter().zip(named).map(mode).collect::<Result<Vec<_>, _>>()?;
        let asked = |at: usize, named: PathBuf, by| Asked {
            named,
            by,
            chosen: outputs[at].chosen_folder(),
            group: modes[at].group(),
        };
        // A folder that several share is made for a group that reads one of them.
        for at in (0..modes.len()).filter(|at| modes[*at].group().is_some()) {
            find(asked(at, named[at].clone(), NamedBy::Somebody))?;
        }
        let mut taken: Vec<Place> = Vec::new();
        let mut apart = |at: usize, named: PathBuf, by| {
            let place = find(asked(at, named, by))?;
            if taken.iter().any(|other| other.is(&place)) {
                return Err(ExportError::SamePlace(place.named().to_owned()));
            }
            taken.push(place.clone());
            Ok(Target { place, mode: modes[at] })
        };
        let places = (0..modes.len()).map(|at| apart(at, named[at].clone(), NamedBy::Somebody));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        // Nobody has named it, so nobody has wished for a link there.
        let rejects = named.first().map(|first| Output::rejects_beside(first));
        let rejects = rejects.map(|named| apart(0, named, NamedBy::Us)).transpose()?;
        Ok(Self { outputs: places, rejects })
    }
}

/// Who may read an output that goes there.
fn mode((output, path): (&Output, &PathBuf)) -> Result<Mode, ExportError> {
    let group = output.group.as_deref().map(Group::find).transpose();
    let group = group.map_err(|cause| ExportError::Group { path: path.clone(), cause })?;
    Ok(Mode::Chosen { bits: output.mode, group })
}
