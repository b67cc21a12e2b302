//! Answers that could not be read, and are now.

use super::cells;
use super::commit::ore;
use crate::domain::money::Ore;
use crate::domain::number::persons_in;
use crate::ledger::{Cell, Ledger, LedgerError, LookupId, ReadAgain, ResponseHead, UnreadAt, UnreadLookup};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Those of run `?1` after attempt `?2`: the run's own, whatever its lookups have come to since, those that its rows took over,
/// and those to questions that it has asked anew. One whose lookup is under way is left until that has ended.
const UNREAD: &str = "SELECT id, min(row), step FROM ( \
     SELECT a.id, a.row, a.step FROM attempts a INDEXED BY attempts_unread \
     WHERE a.state = 'unread' AND a.emptied_at IS NULL AND a.run = ?1 AND a.id > ?2 \
     UNION ALL SELECT a.id, l.row, l.step FROM attempts a INDEXED BY attempts_unread \
     CROSS JOIN lookups l INDEXED BY lookups_reused ON l.attempt = a.id AND l.run = ?1 AND l.source = 'reused' \
     WHERE a.state = 'unread' AND a.emptied_at IS NULL AND a.id > ?2 \
     UNION ALL SELECT a.id, b.row, b.step FROM attempts a INDEXED BY attempts_unread \
     CROSS JOIN attempts b INDEXED BY attempts_identity ON b.identity = a.identity AND b.run = ?1 \
     WHERE a.state = 'unread' AND a.emptied_at IS NULL AND a.run <> ?1 AND a.id > ?2) AS u \
     WHERE NOT EXISTS (SELECT 1 FROM attempts a CROSS JOIN lookups o ON o.run = a.run AND o.row = a.row AND o.step = a.step \
     WHERE a.id = u.id AND o.state = 'started') \
     GROUP BY id ORDER BY id LIMIT ?3";

/// What its reading (`?1` the attempt, `?2` what it costs, `?3` its letters, `?4` its outcome, `?5` the run that is retried)
/// changes, in this order. What a statement has settled it at stays. Its own lookup has it now unless it has come to something
/// better, and whatever stands on that lookup or on the answer follows, in whichever run. A lookup that waits or has failed is
/// changed in the run that is retried only: of another one a process may be about to send it.
const READ: [&str; 2] = [
    "UPDATE lookups SET cost = lookups.cost + iif(a.resolved IS NULL, ?2 - a.cost, 0), \
     lost = lost - (a.resolved IS NULL), letters = letters + ?3 \
     FROM attempts a WHERE a.id = ?1 AND a.state = 'unread' \
     AND lookups.run = a.run AND lookups.row = a.row AND lookups.step = a.step",
    "WITH own AS (SELECT h.run, h.row, h.step, h.attempt FROM attempts a \
     CROSS JOIN lookups h ON h.run = a.run AND h.row = a.row AND h.step = a.step WHERE a.id = ?1 AND a.state = 'unread' \
     AND (h.outcome = 'unknown' OR h.run = ?5 AND (h.state = 'pending' OR h.outcome IN ('failed', 'denied')))) \
     UPDATE lookups SET state = 'settled', outcome = ?4, source = d.source, attempt = ?1, code = NULL, text = NULL \
     FROM (SELECT DISTINCT run, row, step, source FROM (SELECT run, row, step, 'bought' AS source FROM own \
     UNION ALL SELECT f.run, f.row, f.step, 'reused' FROM own CROSS JOIN lookups f INDEXED BY lookups_reused \
     ON f.attempt = own.attempt AND f.run = own.run AND f.source = 'reused' \
     WHERE f.outcome = 'unknown' AND own.attempt <> ?1 \
     UNION ALL SELECT f.run, f.row, f.step, 'reused' FROM lookups f INDEXED BY lookups_reused \
     WHERE f.attempt = ?1 AND f.source = 'reused' AND f.outcome = 'unknown')) AS d \
     WHERE lookups.run = d.run AND lookups.row = d.row AND lookups.step = d.step",
];

impl Ledger {
    /// The next answers after an attempt that could not be read and are answers to a run's questions, in the order in which they
    /// came; none at the end.
    pub async fn unread(&self, run: i64, after: i64, limit: u32) -> Result<Vec<UnreadAt>, LedgerError> {
        let query = sqlx::query_as(UNREAD).bind(run).bind(after).bind(limit);
        let rows: Vec<(i64, i64, u16)> = query.fetch_all(&self.readers).await.map_err(|e| self.failed(&e))?;
        let at = |(attempt, row, step)| UnreadAt { attempt, at: LookupId { row, step } };
        Ok(rows.into_iter().map(at).collect())
    }

