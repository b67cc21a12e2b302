//! Runs: begun, found again, ended, summed up.

use super::cells;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::ledger::{Cell, DecidedBy, Ledger, LedgerError, NewRun, RunRow, Stage, Totals, Unopened};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const COLUMNS: &str = "id, run, job, operator, state, environment, job_path, job_text, input_digest, input_bytes, input_sha256, \
                       limit_rows, input_given, buy_again, columns, steps, first_day, rows, bad_rows, letter_rows, started_at, retention, purged_at, finished_at, exit, reason, fire";

impl Ledger {
    /// Begins a run in state `loading`.
    pub async fn begin_run(&self, new: NewRun<'_>) -> Result<i64, LedgerError> {
        // In the ring before anything is sealed with it.
        let key = self.keyring.new_key()?;
        let query = sqlx::query(
            "INSERT INTO runs (run, data_key, job, operator, state, environment, job_path, job_text, input_digest, limit_rows, input_given, \
             buy_again, columns, steps, first_day, started_at, retention, fire) VALUES (?, ?, ?, ?, 'loading', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.run)
        .bind(i64::from(key.id()))
        .bind(new.job)
        .bind(new.operator)
        .bind(new.environment)
        .bind(new.job_path)
        .bind(key.seal(Cell::JobText(new.run), new.job_text.as_bytes()))
        .bind(new.input_digest)
        .bind(new.limit_rows)
        .bind(new.input_given)
        .bind(new.buy_again)
        .bind(new.columns)
        .bind(new.steps)
        .bind(new.first_day)
        .bind(new.started_at)
        .bind(new.retention)
        .bind(new.fire);
        let run = self.write(query).await?.last_insert_rowid();
        self.keep_data_key(run, &key);
        Ok(run)
    }

    /// The job's run that can be continued, of the same `--limit`; the newest where several can.
    pub async fn unfinished(
        &self,
        job: &str,
        limit_rows: Option<i64>,
    ) -> Result<Option<RunRow>, LedgerError> {
        let rows = self.select("WHERE job = ?1 AND state IN ('running', 'stopped') AND limit_rows IS ?2 ORDER BY id DESC LIMIT 1", job, limit_rows);
        Ok(rows.await?.pop())
    }

    /// Unfinished runs of every other job, newest first.
    pub async fn unfinished_of_others(&self, job: &str) -> Result<Vec<RunRow>, LedgerError> {
        let clause = "WHERE job <> ?1 AND state IN ('running', 'stopped') AND ?2 IS NULL ORDER BY id DESC";
        self.select(clause, job, None).await
    }

    /// Runs of a job whose copy was cut short.
    pub async fn half_loaded(&self, job: &str) -> Result<Vec<RunRow>, LedgerError> {
        self.select("WHERE job = ?1 AND state = 'loading' AND ?2 IS NULL", job, None).await
    }

    /// The newest runs, newest first.
    pub async fn recent(&self, limit: i64) -> Result<Vec<RunRow>, LedgerError> {
        self.select("WHERE ?1 = '' ORDER BY id DESC LIMIT ?2", "", Some(limit)).await
    }

    /// A run by its id in this ledger.
    pub async fn run(&self, id: i64) -> Result<Option<RunRow>, LedgerError> {
        Ok(self.select("WHERE ?1 = '' AND id = ?2", "", Some(id)).await?.pop())
    }

    /// A job's newest run.
    pub async fn last_run(&self, job: &str) -> Result<Option<RunRow>, LedgerError> {
        let rows = self.select("WHERE job = ?1 AND ?2 IS NULL ORDER BY id DESC LIMIT 1", job, None);
        Ok(rows.await?.pop())
    }

    /// A job's newest run over all of its rows that came to its end.
    pub async fn last_finished(&self, job: &str) -> Result<Option<RunRow>, LedgerError> {
        let clause = "WHERE job = ?1 AND state = 'finished' AND limit_rows IS ?2 ORDER BY id DESC LIMIT 1";
        Ok(self.select(clause, job, None).await?.pop())
    }

    /// The runs that a word may mean: a whole id, else a job's last run, else every run whose id begins with it.
    pub async fn find(&self, word: &str) -> Result<Vec<RunRow>, LedgerError> {
        if word == "latest" {
            return self.recent(1).await;
        }
        for clause in [
            "WHERE run = ?1 AND ?2 IS NULL",
            "WHERE job = ?1 AND ?2 IS NULL ORDER BY id DESC LIMIT 1",
            "WHERE substr(run, 1, length(?1)) = ?1 AND ?2 IS NULL ORDER BY id DESC LIMIT 10",
        ] {
            let found = self.select(clause, word, None).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    pub(super) async fn select(
        &self,
        clause: &'static str,
        word: &str,
        number: Option<i64>,
    ) -> Result<Vec<RunRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM runs {clause}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(word.to_owned())
            .bind(number)
            .fetch_all(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        rows.iter().map(|row| self.run_of(row)).collect()
    }

    fn run_of(&self, row: &SqliteRow) -> Result<RunRow, LedgerError> {
        let job_text = |run: &str| match self.text(Cell::JobText(run), row, "job_text") {
            // Purged, or damaged: `doctor` tells, and it is needed only where the job's file is gone.
            Err(sqlx::Error::Decode(error)) if error.is::<Unopened>() => Ok(String::new()),
            text => text.map(Option::unwrap_or_default),
        };
        run(row, job_text).map_err(|e| self.failed(&e))
    }

    /// The files of the jobs that have run, as they were called then.
    pub async fn job_files(&self) -> Result<Vec<String>, LedgerError> {
        let paths = sqlx::query_scalar("SELECT DISTINCT job_path FROM runs").fetch_all(&self.readers).await;
        paths.map_err(|e| self.failed(&e))
    }

    /// Whether any run belongs to another environment than this one.
    pub async fn has_runs_outside(&self, environment: &str) -> Result<bool, LedgerError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM runs WHERE environment <> ?)")
            .bind(environment)
            .fetch_one(&self.readers)
            .await
            .map_err(|e| self.failed(&e))
    }

    /// Notes that an invocation is at work on the run, and for how long (milliseconds) its job keeps what it buys.
    pub async fn resume_run(
        &self,
        run: i64,
        buy_again: bool,
        retention: Option<i64>,
    ) -> Result<(), LedgerError> {
        let query = sqlx::query(
            "UPDATE runs SET state = 'running', finished_at = NULL, exit = NULL, reason = NULL, buy_again = ?, retention = ? \
             WHERE id = ?",
        );
        self.write_one(query.bind(buy_again).bind(retention).bind(run)).await
    }

    /// Notes how an invocation ended.
    pub async fn end_run(
        &self,
        run: i64,
        stage: Stage,
        exit: u8,
        reason: &str,
        finished_at: Option<i64>,
    ) -> Result<(), LedgerError> {
        let query =
            sqlx::query("UPDATE runs SET state = ?, exit = ?, reason = ?, finished_at = ? WHERE id = ?");
        self.write_one(query.bind(stage.as_str()).bind(exit).bind(reason).bind(finished_at).bind(run)).await
    }

    /// Parks what a dead or aborted process left `started`: it may have been billed, and nobody heard the answer.
    pub async fn park_started(&self, run: i64, now: i64) -> Result<u64, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let parked = sqlx::query(
            "UPDATE lookups SET state = 'parked', outcome = 'unknown', source = 'bought', spent = spent + 1, \
             cost = lookups.cost + a.reserved, cost_unknown = lookups.cost_unknown + a.reserved, \
             lost = lost + 1 \
             FROM attempts a WHERE lookups.run = ?1 AND lookups.state = 'started' AND a.id = lookups.attempt",
        )
        .bind(run)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        sqlx::query(
            "UPDATE attempts SET state = 'unknown', code = 'lost', settled_at = ?2, cost = reserved \
             WHERE state = 'started' AND id IN \
             (SELECT attempt FROM lookups WHERE run = ?1 AND state = 'parked' AND source = 'bought')",
        )
        .bind(run)
        .bind(now)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(parked.rows_affected())
    }

