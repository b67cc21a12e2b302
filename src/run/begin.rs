//! Beginning a run or going on with one: everything that can be refused is refused here, before anything is sent.

use super::beforehand::tell_doubles;
use super::context::{Context, Options, unless_stopped};
use super::copy::{self, Copied, no_clash};
use super::decide::accounts::{Used, environment};
use super::decide::budget::not_passed;
use super::decide::freshness::Freshness;
use super::decide::prepared::{Prepared, steps};
use super::decide::prices::priced;
use super::dispatch::AccountRuntime;
use super::error::RunError;
use super::event::{Level, notice};
use super::failed_run::FailedRun;
use super::letters::{LetterScope, announced, unasked};
use super::noted;
use super::output_paths::{OutputPaths, paths};
use super::outputs;
use super::reread::reread;
use super::unchanged::{given_digest, input_digest, missing_column, same_input, same_questions};
use crate::config::{Account, Unreadable};
use crate::disk;
use crate::domain::counted::counted;
use crate::domain::identity::hex;
use crate::export::Rejects;
use crate::job::input::Reader;
use crate::job::{Job, Origin};
use crate::ledger::{Answers, Counts, Ledger, LedgerError, NewRun, RunRow, Stage, run_id};
use crate::time::{now_ms, rfc3339, stockholm_date};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long before its end an unfinished run is told of, in milliseconds: seven days.
const NOTICE_MS: i64 = 7 * 86_400_000;

/// A run that can be driven.
pub(super) struct Begun {
    pub(super) run: RunRow,
    pub(super) prepared: Arc<Prepared>,
    pub(super) accounts: Vec<AccountRuntime>,
    pub(super) continued: bool,
}

/// Continues the job's unfinished run, or starts another, as the options and the job say.
pub(super) async fn begin(context: &Context, job: Job, options: Options) -> Result<Option<Begun>, FailedRun> {
    let ledger = &context.ledger;
    let unfinished = ledger.unfinished(&job.name, options.limit.map(signed)).await?;
    let anew = options.new || job.rules.restart && !options.only_continue;
    match unfinished {
        Some(run) if !anew => {
            let about = run.clone();
            let gone_on = Box::pin(go_on(context, job, run, &options)).await;
            gone_on.map(Some).map_err(|error| FailedRun { error, run: Some(about), unsent: true })
        }
        None if options.only_continue => Ok(None),
        old => {
            if old.is_none() {
                tell_renamed(context, &job).await?;
            }
            let begun = start(context, job, &options).await?;
            if let Some(old) = old {
                // The new run's transaction has closed it; what its process left in flight is lost.
                ledger.park_started(old.id, now_ms()).await?;
                let message = format!("run {} is closed: what it never sent stays unsent", old.run);
                notice(&context.observer, Level::Info, "run-closed", message);
                noted::closed(context, &old).await;
            }
            Ok(Some(begun))
        }
    }
}

/// A job goes by its name: under another one its unfinished run would be forgotten in silence.
async fn tell_renamed(context: &Context, job: &Job) -> Result<(), LedgerError> {
    let ledger = &context.ledger;
    let (digest, steps) = (input_digest(ledger, &job.input), steps(job));
    let is_ours = |run: &RunRow| {
        let path = Path::new(&run.job_path);
        path == job.path || run.input_digest == digest && run.steps == steps && !path.exists()
    };
    if let Some(run) = ledger.unfinished_of_others(&job.name).await?.into_iter().find(is_ours) {
        // Another command goes on with a run only by the name that it began under, where its file is still there.
        let way = if Path::new(&run.job_path).exists() {
            format!("Under the name {} again it goes on", run.job)
        } else {
            format!("`orgpull retry {}` goes on with that one", run.run)
        };
        let message = format!(
            "run {} of job {} is unfinished, and this job, which seems to be the same under another name, does not go on with it: \
             {} begins a run of its own. {way}",
            run.run, run.job, job.name
        );
        notice(&context.observer, Level::Warning, "renamed", message);
    }
    Ok(())
}

/// Opens a run again whose `failed` and `denied` lookups are to be driven once more.
pub(super) async fn reopen(context: &Context, job: Job, run: &str, unknown: bool) -> Result<Begun, RunError> {
    let ledger = &context.ledger;
    // Read again under the lock: another process may have ended it since.
    let run = ledger.find(run).await?.pop().ok_or_else(|| RunError::bug("the run is gone"))?;
    if let Some(at) = run.purged_at {
        return Err(RunError::Purged { run: run.run, at: rfc3339(at) });
    }
    match run.stage {
        Stage::Closed => return Err(RunError::Closed(run.run)),
        Stage::Loading => return Err(RunError::HalfCopied(run.run)),
        Stage::Running | Stage::Finished | Stage::Stopped => {}
    }
    same_questions(&context.settings, &job, &run)?;
    not_passed(ledger, &job, &run).await?;
    let (prepared, accounts) = ready(context, job, &run).await?;
    outputs::preflight(&run, &prepared.job, &context.settings, ledger).await?;
    reread(context, (&prepared, &accounts), &run).await?;
    // First what was known to be lost when the user answered for it, then what is found lost only now.
    ledger.retry(run.id, unknown).await?;
    ledger.park_started(run.id, now_ms()).await?;
    let freshness = Freshness { unknown_too: unknown, ..freshness(run.buy_again) };
    if let Err(refused) = no_surprise(ledger, LetterScope::of(&run, freshness), &prepared).await {
        // Its lookups are pending now: a finished run that has some would be seen by nobody.
        let exit = refused.exit().code();
        ledger.end_run(run.id, Stage::Stopped, exit, &refused.to_string(), None).await?;
        return Err(refused);
    }
    Ok(Begun { run, prepared, accounts, continued: true })
}

