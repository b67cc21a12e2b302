//! What a statement says of lost answers, written into the ledger: one transaction, and nothing the second time.

use super::super::cells;
use super::{Invoice, NAMELESS_NEAR};
use crate::domain::budget::Spend;
use crate::domain::invoice::Settles;
use crate::domain::money::Ore;
use crate::ledger::{LedgerError, Settled, SettledAttempt};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

/// Settled attempts that are named one by one.
const NAMED: i64 = 50;

/// Lost answers that the statement bills, at its own amount; a second line for the same call is no second price.
const BILLED: &str = "INSERT INTO temp.settled (attempt, amount) SELECT b.attempt, b.amount FROM temp.billed b \
                      CROSS JOIN attempts a ON a.id = b.attempt WHERE a.state = 'unknown' AND a.resolved IS NULL \
                      AND b.line = (SELECT min(c.line) FROM temp.billed c WHERE c.attempt = b.attempt)";

/// Those of the days for which it is complete that it does not name: `?1`, `?2` from when and before when, `?3`, `?4` whose.
const UNNAMED: &str = "FROM attempts a INDEXED BY attempts_open CROSS JOIN services s ON s.id = a.service \
                       WHERE a.state IN ('started', 'unknown', 'unread') AND a.state = 'unknown' AND a.resolved IS NULL AND a.started_at >= ?1 AND a.started_at < ?2 \
                       AND s.account = ?3 AND s.environment = ?4 \
                       AND NOT EXISTS (SELECT 1 FROM temp.billed b WHERE b.attempt = a.id)";

/// Makes of lost answers that are not named, and would have been, such that were not carried out.
fn not_carried_out() -> String {
    format!("INSERT INTO temp.settled (attempt) SELECT a.id {UNNAMED} AND NOT EXISTS ({NAMELESS_NEAR})")
}

/// Lost answers that are settled: at what amount where they are billed, and whether nobody knows it.
pub(in crate::ledger) const SETTLED: &str = "CREATE TEMP TABLE settled (attempt INTEGER PRIMARY KEY, amount INTEGER, \
                                             unpriced INTEGER NOT NULL DEFAULT 0) STRICT";

/// What follows from `temp.settled`, in this order: sums of the lookups, those that wait for nothing any more, the rows
/// that follow them, those of other runs that have taken over an answer that is kept, the attempts. `DISTINCT` has the small side made first, so that a long ledger is searched and not
/// walked.
const FOLLOW: [&str; 5] = [
    "UPDATE lookups SET cost = lookups.cost + d.cost, cost_unknown = lookups.cost_unknown - d.was, \
     lost = lost - d.attempts, \
     code = CASE WHEN d.billed > 0 AND state = 'parked' THEN 'billed' ELSE code END \
     FROM (SELECT a.run, a.row, a.step, sum(coalesce(s.amount, 0) - a.cost) AS cost, sum(iif(a.state = 'unread', 0, a.cost)) AS was, \
     count(*) AS attempts, count(s.amount) AS billed FROM temp.settled s CROSS JOIN attempts a ON a.id = s.attempt \
     GROUP BY a.run, a.row, a.step) AS d \
     WHERE lookups.run = d.run AND lookups.row = d.row AND lookups.step = d.step",
    "UPDATE lookups SET state = 'settled', outcome = CASE WHEN code IS 'billed' THEN 'unknown' ELSE 'failed' END, \
     code = CASE WHEN code IS 'billed' THEN code ELSE 'not-carried-out' END \
     FROM (SELECT DISTINCT a.run, a.row, a.step FROM temp.settled s CROSS JOIN attempts a ON a.id = s.attempt) AS d \
     WHERE lookups.run = d.run AND lookups.row = d.row AND lookups.step = d.step AND lookups.state = 'parked' \
     AND lookups.lost <= 0",
    "UPDATE lookups SET state = d.state, outcome = d.outcome, code = d.code \
     FROM (SELECT DISTINCT f.run, f.row, f.step, h.state, h.outcome, h.code FROM temp.settled s \
     CROSS JOIN attempts a ON a.id = s.attempt CROSS JOIN lookups h ON h.run = a.run AND h.row = a.row \
     AND h.step = a.step CROSS JOIN lookups f INDEXED BY lookups_reused ON f.run = h.run AND f.attempt = h.attempt \
     AND f.source = 'reused' WHERE h.state = 'settled' AND h.outcome IN ('unknown', 'failed') \
     AND f.state = 'parked') AS d \
     WHERE lookups.run = d.run AND lookups.row = d.row AND lookups.step = d.step",
    "UPDATE lookups SET state = 'settled', code = 'billed' \
     FROM (SELECT DISTINCT f.run, f.row, f.step FROM temp.settled s \
     CROSS JOIN attempts a ON a.id = s.attempt AND a.state = 'unread' CROSS JOIN lookups f INDEXED BY lookups_reused \
     ON f.attempt = a.id AND f.source = 'reused' WHERE s.amount IS NOT NULL AND f.run <> a.run \
     AND f.state = 'parked') AS d \
     WHERE lookups.run = d.run AND lookups.row = d.row AND lookups.step = d.step",
    "UPDATE attempts SET cost = coalesce(s.amount, 0), state = iif(s.amount IS NULL, 'refused', state), \
     resolved = iif(s.amount IS NULL, 'not-carried-out', 'billed'), unpriced = s.unpriced \
     FROM (SELECT DISTINCT attempt, amount, unpriced FROM temp.settled) AS s WHERE attempts.id = s.attempt",
];

