//! What each command does, in a few lines each: the work is in the other rooms.

pub(super) mod access;
pub(super) mod audit;
pub(super) mod backup;
pub(super) mod catalogue;
mod consent;
pub(super) mod doctor;
mod driving;
pub(super) mod export;
mod folder;
pub(super) mod forget;
mod install;
pub(super) mod jobs;
pub(super) mod key;
pub(super) mod other;
pub(super) mod purge;
pub(super) mod read;
pub(super) mod reconcile;
pub(super) mod restore;
pub(super) mod run;
pub(super) mod schedule;
mod simulated;
pub(super) mod spend;
mod subject;

use super::args::PathOrStream;
use super::{Failure, Invocation};
use crate::config::{Account, SIMULATOR, Settings};
use crate::disk::Protected;
use crate::domain::pace::Rate;
use crate::domain::redact::scrub;
use crate::job::{Job, Origin, file};
use crate::ledger::{Ledger, RunRow};
use crate::problem::FileError;
use crate::shape::{nearest, suggestion};
use std::path::Path;

/// The job of a file.
fn load_job(path: &Path, settings: &Settings, simulate: bool) -> Result<Job, Failure> {
    let mut job = file::load(path, settings)?;
    if simulate {
        unpaced(&mut job);
    }
    Ok(job)
}

/// What `--input` names.
fn origin(place: &PathOrStream) -> Origin {
    match place {
        PathOrStream::Stream => Origin::Stdin,
        PathOrStream::File(path) => Origin::Path(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
    }
}

/// The simulator's pace is its scenario's, whatever the job asks of a real account.
fn unpaced(job: &mut Job) {
    job.rules.rate = Rate::Unlimited;
}

/// The job of a run: its file as it stands, or the ledger's copy where the file is gone.
fn job_of(run: &RunRow, settings: &Settings, invocation: &Invocation) -> Result<Job, Failure> {
    let path = Path::new(&run.job_path);
    if !path.exists() {
        let job = ledgers_copy(run, settings)?;
        invocation.warn("job-file", format!("{} is gone: the ledger's copy of it is used", path.display()));
        return Ok(job);
    }
    let mut job = file::load(path, settings)?;
    if run.environment == SIMULATOR {
        unpaced(&mut job);
    }
    Ok(job)
}

/// The same for an export, which asks nothing: a file that is being mended keeps no answer back.
fn job_to_export(run: &RunRow, settings: &Settings, invocation: &Invocation) -> Result<Job, Failure> {
    let refused = match job_of(run, settings, invocation) {
        Err(refused) if Path::new(&run.job_path).exists() => refused,
        done => return done,
    };
    // What is wrong with the file as it stands says more than what is wrong with an older one.
    let Ok(job) = ledgers_copy(run, settings) else { return Err(refused) };
    let why = "cannot be used (`orgpull check` says why): the ledger's copy of it is used";
    invocation.warn("job-file", format!("{} {why}", run.job_path));
    Ok(job)
}

/// The job as its file was when the run began.
fn ledgers_copy(run: &RunRow, settings: &Settings) -> Result<Job, Failure> {
    if run.job_text.is_empty() {
        let text = format!(
            "the ledger's copy of the job of run {} is gone or damaged: put {} back",
            run.run, run.job_path
        );
        return Err(Failure::Usage(text));
    }
    let simulate = run.environment == SIMULATOR;
    let parsed = file::parse(Path::new(&run.job_path), &run.job_text, settings, simulate);
    let mut job = parsed.map_err(FileError::from)?;
    if simulate {
        unpaced(&mut job);
    }
    Ok(job)
}

/// What nothing may take the place of that is written beside jobs and not by them: what the configuration lives on, and the
/// files and inputs of every job that has run on the ledger.
async fn protected(settings: &Settings, ledger: &Ledger) -> Protected {
    let mut protected = settings.protected.clone();
    // A ledger that does not read must not keep a copy of it from being made.
    for path in ledger.job_files().await.unwrap_or_default() {
        let path = Path::new(&path);
        match file::load(path, settings) {
            Ok(job) => protected = protected.and(job.protected()),
            Err(_) => protected.add(path, "a job file"),
        }
    }
    protected
}

/// Runs whose jobs may have been meant by a name that none has.
const KNOWN: i64 = 200;

/// The account of that name.
fn named_account<'s>(settings: &'s Settings, name: &str) -> Result<&'s Account, Failure> {
    settings.accounts.get(name).ok_or_else(|| {
        let known = suggestion(name, settings.accounts.keys().map(String::as_str));
        Failure::Usage(format!("the configuration has no [providers.{name}]: {known}"))
    })
}

/// The one run that a word means.
async fn one_run(ledger: &Ledger, word: &str) -> Result<RunRow, Failure> {
    let mut found = ledger.find(word).await?;
    match found.len() {
        // What was typed may be a number by mistake.
        0 => {
            let jobs: Vec<String> = ledger.recent(KNOWN).await?.into_iter().map(|run| run.job).collect();
            let near = nearest(word, jobs.iter().map(String::as_str));
            let meant = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            Err(Failure::Usage(format!(
                "no run is called `{}`: {meant}`orgpull runs` lists them",
                scrub(word)
            )))
        }
        1 => Ok(found.remove(0)),
        several => {
            Err(Failure::Usage(format!("`{word}` begins the ids of {several} runs or more: give more of it")))
        }
    }
}

#[cfg(test)]
mod tests;
