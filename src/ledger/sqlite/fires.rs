//! Fires: claimed before their runs start, taken over where their daemon is gone, and what jobs make of them.

use super::cells;
use crate::ledger::{
    Cause, Daemon, FireRow, Ledger, LedgerError, NewFire, RunRow, ScheduleRecord, WatchedJob,
};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeSet;

/// In milliseconds.
const DAY: i64 = 86_400_000;

const COLUMNS: &str = "id, job, due, cause, state, daemon, ended_at, exit, reason";

/// Exit codes that are no failure of the job's: all settled, the budget or the night is used up, stopped by a signal.
const NO_FAILURE: &str = "(0, 8, 130)";

impl Ledger {
    /// Notes that a daemon watches a job with this schedule, and tells where it begins: a schedule that is new, or says
    /// something new, begins now.
    pub async fn watch(&self, job: &str, cron: &str, now: i64) -> Result<WatchedJob, LedgerError> {
        let query = sqlx::query(
            "INSERT INTO schedules (job, cron, since) VALUES (?1, ?2, ?3) ON CONFLICT (job) DO UPDATE SET cron = ?2, \
             since = iif(since > ?4, ?3, max(since, ?3)) WHERE cron IS NOT ?2",
        );
        self.write_one(query.bind(job).bind(cron).bind(now).bind(now + DAY)).await?;
        let book = self.schedule_record(job, now).await?;
        Ok(WatchedJob { last: book.counted_from.unwrap_or(now) })
    }

