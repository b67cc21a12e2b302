//! What is held about one subject, for a right of access.

use super::cells;
use crate::domain::identity::Identity;
use crate::domain::json::Json;
use crate::domain::money::Ore;
use crate::domain::number::Subject;
use crate::ledger::{Answers, Cell, HeldAttempt, HeldNamed, HeldRow, Ledger, LedgerError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

impl Ledger {
    /// All that is held of a row, whose attempts are known.
    pub async fn held(
        &self,
        (run, row): (i64, i64),
        attempts: &[i64],
    ) -> Result<Option<HeldRow>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut records = self.records(run, Answers::Own).await?;
        let Some(record) = records.row(row).await? else { return Ok(None) };
        let Some(of) = self.run(run).await? else { return Ok(None) };
        let list = serde_json::to_string(attempts).unwrap_or_default();
        let attempts = sqlx::query(
            "SELECT a.id, a.step, s.account || '.' || s.service AS service, a.state, a.outcome, a.code, \
             coalesce(a.cost, a.reserved) AS cost, a.unpriced, p.digest, p.purpose, p.cost_centre, a.started_at, a.settled_at, \
             a.transactionid, a.log_id, a.letter, b.body FROM attempts a CROSS JOIN services s ON s.id = a.service \
             CROSS JOIN purposes p ON p.id = a.purpose LEFT JOIN answers b ON b.attempt = a.id AND a.state <> 'answered' \
             WHERE a.id IN (SELECT value FROM json_each(?)) ORDER BY a.id",
        );
        let attempts = attempts.bind(list).fetch_all(&self.readers).await.map_err(failed)?;
        let attempts = attempts.iter().map(|row| self.held_attempt(row)).collect::<sqlx::Result<_>>();
        let outputs = self.outputs(run).await?.into_iter().map(|file| file.path).collect();
        Ok(Some(HeldRow { run: of, record, attempts: attempts.map_err(failed)?, outputs }))
    }

    /// What is said about somebody in an answer about somebody else, by its attempt.
    pub async fn named_in(&self, attempt: i64, ten_of: &Subject) -> Result<Option<HeldNamed>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let row = sqlx::query(
            "SELECT a.run, s.account || '.' || s.service, a.transactionid, a.started_at, b.body FROM attempts a \
             CROSS JOIN services s ON s.id = a.service CROSS JOIN answers b ON b.attempt = a.id WHERE a.id = ?",
        );
        let row = row.bind(attempt).fetch_optional(&self.readers).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let Some(run) = self.run(row.try_get(0).map_err(failed)?).await? else { return Ok(None) };
        let body = self.keyring().unseal(Cell::Body(attempt), row.try_get(4).map_err(failed)?).ok();
        let json = body.and_then(|body| Json::of_bytes(&body));
        let ten = <[u8; 10]>::try_from(ten_of.sent10().as_bytes()).unwrap_or_default();
        Ok(Some(HeldNamed {
            run,
            service: row.try_get(1).map_err(failed)?,
            transactionid: row.try_get(2).map_err(failed)?,
            sent_at: row.try_get(3).map_err(failed)?,
            about: json.map(|json| json.about(&ten)).unwrap_or_default(),
        }))
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
