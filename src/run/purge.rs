//! Taking away what has been kept for as long as it may be: output files, rows, answers, keys. What is left of a purchase keeps
//! the sums right.

use super::error::RunError;
use super::report::Purged;
use crate::config::Settings;
use crate::disk::{self, Change, Place, Protected, Scratch};
use crate::ledger::{DueRun, JobLock, KeptOutput, Ledger, LockError, PurgeScope};
use crate::time::{now_ms, rfc3339};
use std::path::Path;

/// How a purge was asked for.
#[derive(Debug, Clone, Default)]
pub struct PurgeOptions {
    /// What is due.
    pub scope: PurgeScope,
    /// Leave the output files.
    pub keep_outputs: bool,
    /// Only count.
    pub dry: bool,
}

/// Purges the ledger. Killed at any instant, the next one goes on where it ended. `stopped` is asked between two runs.
///
/// # Errors
/// The ledger's, and those of the key ring; what was purged until then is purged.
pub async fn purge(
    ledger: &Ledger,
    settings: &Settings,
    options: &PurgeOptions,
    stopped: &(dyn Fn() -> bool + Sync),
) -> Result<Purged, RunError> {
    let now = now_ms();
    let mut due = ledger.due_runs(&options.scope, now).await?;
    let mut purged = Purged::default();
    // Held to the end: nobody begins to drive again what is being closed.
    let mut locks = Vec::new();
    for run in due.iter_mut().filter(|run| run.rows_due && run.unfinished) {
        match JobLock::take(ledger.path(), &run.job, &rfc3339(now)) {
            Ok(lock) => locks.push((run.job.clone(), lock)),
            Err(LockError::Held { .. }) if locks.iter().any(|(job, _)| *job == run.job) => {}
            Err(LockError::Held { .. }) => {
                purged.under_way.push(run.run.clone());
                run.rows_due = false;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        if !options.dry {
            ledger.close_run(run.id, now).await?;
        }
        run.unfinished = false;
        purged.closed.push(run.run.clone());
    }
    for run in due.iter().filter(|run| run.rows_due) {
        if stopped() {
            return Ok(purged);
        }
        if !options.keep_outputs {
            outputs(ledger, &settings.protected, run, options.dry, &mut purged).await?;
        }
        let rows = if options.dry {
            ledger.rows_kept(run.id).await?
        } else {
            ledger.empty_rows(run.id, now).await?
        };
        purged.rows += rows;
        purged.runs += u64::from(rows > 0);
        if options.keep_outputs && !options.dry {
            for file in ledger.kept_outputs(run.id).await? {
                ledger.output_removed(run.id, &file.base, false).await?;
            }
        }
    }
    drop(locks);
    let answers = ledger.empty_answers(&due, now, options.dry).await?;
    (purged.answers, purged.in_use) = (answers.answers, answers.in_use);
    if !options.dry {
        purged.keys = ledger.shred(now).await?;
        purged.log_left = !ledger.truncate_log().await?;
        Scratch::clear(ledger.path());
    }
    Ok(purged)
}

/// Deletes the files that a run wrote and nobody has changed since.
async fn outputs(
    ledger: &Ledger,
    protected: &Protected,
    run: &DueRun,
    dry: bool,
    purged: &mut Purged,
) -> Result<(), RunError> {
    for file in ledger.kept_outputs(run.id).await? {
        let fate = if file.replaced { Fate::Gone } else { fate(ledger, protected, &file, dry) };
        match &fate {
            Fate::Gone => {}
            Fate::Deleted => purged.deleted.push(file.path.clone()),
            Fate::Kept(why) => purged.kept.push((file.path.clone(), why.clone())),
        }
        if !dry {
            ledger.output_removed(run.id, &file.base, !matches!(fate, Fate::Kept(_))).await?;
        }
    }
    Ok(())
}

/// What becomes of an output file.
enum Fate {
    /// It was not there, or is a newer run's by now.
    Gone,
    Deleted,
    /// It stays, and why.
    Kept(String),
}

fn fate(ledger: &Ledger, protected: &Protected, file: &KeptOutput, dry: bool) -> Fate {
    let path = Path::new(&file.path);
    match disk::sha256(path) {
        Ok(None) => return Fate::Gone,
        Ok(Some(there)) if ledger.output_digest(&there) == file.digest => {}
        Ok(Some(_)) => return Fate::Kept("it was changed since it was written".to_owned()),
        Err(error) => return Fate::Kept(error.to_string()),
    }
    let remove = || {
        Place::find(path.to_owned(), protected).and_then(|place| disk::publish(vec![Change::Remove(place)]))
    };
    match if dry { Ok(()) } else { remove() } {
        Ok(()) => Fate::Deleted,
        Err(error) => Fate::Kept(error.to_string()),
    }
}
