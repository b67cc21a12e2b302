//! Emptying what is due: rows, answers, texts. What stays of a purchase is its row in `attempts`, so that sums, budgets,
//! invoices and lost letters hold. Each step is a small transaction of its own that another process can begin again, and
//! between two of them others come to write.

use super::options::options;
use crate::ledger::ids::lowest_id;
use crate::ledger::{DueRun, Emptied, Ledger, LedgerError, PurgeScope, PurgedAnswers};
use sqlx::{Connection as _, Row, SqliteConnection};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// Rows and attempts a transaction.
const PIECE: i64 = 1_000;
/// Attempts that are looked at at once.
const LOOK: i64 = 8_000;
/// After each transaction others have the ledger for as long as it took, and for this at most.
const REST: Duration = Duration::from_millis(200);
/// How long those who read are waited for before the log is left as it is. Nobody writes meanwhile.
const READERS: Duration = Duration::from_secs(1);
/// In milliseconds.
const DAY: i64 = 86_400_000;

/// Which of these attempts (`?1`, a JSON list) no unfinished run uses.
const UNUSED: &str = "SELECT j.value FROM json_each(?1) j WHERE NOT EXISTS \
                      (SELECT 1 FROM lookups l INDEXED BY lookups_reused CROSS JOIN runs u ON u.id = l.run \
                       AND u.state IN ('loading', 'running', 'stopped') WHERE l.attempt = j.value AND l.source = 'reused')";

/// Attempts that have ended and still hold what was answered, after attempt `?1`.
const KEPT: &str = "SELECT id, run, settled_at FROM attempts WHERE id > ?1 AND emptied_at IS NULL AND settled_at IS NOT NULL \
                    ORDER BY id LIMIT ?2";

/// Attempts of run `?1` (begun at id `?2` at the earliest) that are not empty: its data key is still needed.
const NEEDS_KEY: &str =
    "SELECT EXISTS (SELECT 1 FROM attempts WHERE id >= ?2 AND run = ?1 AND emptied_at IS NULL)";

impl Ledger {
    /// Whether this process is to purge today: true for one of those that ask within a day.
    pub async fn claim_purge(&self, now: i64) -> Result<bool, LedgerError> {
        // One that was claimed under a clock that was ahead holds nobody up.
        let claim = sqlx::query(
            "INSERT INTO meta (name, value) VALUES ('purged', CAST(?1 AS BLOB)) ON CONFLICT DO UPDATE SET value = excluded.value \
             WHERE abs(?1 - CAST(CAST(value AS TEXT) AS INTEGER)) >= ?2",
        );
        let claim = claim.bind(now.to_string()).bind(DAY);
        Ok(self.write(claim).await?.rows_affected() > 0)
    }