impl Invoice<'_> {
    /// Settles every lost answer on which the statement has a word. Billed: its cost is certain, its lookup settled, its
    /// outcome still `unknown`. Not named by a statement that would name it: not carried out, at no cost, and its lookup
    /// `failed`, so that `retry` may drive it again.
    pub async fn settle(&mut self) -> Result<Settled, LedgerError> {
        let ledger = self.ledger;
        let failed = |e: sqlx::Error| ledger.failed(&e);
        let ((from, before), tells) = (self.covered, self.tells);
        let (account, environment) = (self.account, self.environment);
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        sqlx::query(SETTLED).execute(&mut *transaction).await.map_err(failed)?;
        sqlx::query(BILLED).execute(&mut *transaction).await.map_err(failed)?;
        sqlx::query(sqlx::AssertSqlSafe(not_carried_out()))
            .bind(tells.0)
            .bind(tells.1)
            .bind(account)
            .bind(environment)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let left = format!("SELECT count(*) {UNNAMED} AND a.id NOT IN (SELECT attempt FROM temp.settled)");
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(left))
            .bind(from)
            .bind(before)
            .bind(account)
            .bind(environment)
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        let settled = carry_through(&mut transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        ledger.still_there()?;
        Ok(Settled { left: left.unsigned_abs(), ..settled })
    }
}

/// Does what follows from `temp.settled`, and tells what that is.
pub(in crate::ledger) async fn carry_through(
    connection: &mut SqliteConnection,
) -> Result<Settled, sqlx::Error> {
    let settled = told(connection).await?;
    for text in FOLLOW {
        sqlx::query(text).execute(&mut *connection).await?;
    }
    Ok(settled)
}

/// What `temp.settled` holds, asked before the attempts forget what was counted for them.
async fn told(connection: &mut SqliteConnection) -> Result<Settled, sqlx::Error> {
    let row = sqlx::query(
        "SELECT count(s.amount), coalesce(sum(s.amount), 0), count(*) - count(s.amount), \
         coalesce(sum(CASE WHEN s.amount IS NULL THEN a.cost END), 0), \
         coalesce(sum(s.unpriced), 0), coalesce(sum(s.amount IS NULL AND a.unpriced), 0) \
         FROM temp.settled s CROSS JOIN attempts a ON a.id = s.attempt",
    )
    .fetch_one(&mut *connection)
    .await?;
    let number = |at: usize| cells::count(&row, at);
    let named = sqlx::query(
        "SELECT u.run, u.job, r.line, a.transactionid, s.amount, s.unpriced FROM temp.settled s \
         CROSS JOIN attempts a ON a.id = s.attempt CROSS JOIN runs u ON u.id = a.run \
         CROSS JOIN rows r ON r.run = a.run AND r.row = a.row ORDER BY s.attempt LIMIT ?",
    )
    .bind(NAMED)
    .fetch_all(&mut *connection)
    .await?;
    let to_retry = sqlx::query_scalar(
        "SELECT u.run FROM runs u WHERE u.id IN (SELECT a.run FROM temp.settled s \
         CROSS JOIN attempts a ON a.id = s.attempt WHERE s.amount IS NULL) AND u.state <> 'closed' ORDER BY u.id",
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(Settled {
        billed: Spend { calls: number(0)?, cost: Ore::new(number(1)?), unpriced: number(4)? },
        not_carried_out: Spend { calls: number(2)?, cost: Ore::new(number(3)?), unpriced: number(5)? },
        named: named.iter().map(attempt).collect::<sqlx::Result<_>>()?,
        to_retry,
        left: 0,
        unread: 0,
    })
}

fn attempt(row: &SqliteRow) -> sqlx::Result<SettledAttempt> {
    let amount: Option<i64> = row.try_get("amount")?;
    Ok(SettledAttempt {
        run: row.try_get("run")?,
        job: row.try_get("job")?,
        line: row.try_get::<i64, _>("line")?.unsigned_abs(),
        transactionid: row.try_get("transactionid")?,
        settles: if amount.is_some() { Settles::Billed } else { Settles::NotCarriedOut },
        cost: (!row.try_get::<bool, _>("unpriced")?)
            .then(|| Ore::new(amount.unwrap_or_default().unsigned_abs())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Access;
    use crate::ledger::Ledger;

    /// A statement settles a handful of a million: every table is searched by its key.
    #[tokio::test]
    async fn what_follows_walks_over_no_table() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("orgpull.db"), &Access::default()).await.unwrap();
        let mut invoice = ledger.invoice_to_settle("creditsafe", "sandbox").await.unwrap();
        invoice.match_lines().await.unwrap();
        invoice.settle().await.unwrap();
        for text in FOLLOW.map(str::to_owned).into_iter().chain([not_carried_out()]) {
            let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
            for step in plan.fetch_all(&mut invoice.connection).await.unwrap() {
                let detail: String = step.get("detail");
                let walks = ["SCAN lookups", "SCAN attempts", "SCAN a", "SCAN h"];
                let walks =
                    walks.iter().any(|walk| detail == *walk || detail.starts_with(&format!("{walk} ")));
                let walks = walks && !detail.ends_with("USING INDEX attempts_open");
                assert!(!walks && !detail.ends_with("PRIMARY KEY (run=?)"), "{detail}\nin {text}");
            }
        }
    }
}
