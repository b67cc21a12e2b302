//! Beginning a run or going on with one: everything that can be refused is refused here, before anything is sent.

use super::copy::{self, Copied};
use super::event::Level;
use super::lane::Lane;
use super::outputs::{self, setting_of};
use super::prepared::{Prepared, Resolved};
use super::{Context, Options, RunError, notice, unless_stopped};
use crate::config::{Account, Settings};
use crate::domain::identity::hex;
use crate::export::Rejects;
use crate::job::{Carry, Job, Origin};
use crate::ledger::{Ledger, NewRun, Place, RunRow, run_id};
use crate::time::{now_ms, stockholm_date};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// A run that can be driven.
pub(super) struct Begun {
    pub(super) run: RunRow,
    pub(super) prepared: Arc<Prepared>,
    pub(super) lanes: Vec<Lane>,
    pub(super) continued: bool,
}

/// Continues the job's unfinished run, or starts another, as the options and the job say.
pub(super) async fn begin(context: &Context, job: Job, options: Options) -> Result<Option<Begun>, RunError> {
    let ledger = &context.ledger;
    let limit = options.limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let unfinished = ledger.unfinished(&job.name, limit).await?;
    let anew = options.new || job.rules.restart && !options.only_continue;
    match unfinished {
        Some(run) if !anew => Box::pin(go_on(context, job, run)).await.map(Some),
        None if options.only_continue => Ok(None),
        old => {
            let begun = start(context, job, options.limit).await?;
            if let Some(old) = old {
                close(ledger, &old).await?;
                let message = format!("run {} is closed: what it never sent stays unsent", old.run);
                notice(&context.observer, Level::Info, "run-closed", message);
            }
            Ok(Some(begun))
        }
    }
}

/// Opens a run again whose `failed` and `denied` lookups are to be driven once more.
pub(super) async fn again(
    context: &Context,
    job: Job,
    run: &RunRow,
    unknown: bool,
) -> Result<Begun, RunError> {
    let ledger = &context.ledger;
    if run.state == "closed" {
        return Err(RunError::Changed(format!("run {} is closed: a newer run took its place", run.run)));
    }
    same_questions(&context.settings, &job, run)?;
    let (prepared, lanes) = ready(context, job, run).await?;
    outputs::preflight(run, &prepared.job, &context.settings, ledger)?;
    ledger.park_started(run.id, now_ms()).await?;
    ledger.retry(run.id, unknown).await?;
    letters(ledger, run.id, &prepared).await?;
    ledger.resume_run(run.id).await?;
    Ok(Begun { run: run.clone(), prepared, lanes, continued: true })
}

async fn close(ledger: &Ledger, run: &RunRow) -> Result<(), RunError> {
    ledger.park_started(run.id, now_ms()).await?;
    let exit = run.exit.unwrap_or(130);
    Ok(ledger.end_run(run.id, "closed", exit, "a newer run took its place", Some(now_ms())).await?)
}

async fn go_on(context: &Context, job: Job, run: RunRow) -> Result<Begun, RunError> {
    let ledger = &context.ledger;
    same_questions(&context.settings, &job, &run)?;
    same_input(ledger, &job, &run)?;
    let (prepared, lanes) = ready(context, job, &run).await?;
    outputs::preflight(&run, &prepared.job, &context.settings, ledger)?;
    let parked = ledger.park_started(run.id, now_ms()).await?;
    if parked > 0 {
        let message = format!(
            "{parked} lookups were in flight when the last process ended: their answers are lost, and they may have \
             been billed"
        );
        notice(&context.observer, Level::Warning, "unknown", message);
    }
    warn_of_changed_input(context, &prepared.job, &run);
    letters(ledger, run.id, &prepared).await?;
    ledger.resume_run(run.id).await?;
    Ok(Begun { run, prepared, lanes, continued: true })
}

