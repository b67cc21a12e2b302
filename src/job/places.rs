//! Where jobs write, held against one another and against what the program lives on, before any of them has run.
//!
//! An output's path is a template, and two templates can come to one path: `{date}.csv` and `2026-03-01.csv`, or the same
//! path in two jobs. What stands in for a place is always as long: an id of a run has ten characters, a date ten, a time
//! six. So each path is a row of classes of characters, and two can be one where each pair of classes has a character in
//! common. Links and spellings are taken out first, as far as the folders are there.

use super::{Job, Output};
use crate::disk::{Asked, Group, NamedBy, Place, PlaceError, Protected, whereabouts};
use crate::problem::{Problem, Problems};
use crate::shape::{Document, JOB};
use crate::time::{now_ms, stockholm_date};
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How many characters a run's id has, and which (`ledger::run_id`).
const RUN: usize = 10;
const RUN_ALPHABET: &str = "0123456789abcdefghjkmnpqrstvwxyz";

/// What a character of a path can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// This one.
    One(char),
    /// A digit of a date or a time.
    Digit,
    /// The character at this place of the id of a run of this job.
    Run(usize, usize),
}

impl Class {
    /// Whether there is a character that is of both.
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::One(one), Self::One(other)) => one == other,
            (Self::One(one), Self::Digit) | (Self::Digit, Self::One(one)) => one.is_ascii_digit(),
            (Self::One(one), Self::Run(..)) | (Self::Run(..), Self::One(one)) => RUN_ALPHABET.contains(one),
            // No two runs share an id, and one has the same wherever it stands.
            (Self::Run(job, at), Self::Run(other, there)) => at != there || job == other,
            (Self::Digit, Self::Digit | Self::Run(..)) | (Self::Run(..), Self::Digit) => true,
        }
    }
}

/// A file that some run of a job writes.
struct Written<'j> {
    job: &'j Job,
    /// Which output of the job, from 0; of its rejects, which stand beside it, the first.
    output: usize,
    rejects: bool,
    path: Vec<Class>,
}

/// What is wrong with the places of these jobs' outputs, file by file: what would take the place of something that is
/// protected, and what would take turns with another output. A job that is given twice is one.
pub(super) fn clashes(jobs: &[&Job], protected: &Protected) -> Vec<Problems> {
    let mut known = BTreeSet::new();
    let jobs: Vec<&Job> = jobs.iter().copied().filter(|job| known.insert(whereabouts(&job.path))).collect();
    let written: Vec<Written<'_>> = jobs.iter().enumerate().flat_map(|(at, job)| of_job(at, job)).collect();
    let mut found = Vec::new();
    for job in &jobs {
        let protected = protected.clone().and(job.protected());
        let mut list = Vec::new();
        for (at, one) in written.iter().enumerate().filter(|(_, one)| one.job.path == job.path) {
            let what = protected.places().find(|(place, _)| meet(&one.path, &literal(place)));
            if let Some(what) = what.map(|(_, what)| what).or_else(|| one.named(&protected)) {
                list.push(one.problem(format!("{} can take the place of a file that is {what}", one.word())));
            } else if let Some(refused) = one.refused() {
                let what = format!("{} cannot be written: {refused}", one.word());
                list.push(Problem { help: None, ..one.problem(what) });
            }
            list.extend(one.ungiven());
            // Of two in one job the later is told, as the file is read from top to bottom.
            let mut others = written.iter().enumerate().filter(|(other, _)| other != &at);
            let clash = others
                .find(|(other, two)| (two.job.path != job.path || *other < at) && meet(&one.path, &two.path));
            if let Some((_, two)) = clash {
                list.push(one.problem(format!(
                    "{} can be the same file as {}",
                    one.word(),
                    two.as_other(job)
                )));
            }
        }
        if !list.is_empty() {
            found.push(Problems::new(&job.path, &job.text, list));
        }
    }
    found
}

/// Outputs that have a group, which their mode lets read nothing.
pub(super) fn unread(job: &Job) -> impl Iterator<Item = String> {
    job.outputs.iter().filter(|output| output.mode & 0o040 == 0).filter_map(|output| {
        let (group, mode) = (output.group.as_ref()?, output.mode);
        let path = output.path.display();
        Some(format!("{path}: group `{group}` cannot read it (mode {mode:04o}): mode = \"0640\" lets it"))
    })
}

fn of_job(at: usize, job: &Job) -> Vec<Written<'_>> {
    let path = |path: &Path| classes(at, &whereabouts(&named(job, path)));
    let outputs = job.outputs.iter().enumerate().map(|(output, of)| Written {
        job,
        output,
        rejects: false,
        path: path(&of.path),
    });
    let rejects = job.outputs.first().map(|first| Written {
        job,
        output: 0,
        rejects: true,
        path: path(&Output::rejects_beside(&first.path)),
    });
    outputs.chain(rejects).collect()
}

/// The path with the job's own name in it, which is the same for each run.
fn named(job: &Job, path: &Path) -> PathBuf {
    path.to_string_lossy().replace("{job}", &job.name).into()
}