/// Refuses letters that would go out, as they are known by now: an answer that was read only just may have told of one that
/// nobody had announced.
async fn no_surprise(ledger: &Ledger, asked: LetterScope, prepared: &Prepared) -> Result<(), RunError> {
    let used: Vec<&Account> = prepared.accounts.iter().collect();
    announced(Some(ledger), &used, &prepared.job).await?;
    unasked(ledger, asked, prepared).await
}

async fn go_on(context: &Context, job: Job, mut run: RunRow, options: &Options) -> Result<Begun, RunError> {
    let ledger = &context.ledger;
    same_questions(&context.settings, &job, &run)?;
    same_input(ledger, &job, &run, options.input.as_ref())?;
    priced(&job, Used::of(&context.settings, &job)?.each(), options.budget)?;
    not_passed(ledger, &job, &run).await?;
    let (prepared, accounts) = ready(context, job, &run).await?;
    outputs::preflight(&run, &prepared.job, &context.settings, ledger).await?;
    let parked = ledger.park_started(run.id, now_ms()).await?;
    if parked > 0 {
        let which = counted(parked, "lookup was", "lookups were");
        let message = format!(
            "{which} in flight when the last process ended: what was answered is lost, and may have been billed"
        );
        notice(&context.observer, Level::Warning, "unknown", message);
    }
    warn_of_changed_input(context, &prepared.job, &run, options.input.as_ref());
    warn_of_its_end(context, &prepared.job, &run);
    run.buy_again |= options.buy_again;
    unasked(ledger, LetterScope::of(&run, freshness(run.buy_again)), &prepared).await?;
    ledger.resume_run(run.id, run.buy_again, prepared.job.kept_ms()).await?;
    Ok(Begun { run, prepared, accounts, continued: true })
}

/// A warning where the run is soon older than what it holds may be kept: then it is closed and purged.
fn warn_of_its_end(context: &Context, job: &Job, run: &RunRow) {
    let Some(kept) = job.kept_ms().or(context.settings.privacy.kept_ms()) else { return };
    let end = run.started_at.saturating_add(kept);
    if end < now_ms().saturating_add(NOTICE_MS) {
        let message = format!(
            "run {} is unfinished, and is closed and purged after {} (`retention`): what is still pending then stays unsent",
            run.run,
            rfc3339(end)
        );
        notice(&context.observer, Level::Warning, "retention", message);
    }
}

