//! Answers that could not be read, and are now.

use super::cells;
use super::commit::ore;
use super::{Arrived, AttemptEnd, Ledger, LedgerError, Pending, Place, unpack};
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A lookup whose answer could not be read.
pub struct UnreadLookup {
    /// It, as it would be asked.
    pub lookup: Pending,
    /// The attempt that brought the answer, perhaps of another run.
    pub attempt: i64,
    /// Our reference on the wire.
    pub transactionid: String,
    /// What the call costs where it is billed; nothing where nobody has said.
    pub price: Option<Ore>,
    /// How the answer came.
    pub came: Arrived,
    /// Its bytes, as they arrived.
    pub body: Vec<u8>,
}

impl Ledger {
    /// The next lookups of a run after a place whose answers could not be read, in input order; none at the end. One whose
    /// bytes are damaged is passed over.
    pub async fn unread(&self, run: i64, after: Place, limit: u32) -> Result<Vec<UnreadLookup>, LedgerError> {
        let rows = sqlx::query(
            "SELECT l.row, l.step, l.spent, l.lost, r.subject, r.kind, r.columns, a.id, a.transactionid, a.reserved, a.unpriced, b.status, \
             b.content_type, b.body FROM lookups l CROSS JOIN rows r ON r.run = l.run AND r.row = l.row \
             CROSS JOIN attempts a ON a.id = l.attempt AND a.state = 'unread' \
             CROSS JOIN answers b ON b.attempt = a.id AND b.status IS NOT NULL \
             WHERE l.run = ?1 AND (l.row, l.step) > (?2, ?3) AND l.state = 'parked' ORDER BY l.row, l.step LIMIT ?4",
        )
        .bind(run)
        .bind(after.row)
        .bind(i64::from(after.step))
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        rows.iter().filter_map(|row| self.unread_of(row).transpose()).collect()
    }

    fn unread_of(&self, row: &SqliteRow) -> Result<Option<UnreadLookup>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let came =
            || Ok(Arrived { status: row.try_get("status")?, content_type: row.try_get("content_type")? });
        let Some(body) = unpack(row.try_get("body").map_err(failed)?) else { return Ok(None) };
        Ok(Some(UnreadLookup {
            lookup: self.pending_of(row)?,
            attempt: row.try_get("id").map_err(failed)?,
            transactionid: row.try_get("transactionid").map_err(failed)?,
            price: price(row).map_err(failed)?,
            came: came().map_err(failed)?,
            body,
        }))
    }

    /// Settles an answer that can be read now, and all lookups of any run that stand on it: its attempt's own gets what it
    /// costs and its letter.
    pub async fn read_again(&self, end: &AttemptEnd) -> Result<(), LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let outcome = end.outcome.map(Outcome::as_str);
        // Before the attempt forgets what it was counted at.
        sqlx::query(
            "UPDATE lookups SET cost = lookups.cost + ?2 - a.cost, lost = lost - 1, letters = letters + ?3 \
             FROM attempts a WHERE a.id = ?1 AND a.state = 'unread' \
             AND lookups.run = a.run AND lookups.row = a.row AND lookups.step = a.step",
        )
        .bind(end.id)
        .bind(ore(end.cost.unwrap_or_default()))
        .bind(end.letter == Some(true))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        for stands_on_it in [
            "UPDATE lookups SET state = 'settled', outcome = ?2 FROM attempts a WHERE a.id = ?1 \
             AND lookups.run = a.run AND lookups.row = a.row AND lookups.step = a.step \
             AND lookups.attempt = a.id AND lookups.state = 'parked'",
            "UPDATE lookups INDEXED BY lookups_reused SET state = 'settled', outcome = ?2 \
             WHERE run IN (SELECT id FROM runs) AND attempt = ?1 AND source = 'reused' AND state = 'parked'",
        ] {
            let query = sqlx::query(stands_on_it).bind(end.id).bind(outcome);
            query.execute(&mut *transaction).await.map_err(failed)?;
        }
        sqlx::query(
            "UPDATE attempts SET state = 'answered', cost = ?2, outcome = ?3, code = ?4, text = ?5, log_id = ?6, \
             letter = ?7, unpriced = ?8 WHERE id = ?1 AND state = 'unread'",
        )
        .bind(end.id)
        .bind(ore(end.cost.unwrap_or_default()))
        .bind(outcome)
        .bind(end.code.as_deref())
        .bind(end.text.as_deref())
        .bind(end.log_id.as_deref())
        .bind(end.letter)
        .bind(end.cost.is_none())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        sqlx::query("UPDATE answers SET body = ?2, status = NULL, content_type = NULL WHERE attempt = ?1")
            .bind(end.id)
            .bind(end.body.as_deref())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }
}

fn price(row: &SqliteRow) -> sqlx::Result<Option<Ore>> {
    let reserved = Ore::new(cells::count(row, "reserved")?);
    Ok((!row.try_get::<bool, _>("unpriced")?).then_some(reserved))
}
