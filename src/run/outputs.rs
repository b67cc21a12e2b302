//! The outputs of a run, computed from the ledger alone.

use super::decide::accounts::Used;
use super::decide::prepared::{On, Prepared, Resolved, service_name, steps};
use super::error::RunError;
use super::output_paths::{OutputPaths, naming, paths, word};
use crate::config::Settings;
use crate::disk::Protected;
use crate::domain::identity::DigestKey;
use crate::domain::outcome::Outcome;
use crate::domain::record::Record;
use crate::export::naming::Naming;
use crate::export::{
    ColumnCount, Damage, Export, Exported, LookupHead, Setting, Written, preflight as preflight_outputs,
    would_fit as outputs_would_fit,
};
use crate::job::{Carry, Job, Output, Step};
use crate::ledger::{Answers, Asked, Ledger, OutputColumn, OutputFile, Records, RunRow, run_id};
use crate::time::{now_ms, rfc3339, stockholm_date};
use jiff::civil::Date;
use std::path::{Path, PathBuf};

/// What outputs have to know besides the records themselves, owned.
struct Facts {
    heads: Vec<LookupHead>,
    columns: Vec<String>,
    carry: Vec<String>,
    protected: Protected,
    paths: Vec<PathBuf>,
    day: Date,
}

impl Facts {
    fn new(run: &RunRow, job: &Job, settings: &Settings, paths: Vec<PathBuf>) -> Self {
        Self {
            heads: run.steps.iter().map(head).collect(),
            columns: run.columns.clone(),
            carry: carry(&run.columns, job),
            protected: protected(job, settings),
            paths,
            day: stockholm_date(run.started_at),
        }
    }

    fn setting<'a>(&'a self, key: &'a DigestKey) -> Setting<'a> {
        Setting {
            paths: &self.paths,
            day: self.day,
            lookups: &self.heads,
            columns: &self.columns,
            carry: &self.carry,
            key,
            protected: &self.protected,
        }
    }
}

/// Whether the outputs could be written, asked before anything is bought.
pub(super) async fn preflight(
    run: &RunRow,
    job: &Job,
    settings: &Settings,
    ledger: &Ledger,
) -> Result<(), RunError> {
    let places = OutputPaths::of(ledger, run).places(&job.outputs, false).await?;
    let facts = Facts::new(run, job, settings, paths(&places));
    Ok(preflight_outputs(&job.outputs, &facts.setting(ledger.key()))?)
}

/// The same for a plan, which makes nothing: `run` is the run that it goes on with, if there is one.
pub(super) async fn would_fit(
    ledger: Option<&Ledger>,
    run: Option<&RunRow>,
    prepared: &Prepared,
    settings: &Settings,
    (columns, limit): (&[String], Option<u64>),
) -> Result<(), RunError> {
    let (job, now, id) = (&prepared.job, now_ms(), run_id());
    let whose = match run {
        Some(run) => OutputPaths { ledger, run: run.id, naming: naming(run) },
        None => OutputPaths {
            ledger,
            run: i64::MAX,
            naming: Naming { job: &job.name, run: &id, started_ms: now, limit },
        },
    };
    let places = whose.places(&job.outputs, false).await?;
    let facts = Facts {
        heads: steps(job).iter().map(head).collect(),
        columns: columns.to_vec(),
        carry: carry(columns, job),
        protected: protected(job, settings),
        paths: paths(&places),
        day: stockholm_date(now),
    };
    Ok(outputs_would_fit(&job.outputs, &facts.setting(prepared.key()))?)
}

/// Rows whose skipped lookups are filled in together: an answer may be large.
const AT_ONCE: usize = 16;

/// Writes the outputs of a run as its job names them, each whole or not at all, and notes them in the ledger.
pub async fn export(
    ledger: &Ledger,
    run: &RunRow,
    job: &Job,
    settings: &Settings,
) -> Result<Exported, RunError> {
    let places = OutputPaths::of(ledger, run).places(&job.outputs, true).await?;
    let mut exported = export_to(ledger, run, job, settings, (&job.outputs, paths(&places))).await?;
    let mut files = Vec::with_capacity(exported.written.len());
    for (at, written) in exported.written.iter_mut().enumerate() {
        let base = match places.get(at) {
            Some(place) => place.base.clone(),
            None => places.first().map(|first| Output::rejects_beside(&first.base)).unwrap_or_default(),
        };
        files.push(output_file(at, &base, written));
        written.instead_of = Some(base).filter(|base| *base != written.path);
    }
    ledger.note_outputs(run.id, &files).await?;
    Ok(exported)
}

