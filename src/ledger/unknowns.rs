//! Lost answers of a run, one by one.

use super::cells;
use super::{Ledger, LedgerError};
use crate::domain::money::Ore;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A lookup whose answer was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLookup {
    /// Physical line in the input.
    pub line: u64,
    /// Position in the job.
    pub step: u16,
    /// Our reference on the wire.
    pub transactionid: Option<String>,
    /// What went wrong.
    pub code: Option<String>,
    /// Of a lookup that sent nothing and stands on another one's call: that one's run and physical line. The reference and the
    /// code are that call's, the money is not.
    pub follows: Option<(String, u64)>,
    /// What it may have cost; nothing where it had no price when it was sent.
    pub cost: Option<Ore>,
    /// Whether the provider has billed it, as `resolve` was told.
    pub billed: bool,
    /// Whether its answer is there and cannot be read, so that its cost is certain.
    pub unread: bool,
    /// When it was sent, in milliseconds since 1970.
    pub sent_at: Option<i64>,
    /// Whether it may have posted a letter.
    pub letter_making: bool,
}

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
