//! What each command does, in a few lines each: the work is in the other rooms.

pub(super) mod export;
pub(super) mod other;
pub(super) mod read;
pub(super) mod run;

use super::args::Place;
use super::{Desk, Failure};
use crate::config::{SIMULATOR, Settings};
use crate::domain::pace::Rate;
use crate::job::{Job, Origin, file};
use crate::ledger::{Ledger, RunRow};
use std::path::{Path, PathBuf};

/// The job of a file.
fn load_job(path: &Path, settings: &Settings, simulate: bool) -> Result<Job, Failure> {
    let mut job = file::load(path, settings)?;
    if simulate {
        unpaced(&mut job);
    }
    Ok(job)
}

/// What `--input` names.
fn origin(place: &Place) -> Origin {
    match place {
        Place::Stream => Origin::Stdin,
        Place::File(path) => Origin::Path(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
    }
}

/// The simulator's pace is its scenario's, whatever the job asks of a real account.
fn unpaced(job: &mut Job) {
    job.rules.rate = Rate::Unlimited;
}

/// The job of a run: its file as it stands, or the ledger's copy where the file is gone.
fn job_of(run: &RunRow, settings: &Settings, desk: &Desk) -> Result<Job, Failure> {
    let path = PathBuf::from(&run.job_path);
    let simulate = run.environment == SIMULATOR;
    let mut job = if path.exists() {
        file::load(&path, settings)?
    } else {
        desk.console.line(&format!("warning: {} is gone: the ledger's copy of it is used", path.display()));
        file::parse(&path, &run.job_text, settings, simulate).map_err(crate::problem::FileError::from)?
    };
    if simulate {
        unpaced(&mut job);
    }
    Ok(job)
}

/// The one run that a word means.
async fn one_run(ledger: &Ledger, word: &str) -> Result<RunRow, Failure> {
    let mut found = ledger.find(word).await?;
    match found.len() {
        0 => Err(Failure::Usage(format!("no run is called `{word}`: `orgpull runs` lists them"))),
        1 => Ok(found.remove(0)),
        several => {
            Err(Failure::Usage(format!("`{word}` begins the ids of {several} runs or more: give more of it")))
        }
    }
}
