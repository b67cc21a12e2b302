//! The folder of jobs: looked at again and again, and a file read only where it has changed.

use crate::config::Settings;
use crate::domain::pace::Rate;
use crate::job::check::{FileKind, kind};
use crate::job::files;
use crate::job::{Job, file};
use crate::problem::{FileError, read_text};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The jobs of a folder as they stand.
pub struct Folder {
    path: PathBuf,
    simulate: bool,
    files: BTreeMap<PathBuf, Known>,
}

/// A file as it was read.
struct Known {
    stamp: Option<Stamp>,
    found: Found,
}

/// By what a changed file is known.
type Stamp = (SystemTime, u64, u64);

enum Found {
    Job(Box<Job>),
    /// A configuration or a provider's file: none of ours.
    Other,
    Broken(FileError),
}

/// Files that all say they are one job. None of them is run, since nobody can tell which is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateJob {
    /// The name.
    pub job: String,
    /// The files.
    pub paths: Vec<PathBuf>,
}

impl std::fmt::Display for DuplicateJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        let (job, paths) = (&self.job, paths.join(" and "));
        write!(
            f,
            "{paths} are all called `{job}`: none of them is run until the others have names of their own"
        )
    }
}

impl Folder {
    /// A folder that was not looked at yet. With `simulate` its jobs keep no pace.
    pub fn new(path: &Path, simulate: bool) -> Self {
        Self { path: path.to_owned(), simulate, files: BTreeMap::new() }
    }

    /// Looks at it, and gives the files that have problems they did not have when it was last looked at. True where
    /// anything has changed.
    pub fn look(&mut self, settings: &Settings) -> Result<(bool, Vec<&FileError>), FileError> {
        self.path.metadata().map_err(|source| FileError::Unreadable { path: self.path.clone(), source })?;
        let paths = files(&self.path)?.into_iter().collect::<BTreeSet<PathBuf>>();
        let before = self.files.len();
        self.files.retain(|path, _| paths.contains(path));
        let mut changed = self.files.len() < before;
        let mut fresh = Vec::new();
        for path in paths {
            let stamp = stamp(&path);
            if self.files.get(&path).is_some_and(|known| known.stamp == stamp) {
                continue;
            }
            changed = true;
            let found = self.read(&path, settings);
            fresh.push(path.clone());
            self.files.insert(path, Known { stamp, found });
        }
        let broken = fresh.iter().filter_map(|path| match &self.files.get(path)?.found {
            Found::Broken(error) => Some(error),
            Found::Job(_) | Found::Other => None,
        });
        Ok((changed, broken.collect()))
    }

    /// Reads every file anew at the next look.
    pub fn forget(&mut self) {
        self.files.clear();
    }

    /// Its jobs, each of which has its name alone.
    pub fn jobs(&self) -> Vec<&Job> {
        self.by_name()
            .into_values()
            .filter_map(|jobs| if let [job] = *jobs { Some(job) } else { None })
            .collect()
    }

    /// Jobs that share a name.
    pub fn duplicates(&self) -> Vec<DuplicateJob> {
        let several = self.by_name().into_iter().filter(|(_, jobs)| jobs.len() > 1);
        let twice = several.map(|(name, jobs)| DuplicateJob {
            job: name.to_owned(),
            paths: jobs.iter().map(|job| job.path.clone()).collect(),
        });
        twice.collect()
    }

    /// How many of its files have problems.
    pub fn broken(&self) -> usize {
        self.files.values().filter(|known| matches!(known.found, Found::Broken(_))).count()
    }

    fn by_name(&self) -> BTreeMap<&str, Vec<&Job>> {
        let mut jobs: BTreeMap<&str, Vec<&Job>> = BTreeMap::new();
        for known in self.files.values() {
            if let Found::Job(job) = &known.found {
                jobs.entry(&job.name).or_default().push(job);
            }
        }
        jobs
    }

    fn read(&self, path: &Path, settings: &Settings) -> Found {
        let read = read_text(path).and_then(|text| {
            if kind(path, &text)? != FileKind::Job {
                return Ok(Found::Other);
            }
            let mut job = file::parse(path, &text, settings, self.simulate)?;
            if self.simulate {
                // The simulator's pace is its scenario's.
                job.rules.rate = Rate::Unlimited;
            }
            Ok(Found::Job(Box::new(job)))
        });
        read.unwrap_or_else(Found::Broken)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = path.metadata().ok()?;
    Some((meta.modified().ok()?, meta.len(), meta.ino()))
}
