//! The outputs of a run, computed from the ledger alone.

use super::RunError;
use crate::config::Settings;
use crate::export::{Export, LookupHead, Naming, Setting, Written, preflight as preflight_outputs};
use crate::job::{Carry, Job, Origin, Output};
use crate::ledger::{Ledger, RunRow};
use std::path::PathBuf;

/// The outputs that a job asks for.
pub fn run_outputs(job: &Job) -> Vec<Output> {
    job.outputs.clone()
}

/// Whether the outputs could be written, asked before anything is bought.
pub(super) fn preflight(
    run: &RunRow,
    job: &Job,
    settings: &Settings,
    ledger: &Ledger,
) -> Result<(), RunError> {
    let heads = heads(run);
    let (carry, keep) = (carry(run, job), keep(job, settings));
    let setting = Setting {
        naming: setting_of(run),
        lookups: &heads,
        columns: &run.columns,
        carry: &carry,
        key: ledger.key(),
        keep: &keep,
    };
    Ok(preflight_outputs(&job.outputs, &setting)?)
}

/// Writes outputs of a run, each whole or not at all.
pub async fn export(
    ledger: &Ledger,
    run: &RunRow,
    job: &Job,
    settings: &Settings,
    outputs: &[Output],
) -> Result<Vec<Written>, RunError> {
    let heads = heads(run);
    let (carry, keep) = (carry(run, job), keep(job, settings));
    let setting = Setting {
        naming: setting_of(run),
        lookups: &heads,
        columns: &run.columns,
        carry: &carry,
        key: ledger.key(),
        keep: &keep,
    };
    let mut export = Export::begin(outputs, &setting)?;
    let mut records = ledger.records(run.id, true).await?;
    if export.needs_discovery() {
        while let Some(page) = records.page().await? {
            page.iter().try_for_each(|record| export.discover(record))?;
        }
        records.rewind();
    }
    while let Some(page) = records.page().await? {
        page.iter().try_for_each(|record| export.write(record))?;
    }
    Ok(export.finish()?)
}

/// What fills the places in output paths.
pub(super) fn setting_of(run: &RunRow) -> Naming<'_> {
    Naming { job: &run.job, run: &run.run, started_ms: run.started_at }
}

fn heads(run: &RunRow) -> Vec<LookupHead> {
    run.steps.iter().map(|(id, service)| LookupHead { id: id.clone(), service: service.clone() }).collect()
}

/// The columns that the outputs show: those that the job carries, of those that were copied.
fn carry(run: &RunRow, job: &Job) -> Vec<String> {
    match &job.input.carry {
        Carry::All => run.columns.clone(),
        Carry::Columns(columns) => columns.clone(),
    }
}

/// Files that no output may replace.
pub(super) fn keep(job: &Job, settings: &Settings) -> Vec<PathBuf> {
    let mut keep = vec![job.path.clone(), settings.database.clone()];
    keep.extend(settings.path.clone());
    if let Origin::Path(path) = &job.input.origin {
        keep.push(path.clone());
    }
    keep
}
