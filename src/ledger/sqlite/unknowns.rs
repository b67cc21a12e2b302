//! Lost answers of a run, one by one.

use super::cells;
use crate::domain::money::Ore;
use crate::ledger::{Ledger, LedgerError, UnknownLookup};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

impl Ledger {
    /// The lookups of a run whose answers are lost, at most `limit` of them.
    pub async fn unknowns(&self, run: i64, limit: i64) -> Result<Vec<UnknownLookup>, LedgerError> {
        let rows = sqlx::query(
            "SELECT r.line, l.step, a.transactionid, a.code, l.state = 'settled' AS billed, a.state IS 'unread' AS unread, \
             iif(l.state = 'settled' OR a.state IS 'unread', l.cost, l.cost_unknown) AS cost, a.started_at, \
             a.letter_making, a.unpriced, iif(l.source = 'reused', u.run, NULL) AS whose, o.line AS whose_line FROM lookups l \
             CROSS JOIN rows r ON r.run = l.run AND r.row = l.row LEFT JOIN attempts a ON a.id = l.attempt \
             LEFT JOIN runs u ON u.id = a.run LEFT JOIN rows o ON o.run = a.run AND o.row = a.row \
             WHERE l.run = ? AND l.outcome = 'unknown' ORDER BY l.row, l.step LIMIT ?",
        )
        .bind(run)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        let unknown = |row: &SqliteRow| {
            let whose: Option<String> = row.try_get("whose")?;
            let own = whose.is_none();
            let follows = whose.map(|run| cells::count(row, "whose_line").map(|line| (run, line)));
            let unpriced = own && row.try_get::<Option<bool>, _>("unpriced")?.unwrap_or(false);
            Ok(UnknownLookup {
                line: cells::count(row, "line")?,
                step: row.try_get("step")?,
                transactionid: row.try_get("transactionid")?,
                code: row.try_get("code")?,
                follows: follows.transpose()?,
                cost: (!unpriced).then(|| cells::count(row, "cost").map(Ore::new)).transpose()?,
                billed: row.try_get("billed")?,
                unread: row.try_get("unread")?,
                sent_at: row.try_get("started_at")?,
                letter_making: own && row.try_get::<Option<bool>, _>("letter_making")?.unwrap_or(false),
            })
        };
        rows.iter().map(unknown).collect::<sqlx::Result<_>>().map_err(|e| self.failed(&e))
    }
}
