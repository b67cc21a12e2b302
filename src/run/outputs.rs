//! The outputs of a run, computed from the ledger alone.

use super::RunError;
use super::begin::{accounts, requestors};
use super::prepared::{On, Prepared, Resolved, service_name};
use crate::config::Settings;
use crate::disk::Protected;
use crate::domain::outcome::Outcome;
use crate::domain::record::Record;
use crate::export::{Export, LookupHead, Naming, Setting, Written, preflight as preflight_outputs};
use crate::job::{Carry, Job, Output, Step};
use crate::ledger::{Answers, Ledger, Records, RunRow};

/// What outputs have to know besides the records, owned.
struct Facts {
    heads: Vec<LookupHead>,
    carry: Vec<String>,
    protected: Protected,
}

impl Facts {
    fn new(run: &RunRow, job: &Job, settings: &Settings) -> Self {
        Self { heads: heads(run), carry: carry(run, job), protected: protected(job, settings) }
    }

    fn setting<'a>(&'a self, run: &'a RunRow, ledger: &'a Ledger) -> Setting<'a> {
        Setting {
            naming: setting_of(run),
            lookups: &self.heads,
            columns: &run.columns,
            carry: &self.carry,
            key: ledger.key(),
            protected: &self.protected,
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

/// Rows whose skipped lookups are filled in together: an answer may be large.
const AT_ONCE: usize = 16;

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
    let skipped = skipped(ledger, run, job, settings, outputs).await?;
    let changes = outputs.iter().any(|output| output.changes);
    let answers = if changes { Answers::WithEarlier } else { Answers::Own };
    let mut records = ledger.records(run.id, answers).await?;
    if export.needs_discovery() {
        while let Some(mut page) = records.page().await? {
            for some in page.chunks_mut(AT_ONCE) {
                fill_skipped(&mut records, skipped.as_ref(), some).await?;
                some.iter().try_for_each(|record| export.discover(record))?;
                empty_skipped(some);
            }
        }
        records.rewind();
    }
    while let Some(mut page) = records.page().await? {
        for some in page.chunks_mut(AT_ONCE) {
            fill_skipped(&mut records, skipped.as_ref(), some).await?;
            some.iter().try_for_each(|record| export.write(record))?;
            empty_skipped(some);
        }
    }
    Ok(export.finish()?)
}

/// The job made ready, where an output shows the newest stored answers of skipped lookups. Another job's file, which asks
/// other questions, fills nothing in.
async fn skipped(
    ledger: &Ledger,
    run: &RunRow,
    job: &Job,
    settings: &Settings,
    outputs: &[Output],
) -> Result<Option<Prepared>, RunError> {
    let asks =
        |(step, (id, service)): (&Step, &(String, String))| step.id == *id && service_name(step) == *service;
    let same = job.steps.len() == run.steps.len() && job.steps.iter().zip(&run.steps).all(asks);
    if !same || !outputs.iter().any(|output| output.skipped_last) {
        return Ok(None);
    }
    let used = accounts(settings, job)?;
    let requestors = requestors(&used, job).await?;
    let accounts = used.into_iter().cloned().collect();
    let today = run.first_day.parse().map_err(|_| RunError::bug("the run's first day does not read"))?;
    Ok(Some(Prepared::new(job.clone(), accounts, requestors, &run.columns, today, ledger.key().clone())))
}

/// Finds the newest answer in the ledger to what each skipped lookup of these rows would have asked.
async fn fill_skipped(
    answers: &mut Records<'_>,
    prepared: Option<&Prepared>,
    records: &mut [Record],
) -> Result<(), RunError> {
    let Some(prepared) = prepared else { return Ok(()) };
    let on = On { day: prepared.today, last: None };
    let mut asked = Vec::new();
    for (row, record) in records.iter().enumerate() {
        let Ok(subject) = &record.subject else { continue };
        for (step, lookup) in record.lookups.iter().enumerate() {
            if lookup.outcome == Some(Outcome::Skipped)
                && let Resolved::Ask(ask) = prepared.resolve(step, subject, &record.columns, on)
            {
                asked.push((row, step, ask.identity));
            }
        }
    }
    let identities: Vec<_> = asked.iter().map(|(.., identity)| *identity).collect();
    let newest = answers.newest_answers(&identities).await?;
    for (row, step, identity) in asked {
        records[row].lookups[step].last = newest.get(&identity).cloned().map(Box::new);
    }
    Ok(())
}

/// Lets go of what was filled in.
fn empty_skipped(records: &mut [Record]) {
    for lookup in records.iter_mut().flat_map(|record| &mut record.lookups) {
        lookup.last = None;
    }
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

/// What no output of a job may take the place of.
pub fn protected(job: &Job, settings: &Settings) -> Protected {
    settings.protected.clone().and(job.protected())
}
