//! What may not differ between a run and the job that goes on with it.

use super::decide::accounts::{Used, environment};
use super::decide::prepared::steps;
use super::error::RunError;
use crate::config::Settings;
use crate::job::{Input, Job, Origin};
use crate::ledger::{Ledger, RunRow};

/// What may not differ from when the run began: pending lookups follow the job file as it stands, but where they are asked
/// and which services are asked stays.
pub(super) fn same_questions(settings: &Settings, job: &Job, run: &RunRow) -> Result<(), RunError> {
    let environment = environment(Used::of(settings, job)?.each());
    if environment != run.environment {
        let was = &run.environment;
        return Err(RunError::Changed(format!(
            "run {} belongs to environment {was}, and the configuration now says {environment}",
            run.run
        )));
    }
    if steps(job) != run.steps {
        return Err(RunError::Changed(format!(
            "the lookups of job {} (ids or services) have changed since run {} began",
            job.name, run.run
        )));
    }
    Ok(())
}

/// A continued run reads no input, so a job or a command line that now names another must not seem to be obeyed.
pub(super) fn same_input(
    ledger: &Ledger,
    job: &Job,
    run: &RunRow,
    given: Option<&Origin>,
) -> Result<(), RunError> {
    if input_digest(ledger, &job.input) != run.input_digest {
        return Err(RunError::Changed(format!(
            "the [input] of job {} has changed since run {} began",
            job.name, run.run
        )));
    }
    if given.is_some_and(|origin| Some(given_digest(ledger, job, origin)) != run.input_given) {
        return Err(RunError::Changed(format!("run {} was begun with another --input", run.run)));
    }
    Ok(())
}

pub(super) fn missing_column(lookup: &str, column: &str, run: &RunRow) -> RunError {
    RunError::Changed(format!(
        "lookup `{lookup}` now needs column `{column}`, which run {} did not copy",
        run.run
    ))
}

/// A digest of what `[input]` says, under which a continued run knows it again.
pub(super) fn input_digest(ledger: &Ledger, input: &Input) -> String {
    let said = input.identity();
    ledger.key().hex("input", &said.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The same for `--input`.
pub(super) fn given_digest(ledger: &Ledger, job: &Job, origin: &Origin) -> String {
    input_digest(ledger, &Input { origin: origin.clone(), ..job.input.clone() })
}