    /// Runs of which rows or answers may be due, oldest first. Those that have nothing left are not among them.
    pub async fn due_runs(&self, scope: &PurgeScope, now: i64) -> Result<Vec<DueRun>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let rows = sqlx::query(
            "SELECT id, run, job, state IN ('loading', 'running', 'stopped') AS unfinished, retention, started_at, \
             purged_at IS NOT NULL AS purged FROM runs WHERE shredded_at IS NULL AND (?1 IS NULL OR job = ?1) ORDER BY id",
        )
        .bind(scope.job.as_deref())
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        let mut due = Vec::new();
        for row in rows {
            let read = |row: &sqlx::sqlite::SqliteRow| {
                let started_at: i64 = row.try_get("started_at")?;
                let Some(until) = scope.due_until(row.try_get("retention")?, now) else { return Ok(None) };
                Ok(Some(DueRun {
                    id: row.try_get("id")?,
                    run: row.try_get("run")?,
                    job: row.try_get("job")?,
                    until,
                    rows_due: row.try_get("purged")? || started_at <= until,
                    unfinished: row.try_get("unfinished")?,
                }))
            };
            due.extend(read(&row).map_err(failed)?);
        }
        Ok(due)
    }

    /// Jobs of other than the simulator's runs that say no retention and have something left.
    pub async fn kept_for_ever(&self) -> Result<Vec<String>, LedgerError> {
        let jobs = sqlx::query_scalar(
            "SELECT DISTINCT job FROM runs WHERE retention IS NULL AND purged_at IS NULL ORDER BY job",
        );
        jobs.fetch_all(&self.readers).await.map_err(|e| self.failed(&e))
    }

    /// Unfinished runs that are past their retention within seven days, and when (milliseconds since 1970). `default` is the
    /// retention of jobs that say none.
    pub async fn ending_runs(
        &self,
        default: Option<i64>,
        now: i64,
    ) -> Result<Vec<(String, i64)>, LedgerError> {
        let runs = sqlx::query_as(
            "SELECT run, started_at + coalesce(retention, ?1) AS until FROM runs \
             WHERE state IN ('running', 'stopped') AND until < ?2 + 604800000 ORDER BY until",
        );
        let runs = runs.bind(default).bind(now);
        runs.fetch_all(&self.readers).await.map_err(|e| self.failed(&e))
    }

    /// Closes an unfinished run that is to be purged, whose job's lock the caller holds.
    pub async fn close_run(&self, run: i64, now: i64) -> Result<(), LedgerError> {
        self.park_started(run, now).await?;
        let query = sqlx::query(
            "UPDATE runs SET state = 'closed', reason = 'it was kept for as long as it may be', finished_at = ?2 \
             WHERE id = ?1 AND state IN ('loading', 'running', 'stopped')",
        );
        self.write_one(query.bind(run).bind(now)).await
    }

    /// Rows of a run that are not emptied.
    pub async fn rows_kept(&self, run: i64) -> Result<u64, LedgerError> {
        let query = sqlx::query_scalar("SELECT count(*) FROM rows WHERE run = ? AND content IS NOT NULL");
        let rows: i64 = query.bind(run).fetch_one(&self.readers).await.map_err(|e| self.failed(&e))?;
        Ok(rows.unsigned_abs())
    }

    /// Empties the rows of a run and the texts of its lookups, and the job's own text, unless somebody drives the run. Returns
    /// how many rows.
    pub async fn empty_rows(&self, run: i64, now: i64) -> Result<u64, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        // From here on nobody asks or writes anything of it.
        let mark = sqlx::query(
            "UPDATE runs SET purged_at = coalesce(purged_at, ?2), job_text = NULL \
             WHERE id = ?1 AND state IN ('finished', 'closed')",
        );
        if self.write(mark.bind(run).bind(now)).await?.rows_affected() == 0 {
            return Ok(0);
        }
        let last = sqlx::query_scalar("SELECT coalesce(max(row), 0) FROM rows WHERE run = ?").bind(run);
        let last: i64 = last.fetch_one(&self.readers).await.map_err(failed)?;
        let (mut after, mut emptied) = (0, 0);
        while after < last {
            let began = Instant::now();
            let mut writer = self.writer.lock().await;
            let mut transaction = self.begin(&mut writer).await?;
            let rows = sqlx::query(
                "UPDATE rows SET content = NULL, emptied = ?4 WHERE run = ?1 AND row > ?2 AND row <= ?3 AND content IS NOT NULL",
            );
            let rows = rows.bind(run).bind(after).bind(after + PIECE).bind(Emptied::Retention.as_str());
            emptied += rows.execute(&mut *transaction).await.map_err(failed)?.rows_affected();
            sqlx::query(
                "UPDATE lookups SET text = NULL WHERE run = ?1 AND row > ?2 AND row <= ?3 AND text IS NOT NULL",
            )
            .bind(run)
            .bind(after)
            .bind(after + PIECE)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            drop(writer);
            after += PIECE;
            rest(began).await;
        }
        Ok(emptied)
    }

    /// Empties the answers of these runs that are due (or only counts them), but for those that an unfinished run uses.
    pub async fn empty_answers(
        &self,
        due: &[DueRun],
        now: i64,
        dry: bool,
    ) -> Result<PurgedAnswers, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let until: HashMap<i64, i64> = due.iter().map(|run| (run.id, run.until)).collect();
        let unfinished: BTreeSet<i64> = due.iter().filter(|run| run.unfinished).map(|run| run.id).collect();
        let (mut after, mut done) = (0, PurgedAnswers::default());
        loop {
            let kept: Vec<(i64, i64, i64)> =
                sqlx::query_as(KEPT).bind(after).bind(LOOK).fetch_all(&self.readers).await.map_err(failed)?;
            let Some((last, ..)) = kept.last() else { return Ok(done) };
            after = *last;
            let is_due = |run: &i64, at: &i64| until.get(run).is_some_and(|until| at <= until);
            let is_free = |run: &i64| !unfinished.contains(run);
            let due = kept.iter().filter(|(_, run, at)| is_due(run, at)).count();
            let free = kept.iter().filter(|(_, run, at)| is_due(run, at) && is_free(run));
            let free: Vec<i64> = free.map(|(id, ..)| *id).collect();
            done.in_use += (due - free.len()) as u64;
            for piece in free.chunks(usize::try_from(PIECE).unwrap_or(usize::MAX)) {
                let (answers, free) = self.empty_attempts(piece, now, dry).await?;
                done.answers += answers;
                done.in_use += piece.len() as u64 - free;
            }
        }
    }

    /// Gives the answers that are gone, and how many attempts no unfinished run uses.
    async fn empty_attempts(&self, attempts: &[i64], now: i64, dry: bool) -> Result<(u64, u64), LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let began = Instant::now();
        let list = serde_json::to_string(attempts).unwrap_or_default();
        if dry {
            let unused: Vec<i64> =
                sqlx::query_scalar(UNUSED).bind(list).fetch_all(&self.readers).await.map_err(failed)?;
            let list = serde_json::to_string(&unused).unwrap_or_default();
            let answers: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM answers WHERE attempt IN (SELECT value FROM json_each(?))",
            )
            .bind(list)
            .fetch_one(&self.readers)
            .await
            .map_err(failed)?;
            return Ok((answers.unsigned_abs(), unused.len() as u64));
        }
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        // Within the transaction: a run may have come to use one just now.
        let unused: Vec<i64> =
            sqlx::query_scalar(UNUSED).bind(list).fetch_all(&mut *transaction).await.map_err(failed)?;
        let list = serde_json::to_string(&unused).unwrap_or_default();
        let answers = sqlx::query("DELETE FROM answers WHERE attempt IN (SELECT value FROM json_each(?))");
        let answers = answers.bind(&list).execute(&mut *transaction).await.map_err(failed)?.rows_affected();
        let emptied = sqlx::query(
            "UPDATE attempts SET text = NULL, emptied_at = ?2, emptied_why = ?3 \
             WHERE id IN (SELECT value FROM json_each(?1)) AND emptied_at IS NULL",
        );
        let emptied = emptied.bind(&list).bind(now).bind(Emptied::Retention.as_str());
        emptied.execute(&mut *transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        drop(writer);
        rest(began).await;
        Ok((answers, unused.len() as u64))
    }

    /// Gives up the data keys of purged runs of which nothing is left, in the ring and its copies. What was sealed with one opens
    /// nowhere again, in no backup either. Returns how many.
    pub async fn shred(&self, now: i64) -> Result<u64, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let purged: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT id, started_at FROM runs WHERE purged_at IS NOT NULL AND shredded_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.run = runs.id AND content IS NOT NULL)",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        for (run, started_at) in purged {
            // Ids are dated: a clock that was put back by a day in the middle of a run is covered.
            let earliest = lowest_id(started_at - DAY);
            let needed: bool = sqlx::query_scalar(NEEDS_KEY)
                .bind(run)
                .bind(earliest)
                .fetch_one(&self.readers)
                .await
                .map_err(failed)?;
            if !needed {
                let mark = sqlx::query("UPDATE runs SET shredded_at = ?2 WHERE id = ?1");
                self.write_one(mark.bind(run).bind(now)).await?;
            }
        }
        // Those too that a process marked which died before the ring was written.
        let mut reader = self.readers.acquire().await.map_err(failed)?;
        let given_up = Self::given_up(&mut reader).await.map_err(failed)?;
        drop(reader);
        Ok(self.keyring.give_up(&given_up)?)
    }

    /// Folds the write-ahead log into the file and empties it, so that no page of before is left in it. Whether it could be: a
    /// process that reads keeps it.
    pub async fn truncate_log(&self) -> Result<bool, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut own = self.connect(options(self.path()).busy_timeout(READERS)).await?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut own).await;
        let busy = row.and_then(|row| row.try_get::<i64, _>(0));
        own.close().await.map_err(failed)?;
        Ok(busy.map_err(failed)? == 0)
    }
}