fn classes(job: usize, path: &Path) -> Vec<Class> {
    let text = path.to_string_lossy();
    let (mut rest, mut classes) = (&*text, Vec::new());
    while let Some(next) = rest.chars().next() {
        let places: [(&str, Vec<Class>); 3] = [
            ("{run}", (0..RUN).map(|at| Class::Run(job, at)).collect()),
            ("{date}", "0000-00-00".chars().map(any_digit).collect()),
            ("{time}", vec![Class::Digit; 6]),
        ];
        let place = places.into_iter().find_map(|(place, stands)| Some((rest.strip_prefix(place)?, stands)));
        if let Some((behind, stands)) = place {
            classes.extend(stands);
            rest = behind;
        } else {
            classes.push(Class::One(next));
            rest = &rest[next.len_utf8()..];
        }
    }
    classes
}

fn any_digit(c: char) -> Class {
    if c == '0' { Class::Digit } else { Class::One(c) }
}

fn literal(path: &Path) -> Vec<Class> {
    path.to_string_lossy().chars().map(Class::One).collect()
}

fn meet(one: &[Class], other: &[Class]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.meets(*other))
}

impl Written<'_> {
    /// What it is, where nothing is left open in its path.
    fn named(&self, protected: &Protected) -> Option<&'static str> {
        let mut path = String::new();
        for class in &self.path {
            let Class::One(c) = class else { return None };
            path.push(*c);
        }
        protected.what(Path::new(&path))
    }

    /// Why a run could not put it where its path leads today, by what stands there. What only its user may look at is not told.
    fn refused(&self) -> Option<PlaceError> {
        let output = self.job.outputs.get(self.output)?;
        let template = if self.rejects { Output::rejects_beside(&output.path) } else { output.path.clone() };
        let path = named(self.job, &template).to_string_lossy().into_owned();
        let day = stockholm_date(now_ms()).to_string();
        let path =
            path.replace("{run}", &"0".repeat(RUN)).replace("{date}", &day).replace("{time}", "000000");
        let by = if self.rejects { NamedBy::Us } else { NamedBy::Somebody };
        let asked = Asked { named: path.into(), by, chosen: output.chosen_folder(), group: None };
        let refused = Place::as_things_stand(asked, &Protected::new()).err()?;
        let hidden = refused.cause().is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied);
        (!hidden).then_some(refused)
    }

    fn word(&self) -> &'static str {
        if self.rejects { "the rejects file beside this output" } else { "this output" }
    }

    fn as_other(&self, job: &Job) -> String {
        let which = match (self.rejects, self.output) {
            (true, _) => "the rejects file beside the first output".to_owned(),
            (false, at) => format!("output {}", at + 1),
        };
        if self.job.path == job.path {
            which
        } else {
            format!("{which} of job `{}` ({})", self.job.name, self.job.path.display())
        }
    }

    fn problem(&self, message: String) -> Problem {
        Problem::new(self.place("path"), message).help("give each output a path of its own")
    }

    /// Why it cannot be given to its group.
    fn ungiven(&self) -> Option<Problem> {
        let group = self.job.outputs.get(self.output)?.group.as_deref().filter(|_| !self.rejects)?;
        let refused = Group::find(group).err()?;
        Some(Problem::new(self.place("group"), refused.to_string()))
    }

    fn place(&self, key: &str) -> Range<usize> {
        let place = Document::parse(&self.job.path, &self.job.text).ok().and_then(|document| {
            let outputs = document.view(&JOB).tables("output");
            Some(outputs.get(self.output)?.place(key))
        });
        place.unwrap_or(0..0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(one: &str, other: &str) -> bool {
        let (one, other) = (classes(0, Path::new(one)), classes(1, Path::new(other)));
        let met = meet(&one, &other);
        assert_eq!(met, meet(&other, &one));
        met
    }

    #[test]
    fn templates_that_can_come_to_one_path() {
        for (one, other) in [
            ("/a/x.csv", "/a/x.csv"),
            ("/a/{date}.csv", "/a/{date}.csv"),
            ("/a/{date}.csv", "/a/2026-03-01.csv"),
            ("/a/{date}-{time}.csv", "/a/2026-03-01-023000.csv"),
            ("/a/{run}.csv", "/a/{date}.csv".replace("{date}", "0123456789").as_str()),
            ("/a/x{time}.csv", "/a/x{time}.csv"),
            ("/{date}/a.csv", "/2026-03-01/a.csv"),
        ] {
            assert!(meets(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("/a/x.csv", "/a/y.csv"),
            ("/a/{run}.csv", "/a/{run}.csv"),
            ("/a/{date}.csv", "/a/2026-3-1.csv"),
            ("/a/{date}.csv", "/a/{time}.csv"),
            ("/a/{date}.csv", "/a/{run}.csv"),
            ("/a/x-{date}.csv", "/a/y-{date}.csv"),
            ("/a/{run}.csv", "/a/iiiiiiiiii.csv"),
        ] {
            assert!(!meets(one, other), "{one} {other}");
        }
        let twice = [classes(0, Path::new("/a/{run}.csv")), classes(0, Path::new("/a/{run}.csv"))];
        assert!(meet(&twice[0], &twice[1]), "two outputs of one run");
    }
}
