//! What is held about one subject, for a right of access.

use super::cells;
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::domain::number::Subject;
use crate::ledger::{Answers, Cell, HeldAttempt, HeldRow, Ledger, LedgerError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Centuries in which somebody may be born who has a number.
const CENTURIES: [&str; 3] = ["18", "19", "20"];

impl Ledger {
    /// The rows about a number in any run, oldest first, by their run and position, whichever way it was written there.
    pub async fn rows_about(&self, subject: &Subject) -> Result<Vec<(i64, i64)>, LedgerError> {
        let ten = subject.sent10();
        let forms = CENTURIES.map(|century| format!("{century}{ten}"));
        let digests =
            forms.iter().map(String::as_str).chain([ten.as_str()]).map(|form| self.digest_of_digits(form));
        let digests: Vec<Identity> = digests.collect();
        // No index: it would cost every row of every run, and a million are walked in less than a second.
        let query =
            sqlx::query_as("SELECT run, row FROM rows WHERE digest IN (?, ?, ?, ?) ORDER BY run, row");
        let query = digests.into_iter().fold(query, |query, digest| query.bind(digest.0.to_vec()));
        query.fetch_all(&self.readers).await.map_err(|e| self.failed(&e))
    }

    /// All that is held of a row.
    pub async fn held(&self, run: i64, row: i64) -> Result<Option<HeldRow>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut records = self.records(run, Answers::Own).await?;
        let Some(record) = records.row(row).await? else { return Ok(None) };
        let Some(of) = self.select("WHERE ?1 = '' AND id = ?2", "", Some(run)).await?.pop() else {
            return Ok(None);
        };
        let attempts = sqlx::query(
            "SELECT a.id, a.step, s.account || '.' || s.service AS service, a.state, a.outcome, a.code, \
             coalesce(a.cost, a.reserved) AS cost, a.unpriced, p.digest, p.purpose, p.cost_centre, a.started_at, a.settled_at, \
             a.transactionid, a.log_id, a.letter, b.body FROM attempts a CROSS JOIN services s ON s.id = a.service \
             CROSS JOIN purposes p ON p.id = a.purpose LEFT JOIN answers b ON b.attempt = a.id AND a.state <> 'answered' \
             WHERE a.run = ? AND a.row = ? ORDER BY a.id",
        );
        let attempts = attempts.bind(run).bind(row).fetch_all(&self.readers).await.map_err(failed)?;
        let attempts = attempts.iter().map(|row| self.held_attempt(row)).collect::<sqlx::Result<_>>();
        let outputs = self.outputs(run).await?.into_iter().map(|file| file.path).collect();
        Ok(Some(HeldRow { run: of, record, attempts: attempts.map_err(failed)?, outputs }))
    }

    fn held_attempt(&self, row: &SqliteRow) -> sqlx::Result<HeldAttempt> {
        let digest = <[u8; 16]>::try_from(row.try_get::<&[u8], _>("digest")?).unwrap_or_default();
        let kept = row.try_get::<Option<&[u8]>, _>("body")?;
        let cell = Cell::Body(row.try_get("id")?);
        let unpriced: bool = row.try_get("unpriced")?;
        Ok(HeldAttempt {
            step: row.try_get::<u16, _>("step")?.into(),
            service: row.try_get("service")?,
            state: row.try_get("state")?,
            outcome: cells::outcome(row, "outcome")?,
            code: row.try_get("code")?,
            cost: (!unpriced).then(|| cells::count(row, "cost").map(Ore::new)).transpose()?,
            purpose: self.text(Cell::Purpose(Identity(digest)), row, "purpose").ok().flatten(),
            cost_centre: row.try_get("cost_centre")?,
            sent_at: row.try_get("started_at")?,
            ended_at: row.try_get("settled_at")?,
            transactionid: row.try_get("transactionid")?,
            log_id: row.try_get("log_id")?,
            letter: row.try_get("letter")?,
            kept: kept.and_then(|sealed| self.keyring().unseal(cell, sealed).ok()),
        })
    }
}