/// Lets others write.
async fn rest(began: Instant) {
    tokio::time::sleep(began.elapsed().min(REST)).await;
}

/// Empties all of a run whose data key was given up, in a ledger that nobody else has open.
pub(super) async fn empty_run(
    connection: &mut SqliteConnection,
    run: i64,
    now: i64,
) -> Result<(), sqlx::Error> {
    for text in [
        "DELETE FROM answers WHERE ?2 > 0 AND attempt IN (SELECT id FROM attempts WHERE run = ?1)",
        "UPDATE attempts SET text = NULL, emptied_at = coalesce(emptied_at, ?2), \
         emptied_why = coalesce(emptied_why, 'retention') WHERE run = ?1",
        "UPDATE lookups SET text = NULL WHERE run = ?1 AND ?2 > 0",
        "UPDATE rows SET content = NULL, emptied = coalesce(emptied, 'retention') WHERE run = ?1 AND ?2 > 0",
        "UPDATE runs SET job_text = NULL, purged_at = coalesce(purged_at, ?2), shredded_at = coalesce(shredded_at, ?2), \
         state = iif(state IN ('loading', 'running', 'stopped'), 'closed', state) WHERE id = ?1",
    ] {
        sqlx::query(text).bind(run).bind(now).execute(&mut *connection).await?;
    }
    Ok(())
}