    /// Claims a fire for a daemon; `None` if another has claimed it, or the job is paused. One that was claimed while the
    /// clock was more than a day ahead makes way for the time that really comes.
    pub async fn claim(
        &self,
        daemon: &Daemon,
        new: NewFire<'_>,
        now: i64,
    ) -> Result<Option<FireRow>, LedgerError> {
        let query = sqlx::query(
            "INSERT INTO fires (job, due, cause, state, daemon, claimed_at, ended_at, reason) \
             SELECT ?1, ?2, ?3, iif(?6 IS NULL, 'claimed', 'skipped'), ?4, ?5, iif(?6 IS NULL, NULL, ?5), ?6 \
             WHERE NOT EXISTS (SELECT 1 FROM schedules WHERE job = ?1 AND paused_at IS NOT NULL) \
             ON CONFLICT (job, due) DO NOTHING RETURNING id, job, due, cause, state, daemon, ended_at, exit, reason",
        );
        let query = query.bind(new.job).bind(new.due).bind(new.cause.as_str()).bind(&daemon.name);
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        sqlx::query(
            "UPDATE OR IGNORE fires SET due = -due WHERE job = ? AND due = ? AND claimed_at > ? AND state <> 'claimed'",
        )
        .bind(new.job)
        .bind(new.due)
        .bind(now + DAY)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        let query = query.bind(now).bind(new.left_out);
        let row = query.fetch_optional(&mut *transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        row.map(|row| self.fire_of(&row)).transpose()
    }

    /// Fires of jobs that are not paused that nobody has in hand: their daemon is gone, or it is this one, which does not
    /// hold them (after an error between a claim and its word, say), or they were given by hand.
    pub async fn abandoned(&self, own: &Daemon, held: &BTreeSet<i64>) -> Result<Vec<FireRow>, LedgerError> {
        let open = self.fires(
            "WHERE state = 'claimed' AND NOT EXISTS (SELECT 1 FROM schedules s WHERE s.job = fires.job AND \
             s.paused_at IS NOT NULL AND fires.cause <> 'hand') AND ?1 = '' ORDER BY due, id",
            "",
        );
        let mut open = open.await?;
        open.retain(|fire| match &fire.daemon {
            None => true,
            Some(daemon) if *daemon == own.name => !held.contains(&fire.id),
            Some(daemon) => !self.lives(daemon),
        });
        Ok(open)
    }

    /// Takes an abandoned fire over; false where somebody else was quicker.
    pub async fn take_over(&self, daemon: &Daemon, fire: &FireRow, now: i64) -> Result<bool, LedgerError> {
        let query = sqlx::query(
            "UPDATE fires SET daemon = ?1, claimed_at = ?2 WHERE id = ?3 AND state = 'claimed' AND daemon IS ?4",
        );
        let query = query.bind(&daemon.name).bind(now).bind(fire.id).bind(&fire.daemon);
        Ok(self.write(query).await?.rows_affected() == 1)
    }

    /// Notes how a fire ended: with an exit code, or left out. One that another daemon has taken over meanwhile is that
    /// one's to end.
    pub async fn end_fire(
        &self,
        daemon: &Daemon,
        fire: i64,
        exit: Option<u8>,
        reason: &str,
        now: i64,
    ) -> Result<(), LedgerError> {
        let query = sqlx::query(
            "UPDATE fires SET state = iif(?2 IS NULL, 'skipped', 'ended'), exit = ?2, reason = ?3, ended_at = ?4 \
             WHERE id = ?1 AND state = 'claimed' AND daemon = ?5",
        );
        self.write_one(query.bind(fire).bind(exit).bind(reason).bind(now).bind(&daemon.name)).await
    }

    /// The run that a fire began.
    pub async fn run_of_fire(&self, fire: i64) -> Result<Option<RunRow>, LedgerError> {
        Ok(self.select("WHERE fire = ?2 AND ?1 = ''", "", Some(fire)).await?.pop())
    }

    /// Puts down a fire for whichever daemon has the job.
    pub async fn fire_by_hand(&self, job: &str, now: i64) -> Result<(), LedgerError> {
        // A due time of the schedule may lie in the same millisecond.
        let query = sqlx::query(
            "INSERT INTO fires (job, due, cause, state, claimed_at) SELECT ?1, \
             max(?2, coalesce((SELECT max(due) + 1 FROM fires WHERE job = ?1 AND cause = 'hand'), 0)) \
             + EXISTS (SELECT 1 FROM fires WHERE job = ?1 AND due = ?2), 'hand', 'claimed', ?2",
        );
        self.write_one(query.bind(job).bind(now)).await
    }

    /// Pauses a job. What was due while it is paused is not made up for.
    pub async fn pause(&self, job: &str, why: &str, now: i64) -> Result<(), LedgerError> {
        let query = sqlx::query(
            "INSERT INTO schedules (job, since, paused_at, paused_why) VALUES (?1, ?2, ?2, ?3) \
             ON CONFLICT (job) DO UPDATE SET paused_at = coalesce(paused_at, ?2), paused_why = coalesce(paused_why, ?3)",
        );
        self.write_one(query.bind(job).bind(now).bind(why)).await
    }

    /// Lets a paused job go on with what is due from now on; false where it was not paused.
    pub async fn unpause(&self, job: &str, now: i64) -> Result<bool, LedgerError> {
        let query = sqlx::query(
            "UPDATE schedules SET paused_at = NULL, paused_why = NULL, since = iif(since > ?3, ?2, max(since, ?2)) \
             WHERE job = ?1 AND paused_at IS NOT NULL",
        );
        Ok(self.write(query.bind(job).bind(now).bind(now + DAY)).await?.rows_affected() == 1)
    }

    /// Whether the last `count` fires of a job that came to an end all failed, since it was last let go on.
    pub async fn keeps_failing(&self, job: &str, count: u32, now: i64) -> Result<bool, LedgerError> {
        let sql = format!(
            "SELECT count(*) = ?2 AND total(exit IN {NO_FAILURE}) = 0 FROM (SELECT exit FROM fires \
             WHERE job = ?1 AND state = 'ended' \
             AND ended_at > coalesce((SELECT since FROM schedules WHERE job = ?1 AND since <= ?3), 0) \
             AND ended_at <= ?3 ORDER BY ended_at DESC, id DESC LIMIT ?2)"
        );
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(job).bind(count).bind(now + DAY);
        query.fetch_one(&self.readers).await.map_err(|e| self.failed(&e))
    }

    /// What is known of a job's schedule. What lies more than a day ahead of now was written while the clock was wrong, and
    /// counts for nothing: else the job would be silent until then.
    pub async fn schedule_record(&self, job: &str, now: i64) -> Result<ScheduleRecord, LedgerError> {
        let row = sqlx::query("SELECT since, paused_at, paused_why, cron FROM schedules WHERE job = ?")
            .bind(job)
            .fetch_optional(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let sql = format!("SELECT {COLUMNS} FROM fires WHERE job = ? AND due <= ? ORDER BY due DESC LIMIT 1");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(job).bind(now + DAY);
        let last = query.fetch_optional(&self.readers).await.map_err(|e| self.failed(&e))?;
        let last = last.map(|row| self.fire_of(&row)).transpose()?;
        let fired: Option<i64> =
            sqlx::query_scalar("SELECT max(due) FROM fires WHERE job = ? AND cause <> 'hand' AND due <= ?")
                .bind(job)
                .bind(now + DAY)
                .fetch_one(&self.readers)
                .await
                .map_err(|e| self.failed(&e))?;
        let (paused, since) = row.as_ref().map_or(Ok((None, None)), held).map_err(|e| self.failed(&e))?;
        let since = since.map(|since| if since > now + DAY { fired.unwrap_or(now) } else { since });
        Ok(ScheduleRecord {
            paused,
            last,
            counted_from: since.map(|since| fired.map_or(since, |due| due.max(since))),
        })
    }

    /// Whether a job of that name has ever run here or been watched.
    pub async fn knows_job(&self, job: &str) -> Result<bool, LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM schedules WHERE job = ?1 AND cron IS NOT NULL) \
                   OR EXISTS (SELECT 1 FROM runs WHERE job = ?1)";
        sqlx::query_scalar(sql).bind(job).fetch_one(&self.readers).await.map_err(|e| self.failed(&e))
    }