/// A warning where the input file is no longer the one that was copied. It is not read: the run has its copy.
fn warn_of_changed_input(context: &Context, job: &Job, run: &RunRow, given: Option<&Origin>) {
    let named = if run.input_given.is_some() { given } else { Some(&job.input.origin) };
    let Some(Origin::Path(path)) = named else { return };
    let (Some(bytes), Some(sha256)) = (run.input_bytes, &run.input_sha256) else { return };
    let same_size = path.metadata().is_ok_and(|meta| meta.len() == bytes.unsigned_abs());
    let digest = file_digest(path).map(|plain| context.ledger.input_digest(&plain));
    if !same_size || digest.as_ref() != Some(sha256) {
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
    std::io::copy(&mut disk::named(path).ok()?, &mut hasher).ok()?;
    Some(hex(&hasher.finalize()))
}

/// Copies the input into a new run, after everything that can be checked without it.
async fn start(context: &Context, mut job: Job, options: &Options) -> Result<Begun, RunError> {
    let ledger = &context.ledger;
    let now = now_ms();
    let today = stockholm_date(now);
    let used = Used::of(&context.settings, &job)?;
    announced(Some(ledger), used.each(), &job).await?;
    priced(&job, used.each(), options.budget)?;
    let accounts = unless_stopped(context, accounts(context, &job, &used)).await?;
    let input_digest = input_digest(ledger, &job.input);
    let input_given = options.input.as_ref().map(|origin| given_digest(ledger, &job, origin));
    if let Some(origin) = &options.input {
        job.input.origin = origin.clone();
    }
    let reader = unless_stopped(context, copy::open(&job, today)).await?;
    let columns = reader.columns().to_vec();
    no_clash(&job, &columns)?;
    let prepared = used.prepare(job, &columns, today, ledger.key().clone()).await?;
    let job = &prepared.job;
    let id = run_id();
    let new = NewRun {
        run: &id,
        job: &job.name,
        operator: &context.settings.operator,
        environment: &environment(used.each()),
        job_path: &job.path.to_string_lossy(),
        job_text: &job.text,
        input_digest: &input_digest,
        limit_rows: options.limit.map(signed),
        input_given: input_given.as_deref(),
        buy_again: options.buy_again,
        columns: &json(&columns),
        steps: &json(&steps(job)),
        first_day: &today.to_string(),
        started_at: now,
        retention: job.kept_ms(),
        fire: options.fire,
    };
    let run = ledger.begin_run(new).await?;
    let prepared = Arc::new(prepared);
    match load(context, run, &id, &prepared, reader, options).await {
        Ok(run) => Ok(Begun { run, prepared, accounts, continued: false }),
        // Nothing can be taken away while another process holds the ledger: the next start does.
        Err(error @ RunError::Ledger(LedgerError::Busy(_))) => Err(error),
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
    reader: Reader,
    options: &Options,
) -> Result<RunRow, RunError> {
    let ledger = &context.ledger;
    let found = async || ledger.find(id).await?.pop().ok_or_else(|| RunError::bug("the run is gone"));
    let begun = found().await?;
    outputs::preflight(&begun, &prepared.job, &context.settings, ledger).await?;
    let copied = copy::copy(ledger, run, &prepared.job, reader, options.limit, context).await?;
    if copied.columns != begun.columns {
        // Later objects of JSON lines brought more.
        no_clash(&prepared.job, &copied.columns)?;
        ledger.set_columns(run, &json(&copied.columns)).await?;
        outputs::preflight(&found().await?, &prepared.job, &context.settings, ledger).await?;
    }
    if let Err(mut refused) = copied.check(&prepared.job, options.limit) {
        let written = reject(context, &found().await?, &prepared.job).await?;
        if let RunError::Input { rejects, .. } = &mut refused {
            *rejects = written;
        }
        return Err(refused);
    }
    let asked = LetterScope {
        run,
        letter_rows: signed(copied.letter_rows),
        started_at: now_ms(),
        freshness: freshness(options.buy_again),
    };
    unasked(ledger, asked, prepared).await?;
    loaded(ledger, run, &copied).await?;
    found().await
}

async fn loaded(ledger: &Ledger, run: i64, copied: &Copied) -> Result<(), RunError> {
    let file = copied.file.as_ref().map(|(bytes, sha256)| (signed(*bytes), ledger.input_digest(sha256)));
    let file = file.as_ref().map(|(bytes, digest)| (*bytes, digest.as_str()));
    let counts = Counts {
        rows: signed(copied.rows),
        bad_rows: signed(copied.bad_rows),
        letter_rows: signed(copied.letter_rows),
    };
    Ok(ledger.loaded(run, counts, file, now_ms()).await?)
}

/// Writes the rejects of an input that is refused, so that its owner can see what to mend.
async fn reject(context: &Context, run: &RunRow, job: &Job) -> Result<Option<PathBuf>, RunError> {
    let protected = outputs::protected(job, &context.settings);
    let places = OutputPaths::of(&context.ledger, run).places(&job.outputs, false).await?;
    let mut rejects = Rejects::begin(&job.outputs, &paths(&places), &protected)?;
    let mut records = context.ledger.records(run.id, Answers::None).await?;
    while let Some(page) = records.page().await? {
        for record in page {
            if let Err(bad) = &record.subject {
                rejects.push(record.line, &bad.input, &bad.reason)?;
            }
        }
    }
    Ok(rejects.finish()?.map(|written| written.path))
}

async fn ready(
    context: &Context,
    job: Job,
    run: &RunRow,
) -> Result<(Arc<Prepared>, Vec<AccountRuntime>), RunError> {
    let ledger = &context.ledger;
    let used = Used::of(&context.settings, &job)?;
    announced(Some(ledger), used.each(), &job).await?;
    let accounts = unless_stopped(context, accounts(context, &job, &used)).await?;
    let prepared = used.prepare_again(job, run, ledger.key().clone()).await?;
    if let Some((lookup, column)) = prepared.missing_column() {
        return Err(missing_column(lookup, column, run));
    }
    Ok((Arc::new(prepared), accounts))
}

async fn accounts(context: &Context, job: &Job, used: &Used<'_>) -> Result<Vec<AccountRuntime>, RunError> {
    let Context { ledger, settings, tokens, .. } = context;
    let mut accounts = Vec::with_capacity(used.each().len());
    let mut unread = Unreadable::default();
    for account in used.each() {
        let runtime = AccountRuntime::open(ledger, settings, tokens, job, account).await;
        accounts.extend(RunError::gather(&mut unread, runtime)?);
    }
    if !unread.is_empty() {
        // What would be told next is told as well.
        RunError::gather(&mut unread, used.read_requestors(job).await)?;
    }
    unread.into_result()?;
    tell_doubles(context, &accounts);
    Ok(accounts)
}

fn freshness(buy_again: bool) -> Freshness {
    let now = now_ms();
    Freshness { now, began: now, buy_again, unknown_too: false }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn json(list: &impl serde::Serialize) -> String {
    serde_json::to_string(list).unwrap_or_else(|_| "[]".to_owned())
}
