//! The outputs of a run, computed from the ledger alone.

use super::RunError;
use crate::config::Settings;
use crate::export::{Export, LookupHead, Naming, Setting, Written, preflight as preflight_outputs};
use crate::job::{Carry, Job, Origin, Output};
use crate::ledger::{Answers, Ledger, RunRow};
use std::path::PathBuf;

/// What outputs have to know besides the records, owned.
struct Facts {
    heads: Vec<LookupHead>,
    carry: Vec<String>,
    keep: Vec<PathBuf>,
}

impl Facts {
    fn new(run: &RunRow, job: &Job, settings: &Settings) -> Self {
        Self { heads: heads(run), carry: carry(run, job), keep: keep(job, settings) }
    }

    fn setting<'a>(&'a self, run: &'a RunRow, ledger: &'a Ledger) -> Setting<'a> {
        Setting {
            naming: setting_of(run),
            lookups: &self.heads,
            columns: &run.columns,
            carry: &self.carry,
            key: ledger.key(),
            keep: &self.keep,
        }
    }
}

/// Whether the outputs could be written, asked before anything is bought.
pub(super) fn preflight(
    run: &RunRow,
    job: &Job,
    settings: &Settings,
    ledger: &Ledger,
) -> Result<(), RunError> {
    let facts = Facts::new(run, job, settings);
    Ok(preflight_outputs(&job.outputs, &facts.setting(run, ledger))?)
}

/// Writes outputs of a run, each whole or not at all.
pub async fn export(
    ledger: &Ledger,
    run: &RunRow,
    job: &Job,
    settings: &Settings,
    outputs: &[Output],
) -> Result<Vec<Written>, RunError> {
    let facts = Facts::new(run, job, settings);
    let mut export = Export::begin(outputs, &facts.setting(run, ledger))?;
    let changes = outputs.iter().any(|output| output.changes);
    let answers = if changes { Answers::WithEarlier } else { Answers::Own };
    let mut records = ledger.records(run.id, answers).await?;
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
