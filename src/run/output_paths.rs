//! Where the files of a run go. A path that holds the newest run is left alone by an older one, and of a path with a day in
//! it each run of that day has one of its own.

use super::error::RunError;
use crate::export::naming::{Naming, Share, before_ending};
use crate::job::Output;
use crate::ledger::{Ledger, RunRow};
use std::path::{Path, PathBuf};

/// Where one output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputPath {
    /// The path that the job names, its places filled.
    pub(super) base: PathBuf,
    /// Where it goes: the same, or beside it.
    pub(super) path: PathBuf,
}

/// Whose files they are.
#[derive(Clone, Copy)]
pub(super) struct OutputPaths<'a> {
    pub(super) ledger: Option<&'a Ledger>,
    /// The run's id in the ledger; larger than any where it is not begun.
    pub(super) run: i64,
    pub(super) naming: Naming<'a>,
}

impl<'a> OutputPaths<'a> {
    /// Of a run in the ledger.
    pub(super) fn of(ledger: &'a Ledger, run: &'a RunRow) -> Self {
        Self { ledger: Some(ledger), run: run.id, naming: naming(run) }
    }

    /// Where the outputs of the job go; the places are `taken` for the run, or only looked for.
    pub(super) async fn places(&self, outputs: &[Output], taken: bool) -> Result<Vec<OutputPath>, RunError> {
        let mut places = Vec::with_capacity(outputs.len());
        for output in outputs {
            let base = self.naming.output(&output.path);
            let path = match Share::of(&output.path) {
                Share::Run => base.clone(),
                Share::Newest => self.newest(&base).await?,
                Share::Day => self.of_the_day(&base, taken).await?,
            };
            if let (true, Some(ledger)) = (taken, self.ledger) {
                ledger.take_output(self.run, &word(&base), &word(&path), false).await?;
            }
            places.push(OutputPath { base, path });
        }
        Ok(places)
    }

    /// The path itself, unless a newer run has written there.
    async fn newest(&self, base: &Path) -> Result<PathBuf, RunError> {
        let Some(ledger) = self.ledger else { return Ok(base.to_owned()) };
        // A part of the rows never takes the place of all, whatever path leads there.
        if self.naming.limit.is_some() && ledger.holds_a_whole_run(self.run, &word(base)).await? {
            return Ok(self.naming.set_aside(base));
        }
        Ok(match ledger.output_holder(self.run, &word(base)).await? {
            Some((holder, true)) if holder > self.run => self.naming.set_aside(base),
            _ => base.to_owned(),
        })
    }

    /// The run's own, else the first that no other run has and that is not there: `x.csv`, `x-2.csv`, `x-3.csv`.
    async fn of_the_day(&self, base: &Path, taken: bool) -> Result<PathBuf, RunError> {
        let name = word(base);
        if let Some(ledger) = self.ledger
            && let Some(own) = ledger.output_path(self.run, &name).await?
            && is_of_the_day(base, Path::new(&own))
        {
            return Ok(own.into());
        }
        let mut serial = 1_u32;
        loop {
            let path = if serial == 1 { base.to_owned() } else { before_ending(base, &format!("-{serial}")) };
            serial += 1;
            if path.symlink_metadata().is_ok() {
                continue;
            }
            let Some(ledger) = self.ledger else { return Ok(path) };
            let path_word = word(&path);
            if ledger.output_holder(self.run, &path_word).await?.is_some() {
                continue;
            }
            if !taken || ledger.take_output(self.run, &name, &path_word, true).await? {
                return Ok(path);
            }
        }
    }
}

/// Whether a path is one that a run of the day may have for this one. The ledger says in clear which, and somebody may have
/// written another there.
fn is_of_the_day(base: &Path, path: &Path) -> bool {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (own, other) = (stem(base), stem(path));
    let Some(serial) = other.strip_prefix(&own) else { return false };
    let digits = serial.strip_prefix('-').is_some_and(|digits| digits.parse::<u32>().is_ok());
    (serial.is_empty() || digits) && before_ending(base, serial) == path
}

/// What fills the places in output paths.
pub(super) fn naming(run: &RunRow) -> Naming<'_> {
    Naming {
        job: &run.job,
        run: &run.run,
        started_ms: run.started_at,
        limit: run.limit_rows.map(i64::unsigned_abs),
    }
}

/// A path as the ledger keeps it.
pub(super) fn word(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The paths alone.
pub(super) fn paths(places: &[OutputPath]) -> Vec<PathBuf> {
    places.iter().map(|place| place.path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_days_paths_no_other_is_taken_from_the_ledger() {
        let base = Path::new("/a/2026-03-01.csv");
        for path in ["/a/2026-03-01.csv", "/a/2026-03-01-2.csv", "/a/2026-03-01-17.csv"] {
            assert!(is_of_the_day(base, Path::new(path)), "{path}");
        }
        for path in [
            "/b/2026-03-01.csv",
            "/a/2026-03-01-x.csv",
            "/a/2026-03-01-2.json",
            "/a/2026-03-012.csv",
            "/a/../a/2026-03-01-2.csv",
            "/a/x.csv",
            "",
        ] {
            assert!(!is_of_the_day(base, Path::new(path)), "{path}");
        }
    }
}