    /// One of them with its bytes; `None` if these are damaged.
    pub async fn unread_lookup(
        &self,
        run: i64,
        unread: UnreadAt,
    ) -> Result<Option<UnreadLookup>, LedgerError> {
        let row = sqlx::query(
            "SELECT l.row, l.step, l.spent, l.lost, r.kind, r.content, l.run, a.transactionid, a.reserved, a.unpriced, \
             b.status, b.content_type, b.body, b.attempt FROM lookups l CROSS JOIN rows r ON r.run = l.run AND r.row = l.row \
             CROSS JOIN attempts a ON a.id = ?4 AND a.state = 'unread' \
             CROSS JOIN answers b ON b.attempt = a.id AND b.status IS NOT NULL \
             WHERE l.run = ?1 AND l.row = ?2 AND l.step = ?3",
        )
        .bind(run)
        .bind(unread.at.row)
        .bind(i64::from(unread.at.step))
        .bind(unread.attempt)
        .fetch_optional(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        row.map_or(Ok(None), |row| self.unread_of(&row))
    }

    fn unread_of(&self, row: &SqliteRow) -> Result<Option<UnreadLookup>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let came = || {
            Ok(ResponseHead { status: row.try_get("status")?, content_type: row.try_get("content_type")? })
        };
        let cell = Cell::Body(row.try_get("attempt").map_err(failed)?);
        let Ok(body) = self.keyring.unseal(cell, row.try_get("body").map_err(failed)?) else {
            return Ok(None);
        };
        Ok(Some(UnreadLookup {
            lookup: self.pending_of(row)?,
            transactionid: row.try_get("transactionid").map_err(failed)?,
            price: price(row).map_err(failed)?,
            came: came().map_err(failed)?,
            body,
        }))
    }

    /// Settles an answer that can be read now, for a run that is retried, and all lookups of any run that stand on it: its
    /// attempt's own gets what it costs and its letter.
    pub async fn read_again(&self, run: i64, read: &ReadAgain) -> Result<(), LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let own = sqlx::query_scalar("SELECT run FROM attempts WHERE id = ?").bind(read.attempt);
        let key = self.data_key(own.fetch_one(&self.readers).await.map_err(failed)?).await?;
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let cost = ore(read.cost.unwrap_or_default());
        // Before the attempt forgets what it was counted at.
        for text in READ {
            sqlx::query(text)
                .bind(read.attempt)
                .bind(cost)
                .bind(read.letter == Some(true))
                .bind(read.outcome.as_str())
                .bind(run)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        sqlx::query(
            "UPDATE attempts SET state = 'answered', cost = iif(resolved IS NULL, ?2, cost), \
             unpriced = iif(resolved IS NULL, ?8, unpriced), outcome = ?3, code = ?4, text = ?5, log_id = ?6, letter = ?7 \
             WHERE id = ?1 AND state = 'unread'",
        )
        .bind(read.attempt)
        .bind(cost)
        .bind(read.outcome.as_str())
        .bind(read.code.as_deref())
        .bind(read.text.as_deref().map(|text| key.seal(Cell::AttemptText(read.attempt), text.as_bytes())))
        .bind(read.log_id.as_deref())
        .bind(read.letter)
        .bind(read.cost.is_none())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        sqlx::query("UPDATE answers SET body = ?2, status = NULL, content_type = NULL WHERE attempt = ?1")
            .bind(read.attempt)
            .bind(key.seal(Cell::Body(read.attempt), &read.body))
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let named: Vec<_> =
            persons_in(&read.body).iter().map(|ten| (self.named_digest(ten), read.attempt)).collect();
        self.insert_named(&mut transaction, &named).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }
}

fn price(row: &SqliteRow) -> sqlx::Result<Option<Ore>> {
    let reserved = Ore::new(cells::count(row, "reserved")?);
    Ok((!row.try_get::<bool, _>("unpriced")?).then_some(reserved))
}

#[cfg(test)]
mod tests {
    use super::super::tests::run_of;
    use super::*;

    /// Of a million lookups a handful is unread: nothing is walked to find it.
    #[tokio::test]
    async fn what_is_unread_is_found_by_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, _) = run_of(folder.path(), 1).await;
        for text in [UNREAD, READ[0], READ[1]] {
            let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
            for step in plan.fetch_all(&ledger.readers).await.unwrap() {
                let detail: String = step.get("detail");
                let table = detail.split(' ').nth(1).unwrap_or_default();
                let walks =
                    detail.starts_with("SCAN") && ["a", "b", "l", "o", "h", "f", "lookups"].contains(&table);
                let walks = walks && !detail.ends_with("INDEX attempts_unread");
                assert!(!walks && !detail.ends_with("PRIMARY KEY (run=?)"), "{detail}\nin {text}");
            }
        }
    }
}
