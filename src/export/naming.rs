//! How output files are called: the places in their paths filled, and what tells the files of several runs apart.

use crate::time;
use std::ffi::OsString;
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
    /// `--limit`, where the run is of the first rows only: its files stand beside those of whole runs.
    pub limit: Option<u64>,
}

/// Whose a path is, by the places in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// One run's: `{run}` stands in it.
    Run,
    /// Several runs of a day may mean it, each of which keeps what it wrote: `{date}` or `{time}` stands in it.
    Day,
    /// It holds the newest run.
    Newest,
}

impl Share {
    /// Of a path as the job names it.
    pub fn of(path: &Path) -> Self {
        let text = path.to_string_lossy();
        match text {
            text if text.contains("{run}") => Self::Run,
            text if text.contains("{date}") || text.contains("{time}") => Self::Day,
            _ => Self::Newest,
        }
    }
}

impl Naming<'_> {
    /// The path with its places filled, in folder names too.
    pub fn fill(&self, path: &Path) -> PathBuf {
        let start = time::stockholm(self.started_ms);
        let clock = format!("{:02}{:02}{:02}", start.hour(), start.minute(), start.second());
        let fill = |text: &str| {
            let text = text.replace("{job}", self.job).replace("{run}", self.run);
            one_part(&text.replace("{date}", &start.date().to_string()).replace("{time}", &clock))
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

    /// The same for an output of the job: a run of the first rows says so before the ending.
    pub fn output(&self, path: &Path) -> PathBuf {
        let filled = self.fill(path);
        match self.limit {
            Some(limit) => before_ending(&filled, &format!("-first-{limit}")),
            None => filled,
        }
    }

    /// The same where a newer run has the place.
    pub fn set_aside(&self, path: &Path) -> PathBuf {
        before_ending(path, &format!("-{}", self.run))
    }
}

/// What is filled in stays one name in its folder. Names of jobs and runs are, as we take them; yet they come out of a ledger
/// that somebody may have written to.
fn one_part(text: &str) -> String {
    if matches!(text, "." | "..") { "_".repeat(text.len()) } else { text.replace(['/', '\0'], "_") }
}

/// A path with these characters before its ending: `out/x.csv` and `-2` is `out/x-2.csv`.
pub fn before_ending(path: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(what);
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMING: Naming<'_> = Naming { job: "night", run: "r7", started_ms: 1_772_328_605_000, limit: None };

    #[test]
    fn places_in_paths_are_filled_in_stockholm_time() {
        let path = NAMING.output(Path::new("/a/{date}/{job}-{run}-{time}.csv"));
        assert_eq!(path, Path::new("/a/2026-03-01/night-r7-023005.csv"));
        // The run began before midnight, and its files keep that day.
        let late = Naming { started_ms: 1_772_319_599_000, ..NAMING };
        assert_eq!(late.output(Path::new("/a/{date}.csv")), Path::new("/a/2026-02-28.csv"));
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for (job, named) in [
            ("../../x", "/a/.._.._x/.._.._x.csv"),
            ("/etc/x", "/a/_etc_x/_etc_x.csv"),
            ("..", "/a/__/...csv"),
            (".", "/a/_/..csv"),
            ("x\0y", "/a/x_y/x_y.csv"),
        ] {
            let path = Naming { job, ..NAMING }.output(Path::new("/a/{job}/{job}.csv"));
            assert_eq!(path, Path::new(named), "{job:?}");
        }
    }

    #[test]
    fn a_run_of_the_first_rows_says_so_before_the_ending() {
        let first = Naming { limit: Some(10), ..NAMING };
        for (path, named) in [
            ("/a/x.csv", "/a/x-first-10.csv"),
            ("/a/x.v2.csv", "/a/x.v2-first-10.csv"),
            ("/a/x", "/a/x-first-10"),
            ("/a/{date}/x.jsonl", "/a/2026-03-01/x-first-10.jsonl"),
            ("/a/{run}.csv", "/a/r7-first-10.csv"),
        ] {
            assert_eq!(first.output(Path::new(path)), Path::new(named));
        }
        assert_eq!(NAMING.set_aside(Path::new("/a/x.csv")), Path::new("/a/x-r7.csv"));
    }

    #[test]
    fn whose_a_path_is() {
        for (path, share) in [
            ("/a/x.csv", Share::Newest),
            ("/a/{job}.csv", Share::Newest),
            ("/a/{date}/x.csv", Share::Day),
            ("/a/{job}-{time}.csv", Share::Day),
            ("/{date}/{run}.csv", Share::Run),
        ] {
            assert_eq!(Share::of(Path::new(path)), share, "{path}");
        }
    }
}
