//! Forgetting somebody: in the ledger, in the files that orgpull wrote and nobody has changed, and in what is put back from
//! before, by the erasure register.

use super::error::RunError;
use super::outputs::export;
use crate::config::{SIMULATOR, Settings};
use crate::disk::{self, Change, Draft, Mode, Place, Scratch};
use crate::export::without_lines;
use crate::job::file;
use crate::ledger::{
    Erased, JobLock, KeptOutput, Ledger, LedgerError, LockError, LostLetter, RunRow, Traces,
};
use crate::time::{now_ms, rfc3339};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// What became of somebody who was to be forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForgetReceipt {
    /// Rows about them.
    pub rows: u64,
    /// Runs that they belong to.
    pub runs: u64,
    /// Stored answers about them that are gone.
    pub answers: u64,
    /// Lookups that were pending, and are skipped.
    pub skipped: u64,
    /// Answers about others in which they were named.
    pub named: u64,
    /// Calls whose answers are lost and that may have posted a letter: of these the question is still known, and blocked.
    pub letters: Vec<LostLetter>,
    /// The files that held them.
    pub outputs: Vec<ForgottenOutput>,
    /// Whether the write-ahead log still holds pages of before, since somebody reads the ledger.
    pub log_left: bool,
}

impl ForgetReceipt {
    /// Whether there was nothing about them.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0 && self.named == 0
    }
}

/// A file that held somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgottenOutput {
    /// The run that wrote it.
    pub run: String,
    /// Where it is.
    pub path: String,
    /// Why they are still in it; `None` if they are not.
    pub why: Option<String>,
}

/// Forgets whoever is found by these digests (or only tells what would be), and gives the receipt. Killed on the way, it is to be
/// asked for again: all that is left is found as before.
///
/// # Errors
/// [`RunError::UnderWay`], where a process is about to ask about them; the ledger's and the ring's.
pub async fn forget(
    ledger: &Ledger,
    settings: &Settings,
    erased: &Erased,
    dry: bool,
) -> Result<ForgetReceipt, RunError> {
    let now = now_ms();
    let traces = ledger.traces(erased).await?;
    let attempts = ledger.attempts_of(&traces.rows).await?;
    let ids: Vec<i64> = attempts.values().flatten().copied().collect();
    let mut receipt = ForgetReceipt {
        rows: traces.rows.len() as u64,
        runs: traces.rows.iter().map(|(run, _)| run).collect::<BTreeSet<_>>().len() as u64,
        letters: ledger.lost_letters(&ids).await?,
        named: traces.named.len() as u64,
        ..ForgetReceipt::default()
    };
    let _locks = locks(ledger, &traces, dry, now).await?;
    let outputs = Outputs::find(ledger, &traces).await?;
    if dry {
        receipt.outputs = outputs.told().collect();
        return Ok(receipt);
    }
    // Before anything is emptied: what is put back from now on is held against it.
    let since = settings.privacy.backup_retention_ms().map(|kept| now.saturating_sub(kept));
    ledger.keyring().register(erased, since).map_err(LedgerError::from)?;
    let done = ledger.forget_rows(&attempts, &traces.rows, now).await?;
    (receipt.answers, receipt.skipped) = (done.answers, done.skipped);
    receipt.named = ledger.forget_named(&traces.named, erased, now).await?;
    receipt.outputs = outputs.rewrite(ledger, settings).await?;
    ledger.forget_digests(&traces, &ids, erased).await?;
    receipt.log_left = !ledger.truncate_log().await?;
    Scratch::clear(ledger.path());
    Ok(receipt)
}

/// Holds the jobs whose unfinished runs have something to ask about them, so that nobody begins to.
async fn locks(ledger: &Ledger, traces: &Traces, dry: bool, now: i64) -> Result<Vec<JobLock>, RunError> {
    let mut locks = BTreeMap::new();
    for (id, run, job) in ledger.undecided_runs(&traces.rows).await? {
        if dry {
            continue;
        }
        if !locks.contains_key(&job) {
            match JobLock::take(ledger.path(), &job, &rfc3339(now)) {
                Ok(lock) => drop(locks.insert(job.clone(), lock)),
                Err(LockError::Held { .. }) => return Err(RunError::UnderWay { run, job }),
                Err(error) => return Err(error.into()),
            }
        }
        ledger.park_started(id, now).await?;
    }
    Ok(locks.into_values().collect())
}

/// The files that may hold them.
struct Outputs {
    /// By run: the run, its files, the lines of rows about them, and whether they are named in other answers of it.
    runs: Vec<(RunRow, Vec<KeptOutput>, BTreeSet<u64>, bool)>,
}

impl Outputs {
    async fn find(ledger: &Ledger, traces: &Traces) -> Result<Self, RunError> {
        let mut lines = ledger.lines_of(&traces.rows).await?;
        let named = ledger.runs_with(&traces.named).await?;
        let all: BTreeSet<i64> = lines.keys().chain(&named).copied().collect();
        let mut runs = Vec::new();
        for id in all {
            let files = ledger.kept_outputs(id).await?;
            let files: Vec<_> = files.into_iter().filter(|file| !file.replaced).collect();
            if let Some(run) = ledger.run(id).await?.filter(|_| !files.is_empty()) {
                runs.push((run, files, lines.remove(&id).unwrap_or_default(), named.contains(&id)));
            }
        }
        Ok(Self { runs })
    }

