//! Output files: which run has which, and what was found for their columns.

use crate::domain::record::WrittenKind;
use crate::ledger::{Ledger, LedgerError, OutputFile};
use crate::time::now_ms;
use sqlx::Row;

impl Ledger {
    /// Where a run's file of this base is, if it has one.
    pub async fn output_path(&self, run: i64, base: &str) -> Result<Option<String>, LedgerError> {
        sqlx::query_scalar("SELECT path FROM outputs WHERE run = ? AND base = ?")
            .bind(run)
            .bind(base)
            .fetch_optional(&self.readers)
            .await
            .map_err(|e| self.failed(&e))
    }

    /// The newest other run that has a path, and whether it has written there.
    pub async fn output_holder(&self, run: i64, path: &str) -> Result<Option<(i64, bool)>, LedgerError> {
        let row = sqlx::query(
            "SELECT run, written_at IS NOT NULL AS written FROM outputs WHERE path = ? AND run <> ? \
             ORDER BY written DESC, run DESC LIMIT 1",
        )
        .bind(path)
        .bind(run)
        .fetch_optional(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        Ok(row.map(|row| (row.get("run"), row.get("written"))))
    }

    /// Whether a run over all of its rows has written to a path.
    pub async fn holds_a_whole_run(&self, run: i64, path: &str) -> Result<bool, LedgerError> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM outputs o CROSS JOIN runs r ON r.id = o.run AND r.limit_rows IS NULL \
             WHERE o.path = ?1 AND o.run <> ?2 AND o.written_at IS NOT NULL)",
        )
        .bind(path)
        .bind(run)
        .fetch_one(&self.readers)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// Gives a run a path for its file of this base. Where it is to be the run's `alone`, not one that another run has:
    /// false then, and nothing is noted.
    pub async fn take_output(
        &self,
        run: i64,
        base: &str,
        path: &str,
        alone: bool,
    ) -> Result<bool, LedgerError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let done = sqlx::query(
            "INSERT INTO outputs (run, base, path) SELECT ?1, ?2, ?3 \
             WHERE NOT (?4 AND EXISTS (SELECT 1 FROM outputs WHERE path = ?3 AND run <> ?1)) \
             ON CONFLICT (run, base) DO UPDATE SET path = excluded.path",
        )
        .bind(run)
        .bind(base)
        .bind(path)
        .bind(alone)
        .execute(&mut *transaction)
        .await
        .map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes the files that a run has written.
    pub async fn note_outputs(&self, run: i64, files: &[OutputFile]) -> Result<(), LedgerError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        for file in files {
            sqlx::query(
                "INSERT INTO outputs (run, base, path, place, kind, rows, columns, written_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (run, base) DO UPDATE SET path = excluded.path, place = excluded.place, kind = excluded.kind, \
                 rows = excluded.rows, columns = excluded.columns, written_at = excluded.written_at",
            )
            .bind(run)
            .bind(&file.base)
            .bind(&file.path)
            .bind(file.place)
            .bind(file.kind.as_str())
            .bind(i64::try_from(file.rows).unwrap_or(i64::MAX))
            .bind(serde_json::to_string(&file.columns).unwrap_or_else(|_| "[]".to_owned()))
            .bind(now_ms())
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.failed(&e))?;
        }
        transaction.commit().await.map_err(|e| self.failed(&e))
    }

    /// The files that a run has written, in the order of its job.
    pub async fn outputs(&self, run: i64) -> Result<Vec<OutputFile>, LedgerError> {
        let rows = sqlx::query(
            "SELECT base, path, place, kind, rows, columns FROM outputs WHERE run = ? AND kind IS NOT NULL \
             ORDER BY place, base",
        )
        .bind(run)
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        let file = |row: &sqlx::sqlite::SqliteRow| {
            Ok(OutputFile {
                base: row.get("base"),
                path: row.get("path"),
                place: row.get("place"),
                kind: WrittenKind::parse(row.get("kind")).ok_or_else(|| self.damaged())?,
                rows: row.get::<i64, _>("rows").unsigned_abs(),
                columns: serde_json::from_str(row.get("columns")).map_err(|_| self.damaged())?,
            })
        };
        rows.iter().map(file).collect()
    }
}
