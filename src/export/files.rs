//! Where outputs go, and how they get there whole or not at all.

use crate::disk::{Place, PlaceError, Protected};
use crate::job::Output;
use crate::time;
use std::io;
use std::path::{Component, Path, PathBuf};

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
    /// The file cannot be put where it should be.
    #[error("{}", of_an_output(.0))]
    Place(#[from] PlaceError),
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

/// The places of all files of a job, no two the same.
pub(super) struct Places {
    /// In the job's order.
    pub(super) outputs: Vec<Place>,
    /// Beside the first output.
    pub(super) rejects: Option<Place>,
}

impl Places {
    /// Resolves the paths and makes folders that are missing.
    pub(super) fn find(
        outputs: &[Output],
        naming: &Naming<'_>,
        protected: &Protected,
    ) -> Result<Self, ExportError> {
        let named: Vec<_> = outputs.iter().map(|output| filled(&output.path, naming)).collect();
        let rejects = named.first().map(|first| Output::rejects_beside(first));
        let mut taken: Vec<Place> = Vec::new();
        let mut apart = |place: Place| {
            if taken.iter().any(|other| other.is(&place)) {
                return Err(ExportError::SamePlace(place.named().to_owned()));
            }
            taken.push(place.clone());
            Ok(place)
        };
        let outputs =
            named.into_iter().map(|named| apart(Place::find(named, protected)?)).collect::<Result<_, _>>()?;
        // Nobody has named it, so nobody has wished for a link there.
        let rejects = rejects.map(|named| apart(Place::of_ours(named, protected)?)).transpose()?;
        Ok(Self { outputs, rejects })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const NAMING: Naming<'_> = Naming { job: "night", run: "r7", started_ms: 1_772_328_605_000 };

    #[test]
    fn places_in_paths_are_filled_in_stockholm_time() {
        let path = filled(Path::new("/a/{date}/{job}-{run}-{time}.csv"), &NAMING);
        assert_eq!(path, Path::new("/a/2026-03-01/night-r7-023005.csv"));
    }
}