/// What the ledger keeps of a file.
fn output_file(at: usize, base: &Path, written: &Written) -> OutputFile {
    let column = |count: &ColumnCount| OutputColumn {
        name: count.name.clone(),
        found: count.found,
        answers: count.answers,
        chosen: count.chosen,
    };
    OutputFile {
        base: word(base),
        path: word(&written.path),
        place: u32::try_from(at).unwrap_or(u32::MAX),
        kind: written.kind,
        rows: written.rows,
        columns: written.columns.iter().map(column).collect(),
        sha256: written.sha256,
    }
}

/// Writes one output to a place that the user names, whatever is there, and notes it in the ledger if it is to stay there.
pub async fn export_one(
    ledger: &Ledger,
    run: &RunRow,
    job: &Job,
    settings: &Settings,
    (output, stays): (Output, bool),
) -> Result<Exported, RunError> {
    let path = naming(run).fill(&output.path);
    let exported = export_to(ledger, run, job, settings, (&[output], vec![path])).await?;
    if stays {
        let files = exported.written.iter().enumerate();
        let files: Vec<_> = files.map(|(at, written)| output_file(at, &written.path, written)).collect();
        ledger.note_outputs(run.id, &files).await?;
    }
    Ok(exported)
}

async fn export_to(
    ledger: &Ledger,
    run: &RunRow,
    job: &Job,
    settings: &Settings,
    (outputs, paths): (&[Output], Vec<PathBuf>),
) -> Result<Exported, RunError> {
    if let Some(at) = run.purged_at {
        return Err(RunError::Purged { run: run.run.clone(), at: rfc3339(at) });
    }
    let facts = Facts::new(run, job, settings, paths);
    let mut export = Export::begin(outputs, &facts.setting(ledger.key()))?;
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

/// What to tell of stored answers that are damaged; `None` if there are none.
pub fn damage(run: &str, damage: &Damage) -> Option<String> {
    let are = |count: u64, what: &str| match count {
        1 => format!("1 {what} is damaged in the ledger"),
        count => format!("{count} {what}s are damaged in the ledger"),
    };
    let mut told = Vec::new();
    if damage.count > 0 {
        let first: Vec<String> =
            damage.first.iter().map(|(line, id)| format!("line {line} (`{id}`)")).collect();
        let more = if damage.count > damage.first.len() as u64 { ", …" } else { "" };
        let answers = are(damage.count, "stored answer");
        told.push(format!("{answers} and shown as `unknown`, code `damaged`: {}{more}", first.join(", ")));
    }
    if damage.earlier > 0 {
        let answers = are(damage.earlier, "earlier answer");
        told.push(format!("{answers}, and what changed since is not told"));
    }
    let remedy = "`orgpull doctor` looks through the whole ledger, a backup may hold them whole, and `run --buy-again` pays for \
                  them again";
    (!told.is_empty()).then(|| format!("run {run}: {}; {remedy}", told.join("; ")))
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
    Used::of(settings, job)?.prepare_again(job.clone(), run, ledger.key().clone()).await.map(Some)
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
                asked.push((row, step, Asked { identity: ask.identity, purposes: ask.purposes }));
            }
        }
    }
    let each: Vec<_> = asked.iter().map(|(.., asked)| asked.clone()).collect();
    let newest = answers.newest_answers(&each).await?;
    for (row, step, asked) in asked {
        records[row].lookups[step].last = newest.get(&asked.identity).cloned().map(Box::new);
    }
    Ok(())
}

/// Lets go of what was filled in.
fn empty_skipped(records: &mut [Record]) {
    for lookup in records.iter_mut().flat_map(|record| &mut record.lookups) {
        lookup.last = None;
    }
}

fn head((id, service): &(String, String)) -> LookupHead {
    LookupHead { id: id.clone(), service: service.clone() }
}

/// The columns that the outputs show: those that the job carries, of those that were copied.
fn carry(columns: &[String], job: &Job) -> Vec<String> {
    match &job.input.carry {
        Carry::All => columns.to_vec(),
        Carry::Columns(carried) => carried.clone(),
    }
}

/// What no output of a job may take the place of.
pub fn protected(job: &Job, settings: &Settings) -> Protected {
    settings.protected.clone().and(job.protected())
}