    /// Makes pending again what ended `failed`, `denied` or undecided, and with `unknown` also what ended `unknown`. Attempts and costs
    /// stay on the books. Returns how many.
    pub async fn retry(&self, run: i64, unknown: bool) -> Result<u64, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let done = sqlx::query(
            "UPDATE lookups SET state = 'pending', outcome = NULL, source = NULL, spent = 0, code = NULL, text = NULL, \
             saved = NULL, saved_unpriced = 0 WHERE run = ?1 AND (SELECT purged_at IS NULL FROM runs WHERE id = ?1) \
             AND (SELECT content IS NOT NULL FROM rows WHERE rows.run = lookups.run AND rows.row = lookups.row) AND (state = 'settled' AND outcome IN ('failed', 'denied') \
             OR outcome = 'skipped' AND code = 'undecided' OR state = 'parked' AND code = 'letter-unknown' \
             OR ?2 AND outcome = 'unknown')",
        )
        .bind(run)
        .bind(unknown)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        // In the same transaction: a finished run with something pending would be seen by nobody.
        sqlx::query(
            "UPDATE runs SET state = 'running', finished_at = NULL, exit = NULL, reason = NULL \
             WHERE id = ? AND purged_at IS NULL",
        )
        .bind(run)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    /// Sums over a run.
    pub async fn totals(&self, run: i64) -> Result<Totals, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        // What is in flight, or was when a process died, may have been spent already. Asked first:
        // what is settled meanwhile counts twice for a moment rather than not at all.
        let in_flight: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(reserved), 0) FROM attempts INDEXED BY attempts_open \
             WHERE state IN ('started', 'unknown', 'unread') AND resolved IS NULL AND state = 'started' AND run = ?",
        )
        .bind(run)
        .fetch_one(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        // One pass without a sort: grouping a million rows would cost a second of every start.
        let outcomes = Outcome::ALL.map(|outcome| format!("total(outcome IS '{outcome}')")).join(", ");
        let sql = format!(
            "SELECT count(*), count(*) - count(outcome), total(source IS 'reused'), \
             total(source IS 'bought' AND outcome NOT IN ('failed', 'unknown')), total(attempts), \
             total(max(attempts - 1, 0)), total(cost), total(cost_unknown), total(letters), total(saved IS NOT NULL), total(saved), \
             total(saved_unpriced), {outcomes} \
             FROM lookups WHERE run = ?"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(run)
            .fetch_one(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let logins: i64 = sqlx::query_scalar("SELECT count(*) FROM logins WHERE run = ?")
            .bind(run)
            .fetch_one(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let unpriced = sqlx::query_scalar(
            "SELECT DISTINCT s.account || '.' || s.service FROM attempts a INDEXED BY attempts_unpriced \
             CROSS JOIN services s ON s.id = a.service WHERE a.run = ? AND a.unpriced = 1 ORDER BY 1",
        );
        let unpriced = unpriced.bind(run).fetch_all(&self.readers).await.map_err(|e| self.failed(&e))?;
        // Numbered as they are selected. `total` is a float, exact up to 2^53: ninety trillion SEK.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sums of small counts and prices"
        )]
        let sum = |at: usize| row.try_get::<f64, _>(at).map(|sum| sum as u64).map_err(failed);
        let mut outcomes = [0; 9];
        for (at, count) in outcomes.iter_mut().enumerate() {
            *count = sum(12 + at)?;
        }
        Ok(Totals {
            lookups: cells::count(&row, 0).map_err(failed)?,
            pending: cells::count(&row, 1).map_err(failed)?,
            reused: sum(2)?,
            bought: sum(3)?,
            calls: sum(4)?,
            retries: sum(5)?,
            cost: Ore::new(sum(6)? + in_flight.unsigned_abs()),
            cost_unknown: Ore::new(sum(7)?),
            unpriced,
            letters: sum(8)?,
            saved_calls: sum(9)?,
            saved: Ore::new(sum(10)?),
            saved_unpriced: sum(11)?,
            outcomes,
            logins: logins.unsigned_abs(),
        })
    }

    /// Rows of a run with a lookup that has no outcome yet, and those lookups.
    pub async fn still_pending(&self, run: i64) -> Result<(u64, u64), LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let sql = "SELECT count(DISTINCT row), count(*) FROM lookups WHERE run = ? AND outcome IS NULL";
        let row = sqlx::query(sql).bind(run).fetch_one(&self.readers).await.map_err(failed)?;
        Ok((cells::count(&row, 0).map_err(failed)?, cells::count(&row, 1).map_err(failed)?))
    }

    /// How many bytes a stored answer of a service takes, on average over the newest of the ledger; `None` if none is
    /// among them.
    pub async fn answer_size(&self, account: &str, service: &str) -> Result<Option<u64>, LedgerError> {
        let size: Option<f64> = sqlx::query_scalar(
            "SELECT avg(length(b.body)) FROM (SELECT attempt, body FROM answers ORDER BY attempt DESC LIMIT 2000) b \
             CROSS JOIN attempts a ON a.id = b.attempt CROSS JOIN services s ON s.id = a.service \
             WHERE s.account = ? AND s.service = ?",
        )
        .bind(account)
        .bind(service)
        .fetch_one(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an average of lengths")]
        Ok(size.map(|size| size as u64))
    }

    /// Runs with calls that have no end yet: a process waits for them, or it died.
    pub async fn runs_in_flight(&self) -> Result<Vec<RunRow>, LedgerError> {
        let clause = "WHERE id IN (SELECT run FROM attempts INDEXED BY attempts_open WHERE state IN ('started', 'unknown', 'unread') \
                      AND resolved IS NULL AND state = 'started') AND ?1 = '' AND ?2 IS NULL";
        self.select(clause, "", None).await
    }

    /// Of a lookup and the one that its condition is about, by their ids in the job: in how many rows of the job's last
    /// finished runs the condition was met, and in how many it was decided. Rows that were bought outright decided nothing.
    pub async fn gate_history(&self, job: &str, lookup: &str, gate: &str) -> Result<(u64, u64), LedgerError> {
        let clause = "WHERE job = ?1 AND state = 'finished' ORDER BY id DESC LIMIT ?2";
        let runs = self.select(clause, job, Some(5)).await?;
        let (mut met, mut decided) = (0, 0);
        for run in runs {
            let place = |id: &str| {
                let at = run.steps.iter().position(|(known, _)| known == id);
                at.and_then(|at| i64::try_from(at).ok())
            };
            let (Some(lookup), Some(gate)) = (place(lookup), place(gate)) else { continue };
            let row = sqlx::query(
                "SELECT total(l.outcome <> 'skipped'), total(l.outcome <> 'skipped' OR l.code = 'gate') FROM lookups l \
                 CROSS JOIN lookups g ON g.run = l.run AND g.row = l.row AND g.step = ?3 \
                 WHERE l.run = ?1 AND l.step = ?2 AND g.outcome <> 'skipped'",
            )
            .bind(run.id)
            .bind(lookup)
            .bind(gate)
            .fetch_one(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of rows")]
            let count = |at: usize| row.try_get::<f64, _>(at).map(|sum| sum as u64);
            met += count(0).map_err(|e| self.failed(&e))?;
            decided += count(1).map_err(|e| self.failed(&e))?;
        }
        Ok((met, decided))
    }

    /// How the lookups that this run sent were decided: service, outcome and code of the last attempt of each, counted.
    pub async fn decided_by(&self, run: i64) -> Result<Vec<DecidedBy>, LedgerError> {
        let rows = sqlx::query(
            "SELECT s.account || '.' || s.service, a.outcome, a.code, count(*) FROM lookups l \
             CROSS JOIN attempts a ON a.id = l.attempt CROSS JOIN services s ON s.id = a.service \
             WHERE l.run = ? AND l.source = 'bought' GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 2, 3",
        )
        .bind(run)
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        let decided = |row: &SqliteRow| {
            let (service, code) = (row.try_get(0)?, row.try_get(2)?);
            Ok(DecidedBy { service, outcome: cells::outcome(row, 1)?, code, count: cells::count(row, 3)? })
        };
        rows.iter().map(decided).collect::<sqlx::Result<_>>().map_err(|e| self.failed(&e))
    }
}

fn run(row: &SqliteRow, job_text: impl Fn(&str) -> sqlx::Result<String>) -> sqlx::Result<RunRow> {
    let name: String = row.try_get("run")?;
    let stage = cells::word(row, "state", Stage::parse)?;
    let first_day: String = row.try_get("first_day")?;
    if first_day.parse::<jiff::civil::Date>().is_err() {
        return Err(sqlx::Error::Decode("a day that is none".into()));
    }
    Ok(RunRow {
        id: row.try_get("id")?,
        job_text: job_text(&name)?,
        run: name,
        job: row.try_get("job")?,
        operator: row.try_get("operator")?,
        stage: stage.ok_or_else(|| sqlx::Error::Decode("a run without a state".into()))?,
        environment: row.try_get("environment")?,
        job_path: row.try_get("job_path")?,
        input_digest: row.try_get("input_digest")?,
        input_bytes: row.try_get("input_bytes")?,
        input_sha256: row.try_get("input_sha256")?,
        limit_rows: row.try_get("limit_rows")?,
        input_given: row.try_get("input_given")?,
        buy_again: row.try_get("buy_again")?,
        columns: cells::json(row, "columns")?,
        steps: cells::json(row, "steps")?,
        first_day,
        rows: row.try_get("rows")?,
        bad_rows: row.try_get("bad_rows")?,
        letter_rows: row.try_get("letter_rows")?,
        started_at: row.try_get("started_at")?,
        retention: row.try_get("retention")?,
        purged_at: row.try_get("purged_at")?,
        finished_at: row.try_get("finished_at")?,
        exit: row.try_get::<Option<u8>, _>("exit")?,
        reason: row.try_get("reason")?,
        fire: row.try_get("fire")?,
    })
}