/// What may not differ from when the run began: pending lookups follow the job file as it stands, but where they are asked
/// and which services are asked stays.
fn same_questions(settings: &Settings, job: &Job, run: &RunRow) -> Result<(), RunError> {
    let environment = environment(&accounts(settings, job)?);
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

/// A continued run reads no input, so a job that now names another must not seem to be obeyed.
fn same_input(ledger: &Ledger, job: &Job, run: &RunRow) -> Result<(), RunError> {
    if input_digest(ledger, job) != run.input_digest {
        return Err(RunError::Changed(format!(
            "the [input] of job {} has changed since run {} began",
            job.name, run.run
        )));
    }
    Ok(())
}

/// A warning where the input file is no longer the one that was copied. It is not read: the run has its copy.
fn warn_of_changed_input(context: &Context, job: &Job, run: &RunRow) {
    let Origin::Path(path) = &job.input.origin else { return };
    let (Some(bytes), Some(sha256)) = (run.input_bytes, &run.input_sha256) else { return };
    if run.limit_rows.is_some() {
        return;
    }
    let same = path.metadata().is_ok_and(|meta| meta.len() == bytes.unsigned_abs())
        && file_digest(path).as_ref() == Some(sha256);
    if !same {
        let message = format!(
            "{} is not the file that run {} copied: the run goes on with its copy; `--new` reads the file again",
            path.display(),
            run.run
        );
        notice(&context.observer, Level::Warning, "input-changed", message);
    }
}

fn file_digest(path: &Path) -> Option<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path).ok()?, &mut hasher).ok()?;
    Some(hex(&hasher.finalize()))
}

/// Copies the input into a new run, after everything that can be checked without it.
async fn start(context: &Context, job: Job, limit: Option<u64>) -> Result<Begun, RunError> {
    let ledger = &context.ledger;
    let now = now_ms();
    let today = stockholm_date(now);
    let used = accounts(&context.settings, &job)?;
    let lanes = unless_stopped(context, lanes(ledger, &context.settings, &job, &used)).await?;
    let reader = unless_stopped(context, copy::open(&job, today)).await?;
    let columns = reader.columns().to_vec();
    let id = run_id();
    let new = NewRun {
        run: &id,
        job: &job.name,
        environment: &environment(&used),
        job_path: &job.path.to_string_lossy(),
        job_text: &job.text,
        input_digest: &input_digest(ledger, &job),
        limit_rows: limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX)),
        columns: &json(&columns),
        steps: &json(&steps(&job)),
        first_day: &today.to_string(),
        started_at: now,
    };
    let run = ledger.begin_run(new).await?;
    let key = ledger.key().clone();
    let prepared = Arc::new(Prepared::new(job, used.into_iter().cloned().collect(), &columns, today, key));
    match load(context, run, &id, &prepared, reader, limit).await {
        Ok(run) => Ok(Begun { run, prepared, lanes, continued: false }),
        Err(error) => {
            // It has sent nothing, and the next start reads the input again.
            ledger.discard(run).await?;
            Err(error)
        }
    }
}

async fn load(
    context: &Context,
    run: i64,
    id: &str,
    prepared: &Prepared,
    reader: crate::job::input::Reader,
    limit: Option<u64>,
) -> Result<RunRow, RunError> {
    let ledger = &context.ledger;
    let found = async || ledger.find(id).await?.pop().ok_or_else(|| RunError::bug("the run is gone"));
    outputs::preflight(&found().await?, &prepared.job, &context.settings, ledger)?;
    let copied = copy::copy(ledger, run, &prepared.job, reader, limit, context).await?;
    if let Err(refused) = copied.check(&prepared.job.input) {
        reject(context, &found().await?, &prepared.job).await?;
        return Err(refused);
    }
    letters(ledger, run, prepared).await?;
    loaded(ledger, run, &copied).await?;
    found().await
}

async fn loaded(ledger: &Ledger, run: i64, copied: &Copied) -> Result<(), RunError> {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let file = copied.file.as_ref().map(|(bytes, sha256)| (signed(*bytes), sha256.as_str()));
    Ok(ledger.loaded(run, signed(copied.rows), signed(copied.bad_rows), file).await?)
}

/// Writes the rejects of an input that is refused, so that its owner can see what to mend.
async fn reject(context: &Context, run: &RunRow, job: &Job) -> Result<(), RunError> {
    let keep = outputs::keep(job, &context.settings);
    let mut rejects = Rejects::begin(&job.outputs, &setting_of(run), &keep)?;
    let mut records = context.ledger.records(run.id, false).await?;
    while let Some(page) = records.page().await? {
        for record in page {
            if let Err(bad) = &record.subject {
                rejects.push(record.line, &bad.input, &bad.reason)?;
            }
        }
    }
    rejects.finish()?;
    Ok(())
}