    /// As they stand.
    fn told(&self) -> impl Iterator<Item = ForgottenOutput> + '_ {
        self.runs
            .iter()
            .flat_map(|(run, files, ..)| files.iter().map(|file| told(run, file, Some("not yet"))))
    }

    async fn rewrite(self, ledger: &Ledger, settings: &Settings) -> Result<Vec<ForgottenOutput>, RunError> {
        let mut rewritten = Vec::new();
        for (run, files, lines, named) in self.runs {
            if named {
                rewritten.extend(written_again(ledger, settings, &run, &files).await?);
                continue;
            }
            for file in &files {
                let why = left_out(ledger, settings, &run, file, &lines).await?;
                rewritten.push(told(&run, file, why.as_deref()));
            }
        }
        Ok(rewritten)
    }
}

fn told(run: &RunRow, file: &KeptOutput, why: Option<&str>) -> ForgottenOutput {
    ForgottenOutput { run: run.run.clone(), path: file.path.clone(), why: why.map(str::to_owned) }
}

/// How a file stands.
#[derive(Clone)]
enum Standing {
    /// As we wrote it.
    Ours,
    Gone,
    /// Not as we wrote it, and why it is left.
    Left(String),
}

fn standing(ledger: &Ledger, file: &KeptOutput) -> Standing {
    match disk::sha256(Path::new(&file.path)) {
        Ok(None) => Standing::Gone,
        Ok(Some(there)) if ledger.output_digest(&there) == file.digest => Standing::Ours,
        Ok(Some(_)) => {
            Standing::Left("it was changed since it was written: take the rows out by hand".to_owned())
        }
        Err(error) => Standing::Left(error.to_string()),
    }
}

/// Takes the rows of these lines out of a file. Gives why not.
async fn left_out(
    ledger: &Ledger,
    settings: &Settings,
    run: &RunRow,
    file: &KeptOutput,
    lines: &BTreeSet<u64>,
) -> Result<Option<String>, RunError> {
    let path = Path::new(&file.path);
    match standing(ledger, file) {
        Standing::Ours => {}
        Standing::Gone => return Ok(None),
        Standing::Left(why) => {
            // A process may have died that had taken them out already.
            let rest =
                disk::named(path).and_then(|mut from| without_lines(&mut from, &mut io::sink(), lines));
            return Ok(Some(why).filter(|_| !matches!(rest, Ok(Some(0)))));
        }
    }
    let rewrite = || {
        let place = Place::find(path.to_owned(), &settings.protected)?;
        let (unread, unwritten) = (place.failed("read"), place.failed("write"));
        let opened = disk::named(path).and_then(|from| Ok((Mode::of(&from)?, from)));
        let (mode, mut from) = opened.map_err(unread)?;
        let mut draft = Draft::create(place.clone(), mode)?;
        let Some(left_out) = without_lines(&mut from, &mut draft, lines).map_err(unwritten)? else {
            return Ok(None);
        };
        let sealed = draft.seal()?;
        let sha256 = sealed.sha256();
        disk::publish(vec![Change::Put(sealed)])?;
        Ok::<_, disk::PlaceError>(Some((left_out, sha256)))
    };
    Ok(match rewrite() {
        Ok(Some((left_out, sha256))) => {
            ledger.output_rewritten(run.id, &file.base, &sha256, left_out).await?;
            None
        }
        Ok(None) => Some("it does not tell the lines of its rows: take them out by hand".to_owned()),
        Err(error) => Some(error.to_string()),
    })
}

/// Writes the files of a run again from the ledger, in which they are named no more.
async fn written_again(
    ledger: &Ledger,
    settings: &Settings,
    run: &RunRow,
    files: &[KeptOutput],
) -> Result<Vec<ForgottenOutput>, RunError> {
    let states: Vec<_> = files.iter().map(|file| standing(ledger, file)).collect();
    let all = |why: &str| {
        let each = files.iter().zip(&states);
        each.map(|(file, state)| {
            told(
                run,
                file,
                match state {
                    Standing::Ours => Some(why),
                    Standing::Gone => None,
                    Standing::Left(why) => Some(why),
                },
            )
        })
        .collect()
    };
    if states.iter().any(|state| !matches!(state, Standing::Ours)) {
        return Ok(all(
            "another file of its run was changed, and they are written together: `orgpull export` writes it again",
        ));
    }
    let job = file::parse(Path::new(&run.job_path), &run.job_text, settings, run.environment == SIMULATOR);
    let Ok(job) = job else {
        return Ok(all("its job cannot be read any more: take them out by hand"));
    };
    match Box::pin(export(ledger, run, &job, settings)).await {
        Ok(exported) => Ok(files
            .iter()
            .map(|file| {
                let again = exported.written.iter().any(|written| written.path == Path::new(&file.path));
                let why = (!again).then_some("its job does not write it any more: take them out by hand");
                told(run, file, why)
            })
            .collect()),
        Err(RunError::Ledger(error)) => Err(error.into()),
        Err(error) => Ok(all(&error.to_string())),
    }
}