    async fn fires(&self, clause: &'static str, job: &str) -> Result<Vec<FireRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM fires {clause}");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(job.to_owned());
        let rows = query.fetch_all(&self.readers).await.map_err(|e| self.failed(&e))?;
        rows.iter().map(|row| self.fire_of(row)).collect()
    }

    fn fire_of(&self, row: &SqliteRow) -> Result<FireRow, LedgerError> {
        fire(row).map_err(|e| self.failed(&e))?.ok_or_else(|| self.damaged())
    }
}

/// Since when and why a job is paused, and since when its schedule counts.
type HeldBack = (Option<(i64, String)>, Option<i64>);

fn held(row: &SqliteRow) -> sqlx::Result<HeldBack> {
    let paused = row.try_get::<Option<i64>, _>("paused_at")?.zip(row.try_get("paused_why")?);
    let cron: Option<&str> = row.try_get("cron")?;
    Ok((paused, if cron.is_some() { row.try_get("since")? } else { None }))
}

/// A fire; `None` if it has no cause, which none is without.
fn fire(row: &SqliteRow) -> sqlx::Result<Option<FireRow>> {
    let known = |word: &str| Cause::ALL.into_iter().find(|known| known.as_str() == word);
    let Some(cause) = cells::word(row, "cause", known)? else { return Ok(None) };
    Ok(Some(FireRow {
        id: row.try_get("id")?,
        job: row.try_get("job")?,
        due: row.try_get("due")?,
        cause,
        state: row.try_get("state")?,
        daemon: row.try_get("daemon")?,
        ended_at: row.try_get("ended_at")?,
        exit: row.try_get::<Option<u8>, _>("exit")?,
        reason: row.try_get("reason")?,
    }))
}

#[cfg(test)]
mod tests;