/// Refuses a lookup that may send letters and does not say so, by what each pending number is and what its block is.
async fn letters(ledger: &Ledger, run: i64, prepared: &Prepared) -> Result<(), RunError> {
    let silent = |step: &crate::job::Step| !step.letters && step.service.block_param.is_some();
    if !prepared.job.steps.iter().any(silent) {
        return Ok(());
    }
    let mut counts = vec![0_u64; prepared.job.steps.len()];
    let mut after = Place { row: 0, step: 0 };
    loop {
        let pending = ledger.pending(run, after, 2_048).await?;
        let Some(last) = pending.last() else { break };
        after = last.at;
        for lookup in &pending {
            let step = usize::from(lookup.at.step);
            if !silent(&prepared.job.steps[step]) || !lookup.subject.kind().gets_letter() {
                continue;
            }
            if let Resolved::Ask(ask) = prepared.resolve(step, &lookup.subject, &lookup.columns) {
                counts[step] += u64::from(ask.letter_making);
            }
        }
    }
    match counts.iter().position(|count| *count > 0) {
        None => Ok(()),
        Some(step) => {
            Err(RunError::Letters { lookup: prepared.job.steps[step].id.clone(), count: counts[step] })
        }
    }
}

async fn ready(context: &Context, job: Job, run: &RunRow) -> Result<(Arc<Prepared>, Vec<Lane>), RunError> {
    let ledger = &context.ledger;
    let used = accounts(&context.settings, &job)?;
    let lanes = unless_stopped(context, lanes(ledger, &context.settings, &job, &used)).await?;
    let accounts = used.into_iter().cloned().collect();
    let today = run.first_day.parse().map_err(|_| RunError::bug("the run's first day does not read"))?;
    let prepared = Prepared::new(job, accounts, &run.columns, today, ledger.key().clone());
    if let Some((lookup, column)) = prepared.missing_column() {
        return Err(RunError::Changed(format!(
            "lookup `{lookup}` now needs column `{column}`, which run {} did not copy",
            run.run
        )));
    }
    Ok((Arc::new(prepared), lanes))
}

/// The accounts that a job uses, each once, in the order of its lookups.
pub(super) fn accounts<'a>(settings: &'a Settings, job: &Job) -> Result<Vec<&'a Account>, RunError> {
    let mut used: Vec<&Account> = Vec::new();
    for step in &job.steps {
        let account =
            settings.accounts.get(&step.account).ok_or_else(|| RunError::NoAccount(step.account.clone()))?;
        if !used.iter().any(|known| known.name == account.name) {
            used.push(account);
        }
    }
    Ok(used)
}

async fn lanes(
    ledger: &Ledger,
    settings: &Settings,
    job: &Job,
    used: &[&Account],
) -> Result<Vec<Lane>, RunError> {
    let mut lanes = Vec::with_capacity(used.len());
    for account in used {
        lanes.push(Lane::open(ledger, settings, job, account).await?);
    }
    Ok(lanes)
}

/// The environment of a run: that of its accounts, told apart where they differ.
pub(super) fn environment(accounts: &[&Account]) -> String {
    let distinct: BTreeSet<&str> = accounts.iter().map(|account| account.environment.as_str()).collect();
    if let [one] = distinct.iter().collect::<Vec<_>>().as_slice() {
        return (**one).to_owned();
    }
    let each: Vec<String> = accounts.iter().map(|a| format!("{}: {}", a.name, a.environment)).collect();
    each.join(", ")
}

/// A digest of what `[input]` says, under which a continued run knows it again.
fn input_digest(ledger: &Ledger, job: &Job) -> String {
    let mut said = job.input.clone();
    // The order in which columns are copied is no difference to a person.
    if let Carry::Columns(columns) = &mut said.carry {
        columns.sort_unstable();
    }
    ledger.key().hex("input", &[&format!("{said:?}")])
}

fn steps(job: &Job) -> Vec<(String, String)> {
    job.steps.iter().map(|step| (step.id.clone(), super::prepared::service_name(step))).collect()
}

fn json(list: &impl serde::Serialize) -> String {
    serde_json::to_string(list).unwrap_or_else(|_| "[]".to_owned())
}
